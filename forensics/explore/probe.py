"""What the detector and the face finder measure on a picture: slow beside making one, so only when asked.

The picture comes from a generator, and the page knows it. The score is shown for what it is, the detector's; there is
no verdict, as a picture that was just generated is not authentic, whatever a detector would say.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from forensics.detectors.contract import Detector
from forensics.detectors.description import read_description
from forensics.detectors.finding import examine
from forensics.detectors.loading import detector_folder, load_on_device
from forensics.examiner.detection import load_finder
from forensics.faces.analyser import load_faces, pack_if_any
from forensics.faces.contract import FindsFaces
from forensics.images import decode_bytes


@dataclass(frozen=True)
class PictureScores:
    """Scores of a generated picture.

    `log10_lr`: higher = more likely synthetic; from `synthetic_at` on the detector would call a file of unknown origin
    synthetic. `face_score`: of the best face, in [0, 1], 0 where there is none, None where nobody looked.
    `reasons`: why the detector's number means little here.
    """

    log10_lr: float
    synthetic_at: float
    polarity: str
    detector: str
    face_score: float | None
    face_finder: str | None
    reasons: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Plain values under the names of the fields."""
        return asdict(self)


class PictureProbe:
    """Asks the detector of that name, and a face pack or the finder that ships.

    Both are loaded when first asked, but a detector or `pack` that is named must be there: DetectorError or
    FacePackError at once. Without a name, the environment's or the usual pack is used, else the finder that ships.
    """

    def __init__(
        self,
        detector: str = "default",
        pack: str | None = None,
        root: str | None = None,
        device: str = "auto",
    ) -> None:
        self._name, self._root, self._device = detector, root, device
        read_description(detector_folder(detector))
        if pack and pack_if_any(pack, root):
            load_faces(pack, root)
        self._pack = pack
        self._faces: FindsFaces | None = None
        self._detector: Detector | None = None

    def scores(self, png: bytes) -> PictureScores:
        """The scores of a picture, a PNG file, as `forensics detect` would give them."""
        if self._detector is None:
            self._detector = load_on_device(self._name, self._device)
            self._faces = load_finder(self._pack, self._root, self._detector)
        finding = next(examine([decode_bytes(png, "picture.png")], self._detector, self._faces))
        faces = None if finding.faces is None else [face.score for face in finding.faces]
        return PictureScores(
            finding.log10_lr,
            self._detector.thresholds.synthetic_at,
            finding.polarity,
            self._detector.id,
            None if faces is None else max(faces, default=0.0),
            finding.face_finder,
            (*finding.reasons, *finding.warnings),
        )
