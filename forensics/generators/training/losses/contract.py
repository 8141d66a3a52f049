"""What the adversarial losses share: images with labels, the critic that judges them, and what a step gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class LabelledImages:
    """Images float32 [n, c, h, w] and, for a conditional network, their one-hot labels float32 [n, c_dim]."""

    images: Tensor
    labels: Tensor | None = None


# The discriminator as training uses it: blur and augmentation, then logits float32 [n, 1], unbounded.
Critic = Callable[[LabelledImages], Tensor]


@dataclass(frozen=True)
class DiscriminatorStep:
    """The loss of a discriminator's step, and its logits [n, 1] of real and of generated images, without gradient."""

    loss: float
    real: Tensor
    fake: Tensor

    def to_json(self) -> dict[str, float]:
        """Numbers for the log: the loss, and mean probabilities of being real."""
        return {
            "loss_D": self.loss,
            "D_real": float(self.real.sigmoid().mean()),
            "D_fake": float(self.fake.sigmoid().mean()),
        }


class Adversarial(Protocol):
    """The game of the two networks: one loss for the generator, one for the discriminator."""

    takes_r1: bool  # whether R1 goes with it

    def generator_loss(self, logits: Tensor) -> Tensor:
        """Loss, a scalar, of logits float32 [n, 1], any range, of generated images."""

    def discriminator_step(
        self, critic: Critic, real: LabelledImages, fake: LabelledImages
    ) -> DiscriminatorStep:
        """Accumulate the gradient of the discriminator's loss. Images as the critic takes them."""
