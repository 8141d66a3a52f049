"""The non-saturating logistic loss: D learns log-probabilities of being real, G to have its images called real.

Source: Goodfellow et al., "Generative Adversarial Nets" (NeurIPS 2014), section 3.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.generators.training.losses.contract import Critic, DiscriminatorStep, LabelledImages

CARD = Card(
    "Non-saturating logistic loss: -log D(x) - log(1 - D(G(z))) for D, -log D(G(z)) for G.",
    paper="Goodfellow et al., NeurIPS 2014, arXiv:1406.2661",
    domain="any images",
    defaults={"adversarial_weight": 1.0},
)


@register("loss", "non-saturating", CARD)
class NonSaturating:
    """The logistic loss on logits, R1 beside it."""

    takes_r1 = True

    def generator_loss(self, logits: Tensor) -> Tensor:
        """-log D(G(z)), mean over logits float32 [n, 1], unbounded range."""
        return F.softplus(-logits).mean()

    def discriminator_step(
        self, critic: Critic, real: LabelledImages, fake: LabelledImages
    ) -> DiscriminatorStep:
        """Gradient of -log D(x) - log(1 - D(G(z))); in two halves, so that one set of activations is held at a time."""
        fake_logits = critic(fake)
        loss_fake = F.softplus(fake_logits).mean()
        loss_fake.backward()  # type: ignore[no-untyped-call]
        real_logits = critic(real)
        loss_real = F.softplus(-real_logits).mean()
        loss_real.backward()  # type: ignore[no-untyped-call]
        loss = float(loss_fake.detach() + loss_real.detach())
        return DiscriminatorStep(loss, real_logits.detach(), fake_logits.detach())
