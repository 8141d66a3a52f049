"""The search that the optimising inverters share: a loss, a schedule, and the best step kept.

Loss: mean squared difference of pixels in [-1, 1], plus 0.8 times the layer distance (`backbones/layer_distance.py`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forensics.backbones.layer_distance import LayerDistance
from forensics.generators.base import Generator
from forensics.generators.inversion.contract import Code

PERCEPTUAL: Final = 0.8
_RISE, _FALL = 0.05, 0.25  # shares of the steps in which the rate rises and falls (StyleGAN2, appendix D)


def as_network_image(image: NDArray[np.uint8], device: torch.device) -> Tensor:
    """uint8 [H, W, 3] in [0, 255] to float32 [1, 3, H, W] in [-1, 1]."""
    pixels = torch.from_numpy(np.array(image)).to(device).permute(2, 0, 1)[None]
    return pixels.float() / 127.5 - 1


class Target:
    """What is to be reached: an image uint8 [H, W, 3] in [0, 255], and how a distance sees it."""

    def __init__(
        self, image: NDArray[np.uint8], distance: LayerDistance, perceptual: float = PERCEPTUAL
    ) -> None:
        self.distance, self.perceptual = distance, perceptual
        self.pixels = as_network_image(image, next(distance.parameters()).device)
        with torch.no_grad():
            self.features = distance.features(self.pixels)

    def loss(self, image: Tensor) -> Tensor:
        """float32 [], at least 0, of an image float32 [1, 3, H, W], nominally in [-1, 1]."""
        pixels = (image - self.pixels).square().mean()
        layers = self.distance.between(self.distance.features(image), self.features)
        return pixels + self.perceptual * layers.mean()


class Search(ABC):
    """What an inverter varies, and how."""

    @abstractmethod
    def groups(self) -> list[dict[str, Any]]:
        """Adam's groups: `params` and their rate `lr`."""

    @abstractmethod
    def code(self, t: float) -> Code:
        """What is to be tried when the share `t` in [0, 1) of the steps is over."""

    def penalty(self, code: Code) -> Tensor | float:
        """What is added to the loss for the gradient; not part of the loss that chooses the best step."""
        return 0.0

    def settle(self) -> None:
        """What is done after a step."""
        return None


def rate(t: float) -> float:
    """The factor in (0, 1] of the learning rate at the share `t` of the steps: a linear rise, a cosine fall."""
    fall = min(1.0, (1.0 - t) / _FALL)
    return (0.5 - 0.5 * math.cos(fall * math.pi)) * min(1.0, t / _RISE)


def minimise(
    search: Search, generator: Generator, target: Target, steps: int
) -> tuple[Code, tuple[float, ...], int]:
    """The code of the least loss, the loss at every step, and the number of the best step.

    A code is kept with the loss that was measured of it: the best step, never merely the last.
    """
    adam = torch.optim.Adam(search.groups(), betas=(0.9, 0.999))
    rates = [group["lr"] for group in adam.param_groups]
    losses: list[float] = []
    best, best_step = None, 0
    for step in range(steps):
        for group, full in zip(adam.param_groups, rates, strict=True):
            group["lr"] = full * rate((step + 1) / (steps + 1))
        code = search.code(step / steps)
        loss = target.loss(code.synthesize(generator))
        losses.append(float(loss.detach()))
        if best is None or losses[-1] < losses[best_step]:
            best, best_step = code.detached(), step
        adam.zero_grad(set_to_none=True)
        (loss + search.penalty(code)).backward()  # type: ignore[no-untyped-call]
        adam.step()
        search.settle()
    assert best is not None
    return best, tuple(losses), best_step


def free(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Copies that an optimiser may change."""
    return [tensor.detach().clone().requires_grad_(True) for tensor in tensors]
