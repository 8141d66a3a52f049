"""Latents that stand for training photographs: what the generator makes of them should look like those.

A discriminator alone leaves a small generator with few kinds of faces for a long time. Here every photograph, and its
mirror image, has a z of its own: the leading principal components of its features in a fixed network, whitened, so that
the codes of all photographs have the mean and the covariance of the latents that are drawn at random; alike faces have
near codes. A rotation of them is learned beside the generator. Random latents fall between the codes, and what is made
of those the discriminators judge as ever.
Sources: Bojanowski et al., "Optimizing the Latent Space of Generative Networks" (ICML 2018), for a code an image and
reconstruction in features; Larsen et al., "Autoencoding beyond pixels" (ICML 2016), for reconstruction beside a GAN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import orthogonal

from forensics.generators.base import Generator

if TYPE_CHECKING:
    from forensics.generators.training.data import TrainingImages
    from forensics.generators.training.projected import ProjectedDiscriminator

_BATCH = 32


class Anchors(nn.Module):
    """A latent z [z_dim] for each training image and, with `mirror`, for its mirror image; `count` of them a step.

    The rotation is what is learned. Codes and rotation are state that a run carries.
    Raises `ValueError` where there are fewer images than components of z.
    """

    codes: Tensor

    def __init__(
        self, projected: ProjectedDiscriminator, images: TrainingImages, z_dim: int, count: int, *, mirror: bool
    ) -> None:
        super().__init__()
        # In a list, so that its weights are not taken for this module's.
        self._projected, self.images, self.count = [projected], images, count
        self.size = len(images) * (2 if mirror else 1)
        if self.size <= z_dim:
            raise ValueError(f"{self.size} images are too few for a code of {z_dim} numbers each")
        self.device = next(projected.parameters()).device
        found = torch.cat([self._features(k) for k in torch.arange(self.size).split(_BATCH)])
        centred = found - found.mean(dim=0)
        u = torch.linalg.svd(centred / (centred.std(dim=0) + 1e-6), full_matrices=False).U
        # State, though it could be made anew: near-equal components would turn with the last bit of a feature.
        self.register_buffer("codes", u[:, :z_dim].contiguous() * self.size**0.5)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            turn = nn.Linear(z_dim, z_dim, bias=False)
            nn.init.orthogonal_(turn.weight)
        self.turn = orthogonal(turn.to(self.device))

    def _shown(self, places: Tensor) -> Tensor:
        """Images [n, 3, r, r] of the codes at `places`: the second half of all are mirrored."""
        k = places.cpu().numpy()
        return self.images.batch(k % len(self.images), k >= len(self.images)).to(self.device)

    @torch.no_grad()
    def _features(self, places: Tensor) -> Tensor:
        return self._projected[0].pooled(self._shown(places), sides=(1, 2, 4, 4))

    def latents(self, places: Tensor) -> Tensor:
        """z [n, z_dim] of the images at `places` [n]."""
        z: Tensor = self.turn(self.codes[places])
        return z

    def loss(self, generator: Generator) -> Tensor:
        """How far what the generator makes of some photographs' latents is from them: mean absolute differences of
        pixels at a quarter of the side, and of features at four scales."""
        places = torch.randint(self.size, [self.count])
        ws = generator.broadcast_w(self.latents(places.to(self.device)), None)
        made, shown = generator.synthesize(ws, noise="random"), self._shown(places)
        loss = F.l1_loss(F.avg_pool2d(made, 4), F.avg_pool2d(shown, 4))
        with torch.no_grad():
            wanted = self._projected[0].tapped(shown)
        for mine, theirs in zip(self._projected[0].tapped(made), wanted, strict=True):
            loss = loss + F.l1_loss(mine.float(), theirs.float())
        return loss
