"""Beginning a run with the weights of another network: keep what fits, name what does not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from forensics.core.errors import CheckpointError
from forensics.generators.checkpoints import Checkpoint, NetworkState, read_checkpoint
from forensics.generators.training.networks import is_trainable
from forensics.generators.training.options import TrainingOptions, check, without_effect

_FIELDS_OF_GENERATOR = ("z_dim", "w_dim", "c_dim", "channel_base", "channel_max", "num_mapping_layers")


@dataclass(frozen=True)
class Transferred:
    """Of one network: how many values were taken over, and each tensor that was not with the reason."""

    network: str
    kept: int
    left: tuple[str, ...]

    def __str__(self) -> str:
        shown = "; ".join(self.left[:6]) + (f" and {len(self.left) - 6} more" if len(self.left) > 6 else "")
        return f"{self.network}: {self.kept} tensors taken over" + (f"; not: {shown}" if self.left else "")


def read_start(path: Path) -> Checkpoint:
    """The weights file, or shipped generator of that name, that a run begins with.

    Raises `CheckpointError` where it holds no generator.
    """
    checkpoint = read_checkpoint(path)
    if not {"G", "G_ema"} & set(checkpoint.networks):
        raise CheckpointError(f"{path}: no generator inside to train on; give a file with G or G_ema")
    return checkpoint


def unused_options(checkpoint: Checkpoint) -> dict[str, object]:
    """What the card of the weights says beyond today's options, by name: it has no effect on a run that begins here."""
    saved = checkpoint.card.get("options")
    return without_effect(saved) if isinstance(saved, dict) else {}


def fitted(options: TrainingOptions, checkpoint: Checkpoint) -> TrainingOptions:
    """`options` with the networks of the checkpoint: fine-tuning keeps a published network's shape.

    As the published code does on resuming, the average begins without ramp-up.
    """
    generator = _state(checkpoint, "G", "G_ema")
    assert generator is not None
    architecture = generator.kind
    if not is_trainable(architecture):
        raise CheckpointError(f"{checkpoint.path}: networks of kind {generator.kind!r} are not trained here")
    config = dict(generator.config)
    changes: dict[str, object] = {name: config.pop(name) for name in _FIELDS_OF_GENERATOR if name in config}
    changes["resolution"] = config.pop("img_resolution", options.network.resolution)
    discriminator = _state(checkpoint, "D")
    extra = dict(discriminator.config) if discriminator is not None else {}
    for name in ("img_resolution", "c_dim"):
        extra.pop(name, None)
    changes |= {"architecture": architecture, "generator_extra": config, "discriminator_extra": extra}
    fitting = options.with_(**changes, ema_rampup=0.0)
    check(fitting)
    return fitting


def begin_with(
    checkpoint: Checkpoint, generator: nn.Module, averaged: nn.Module, discriminator: nn.Module
) -> list[Transferred]:
    """Fill the networks of a fresh run. The generator begins as G where there is one, else as its average."""
    g, g_ema, d = (
        _state(checkpoint, "G", "G_ema"), _state(checkpoint, "G_ema", "G"), _state(checkpoint, "D"),
    )  # fmt: skip
    assert g is not None
    assert g_ema is not None
    done = [_fill("G", generator, _of_copy(g, "")), _fill("G_ema", averaged, _of_copy(g_ema, "Src_Net."))]
    if d is not None:
        done.append(_fill("D", discriminator, d.state))
    else:
        done.append(Transferred("D", 0, ("the file holds no discriminator",)))
    return done


def _state(checkpoint: Checkpoint, *names: str) -> NetworkState | None:
    return next((checkpoint.networks[n] for n in names if n in checkpoint.networks), None)


def _of_copy(network: NetworkState, prefix: str) -> dict[str, Tensor]:
    """SrcNet's file holds the trained copy and, under `Src_Net.`, the average; one of the two, plainly named."""
    if network.kind != "srcnet":
        return network.state
    averaged = {k.removeprefix("Src_Net."): v for k, v in network.state.items() if k.startswith("Src_Net.")}
    if prefix:
        return averaged
    return {k: v for k, v in network.state.items() if not k.startswith("Src_Net.")}


@torch.no_grad()
def _fill(name: str, module: nn.Module, state: dict[str, Tensor]) -> Transferred:
    present, left, kept = module.state_dict(), [], 0
    for key, value in present.items():
        if key not in state:
            left.append(f"{key} is not in the file")
        elif state[key].shape != value.shape:
            left.append(f"{key} is {list(state[key].shape)} in the file and {list(value.shape)} here")
        else:
            value.copy_(state[key])
            kept += 1
    left += [f"{key} has no place here" for key in state if key not in present]
    return Transferred(name, kept, tuple(left))
