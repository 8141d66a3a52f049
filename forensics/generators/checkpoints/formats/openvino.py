"""MobileStyleGAN as its author released it: OpenVINO IR, two networks (mapping, synthesis) of an .xml and a .bin each.

Give either .xml; the other three files lie beside it. What the two graphs compute is traced (`openvino.tracing`), so
that only a MobileStyleGAN is read, of any size. Wavelet channels come in another order there: see `planar_order`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F

from forensics.core.cards import Card
from forensics.core.errors import CheckpointError
from forensics.core.files import sha256_bytes
from forensics.core.registry import register
from forensics.core.untrusted import FileBytes, read_untrusted
from forensics.generators.architectures.layers.equalised import LRELU_GAIN, LRELU_SLOPE
from forensics.generators.architectures.layers.wavelet import planar_order
from forensics.generators.checkpoints.checkpoint import Checkpoint, NetworkState, Plain, require_finite
from forensics.generators.checkpoints.formats.widths import channel_base_and_max
from forensics.generators.checkpoints.openvino.graph import (
    MAX_BLOB_BYTES,
    MAX_XML_BYTES,
    is_ir,
    parse_graph,
)
from forensics.generators.checkpoints.openvino.symbols import Dense, Layer, Maps
from forensics.generators.checkpoints.openvino.tracing import trace
from forensics.generators.checkpoints.weights_file import WeightsFile

W_AVG_SAMPLES: Final = 16_384
_LR_MULTIPLIER: Final = 0.01
_PARTS: Final = ("MappingNetwork", "SynthesisNetwork")

State = dict[str, torch.Tensor]


@register(
    "reader",
    "openvino",
    Card(
        "MobileStyleGAN's OpenVINO networks, mapping and synthesis, traced and never run.",
        paper="Belousov 2021, arXiv 2104.04767",
        domain="weights files",
    ),
)
class OpenVinoReader:
    """The reader of this format."""

    title = "OpenVINO network (MobileStyleGAN)"
    known_as = "MobileStyleGAN's OpenVINO .xml"

    @staticmethod
    def recognises(file: WeightsFile) -> bool:
        """XML whose root is <net>."""
        return is_ir(file.data)

    @staticmethod
    def read(file: WeightsFile) -> Checkpoint:
        """G, of the mapping and the synthesis network that lie in the folder of the file."""
        ours = next((part for part in _PARTS if part in file.path.name), None)
        if ours is None:
            raise CheckpointError(
                f"{file.path}: a MobileStyleGAN is two networks, and its files are named with"
                f" {' and '.join(_PARTS)}; give them those names"
            )
        files = [FileBytes(file.path, file.data, file.sha256)]
        traced: dict[str, Dense | Maps] = {}
        for part in _PARTS:
            xml = files[0]
            if part != ours:
                xml = _beside(
                    file.path, file.path.with_name(file.path.name.replace(ours, part)), MAX_XML_BYTES
                )
                files.append(xml)
            blob = _beside(file.path, xml.path.with_suffix(".bin"), MAX_BLOB_BYTES)
            files.append(blob)
            traced[part] = trace(xml.path, parse_graph(xml.path, xml.data, blob.data))
        network = _network(file.path, traced["MappingNetwork"], traced["SynthesisNetwork"])
        # One hash for the four files: of their hashes, sorted by name.
        digests = "".join(one.sha256 for one in sorted(files, key=lambda one: one.path.name))
        notes = [f"sha256 is that of the sha256 of {len(files)} files, in the order of their names"]
        n_bytes = sum(len(one.data) for one in files)
        return Checkpoint(
            str(file.path), sha256_bytes(digests.encode()), "openvino", {"G": network}, {}, notes, n_bytes
        )


def _beside(given: Path, path: Path, max_bytes: int) -> FileBytes:
    """A file that belongs to the one that was given: in its folder, and no link that leads out of it."""
    try:
        leads_out = path.is_symlink() and path.resolve().parent != given.resolve().parent
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f"{path}: cannot be read") from error
    if leads_out:
        raise CheckpointError(f"{path}: is a link that leads out of its folder; give the file itself")
    if not path.exists():
        raise CheckpointError(f"{path}: no such file; it belongs to {given.name}, put it beside")
    return read_untrusted(path, max_bytes, CheckpointError)


def _network(path: Path, mapping: Dense | Maps, synthesis: Dense | Maps) -> NetworkState:
    if not isinstance(mapping, Dense) or not isinstance(synthesis, Maps):
        raise CheckpointError(f"{path}: its two files are not a mapping and a synthesis network")
    dense = [*mapping.below, mapping]
    try:
        config = _config(path, dense, synthesis)
        state = _mapping_state(dense) | _synthesis_state(synthesis)
        notes = _finish(path, state)
    except (ValueError, IndexError, RuntimeError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{path}: the shapes of its layers do not fit together as a MobileStyleGAN's do"
        ) from error
    return NetworkState("mobile-stylegan", config, state, notes)


def _config(path: Path, dense: Sequence[Dense], synthesis: Maps) -> Plain:
    """Constructor arguments; ValueError where the layers are not a first one, threes, and a head."""
    layers = synthesis.layers
    kinds = "".join(_kind(layer) for layer in layers)
    n_levels = (len(layers) - 2) // 3
    if n_levels < 1 or kinds != "d" + "uss" * n_levels + "h" or synthesis.const is None:
        raise ValueError(kinds)
    widths = {4: _weight(layers[0]).shape[0]}
    for k in range(n_levels):
        widths[8 << k] = _weight(layers[3 * k + 3]).shape[0]
    base, largest = channel_base_and_max(str(path), widths)
    z_dim, w_dim = _dense_weight(dense[0]).shape[1], _dense_weight(dense[-1]).shape[0]
    if not all(layer.leaky and math.isclose(layer.gain, LRELU_GAIN, rel_tol=1e-5) for layer in dense):
        raise ValueError("gain")
    return {
        "z_dim": z_dim,
        "w_dim": w_dim,
        "img_resolution": 8 << n_levels,
        "img_channels": _weight(layers[-1]).shape[0] // 4,
        "channel_base": base,
        "channel_max": largest,
        "num_mapping_layers": len(dense),
    }


def _kind(layer: Layer) -> str:
    """d: dense convolution, s: separable, u: step up, h: image head, x: none of them."""
    if layer.weight is None:
        return "u" if layer.is_wavelet and layer.depthwise is None else "x"
    area = layer.weight.shape[2:]
    if layer.is_wavelet and layer.depthwise is None and not layer.leaky:
        return "h" if area == (1, 1) and layer.noise is None and layer.bias is not None else "x"
    if not layer.leaky or layer.noise is None or layer.bias is None or layer.is_wavelet:
        return "x"
    if layer.depthwise is not None:
        return "s" if area == (1, 1) and layer.depthwise.shape[2:] == (3, 3) else "x"
    return "d" if area == (3, 3) else "x"


def _weight(layer: Layer) -> np.ndarray:
    assert layer.weight is not None
    return layer.weight


def _dense_weight(layer: Dense) -> np.ndarray:
    if layer.weight is None:
        raise ValueError("no layer")
    return layer.weight


def _mapping_state(dense: Sequence[Dense]) -> State:
    """The layers under our names, at the learning rate multiplier of StyleGAN2's mapping."""
    state: State = {}
    for i, layer in enumerate(dense):
        weight = _tensor(_dense_weight(layer))
        state[f"mapping.fc{i}.weight"] = weight * (math.sqrt(weight.shape[1]) / _LR_MULTIPLIER)
        state[f"mapping.fc{i}.bias"] = _tensor(layer.bias).flatten() / _LR_MULTIPLIER
    return state


