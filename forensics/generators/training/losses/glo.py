"""Latents that stand for training photographs: what the generator makes of them should look like those.

A discriminator alone leaves a small generator with few kinds of faces for a long time. Here every photograph, and its
mirror image, has a z of its own. The codes begin where the generator is: z is white, so the covariance of generated
features and z says how features follow z (least squares), and the photographs' features projected on it are brought to
the nearest set that has the covariance of latents drawn at random. Random latents then fall between codes, and what is
made of those the discriminators judge as ever.
Such codes say nothing of who is shown: no variance of descriptors is linear in them, of photographs left out of the
regression. With a network that tells persons apart the codes are therefore principal
components of features and descriptors, turned towards those projections: who is shown is then a linear function of z.
Sources: Bojanowski et al., "Optimizing the Latent Space of Generative Networks" (ICML 2018), for a code an image and
reconstruction in features; Larsen et al., "Autoencoding beyond pixels" (ICML 2016), for reconstruction beside a GAN;
Schönemann, "A generalized solution of the orthogonal Procrustes problem" (Psychometrika, 1966).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.generators.base import Generator
from forensics.generators.training.augmentation.random_views import drawn_views, viewed
from forensics.generators.training.ranks import ONE_RANK, Ranks

if TYPE_CHECKING:
    from forensics.corpus.photographs.data import TrainingImages
    from forensics.generators.training.losses.fixed_features import Lite0Features

_BATCH = 32
_GENERATED = 2048
_FIELDS = (1, 2, 4, 4)
CARD = Card(
    "Generative latent optimisation: every photograph has a latent code, from which it is reconstructed.",
    paper="Bojanowski et al., ICML 2018, arXiv:1707.05776",
    defaults={"glo_weight": 1.0, "glo_identity_weight": 6.0, "glo_batch": 16, "glo_kimg": 16.0},
)


@dataclass(frozen=True)
class Identity:
    """That what is made of a code should be the person of its photograph: `describe` makes descriptors float32 [n, d]
    of images float32 [n, 3, h, w] in [-1, 1], whose difference counts `weight` times."""

    describe: Callable[[Tensor], Tensor]
    weight: float = 1.0


@register("loss", "glo", CARD)
class LatentCodes(nn.Module):
    """A latent z [z_dim] for each training image and, with `mirror`, for its mirror image.

    `codes` float32 [size, z_dim] are state that a run carries: zeros until `place` has been called.
    Raises `ValueError` where there are fewer images than components of z.
    """

    codes: Tensor

    def __init__(
        self,
        features: Lite0Features,
        images: TrainingImages,
        z_dim: int,
        *,
        mirror: bool,
        identity: Identity | None = None,
        ranks: Ranks = ONE_RANK,
    ) -> None:
        super().__init__()
        self.features, self.identity, self.images = features, identity, images
        self.mirror, self.ranks = mirror, ranks
        self.size = len(images) * (2 if mirror else 1)
        if self.size <= z_dim:
            raise ValueError(f"{self.size} images are too few for a code of {z_dim} numbers each")
        self.device = features.device
        self.register_buffer("codes", torch.zeros(self.size, z_dim, device=self.device))

    @property
    def placed(self) -> bool:
        """Whether the codes are there."""
        return bool(self.codes.any())

    @torch.no_grad()
    def place(self, generator: Generator) -> None:
        """Give every image its code, from what `generator` makes of 2048 random latents."""
        z = generator.sample_z(_GENERATED, seed=0)
        generated = (generator.synthesize(generator.map(part)) for part in torch.split(z, _BATCH))
        shown = (batch.to(self.device) for batch in self.images.in_batches(mirror=self.mirror))
        mine, known = _standardised(self._kinds(generated), self._kinds(shown))
        predicted = known @ (mine.T @ z)
        if self.identity is None:
            self.codes.copy_(_whitened(predicted))
        else:
            self.codes.copy_(_turned(_components(known, z.shape[1]), predicted))

    def _kinds(self, batches: Iterable[Tensor]) -> list[Tensor]:
        """Features [n, d] of images in batches, and their descriptors where identity counts."""
        identity = self.identity
        each = [
            (self._pooled(batch), *([identity.describe(batch)] if identity is not None else []))
            for batch in batches
        ]
        return [torch.cat(kind) for kind in zip(*each, strict=True)]

    def _shown(self, places: Tensor) -> Tensor:
        """Images [n, 3, r, r] of the codes at `places`."""
        return self.images.with_mirrored(places.cpu().numpy()).to(self.device)

    def _drawn(self, count: int) -> Tensor:
        ranks, stream = self.ranks, self.ranks.latents
        count += -count % ranks.size
        at = None if stream is None else stream.device
        return ranks.share(torch.randint(self.size, [count], generator=stream, device=at))

    def _pooled(self, images: Tensor) -> Tensor:
        return self.features.pooled(images, _FIELDS)

    def loss(self, generator: Generator, count: int) -> Tensor:
        """How far what the generator makes of `count` random codes is from their photographs, a float32 scalar [] from
        0 up: mean absolute differences of pixels at half the side, of features at four scales, and of descriptors.

        `count` is that of all ranks, made a multiple of their number; each takes its share."""
        places = self._drawn(count)
        ws = generator.broadcast_w(self.codes[places.to(self.device)], None)
        generated, shown = generator.synthesize(ws, noise="random"), self._shown(places)
        loss = F.l1_loss(F.avg_pool2d(generated, 2), F.avg_pool2d(shown, 2))
        with torch.no_grad():
            wanted = self.features.tapped(shown)
        for mine, theirs in zip(self.features.tapped(generated), wanted, strict=True):
            loss = loss + F.l1_loss(mine.float(), theirs.float())
        if self.identity is not None:
            views = drawn_views(len(shown), self.device)
            with torch.no_grad():
                persons = self.identity.describe(viewed(shown, views))
            apart = F.l1_loss(self.identity.describe(viewed(generated, views)), persons)
            loss = loss + self.identity.weight * apart
        return loss


def _standardised(generated: list[Tensor], shown: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Features of generated images and of photographs, kinds side by side: each set around 0, both in the
    photographs' deviations, divided by the root of their number so that every kind counts alike."""
    mine, known = [], []
    for ours, theirs in zip(generated, shown, strict=True):
        spread = (theirs.std(dim=0) + 1e-6) * theirs.shape[1] ** 0.5
        mine.append((ours - ours.mean(dim=0)) / spread)
        known.append((theirs - theirs.mean(dim=0)) / spread)
    return torch.cat(mine, dim=1), torch.cat(known, dim=1)


def _whitened(x: Tensor) -> Tensor:
    """The nearest to centred x [n, d] that has covariance 1."""
    u, _, v = torch.linalg.svd(x, full_matrices=False)
    nearest: Tensor = u @ v * len(x) ** 0.5
    return nearest


def _components(x: Tensor, count: int) -> Tensor:
    """The first principal components [n, count] of centred x, each of deviation 1."""
    u, _, _ = torch.linalg.svd(x, full_matrices=False)
    first: Tensor = u[:, :count] * len(x) ** 0.5
    return first


def _turned(x: Tensor, towards: Tensor) -> Tensor:
    """x [n, d] rotated (orthogonal Procrustes) to be near `towards` [n, d]."""
    u, _, v = torch.linalg.svd(x.T @ towards)
    turned: Tensor = x @ (u @ v)
    return turned
