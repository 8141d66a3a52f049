"""ProGAN and StyleGAN, which grow. Where the papers vary batch and learning rate with the size, one value stands here.

Sources: Karras et al. (ICLR 2018), appendix A; Karras et al. (CVPR 2019), appendix C.
"""

from __future__ import annotations

from forensics.generators.training.options import TrainingOptions
from forensics.generators.training.presets.preset import Preset

_BASE = TrainingOptions().with_(
    z_dim=512, w_dim=512, channel_max=512, lazy_correction=False, ema_rampup=0.0, augment="noaug"
)


def _stylegan(resolution: int | None, batch: int | None) -> TrainingOptions:
    batch = batch or 32
    return _BASE.with_(
        architecture="stylegan", resolution=resolution or 256, channel_base=16384, num_mapping_layers=8, batch=batch,
        mbstd_group_size=min(batch, 4), lr_g=0.0015, lr_d=0.0015, r1_gamma=10.0, d_reg_interval=1, start_resolution=8,
    )  # fmt: skip


def _progan(resolution: int | None, batch: int | None) -> TrainingOptions:
    batch = batch or 16
    return _BASE.with_(
        architecture="progan", resolution=resolution or 256, w_dim=256, channel_base=8192, batch=batch,
        mbstd_group_size=min(batch, 4), adversarial="wgan-gp", lr_g=0.001, lr_d=0.001, style_mixing_prob=0.0,
        start_resolution=4,
    )  # fmt: skip


PRESETS = {
    "stylegan": Preset(
        "StyleGAN, grown from 8 px.", _stylegan, "Karras et al., CVPR 2019, arXiv:1812.04948", kimg=25000,
        snap_kimg=100,
    ),
    "progan": Preset(
        "ProGAN with WGAN-GP, grown from 4 px.", _progan, "Karras et al., ICLR 2018, arXiv:1710.10196", kimg=12000,
        snap_kimg=100,
    ),
}  # fmt: skip
