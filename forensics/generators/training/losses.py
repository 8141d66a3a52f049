"""The losses of StyleGAN2: non-saturating logistic, lazy R1, lazy path length, style mixing.

Each function accumulates gradients and returns numbers for the log. Sources: Goodfellow et al. (2014) for the
logistic loss, Mescheder et al. (2018) for R1, Karras et al. (CVPR 2020) section 3.1-3.2 for laziness and path length.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.generators.stylegan2 import StyleGAN2Generator
from forensics.generators.training.augment import AugmentPipe


def gradient_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """|d logits_i / d images_i|^2 of every image, [n], differentiable again (R1 without its weight)."""
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3))


def path_lengths(images: Tensor, ws: Tensor, y: Tensor) -> Tensor:
    """|J_w^T y| of every image, [n], for y ~ N(0, 1) / sqrt(H W): root mean square over the layers of ws."""
    (gradient,) = torch.autograd.grad((images * y).sum(), ws, create_graph=True)
    return gradient.square().sum(dim=2).mean(dim=1).sqrt()


class StyleGAN2Loss:
    """Gradient steps of one generator and discriminator under one augmentation pipe.

    `pl_mean`, the running mean of path lengths, is state that a snapshot must carry.
    """

    def __init__(
        self,
        generator: StyleGAN2Generator,
        discriminator: nn.Module,
        pipe: AugmentPipe,
        *,
        mixing_prob: float,
    ) -> None:
        self.generator, self.discriminator, self.pipe = generator, discriminator, pipe
        self.mixing_prob = mixing_prob
        self.pl_mean = torch.zeros([])

    def fakes(self, n: int, *, track_w_avg: float | None = None) -> tuple[Tensor, Tensor]:
        """n images and their ws from fresh latents, with style mixing; `track_w_avg` is the decay of w_avg."""
        g = self.generator
        z = torch.randn(2, n, g.z_dim, device=g.device)
        w = g.mapping(z[0])
        if track_w_avg is not None:
            g.w_avg.copy_(w.detach().mean(dim=0).lerp(g.w_avg, track_w_avg))
        ws = w[:, None].expand(-1, g.num_ws, -1)
        if self.mixing_prob > 0 and float(torch.rand([])) < self.mixing_prob:
            cutoff = int(torch.randint(1, g.num_ws, []))
            other = g.mapping(z[1])[:, None].expand(-1, g.num_ws - cutoff, -1)
            ws = torch.cat([ws[:, :cutoff], other], dim=1)
        return g.synthesize(ws, noise="random"), ws

    def generator_step(self, n: int, w_avg_beta: float) -> dict[str, float]:
        """Gradient of -log D(G(z)) for the generator's weights."""
        images, _ = self.fakes(n, track_w_avg=w_avg_beta)
        logits = self.discriminator(self.pipe(images))
        loss = F.softplus(-logits).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return {"loss_G": float(loss.detach())}

    def discriminator_step(self, real: Tensor) -> tuple[dict[str, float], Tensor]:
        """Gradient of -log D(x) - log(1 - D(G(z))) for the discriminator; also the logits of the real images."""
        with torch.no_grad():
            images, _ = self.fakes(real.shape[0])
        fake_logits = self.discriminator(self.pipe(images))
        loss_fake = F.softplus(fake_logits).mean()
        loss_fake.backward()  # type: ignore[no-untyped-call]
        real_logits = self.discriminator(self.pipe(real))
        loss_real = F.softplus(-real_logits).mean()
        loss_real.backward()  # type: ignore[no-untyped-call]
        numbers = {
            "loss_D": float(loss_fake.detach() + loss_real.detach()),
            "D_real": float(real_logits.detach().sigmoid().mean()),
            "D_fake": float(fake_logits.detach().sigmoid().mean()),
        }
        return numbers, real_logits.detach()

    def r1_step(self, real: Tensor, gamma: float, interval: int) -> dict[str, float]:
        """Gradient of gamma / 2 |grad D(x)|^2, times the interval at which it is taken (lazy)."""
        images = real.detach().requires_grad_(True)
        logits = self.discriminator(self.pipe(images))
        penalty = gradient_penalty(logits, images).mean()
        (penalty * (gamma / 2 * interval)).backward()  # type: ignore[no-untyped-call]
        return {"r1": float(penalty.detach())}

    def path_length_step(self, n: int, weight: float, decay: float, interval: int) -> dict[str, float]:
        """Gradient of (|J_w^T y| - mean)^2, times the interval (lazy); also moves the running mean."""
        images, ws = self.fakes(n)
        y = torch.randn_like(images) / math.sqrt(images.shape[2] * images.shape[3])
        lengths = path_lengths(images, ws, y)
        mean = self.pl_mean.lerp(lengths.mean().detach(), decay)
        self.pl_mean.copy_(mean)
        penalty = (lengths - mean).square().mean()
        (penalty * (weight * interval)).backward()  # type: ignore[no-untyped-call]
        return {"pl_length": float(lengths.detach().mean())}
