"""The losses: non-saturating logistic or Wasserstein, lazy R1, lazy path length, style mixing.

Each step accumulates gradients and returns numbers for the log. Sources: Goodfellow et al. (2014) for the logistic
loss, Mescheder et al. (2018) for R1, Karras et al. (CVPR 2020) section 3.1-3.2 for laziness and path length, Gulrajani
et al. (2017) for the gradient penalty of WGAN-GP, with the drift term of Karras et al. (ICLR 2018).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.generators.base import Generator
from forensics.generators.training.augment import AugmentPipe
from forensics.generators.training.ranks import ONE_RANK, Ranks

if TYPE_CHECKING:
    from forensics.generators.training.losses.anchors import Anchors
    from forensics.generators.training.losses.matching import FeatureMatching
    from forensics.generators.training.losses.projected import ProjectedDiscriminator
    from forensics.generators.training.losses.truncation import KeptPersons

_GP_WEIGHT, _DRIFT_WEIGHT = 10.0, 0.001


def gradient_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """|d logits_i / d images_i|^2 of every image, [n], differentiable again (R1 without its weight)."""
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3))


def path_lengths(images: Tensor, ws: Tensor, y: Tensor) -> Tensor:
    """|J_w^T y| of every image, [n], for y ~ N(0, 1) / sqrt(H W): root mean square over the layers of ws."""
    (gradient,) = torch.autograd.grad((images * y).sum(), ws, create_graph=True)
    return gradient.square().sum(dim=2).mean(dim=1).sqrt()


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Images [n, c, h, w] under a Gaussian of `sigma` pixels at which it has half its height, zeros outside."""
    size = math.floor(sigma * 3)
    if size <= 0:
        return images
    taps = torch.arange(-size, size + 1, device=images.device).div(sigma).square().neg().exp2()
    row = (taps / taps.sum()).expand(images.shape[1], 1, 1, -1)
    x = F.conv2d(images, row, padding=(0, size), groups=images.shape[1])
    return F.conv2d(x, row.transpose(2, 3), padding=(size, 0), groups=images.shape[1])


@dataclass
class Real:
    """Real images [n, c, h, w] and, for a conditional network, their one-hot labels [n, c_dim]."""

    images: Tensor
    labels: Tensor | None = None


@dataclass
class Beside:
    """What the generator learns from beside its discriminator, whose own say has `plain_weight`."""

    plain_weight: float = 1.0
    projected: ProjectedDiscriminator | None = None
    projected_weight: float = 0.2
    matching: Mapping[str, FeatureMatching] = field(default_factory=dict)
    kept: KeptPersons | None = None
    anchors: Anchors | None = None
    anchor_weight: float = 0.0
    anchor_count: int = 8

    @property
    def distances(self) -> list[str]:
        """Names of the distances there are."""
        return [*self.matching, *([] if self.kept is None else ["truncation"])]

    def distance(self, name: str, generator: Generator, images: Tensor, ws: Tensor) -> Tensor:
        """The distance called `name` of `images`, made of `ws`: one of `matching`, or `truncation`."""
        if name != "truncation":
            return self.matching[name].loss(images)
        assert self.kept is not None
        # Half of them: each costs another image.
        return self.kept.loss(generator, images[::2], ws[::2])


