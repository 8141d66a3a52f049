"""How near every inverter comes to photographs that nothing was fitted to.

    python -m tools.inversion.measure NETWORK [--photographs 10] [--only METHOD ...]

Writes docs/measured/inversion-NETWORK.json. Needs `../shared/data`.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from forensics.backbones.layer_distance import load_layer_distance
from forensics.core.registry import methods
from forensics.core.terminal import print_line
from forensics.corpus.photographs.loading import square
from forensics.generators.base import Generator, load_generator
from forensics.generators.inversion.contract import load_inverter
from forensics.images import decode
from tools.documentation.records import write_record

Pixels = NDArray[np.uint8]

SHARED: Final = Path(os.environ.get("FORENSICS_SHARED", Path(__file__).parents[3] / "shared")) / "data"
_REPLICATES: Final = 1000


@dataclass(frozen=True)
class Median:
    """A median over photographs and its 95 % bootstrap interval."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """One method on `n` photographs; `seconds`: CPU time of one, the median."""

    method: str
    n: int
    psnr_db: Median
    distance: Median
    identity: Median
    seconds: float


def median_of(values: Sequence[float]) -> Median:
    """The median of finite numbers, with its interval."""
    rng = np.random.default_rng(0)
    drawn = np.median(rng.choice(np.asarray(values), (_REPLICATES, len(values))), axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Median(round(float(np.median(values)), 4), round(float(low), 4), round(float(high), 4))


def measure(network: Generator, photographs: Sequence[Pixels], names: Sequence[str]) -> Iterator[Row]:
    """A row a method."""
    from forensics.backbones.face_descriptor import load_descriptor

    distance, describe = load_layer_distance(), load_descriptor()
    for name in names:
        numbers: list[tuple[float, float, float, float]] = []
        for photograph in photographs:
            wanted = square(photograph, network.img_resolution)
            began = time.process_time()
            shown = load_inverter(name).invert(wanted[None], network)[0].image()
            seconds = time.process_time() - began
            error = float(np.square(shown.astype(float) - wanted).mean())
            with torch.no_grad():
                perceptual = float(distance(_tensor(shown), _tensor(wanted)))
                a, b = (describe(_tensor(image)) for image in (shown, wanted))
            identity = float((a - b).norm())
            numbers.append((10 * np.log10(255**2 / max(error, 1e-9)), perceptual, identity, seconds))
        psnr, perceptual_, identity_, seconds_ = (list(column) for column in zip(*numbers, strict=True))
        yield Row(
            name, len(numbers), median_of(psnr), median_of(perceptual_), median_of(identity_),
            round(float(np.median(seconds_)), 1),
        )  # fmt: skip


def _tensor(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float() / 127.5 - 1


def main() -> None:
    """Measure one network and write the record, method by method, so that a long run may be ended."""
    parser = argparse.ArgumentParser(prog="python -m tools.inversion.measure")
    parser.add_argument("network")
    parser.add_argument("--photographs", type=int, default=10)
    names = [one.name for one in methods("inverter")]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    options = parser.parse_args()
    torch.set_num_threads(1)
    paths = sorted((SHARED / "faces256/val/real").iterdir())[: options.photographs]
    photographs = [decode(path).pixels for path in paths]
    rows = []
    for row in measure(load_generator(options.network, "cpu"), photographs, options.only):
        print_line(str(row))
        rows.append(asdict(row))
        command = f"python -m tools.inversion.measure {options.network} --photographs {options.photographs}"
        write_record(f"inversion-{options.network}", [command], rows)


if __name__ == "__main__":
    main()
