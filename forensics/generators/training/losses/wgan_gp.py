"""WGAN-GP: the critic's gradient between real and fake is pulled to length 1, its real outputs gently to 0.

Sources: Gulrajani et al., "Improved Training of Wasserstein GANs" (NeurIPS 2017), equation 3; the drift term is that of
Karras et al., "Progressive Growing of GANs" (ICLR 2018), appendix A.
"""

from __future__ import annotations

import torch
from torch import Tensor

from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.generators.training.losses.contract import Critic, DiscriminatorStep, LabelledImages
from forensics.generators.training.losses.r1 import gradient_penalty

_PENALTY_WEIGHT, _DRIFT_WEIGHT = 10.0, 0.001
CARD = Card(
    "Wasserstein loss with gradient penalty and a small drift term.",
    paper="Gulrajani et al., NeurIPS 2017, arXiv:1704.00028",
    domain="any images",
    defaults={"penalty_weight": _PENALTY_WEIGHT, "drift_weight": _DRIFT_WEIGHT},
)


@register("loss", "wgan-gp", CARD)
class WassersteinGP:
    """The critic's difference of means, kept 1-Lipschitz by its penalty; no R1."""

    takes_r1 = False

    def generator_loss(self, logits: Tensor) -> Tensor:
        """-D(G(z)), mean over logits float32 [n, 1], unbounded range."""
        return -logits.mean()

    def discriminator_step(
        self, critic: Critic, real: LabelledImages, fake: LabelledImages
    ) -> DiscriminatorStep:
        """Gradient of D(G(z)) - D(x) + 10 (|grad D| - 1)^2 + 0.001 D(x)^2."""
        fake_logits, real_logits = critic(fake), critic(real)
        share = torch.rand(len(fake.images), 1, 1, 1, device=fake.images.device)
        between = torch.lerp(real.images, fake.images, share).requires_grad_(True)
        # The penalty is per image: eps keeps the root's derivative finite where the critic is flat.
        squares = gradient_penalty(critic(LabelledImages(between, fake.labels)), between)
        lengths = (squares + 1e-12).sqrt()
        loss = fake_logits.mean() - real_logits.mean()
        total = loss + _PENALTY_WEIGHT * (lengths - 1).square().mean()
        total = total + _DRIFT_WEIGHT * real_logits.square().mean()
        total.backward()  # type: ignore[no-untyped-call]
        return DiscriminatorStep(float(total.detach()), real_logits.detach(), fake_logits.detach())
