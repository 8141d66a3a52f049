"""What the detector and the face finder say of a picture: slow beside making one, so only when asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from forensics.detectors.contract import Detector
from forensics.detectors.description import read_description
from forensics.detectors.finding import examine
from forensics.detectors.loading import load_on_device
from forensics.examiner.detection import load_finder
from forensics.faces.analyser import load_faces, pack_if_any
from forensics.faces.contract import FindsFaces
from forensics.images import decode_bytes


class Opinion:
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
        if detector != "default":
            read_description(Path(detector))
        if pack and pack_if_any(pack, root):
            load_faces(pack, root)
        self._pack = pack
        self._faces: FindsFaces | None = None
        self._detector: Detector | None = None

    def of(self, png: bytes, name: str) -> dict[str, Any]:
        """The finding of `forensics detect` for a PNG file, and `face_score` (0 where no face, None: nobody looked)."""
        if self._detector is None:
            self._detector = load_on_device(self._name, self._device)
            self._faces = load_finder(self._pack, self._root, self._detector)
        image = decode_bytes(png, name)
        finding = next(examine([image], self._detector, self._faces))
        scores = None if finding.faces is None else [face.score for face in finding.faces]
        return finding.to_json() | {"face_score": None if scores is None else max(scores, default=0.0)}
