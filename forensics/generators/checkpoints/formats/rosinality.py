"""The .pt files of rosinality's stylegan2-pytorch: how its keys and ours name the same tensors, and the reader.

The same network as NVIDIA's, without labels or clamp, with skip generator and resnet discriminator. Tensors differ
by added dimensions of one; the blur kernels are NVIDIA's filters, times 4 where they upsample. One table of pairs
of keys serves reader and writer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from forensics.core.cards import Card
from forensics.core.errors import CheckpointError
from forensics.core.registry import register
from forensics.generators.checkpoints.checkpoint import Checkpoint, NetworkState, listed
from forensics.generators.checkpoints.formats import stylegan2_shapes
from forensics.generators.checkpoints.pickles.plain import plain_value
from forensics.generators.checkpoints.pickles.tensors import tensors_of
from forensics.generators.checkpoints.weights_file import WeightsFile

W_AVG_SAMPLES = 4096  # as rosinality's generate.py takes for its mean latent
MAX_RESOLUTION = 4096
_NETWORKS = {"g_ema": "G_ema", "g": "G", "d": "D"}


class Pair(NamedTuple):
    """One tensor under both names. Theirs has `before` and `after` more dimensions of one at its ends."""

    theirs: str
    ours: str
    before: int = 0
    after: int = 0
    gain: float = 1.0  # theirs = ours * gain


def generator_pairs(resolution: int, num_mapping_layers: int) -> list[Pair]:
    """Every tensor of a generator of `resolution` pixels, filters apart."""
    pairs = [
        Pair(f"style.{i + 1}.{part}", f"mapping.fc{i}.{part}")
        for i in range(num_mapping_layers)
        for part in ("weight", "bias")
    ]
    pairs.append(Pair("input.input", "synthesis.b4.const", before=1))
    pairs += _layer("conv1", "noises.noise_0", "synthesis.b4.conv1") + _to_rgb(
        "to_rgb1", "synthesis.b4.torgb"
    )
    for k in range(int(math.log2(resolution)) - 2):
        block = f"synthesis.b{8 << k}"
        for j in (0, 1):
            pairs += _layer(f"convs.{2 * k + j}", f"noises.noise_{2 * k + 1 + j}", f"{block}.conv{j}")
        pairs.append(Pair(f"convs.{2 * k}.conv.blur.kernel", f"{block}.conv0.resample_filter", gain=4.0))
        pairs += _to_rgb(f"to_rgbs.{k}", f"{block}.torgb")
        pairs.append(Pair(f"to_rgbs.{k}.upsample.kernel", f"{block}.resample_filter", gain=4.0))
    return pairs


def _layer(theirs: str, noise: str, ours: str) -> list[Pair]:
    return [
        Pair(f"{theirs}.conv.weight", f"{ours}.weight", before=1),
        Pair(f"{theirs}.conv.modulation.weight", f"{ours}.affine.weight"),
        Pair(f"{theirs}.conv.modulation.bias", f"{ours}.affine.bias"),
        Pair(f"{theirs}.noise.weight", f"{ours}.noise_strength", before=1),
        Pair(f"{theirs}.activate.bias", f"{ours}.bias"),
        Pair(noise, f"{ours}.noise_const", before=2),
    ]


def _to_rgb(theirs: str, ours: str) -> list[Pair]:
    return [
        Pair(f"{theirs}.conv.weight", f"{ours}.weight", before=1),
        Pair(f"{theirs}.conv.modulation.weight", f"{ours}.affine.weight"),
        Pair(f"{theirs}.conv.modulation.bias", f"{ours}.affine.bias"),
        Pair(f"{theirs}.bias", f"{ours}.bias", before=1, after=2),
    ]


def discriminator_pairs(resolution: int) -> list[Pair]:
    """Every tensor of a discriminator of `resolution` pixels."""
    pairs = [
        Pair("convs.0.0.weight", f"b{resolution}.fromrgb.weight"),
        Pair("convs.0.1.bias", f"b{resolution}.fromrgb.bias"),
    ]
    for j in range(1, int(math.log2(resolution)) - 1):
        theirs, ours = f"convs.{j}", f"b{resolution >> (j - 1)}"
        pairs += [
            Pair(f"{theirs}.conv1.0.weight", f"{ours}.conv0.weight"),
            Pair(f"{theirs}.conv1.1.bias", f"{ours}.conv0.bias"),
            Pair(f"{theirs}.conv2.0.kernel", f"{ours}.conv1.resample_filter"),
            Pair(f"{theirs}.conv2.1.weight", f"{ours}.conv1.weight"),
            Pair(f"{theirs}.conv2.2.bias", f"{ours}.conv1.bias"),
            Pair(f"{theirs}.skip.0.kernel", f"{ours}.skip.resample_filter"),
            Pair(f"{theirs}.skip.1.weight", f"{ours}.skip.weight"),
        ]
    for theirs, ours in (("final_conv.0", "conv"), ("final_linear.0", "fc"), ("final_linear.1", "out")):
        bias = "final_conv.1.bias" if ours == "conv" else f"{theirs}.bias"
        pairs += [Pair(f"{theirs}.weight", f"b4.{ours}.weight"), Pair(bias, f"b4.{ours}.bias")]
    return pairs


def generator_filters(resolution: int) -> list[str]:
    """Our filter buffers that rosinality does not have: same numbers, unused by these networks or shared."""
    first = ["synthesis.b4.resample_filter", "synthesis.b4.conv1.resample_filter"]
    return first + [
        f"synthesis.b{8 << k}.conv1.resample_filter" for k in range(int(math.log2(resolution)) - 2)
    ]


def discriminator_filters(resolution: int) -> list[str]:
    """As `generator_filters`, for the discriminator."""
    blocks = [f"b{8 << k}" for k in range(int(math.log2(resolution)) - 2)]
    names = [f"{block}{part}.resample_filter" for block in blocks for part in ("", ".conv0")]
    return [*names, f"b{resolution}.fromrgb.resample_filter", "b4.conv.resample_filter"]


def is_rosinality(value: Any) -> bool:
    """Whether the object of a torch.save file is a rosinality checkpoint."""
    return isinstance(value, dict) and any(
        isinstance(value.get(name), dict) and "input.input" in value[name] for name in ("g_ema", "g")
    )


def checkpoint_from(path: Path, value: dict[Any, Any], sha256: str, n_bytes: int) -> Checkpoint:
    """The networks of a rosinality checkpoint whose records are `value`. Raises CheckpointError."""
    known = {*_NETWORKS, "latent_avg", "g_optim", "d_optim"}
    card = {str(name): plain_value(part) for name, part in value.items() if name not in known}
    w_avg = None
    if value.get("latent_avg") is not None:
        w_avg = tensors_of(f"{path}: the top", {"latent_avg": value["latent_avg"]}, n_bytes)["latent_avg"]
    networks: dict[str, NetworkState] = {}
    for theirs, ours in _NETWORKS.items():
        if theirs not in value:
            continue
        if not isinstance(value[theirs], dict):
            raise CheckpointError(f"{path}: {theirs} is a {type(value[theirs]).__name__}, not a state dict")
        state = tensors_of(f"{path}: {theirs}", value[theirs], n_bytes)
        source = f"{path}: {theirs}"
        networks[ours] = _discriminator(source, state) if theirs == "d" else _generator(source, state, w_avg)
    dropped = [name for name in ("g_optim", "d_optim") if name in value]
    notes = [f"optimiser states are not read ({', '.join(dropped)})"] if dropped else []
    return Checkpoint(str(path), sha256, "rosinality", networks, card, notes, n_bytes)


def _generator(source: str, state: dict[str, torch.Tensor], w_avg: torch.Tensor | None) -> NetworkState:
    if any("iwt" in key for key in state):
        raise CheckpointError(f"{source}: a SWAGAN (wavelet) generator, which is not StyleGAN2")
    notes: list[str] = []
    layers = stylegan2_shapes.count_numbered(state, r"convs\.(\d{1,2})\.conv\.weight")
    resolution = _bounded(source, 4 << (layers // 2))
    mapping = sum(1 for key in state if re.fullmatch(r"style\.\d{1,3}\.weight", key))
    pairs = generator_pairs(resolution, mapping)
    if "noises.noise_0" not in state:
        # Early versions drew noise on every call; any fixed maps do, these depend on nothing.
        _draw_noise(state, pairs, resolution)
        notes.append("no noise maps in the file: drawn from seed 0")
    ours = _renamed(source, state, pairs, generator_filters(resolution))
    config = stylegan2_shapes.generator_config(source, ours)
    if w_avg is None:
        w_avg = _mean_w(ours, config)
        notes.append(f"no latent_avg in the file: w_avg is the mean of {W_AVG_SAMPLES} latents of seed 0")
    ours["mapping.w_avg"] = w_avg.reshape(-1)
    return NetworkState("stylegan2", config, ours, notes)


def _discriminator(source: str, state: dict[str, torch.Tensor]) -> NetworkState:
    if any("dwt" in key for key in state):
        raise CheckpointError(f"{source}: a SWAGAN (wavelet) discriminator, which is not StyleGAN2")
    blocks = sum(1 for key in state if re.fullmatch(r"convs\.\d{1,2}\.conv1\.0\.weight", key))
    resolution = _bounded(source, 4 << blocks)
    ours = _renamed(source, state, discriminator_pairs(resolution), discriminator_filters(resolution))
    config = stylegan2_shapes.discriminator_config(source, ours)
    return NetworkState("stylegan2-discriminator", config, ours)


def _bounded(source: str, resolution: int) -> int:
    if not 8 <= resolution <= MAX_RESOLUTION:
        raise CheckpointError(f"{source}: a network of {resolution} pixels; this reads 8 to {MAX_RESOLUTION}")
    return resolution


def _renamed(
    source: str, state: Mapping[str, torch.Tensor], pairs: list[Pair], filters: list[str]
) -> dict[str, torch.Tensor]:
    """Our state dict of theirs. Raises CheckpointError listing what is missing, extra or misshapen."""
    missing = [pair.theirs for pair in pairs if pair.theirs not in state]
    extra = sorted(set(state) - {pair.theirs for pair in pairs})
    if missing or extra:
        parts = [f"no {listed(missing)}"] if missing else []
        parts += [f"unknown {listed(extra)}"] if extra else []
        raise CheckpointError(f"{source}: not rosinality's network as it is known here: {'; '.join(parts)}")
    ours = {pair.ours: _reshaped(source, state[pair.theirs], pair) for pair in pairs}
    kernels = {key: value for key, value in ours.items() if key.endswith("resample_filter")}
    if kernels:
        one = next(iter(kernels.values()))
        ours |= {name: one.clone() for name in filters}
    return ours


def _reshaped(source: str, theirs: torch.Tensor, pair: Pair) -> torch.Tensor:
    """Ours from theirs: without the dimensions of one at its ends, and without the gain."""
    shape = tuple(theirs.shape)
    inside = shape[pair.before : len(shape) - pair.after]
    if shape != (1,) * pair.before + inside + (1,) * pair.after:
        raise CheckpointError(f"{source}: {pair.theirs} has the shape {list(shape)}")
    return (theirs / pair.gain).reshape(inside)


def _draw_noise(state: dict[str, torch.Tensor], pairs: list[Pair], resolution: int) -> None:
    seeded = torch.Generator().manual_seed(0)
    for pair in pairs:
        if pair.ours.endswith("noise_const"):
            r = int(pair.ours.split(".")[1].removeprefix("b"))
            state[pair.theirs] = torch.randn(1, 1, r, r, generator=seeded)


def _mean_w(state: Mapping[str, torch.Tensor], config: Mapping[str, Any]) -> torch.Tensor:
    """Mean of w over latents of seed 0: pixel norm, then the mapping layers at learning rate multiplier 0.01."""
    x = torch.randn(W_AVG_SAMPLES, config["z_dim"], generator=torch.Generator().manual_seed(0))
    x = x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()
    for i in range(config["num_mapping_layers"]):
        weight, bias = state[f"mapping.fc{i}.weight"], state[f"mapping.fc{i}.bias"]
        x = F.linear(x, weight * (0.01 / math.sqrt(weight.shape[1])), bias * 0.01)
        x = F.leaky_relu(x, 0.2) * math.sqrt(2)
    return x.mean(dim=0)


@register(
    "reader",
    "rosinality",
    Card("Checkpoints of rosinality's stylegan2-pytorch.", domain="weights files"),
)
class RosinalityReader:
    """The reader of this format."""

    title = "rosinality stylegan2-pytorch checkpoint"
    known_as = "rosinality's StyleGAN2 .pt (g_ema, d)"

    @staticmethod
    def recognises(file: WeightsFile) -> bool:
        """A torch.save file whose g_ema or g has rosinality's names."""
        return is_rosinality(file.torch_object)

    @staticmethod
    def read(file: WeightsFile) -> Checkpoint:
        """g_ema, g and d under our names."""
        return checkpoint_from(file.path, file.torch_object, file.sha256, file.n_bytes)
