"""Training recipes by name, as data: the published ones, and ones that a CPU can carry.

Sources: the published configurations of StyleGAN2-ADA (Karras et al., NeurIPS 2020, appendix C), StyleGAN3 (NeurIPS
2021, appendix), StyleGAN (CVPR 2019, appendix C), ProGAN (ICLR 2018, appendix A), and the weight study for SrcNet.
Where those vary batch and learning rate with the size (ProGAN, StyleGAN), one value stands here for all sizes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from forensics.core.errors import ForensicsError
from forensics.generators.training.options import TrainingOptions, check

_FULL: dict[str, Any] = {"z_dim": 512, "w_dim": 512, "channel_max": 512, "pl_weight": 2.0, "ada_kimg": 500.0}

# By the sizes of their gradients (gradients.py) in the runs of the embedded generators: with anchors at 8 instead of 1
# their persons outweighed the plain discriminator three times, and sharpness suffered. Persons kept along truncation
# (truncation_weight=4) were a quarter of the sum, and faces trained with them had blots; the face network's judges and
# faces at every psi down to 0.6 make truncated faces as various.
_ANCHORED: dict[str, Any] = {
    "lr_g": 0.002,
    "lr_d": 0.002,
    "style_mixing_prob": 0.0,
    "lowest_psi": 0.6,
    "plain_weight": 0.3,
    "projected_weight": 0.2,
    "projected_faces": True,
    "matching_weight": 1.0,
    "descriptors": "dlib+mobile",
    "identity_weight": 16.0,
    "anchor_weight": 1.0,
    "anchor_identity": 6.0,
    "anchor_count": 16,
    "anchor_kimg": 16.0,
    "warmup_kimg": 0.5,
}

# How the embedded generators went on when they had become various. At four times this learning rate, with persons at 8
# or 16 and less of both discriminators, they grew smooth and KID rose; at twice it KID fell, and came to rest.
_CONTINUED = _ANCHORED | {
    "lr_g": 0.0005,
    "lr_d": 0.0005,
    "plain_weight": 0.4,
    "projected_weight": 0.4,
    "identity_weight": 0.0,
    "anchor_kimg": 0.0,
    "ema_kimg": 3.0,
    "ema_rampup": 0.0,
}


def _auto(resolution: int = 256, batch: int | None = None, **_: Any) -> TrainingOptions:
    """StyleGAN2-ADA's `auto` on one device: everything from resolution and batch."""
    batch = batch or max(min(4096 // resolution, 32), 1)
    lr = 0.002 if resolution >= 1024 else 0.0025
    return TrainingOptions(
        resolution=resolution,
        channel_base=32768 if resolution >= 512 else 16384,
        batch=batch,
        mbstd_group_size=min(batch, 4),
        lr_g=lr,
        lr_d=lr,
        r1_gamma=0.0002 * resolution**2 / batch,
        ema_kimg=batch * 10 / 32,
        **_FULL,
    )


def _paper256(**_: Any) -> TrainingOptions:
    return TrainingOptions(
        resolution=256, channel_base=16384, num_mapping_layers=8, batch=64, mbstd_group_size=8,
        lr_g=0.0025, lr_d=0.0025, r1_gamma=1.0, ema_kimg=20.0, ema_rampup=0.0, **_FULL,
    )  # fmt: skip


def _paper1024(**_: Any) -> TrainingOptions:
    return TrainingOptions(
        resolution=1024, channel_base=32768, num_mapping_layers=8, batch=32, mbstd_group_size=4,
        lr_g=0.002, lr_d=0.002, r1_gamma=2.0, ema_kimg=10.0, ema_rampup=0.0, **_FULL,
    )  # fmt: skip


def _stylegan3(resolution: int = 256, batch: int | None = None, **_: Any) -> TrainingOptions:
    """Configuration T. R1 as published for 256 px and batch 32, times 4 a doubling."""
    batch = batch or 32
    return TrainingOptions(
        architecture="stylegan3",
        resolution=resolution,
        channel_base=32768,
        batch=batch,
        mbstd_group_size=min(batch, 4),
        lr_g=0.0025,
        lr_d=0.002,
        r1_gamma=2.0 * (resolution / 256) ** 2,
        style_mixing_prob=0.0,
        w_avg_beta=0.998,
        ema_kimg=batch * 10 / 32,
        magnitude_ema_kimg=20.0,
        **{**_FULL, "pl_weight": 0.0},
    )


def _stylegan3_r(resolution: int = 256, batch: int | None = None, **_: Any) -> TrainingOptions:
    """Configuration R: 1x1 convolutions, radial filters, twice the channels, and a blur that fades."""
    t = _stylegan3(resolution, batch)
    extra = {"conv_kernel": 1, "use_radial_filters": True, "channel_base": 65536, "channel_max": 1024}
    return replace(t, generator_extra=extra, blur_sigma=10.0, blur_kimg=t.batch * 200 / 32)


def _stylegan(resolution: int = 256, batch: int | None = None, **_: Any) -> TrainingOptions:
    batch = batch or 32
    return TrainingOptions(
        architecture="stylegan", resolution=resolution, z_dim=512, w_dim=512, channel_base=16384, channel_max=512,
        num_mapping_layers=8, batch=batch, mbstd_group_size=min(batch, 4), lr_g=0.0015, lr_d=0.0015,
        lazy_correction=False, r1_gamma=10.0, d_reg_interval=1, ema_rampup=0.0, augment="noaug",
        start_resolution=8,
    )  # fmt: skip


def _progan(resolution: int = 256, batch: int | None = None, **_: Any) -> TrainingOptions:
    batch = batch or 16
    return TrainingOptions(
        architecture="progan", resolution=resolution, z_dim=512, w_dim=512, channel_base=8192, channel_max=512,
        batch=batch, mbstd_group_size=min(batch, 4), loss="wgan-gp", lr_g=0.001, lr_d=0.001,
        lazy_correction=False, style_mixing_prob=0.0, ema_rampup=0.0, augment="noaug", start_resolution=4,
    )  # fmt: skip


def _srcnet(**_: Any) -> TrainingOptions:
    """The weight study's. Its regularisers count 8 |grad|^2 and 2 (length - mean)^2 where they are taken: in this
    project's terms gamma / 2 times 16, and the weight times 4."""
    return TrainingOptions(
        architecture="srcnet", resolution=128, z_dim=512, w_dim=512, num_mapping_layers=8, batch=80,
        mbstd_group_size=4, lr_g=1e-3, lr_d=1e-3, lr_mapping=1e-5, beta1_g=0.1, lazy_correction=False,
        r1_gamma=1.0, d_reg_interval=16, pl_weight=0.5, g_reg_interval=4, pl_batch_shrink=2, pl_decay=0.01,
        style_mixing_prob=0.8, ema_decay=0.995, augment="noaug", framing="shorter-side", pixels="imagenet",
        mirror=False,
    )  # fmt: skip


PRESETS: dict[str, Callable[..., TrainingOptions]] = {
    "stylegan2-ada": _auto,
    "paper256": _paper256,
    "ffhq1024": _paper1024,
    "stylegan3-t": _stylegan3,
    "stylegan3-r": _stylegan3_r,
    "stylegan": _stylegan,
    "progan": _progan,
    "srcnet-celeba": _srcnet,
    "stylegan2-64": lambda **_: TrainingOptions(),
    # The widths of stylegan2-64 and 16 maps at 128 px: its weights carry over whole.
    "stylegan2-128": lambda **_: TrainingOptions(resolution=128, r1_gamma=0.2),
    "stylegan2-64-projected": lambda **_: TrainingOptions(projected_side=128),
    "stylegan2-128-projected": lambda **_: TrainingOptions(resolution=128, r1_gamma=0.2, projected_side=128),
    # Photographs first, as latents of their own; then the discriminators. For a few hundred photographs and few hours.
    "stylegan2-64-anchored": lambda **_: TrainingOptions(projected_side=128, **_ANCHORED),
    "stylegan2-64-continued": lambda **_: TrainingOptions(projected_side=128, **_CONTINUED),
    # With respect to the image the plain discriminator's gradient is half as large at 128 px.
    "stylegan2-128-anchored": lambda **_: TrainingOptions(
        resolution=128, r1_gamma=0.2, projected_side=128, **_ANCHORED | {"anchor_weight": 0.8}
    ),
    "stylegan2-128-continued": lambda **_: TrainingOptions(
        resolution=128, r1_gamma=0.2, projected_side=128, **_CONTINUED | {"anchor_weight": 0.8}
    ),
    # A network that trains a batch in milliseconds, for trying the machinery.
    "tiny-16": lambda **_: TrainingOptions(
        resolution=16, z_dim=16, w_dim=16, channel_base=128, channel_max=16, batch=4
    ),
}


def resolve(preset: str, **changes: Any) -> TrainingOptions:
    """The preset with every change that is not None; unknown names are a `ForensicsError`."""
    if preset not in PRESETS:
        raise ForensicsError(f"no preset {preset!r}: choose one of {', '.join(PRESETS)}")
    unknown = sorted(set(changes) - {f.name for f in fields(TrainingOptions)})
    if unknown:
        raise ForensicsError(f"no training option called {', '.join(unknown)}")
    given = {k: v for k, v in changes.items() if v is not None}
    shaping = {k: given[k] for k in ("resolution", "batch") if k in given}
    if any(value < 1 for value in shaping.values()):
        raise ForensicsError(
            f"{', '.join(f'{k} {v}' for k, v in shaping.items())} is not possible: give 1 or more"
        )
    options = replace(PRESETS[preset](**shaping), preset=preset, **given)
    check(options)
    return options
