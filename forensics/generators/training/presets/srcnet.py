"""SrcNet, the generator of the weight study."""

from __future__ import annotations

from forensics.generators.training.options import TrainingOptions
from forensics.generators.training.presets.preset import Preset


def _srcnet(*_: int | None) -> TrainingOptions:
    """Its regularisers count 8 |grad|^2 and 2 (length - mean)^2 where they are taken: in this project's terms gamma / 2
    times 16, and the weight times 4."""
    return TrainingOptions().with_(
        architecture="srcnet", resolution=128, z_dim=512, w_dim=512, num_mapping_layers=8, batch=80,
        mbstd_group_size=4, lr_g=1e-3, lr_d=1e-3, lr_mapping=1e-5, beta1_g=0.1, lazy_correction=False,
        r1_gamma=1.0, d_reg_interval=16, pl_weight=0.5, g_reg_interval=4, style_mixing_prob=0.8, ema_decay=0.995,
        augment="noaug", framing="shorter-side", pixels="imagenet", mirror=False,
    )  # fmt: skip


PRESETS = {
    "srcnet-celeba": Preset("The weight study's network, as it was trained on CelebA at 128 px.", _srcnet)
}
