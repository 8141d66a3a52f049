"""The discriminator of StyleGAN: ProGAN's, with a blur before every reduction of size.

Source: Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks" (CVPR 2019),
appendix C.
"""

from __future__ import annotations

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.generators.architectures.progan_discriminator import ProGANDiscriminator


@register(
    "architecture",
    "stylegan-discriminator",
    Card(
        "ProGAN's discriminator with a blur before every reduction of size.",
        paper="Karras et al. 2019, arXiv 1812.04948",
        domain="images, square",
    ),
)
class StyleGANDiscriminator(ProGANDiscriminator):
    """Images [n, img_channels, R, R] to logits [n, 1]; options and growing as its parent's."""

    blurs = True