def _synthesis_state(synthesis: Maps) -> State:
    assert synthesis.const is not None
    state: State = {"synthesis.const": _tensor(synthesis.const)[0]}
    names = ["b4.conv"]
    for k in range((len(synthesis.layers) - 2) // 3):
        names += [f"b{8 << k}.{part}" for part in ("up", "conv0", "conv1")]
    names.append("torgb")
    for i, (name, layer) in enumerate(zip(names, synthesis.layers, strict=True)):
        after = synthesis.layers[i + 1] if i + 1 < len(names) else None
        makes_bands = name == "torgb" or (after is not None and after.weight is None)
        parts = _layer_state(layer, takes_bands=layer.weight is None, makes_bands=makes_bands)
        state |= {f"synthesis.{name}.{part}": value for part, value in parts.items()}
    return state


def _layer_state(layer: Layer, *, takes_bands: bool, makes_bands: bool) -> State:
    """One modulated layer under our names, its bands in our order; gains that differ from ours go into weights."""
    style = layer.style
    affine = _tensor(style.weight)
    state = {
        "affine.weight": affine * math.sqrt(affine.shape[1]),
        "affine.bias": _tensor(style.bias).flatten(),
    }
    if takes_bands:
        state = {name: value[planar_order(len(value))] for name, value in state.items()}
        if style.gain != 1.0:
            raise ValueError("gain")
        return state
    area = 1 if layer.depthwise is None and _weight(layer).shape[2] == 1 else 9
    ratio = style.gain * math.sqrt(_weight(layer).shape[1] * area)
    state["weight"] = _tensor(_weight(layer)) * (ratio if abs(ratio - 1) > 1e-6 else 1.0)
    state["bias"] = _tensor(layer.bias).flatten()
    if layer.depthwise is not None:
        state["depthwise"] = _tensor(layer.depthwise)
    if makes_bands:
        order = planar_order(len(state["bias"]))
        state |= {name: state[name][order] for name in ("weight", "bias")}
    if layer.noise is not None:
        state |= _noise_state(_tensor(layer.noise)[0, 0])
    return state


def _noise_state(noise: torch.Tensor) -> State:
    """The map [r, r] that is added as one of deviation 1, and its strength."""
    strength = noise.std(correction=0)
    return {"noise_strength": strength, "noise_const": noise / (strength if strength > 0 else 1.0)}


def _tensor(values: np.ndarray | None) -> torch.Tensor:
    if values is None or values.dtype != np.float32:
        raise ValueError("no numbers")
    return torch.from_numpy(values.copy())


def _finish(path: Path, state: State) -> list[str]:
    """Add the mean of W, which the files do not hold; the note that says so."""
    require_finite(path, "G", state)
    n = sum(1 for key in state if key.startswith("mapping.") and key.endswith("weight"))
    x = torch.randn(
        W_AVG_SAMPLES, state["mapping.fc0.weight"].shape[1], generator=torch.Generator().manual_seed(0)
    )
    state["mapping.w_avg"] = mapped([state[f"mapping.fc{i}.weight"] for i in range(n)], state, x).mean(dim=0)
    return [f"no w_avg in the files: the mean of {W_AVG_SAMPLES} latents of seed 0"]


def mapped(weights: Sequence[torch.Tensor], state: State, z: torch.Tensor) -> torch.Tensor:
    """w [n, w_dim] of z [n, z_dim], float32: pixel norm, then the mapping layers; any value."""
    x = z * (z.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()
    for i, weight in enumerate(weights):
        y = F.linear(
            x,
            weight * (_LR_MULTIPLIER / math.sqrt(weight.shape[1])),
            state[f"mapping.fc{i}.bias"] * _LR_MULTIPLIER,
        )
        x = F.leaky_relu(y, LRELU_SLOPE) * LRELU_GAIN
    return x