class LogisticLoss:
    """Gradient steps of one generator and discriminator under one augmentation pipe.

    `pl_mean`, the running mean of path lengths, is state that a snapshot must carry. `n` is the batch of all ranks;
    a rank makes its share.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: nn.Module,
        pipe: AugmentPipe,
        *,
        mixing_prob: float,
        lowest_psi: float = 1.0,
        beside: Beside | None = None,
        ranks: Ranks = ONE_RANK,
    ) -> None:
        self.generator, self.discriminator, self.pipe = generator, discriminator, pipe
        self.mixing_prob, self.lowest_psi = mixing_prob, lowest_psi
        self.beside, self.ranks = beside or Beside(), ranks
        self.pl_mean = torch.zeros([], device=generator.device)
        self.blur_sigma = 0.0

    def logits(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """What the discriminator says of images as it is shown them: blurred, augmented."""
        shown = self.pipe(blurred(images, self.blur_sigma))
        result: Tensor = self.discriminator(shown) if labels is None else self.discriminator(shown, labels)
        return result

    def fakes(
        self, n: int, labels: Tensor | None = None, *, track_w_avg: float | None = None
    ) -> tuple[Tensor, Tensor]:
        """This rank's share of n images, and their ws, from fresh latents with style mixing.

        Below 1, `lowest_psi` truncates each to a psi of its own: what judges them asks faces near w_avg, too, to be as
        real and as various as photographs, which at psi 1 alone it does not. `labels` are those of the share;
        `track_w_avg` is the decay of w_avg.
        """
        g, stream = self.generator, self.ranks.latents
        z = self.ranks.share(torch.randn(2, n, g.z_dim, device=g.device, generator=stream), dim=1)
        ws = g.broadcast_w(z[0], labels)
        if track_w_avg is not None:
            mean = self.ranks.mean(ws[:, 0].detach().mean(dim=0))
            g.w_avg.copy_(mean.lerp(g.w_avg, track_w_avg))
        at = None if stream is None else stream.device
        if self.mixing_prob > 0 and float(torch.rand([], generator=stream, device=at)) < self.mixing_prob:
            cutoff = int(torch.randint(1, g.num_ws, [], generator=stream, device=at))
            other = g.broadcast_w(z[1], labels)[:, :1].expand(-1, g.num_ws - cutoff, -1)
            ws = torch.cat([ws[:, :cutoff], other], dim=1)
        if self.lowest_psi < 1:
            drawn = self.ranks.share(torch.rand(n, 1, 1, device=g.device, generator=stream), dim=0)
            ws = torch.lerp(g.w_avg.to(ws), ws, self.lowest_psi + (1 - self.lowest_psi) * drawn)
        return g.synthesize(ws, noise="random"), ws

    def generator_step(
        self,
        n: int,
        w_avg_beta: float | None,
        labels: Tensor | None = None,
        *,
        weights: Mapping[str, float] | None = None,
    ) -> dict[str, float]:
        """Gradient of -log D(G(z)) for the generator's weights, of what the projected discriminator says, and of the
        distances of the features that have one of the `weights`."""
        images, ws = self.fakes(n, labels, track_w_avg=w_avg_beta)
        loss, beside = self.generator_loss(self.logits(images, labels)), self.beside
        total = beside.plain_weight * loss
        if beside.projected is not None:
            total = total + beside.projected_weight * beside.projected.generator_loss(images)
        numbers = {"loss_G": float(loss.detach())}
        for name, weight in (weights or {}).items():
            distance = beside.distance(name, self.generator, images, ws)
            total = total + weight * distance
            numbers[name] = float(distance.detach())
        if beside.anchors is not None:
            numbers["anchors"] = self.anchor_step(beside.anchor_count)
        total.backward()  # type: ignore[no-untyped-call]
        return numbers

    def anchor_step(self, count: int) -> float:
        """Gradient of the distance of `count` photographs from what is made of their own latents."""
        assert self.beside.anchors is not None
        apart = self.beside.anchors.loss(self.generator, count)
        (self.beside.anchor_weight * apart).backward()  # type: ignore[no-untyped-call]
        return float(apart.detach())

    def generator_loss(self, logits: Tensor) -> Tensor:
        """-log D(G(z)), mean."""
        return F.softplus(-logits).mean()

    def discriminator_step(
        self, real: Real, n: int, labels: Tensor | None = None
    ) -> tuple[dict[str, float], Tensor]:
        """Gradient of -log D(x) - log(1 - D(G(z))) for the discriminator; also the logits of the real images."""
        with torch.no_grad():
            images, _ = self.fakes(n, labels)
        fake_logits = self.logits(images, labels)
        loss_fake = F.softplus(fake_logits).mean()
        loss_fake.backward()  # type: ignore[no-untyped-call]
        real_logits = self.logits(real.images, real.labels)
        loss_real = F.softplus(-real_logits).mean()
        loss_real.backward()  # type: ignore[no-untyped-call]
        loss = float(loss_fake.detach() + loss_real.detach())
        numbers = _numbers(loss, real_logits, fake_logits)
        if self.beside.projected is not None:
            projected_loss = self.beside.projected.discriminator_loss(real.images, images)
            projected_loss.backward()  # type: ignore[no-untyped-call]
            numbers["loss_P"] = float(projected_loss.detach())
        return numbers, real_logits.detach()

    def r1_step(self, real: Real, gamma: float, interval: int) -> dict[str, float]:
        """Gradient of gamma / 2 |grad D(x)|^2, times the interval at which it is taken (lazy)."""
        images = real.images.detach().requires_grad_(True)
        penalty = gradient_penalty(self.logits(images, real.labels), images).mean()
        (penalty * (gamma / 2 * interval)).backward()  # type: ignore[no-untyped-call]
        return {"r1": float(penalty.detach())}

    def path_length_step(
        self, n: int, weight: float, decay: float, interval: int, labels: Tensor | None = None
    ) -> dict[str, float]:
        """Gradient of (|J_w^T y| - mean)^2, times the interval (lazy); also moves the running mean."""
        images, ws = self.fakes(n, labels)
        y = self._normal_like(images, n) / math.sqrt(images.shape[2] * images.shape[3])
        lengths = path_lengths(images, ws, y)
        mean = self.pl_mean.lerp(self.ranks.mean(lengths.mean().detach()), decay)
        self.pl_mean.copy_(mean)
        penalty = (lengths - mean).square().mean()
        (penalty * (weight * interval)).backward()  # type: ignore[no-untyped-call]
        return {"pl_length": float(lengths.detach().mean())}

    def _normal_like(self, images: Tensor, n: int) -> Tensor:
        """N(0, 1) of the shape of `images`, this rank's share of n where the ranks have a common stream."""
        stream = self.ranks.latents
        if stream is None:
            return torch.randn_like(images)
        shape = (n, *images.shape[1:])
        return self.ranks.share(torch.randn(shape, device=images.device, generator=stream))


