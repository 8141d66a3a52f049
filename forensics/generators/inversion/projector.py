"""StyleGAN2's projector: one w for all layers, and the noise maps kept free of structure."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from forensics.backbones.layer_distance import load_layer_distance
from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.generators.base import Generator
from forensics.generators.inversion.contract import Code, Inversion, check_images
from forensics.generators.inversion.search import Search, Target, free, minimise

RATE: Final = 0.1
NOISE_SHARE: Final = 0.05  # of the deviation of w, added to it at the start
NOISE_ENDS: Final = 0.75  # share of the steps after which w has no noise
NOISE_PENALTY: Final = 1e5
_SMALLEST_MAP: Final = 8
_LATENTS: Final = 2000


class WSearch(Search):
    """w float32 [1, 1, w_dim] and noise maps; w is shaken less and less (StyleGAN2, appendix D)."""

    def __init__(self, generator: Generator, seed: int, *, with_noise: bool = True, lr: float = RATE) -> None:
        self.lr, self.num_ws = lr, generator.num_ws
        with torch.no_grad():
            w = generator.map(generator.sample_z(_LATENTS, seed=0))[:, 0]
        self.deviation = float((w - w.mean(dim=0)).square().sum(dim=1).mean().sqrt()) / w.shape[1] ** 0.5
        (self.w,) = free([w.mean(dim=0)[None, None]])
        self.noise = free(generator.sample_noise(seed, [0])) if with_noise else []
        self.random = torch.Generator().manual_seed(seed)

    def groups(self) -> list[dict[str, Any]]:
        """w and the maps at one rate."""
        return [{"params": [self.w, *self.noise], "lr": self.lr}]

    def code(self, t: float) -> Code:
        """w, shaken, in all layers."""
        size = self.deviation * NOISE_SHARE * max(0.0, 1.0 - t / NOISE_ENDS) ** 2
        shake = torch.randn(self.w.shape, generator=self.random).to(self.w.device) * size
        return Code((self.w + shake).expand(-1, self.num_ws, -1), tuple(self.noise) or None)

    def penalty(self, code: Code) -> Tensor | float:
        """Autocorrelation of the maps, so that the image does not hide in them (equation 4)."""
        return NOISE_PENALTY * sum((autocorrelation(one) for one in self.noise), torch.zeros(()))

    def settle(self) -> None:
        """Maps have mean 0 and deviation 1 again."""
        with torch.no_grad():
            for one in self.noise:
                one -= one.mean()
                one *= one.square().mean().rsqrt()


def autocorrelation(noise: Tensor) -> Tensor:
    """float32 [], at least 0: of a map [1, 1, h, w] with its neighbours one px away, at every scale down to 8 px."""
    total = torch.zeros((), device=noise.device)
    while True:
        for dim in (2, 3):
            total = total + (noise * noise.roll(1, dims=dim)).mean().square()
        if min(noise.shape[2:]) <= _SMALLEST_MAP:
            return total
        noise = functional.avg_pool2d(noise, 2)


@register(
    "inverter",
    "projector",
    Card(
        "One w for all layers and regularised noise maps, by gradient descent.",
        paper="Karras et al. 2020, arXiv 1912.04958, appendix D",
        domain="any generator that loads; an image of its size",
        defaults={"steps": 150, "lr": RATE, "noise_penalty": NOISE_PENALTY},
        small_version_of="the published projector: 1,000 steps, and VGG16's distance alone",
    ),
)
class Projector:
    """W and noise. The published schedule, scaled to the steps; the best step is kept, the published keeps the last."""

    steps = 150

    def invert(
        self, images: NDArray[np.uint8], generator: Generator, *, seed: int = 0, steps: int | None = None
    ) -> list[Inversion]:
        """One inversion an image of uint8 [n, H, W, 3] in [0, 255]; ForensicsError: not the generator's size."""
        count = self.steps if steps is None else steps
        check_images(images, generator, count)
        distance = load_layer_distance(generator.device)
        inversions = []
        for image in images:
            code, losses, best = minimise(WSearch(generator, seed), generator, Target(image, distance), count)
            inversions.append(Inversion(code, losses, best, "projector", generator))
        return inversions
