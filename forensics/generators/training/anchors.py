"""Latents that stand for training photographs: what the generator makes of them should look like those.

A discriminator alone leaves a small generator with few kinds of faces for a long time. Here every photograph, and its
mirror image, has a z of its own. The codes begin where the generator is: z is predicted from features of a fixed
network, by ridge regression over generated images, and the predictions for the photographs are brought to the nearest
set that has the covariance of latents drawn at random. Random latents then fall between codes, and what is made of
those the discriminators judge as ever.
Sources: Bojanowski et al., "Optimizing the Latent Space of Generative Networks" (ICML 2018), for a code an image and
reconstruction in features; Larsen et al., "Autoencoding beyond pixels" (ICML 2016), for reconstruction beside a GAN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.detectors.descriptor import DEVIATION
from forensics.generators.base import Generator

if TYPE_CHECKING:
    from forensics.detectors.descriptor import FaceDescriptor
    from forensics.generators.training.data import TrainingImages
    from forensics.generators.training.projected import ProjectedDiscriminator

_BATCH = 32
_GENERATED = 2048
_RIDGE = 0.1  # of the mean eigenvalue
_FIELDS = (1, 2, 4, 4)


class Anchors(nn.Module):
    """A latent z [z_dim] for each training image and, with `mirror`, for its mirror image.

    `codes` [size, z_dim] are state that a run carries: zeros until `place` has been called. With a `descriptor`, what
    is made of a code should also be the person of its photograph.
    Raises `ValueError` where there are fewer images than components of z.
    """

    codes: Tensor

    def __init__(
        self,
        projected: ProjectedDiscriminator,
        images: TrainingImages,
        z_dim: int,
        *,
        mirror: bool,
        descriptor: FaceDescriptor | None = None,
        descriptor_weight: float = 1.0,
    ) -> None:
        super().__init__()
        # In lists, so that their weights are not taken for this module's.
        self._projected, self._descriptor, self.images = [projected], [descriptor], images
        self.mirror, self.descriptor_weight = mirror, descriptor_weight
        self.size = len(images) * (2 if mirror else 1)
        if self.size <= z_dim:
            raise ValueError(f"{self.size} images are too few for a code of {z_dim} numbers each")
        self.device = next(projected.parameters()).device
        self.register_buffer("codes", torch.zeros(self.size, z_dim, device=self.device))

    @property
    def placed(self) -> bool:
        """Whether the codes are there."""
        return bool(self.codes.any())

    @torch.no_grad()
    def place(self, generator: Generator) -> None:
        """Give every image its code, from what `generator` makes of 2048 random latents."""
        shown = [b.to(self.device) for b in self.images.in_batches(mirror=self.mirror)]
        real = torch.cat([self._features(batch) for batch in shown])
        z = generator.sample_z(_GENERATED, seed=0)
        made = torch.cat(
            [self._features(generator.synthesize(generator.map(part))) for part in torch.split(z, _BATCH)]
        )
        mean, spread = real.mean(dim=0), real.std(dim=0) + 1e-6
        real, made = (real - mean) / spread, (made - made.mean(dim=0)) / spread
        products = made @ made.T
        ridge = _RIDGE * products.trace() / len(made)
        weights = torch.linalg.solve(products + ridge * torch.eye(len(made), device=self.device), z)
        found = real @ (made.T @ weights)
        descriptor = self._descriptor[0]
        if descriptor is None:
            u, _, v = torch.linalg.svd(found - found.mean(dim=0), full_matrices=False)
            self.codes.copy_(u @ v * self.size**0.5)
            return
        persons = torch.cat([descriptor(batch) for batch in shown])
        persons = (persons - persons.mean(dim=0)) / persons.std(dim=0)
        both = torch.cat([real / real.shape[1] ** 0.5, persons / persons.shape[1] ** 0.5], dim=1)
        u, _, _ = torch.linalg.svd(both, full_matrices=False)
        white = u[:, : self.codes.shape[1]] * self.size**0.5
        a, _, b = torch.linalg.svd(white.T @ (found - found.mean(dim=0)))
        self.codes.copy_(white @ (a @ b))

    def _shown(self, places: Tensor) -> Tensor:
        """Images [n, 3, r, r] of the codes at `places`."""
        return self.images.with_mirrored(places.cpu().numpy()).to(self.device)

    def _features(self, shown: Tensor) -> Tensor:
        return self._projected[0].pooled(shown, _FIELDS)

    def loss(self, generator: Generator, count: int) -> Tensor:
        """How far what the generator makes of `count` random codes is from their photographs: mean absolute
        differences of pixels at half the side, of features at four scales, and of descriptors."""
        places = torch.randint(self.size, [count])
        ws = generator.broadcast_w(self.codes[places.to(self.device)], None)
        made, shown = generator.synthesize(ws, noise="random"), self._shown(places)
        loss = F.l1_loss(F.avg_pool2d(made, 2), F.avg_pool2d(shown, 2))
        with torch.no_grad():
            wanted = self._projected[0].tapped(shown)
        for mine, theirs in zip(self._projected[0].tapped(made), wanted, strict=True):
            loss = loss + F.l1_loss(mine.float(), theirs.float())
        descriptor = self._descriptor[0]
        if descriptor is not None:
            with torch.no_grad():
                persons = descriptor(shown)
            loss = loss + self.descriptor_weight * F.l1_loss(descriptor(made), persons) / DEVIATION
        return loss
