"""The distribution of generated images drawn towards that of the photographs, in the features of a fixed network.

A discriminator says of each image whether it could be real; it says little of a generator that makes the same few
likely faces again and again. The energy distance between the generated features and those of all photographs is zero
only where both vary alike: each generated image is drawn to the photographs and pushed from the other generated ones.
Sources: Székely and Rizzo, "Energy statistics" (2013), for the distance; Bellemare et al., "The Cramer Distance as a
Solution to Biased Wasserstein Gradients" (2017), and Li et al., "MMD GAN" (NeurIPS 2017), for its use in training.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.generators.training.ranks import ONE_RANK, Ranks

if TYPE_CHECKING:
    from forensics.corpus.photographs.data import TrainingImages

_QUEUE = 512
CARD = Card(
    "Energy distance between the features of generated images and those of all photographs.",
    paper="Székely and Rizzo 2013; in training Bellemare et al. 2017, arXiv:1705.10743",
    domain="face photographs; ImageNet features",
    defaults={"matching_weight": 1.0, "queue": _QUEUE},
)


@register("loss", "energy-distance", CARD)
class EnergyDistance(nn.Module):
    """Energy distance of generated images to all training images, over features of a fixed network.

    `extract` makes features float32 [n, d] of images float32 [n, 3, h, w] in [-1, 1] or near it, both on `device`.
    Generated images are compared with the last 512 before them, too, as they were then: a batch alone says little of
    how a generator varies. Those are state that a run carries; the photographs' features are made anew at each start.
    """

    queue: Tensor
    count: Tensor

    def __init__(
        self,
        extract: Callable[[Tensor], Tensor],
        images: TrainingImages,
        device: torch.device,
        *,
        mirror: bool,
        ranks: Ranks = ONE_RANK,
    ) -> None:
        super().__init__()
        # In a list, so that its weights are not taken for this module's.
        self._extract, self.ranks = [extract], ranks
        with torch.no_grad():
            real = torch.cat([extract(batch.to(device)) for batch in images.in_batches(mirror=mirror)])
        self.center, self.spread = real.mean(dim=0), real.std(dim=0) + 1e-6
        self.real = (real - self.center) / self.spread
        self.register_buffer("queue", torch.zeros(_QUEUE, real.shape[1], device=real.device))
        self.register_buffer("count", torch.zeros([], dtype=torch.int64))

    def features(self, images: Tensor) -> Tensor:
        """Features float32 [n, d] of images [n, 3, h, w] in [-1, 1] or near it, in the photographs' deviations from
        their mean."""
        return (self._extract[0](images) - self.center) / self.spread

    def loss(self, fake: Tensor) -> Tensor:
        """2 E|x - r| - 2 E|x - x'| over features, a float32 scalar [], divided by the root of their number.

        `fake` is float32 [n, 3, h, w] in [-1, 1] or near it; its features join the queue for later calls.

        Its gradient is that of the energy distance 2 E|x - r| - E|x - x'| - E|r - r'|, where x' too would move.
        """
        x = self.features(fake)
        batch = self._of_all_ranks(x.detach())
        known = torch.cat([self.queue[: int(self.count.clamp(max=_QUEUE))], batch])
        apart = torch.cdist(x, known, compute_mode="donot_use_mm_for_euclid_dist")
        # Among the known is each x itself, at distance 0.
        spread = apart.sum() / (len(x) * max(len(known) - 1, 1))
        distance: Tensor = 2 * torch.cdist(x, self.real).mean() - 2 * spread
        self._enqueue(batch)
        return distance / math.sqrt(self.real.shape[1])

    def _of_all_ranks(self, mine: Tensor) -> Tensor:
        ranks = self.ranks
        if ranks.size == 1:
            return mine
        batch = mine.new_zeros(len(mine) * ranks.size, mine.shape[1])
        batch[ranks.rank :: ranks.size] = mine
        return ranks.mean(batch) * ranks.size

    @torch.no_grad()
    def _enqueue(self, batch: Tensor) -> None:
        places = (torch.arange(len(batch)) + int(self.count)) % _QUEUE
        self.queue[places.to(self.queue.device)] = batch
        self.count += len(batch)
