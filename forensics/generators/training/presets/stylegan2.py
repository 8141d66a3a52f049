"""StyleGAN2-ADA as published: `auto`, paper256 and the 1024-px configuration.

Source: Karras et al. (NeurIPS 2020), appendix C and the published `train.py`.
"""

from __future__ import annotations

from forensics.generators.training.options import TrainingOptions
from forensics.generators.training.presets.preset import Preset

_PAPER = "Karras et al., NeurIPS 2020, arXiv:2006.06676"
FULL_WIDTH = TrainingOptions().with_(z_dim=512, w_dim=512, channel_max=512, pl_weight=2.0, ada_kimg=500.0)


def _auto(resolution: int | None, batch: int | None) -> TrainingOptions:
    """`auto` on one device: everything from resolution and batch."""
    resolution = resolution or 256
    batch = batch or max(min(4096 // resolution, 32), 1)
    lr = 0.002 if resolution >= 1024 else 0.0025
    return FULL_WIDTH.with_(
        resolution=resolution,
        channel_base=32768 if resolution >= 512 else 16384,
        batch=batch,
        mbstd_group_size=min(batch, 4),
        lr_g=lr,
        lr_d=lr,
        r1_gamma=0.0002 * resolution**2 / batch,
        ema_kimg=batch * 10 / 32,
    )


def _paper256(*_: int | None) -> TrainingOptions:
    return FULL_WIDTH.with_(
        resolution=256, channel_base=16384, num_mapping_layers=8, batch=64, mbstd_group_size=8, lr_g=0.0025,
        lr_d=0.0025, r1_gamma=1.0, ema_kimg=20.0, ema_rampup=0.0,
    )  # fmt: skip


def _ffhq1024(*_: int | None) -> TrainingOptions:
    return FULL_WIDTH.with_(
        resolution=1024, channel_base=32768, num_mapping_layers=8, batch=32, mbstd_group_size=4, lr_g=0.002,
        lr_d=0.002, r1_gamma=2.0, ema_kimg=10.0, ema_rampup=0.0,
    )  # fmt: skip


PRESETS = {
    "stylegan2-ada": Preset(
        "StyleGAN2-ADA's `auto`: options from resolution and batch.", _auto, _PAPER, kimg=25000, snap_kimg=4
    ),
    "paper256": Preset("StyleGAN2-ADA at 256 px.", _paper256, _PAPER, kimg=25000, snap_kimg=200),
    "ffhq1024": Preset("StyleGAN2-ADA on FFHQ at 1024 px.", _ffhq1024, _PAPER, kimg=25000, snap_kimg=200),
}
