"""Write `fitted_on.csv` of a detector that has none, if these are the images that it was trained on.

    python -m tools.fitted_on DETECTOR CORPUS... [--authentic DIR] [--trim-bottom S] [--seed N]

Its card holds the hash of both pools: training, and the share that was held out of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from forensics.core.errors import DetectorError, ForensicsError
from forensics.core.terminal import note, print_line, printable
from forensics.corpus.pools.pool import Pool, split_pool
from forensics.corpus.pools.reading import read_pool
from forensics.detectors.description import read_description
from forensics.detectors.fitting.engine import CALIBRATION_SHARE
from forensics.detectors.fitting.fitted_on import write_fitted_on


def rebuild(folder: Path, pool: Pool, seed: int, share: float) -> Path:
    """Write the list of a detector that was trained without one. DetectorError: these are not its images."""
    card = read_description(folder).card
    training, held = split_pool(pool, share, seed)
    for name, record, part in (
        ("training", card.training, training),
        ("calibration", card.calibration, held),
    ):
        if record is None or part.fingerprint() != record.sha256:
            raise DetectorError(
                f"{printable(folder)}: was not trained on these images ({name} pool); name the corpora, --authentic, "
                "--trim-bottom and --seed of its evidence.json"
            )
    return write_fitted_on(folder, training, held)


def main(argv: Sequence[str] | None = None) -> int:
    """Rebuild the list of one detector."""
    parser = argparse.ArgumentParser(prog="python -m tools.fitted_on")
    parser.add_argument("detector", type=Path)
    parser.add_argument("corpora", type=Path, nargs="+")
    parser.add_argument("--authentic", type=Path, action="append", default=[])
    parser.add_argument("--trim-bottom", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    try:
        pool = read_pool(options.corpora, options.authentic, options.trim_bottom, lambda f: note(f.message))
        print_line(str(rebuild(options.detector, pool, options.seed, CALIBRATION_SHARE)))
    except ForensicsError as error:
        note(f"error: {error}")
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
