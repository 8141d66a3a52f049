"""Spectra and residual statistics with a ridge-regularised logistic classifier (after Frank 2020 and Durall 2020).

Cheap, small and explicable: each weight belongs to a frequency. Weaker than the networks on downsized faces.
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
from forensics.detectors.calibration import Floats, fit_logistic
from forensics.detectors.checked import Json
from forensics.detectors.contract import Detector, FitOptions
from forensics.detectors.description import expect_shapes
from forensics.detectors.features.spectral import DEFAULT_SET, SETS, features_of
from forensics.detectors.training_views.augmentation import Augmentation, degraded
from forensics.detectors.training_views.views import with_equal_history
from forensics.images.views import Pixels, working_view

_DRAWS: Final = 4  # views of each training image: as it is, and degraded
_RIDGE: Final = 0.3
_CLIP: Final = 6.0  # standard deviations; a strange image must not extrapolate far


@register(
    "detector",
    "frequency",
    Card(
        "A logistic classifier on spectra, block cosines and co-occurrences: each weight belongs to a frequency.",
        paper="Durall et al. 2020, arXiv 2003.01826; Frank et al. 2020, arXiv 2003.08685",
        defaults={"draws": _DRAWS, "ridge": _RIDGE, "features": (DEFAULT_SET,)},
    ),
)
@dataclass
class FrequencyDetector(Detector):
    """Standardised features [d] times weights [d] plus an offset. `config["features"]`: which sets (see `SETS`)."""

    mean: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    scale: NDArray[np.float32] = field(default_factory=lambda: np.ones(0, np.float32))
    weights: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    offset: float = 0.0

    kind: ClassVar[str] = "frequency"

    @classmethod
    def fit(cls, pool: Pool, options: FitOptions) -> Self:
        """Fit to each image as it is and `draws` − 1 times degraded, alike for both classes.

        Settings: `draws`, `ridge`, and `features`, the names of sets; DetectorError where there is no such set.
        """
        settings = options.settings
        names = _checked(settings.get("features", (DEFAULT_SET,)))
        draws, ridge = int(settings.get("draws", _DRAWS)), float(settings.get("ridge", _RIDGE))
        pool = with_equal_history(pool, options.jpeg_before)
        rows = np.stack([features_of(view, names) for view in _views(pool, options.seed, draws)])
        mean, scale = rows.mean(0), rows.std(0) + 1e-6
        standard = np.clip((rows - mean) / scale, -_CLIP, _CLIP).astype(np.float64)
        labels = np.repeat(pool.labels, draws)
        weights, offset = fit_logistic(standard, labels, np.repeat(pool.weights(), draws), ridge)
        config = {"draws": draws, "ridge": ridge, "n_features": len(mean), "features": list(names)}
        return cls(config, mean=mean, scale=scale, weights=weights.astype(np.float32), offset=offset)

    def raw_scores(self, images: Sequence[Pixels]) -> Floats:
        """float64 [n] natural log odds of any value, of images uint8 [H, W, 3]."""
        return np.array([self._one(working_view(image)) for image in images], np.float64)

    def _one(self, view: Pixels) -> float:
        values = features_of(view, _checked(self.config.get("features", (DEFAULT_SET,))))
        standard = np.clip((values - self.mean) / self.scale, -_CLIP, _CLIP)
        return float(standard.astype(np.float64) @ self.weights.astype(np.float64) + self.offset)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, all finite: mean, scale, weights (float32 [d]) and offset (float64 [1])."""
        offset = np.array([self.offset], np.float64)
        return {"mean": self.mean, "scale": self.scale, "weights": self.weights, "offset": offset}

    @classmethod
    def from_arrays(cls, config: Json, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """A detector with exactly these arrays, all finite: those of `arrays`, float32 [d] and float64 [1]."""
        names = _checked(config.get("features", (DEFAULT_SET,)))
        n = len(features_of(np.zeros((64, 64, 3), np.uint8), names))
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("mean", "scale", "weights"), (n,))
        expect_shapes(arrays, shapes | {"offset": (1,)}, "frequency classifier")
        mean, scale, weights = (np.asarray(arrays[key], np.float32) for key in ("mean", "scale", "weights"))
        return cls(config, mean=mean, scale=scale, weights=weights, offset=float(arrays["offset"][0]))


def _checked(names: object) -> tuple[str, ...]:
    if not isinstance(names, list | tuple) or not names or not all(name in SETS for name in map(str, names)):
        raise DetectorError(f"unknown set of features {names!r}: choose from {', '.join(SETS)}")
    return tuple(dict.fromkeys(map(str, names)))


def _views(pool: Pool, seed: int, draws: int) -> list[Pixels]:
    """`draws` views of each image in turn, the first as it is; each depends on (seed, image, draw) only."""
    augmentation = Augmentation()
    return [
        degraded(image, sha256, draw, seed, augmentation)
        for image, sha256 in zip(pool.images, pool.sha256, strict=True)
        for draw in range(draws)
    ]
