"""What a training run is asked to do: frozen options, presets as data, and the resolved JSON kept beside the run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from forensics.errors import ForensicsError
from forensics.generators.training.augment import PIPELINES


@dataclass(frozen=True)
class TrainingOptions:
    """Every number that shapes the weights. Units: kimg = thousand images shown to the discriminator."""

    preset: str = "stylegan2-64"
    resolution: int = 64
    z_dim: int = 256
    w_dim: int = 256
    channel_base: int = 2048
    channel_max: int = 256
    num_mapping_layers: int = 2
    batch: int = 16
    mbstd_group_size: int = 4
    lr_g: float = 0.0025
    lr_d: float = 0.0025
    r1_gamma: float = 0.1
    d_reg_interval: int = 16
    pl_weight: float = 0.0  # path length: off on a CPU, where it costs a fifth of the time
    g_reg_interval: int = 4
    pl_batch_shrink: int = 2
    pl_decay: float = 0.01
    style_mixing_prob: float = 0.9
    w_avg_beta: float = 0.995
    ema_kimg: float = 10.0
    ema_rampup: float = 0.05
    augment: str = "bgc"
    ada_target: float = 0.6
    ada_interval: int = 4
    ada_kimg: float = 100.0
    mirror: bool = True
    seed: int = 0

    def generator_config(self) -> dict[str, Any]:
        """Constructor arguments of the generator."""
        return {
            "z_dim": self.z_dim,
            "w_dim": self.w_dim,
            "img_resolution": self.resolution,
            "channel_base": self.channel_base,
            "channel_max": self.channel_max,
            "num_mapping_layers": self.num_mapping_layers,
        }

    def discriminator_config(self) -> dict[str, Any]:
        """Constructor arguments of the discriminator."""
        return {
            "img_resolution": self.resolution,
            "channel_base": self.channel_base,
            "channel_max": self.channel_max,
            "mbstd_group_size": self.mbstd_group_size,
        }

    def as_json(self) -> dict[str, Any]:
        """The options as plain values."""
        return asdict(self)


PRESETS: dict[str, TrainingOptions] = {
    "stylegan2-64": TrainingOptions(),
    "stylegan2-128": TrainingOptions(preset="stylegan2-128", resolution=128, channel_base=4096),
    # A network that trains a batch in milliseconds, for trying the machinery.
    "tiny-16": TrainingOptions(
        preset="tiny-16", resolution=16, z_dim=16, w_dim=16, channel_base=128, channel_max=16, batch=4
    ),
}


def resolve(preset: str, **changes: Any) -> TrainingOptions:
    """The preset with every change that is not None; unknown names are a `ForensicsError`."""
    if preset not in PRESETS:
        raise ForensicsError(f"no preset {preset!r}: choose one of {', '.join(PRESETS)}")
    known = {f.name for f in fields(TrainingOptions)}
    unknown = sorted(set(changes) - known)
    if unknown:
        raise ForensicsError(f"no training option called {', '.join(unknown)}")
    options = replace(PRESETS[preset], **{k: v for k, v in changes.items() if v is not None})
    _check(options)
    return options


def _check(o: TrainingOptions) -> None:
    """Raise `ForensicsError` for numbers no run can have."""
    if o.augment not in PIPELINES:
        raise ForensicsError(f"no augmentation pipeline {o.augment!r}: choose one of {', '.join(PIPELINES)}")
    if PIPELINES[o.augment].imgfilter > 0 and o.resolution < 32:
        raise ForensicsError(f"augmentation {o.augment!r} filters over 43 pixels: it needs 32 px or more")
    if o.resolution < 8 or o.resolution & (o.resolution - 1):
        raise ForensicsError(f"resolution {o.resolution} is not possible: a power of two from 8 up")
    if o.batch < 1:
        raise ForensicsError(f"batch {o.batch} is not possible: give 1 or more")
    if o.batch % min(o.mbstd_group_size, o.batch):
        raise ForensicsError(
            f"batch {o.batch} does not divide into groups of {o.mbstd_group_size} (minibatch std)"
        )
    for name in ("lr_g", "lr_d", "ema_kimg", "ada_kimg"):
        if getattr(o, name) <= 0:
            raise ForensicsError(f"{name} {getattr(o, name)} is not possible: give a number above 0")
    for name in ("r1_gamma", "pl_weight", "seed"):
        if getattr(o, name) < 0:
            raise ForensicsError(f"{name} {getattr(o, name)} is not possible: give 0 or more")


def differences(before: dict[str, Any], now: TrainingOptions) -> list[str]:
    """Lines `name: was A, now B` for the options in which a saved run and this one differ.

    An option that did not exist when the run was saved had the value that is its default today.
    """
    was, after = {**asdict(TrainingOptions()), **before}, now.as_json()
    return [f"{k}: was {was[k]!r}, now {after[k]!r}" for k in after if was[k] != after[k]]
