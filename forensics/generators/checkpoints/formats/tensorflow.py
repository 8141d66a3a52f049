"""NVIDIA's TensorFlow pickles: StyleGAN and StyleGAN2, their variables alone.

The top object is a tuple (G, D, Gs) of networks, or one of them. Each is a record of its version, the settings it was
made with, Python source that NVIDIA's code runs on loading (here it is hashed and dropped), its parts, and its
variables: pairs of name and array. What a network is, is told from the names of its variables.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import torch

from forensics.core.cards import Card
from forensics.core.errors import CheckpointError
from forensics.core.files import sha256_bytes
from forensics.core.registry import register
from forensics.generators.checkpoints.checkpoint import Checkpoint, NetworkState, Plain, listed, quoted
from forensics.generators.checkpoints.formats import stylegan2_shapes
from forensics.generators.checkpoints.formats import tensorflow_names as names
from forensics.generators.checkpoints.formats.widths import channel_base_and_max
from forensics.generators.checkpoints.pickles.constructors import TENSORFLOW_NETWORK
from forensics.generators.checkpoints.pickles.records import ClaimedObject, NumpyArray, NumpyDtype
from forensics.generators.checkpoints.pickles.tensors import tensors_of
from forensics.generators.checkpoints.weights_file import WeightsFile

_CLASS: Final = ".".join(TENSORFLOW_NETWORK)
_ORDER: Final = ("G", "D", "G_ema")
_MAX_DEPTH: Final = 3
_MAX_VARIABLES: Final = 5_000
MAX_RESOLUTION: Final = 4096
# Settings that change what the weights compute, and the values that the networks here have.
_REQUIRED: Final[Mapping[str, tuple[object, ...]]] = {
    "nonlinearity": ("lrelu",),
    "mapping_nonlinearity": ("lrelu",),
    "normalize_latents": (True,),
    "use_noise": (True,),
    "use_styles": (True,),
    "use_instance_norm": (True,),
    "use_pixel_norm": (False,),
    "use_wscale": (True,),
    "mapping_use_wscale": (True,),
    "const_input_layer": (True,),
    "blur_filter": ([1, 2, 1], (1, 2, 1)),
    "resample_kernel": ([1, 3, 3, 1], (1, 3, 3, 1)),
}


def is_tensorflow(value: Any) -> bool:
    """Whether the object of a pickle is one network of the TensorFlow releases, or three."""
    parts = value if isinstance(value, tuple | list) else (value,)
    return len(parts) in (1, len(_ORDER)) and all(
        isinstance(part, ClaimedObject) and part.class_name == _CLASS for part in parts
    )


def checkpoint_from(path: Path, value: Any, sha256: str, n_bytes: int) -> Checkpoint:
    """The networks of a TensorFlow pickle whose records are `value`. Raises CheckpointError."""
    parts = value if isinstance(value, tuple | list) else (value,)
    called = _ORDER if len(parts) == len(_ORDER) else ("G_ema",)
    networks = {
        name: _network(f"{path}: {name}", part, n_bytes) for name, part in zip(called, parts, strict=True)
    }
    return Checkpoint(str(path), sha256, "tensorflow", networks, {}, [], n_bytes)


def _network(source: str, top: ClaimedObject, n_bytes: int) -> NetworkState:
    stored: dict[str, Any] = {}
    for name, array in _variables(source, top, "", 0):
        if name in stored or len(stored) >= _MAX_VARIABLES:
            raise CheckpointError(
                f"{source}: {quoted(name)} comes twice, or its variables are too many; refused"
            )
        stored[name] = array
    settings = _settings(source, top)
    theirs = tensors_of(source, stored, n_bytes)
    kind, config, state = _recognised(source, theirs, settings)
    return NetworkState(kind, config, state, [], _origin(top))


def _variables(source: str, part: ClaimedObject, prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    """(name, record of an array) of a network and its parts."""
    own, inner = part.state.get("variables"), part.state.get("components") or {}
    if depth > _MAX_DEPTH or not isinstance(own, list) or not isinstance(inner, dict):
        raise CheckpointError(f"{source}: a network without variables, or parts nested too deep; refused")
    for pair in own:
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not isinstance(pair[0], str):
            raise CheckpointError(f"{source}: a variable that is no pair of name and array; refused")
        yield prefix + pair[0], _array(pair[1])
    for name, child in inner.items():
        if not isinstance(name, str) or not is_tensorflow(child) or not isinstance(child, ClaimedObject):
            raise CheckpointError(f"{source}: {quoted(name)} is no part of a network; refused")
        yield from _variables(source, child, f"{prefix}{name}/", depth + 1)


def _array(value: Any) -> Any:
    """The record of an array; TensorFlow gives a variable without dimensions as a number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return NumpyArray((), NumpyDtype("f8"), False, struct.pack("<d", value))
    return value


