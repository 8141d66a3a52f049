"""The controller of adaptive discriminator augmentation.

Source: Karras et al., "Training Generative Adversarial Networks with Limited Data" (NeurIPS 2020), section 3.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from forensics.generators.training.augmentation.pipe import AugmentPipe


class AdaController:
    """Move p so that E[sign D(real)] meets `target` (section 3): p changes by 1 in `ada_kimg` thousand images."""

    def __init__(
        self, pipe: AugmentPipe, target: float = 0.6, interval: int = 4, ada_kimg: float = 500
    ) -> None:
        self.pipe, self.target, self.interval, self.ada_kimg = pipe, target, interval, ada_kimg
        self.sign_sum, self.sign_count = 0.0, 0

    def observe(self, real_logits: Tensor) -> None:
        """Take in the discriminator's outputs on real images, float32 [n, 1], any range."""
        self.sign_sum += float(real_logits.detach().sign().sum())
        self.sign_count += real_logits.numel()

    def update(self, iteration: int, batch: int) -> None:
        """Adjust p at every `interval`-th iteration."""
        if iteration % self.interval or not self.sign_count:
            return
        step = batch * self.interval / (self.ada_kimg * 1000)
        mean_sign = self.sign_sum / self.sign_count
        self.pipe.p.copy_((self.pipe.p + step * float(np.sign(mean_sign - self.target))).clamp(min=0))
        self.sign_sum, self.sign_count = 0.0, 0
