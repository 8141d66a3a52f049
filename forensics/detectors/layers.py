"""A ridge classifier on the statistics of every layer of an ImageNet network, which itself is not trained.

With some hundred images of each class there are not enough to fine-tune millions of weights; one weight for each mean
and spread of a channel can be fitted, exactly, in seconds, and as often as cross-fitting asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray

from forensics.detectors.base import Detector, Floats, Pixels, expect_shapes
from forensics.detectors.cross_views import FOLDS, CrossViews
from forensics.detectors.layer_statistics import LayerStatistics
from forensics.detectors.views import working_view
from forensics.errors import DetectorError

VARIANTS: Final = (0, 2, 1)  # the first part of this kind, the second (`layers_2`), the third
_CLIP: Final = 5.0  # standard deviations; a strange image must not extrapolate far
_RIDGE: Final = 6.0
_DEPTHS: Final = (0.5, 0.5, 1.0, 2.0, 1.0)  # what a fifth of the layers counts, from the first to the last


@dataclass
class LayersDetector(Detector):
    """raw = clip((statistics − mean) / scale) · weights + offset, all float32 [d]. `config["variants"]`: networks."""

    statistics: LayerStatistics = field(default_factory=lambda: LayerStatistics(()))
    mean: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    scale: NDArray[np.float32] = field(default_factory=lambda: np.ones(0, np.float32))
    weights: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    offset: float = 0.0

    kind: ClassVar[str] = "layers"

    @classmethod
    def fit_crossed(cls, views: CrossViews, number: int = 1) -> tuple[LayersDetector, Floats]:
        """Fitted to all views, and the score float64 [n] of each by a classifier that was fitted without its fold."""
        if not 1 <= number <= len(VARIANTS):
            raise DetectorError(f"there are {len(VARIANTS)} networks for a layers detector, not {number}")
        statistics = LayerStatistics.from_imagenet(VARIANTS[number - 1 : number])
        table = statistics([working_view(image) for image in views.images])
        learned = views.training > 0
        mean, scale = table[learned].mean(0), table[learned].std(0) + 1e-6
        depth = _depth_weights(statistics)
        table = _standard(table, mean, scale) * depth
        targets = (2 * views.labels - 1).astype(np.float64)
        importance = views.balanced()
        crossed = np.zeros(len(table))
        for number in range(FOLDS):
            fit, rest = learned & (views.fold != number), views.fold == number
            weights, offset = ridge(table[fit], targets[fit], importance[fit], views.group[fit])
            crossed[rest] = table[rest] @ weights + offset
        weights, offset = ridge(table[learned], targets[learned], importance[learned], views.group[learned])
        config = {"variants": list(statistics.variants), "ridge": _RIDGE, "clip": _CLIP}
        weights = (weights * depth).astype(np.float32)
        return cls(
            config, statistics=statistics, mean=mean, scale=scale, weights=weights, offset=offset
        ), crossed

    def raw_scores(self, images: Sequence[Pixels]) -> Floats:
        """float64 [n]: about 1 for synthetic images, −1 for photographs."""
        table = _standard(self.statistics([working_view(image) for image in images]), self.mean, self.scale)
        return np.asarray(table.astype(np.float64) @ self.weights.astype(np.float64) + self.offset)

    def evidence_map(self, image: Pixels) -> NDArray[np.float32] | None:
        """float32 [h / 32, w / 32] local log10 LR; its mean is the image's log10 LR before the bounds."""
        view = working_view(image)
        statistics = self.statistics([view])[0]
        slopes = np.where(
            np.abs(statistics - self.mean) < _CLIP * self.scale, self.weights / self.scale, 0.0
        ).astype(np.float32)
        local = self.statistics.local(view, slopes, statistics).astype(np.float64)
        exact = float(self.raw_scores([view])[0])
        return self._calibrated().uncapped(local + (exact - local.mean())).astype(np.float32)

    def to(self, device: str) -> LayersDetector:
        """Score on `device` from now on."""
        self.statistics.to(device)
        return self

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The networks' weights as float16, the classifier as float32."""
        found: dict[str, NDArray[Any]] = {
            f"trunk{number}.{key}": value.detach().cpu().half().contiguous().numpy()
            for number, trunk in enumerate(self.statistics.trunks)
            for key, value in trunk.state_dict().items()
        }
        offset = np.array([self.offset], np.float64)
        return found | {"mean": self.mean, "scale": self.scale, "weights": self.weights, "offset": offset}

    @classmethod
    def from_arrays(cls, config: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Detector:
        """A detector with exactly these arrays."""
        variants = config.get("variants")
        if not isinstance(variants, list) or not variants or not set(variants) <= set(VARIANTS):
            raise DetectorError(f"a layers detector has variants of {sorted(VARIANTS)}, not {variants!r}")
        statistics = LayerStatistics(variants)
        states = [
            {f"trunk{number}.{key}": value for key, value in trunk.state_dict().items()}
            for number, trunk in enumerate(statistics.trunks)
        ]
        shapes = {key: tuple(value.shape) for state in states for key, value in state.items()}
        d = statistics.length()
        expect_shapes(
            arrays, shapes | dict.fromkeys(("mean", "scale", "weights"), (d,)) | {"offset": (1,)}, "layers"
        )
        for state in states:
            for key, value in state.items():
                value.copy_(torch.from_numpy(arrays[key].astype(np.float32)))
        mean, scale, weights = (np.asarray(arrays[key], np.float32) for key in ("mean", "scale", "weights"))
        offset = float(arrays["offset"][0])
        return cls(config, statistics=statistics, mean=mean, scale=scale, weights=weights, offset=offset)


def ridge(
    table: NDArray[np.float32], targets: Floats, importance: Floats, group: NDArray[np.int64]
) -> tuple[NDArray[np.float32], float]:
    """Weights [d] and offset of a weighted ridge regression of `targets` [n] on `table` [n, d], solved in its dual.

    The penalty is in units of the rows' mean square length, per image: views of one image (`group`) go together.
    """
    share = importance / importance.sum()
    centre = (share.astype(np.float32) @ table).astype(np.float32)
    level = float(share @ targets)
    root = np.sqrt(share)
    rows = (table - centre) * root[:, None].astype(np.float32)
    gram = (rows @ rows.T).astype(np.float64)
    penalty = _RIDGE * np.trace(gram) * len(np.unique(group)) / len(rows) ** 2
    gram[np.diag_indices(len(rows))] += penalty
    dual = np.linalg.solve(gram, root * (targets - level))
    weights = rows.T @ dual.astype(np.float32)
    return weights, level - float(centre.astype(np.float64) @ weights.astype(np.float64))


def _standard(
    table: NDArray[np.float32], mean: NDArray[np.float32], scale: NDArray[np.float32]
) -> NDArray[np.float32]:
    standard: NDArray[np.float32] = np.clip((table - mean) / scale, -_CLIP, _CLIP)
    return standard


def _depth_weights(statistics: LayerStatistics) -> NDArray[np.float32]:
    """float32 [d]: each fifth of a network's layers weighs `_DEPTHS`, however many numbers it has."""
    found = []
    for trunk in statistics.trunks:
        channels = trunk.channels()
        fifth = -(-len(channels) // len(_DEPTHS))
        for number, depth in enumerate(_DEPTHS):
            d = 2 * sum(channels[number * fifth : (number + 1) * fifth])
            found.append(np.full(d, (depth / d) ** 0.5, np.float32))
    return np.concatenate(found)
