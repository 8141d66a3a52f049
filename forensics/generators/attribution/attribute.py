"""Which of some generators made an image, and from which seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from forensics.core.errors import ForensicsError
from forensics.generators.attribution.seed_index import SeedIndex, SeedRange
from forensics.generators.attribution.seed_search import SearchResult, SeedHit, SeedSearch
from forensics.generators.base import Generator, load_generator
from forensics.generators.inversion.encoders.file import encoder_of
from forensics.images import DecodedImage

DEFAULT_SEEDS: Final = "0-99999"
MOST_SEEDS: Final = 10_000_000
CORPUS_IMAGES: Final = 10_000  # images of corpora made with seed 0 that are searched, too
_LARGEST_SEED: Final = 2**32 - 1


@dataclass(frozen=True)
class Attribution:
    """What is known of one image and one generator.

    `seed_hit`: the latent found and proved by making the image again, or None. `log10_lr`: that this network made it,
    against `against`, the alternative that explains it best; None where nothing was calibrated. `sample_or_edit`:
    "sample" where a seed was found. `cosine` and `agreement`: of the best candidate, found or not.
    """

    path: str
    generator: str
    weights_sha256: str
    seed_hit: SeedHit | None
    log10_lr: float | None
    against: str | None
    psi: float | None
    sample_or_edit: str | None
    cosine: float
    agreement: float

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return asdict(self)

    def __str__(self) -> str:
        hit = self.seed_hit
        if hit is None:
            return (
                f"{self.path}: no seed of those searched in {self.generator} "
                f"(best candidate: detail agrees to {self.agreement:.2f})"
            )
        proof = "exact" if hit.exact else f"not bit for bit: detail agrees to {hit.agreement:.2f}"
        twin = ", mirrored" if hit.mirrored else ""
        return (
            f"{self.path}: {self.generator} (sha256 {self.weights_sha256[:16]}), seed {hit.seed} by rule "
            f"{hit.seed_rule}, image {hit.index}, psi {hit.psi:g}, noise {hit.noise}{twin}: {proof}"
        )


def read_range(text: str) -> tuple[int, int]:
    """First and last of a range such as 0-99999. ForensicsError: it is none."""
    first, _, last = text.replace("_", "").partition("-")
    if not first.isdecimal() or not (last or first).isdecimal():
        raise ForensicsError(f"--seeds {text!r}: give a range such as 0-99999")
    low, high = int(first), int(last or first)
    if not low <= high <= _LARGEST_SEED or high - low >= MOST_SEEDS:
        raise ForensicsError(
            f"--seeds {text}: give at most {MOST_SEEDS} rising seeds from 0 to {_LARGEST_SEED}"
        )
    return low, high


def ranges_of(seeds: str) -> tuple[SeedRange, ...]:
    """What is searched: those seeds by both rules, and the images of corpora that were made with seed 0."""
    low, high = read_range(seeds)
    return (
        SeedRange("own", low, high),
        SeedRange("own", 0, CORPUS_IMAGES - 1, over="index"),
        SeedRange("nvidia", low, high),
    )


class Attributor:
    """Some generators, and the search among their seeds."""

    def __init__(
        self,
        to: Sequence[Generator | str | Path],
        seeds: str = DEFAULT_SEEDS,
        *,
        encoder: Path | None = None,
        device: str = "auto",
    ) -> None:
        """`encoder`: a folder that `forensics fit-encoder` wrote, for a generator that none ships for.

        ForensicsError: no generator, or one without an encoder.
        """
        if not to:
            raise ForensicsError("name the generators that are asked about with --to")
        ranges = ranges_of(seeds)
        self.searches = [
            SeedSearch(
                _index(one if isinstance(one, Generator) else load_generator(one, device), encoder), ranges
            )
            for one in to
        ]

    def attribute(self, images: Sequence[DecodedImage]) -> list[Attribution]:
        """One answer an image: that of the generator whose candidate agrees best."""
        pixels = [image.pixels for image in images]
        found = [(search.generator, search.search(pixels)) for search in self.searches]
        return [
            _best(image.path, [(g, results[i]) for g, results in found]) for i, image in enumerate(images)
        ]


def _index(generator: Generator, folder: Path | None) -> SeedIndex:
    encoder = encoder_of(generator, folder)
    if encoder is None:
        raise ForensicsError(
            f"{generator.source}: has no encoder; fit one (forensics fit-encoder {generator.source} OUT) and give it "
            "with --encoder OUT"
        )
    return SeedIndex(generator, encoder)


def _best(path: str, found: Sequence[tuple[Generator, SearchResult]]) -> Attribution:
    generator, result = max(found, key=lambda one: (one[1].hit is not None, one[1].agreement))
    hit = result.hit
    return Attribution(
        path,
        generator.source,
        generator.weights_sha256,
        hit,
        None,
        None,
        hit.psi if hit else None,
        "sample" if hit else None,
        round(result.cosine, 4),
        round(result.agreement, 4),
    )
