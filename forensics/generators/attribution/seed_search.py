"""From an image to the seed it came from: the nearest of many seeds, each made again and compared pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forensics.corpus.photographs.loading import square
from forensics.generators.attribution.framing import Agreement, agreement, framed
from forensics.generators.attribution.seed_index import Candidate, SeedIndex, SeedRange, unit
from forensics.generators.base import Noise
from forensics.generators.inversion.encoders.views import grey

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

# Correlation of detail from which an image counts as that candidate's, once psi, noise and frame are found.
LEAST_AGREEMENT: Final = 0.85
LEAST_AGREEMENT_OF_A_CUT: Final = 0.93  # the most of many frames
_WORTH_FITTING: Final = (
    0.75  # before, at the psi that the encoder sees; of a cut it is the most of many frames
)
_CUT_WORTH_FITTING: Final = 0.8
_AT_EACH_PSI: Final = (
    3  # candidates that are made at several psi, the others at the one that the encoder sees
)
_LOOKED_AT_PSI: Final = (0.7, 0.85, 1.0, 0.5)
_LOOKED_AT: Final = 50  # candidates of least angle that are kept
_MADE: Final = 12  # of which so many are made again
_CUT: Final = 3  # and of these, so many are looked at for cuts
_PSI_BOUNDS: Final = (0.2, 1.4)
_PSI_STEP: Final = 0.15
_PSI_GRID: Final = tuple(0.25 + _PSI_STEP * k for k in range(8))
_PSI_ROUNDS: Final = 8
_FRAME_ROUNDS: Final = 3
_ROUND_PSI: Final = 0.05  # what people type
_NEAR_PSI: Final = 0.03
_EXACT_SHARE: Final = 0.999  # of the values that are equal or one level off
_ONE_LEVEL: Final = 1
_LEAST_LENGTH: Final = 1e-9


@dataclass(frozen=True)
class SeedHit:
    """The latent that an image came from. `exact`: made again, its values are the image's (all but one in a thousand,
    to one grey level); else it shows the same to `agreement`, as after compression or a cut.

    `residual`: mean squared difference on [-1, 1] of what both show. `noise`: const, random or none.
    """

    exact: bool
    seed_rule: str
    seed: int
    index: int
    psi: float
    noise: str
    mirrored: bool
    residual: float
    agreement: float
    cosine: float


@dataclass(frozen=True)
class SearchResult:
    """What a search came to: the hit, or None, and of the best candidate the cosine and the agreement."""

    hit: SeedHit | None
    cosine: float
    agreement: float


class SeedSearch:
    """The search for seeds of one generator among ranges of them."""

    def __init__(self, index: SeedIndex, ranges: Sequence[SeedRange]) -> None:
        self.index, self.ranges = index, tuple(ranges)
        self.generator = index.generator

    def search(self, images: Sequence[Pixels]) -> list[SearchResult]:
        """The result of each image uint8 [H, W, 3]: as it is, and mirrored."""
        squares = [square(image, min(image.shape[:2])) for image in images]
        twins = [*squares, *(np.ascontiguousarray(image[:, ::-1]) for image in squares)]
        encoder = self.index.encoder
        said = encoder.said(encoder.coordinates(twins))
        nearest = self.index.nearest(unit(said), self.ranges, _LOOKED_AT)
        n = len(squares)
        return [
            self._best(
                [
                    _Trial(self.index, twins[k], said[k], entry, mirrored=k >= n)
                    for k in (i, n + i)
                    for entry in nearest[k]
                ]
            )
            for i in range(n)
        ]

    def _best(self, tries: list[_Trial]) -> SearchResult:
        """Candidates are made again in the order of their cosines until one is the image."""
        tries.sort(key=lambda trial: -trial.cosine)
        made = tries[:_MADE]
        for place, trial in enumerate(made):
            if trial.whole(_LOOKED_AT_PSI if place < _AT_EACH_PSI else ()).correlation >= _WORTH_FITTING:
                return _fitted(trial, trial.whole())
        made.sort(key=lambda trial: -trial.whole().correlation)
        cuts = [(trial, trial.cut()) for trial in made[:_CUT]]
        best, found = max(cuts, key=lambda one: one[1].correlation)
        if found.correlation >= _CUT_WORTH_FITTING:
            return _fitted(best, found)
        return SearchResult(None, tries[0].cosine, found.correlation)


def _fitted(trial: _Trial, how: Agreement) -> SearchResult:
    hit = trial.hit(how)
    least = LEAST_AGREEMENT if how.frame.is_whole() else LEAST_AGREEMENT_OF_A_CUT
    return SearchResult(hit if hit.agreement >= least else None, hit.cosine, hit.agreement)


class _Trial:
    """One candidate made again beside the image."""

    def __init__(
        self, index: SeedIndex, image: Pixels, said: Floats, entry: tuple[float, Candidate], *, mirrored: bool
    ) -> None:
        self.index, self.generator, self.image, self.said = index, index.generator, image, said
        (self.cosine, self.candidate), self.mirrored = entry, mirrored
        self.is_grey = bool((image == image[..., :1]).all())
        self._whole: Agreement | None = None
        self._psi = 1.0
        self._w: Tensor | None = None

    def whole(self, psis: Sequence[float] = ()) -> Agreement:
        """The best agreement with the whole candidate: at the psi that the encoder sees, then at others, until good."""
        if self._whole is None:
            for psi in (self._seen_psi(), *psis):
                found = agreement(self._made(psi), self.image, search=False)
                if self._whole is None or found.correlation > self._whole.correlation:
                    self._whole, self._psi = found, psi
                if self._whole.correlation >= _WORTH_FITTING:
                    break
        assert self._whole is not None
        return self._whole

    def cut(self) -> Agreement:
        """The agreement with the part of it that agrees best, at the psi where the whole agrees best."""
        self.whole()
        return agreement(self._made(self._psi), self.image)

    def _seen_psi(self) -> float:
        """The multiple of the candidate's w - w_avg that says most nearly what the image says."""
        offsets = (self.w() - self.generator.w_avg).cpu().numpy()
        expected = self.index.encoder.expected(offsets)[0]
        psi = float(expected @ self.said) / max(float(expected @ expected), _LEAST_LENGTH)
        return min(max(psi, _PSI_BOUNDS[0]), _PSI_BOUNDS[1])

    @torch.inference_mode()
    def w(self) -> Tensor:
        """The candidate's w, float32 [1, w_dim]."""
        if self._w is None:
            self._w = self.candidate.w(self.generator)
        return self._w

    def hit(self, found: Agreement) -> SeedHit:
        """The candidate with the psi and the noise that come nearest, in a frame that is looked for again with them."""
        whole = found.frame.is_whole()
        psi = self._nearest_psi(found, _PSI_GRID)
        for _ in range(
            1 if whole else _FRAME_ROUNDS
        ):  # a frame found at another psi is a little off, and so is psi
            found = agreement(self._made(psi), self.image, search=not whole)
            psi = self._nearest_psi(found, (psi - _PSI_STEP, psi, psi + _PSI_STEP))
        residual, noise = min((self._residual(found, psi, noise), noise) for noise in self._noises())
        found = agreement(self._made(psi, noise), self.image, search=not whole)
        candidate = self.candidate
        return SeedHit(
            self._is_exact(psi, noise), candidate.rule, candidate.seed, candidate.index, psi, noise, self.mirrored,
            residual, found.correlation, self.cosine,
        )  # fmt: skip

    def _nearest_psi(self, found: Agreement, grid: Sequence[float]) -> float:
        """The psi of least residual: of a grid, then between its neighbours; a round one where that is as near."""
        from scipy.optimize import minimize_scalar

        def residual(psi: float) -> float:
            return self._residual(found, float(psi), "const")

        start = min(grid, key=residual)
        bounds = (max(_PSI_BOUNDS[0], start - _PSI_STEP), min(_PSI_BOUNDS[1], start + _PSI_STEP))
        options = {"maxiter": _PSI_ROUNDS, "xatol": 2e-3}
        answer = minimize_scalar(residual, bounds=bounds, method="bounded", options=options)
        psi = float(answer.x)
        rounded = round(round(psi / _ROUND_PSI) * _ROUND_PSI, 2)
        as_near = abs(rounded - psi) <= _NEAR_PSI and residual(rounded) <= 1.1 * float(answer.fun) + 1e-6
        return rounded if as_near else round(psi, 3)

    def _noises(self) -> tuple[str, ...]:
        return ("const", "random", "none") if self.generator.noise_shapes else ("const",)

    def _residual(self, found: Agreement, psi: float, noise: str) -> float:
        side = min(self.image.shape[0], self.generator.img_resolution)
        shown = framed(self._made(psi, noise), found.frame, side).astype(np.float32)
        wanted = square(self.image, side).astype(np.float32)
        if self.is_grey:
            shown = grey(shown.astype(np.uint8)).astype(np.float32)
        return float(np.square((shown - wanted) / 127.5).mean())

    def _is_exact(self, psi: float, noise: str) -> bool:
        made = self._made(psi, noise)
        if made.shape != self.image.shape:
            return False
        levels = np.abs(made.astype(np.int16) - self.image)
        return bool((levels <= _ONE_LEVEL).mean() >= _EXACT_SHARE)

    @torch.inference_mode()
    def _made(self, psi: float, noise: str = "const") -> Pixels:
        network = self.generator
        ws = network.truncate(self.w()[:, None].expand(-1, network.num_ws, -1), psi)
        maps: Noise = self.candidate.noise(network) if noise == "random" else noise
        pixels: Pixels = network.to_uint8(network.synthesize(ws, maps))[0]
        return pixels if pixels.shape[-1] == 3 else np.repeat(pixels, 3, axis=-1)
