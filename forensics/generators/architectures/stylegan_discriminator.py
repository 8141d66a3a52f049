"""The discriminator of StyleGAN: ProGAN's, with a blur before every reduction of size.

Source: Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks" (CVPR 2019),
appendix C.
"""

from __future__ import annotations

from forensics.generators.architectures.progan_discriminator import ProGANDiscriminator


class StyleGANDiscriminator(ProGANDiscriminator):
    """Images [n, img_channels, R, R] to logits [n, 1]; options and growing as its parent's."""

    blurs = True
