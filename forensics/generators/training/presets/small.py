"""StyleGAN2 that a CPU can train: 256 to 32 maps at 64 px, 16 at 128 px, and a network for trying the machinery."""

from __future__ import annotations

from forensics.generators.training.options import TrainingOptions
from forensics.generators.training.presets.preset import Preset

AT_64 = TrainingOptions()
# The widths of 64 px and 16 maps at 128 px: weights carry over whole. R1 as half the gradient an image asks for.
AT_128 = AT_64.with_(resolution=128, r1_gamma=0.2)


def _tiny(*_: int | None) -> TrainingOptions:
    return AT_64.with_(resolution=16, z_dim=16, w_dim=16, channel_base=128, channel_max=16, batch=4)


PRESETS = {
    "stylegan2-64": Preset("A small StyleGAN2-ADA at 64 px, from scratch.", lambda *_: AT_64),
    "stylegan2-128": Preset("The same at 128 px.", lambda *_: AT_128),
    "stylegan2-64-projected": Preset(
        "With a projected discriminator beside the adversarial one: for fine-tuning on few photographs.",
        lambda *_: AT_64.with_(projected_side=128), "Sauer et al., NeurIPS 2021, arXiv:2111.01007",
    ),
    "stylegan2-128-projected": Preset(
        "The same at 128 px.", lambda *_: AT_128.with_(projected_side=128),
        "Sauer et al., NeurIPS 2021, arXiv:2111.01007",
    ),
    "tiny-16": Preset("A network that trains a batch in milliseconds, for trying the machinery.", _tiny),
}  # fmt: skip
