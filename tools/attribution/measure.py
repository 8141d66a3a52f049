"""How often `forensics attribute` finds the seed of a network's own images, and finds one where there is none.

    python -m tools.attribution.measure NETWORK [--images 50] [--photographs 100]

Writes docs/measured/attribution-NETWORK.json. Seeds are drawn among the 100,000 that are searched by each rule. Needs
`../shared/data` for photographs and images of other generators.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from forensics.core.terminal import print_line
from forensics.generators.attribution.attribute import DEFAULT_SEEDS, Attribution, Attributor
from forensics.generators.base import Generator, load_generator
from forensics.generators.inversion.encoders.views import grey
from forensics.images import DecodedImage, decode, decode_bytes, encode_jpeg, encode_png, resize
from forensics.metrics.detection import wilson
from tools.documentation.records import write_record

Pixels = NDArray[np.uint8]

SHARED: Final = Path(os.environ.get("FORENSICS_SHARED", Path(__file__).parents[3] / "shared")) / "data"
_SEARCHED: Final = 100_000
_PSI: Final = (0.7, 1.0)


@dataclass(frozen=True)
class Row:
    """A kind of image: `right`: of `n`, those whose seed was found; `wrong`: those for which another was.

    `exact`: those made again to the pixel, all values but one in a thousand equal to one level.
    `low` and `high`: the 95 % interval of the share that `right` is, or for images without a seed of `wrong`.
    """

    kind: str
    n: int
    right: int
    exact: int
    wrong: int
    low: float
    high: float
    median_seconds: float
    highest_agreement: float


def _cut(image: Pixels) -> Pixels:
    """The 90 % of an image that lie a little off its centre."""
    side = len(image)
    width, top, left = round(0.9 * side), round(0.03 * side), round(0.06 * side)
    return np.ascontiguousarray(image[top : top + width, left : left + width])


DELIVERIES: Final[dict[str, Callable[[Pixels], bytes]]] = {
    "PNG": encode_png,
    "JPEG 75": lambda x: encode_jpeg(x, 75),
    "JPEG 30": lambda x: encode_jpeg(x, 30),
    "90 % cut out": lambda x: encode_png(_cut(x)),
    "mirrored": lambda x: encode_png(np.ascontiguousarray(x[:, ::-1])),
    "half the size, JPEG 75": lambda x: encode_jpeg(resize(x, 0.5), 75),
    "grey": lambda x: encode_png(grey(x)),
}


@torch.inference_mode()
def own_images(network: Generator, n: int, rule: str, noise: str) -> Iterator[tuple[int, Pixels]]:
    """Seeds drawn among those searched, and their images uint8 [H, W, 3]; psi 0.7 and 1 in turn."""
    rng = np.random.default_rng([n, len(rule), len(noise)])
    for i, seed in enumerate(rng.choice(_SEARCHED, n, replace=False)):
        ws = network.map(network.sample_z(1, int(seed), rule=rule), psi=_PSI[i % 2])
        maps = network.sample_noise(int(seed), [0]) if noise == "random" else noise
        yield int(seed), network.to_uint8(network.synthesize(ws, maps))[0]


def of_own(attributor: Attributor, images: list[tuple[int, Pixels]], kind: str) -> Row:
    """One delivery of images whose seeds are known."""
    answers = [_asked(attributor, decode_bytes(DELIVERIES.get(kind, encode_png)(x), kind)) for _, x in images]
    hits = [(seed, answer.seed_hit) for (seed, _), (answer, _) in zip(images, answers, strict=True)]
    right = sum(hit is not None and hit.seed == seed for seed, hit in hits)
    wrong = sum(hit is not None and hit.seed != seed for seed, hit in hits)
    exact = sum(hit is not None and hit.exact for _, hit in hits)
    return _row(kind, answers, right, exact, wrong, right)


def of_others(attributor: Attributor, paths: list[Path], kind: str) -> Row:
    """Images that no seed made."""
    answers = [_asked(attributor, decode(path)) for path in paths]
    wrong = sum(answer.seed_hit is not None for answer, _ in answers)
    return _row(kind, answers, 0, 0, wrong, wrong)


def _row(
    kind: str, answers: list[tuple[Attribution, float]], right: int, exact: int, wrong: int, counted: int
) -> Row:
    low, high = wilson(counted, len(answers))
    seconds = float(np.median([seconds for _, seconds in answers]))
    most = max(answer.agreement for answer, _ in answers)
    return Row(
        kind, len(answers), right, exact, wrong, round(low, 4), round(high, 4), round(seconds, 2), most
    )


def _asked(attributor: Attributor, image: DecodedImage) -> tuple[Attribution, float]:
    began = time.monotonic()
    return attributor.attribute([image])[0], time.monotonic() - began


def measure(name: str, images: int, photographs: int) -> Iterator[Row]:
    """Every row for one network."""
    network = load_generator(name, "cpu")
    attributor = Attributor([network], DEFAULT_SEEDS)
    own = list(own_images(network, images, "own", "const"))
    for kind in DELIVERIES:
        yield of_own(attributor, own, kind)
    yield of_own(attributor, list(own_images(network, images, "nvidia", "const")), "PNG, NVIDIA's seeds")
    yield of_own(attributor, list(own_images(network, images, "own", "random")), "PNG, random noise")
    for place, kind in (
        ("faces256/val/real", "photographs of FFHQ"), ("wild128", "photographs of the web"),
        ("faces256/val/stylegan2", "StyleGAN2, another's"), ("faces256/val/stylegan3", "StyleGAN3, another's"),
    ):  # fmt: skip
        there = sorted(path for path in (SHARED / place).iterdir() if path.suffix in (".png", ".jpg"))
        yield of_others(attributor, there[:photographs], kind)


def main() -> None:
    """Measure one network and write the record, row by row, so that a long run may be ended."""
    parser = argparse.ArgumentParser(prog="python -m tools.attribution.measure")
    parser.add_argument("network")
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--photographs", type=int, default=100)
    options = parser.parse_args()
    command = (
        f"python -m tools.attribution.measure {options.network} --images {options.images} "
        f"--photographs {options.photographs}"
    )
    rows = []
    for row in measure(options.network, options.images, options.photographs):
        print_line(str(row))
        rows.append(asdict(row))
        write_record(f"attribution-{options.network}", [command], rows)


if __name__ == "__main__":
    main()
