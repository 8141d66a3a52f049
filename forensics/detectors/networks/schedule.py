"""How long and how fast a network detector is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from forensics.detectors.training_views.augmentation import Augmentation


@dataclass(frozen=True)
class Schedule:
    """How long and how fast. An epoch is as many images as the pool holds."""

    epochs: float = 20.0
    batch: int = 24
    learning_rate: float = 5e-4
    weight_decay: float = 0.02
    warmup_steps: int = 30
    average_decay: float = 0.98
    label_smoothing: float = 0.02
    crops_px: tuple[int, ...] = (224, 224, 224, 112)  # one is drawn for each batch
    shrink_p: float = 0.5  # in batches of the smallest crop: how often a larger image is first shrunk to it
    augmentation: Augmentation = field(default_factory=Augmentation)

    def steps(self, n_images: int) -> int:
        """Number of steps for a pool of `n_images`."""
        return max(1, round(self.epochs * n_images / self.batch))

    def rate(self, step: int, steps: int) -> float:
        """Learning rate: linear warm-up, then half a cosine to zero."""
        cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
        return self.learning_rate * min(1.0, (step + 1) / self.warmup_steps) * cosine