class WassersteinLoss(LogisticLoss):
    """WGAN-GP: the critic's gradient between real and fake is pulled to length 1, its real outputs gently to 0."""

    def generator_loss(self, logits: Tensor) -> Tensor:
        """-D(G(z)), mean."""
        return -logits.mean()

    def discriminator_step(
        self, real: Real, n: int, labels: Tensor | None = None
    ) -> tuple[dict[str, float], Tensor]:
        """Gradient of D(G(z)) - D(x) + 10 (|grad D| - 1)^2 + 0.001 D(x)^2."""
        with torch.no_grad():
            images, _ = self.fakes(n, labels)
        fake_logits, real_logits = self.logits(images, labels), self.logits(real.images, real.labels)
        share = torch.rand(len(images), 1, 1, 1, device=images.device)
        between = torch.lerp(real.images, images, share).requires_grad_(True)
        # The penalty is per image: eps keeps the root's derivative finite where the critic is flat.
        lengths = (gradient_penalty(self.logits(between, labels), between) + 1e-12).sqrt()
        loss = fake_logits.mean() - real_logits.mean()
        total = (
            loss + _GP_WEIGHT * (lengths - 1).square().mean() + _DRIFT_WEIGHT * real_logits.square().mean()
        )
        total.backward()  # type: ignore[no-untyped-call]
        return _numbers(float(total.detach()), real_logits, fake_logits), real_logits.detach()


def _numbers(loss: float, real_logits: Tensor, fake_logits: Tensor) -> dict[str, float]:
    return {
        "loss_D": loss,
        "D_real": float(real_logits.detach().sigmoid().mean()),
        "D_fake": float(fake_logits.detach().sigmoid().mean()),
    }


LOSSES = {"logistic": LogisticLoss, "wgan-gp": WassersteinLoss}
