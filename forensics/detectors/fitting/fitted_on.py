"""Which images a detector was fitted on: `fitted_on.csv` beside it, that a benchmark can hold its images against.

One line an image: `pool` (train or calibrate), `group` (where the split had groups), `label`, `source`, `sha256` of the
file, `phash` and `origins` (see `forensics.corpus.likeness`). No name, no pixel.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from forensics.core.errors import DetectorError
from forensics.core.files import write_text
from forensics.core.terminal import printable
from forensics.core.untrusted import MAX_TABLE_BYTES, read_untrusted
from forensics.corpus.pools.pool import Pool
from forensics.detectors.card import DetectorCard
from forensics.detectors.description import read_description

FILE: Final = "fitted_on.csv"
_COLUMNS: Final = ("pool", "group", "label", "source", "sha256", "phash", "origins")


@dataclass(frozen=True)
class FittedImage:
    """One image that a detector was fitted on."""

    pool: str
    group: str
    label: int
    source: str
    sha256: str
    phash: str
    origins: tuple[str, ...]


def write_fitted_on(folder: Path, training: Pool, held: Pool) -> Path:
    """Write the list into a detector's folder: what it was trained on, and what it was calibrated on."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(_COLUMNS)
    for pool in (training, held):
        name = "train" if pool is training else "calibrate"
        for i, sha256 in enumerate(pool.sha256):
            place = pool.places[i] if pool.places else (name, "")
            phash = pool.phash[i] if pool.phash else ""
            made_from = " ".join(pool.origins[i]) if pool.origins else ""
            first = (place[0], place[1], int(pool.labels[i]), printable(pool.sources[i]))
            table.writerow((*first, sha256, phash, made_from))
    write_text(folder / FILE, buffer.getvalue())
    return folder / FILE


def read_fitted_on(folder: Path) -> list[FittedImage] | None:
    """The list of a detector's folder, or None where it has none. DetectorError where it is damaged."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        text = read_untrusted(path, MAX_TABLE_BYTES, DetectorError).data.decode("utf-8")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        images = [_fitted(row) for row in rows]
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise DetectorError(f"{printable(path)}: is damaged ({error!r}); write it again") from error
    _check(path, read_description(folder).card, images)
    return images


def _fitted(row: Mapping[str, str]) -> FittedImage:
    bytes.fromhex(row["sha256"])
    if len(row["sha256"]) != 64 or len(bytes.fromhex(row["phash"])) not in (0, 32):
        raise ValueError("a hash of another length")
    return FittedImage(
        pool=row["pool"],
        group=row["group"],
        label=int(row["label"]),
        source=row["source"],
        sha256=row["sha256"],
        phash=row["phash"],
        origins=tuple(row["origins"].split()),
    )


def _check(path: Path, card: DetectorCard, images: Sequence[FittedImage]) -> None:
    """The numbers of images are those of the card."""
    for name, title, record in (
        ("train", "training", card.training),
        ("calibrate", "calibration", card.calibration),
    ):
        n = sum((image.pool == "calibrate") == (name == "calibrate") for image in images)
        if record is not None and record.images is not None and record.images != n:
            raise DetectorError(
                f"{printable(path)}: lists {n} {title} images, the detector's card says {record.images}; write it again"
            )
