"""A second discriminator that looks at the features of a network trained on photographs, beside the adversarial one.

Features of a fixed EfficientNet-Lite0 at four scales are mixed by fixed random convolutions, across channels and from
coarse to fine; a small discriminator sees each scale. It tells the generator early what faces are made of, where a
discriminator that starts from nothing has to find out first; the other discriminator goes on learning beside it.
Source: Sauer et al., "Projected GANs Converge Faster" (NeurIPS 2021), sections 3 and 4.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.core.cards import Card
from forensics.core.devices import uses_bfloat16
from forensics.core.registry import register
from forensics.generators.training.augmentation.diffaugment import diff_augmented
from forensics.generators.training.losses.fixed_features import (
    MIXED,
    TAPS,
    Lite0Features,
    feature_heads,
    fixed_conv,
)
from forensics.generators.training.losses.vision_aided import VisionAided

CARD = Card(
    "Projected GAN: hinge loss of small discriminators over mixed features of a fixed ImageNet network.",
    paper="Sauer et al., NeurIPS 2021, arXiv:2111.01007",
    domain="photographs",
    defaults={"projected_side": 128, "projected_weight": 0.2},
    small_version_of="Projected GAN with EfficientNet-Lite1 at 256 px and FastGAN",
)


@register("loss", "projected", CARD)
class ProjectedDiscriminator(nn.Module):
    """Four discriminators over fixed features. Images float32 [n, 3, h, w] in [-1, 1] or near it.

    The random mixing is a function of `seed`; the feature network is left out of the state. With `vision_aided` three
    more see the features of a face network.
    """

    def __init__(self, features: Lite0Features, seed: int = 0, *, vision_aided: bool = False) -> None:
        super().__init__()
        self.fixed = features
        stream = torch.Generator().manual_seed(seed)
        self.across = nn.ModuleList(fixed_conv(channels, MIXED, 1, stream) for channels, _ in TAPS.values())
        self.downwards = nn.ModuleList(fixed_conv(MIXED, MIXED, 3, stream) for _ in TAPS)
        self.heads = feature_heads([features.side // 4 >> i for i in range(len(TAPS))], seed)
        self.faces = VisionAided(seed) if vision_aided else None

    def features(self, images: Tensor) -> list[Tensor]:
        """Mixed features, finest first: [n, 64, side / 4, side / 4] to [n, 64, side / 32, side / 32], any range.

        Images float32 [n, 3, h, w] in [-1, 1] or near it.
        """
        tapped = self.fixed.tapped(images)
        mixed: list[Tensor] = []
        for tap, across, down in zip(tapped[::-1], self.across[::-1], self.downwards[::-1], strict=True):
            y = across(tap)
            if mixed:
                y = (y + F.interpolate(mixed[0], y.shape[2:], mode="bilinear")) / math.sqrt(2)
            mixed.insert(0, down(y))
        return mixed

    def forward(self, images: Tensor) -> Tensor:
        """Logits float32 [n, 4], any range, one a scale, the finest first, or [n, 7]; each call augments at random.

        Computed in bfloat16 where the machine multiplies that faster: a quarter off on a CPU with AMX.
        """
        shown = diff_augmented(images)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=uses_bfloat16(str(images.device))):
            features = self.features(shown)
            logits = [head(x).flatten(1) for head, x in zip(self.heads, features, strict=True)]
            if self.faces is not None:
                logits.append(self.faces(images))
        return torch.cat(logits, dim=1).float()

    def generator_loss(self, fake: Tensor) -> Tensor:
        """-mean logit, summed over the scales: a float32 scalar [] of fakes [n, 3, h, w] in [-1, 1] or near it."""
        logits: Tensor = self(fake)
        return -logits.mean(dim=0).sum()

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Hinge loss, summed over the scales: a float32 scalar [] of images [n, 3, h, w] in [-1, 1] or near it."""
        return (F.relu(1 - self(real)) + F.relu(1 + self(fake))).mean(dim=0).sum()