def _settings(source: str, top: ClaimedObject) -> Plain:
    given = top.state.get("static_kwargs")
    settings = given if isinstance(given, dict) else {}
    for name, allowed in _REQUIRED.items():
        if settings.get(name, allowed[0]) not in allowed:
            raise CheckpointError(
                f"{source}: was made with {name} {quoted(settings[name])}; the networks here have {allowed[0]}"
            )
    return settings


def _origin(top: ClaimedObject) -> Plain:
    code = top.state.get("build_module_src")
    digest = sha256_bytes(code.encode("utf-8", "surrogatepass")) if isinstance(code, str) else ""
    function = quoted(top.state.get("build_func_name") or "")
    return {"class_name": _CLASS, "build_function": function, "source_sha256": digest}


State = dict[str, torch.Tensor]
Recognised = tuple[str, Plain, State]


def _recognised(source: str, theirs: State, settings: Plain) -> Recognised:
    """(kind, config, our tensors) by the names of the variables."""
    if "synthesis/4x4/Conv/mod_weight" in theirs:
        return _stylegan2(source, theirs, settings)
    if "synthesis/4x4/Const/StyleMod/weight" in theirs:
        return _stylegan(source, theirs, settings)
    if "Output/weight" in theirs and "4x4/Dense0/weight" in theirs:
        state = _ours(source, theirs, names.STYLEGAN2_DISCRIMINATOR)
        config = stylegan2_shapes.discriminator_config(source, state)
        clamp = _number(source, settings, "conv_clamp", None)
        config |= {"conv_clamp": clamp, "mbstd_group_size": _number(source, settings, "mbstd_group_size", 4)}
        return "stylegan2-discriminator", config, state | names.filters(state)
    if "FromRGB_lod0/weight" in theirs and "4x4/Dense1/weight" in theirs:
        return _stylegan_discriminator(source, theirs, settings)
    raise CheckpointError(
        f"{source}: a TensorFlow network that is neither StyleGAN nor StyleGAN2 (it has {listed(list(theirs))})"
    )


def _stylegan2(source: str, theirs: State, settings: Plain) -> Recognised:
    maps = names.noise_maps(theirs, names.stylegan2_noise)
    theirs.pop("lod", None)
    state = _ours(source, theirs, names.STYLEGAN2) | maps
    config = stylegan2_shapes.generator_config(source, state)
    config["conv_clamp"] = _number(source, settings, "conv_clamp", None)
    multiplier = _number(source, settings, "mapping_lrmul", 0.01)
    if multiplier != 0.01:
        config["mapping_lr_multiplier"] = multiplier
    return "stylegan2", config, state | names.filters(state)


