"""Noise-residual fingerprints of generators: detection, and attribution to one of them (Marra et al. 2019, 1812.11842).

What a denoiser takes away from an image is mostly noise. Averaged over many images of one generator, with the average
over photographs taken off (aligned faces have edges at the same places), what stays is the generator's own: in a
StyleGAN2 that samples with fixed noise maps, their pattern in hair and skin. A new image is compared by normalised
correlation. The denoiser is an adaptive Wiener filter (Lee 1980).

A fingerprint belongs to one network at one place in the frame: an image that was cropped, turned or mirrored, or a
generator with random noise, shows little of it. StyleGAN3 has no noise inputs; its average says little more than how
its mean face differs from photographs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from forensics.core.cards import Card
from forensics.core.errors import DetectorError
from forensics.core.registry import register
from forensics.corpus.pools.pool import Pool
from forensics.detectors.calibration import Calibration, Floats, fit_calibration, fit_logistic
from forensics.detectors.checked import Json, names, record
from forensics.detectors.contract import Detector, FitOptions
from forensics.detectors.description import expect_shapes
from forensics.detectors.features.residual import BORDER_PX, Residual, framed, residual
from forensics.detectors.training_views.augmentation import Augmentation, degraded
from forensics.detectors.training_views.views import with_equal_history
from forensics.images.views import WORKING_PX, Pixels

UNKNOWN: Final = "unknown"
NAMED_FROM: Final = 1.0  # log10 LR: ten times likelier, the least that is more than weak evidence
_DRAWS: Final = 3  # views of each training image: as it is, and degraded
_CELL_PX: Final = 64  # of the evidence map; in smaller cells a correlation is mostly chance
_RIDGE: Final = 1e-3
_MOST_SOURCES: Final = 64


@register(
    "detector",
    "fingerprint",
    Card(
        "Correlation of the noise residual with the mean residual of each generator: detection and attribution.",
        paper="Marra et al. 2019, arXiv 1812.11842",
        defaults={"draws": _DRAWS},
    ),
)
@dataclass
class FingerprintDetector(Detector):
    """raw = Σ coefficient · correlation with each generator's fingerprint + offset.

    `prints` [k, h, w]: the fingerprints of `config["sources"]`; `linear` [1 + k, k + 1]: coefficients and offset, for
    detection and then for each source against all others. `config["attribution"]`: the calibrations of the latter.
    """

    prints: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0, 0), np.float32))
    linear: Floats = field(default_factory=lambda: np.zeros((1, 1)))

    kind: ClassVar[str] = "fingerprint"

    @classmethod
    def fit(cls, pool: Pool, options: FitOptions) -> Self:
        """Average the residuals of a pool; coefficients from images left out of the averages they are compared with.

        Settings: `draws`, the views of each image.
        """
        draws = int(options.settings.get("draws", _DRAWS))
        pool = with_equal_history(pool, options.jpeg_before)
        sources = sorted({s for s, label in zip(pool.sources, pool.labels, strict=True) if label == 1})
        means = _Means(pool, sources)
        table = means.correlations(pool, options.seed, draws)
        labels = np.repeat(pool.labels, draws)
        origin = np.repeat(np.array(pool.sources), draws)
        rows = [_linear(table, labels, np.ones(len(labels)))]
        attribution = {}
        for source in sources:
            by_it, each = (origin == source).astype(np.int64), _equal_shares(origin)
            rows.append(_linear(table, by_it, each))
            raw = table @ rows[-1][:-1] + rows[-1][-1]
            attribution[source] = fit_calibration(raw, by_it, each, draws).to_json()
        config = {"sources": sources, "draws": draws, "attribution": attribution}
        return cls(config, prints=means.prints(), linear=np.stack(rows))

    def raw_scores(self, images: Sequence[Pixels]) -> Floats:
        """float64 [n] natural log odds of any value, of images uint8 [H, W, 3]."""
        log_odds: Floats = self.correlations(images) @ self.linear[0, :-1] + self.linear[0, -1]
        return log_odds

    def correlations(self, images: Sequence[Pixels]) -> Floats:
        """float64 [n, k] in [-1, 1]: normalised correlation of images uint8 [H, W, 3] with every fingerprint."""
        planes = map(residual, images)
        rows = [[_correlation(plane, print_) for print_ in self.prints] for plane in planes]
        return np.array(rows, np.float64).reshape(len(images), len(self.prints))

    def attribute(self, images: Sequence[Pixels]) -> list[dict[str, float]]:
        """For each image uint8 [H, W, 3]: source → log10 LR of "made by it" against "from any other source".

        The others, photographs among them, are those of the training corpus in equal shares; bounded by ELUB, best
        first. `unknown` is the evidence against the likeliest of them. `named` says which of them is worth naming.
        """
        calibrations = _attribution(self.config)
        logits = self.correlations(images) @ self.linear[1:, :-1].T + self.linear[1:, -1]
        attributions = []
        for row in logits:
            pairs = zip(calibrations.items(), row, strict=True)
            log10_lrs = {source: float(calibration(value)) for (source, calibration), value in pairs}
            log10_lrs[UNKNOWN] = -max(log10_lrs.values())
            attributions.append(dict(sorted(log10_lrs.items(), key=lambda item: -item[1])))
        return attributions

    def evidence_map(self, image: Pixels) -> NDArray[np.float32] | None:
        """float32 [h, w] in cells of 64 px: what each adds to the log10 LR; the mean is the score before its bounds."""
        plane = residual(image)
        share = np.zeros((WORKING_PX, WORKING_PX))
        for weight, print_ in zip(self.linear[0, :-1], self.prints, strict=True):
            ours, theirs = _overlap(plane, print_)
            height, width = ours.shape
            inside = np.s_[BORDER_PX : BORDER_PX + height, BORDER_PX : BORDER_PX + width]
            share[inside] += weight * ours.astype(np.float64) * theirs
        view = framed(image)
        cells = share.reshape(WORKING_PX // _CELL_PX, _CELL_PX, -1, _CELL_PX).sum((1, 3))
        height, width = (-(-side // _CELL_PX) for side in view.shape[:2])
        raw = cells[:height, :width] * (height * width) + self.linear[0, -1]
        return self.calibrated.uncapped(raw).astype(np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, all finite: the fingerprints float32 [k, h, w] and the linear maps float64 [1 + k, k +
        1].
        """
        return {"prints": self.prints, "linear": self.linear}

    @classmethod
    def from_arrays(cls, config: Json, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """A detector with exactly these arrays, all finite: those of `arrays`, float32 [k, h, w] and float64 [1 + k,
        k + 1].
        """
        n = len(_attribution(config))
        prints = arrays.get("prints", np.zeros(0))
        side = WORKING_PX - 2 * BORDER_PX
        shape = (n, *(min(max(size, 1), side) for size in prints.shape[1:3]))
        expect_shapes(arrays, {"prints": shape, "linear": (1 + n, n + 1)}, "fingerprints")
        return cls(
            config, prints=np.asarray(prints, np.float32), linear=np.asarray(arrays["linear"], np.float64)
        )


def named(attribution: Mapping[str, float]) -> str:
    """The likeliest source of one `attribute` result, where its log10 LR is at least 1; else `unknown`."""
    best = max(attribution, key=lambda source: attribution[source])
    return best if attribution[best] >= NAMED_FROM else UNKNOWN


def _unit(plane: NDArray[Any]) -> NDArray[Any]:
    centred = plane - plane.mean()
    unit: NDArray[Any] = centred / max(float(np.linalg.norm(centred)), 1e-6)
    return unit


def _overlap(plane: Residual, print_: Residual) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both cut to what they share, each centred and of norm 1."""
    height, width = (min(a, b) for a, b in zip(plane.shape, print_.shape, strict=True))
    return _unit(plane[:height, :width]), _unit(print_[:height, :width])


def _correlation(plane: Residual, print_: Residual) -> float:
    ours, theirs = _overlap(plane, print_)
    return float(np.vdot(ours.astype(np.float64), theirs))


class _Means:
    """Mean unit residuals of every generator and of the photographs, from which one image can be taken out again."""

    def __init__(self, pool: Pool, sources: Sequence[str]) -> None:
        planes = [residual(image) for image in pool.images]
        height = min(plane.shape[0] for plane in planes if plane.shape[1] == max(p.shape[1] for p in planes))
        width = max(plane.shape[1] for plane in planes)
        self.shape = height, width
        self.sources = list(sources)
        self.group = [s if label else None for s, label in zip(pool.sources, pool.labels, strict=True)]
        self.planes = [self._filled(plane) for plane in planes]
        self.sums = {
            name: np.sum(
                [p for p, source in zip(self.planes, self.group, strict=True) if source == name], axis=0
            )
            for name in (None, *sources)
        }
        self.counts = {name: self.group.count(name) for name in self.sums}
        if few := [str(name) for name, count in self.counts.items() if count < 2]:
            raise DetectorError(f"a fingerprint is an average: too few images of {', '.join(few)}")

    def _filled(self, plane: Residual) -> NDArray[np.float32]:
        """A unit residual at the common shape; zero where the image has nothing."""
        whole = np.zeros(self.shape, np.float32)
        part = plane[: self.shape[0], : self.shape[1]]
        whole[: part.shape[0], : part.shape[1]] = _unit(part)
        return whole

    def prints(self, without: int | None = None) -> NDArray[np.float32]:
        """float32 [k, h, w]: each generator's mean less that of the photographs, without image `without`."""
        means = {}
        for name, total in self.sums.items():
            out = without is not None and self.group[without] == name
            count = self.counts[name] - out
            means[name] = (total - self.planes[without] if out and without is not None else total) / count
        return np.stack([_unit(means[s] - means[None]) for s in self.sources]).astype(np.float32)

    def correlations(self, pool: Pool, seed: int, draws: int) -> Floats:
        """float64 [n · draws, k] of every view with the fingerprints made without its image."""
        augmentation = Augmentation()
        rows = []
        for i, (image, sha256) in enumerate(zip(pool.images, pool.sha256, strict=True)):
            prints = self.prints(without=i)
            for draw in range(draws):
                view = residual(degraded(image, sha256, draw, seed, augmentation))
                rows.append([_correlation(view, print_) for print_ in prints])
        return np.array(rows, np.float64)


def _linear(table: Floats, labels: NDArray[np.int64], weights: Floats) -> Floats:
    """float64 [k + 1] coefficients and offset of the natural log odds at correlations [n, k]."""
    scale = table.std(0) + 1e-9  # correlations are small numbers: the ridge acts on standard units
    coefficients, offset = fit_logistic(table / scale, labels, weights, _RIDGE)
    return np.append(coefficients / scale, offset)


def _equal_shares(origin: NDArray[np.str_]) -> Floats:
    """Weights [n] by which every source counts alike, one on average."""
    sources, which, counts = np.unique(origin, return_inverse=True, return_counts=True)
    shares: Floats = len(origin) / len(sources) / counts[which]
    return shares


def _attribution(config: Json) -> dict[str, Calibration]:
    """The sources of the fingerprints, in their order, each with its calibration against the others."""
    try:
        sources = names(config, "sources")
        if not 0 < len(sources) <= _MOST_SOURCES:
            raise ValueError(f"{len(sources)} sources")
        calibrations = record(config.get("attribution"), "attribution")
        return {source: Calibration.from_json(calibrations.get(source)) for source in sources}
    except ValueError as error:
        raise DetectorError(
            f"a fingerprint detector names its sources and their calibrations ({error}); train it again"
        ) from error
