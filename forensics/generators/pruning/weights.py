"""The weights of a network, layer by layer: which there are, how they are used, and how they are distributed.

Under equalised learning rate the file stores about N(0, 1) and the network uses the stored value times a constant of
the layer, c (Karras et al. 2018, "Progressive Growing of GANs", section 4.1). A demodulated convolution has no such
constant: each of its output channels is divided by the norm of its kernel, here taken at styles of one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

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
        own = {
            **dict(module.named_parameters(recurse=False)),
            **dict(module.named_buffers(recurse=False)),
        }
        for key in STORED_NAMES:
            if key in own and own[key].ndim >= 2:
                gain, demodulated = _gain(module, own[key])
                yield WeightLayer(f"{path}.{key}", block_of(path), own[key].detach(), gain, demodulated)


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


def statistics(layer: WeightLayer) -> dict[str, Any]:
    """One row of the table: shape, and of the values as stored and as used: min, max, mean, std, excess kurtosis
    (0 for a normal distribution) and the share within so many standard deviations of zero."""
    row: dict[str, Any] = {
        "layer": layer.name,
        "block": layer.block,
        "shape": "x".join(map(str, layer.stored.shape)),
        "count": layer.stored.numel(),
        "zeros": int((layer.stored == 0).sum()),
        "demodulated": layer.demodulated,
        "gain": float(layer.gain.mean()) if isinstance(layer.gain, Tensor) else layer.gain,
    }
    for prefix, values in (("stored", layer.stored), ("used", layer.used)):
        row |= {f"{prefix}_{key}": value for key, value in moments(values).items()}
    return row


def moments(values: Tensor) -> dict[str, float]:
    """min, max, mean, std, excess kurtosis, and `within_S` for S of `SHARES`: the share of |value| <= S std."""
    x = values.detach().double().flatten().cpu()
    mean, std = float(x.mean()), float(x.std(correction=0))
    kurtosis = float(((x - mean) / std).pow(4).mean()) - 3 if std > 0 else float("nan")
    shares = {f"within_{s:g}_sigma": float((x.abs() <= s * std).double().mean()) for s in SHARES}
    return {
        "min": float(x.min()),
        "max": float(x.max()),
        "mean": mean,
        "std": std,
        "excess_kurtosis": kurtosis,
        **shares,
    }


def histogram(layer: WeightLayer, bins: int = BINS) -> tuple[np.ndarray, np.ndarray]:
    """Edges float64 [bins + 1] from the smallest to the largest stored value, and counts int64 [bins]."""
    values = layer.stored.detach().flatten().cpu().numpy()
    counts, edges = np.histogram(values.astype(np.float64), bins=bins)
    return edges, counts


@dataclass(frozen=True)
class WeightStatistics:
    """The tables of one network: `rows` one a layer, `histograms` edges and counts by layer name, `totals`."""

    rows: list[dict[str, Any]]
    histograms: dict[str, tuple[np.ndarray, np.ndarray]]
    shown: list[str]
    totals: dict[str, Any]

    def histogram_rows(self) -> list[dict[str, Any]]:
        """One row a bin."""
        return [
            {"layer": name, "from": edges[i], "to": edges[i + 1], "count": int(count)}
            for name, (edges, counts) in self.histograms.items()
            for i, count in enumerate(counts)
        ]


@torch.no_grad()
def weight_statistics(network: nn.Module) -> WeightStatistics:
    """Statistics of every layer of `network` (a generator or a discriminator)."""
    layers = weight_layers(network)
    rows = [statistics(layer) for layer in layers]
    everything = torch.cat([layer.stored.flatten() for layer in layers])
    return WeightStatistics(
        rows=rows,
        histograms={layer.name: histogram(layer) for layer in layers},
        shown=[layer.name for layer in last_block_layers(layers)],
        totals={
            "layers": len(rows),
            "count": int(everything.numel()),
            "nonzero": int((everything != 0).sum()),
            "below_1": float((everything.abs() < 1).double().mean()),
        },
    )
