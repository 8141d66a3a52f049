"""What an iteration is given: real images as the discriminator is to see them, and classes for what is generated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from forensics.backbones.inputs import imagenet_normalised
from forensics.corpus.photographs.data import TrainingImages
from forensics.generators.training.growing import as_shown
from forensics.generators.training.losses.contract import LabelledImages
from forensics.generators.training.options import TrainingOptions
from forensics.generators.training.ranks import Ranks


@dataclass(frozen=True)
class Batches:
    """This rank's shares of batches, on its device."""

    options: TrainingOptions
    images: TrainingImages
    device: torch.device
    ranks: Ranks

    def real(
        self, indices: np.ndarray, mirrored: np.ndarray, stage: tuple[int, float] | None
    ) -> LabelledImages:
        """Of the batch at `indices` int64 [n] (from 0 on), flipped where `mirrored` bool [n], with the detail of the
        `stage` of growing."""
        mine = slice(self.ranks.rank, None, self.ranks.size)
        return self.whole(indices[mine], mirrored[mine], stage)

    def whole(
        self, indices: np.ndarray, mirrored: np.ndarray | None = None, stage: tuple[int, float] | None = None
    ) -> LabelledImages:
        """All images at `indices` int64 [n] (from 0 on), flipped where `mirrored` bool [n], at a `stage` of growing."""
        network = self.options.network
        flips = np.zeros(len(indices), bool) if mirrored is None else mirrored
        images = self.images.batch(indices, flips).to(self.device)
        if stage is not None and (stage[0] < network.resolution or stage[1] < 1):
            images = as_shown(images, *stage)
        if self.options.images.pixels == "imagenet":
            images = imagenet_normalised(images)
        labels = self.one_hot(self.images.labels[indices]) if network.c_dim else None
        return LabelledImages(images, labels)

    def fake_labels(self, n: int, iteration: int, use: int) -> Tensor | None:
        """Labels float32 [n, c_dim], 0 or 1, for this rank's share of n fakes, drawn as often as the images have them;
        `use` tells the draws of an iteration apart."""
        if not self.options.network.c_dim:
            return None
        rng = np.random.default_rng([self.options.seed, 11, iteration, use])
        drawn = self.images.labels[rng.integers(len(self.images), size=n)]
        return self.one_hot(drawn[self.ranks.rank :: self.ranks.size])

    def one_hot(self, labels: np.ndarray) -> Tensor:
        """Class numbers int64 [n], from 0 on, as float32 [n, c_dim]."""
        chosen = torch.from_numpy(labels.astype(np.int64)).to(self.device)
        return F.one_hot(chosen, self.options.network.c_dim).float()
