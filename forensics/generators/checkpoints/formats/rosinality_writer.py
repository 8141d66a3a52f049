"""Writing rosinality's .pt: what rosinality's code can compute of a checkpoint, and what it cannot.

That code has no labels, no clamp, one architecture a network, a mapping with learning rate multiplier 0.01,
z as wide as w, and minibatch groups of 4. A generator that needs more is refused, a discriminator is left out,
and what only changes numbers in rare cases is reported.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from forensics.core.errors import CheckpointError
from forensics.core.files import sha256_bytes, write_bytes
from forensics.generators.checkpoints.building import empty, misfit
from forensics.generators.checkpoints.checkpoint import Checkpoint, NetworkState
from forensics.generators.checkpoints.formats.rosinality import Pair, discriminator_pairs, generator_pairs

_BASE_WIDTHS = {4: 512, 8: 512, 16: 512, 32: 512}


@dataclass
class Written:
    """sha256 of the new file; (name there, name here) of what is in it; what was left out or changes."""

    sha256: str
    networks: dict[str, str]
    dropped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def write_rosinality(path: Path, checkpoint: Checkpoint) -> Written:
    """Write g_ema, latent_avg and, where there are such networks, g and d of `checkpoint` to `path`, atomically.

    Equal networks give equal bytes. Raises CheckpointError where no generator can be carried.
    """
    averaged = "G_ema" if "G_ema" in checkpoint.networks else "G"
    generator = checkpoint.networks.get(averaged)
    if generator is None or (reasons := generator_obstacles(generator)):
        why = "no generator inside" if generator is None else f"{averaged} {'; '.join(reasons)}"
        raise CheckpointError(f"{checkpoint.path}: rosinality's code cannot hold it: {why}")
    written = Written("", {"g_ema": averaged}, notes=_generator_notes(generator))
    value: dict[str, object] = {"g_ema": _generator_state(generator)}
    for theirs, ours in (("g", "G"), ("d", "D")):
        network = checkpoint.networks.get(ours)
        if network is None or ours == averaged:
            continue
        obstacles = generator_obstacles(network) if ours == "G" else discriminator_obstacles(network)
        if obstacles:
            written.dropped.append(f"{ours}: {'; '.join(obstacles)}")
            continue
        value[theirs] = _generator_state(network) if ours == "G" else _discriminator_state(network)
        written.networks[theirs] = ours
        if ours == "D":
            written.notes += _discriminator_notes(network)
    others = [name for name in checkpoint.networks if name not in ("G", "D", "G_ema")]
    written.dropped += [f"{name}: has no place in rosinality's format" for name in others]
    value["latent_avg"] = generator.state["mapping.w_avg"].clone()
    stream = io.BytesIO()
    torch.save(value, stream)
    write_bytes(path, stream.getvalue())
    written.sha256 = sha256_bytes(stream.getvalue())
    return written


def generator_obstacles(network: NetworkState) -> list[str]:
    """Why rosinality's Generator cannot compute this network; empty where it can."""
    if network.kind != "stylegan2":
        return [f"is a {network.kind}, and rosinality's code is StyleGAN2"]
    if wrong := misfit(empty(network).state_dict(), network.state):
        return [f"does not fit its config ({wrong})"]
    config, reasons = network.config, []
    if config.get("c_dim"):
        reasons.append(f"is conditional ({config['c_dim']} classes), and rosinality's mapping takes no label")
    if config.get("architecture", "skip") != "skip":
        reasons.append(f"has the architecture {config['architecture']}, and rosinality's is skip")
    if config.get("z_dim", 512) != config.get("w_dim", 512):
        reasons.append(f"maps z of {config['z_dim']} to w of {config['w_dim']}, and rosinality's are equal")
    if config.get("mapping_lr_multiplier", 0.01) != 0.01:
        reasons.append(
            f"has a mapping learning rate multiplier of {config['mapping_lr_multiplier']}, not 0.01"
        )
    if config.get("img_channels", 3) != 3:
        reasons.append(f"makes images of {config['img_channels']} channels, and rosinality's have 3")
    return reasons


def discriminator_obstacles(network: NetworkState) -> list[str]:
    """Why rosinality's Discriminator cannot compute this network; empty where it can."""
    if network.kind != "stylegan2-discriminator":
        return [f"is a {network.kind}, and rosinality's code is StyleGAN2"]
    if wrong := misfit(empty(network).state_dict(), network.state):
        return [f"does not fit its config ({wrong})"]
    config, reasons = network.config, []
    if config.get("c_dim"):
        reasons.append(f"is conditional ({config['c_dim']} classes), and rosinality's takes no label")
    if config.get("architecture", "resnet") != "resnet":
        reasons.append(f"has the architecture {config['architecture']}, and rosinality's is resnet")
    if config.get("mbstd_num_channels", 1) != 1 or config.get("img_channels", 3) != 3:
        reasons.append("has other image or minibatch std channels than rosinality's")
    return reasons


def _generator_notes(network: NetworkState) -> list[str]:
    config = network.config
    size = config["img_resolution"]
    widths = {r: network.state[f"synthesis.b{r}.conv1.weight"].shape[0] for r in _powers(size)}
    arguments = f"size={size}, style_dim={config['w_dim']}, n_mlp={config['num_mapping_layers']}"
    multiplier = next((m for m in (1, 2) if widths == _rosinality_widths(size, m)), None)
    if multiplier is not None:
        notes = [f"load with Generator({arguments}, channel_multiplier={multiplier})"]
    else:
        shown = ", ".join(f"{r}: {width}" for r, width in widths.items())
        notes = [f"load with Generator({arguments}) after setting its table self.channels to {{{shown}}}"]
    if config.get("conv_clamp") is not None:
        notes.append(f"rosinality's code does not clamp at {config['conv_clamp']}: larger activations differ")
    return notes


def _discriminator_notes(network: NetworkState) -> list[str]:
    group = network.config.get("mbstd_group_size", 4)
    return [] if group == 4 else [f"D was trained with minibatch groups of {group}, rosinality takes 4"]


def _powers(size: int) -> list[int]:
    return [1 << i for i in range(2, size.bit_length())]


def _rosinality_widths(size: int, multiplier: int) -> dict[int, int]:
    """Its table of feature maps: 512 up to 32 px, then 256, 128, ... times the multiplier."""
    return {r: _BASE_WIDTHS.get(r, 16384 * multiplier // r) for r in _powers(size)}


def _generator_state(network: NetworkState) -> dict[str, torch.Tensor]:
    config = network.config
    return _renamed(network.state, generator_pairs(config["img_resolution"], config["num_mapping_layers"]))


def _discriminator_state(network: NetworkState) -> dict[str, torch.Tensor]:
    return _renamed(network.state, discriminator_pairs(network.config["img_resolution"]))


def _renamed(state: Mapping[str, torch.Tensor], pairs: list[Pair]) -> dict[str, torch.Tensor]:
    return {
        pair.theirs: (state[pair.ours] * pair.gain).reshape(
            (1,) * pair.before + tuple(state[pair.ours].shape) + (1,) * pair.after
        )
        for pair in pairs
    }
