"""What is shown of a person, by one or more networks that tell faces apart, as one vector.

A generator that is held to the persons of photographs by one network finds what this network alone looks at: measured
at 128 px, generated faces varied as photographs in dlib's descriptors (their mean off by 0.7 % of the variance), while
networks of another kind, among them the one that judges, found them off by 6 %. Two see more than one.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from forensics.backbones import face_descriptor as descriptor
from forensics.backbones import mobile_face_descriptor as mobile_descriptor

# By its name in the options: how it is loaded, and the deviation of each of its numbers over photographs of faces.
_NETWORKS: dict[str, tuple[Callable[[], nn.Module], float]] = {
    "dlib": (descriptor.load_descriptor, descriptor.DEVIATION),
    "mobile": (mobile_descriptor.load_mobile_descriptor, mobile_descriptor.DEVIATION),
}


class Persons(nn.Module):
    """Descriptors float32 [n, d] of images float32 [n, 3, h, w] in [-1, 1], framed as FFHQ is: those of the networks
    `names` (joined by +) side by side, each number about of deviation 1 over photographs."""

    def __init__(self, names: str = "dlib") -> None:
        super().__init__()
        chosen = [_NETWORKS[name] for name in names.split("+")]
        self.networks = nn.ModuleList(load() for load, _ in chosen)
        self.deviations = [deviation for _, deviation in chosen]

    def forward(self, images: Tensor) -> Tensor:
        found = zip(self.networks, self.deviations, strict=True)
        return torch.cat([network(images) / deviation for network, deviation in found], dim=1)
