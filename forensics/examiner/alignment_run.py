"""`forensics align` as one function: the best face of each photograph, laid as FFHQ's are, and the way back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from forensics.core.errors import ForensicsError
from forensics.core.evidence import recorded, write_evidence
from forensics.core.files import write_bytes, write_json
from forensics.core.outputs import hold_folder
from forensics.core.terminal import note, printable, progress
from forensics.core.untrusted import read_json
from forensics.faces.alignment import Alignment, aligned, centre_alignment, ffhq_alignment
from forensics.faces.contract import FindsFaces, best_face
from forensics.images import DecodedImage, ImageFailure, decode_many, encode_png, find_images

CROPS: Final = ("ffhq", "centre", "none")
RECORD: Final = "alignments.json"


@dataclass(frozen=True)
class AlignedPhotograph:
    """One photograph: its file in the folder, and where the square lay.

    `centre_shift`, `corner_shift`: how far the square's centre, and the farthest of its corners, lie from those of the
    photograph's middle square; shares of that square's side.
    """

    path: str
    sha256: str
    file: str
    alignment: Alignment
    centre_shift: float
    corner_shift: float


@dataclass(frozen=True)
class AlignmentRun:
    """All of them, and the files that gave none."""

    out: Path
    photographs: tuple[AlignedPhotograph, ...]
    failures: tuple[ImageFailure, ...]

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        rows = [{**vars(one), "alignment": one.alignment.to_json()} for one in self.photographs]
        failures = [asdict(failure) for failure in self.failures]
        return {"out": str(self.out), "images": rows, "failures": failures}


@recorded
def align_photographs(paths: Sequence[Path], out: Path, size: int = 256, crop: str = "ffhq") -> AlignmentRun:
    """Align the photographs; `crop`: ffhq (by eyes and mouth), centre (the middle square), none (squeezed to a square).

    Each PNG has beside it a JSON with the way back. ForensicsError: no such crop, or a folder of other alignments.
    """
    from forensics.faces.finder import load_face_finder

    if crop not in CROPS:
        raise ForensicsError(f"no crop is called {crop!r}: choose one of {', '.join(CROPS)}")
    finder = load_face_finder() if crop == "ffhq" else None
    found = find_images(paths)
    failures = [*found.failures, *found.passed_over]
    done: list[AlignedPhotograph] = []
    with hold_folder(out), progress("photographs", len(found.paths)) as meter:
        _take_folder(out, {"size": size, "crop": crop})
        for image in decode_many(found.paths):
            one = image if isinstance(image, ImageFailure) else _one(image, out, (size, crop), finder)
            (failures if isinstance(one, ImageFailure) else done).append(one)  # type: ignore[arg-type]
            meter.advance()
    for failure in failures:
        note(failure.message)
    write_evidence(out, {one.path: one.sha256 for one in done}, {}, {"size": size, "crop": crop})
    return AlignmentRun(out, tuple(done), tuple(failures))


def _take_folder(out: Path, record: dict[str, object]) -> None:
    path = out / RECORD
    if not path.exists():
        write_json(path, record)
    elif read_json(path) != record:
        raise ForensicsError(
            f"{printable(out)}: holds photographs aligned with other numbers; name another folder"
        )


def _one(
    image: DecodedImage, out: Path, how: tuple[int, str], finder: FindsFaces | None
) -> AlignedPhotograph | ImageFailure:
    """One photograph's square and its way back, written; a failure where it shows no face."""
    size, crop = how
    middle = centre_alignment(image.width, image.height)
    square = middle
    if crop == "none":
        matrix = np.array([[image.width, 0, 0], [0, image.height, 0]], np.float64)
        square = Alignment(matrix, image.width, image.height)
    if finder is not None:
        face = best_face(finder.find(image.pixels))
        if face is None:
            return ImageFailure(image.path, f"{printable(image.path)}: no face found, so it is not aligned")
        square = ffhq_alignment(face.landmarks, image.width, image.height)
    stem = f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', Path(image.path).stem)[:80]}-{image.sha256[:12]}"
    write_bytes(out / f"{stem}.png", encode_png(aligned(image.pixels, square, size)))
    shifts = np.hypot(*(square.corners - middle.corners).T) / middle.side
    centre = np.hypot(*(square.corners - middle.corners).mean(axis=0)) / middle.side
    one = AlignedPhotograph(
        image.path, image.sha256, f"{stem}.png", square, float(centre), float(shifts.max())
    )
    write_json(out / f"{stem}.json", {**vars(one), "alignment": square.to_json()})
    return one
