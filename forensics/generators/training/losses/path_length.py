"""Path length: a step in w is to change the image by the same amount wherever it is taken.

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (CVPR 2020), section 3.2, equation 4.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.generators.training.ranks import ONE_RANK, Ranks

DECAY = 0.01
CARD = Card(
    "Path length regularisation: the lengths of J_w^T y are drawn to their running mean.",
    paper="Karras et al., CVPR 2020, arXiv:1912.04958",
    domain="any images",
    defaults={"pl_weight": 2.0, "g_reg_interval": 4, "decay": DECAY},
)


def path_lengths(images: Tensor, ws: Tensor, y: Tensor) -> Tensor:
    """|J_w^T y| of every image, float32 [n] from 0 up: root mean square over the layers of ws.

    `images` float32 [n, c, h, w], any range, made of `ws` [n, num_ws, w_dim]; y ~ N(0, 1) / sqrt(h w), as the images.
    """
    (gradient,) = torch.autograd.grad((images * y).sum(), ws, create_graph=True)
    return gradient.square().sum(dim=2).mean(dim=1).sqrt()


@register("loss", "path-length", CARD)
class PathLength:
    """The penalty and its running mean of lengths, which is state that a snapshot carries."""

    def __init__(self, device: torch.device | str = "cpu", decay: float = DECAY) -> None:
        self.mean, self.decay = torch.zeros([], device=device), decay

    def penalty(
        self, images: Tensor, ws: Tensor, normal: Tensor, ranks: Ranks = ONE_RANK
    ) -> tuple[Tensor, Tensor]:
        """(|J_w^T y| - mean)^2, a scalar, and the lengths float32 [n] from 0 up; moves the mean first.

        `normal` is drawn from N(0, 1) in the shape of `images` float32 [n, c, h, w], any range.
        """
        y = normal / math.sqrt(images.shape[2] * images.shape[3])
        lengths = path_lengths(images, ws, y)
        mean = self.mean.lerp(ranks.mean(lengths.mean().detach()), self.decay)
        self.mean.copy_(mean)
        return (lengths - mean).square().mean(), lengths.detach()
