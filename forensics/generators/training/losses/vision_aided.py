"""Discriminators over a face network, beside those over ImageNet features.

A network trained on ImageNet says little of eyes and mouths; this one was made to look at nothing else.
Source: Kumari et al., "Ensembling Off-the-shelf Models for GAN Training" (CVPR 2022), section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from forensics.backbones import face_descriptor
from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.generators.training.augmentation.diffaugment import coloured, cutout
from forensics.generators.training.augmentation.random_views import drawn_views, viewed
from forensics.generators.training.losses.fixed_features import MIXED, feature_heads, fixed_conv

CARD = Card(
    "Vision-aided discriminators over three stages of dlib's face network.",
    paper="Kumari et al., CVPR 2022, arXiv:2112.09130",
    domain="faces framed as FFHQ is",
    defaults={"vision_aided": True},
    small_version_of="an ensemble of discriminators over many frozen networks, chosen as training goes on",
)


@register("loss", "vision-aided", CARD)
class VisionAided(nn.Module):
    """Logits float32 [n, 3] of images float32 [n, 3, h, w] in [-1, 1] or near it framed as FFHQ is.

    The images are not moved as far as for other scales, for the network expects each part of a face in its place.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        # In a list, so that its weights are not taken for state that a run has to carry.
        self._trunk = [face_descriptor.load_descriptor()]
        stream = torch.Generator().manual_seed(seed)
        self.across = nn.ModuleList(
            fixed_conv(channels, MIXED, 1, stream) for channels, _, _ in face_descriptor.TAPPED
        )
        self.heads = feature_heads([side for _, side, _ in face_descriptor.TAPPED], seed)

    def forward(self, images: Tensor) -> Tensor:
        """Logits float32 [n, 3], any range, of images float32 [n, 3, h, w] in [-1, 1]; each call augments at random."""
        draw = torch.rand(5, len(images), 1, 1, 1, device=images.device)
        shown = viewed(coloured(images, draw[:3]), drawn_views(len(images), images.device))
        shown = shown * cutout(draw[3], draw[4], *images.shape[2:])
        tapped = self._trunk[0].to(images.device).tapped(shown)
        scales = zip(self.heads, self.across, tapped, face_descriptor.TAPPED, strict=True)
        return torch.cat([head(mix(x / spread)).flatten(1) for head, mix, x, (_, _, spread) in scales], 1)
