"""StyleGAN3 as published: configurations T and R.

Source: Karras et al. (NeurIPS 2021), appendix, and the published `train.py`.
"""

from __future__ import annotations

from forensics.generators.training.options import TrainingOptions
from forensics.generators.training.presets.preset import Preset
from forensics.generators.training.presets.stylegan2 import FULL_WIDTH

_PAPER = "Karras et al., NeurIPS 2021, arXiv:2106.12423"


def _t(resolution: int | None, batch: int | None) -> TrainingOptions:
    """Configuration T. R1 as published for 256 px and batch 32, times 4 a doubling."""
    resolution, batch = resolution or 256, batch or 32
    return FULL_WIDTH.with_(
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
        pl_weight=0.0,
    )


def _r(resolution: int | None, batch: int | None) -> TrainingOptions:
    """Configuration R: 1x1 convolutions, radial filters, twice the channels, and a blur that fades."""
    t = _t(resolution, batch)
    extra = {"conv_kernel": 1, "use_radial_filters": True, "channel_base": 65536, "channel_max": 1024}
    return t.with_(generator_extra=extra, blur_sigma=10.0, blur_kimg=t.batch * 200 / 32)


PRESETS = {
    "stylegan3-t": Preset("StyleGAN3, equivariant to translation.", _t, _PAPER, kimg=25000, snap_kimg=200),
    "stylegan3-r": Preset(
        "StyleGAN3, equivariant to translation and rotation.", _r, _PAPER, kimg=25000, snap_kimg=200
    ),
}
