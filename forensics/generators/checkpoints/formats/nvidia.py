"""NVIDIA's network pickles: stylegan2-ada-pytorch and stylegan3.

The top object is a dict of modules (G, D, G_ema, augment_pipe) and plain data. Each module was pickled with its
Python source, which NVIDIA's code executes on loading; here it is hashed and dropped, and the network is told
from the names and shapes of its tensors, its stored attributes and the arguments it was made with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from forensics.core.cards import Card
from forensics.core.errors import CheckpointError
from forensics.core.registry import register
from forensics.generators.checkpoints.checkpoint import (
    Checkpoint,
    NetworkState,
    Plain,
    listed,
    quoted,
)
from forensics.generators.checkpoints.formats import stylegan2_shapes
from forensics.generators.checkpoints.formats.nvidia_classes import KNOWN_SOURCES, surprises
from forensics.generators.checkpoints.formats.tensorflow import is_tensorflow
from forensics.generators.checkpoints.pickles.plain import plain_dict, plain_value
from forensics.generators.checkpoints.pickles.records import PersistentObject, StoredTensor
from forensics.generators.checkpoints.pickles.tensors import tensors_of
from forensics.generators.checkpoints.weights_file import WeightsFile

_MAX_DEPTH = 32
_MAX_MODULES = 20_000
_MAX_PREFIX = 500
_MAX_NETWORKS = 16
_MAX_SIGNS = 50

# Arguments of StyleGAN3's synthesis network and their defaults in NVIDIA's release.
_STYLEGAN3_DEFAULTS: Plain = {
    "channel_base": 32768,
    "channel_max": 512,
    "num_layers": 14,
    "num_critical": 2,
    "first_cutoff": 2,
    "first_stopband": 2**2.1,
    "last_stopband_rel": 2**0.3,
    "margin_size": 10,
    "output_scale": 0.25,
    "conv_kernel": 3,
    "filter_size": 6,
    "lrelu_upsampling": 2,
    "use_radial_filters": False,
    "conv_clamp": 256,
    "magnitude_ema_beta": 0.999,
}


def checkpoint_from(path: Path, value: Any, sha256: str, n_bytes: int) -> Checkpoint:
    """The networks of an NVIDIA pickle whose records are `value`. Raises CheckpointError."""
    if not isinstance(value, dict) or not any(isinstance(part, PersistentObject) for part in value.values()):
        raise CheckpointError(
            f"{path}: a pickle that holds no network (a {type(value).__name__});"
            " give a network snapshot of stylegan2-ada-pytorch or stylegan3, a rosinality or SrcNet checkpoint"
        )
    card: Plain = {}
    networks: dict[str, NetworkState] = {}
    notes: list[str] = []
    for name, part in value.items():
        if not isinstance(name, str) or not name or "/" in name or not name.isprintable():
            raise CheckpointError(f"{path}: {quoted(name)!r} cannot name a network")
        if isinstance(part, PersistentObject) and len(networks) < _MAX_NETWORKS:
            networks[name] = _network(f"{path}: {quoted(name)}", part, n_bytes)
        elif part is not None:
            card[name] = plain_value(part)
    if not any(network.kind in ("stylegan2", "stylegan3") for network in networks.values()):
        notes.append("no generator of a known architecture inside")
    return Checkpoint(str(path), sha256, "nvidia", networks, card, notes, n_bytes)


def _network(source: str, top: PersistentObject, n_bytes: int) -> NetworkState:
    modules = dict(_modules(source, top))
    stored = {
        f"{prefix}{key}": value
        for prefix, module in modules.items()
        for key, value in _tensors(source, module).items()
    }
    state = tensors_of(source, stored, n_bytes)
    kind, config, notes = _recognised(source, state, modules)
    origin: Plain = {"class_name": quoted(top.class_name), "source_sha256": top.source_sha256}
    strange = []
    if kind not in ("unknown", "augment-pipe"):
        strange = surprises((path, module.class_name, module.state) for path, module in modules.items())
        origin["fork_signs"] = [quoted(sign) for sign in strange[:_MAX_SIGNS]]
    if strange and top.source_sha256 not in KNOWN_SOURCES:
        notes.append(
            f"made by a fork: NVIDIA's releases have no {listed(strange)};"
            " it may compute other images from these weights than this toolkit does"
        )
    return NetworkState(kind, config, state, notes, origin)


def _modules(source: str, top: PersistentObject) -> Iterator[tuple[str, PersistentObject]]:
    """(prefix, module) of `top` and everything below; prefix is "" or ends with a dot."""
    waiting = [("", top, 0)]
    seen = 0
    while waiting:
        prefix, module, depth = waiting.pop()
        seen += 1
        if depth > _MAX_DEPTH or seen > _MAX_MODULES or len(prefix) > _MAX_PREFIX:
            raise CheckpointError(f"{source}: modules nested too deep or too many; refused")
        yield prefix, module
        children = _part(source, module, "_modules")
        for name, child in reversed(list(children.items())):
            if child is None:
                continue
            if not isinstance(child, PersistentObject):
                raise CheckpointError(
                    f"{source}: {quoted(prefix + name)} is a {type(child).__name__}, not a module"
                )
            waiting.append((f"{prefix}{name}.", child, depth + 1))


def _part(source: str, module: PersistentObject, part: str) -> Mapping[str, Any]:
    found = module.state.get(part, {})
    if not isinstance(found, dict) or any(not isinstance(name, str) or not name for name in found):
        raise CheckpointError(f"{source}: {part} of {quoted(module.class_name)} is not a dict of names")
    return found


def _tensors(source: str, module: PersistentObject) -> dict[str, StoredTensor]:
    transient = module.state.get("_non_persistent_buffers_set") or set()
    if not isinstance(transient, set):
        raise CheckpointError(f"{source}: _non_persistent_buffers_set is not a set")
    found: dict[str, StoredTensor] = {}
    for part in ("_parameters", "_buffers"):
        for name, value in _part(source, module, part).items():
            if value is None or (part == "_buffers" and name in transient):
                continue
            if not isinstance(value, StoredTensor):
                raise CheckpointError(f"{source}: {quoted(name)} is a {type(value).__name__}, not a tensor")
            found[name] = value
    return found


Modules = Mapping[str, PersistentObject]
Recognised = tuple[str, Plain, list[str]]


def _recognised(source: str, state: Mapping[str, torch.Tensor], modules: Modules) -> Recognised:
    """(kind, config, notes) by the names of the tensors: class names are the same in all releases."""
    if "synthesis.b4.const" in state:
        return _stylegan2(source, state, modules)
    if "synthesis.input.freqs" in state:
        return _stylegan3(source, state, modules)
    if "b4.out.weight" in state and "b4.conv.weight" in state:
        return _discriminator(source, state, modules)
    claimed = plain_dict(_arguments(modules[""]))
    if "Hz_geom" in state:
        return "augment-pipe", claimed, []
    return "unknown", claimed, ["an architecture that this toolkit does not know"]


def _arguments(module: PersistentObject) -> Plain:
    """The keyword arguments a module was made with, those nested in *_kwargs included (ADA nests them)."""
    given = module.state.get("_init_kwargs")
    if not isinstance(given, dict):
        return {}
    flat = {name: value for name, value in given.items() if isinstance(name, str)}
    for name in ("synthesis_kwargs", "block_kwargs", "mapping_kwargs", "epilogue_kwargs"):
        nested = flat.pop(name, None)
        if isinstance(nested, dict):
            renamed = {"num_layers": "num_mapping_layers"} if name == "mapping_kwargs" else {}
            flat |= {renamed.get(key, key): value for key, value in nested.items() if isinstance(key, str)}
    return flat


def _attribute(modules: Modules, prefix: str, name: str, default: Any) -> Any:
    """A number, text or None that the module at `prefix` stores, or `default`."""
    if prefix not in modules:
        return default
    value = modules[prefix].state.get(name, default)
    return value if value is None or isinstance(value, bool | int | float | str) else default


def _stylegan2(source: str, state: Mapping[str, torch.Tensor], modules: Modules) -> Recognised:
    claimed = _arguments(modules[""])
    config = stylegan2_shapes.generator_config(source, state, claimed)
    config["conv_clamp"] = _attribute(modules, "synthesis.b4.conv1.", "conv_clamp", claimed.get("conv_clamp"))
    multiplier = _attribute(modules, "mapping.fc0.", "bias_gain", 0.01)
    if multiplier != 0.01:
        config["mapping_lr_multiplier"] = multiplier
    _require_lrelu(source, modules, "synthesis.b4.conv1.")
    return "stylegan2", config, []


def _discriminator(source: str, state: Mapping[str, torch.Tensor], modules: Modules) -> Recognised:
    claimed = _arguments(modules[""])
    config = stylegan2_shapes.discriminator_config(source, state, claimed)
    config["conv_clamp"] = _attribute(modules, "b4.conv.", "conv_clamp", claimed.get("conv_clamp"))
    config["mbstd_group_size"] = _attribute(modules, "b4.mbstd.", "group_size", 4)
    _require_lrelu(source, modules, "b4.conv.")
    return "stylegan2-discriminator", config, []


def _require_lrelu(source: str, modules: Modules, prefix: str) -> None:
    activation = _attribute(modules, prefix, "activation", "lrelu")
    if activation != "lrelu":
        raise CheckpointError(
            f"{source}: its activation is {quoted(activation)}; the networks here use lrelu only"
        )


def _stylegan3(source: str, state: Mapping[str, torch.Tensor], modules: Modules) -> Recognised:
    claimed = _arguments(modules[""])
    config = {name: claimed.get(name, default) for name, default in _STYLEGAN3_DEFAULTS.items()}
    for name in ("num_layers", "num_critical", "margin_size", "output_scale"):
        config[name] = _attribute(modules, "synthesis.", name, config[name])
    layer = next((prefix for prefix in modules if re.fullmatch(r"synthesis\.L0_\d+_\d+\.", prefix)), "")
    config["conv_clamp"] = _attribute(modules, layer, "conv_clamp", config["conv_clamp"])
    conditional = "mapping.embed.weight" in state
    embedded, c_dim = (
        stylegan2_shapes.need(source, state, "mapping.embed.weight", 2) if conditional else (0, 0)
    )
    config |= {
        "z_dim": stylegan2_shapes.need(source, state, "mapping.fc0.weight", 2)[1] - embedded,
        "c_dim": c_dim,
        "w_dim": stylegan2_shapes.need(source, state, "synthesis.input.affine.weight", 2)[1],
        "img_resolution": _attribute(modules, "", "img_resolution", claimed.get("img_resolution")),
        "img_channels": _attribute(modules, "", "img_channels", claimed.get("img_channels", 3)),
        "num_mapping_layers": stylegan2_shapes.count_numbered(state, r"mapping\.fc(\d{1,3})\.weight"),
    }
    return "stylegan3", config, []


@register(
    "reader",
    "nvidia",
    Card(
        "NVIDIA's network pickles, read without running the source inside them.",
        domain="weights files",
        paper="stylegan2-ada-pytorch and stylegan3",
    ),
)
class NvidiaReader:
    """The reader of this format."""

    title = "NVIDIA pickle (stylegan2-ada-pytorch or stylegan3)"
    known_as = "NVIDIA .pkl"

    @staticmethod
    def recognises(file: WeightsFile) -> bool:
        """A pickle that torch.save did not write, and that holds no networks of TensorFlow."""
        return file.is_pickle and not is_tensorflow(file.pickled_object)

    @staticmethod
    def read(file: WeightsFile) -> Checkpoint:
        """G, D, G_ema and what else it holds; its Python source is hashed and dropped."""
        return checkpoint_from(file.path, file.pickled_object, file.sha256, file.n_bytes)
