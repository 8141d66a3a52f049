"""The persons of generated images as various as those of photographs: energy distance of face descriptors.

A generator that is held to the persons of photographs by one network finds what this network alone looks at: measured
at 128 px, generated faces varied as photographs in dlib's descriptors (their mean off by 0.7 % of the variance), while
networks of another kind found them off by 6 %. Two see more than one. For the same reason every image is seen in a view
of its own (`augmentation/random_views.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from forensics.backbones import face_descriptor as dlib
from forensics.backbones import mobile_face_descriptor as mobile
from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.generators.training.augmentation.random_views import drawn_views, viewed
from forensics.generators.training.losses.energy_distance import EnergyDistance
from forensics.generators.training.ranks import ONE_RANK, Ranks

if TYPE_CHECKING:
    from forensics.corpus.photographs.data import TrainingImages

# By its name in the options: how it is loaded, and the deviation of each of its numbers over photographs of faces.
_NETWORKS: dict[str, tuple[Callable[[], nn.Module], float]] = {
    "dlib": (dlib.load_descriptor, dlib.DEVIATION),
    "mobile": (mobile.load_mobile_descriptor, mobile.DEVIATION),
}
CARD = Card(
    "Energy distance between the face descriptors of generated images and those of all photographs.",
    paper="Székely and Rizzo 2013; views after Athalye et al., ICML 2018, arXiv:1707.07397",
    domain="faces framed as FFHQ is",
    defaults={"identity_weight": 16.0, "identity_networks": "dlib+mobile"},
)


class FaceDescriptors(nn.Module):
    """Descriptors float32 [n, d] of images float32 [n, 3, h, w] in [-1, 1], framed as FFHQ is: those of the networks
    `names` (joined by +) side by side, each number about of deviation 1 over photographs."""

    def __init__(self, names: str = "dlib") -> None:
        super().__init__()
        chosen = [_NETWORKS[name] for name in names.split("+")]
        self.networks = nn.ModuleList(load() for load, _ in chosen)
        self.deviations = [deviation for _, deviation in chosen]

    def forward(self, images: Tensor) -> Tensor:
        """Descriptors float32 [n, d], any range, of images float32 [n, 3, h, w] in [-1, 1]."""
        each = zip(self.networks, self.deviations, strict=True)
        return torch.cat([network(images) / deviation for network, deviation in each], dim=1)


@register("loss", "identity", CARD)
class IdentityDistance(EnergyDistance):
    """Energy distance over descriptors of random views of the images.

    The photographs' views come from torch's random stream: seeded before, they are the same at every start of a run.
    """

    def __init__(
        self,
        descriptors: FaceDescriptors,
        images: TrainingImages,
        device: torch.device,
        *,
        mirror: bool,
        ranks: Ranks = ONE_RANK,
    ) -> None:
        def extract(seen: Tensor) -> Tensor:
            described: Tensor = descriptors(viewed(seen, drawn_views(len(seen), device)))
            return described

        super().__init__(extract, images, device, mirror=mirror, ranks=ranks)
