"""A table of faces: one row an image, written as the images come in, so that a killed run goes on where it was."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from forensics.core.errors import FacePackError
from forensics.core.evidence import evidence, recorded
from forensics.core.files import sha256_file
from forensics.core.outputs import hold_file
from forensics.core.untrusted import MAX_TABLE_BYTES, read_untrusted
from forensics.faces.analyser import Face, FaceAnalyser
from forensics.faces.contract import best_face
from forensics.images import DecodedImage, ImageFailure, decode_many

_POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
COLUMNS: Final = (
    "path",
    "sha256",
    "width",
    "height",
    "faces",
    "score",
    *("x0", "y0", "x1", "y1"),
    *(f"{point}_{axis}" for point in _POINTS for axis in "xy"),
    "embedding",
    "pack",
)


@dataclass
class FaceTable:
    """What a run did: rows in the table, rows that were there before it, images without a face, and failures."""

    rows: int = 0
    reused: int = 0
    without_face: int = 0
    failures: list[ImageFailure] = field(default_factory=list)


@recorded
def write_face_table(
    paths: Iterable[Path],
    out: Path,
    analyser: FaceAnalyser,
    *,
    advance: Callable[[int], None] = lambda n: None,
) -> FaceTable:
    """Write `out`, a CSV with `COLUMNS`: the best face of every image of `paths` that can be decoded, in their order.

    Score 0.00 and empty cells where there is no face. Rows go to `<out>.part` first, one write each; a later run
    with the same pack takes them (and those of a finished `out`) over where path and SHA-256 still agree.
    """
    with hold_file(out):
        return _write(paths, out, analyser, advance)


def _write(
    paths: Iterable[Path], out: Path, analyser: FaceAnalyser, advance: Callable[[int], None]
) -> FaceTable:
    part = out.with_name(out.name + ".part")
    known = _known_rows([out, part], analyser.pack)
    table = FaceTable()
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = part.with_name(part.name + ".new")
    with fresh.open("w", newline="", encoding="utf-8") as stream:
        stream.write(_line(COLUMNS))
        for row in known.values():  # so that a kill of this run loses nothing of the last one
            stream.write(_line([row[name] for name in COLUMNS]))
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(part)
    rows = list(_rows(paths, known, part, analyser, table, advance))
    with fresh.open("w", newline="", encoding="utf-8") as stream:
        stream.write(_line(COLUMNS) + "".join(_line([row[name] for name in COLUMNS]) for row in rows))
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(out)
    part.unlink(missing_ok=True)
    inputs = {f"face pack {name}": sha256 for name, sha256 in analyser.weights_sha256().items()}
    evidence(inputs | {"table": sha256_file(out)}).write_beside(out)  # the table has the hash of every image
    return table


def _rows(
    paths: Iterable[Path],
    known: dict[tuple[str, str], dict[str, str]],
    part: Path,
    analyser: FaceAnalyser,
    table: FaceTable,
    advance: Callable[[int], None],
) -> Iterator[dict[str, str]]:
    with part.open("a", newline="", encoding="utf-8") as journal:
        for image in decode_many(paths):
            advance(1)
            if isinstance(image, ImageFailure):
                table.failures.append(image)
                continue
            row = known.get((_text(image.path), image.sha256))
            if row is None:
                row = _row(image, analyser.analyse(image.pixels), analyser.pack)
                journal.write(_line([row[name] for name in COLUMNS]))
                journal.flush()
            else:
                table.reused += 1
            table.rows += 1
            table.without_face += row["faces"] == "0"
            yield row


def _row(image: DecodedImage, faces: list[Face], pack: str) -> dict[str, str]:
    row: dict[str, object] = dict.fromkeys(COLUMNS, "")
    row.update(path=_text(image.path), sha256=image.sha256, width=image.width, height=image.height)
    row.update(faces=len(faces), score="0.00", pack=pack)
    best = best_face(faces)
    if best is not None:
        row["score"] = f"{best.score:.4f}"
        row.update(zip(("x0", "y0", "x1", "y1"), (f"{value:.2f}" for value in best.box), strict=True))
        for name, point in zip(_POINTS, best.landmarks, strict=True):
            row[f"{name}_x"], row[f"{name}_y"] = (f"{value:.2f}" for value in point)
        row["embedding"] = " ".join(f"{value:.6g}" for value in best.embedding)
    return {name: str(value) for name, value in row.items()}


def _text(path: str) -> str:
    """A path that UTF-8 cannot hold is written with its odd bytes escaped."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _line(values: Iterable[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()


def _known_rows(tables: list[Path], pack: str) -> dict[tuple[str, str], dict[str, str]]:
    """Whole rows of earlier tables by (path, sha256). Raises FacePackError where a file is not such a table."""
    known: dict[tuple[str, str], dict[str, str]] = {}
    for path in tables:
        if not path.exists():
            continue
        try:
            text = read_untrusted(path, MAX_TABLE_BYTES, FacePackError).data.decode("utf-8", "replace")
            reader = csv.DictReader(io.StringIO(text, newline=""))
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise FacePackError(f"{path}: exists and is not a table of faces; choose another --out")
            for row in reader:
                # A row cut short by a kill lacks its last column, which is never empty.
                if row["pack"] == pack and None not in row:
                    known[row["path"], row["sha256"]] = row
        except csv.Error as error:
            raise FacePackError(f"{path}: cannot be read as a table of faces ({error})") from error
    return known
