"""What the layers of ImageNet networks say of an image, as numbers: mean and standard deviation of every channel.

Means over all places of early layers are energies of small filters, those of late ones how much of a thing there is;
standard deviations tell how unevenly it is spread (after Gatys et al. 2015's texture statistics, of which these are
the diagonal). The size of the image changes their noise, not their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from forensics.backbones.efficientnet_lite import FoldedLite, load_imagenet
from forensics.backbones.inputs import as_tensor, lite_input

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

MAP_CELL_PX: Final = 32
_BATCH_PX = 2 * 256 * 256  # what one layer says of more does not stay in the cache of a core
_LEAST_SPREAD: Final = 1e-3  # a channel that never varies has this standard deviation


class LayerStatistics:
    """`variants` of EfficientNet-Lite, weights rounded to float16 as they are stored: fitted as they are used."""

    def __init__(self, variants: Sequence[int]) -> None:
        self.variants = tuple(variants)
        self.trunks = [FoldedLite(variant).eval() for variant in self.variants]
        self.device = "cpu"
        for trunk in self.trunks:
            trunk.requires_grad_(False).to(memory_format=torch.channels_last)

    @classmethod
    def from_imagenet(cls, variants: Sequence[int]) -> LayerStatistics:
        """The networks with ImageNet weights; DetectorError where a package is missing."""
        statistics = cls(variants)
        for variant, trunk in zip(statistics.variants, statistics.trunks, strict=True):
            trunk.absorb(load_imagenet(variant))
            for value in trunk.state_dict().values():
                value.copy_(value.half())
        return statistics

    def to(self, device: str) -> None:
        """Compute on `device` from now on."""
        for trunk in self.trunks:
            trunk.to(device)
        self.device = device

    def length(self) -> int:
        """How many numbers an image gives."""
        return 2 * sum(sum(trunk.channels()) for trunk in self.trunks)

    def __call__(self, views: Sequence[Pixels]) -> Floats:
        """float32 [n, d] of uint8 views [h, w, 3]; those of one size go through the networks together."""
        table = np.empty((len(views), self.length()), np.float32)
        for members, batch in _batches(views):
            with torch.inference_mode():
                x = self._prepared(batch)
                rows = [torch.cat([_mean_and_spread(y) for y in trunk.layers(x)], 1) for trunk in self.trunks]
                table[members] = torch.cat(rows, 1).cpu().numpy()
        return table

    def local(self, view: Pixels, slopes: Floats, statistics: Floats) -> Floats:
        """float32 [h / 32, w / 32], of any value: where Σ slope · statistic of a view uint8 [h, w, 3] comes from.

        Its mean is that sum. A mean is the mean of its channel; a standard deviation s the mean of ((x − m)² / s + s) /
        2 over the places.
        """
        rows, columns = (-(-side // MAP_CELL_PX) for side in view.shape[:2])
        total = torch.zeros(rows, columns, dtype=torch.float64)
        start = 0
        with torch.inference_mode():
            x = self._prepared(view[None])
            for trunk in self.trunks:
                for layer in trunk.layers(x):
                    y = layer[0].float().cpu()
                    width = y.shape[0]
                    weights = torch.from_numpy(np.ascontiguousarray(slopes[start : start + 2 * width]))
                    said = torch.from_numpy(np.ascontiguousarray(statistics[start : start + 2 * width]))
                    total += _cells(_places(y, weights, said, width), (rows, columns))
                    start += 2 * width
        return total.numpy().astype(np.float32)

    def _prepared(self, batch: Pixels) -> Tensor:
        return lite_input(as_tensor(batch).to(self.device))


def _mean_and_spread(y: Tensor) -> Tensor:
    """[n, 2 c] of [n, c, h, w]."""
    flat = y.permute(0, 2, 3, 1).flatten(1, 2).float()
    mean = flat.mean(1)
    variance = (flat * flat).mean(1) - mean * mean
    return torch.cat([mean, variance.clamp(min=_LEAST_SPREAD**2).sqrt()], 1)


def _places(y: Tensor, slopes: Tensor, statistics: Tensor, width: int) -> Tensor:
    """[h, w] whose mean is slopes · statistics, of one layer [c, h, w]."""
    mean, spread = statistics[:width], statistics[width:]
    deviation = (y - mean[:, None, None]) ** 2 / spread[:, None, None]
    local = torch.einsum("chw,c->hw", y, slopes[:width]) + torch.einsum(
        "chw,c->hw", deviation, slopes[width:] / 2
    )
    exact = (slopes * statistics).sum()
    return local + (exact - local.mean())


def _cells(values: Tensor, shape: tuple[int, int]) -> Tensor:
    """Averaged over cells, the mean kept."""
    cells = functional.adaptive_avg_pool2d(values.double()[None], shape)[0]
    return cells + (values.double().mean() - cells.mean())


def _batches(views: Sequence[Pixels]) -> Iterator[tuple[list[int], Pixels]]:
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, view in enumerate(views):
        groups.setdefault(view.shape, []).append(index)
    for shape, members in groups.items():
        step = max(1, _BATCH_PX // (shape[0] * shape[1]))
        for start in range(0, len(members), step):
            chunk = members[start : start + step]
            yield chunk, np.stack([views[i] for i in chunk])