def _stylegan(source: str, theirs: State, settings: Plain) -> Recognised:
    maps = names.noise_maps(theirs, names.stylegan_noise)
    sizes = _sizes(source, theirs, "synthesis/{0}x{0}/Conv1/weight")
    fused = settings.get("fused_scale", "auto")
    if fused not in ("auto", True, False):
        raise CheckpointError(
            f"{source}: was made with fused_scale {quoted(fused)}; known are auto, True, False"
        )
    rules = names.stylegan(None if fused == "auto" else bool(fused))
    state = _ours(source, names.by_size(theirs, sizes[-1]), rules) | maps
    widths = {r: _length(source, state, f"synthesis.b{r}.layer1.bias") for r in [4, *sizes]}
    base, largest = channel_base_and_max(source, widths)
    config: Plain = {
        "z_dim": stylegan2_shapes.need(source, state, "mapping.fc0.weight", 2)[1],
        "w_dim": stylegan2_shapes.need(source, state, "synthesis.b4.layer0.affine.weight", 2)[1],
        "img_resolution": sizes[-1],
        "img_channels": stylegan2_shapes.need(source, state, "synthesis.b4.torgb.weight", 4)[0],
        "channel_base": base,
        "channel_max": largest,
        "num_mapping_layers": stylegan2_shapes.count_numbered(state, r"mapping\.fc(\d{1,3})\.weight"),
        "mapping_lr_multiplier": _number(source, settings, "mapping_lrmul", 0.01),
    }
    return "stylegan", config, {"synthesis.lod": torch.zeros([])} | state


def _stylegan_discriminator(source: str, theirs: State, settings: Plain) -> Recognised:
    sizes = _sizes(source, theirs, "{0}x{0}/Conv0/weight")
    state = _ours(source, names.by_size(theirs, sizes[-1]), names.STYLEGAN_DISCRIMINATOR)
    widths = {r: _length(source, state, f"b{r}.conv0.bias") for r in sizes}
    widths[4], with_std = stylegan2_shapes.need(source, state, "b4.conv.weight", 4)[:2]
    base, largest = channel_base_and_max(source, widths)
    config: Plain = {
        "img_resolution": sizes[-1],
        "img_channels": stylegan2_shapes.need(source, state, "b4.fromrgb.weight", 4)[1],
        "channel_base": base,
        "channel_max": largest,
        "mbstd_group_size": _number(source, settings, "mbstd_group_size", 4),
        "mbstd_num_channels": with_std - widths[4],
    }
    return "stylegan-discriminator", config, {"lod": torch.zeros([])} | state


def _length(source: str, state: State, key: str) -> int:
    return stylegan2_shapes.need(source, state, key, 1)[0]


def _sizes(source: str, theirs: State, pattern: str) -> list[int]:
    """8, 16 ... the sizes in pixels whose variable is there. Raises CheckpointError for none."""
    doubled = (8 << k for k in range(MAX_RESOLUTION.bit_length() - 3))
    sizes = [r for r in doubled if pattern.format(r) in theirs]
    if not sizes or sizes != [8 << k for k in range(len(sizes))]:
        raise CheckpointError(f"{source}: blocks at {sizes}; this reads doubling ones from 8 px on")
    return sizes


def _ours(source: str, theirs: State, rules: tuple[names.Rule, ...]) -> State:
    state, unknown = names.renamed(theirs, rules)
    if unknown:
        raise CheckpointError(
            f"{source}: has variables that NVIDIA's network has not, or of another shape: {listed(unknown)}"
        )
    return state


def _number(source: str, settings: Plain, name: str, default: float | None) -> float | None:
    """A setting that is a number, or None where that is what stands there or nothing does."""
    value = settings.get(name, default)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise CheckpointError(f"{source}: was made with {name} {quoted(value)}, which is no number")
    return value


@register(
    "reader",
    "tensorflow",
    Card(
        "NVIDIA's TensorFlow pickles of StyleGAN and StyleGAN2: their variables, without TensorFlow or their source.",
        domain="weights files",
        paper="stylegan, stylegan2 and stylegan2-ada",
    ),
)
class TensorFlowReader:
    """The reader of this format."""

    title = "NVIDIA TensorFlow pickle (StyleGAN or StyleGAN2)"
    known_as = "NVIDIA TensorFlow .pkl"

    @staticmethod
    def recognises(file: WeightsFile) -> bool:
        """A pickle of networks of `dnnlib.tflib`."""
        return file.is_pickle and is_tensorflow(file.pickled_object)

    @staticmethod
    def read(file: WeightsFile) -> Checkpoint:
        """G, D and G_ema; their Python source is hashed and dropped."""
        return checkpoint_from(file.path, file.pickled_object, file.sha256, file.n_bytes)
