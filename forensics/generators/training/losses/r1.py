"""R1: the discriminator is to be flat about real images.

Source: Mescheder et al., "Which Training Methods for GANs do actually Converge?" (ICML 2018), equation 9; taken every
few iterations only ("lazy"): Karras et al. (CVPR 2020), section 3.1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.generators.training.losses.contract import Critic, LabelledImages

CARD = Card(
    "R1 gradient penalty: the squared gradient of D with respect to real images.",
    paper="Mescheder et al., ICML 2018, arXiv:1801.04406",
    domain="any images",
    defaults={"r1_gamma": 0.1, "d_reg_interval": 16},
)


def gradient_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """|d logits_i / d images_i|^2 of every image, float32 [n] from 0 up, differentiable again.

    `logits` float32 [n, 1], any range, of `images` float32 [n, c, h, w], which take a gradient.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3))


@register("loss", "r1", CARD)
def r1_penalty(critic: Critic, real: LabelledImages) -> Tensor:
    """The penalty without its weight gamma / 2: a float32 scalar [], range 0 and up, of real images as D takes them."""
    images = real.images.detach().requires_grad_(True)
    return gradient_penalty(critic(LabelledImages(images, real.labels)), images).mean()
