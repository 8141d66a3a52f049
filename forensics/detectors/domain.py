"""What a detector was validated on. Whatever lies outside gets no verdict, and the reason why: that rule lives here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from forensics.detectors.checked import Json, names, number, record, whole
from forensics.images.jpeg_tables import jpeg_quality

if TYPE_CHECKING:
    from forensics.detectors.finding import FoundFace
    from forensics.images import DecodedImage

_PALETTES: Final = ("1", "P", "PA")


@dataclass(frozen=True)
class Domain:
    """What a detector was validated on; an image outside gets no verdict.

    The defaults are the range of the calibration views: faces of 256 px, resized by 0.5 to 1.25, JPEG from quality 50.
    WebP is not among those, but measured to cost no more than JPEG (`forensics benchmark --perturb webp80`).
    `min_face_share`: height of the face's box over the image's shorter side; 0.64 to 0.90 in the training faces.
    """

    min_side_px: int = 128
    formats: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
    min_jpeg_quality: int = 50
    min_face_share: float = 0.5
    needs_face: bool = True

    @classmethod
    def from_json(cls, value: object) -> Domain:
        """These defaults with what `value` states; fields it does not know are left. ValueError: no such values."""
        stated = record(value, "domain")
        default = cls()
        needs_face = stated.get("needs_face", default.needs_face)
        if not isinstance(needs_face, bool):
            raise ValueError("needs_face is neither true nor false")
        known: Json = {**vars(default), **stated}
        return cls(
            min_side_px=whole(known, "min_side_px", 1, 1 << 20),
            formats=names(known, "formats"),
            min_jpeg_quality=whole(known, "min_jpeg_quality", 0, 100),
            min_face_share=number(known, "min_face_share", 0.0, 10.0),
            needs_face=needs_face,
        )

    def to_json(self) -> dict[str, object]:
        """The fields that differ from the defaults, and always the smallest side and the lowest JPEG quality."""
        always = ("min_side_px", "min_jpeg_quality")
        default = vars(Domain())
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(self).items()
            if name in always or value != default[name]
        }

    def reasons_outside(self, image: DecodedImage) -> tuple[str, ...]:
        """Why the file of `image` lies outside, one sentence each; empty: inside. Of faces: `reasons_of_faces`."""
        reasons = []
        side = min(image.width, image.height)
        if side < self.min_side_px:
            reasons.append(f"too small: {side} px on its shorter side, validated from {self.min_side_px} px")
        if image.format not in self.formats:
            reasons.append(f"unseen format: {image.format}, validated on {', '.join(self.formats)}")
        if image.mode in _PALETTES:
            reasons.append(f"few colours: the file stores a palette (mode {image.mode}), not validated")
        quality = jpeg_quality(image.jpeg_tables) if image.jpeg_tables else None
        if quality is not None and quality < self.min_jpeg_quality:
            reasons.append(
                f"heavily compressed: JPEG quality about {quality}, validated from {self.min_jpeg_quality}"
            )
        return tuple(reasons)

    def reasons_of_faces(self, image: DecodedImage, faces: Sequence[FoundFace] | None) -> tuple[str, ...]:
        """Why its faces put an image outside: not looked for (None), none there, or none large enough."""
        if not self.needs_face:
            return ()
        if faces is None:
            return ("faces were not looked for: validated on faces only",)
        if not faces:
            return ("no face found: validated on faces only",)
        share = max(face.longer_side_px for face in faces) / min(image.width, image.height)
        if share < self.min_face_share:
            return (
                f"face too small in the picture: {share:.0%} of its shorter side, validated from "
                f"{self.min_face_share:.0%}; crop to the face",
            )
        return ()
