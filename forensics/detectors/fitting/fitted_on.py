"""Which images a detector was fitted on: `fitted_on.csv` beside it, that a benchmark can hold its images against.

One line an image: `pool` (train or calibrate), `group` (where the split had groups), `label`, `source`, `sha256` of the
file, `phash` and `origins` (see `forensics.corpus.likeness`). No name, no pixel.

`python -m forensics.detectors.fitting.fitted_on DETECTOR CORPUS... [--authentic DIR] [--trim-bottom S]` writes the
list of a detector that has none, if these are the images it was trained on: its card holds the hash of both pools.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from forensics.core.errors import DetectorError, ForensicsError
from forensics.core.files import write_text
from forensics.core.terminal import note, print_line, printable
from forensics.corpus.pools.pool import Pool, split_pool
from forensics.corpus.pools.reading import read_pool
from forensics.detectors.contract import read_description

FILE: Final = "fitted_on.csv"
_COLUMNS: Final = ("pool", "group", "label", "source", "sha256", "phash", "origins")
_CARD_NAMES: Final = {"train": "training", "calibrate": "calibration"}


@dataclass(frozen=True)
class Fitted:
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
            own = (place[0], place[1], int(pool.labels[i]), printable(pool.sources[i]))
            table.writerow((*own, sha256, phash, made_from))
    write_text(folder / FILE, buffer.getvalue())
    return folder / FILE


def read_fitted_on(folder: Path) -> list[Fitted] | None:
    """The list of a detector's folder, or None where it has none. DetectorError where it is damaged."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"), newline="")))
        found = [_fitted(row) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise DetectorError(f"{printable(path)}: is damaged ({error!r}); write it again") from error
    _check(path, read_description(folder), found)
    return found


def _fitted(row: Mapping[str, Any]) -> Fitted:
    bytes.fromhex(row["sha256"])
    if len(row["sha256"]) != 64 or len(bytes.fromhex(row["phash"])) not in (0, 32):
        raise ValueError("a hash of another length")
    return Fitted(
        pool=row["pool"],
        group=row["group"],
        label=int(row["label"]),
        source=row["source"],
        sha256=row["sha256"],
        phash=row["phash"],
        origins=tuple(row["origins"].split()),
    )


def _check(path: Path, description: Mapping[str, Any], found: Sequence[Fitted]) -> None:
    """The numbers of images are those of the card."""
    data = description["card"].get("data", {})
    for name, card_name in _CARD_NAMES.items():
        said = data.get(card_name, {}).get("images")
        n = sum((row.pool == "calibrate") == (name == "calibrate") for row in found)
        if said is not None and said != n:
            raise DetectorError(
                f"{printable(path)}: lists {n} {card_name} images, the detector's card says {said}; write it again"
            )


def rebuild(folder: Path, pool: Pool, seed: int, share: float) -> Path:
    """Write the list of a detector that was trained without one. DetectorError: these are not its images."""
    data = read_description(folder)["card"].get("data", {})
    training, held = split_pool(pool, share, seed)
    for name, part in (("training", training), ("calibration", held)):
        if part.fingerprint() != data.get(name, {}).get("sha256"):
            raise DetectorError(
                f"{printable(folder)}: was not trained on these images ({name} pool); name the corpora, --authentic, "
                "--trim-bottom and --seed of its evidence.json"
            )
    return write_fitted_on(folder, training, held)


def main(argv: Sequence[str] | None = None) -> int:
    """Rebuild the list of one detector."""
    from forensics.detectors.fitting.engine import CALIBRATION_SHARE

    parser = argparse.ArgumentParser(prog="python -m forensics.detectors.fitting.fitted_on")
    parser.add_argument("detector", type=Path)
    parser.add_argument("corpora", type=Path, nargs="+")
    parser.add_argument("--authentic", type=Path, action="append", default=[])
    parser.add_argument("--trim-bottom", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(argv)
    try:
        pool = read_pool(asked.corpora, asked.authentic, asked.trim_bottom, lambda f: note(f.message))
        print_line(str(rebuild(asked.detector, pool, asked.seed, CALIBRATION_SHARE)))
    except ForensicsError as error:
        note(f"error: {error}")
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
