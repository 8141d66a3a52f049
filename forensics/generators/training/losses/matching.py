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

from forensics.generators.training.ranks import ONE_RANK, Ranks

if TYPE_CHECKING:
    from forensics.corpus.photographs.data import TrainingImages

_KEPT = 512


class FeatureMatching(nn.Module):
    """Energy distance of generated images to all training images, over features of a fixed network.

    `extract` makes features [n, d] of images float32 [n, 3, h, w] in about [-1, 1], both on `device`.
    Generated images are compared with the last 512 before them, too, as they were then: a batch alone says little of
    how a generator varies. Those are state that a run carries; the photographs' features are made anew at each start.
    """

    made: Tensor
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
            found = torch.cat([extract(batch.to(device)) for batch in images.in_batches(mirror=mirror)])
        self.center, self.spread = found.mean(dim=0), found.std(dim=0) + 1e-6
        self.real = (found - self.center) / self.spread
        self.register_buffer("made", torch.zeros(_KEPT, found.shape[1], device=found.device))
        self.register_buffer("count", torch.zeros([], dtype=torch.int64))

    def features(self, images: Tensor) -> Tensor:
        """Standardised features [n, d] of images [n, 3, h, w]."""
        return self.standardised(self._extract[0](images))

    def standardised(self, features: Tensor) -> Tensor:
        """Features [n, d] in deviations of the photographs' from their mean."""
        return (features - self.center) / self.spread

    def made_mean(self) -> Tensor:
        """Mean [d] of the standardised features of the generated images that are kept; zeros before the first."""
        known = self.made[: int(self.count.clamp(max=_KEPT))]
        return known.mean(dim=0) if len(known) else self.made[0]

    def loss(self, fake: Tensor) -> Tensor:
        """2 E|x - r| - 2 E|x - x'| over features, divided by the root of their number; keeps `fake` for later calls.

        Its gradient is that of the energy distance 2 E|x - r| - E|x - x'| - E|r - r'|, where x' too would move.
        """
        x = self.features(fake)
        batch = self._of_all_ranks(x.detach())
        known = torch.cat([self.made[: int(self.count.clamp(max=_KEPT))], batch])
        apart = torch.cdist(x, known, compute_mode="donot_use_mm_for_euclid_dist")
        # Among the known is each x itself, at distance 0.
        spread = apart.sum() / (len(x) * max(len(known) - 1, 1))
        distance: Tensor = 2 * torch.cdist(x, self.real).mean() - 2 * spread
        self._keep(batch)
        return distance / math.sqrt(self.real.shape[1])

    def _of_all_ranks(self, mine: Tensor) -> Tensor:
        ranks = self.ranks
        if ranks.size == 1:
            return mine
        batch = mine.new_zeros(len(mine) * ranks.size, mine.shape[1])
        batch[ranks.rank :: ranks.size] = mine
        return ranks.mean(batch) * ranks.size

    @torch.no_grad()
    def _keep(self, batch: Tensor) -> None:
        places = (torch.arange(len(batch)) + int(self.count)) % _KEPT
        self.made[places.to(self.made.device)] = batch
        self.count += len(batch)
