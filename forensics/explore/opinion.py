"""What the detector and the face finder say of a picture: slow beside making one, so only when asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from forensics.core.errors import FacePackError
from forensics.detectors.contract import Detector, load_on_device, read_description
from forensics.detectors.finding import examine
from forensics.faces.analyser import FaceAnalyser, load_faces
from forensics.images import decode_bytes


class Opinion:
    """Asks the detector of that name and, where there is a pack, the face finder.

    Both are loaded when first asked, but a detector or `pack` that is named must be there: DetectorError or
    FacePackError at once. Without a name, the environment's or the usual pack is used where it is found.
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
        self._faces: FaceAnalyser | None = load_faces(pack, root) if pack else None
        self._detector: Detector | None = None
        self._warnings: tuple[str, ...] = ()

    def of(self, png: bytes, name: str) -> dict[str, Any]:
        """The finding of `forensics detect` for a PNG file, and `face_score` (0 where no face, None: nobody looked)."""
        if self._detector is None:
            self._detector = load_on_device(self._name, self._device)
            self._find_faces()
        image = decode_bytes(png, name)
        finding = next(examine([image], self._detector, self._faces, warnings=self._warnings))
        scores = None if finding.faces is None else [face.score for face in finding.faces]
        return finding.to_json() | {"face_score": None if scores is None else max(scores, default=0.0)}

    def _find_faces(self) -> None:
        if self._faces is not None:
            return
        try:
            self._faces = load_faces(None, self._root)
        except FacePackError as error:
            self._warnings = (f"faces were not looked for: {error}",)
