"""A ridge classifier on the statistics of every layer of an ImageNet network, which itself is not trained.

With some hundred images of each class there are not enough to fine-tune millions of weights; one weight for each mean
and spread of a channel can be fitted, exactly, in seconds, and as often as cross-fitting asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load, save

from forensics.backbones.layer_statistics import LayerStatistics
from forensics.core.cards import Card
from forensics.core.errors import DetectorError
from forensics.core.files import write_bytes
from forensics.core.registry import register
from forensics.core.untrusted import MAX_TABLE_BYTES, read_untrusted
from forensics.corpus.pools.pool import Pool
from forensics.detectors.calibration import Floats
from forensics.detectors.checked import Json
from forensics.detectors.contract import Detector, FitOptions
from forensics.detectors.description import expect_shapes
from forensics.detectors.training_views.folds import FOLDS
from forensics.detectors.training_views.views import Views, crossed_views
from forensics.images.views import Pixels, working_view

VARIANTS: Final = (0, 2, 1)  # the first part of this kind, the second (`layers_2`), the third
_CLIP: Final = 5.0  # standard deviations; a strange image must not extrapolate far
_RIDGE: Final = 6.0
_BLOCK: Final = 16 * 7  # views whose statistics are computed, and kept, together
_DEPTHS: Final = (0.5, 0.5, 1.0, 2.0, 1.0)  # what a fifth of the layers counts, from the first to the last


@register(
    "detector",
    "layers",
    Card(
        "A ridge classifier on mean and spread of every channel of an ImageNet network that is not trained.",
        paper="after Gatys et al. 2015, arXiv 1505.07376 (texture statistics)",
        licence="Apache-2.0; ImageNet weights Apache-2.0",
        defaults={},
    ),
)
@dataclass
class LayersDetector(Detector):
    """raw = clip((statistics − mean) / scale) · weights + offset, all float32 [d]. `config["variants"]`: networks."""

    statistics: LayerStatistics = field(default_factory=lambda: LayerStatistics(()))
    mean: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    scale: NDArray[np.float32] = field(default_factory=lambda: np.ones(0, np.float32))
    weights: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    offset: float = 0.0

    kind: ClassVar[str] = "layers"
    crosses_by_itself: ClassVar[bool] = True

    @classmethod
    def fit(cls, pool: Pool, options: FitOptions) -> Self:
        """Fitted to the views of a pool that cross-fitting makes. `options.number` chooses the network."""
        views = crossed_views(pool, options.seed, options.jpeg_before)
        return cls.fit_crossed(pool, views, replace(options, work=None))[0]

    @classmethod
    def fit_crossed(cls, pool: Pool, views: Views, options: FitOptions) -> tuple[Self, Floats]:
        """Fitted to all views, and the score float64 [n], finite, of each by a classifier that was fitted without its
        fold.

        The statistics, nearly all of the time it takes, stay below `options.work` until somebody removes them.
        """
        number = options.number
        if not 1 <= number <= len(VARIANTS):
            raise DetectorError(f"there are {len(VARIANTS)} networks for a layers detector, not {number}")
        statistics = LayerStatistics.from_imagenet(VARIANTS[number - 1 : number])
        table = _statistics_of(statistics, views.images, options.work)
        learned = views.training > 0
        mean, scale = table[learned].mean(0), table[learned].std(0) + 1e-6
        depth = _depth_weights(statistics)
        table = _standard(table, mean, scale) * depth
        targets = (2 * views.labels - 1).astype(np.float64)
        importance = views.balanced()
        products = table @ table.T
        crossed = np.zeros(len(table))
        for fold in range(FOLDS):
            fit, rest = np.flatnonzero(learned & (views.fold != fold)), views.fold == fold
            weights, offset = ridge(table, targets, importance, views.group, fit, products)
            crossed[rest] = table[rest] @ weights + offset
        every = np.flatnonzero(learned)
        weights, offset = ridge(table, targets, importance, views.group, every, products)
        config = {"variants": list(statistics.variants), "ridge": _RIDGE, "clip": _CLIP}
        weights = (weights * depth).astype(np.float32)
        return cls(
            config, statistics=statistics, mean=mean, scale=scale, weights=weights, offset=offset
        ), crossed

    @property
    def device(self) -> str:
        """Where the network computes."""
        return self.statistics.device

    def raw_scores(self, images: Sequence[Pixels]) -> Floats:
        """float64 [n] of any value, about 1 for synthetic images and −1 for photographs; of images uint8 [H, W, 3]."""
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
        return self.calibrated.uncapped(local + (exact - local.mean())).astype(np.float32)

    def to(self, device: str) -> Self:
        """Score on `device` from now on."""
        self.statistics.to(device)
        return self

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, all finite: the networks' as float16 [d, …], the classifier's as float32 [d]."""
        arrays: dict[str, NDArray[Any]] = {
            f"trunk{number}.{key}": value.detach().cpu().half().contiguous().numpy()
            for number, trunk in enumerate(self.statistics.trunks)
            for key, value in trunk.state_dict().items()
        }
        offset = np.array([self.offset], np.float64)
        return arrays | {"mean": self.mean, "scale": self.scale, "weights": self.weights, "offset": offset}

    @classmethod
    def from_arrays(cls, config: Json, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """A detector with exactly these arrays, all finite: those of `arrays`, float16 [d, …] and float32 [d]."""
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


def _statistics_of(
    statistics: LayerStatistics, images: Sequence[Pixels], work: Path | None
) -> NDArray[np.float32]:
    """float32 [n, d] of images, block by block; with `work` each block is a file there, and is not computed twice."""
    table = np.empty((len(images), statistics.length()), np.float32)
    for start in range(0, len(images), _BLOCK):
        block = [working_view(image) for image in images[start : start + _BLOCK]]
        rows = table[start : start + len(block)]
        file = None if work is None else work / _block_name(statistics, block)
        if file is None or not file.exists():
            rows[:] = statistics(block)
            if file is not None:
                write_bytes(file, save({"rows": rows}))
        else:
            rows[:] = load(read_untrusted(file, MAX_TABLE_BYTES, DetectorError).data)["rows"]
    return table


def _block_name(statistics: LayerStatistics, block: Sequence[Pixels]) -> str:
    digest = sha256(repr((statistics.variants, [view.shape for view in block])).encode())
    for view in block:
        digest.update(view.tobytes())
    return f"layers-{digest.hexdigest()[:32]}.safetensors"


def ridge(
    table: NDArray[np.float32],
    targets: Floats,
    importance: Floats,
    group: NDArray[np.int64],
    rows: NDArray[np.int64],
    products: NDArray[np.float32],
) -> tuple[NDArray[np.float32], float]:
    """Weights float32 [d] and offset of a weighted ridge regression of `targets` [n] on the `rows` of `table` [n, d].

    It is solved in its dual, from the inner `products` [n, n] of the table's rows, which several fits can share. The
    penalty is in units of the rows' mean square length, per image: views of one image (`group`) go together.
    `importance` [n], each ≥ 0, is what a row counts.
    """
    from scipy.linalg import solve

    share = importance[rows] / importance[rows].sum()
    level = float(share @ targets[rows])
    root = np.sqrt(share).astype(np.float32)
    gram = products[np.ix_(rows, rows)]
    towards = gram @ share.astype(np.float32)  # inner products with the weighted centre
    gram -= towards[:, None]
    gram -= towards[None, :] - np.float32(share @ towards)
    gram *= root[:, None]
    gram *= root[None, :]
    penalty = _RIDGE * float(np.trace(gram)) * len(np.unique(group[rows])) / len(rows) ** 2
    gram[np.diag_indices(len(rows))] += np.float32(penalty)
    aims = root * (targets[rows] - level).astype(np.float32)
    dual = root * solve(gram, aims, assume_a="pos", overwrite_a=True, check_finite=False)
    centre = share.astype(np.float32) @ table[rows]
    weights = dual @ table[rows] - dual.sum() * centre
    return weights, level - float(centre.astype(np.float64) @ weights.astype(np.float64))


def _standard(
    table: NDArray[np.float32], mean: NDArray[np.float32], scale: NDArray[np.float32]
) -> NDArray[np.float32]:
    standard: NDArray[np.float32] = np.clip((table - mean) / scale, -_CLIP, _CLIP)
    return standard


def _depth_weights(statistics: LayerStatistics) -> NDArray[np.float32]:
    """float32 [d]: each fifth of a network's layers weighs `_DEPTHS`, however many numbers it has."""
    weights = []
    for trunk in statistics.trunks:
        channels = trunk.channels()
        fifth = -(-len(channels) // len(_DEPTHS))
        for number, depth in enumerate(_DEPTHS):
            d = 2 * sum(channels[number * fifth : (number + 1) * fifth])
            weights.append(np.full(d, (depth / d) ** 0.5, np.float32))
    return np.concatenate(weights)
