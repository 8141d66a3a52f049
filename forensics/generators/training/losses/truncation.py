"""Persons kept along truncation: at psi, a face is so much of the way from the average to the person it was.

With c the mean cosine of embeddings, sqrt((1 - c) / c) is how large a person's own part is beside what all share. On
the embedded generator of 128 px (150 faces, c = 0.10 at psi 1) it was at psi 0.7 not 0.7 but 0.59 of what it is at
psi 1, and at psi 0.5 0.38: truncated faces resembled one another more than w_avg + psi (w - w_avg) promises, since what
the synthesis makes of small steps from w_avg is less than proportional.
Sources: Karras et al. (CVPR 2019), appendix B, for truncation; path length regularisation (Karras et al., CVPR 2020,
section 3.2) asks the same of all of the image, at a higher price.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from forensics.generators.training.losses.jitter import drawn_views, viewed

if TYPE_CHECKING:
    from forensics.generators.base import Generator
    from forensics.generators.training.losses.matching import FeatureMatching
    from forensics.generators.training.losses.persons import Persons

_LOWEST = 0.5


class KeptPersons:
    """How far persons stray when their ws are truncated, by the descriptors and their scale in `matching`."""

    def __init__(self, persons: Persons, matching: FeatureMatching) -> None:
        self.persons, self.matching = persons, matching

    def loss(self, generator: Generator, images: Tensor, ws: Tensor) -> Tensor:
        """1 - cosine between the descriptors of ws truncated to psi in [0.5, 1] and m + psi (x - m), mean.

        x are the descriptors of `images`, what `generator` made of `ws` [n, num_ws, w_dim]; m is their mean over the
        last ones made. x has no gradient: the truncated face is to follow the whole one, not the other way round.
        """
        psi = _LOWEST + (1 - _LOWEST) * torch.rand(len(ws), 1, device=ws.device)
        truncated = torch.lerp(generator.w_avg.to(ws), ws, psi[:, :, None])
        views = drawn_views(len(ws), ws.device)
        with torch.no_grad():
            mean = self.matching.made_mean()
            wanted = torch.lerp(mean, self._descriptors(images, views), psi)
        found = self._descriptors(generator.synthesize(truncated, noise="random"), views)
        return (1 - F.cosine_similarity(found, wanted)).mean()

    def _descriptors(self, images: Tensor, views: Tensor) -> Tensor:
        return self.matching.standardised(self.persons(viewed(images, views)))
