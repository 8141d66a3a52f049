"""`forensics.detect`: findings of files, folders, arrays, bytes and PIL images, as a function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from forensics.detectors.contract import Detector
from forensics.detectors.finding import Finding, examine_each
from forensics.detectors.loading import DEFAULT, load_on_device, weaker_here
from forensics.examiner.cells import finding_row, picture_uri, table
from forensics.examiner.photographs import Photograph, decoded

if TYPE_CHECKING:
    from forensics.faces.contract import FindsFaces
    from forensics.images import DecodedImage

NO_PACK: Final = "none"
PICTURES_KEPT: Final = 100  # of a list of findings, for notebooks


@dataclass(frozen=True)
class Examiner:
    """A detector on its device, and what finds the faces; None: nobody looks, and there is no verdict.

    `warnings` go into every finding.
    """

    detector: Detector
    faces: FindsFaces | None
    warnings: tuple[str, ...] = ()

    def examine(self, images: Iterable[DecodedImage]) -> Iterator[tuple[DecodedImage, Finding]]:
        """Each image with its finding, in order."""
        return examine_each(images, self.detector, self.faces, warnings=self.warnings)


class Findings(list[Finding]):
    """Findings in the order of what was given: a list that a notebook shows as a table.

    `pictures`: small data: URIs of the first photographs, for that table alone.
    """

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        super().__init__(findings)
        self.pictures: list[str] = []

    def _repr_html_(self) -> str:
        shown = self[:PICTURES_KEPT]
        pictures = [*self.pictures, *[""] * len(shown)]
        rows = [finding_row(finding, picture) for finding, picture in zip(shown, pictures, strict=False)]
        heads = ("photograph", "file", "verdict", "log10 LR", "reasons and warnings")
        left = len(self) - len(shown)
        return table(heads, rows) + (f"<p>and {left} more</p>" if left else "")


def load_examiner(
    detector: str | Path = "default",
    *,
    device: str = "auto",
    pack: str | None = None,
    pack_root: str | Path | None = None,
    faces: bool = True,
) -> Examiner:
    """The detector of that name or folder, with the InsightFace pack where there is one, else the finder that ships.

    `pack`: a pack's name or folder; `none`: the finder that ships. `faces` False: nobody looks for faces.
    Raises DetectorError, FacePackError (a pack that was named and cannot be used) or ForensicsError (the device).
    """
    loaded = load_on_device(str(detector), device)
    finder = load_finder(pack, pack_root, loaded) if faces else None
    weaker = weaker_here() if str(detector) == DEFAULT else ""
    return Examiner(loaded, finder, (weaker,) if weaker else ())


def load_finder(pack: str | None, pack_root: str | Path | None, detector: Detector) -> FindsFaces:
    """What finds the faces; a detector that looks at faces by itself is given the same pack.

    Raises FacePackError where a pack was named and cannot be used.
    """
    from forensics.faces.analyser import load_faces, pack_if_any
    from forensics.faces.finder import load_face_finder

    if pack_if_any(pack, pack_root) is None:
        return load_face_finder()
    analyser = load_faces(pack, pack_root)
    detector.use_faces(analyser)
    return analyser


def detect(
    *photographs: Photograph | Iterable[Photograph],
    detector: str | Path = "default",
    pack: str | None = None,
    pack_root: str | Path | None = None,
    device: str = "auto",
) -> Findings:
    """What the detector says of each photograph: verdict, log10 LR, and the reasons where there is no verdict.

    A photograph is a path to a file or a folder (searched, with its folders), the bytes of an image file, an array
    uint8 [H, W, 3] RGB or [H, W] grey, or a PIL image; lists and generators of these may be given as well, and are
    read as they come. Findings come in the order of what was given, those of a folder by name, one an image.
    `pack`: an InsightFace pack to find faces with; without it, the usual one where it is installed, else the finder
    that ships.

    Raises ForensicsError, which names the file, where one cannot be read.
    """
    examiner = load_examiner(detector, device=device, pack=pack, pack_root=pack_root)
    findings = Findings()
    for image, finding in examiner.examine(decoded(photographs)):
        findings.append(finding)
        if len(findings) <= PICTURES_KEPT:
            findings.pictures.append(picture_uri(image))
    return findings
