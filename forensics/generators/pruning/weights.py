"""The weights of a network, layer by layer: which there are, how they are used, and how they are distributed.

Under equalised learning rate the file stores about N(0, 1) and the network uses the stored value times a constant of
the layer, c (Karras et al. 2018, "Progressive Growing of GANs", section 4.1). A demodulated convolution has no such
constant: each of its output channels is divided by the norm of its kernel, here taken at styles of one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from forensics.report.rows import Row

STORED_NAMES = ("weight", "weight_orig")
SHARES = (0.1, 0.3, 0.5, 1.0)
BINS = 80


@dataclass(frozen=True)
class WeightLayer:
    """One weight tensor. `name` as in the file; `block` the part of the network it is in; `stored` the tensor itself,
    not a copy; `gain` what it is used times: a number, or one an output channel (shaped to broadcast)."""

    name: str
    block: str
    stored: Tensor
    gain: float | Tensor
    demodulated: bool

    @property
    def used(self) -> Tensor:
        """The values the network computes with, of the shape of `stored` (at styles of one)."""
        return self.stored * self.gain


def weight_layers(network: nn.Module) -> list[WeightLayer]:
    """Every weight tensor of a linear or convolutional layer, in the order of the state dict, biases and constants
    left out. Of SrcNet's generator only the running average `Src_Net`, which makes the images."""
    averaged = any(name == "Src_Net" for name, _ in network.named_children())
    return [layer for layer in _all_layers(network) if not averaged or layer.name.startswith("Src_Net.")]


def _all_layers(network: nn.Module) -> Iterator[WeightLayer]:
    for path, module in network.named_modules():
        tensors = {
            **dict(module.named_parameters(recurse=False)),
            **dict(module.named_buffers(recurse=False)),
        }
        for key in STORED_NAMES:
            if key in tensors and tensors[key].ndim >= 2:
                gain, demodulated = _gain(module, tensors[key])
                yield WeightLayer(f"{path}.{key}", block_of(path), tensors[key].detach(), gain, demodulated)


def block_of(path: str) -> str:
    """The block a module is in: "mapping", "b64", "4", "L3_36_512" ... from its path in the network."""
    parts = [part for part in path.split(".") if part not in ("Src_Net", "synthesis")]
    return parts[0]


def _gain(module: nn.Module, stored: Tensor) -> tuple[float | Tensor, bool]:
    """What `stored` is multiplied by where it is used, and whether that is by demodulation."""
    constant = getattr(module, "weight_gain", getattr(module, "scale", None))
    if constant is not None:
        return float(constant), False
    if hasattr(module, "affine") and stored.ndim == 4:
        if getattr(module, "is_torgb", False):
            return 1 / math.sqrt(stored[0].numel()), False
        return stored.flatten(1).norm(dim=1).clamp_min(1e-8).reciprocal().view(-1, 1, 1, 1), True
    return 1 / math.sqrt(stored[0].numel()), False


def last_block_layers(layers: list[WeightLayer]) -> list[WeightLayer]:
    """The last two convolutions before the colours: the study's figure of the last block. Fewer where there are."""
    convolutions = [layer for layer in layers if layer.stored.ndim == 4 and min(layer.stored.shape[:2]) > 4]
    spatial = [layer for layer in convolutions if layer.stored[0, 0].numel() > 1]
    return (spatial if len(spatial) > 1 else convolutions or layers)[-2:]


@dataclass(frozen=True)
class Moments(Row):
    """Of a set of values: smallest, largest, mean, standard deviation, excess kurtosis (0 for a normal distribution),
    and the share within so many standard deviations of zero."""

    min: float
    max: float
    mean: float
    std: float
    excess_kurtosis: float
    within_0_1_sigma: float
    within_0_3_sigma: float
    within_0_5_sigma: float
    within_1_sigma: float


@dataclass(frozen=True)
class WeightRow(Row):
    """One layer: its shape, and its values as stored and as used."""

    layer: str
    block: str
    shape: str
    count: int
    zeros: int
    demodulated: bool
    gain: float
    stored: Moments
    used: Moments

    def cells(self) -> dict[str, object]:
        """The moments in columns of their own: stored_min ... used_within_1_sigma."""
        cells = super().cells()
        for name in ("stored", "used"):
            cells.pop(name)
            cells |= {f"{name}_{key}": value for key, value in vars(getattr(self, name)).items()}
        return cells


def statistics(layer: WeightLayer) -> WeightRow:
    """The row of one layer."""
    return WeightRow(
        layer=layer.name,
        block=layer.block,
        shape="x".join(map(str, layer.stored.shape)),
        count=layer.stored.numel(),
        zeros=int((layer.stored == 0).sum()),
        demodulated=layer.demodulated,
        gain=float(layer.gain.mean()) if isinstance(layer.gain, Tensor) else layer.gain,
        stored=moments(layer.stored),
        used=moments(layer.used),
    )


def moments(values: Tensor) -> Moments:
    """The moments of a tensor of any shape and float type, in float64."""
    x = values.detach().double().flatten().cpu()
    mean, std = float(x.mean()), float(x.std(correction=0))
    kurtosis = float(((x - mean) / std).pow(4).mean()) - 3 if std > 0 else float("nan")
    shares = [float((x.abs() <= s * std).double().mean()) for s in SHARES]
    return Moments(float(x.min()), float(x.max()), mean, std, kurtosis, *shares)


def histogram(layer: WeightLayer, bins: int = BINS) -> tuple[np.ndarray, np.ndarray]:
    """Edges float64 [bins + 1] from the smallest to the largest stored value, and counts int64 [bins]."""
    values = layer.stored.detach().flatten().cpu().numpy()
    counts, edges = np.histogram(values.astype(np.float64), bins=bins)
    return edges, counts


@dataclass(frozen=True)
class BinRow(Row):
    """One bin of the histogram of a layer's stored values."""

    layer: str
    start: float
    end: float
    count: int


@dataclass(frozen=True)
class WeightTotals(Row):
    """All layers together; `below_1`: share of the stored values between -1 and 1."""

    layers: int
    count: int
    nonzero: int
    below_1: float


@dataclass(frozen=True)
class WeightStatistics:
    """The tables of one network: `rows` one a layer, `histograms` edges and counts by layer name, `totals`;
    `last_block` names the layers of the figure of the last block."""

    rows: list[WeightRow]
    histograms: dict[str, tuple[np.ndarray, np.ndarray]]
    last_block: list[str]
    totals: WeightTotals

    def histogram_rows(self) -> list[BinRow]:
        """One row a bin."""
        return [
            BinRow(name, float(edges[i]), float(edges[i + 1]), int(count))
            for name, (edges, counts) in self.histograms.items()
            for i, count in enumerate(counts)
        ]


@torch.no_grad()
def weight_statistics(network: nn.Module) -> WeightStatistics:
    """Statistics of every layer of `network` (a generator or a discriminator)."""
    layers = weight_layers(network)
    everything = torch.cat([layer.stored.flatten() for layer in layers])
    return WeightStatistics(
        rows=[statistics(layer) for layer in layers],
        histograms={layer.name: histogram(layer) for layer in layers},
        last_block=[layer.name for layer in last_block_layers(layers)],
        totals=WeightTotals(
            layers=len(layers),
            count=int(everything.numel()),
            nonzero=int((everything != 0).sum()),
            below_1=float((everything.abs() < 1).double().mean()),
        ),
    )
