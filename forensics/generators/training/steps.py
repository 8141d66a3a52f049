"""The gradient steps of an iteration: what is drawn, what is shown to whom, and which losses are taken on it.

Each step accumulates gradients and returns numbers for the log. The losses themselves are in `losses/`.
Sources: Karras et al. (CVPR 2019), section 3.1, for style mixing; (CVPR 2020), section 3.1, for lazy regularisers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.core.registry import method
from forensics.generators.base import Generator
from forensics.generators.training.augmentation.pipe import AugmentPipe
from forensics.generators.training.losses.contract import Adversarial, DiscriminatorStep, LabelledImages
from forensics.generators.training.losses.path_length import PathLength
from forensics.generators.training.losses.r1 import r1_penalty
from forensics.generators.training.options import LossOptions, SamplingOptions
from forensics.generators.training.ranks import ONE_RANK, Ranks
from forensics.generators.training.terms import GeneratorTerms

# The distances are taken every second iteration, at twice their weight.
DISTANCE_INTERVAL = 2


@dataclass(frozen=True)
class Lazy:
    """A regulariser's weight, and the iterations from one use to the next, by which it is multiplied."""

    weight: float
    interval: int


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Images float32 [n, c, h, w], any range, under a Gaussian of `sigma` pixels at which it has half its height, zeros
    outside."""
    size = math.floor(sigma * 3)
    if size <= 0:
        return images
    taps = torch.arange(-size, size + 1, device=images.device).div(sigma).square().neg().exp2()
    row = (taps / taps.sum()).expand(images.shape[1], 1, 1, -1)
    x = F.conv2d(images, row, padding=(0, size), groups=images.shape[1])
    return F.conv2d(x, row.transpose(2, 3), padding=(size, 0), groups=images.shape[1])


class GradientSteps:
    """Gradient steps of one generator and discriminator under one augmentation pipe.

    `losses` and `sampling` hold weights and may be replaced between iterations. `path_length` has a running mean that a
    snapshot must carry. In the steps `n` is the batch of all ranks; a rank makes its share.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: nn.Module,
        pipe: AugmentPipe,
        *,
        losses: LossOptions | None = None,
        sampling: SamplingOptions | None = None,
        terms: GeneratorTerms | None = None,
        ranks: Ranks = ONE_RANK,
    ) -> None:
        self.generator, self.discriminator, self.pipe = generator, discriminator, pipe
        self.losses, self.sampling = losses or LossOptions(), sampling or SamplingOptions()
        self.terms, self.ranks = terms or GeneratorTerms(), ranks
        self.adversarial: Adversarial = method("loss", self.losses.adversarial).target()
        self.path_length = PathLength(generator.device)
        self.blur_sigma = 0.0

    def critic(self, shown: LabelledImages) -> Tensor:
        """Logits float32 [n, 1], any range, of images in [-1, 1] or near it as the discriminator has them: blurred,
        augmented."""
        images = self.pipe(blurred(shown.images, self.blur_sigma))
        logits: Tensor = (
            self.discriminator(images) if shown.labels is None else self.discriminator(images, shown.labels)
        )
        return logits

    def fakes(
        self, n: int, labels: Tensor | None = None, *, track_w_avg: float | None = None
    ) -> tuple[Tensor, Tensor]:
        """This rank's share of n images float32 [n, c, h, w] in [-1, 1] or near it, and their ws [n, num_ws, w_dim].

        From fresh latents with style mixing. Below 1, `lowest_psi` truncates each to a psi of its own: discriminators
        ask faces near w_avg, too, to be as real and as various as photographs, which at psi 1 alone they do not.
        `labels` float32 [n, c_dim] are those of the share; `track_w_avg` is the decay of w_avg.
        """
        g, stream = self.generator, self.ranks.latents
        z = self.ranks.share(torch.randn(2, n, g.z_dim, device=g.device, generator=stream), dim=1)
        ws = g.broadcast_w(z[0], labels)
        if track_w_avg is not None:
            mean = self.ranks.mean(ws[:, 0].detach().mean(dim=0))
            g.w_avg.copy_(mean.lerp(g.w_avg, track_w_avg))
        ws = self._mixed(ws, z[1], labels)
        lowest = self.sampling.lowest_psi
        if lowest < 1:
            drawn = self.ranks.share(torch.rand(n, 1, 1, device=g.device, generator=stream), dim=0)
            ws = torch.lerp(g.w_avg.to(ws), ws, lowest + (1 - lowest) * drawn)
        return g.synthesize(ws, noise="random"), ws

    def _mixed(self, ws: Tensor, z: Tensor, labels: Tensor | None) -> Tensor:
        """ws that come, with the probability of style mixing, from a layer on from `z` instead."""
        g, stream, probability = self.generator, self.ranks.latents, self.sampling.style_mixing_prob
        at = None if stream is None else stream.device
        if probability > 0 and float(torch.rand([], generator=stream, device=at)) < probability:
            cutoff = int(torch.randint(1, g.num_ws, [], generator=stream, device=at))
            second = g.broadcast_w(z, labels)[:, :1].expand(-1, g.num_ws - cutoff, -1)
            ws = torch.cat([ws[:, :cutoff], second], dim=1)
        return ws

    def generator_step(
        self,
        n: int,
        labels: Tensor | None = None,
        *,
        track_w_avg: float | None = None,
        distances: bool = False,
    ) -> dict[str, float]:
        """Gradient, for the generator's weights, of all terms on one batch; of the distances where asked for.

        `labels` float32 [n, c_dim], 0 or 1, are those of this rank's share."""
        images, _ = self.fakes(n, labels, track_w_avg=track_w_avg)
        adversarial = self.adversarial.generator_loss(self.critic(LabelledImages(images, labels)))
        numbers = {"loss_G": float(adversarial.detach())}
        total = self.losses.adversarial_weight * adversarial
        if self.terms.projected is not None and self.losses.projected_weight:
            total = total + self.losses.projected_weight * self.terms.projected.generator_loss(images)
        for name, weight in self.distance_weights().items() if distances else ():
            distance = self.terms.distances[name].loss(images)
            total = total + weight * DISTANCE_INTERVAL * distance
            numbers[name] = float(distance.detach())
        if self.terms.codes is not None and self.losses.glo_weight:
            numbers["glo"] = self.reconstruction_step(self.losses.glo_batch)
        total.backward()  # type: ignore[no-untyped-call]
        return numbers

    def distance_weights(self) -> dict[str, float]:
        """Weights above 0 of the distances there are, an iteration."""
        weights = {"matching": self.losses.matching_weight, "identity": self.losses.identity_weight}
        return {name: weights[name] for name in self.terms.distances if weights[name]}

    def reconstruction_step(self, count: int) -> float:
        """Gradient of the distance of `count` photographs from what is made of their own codes."""
        assert self.terms.codes is not None
        apart = self.terms.codes.loss(self.generator, count)
        (self.losses.glo_weight * apart).backward()  # type: ignore[no-untyped-call]
        return float(apart.detach())

    def discriminator_step(
        self, real: LabelledImages, n: int, labels: Tensor | None = None
    ) -> tuple[DiscriminatorStep, dict[str, float]]:
        """Gradient of both discriminators' losses on n fakes, with `labels` float32 [n, c_dim], 0 or 1, and the real
        images; also numbers for the log."""
        with torch.no_grad():
            images, _ = self.fakes(n, labels)
        step = self.adversarial.discriminator_step(self.critic, real, LabelledImages(images, labels))
        numbers = step.to_json()
        if self.terms.projected is not None and self.losses.projected_weight:
            loss = self.terms.projected.discriminator_loss(real.images, images)
            loss.backward()  # type: ignore[no-untyped-call]
            numbers["loss_P"] = float(loss.detach())
        return step, numbers

    def r1_step(self, real: LabelledImages, lazy: Lazy) -> dict[str, float]:
        """Gradient of gamma / 2 |grad D(x)|^2, times the interval at which it is taken; the weight is gamma."""
        penalty = r1_penalty(self.critic, real)
        (penalty * (lazy.weight / 2 * lazy.interval)).backward()  # type: ignore[no-untyped-call]
        return {"r1": float(penalty.detach())}

    def path_length_step(self, n: int, lazy: Lazy, labels: Tensor | None = None) -> dict[str, float]:
        """Gradient of (|J_w^T y| - mean)^2, times the interval; also moves the running mean.

        `labels` float32 [n, c_dim], 0 or 1, are those of this rank's share."""
        images, ws = self.fakes(n, labels)
        penalty, lengths = self.path_length.penalty(images, ws, self._normal_like(images, n), self.ranks)
        (penalty * (lazy.weight * lazy.interval)).backward()  # type: ignore[no-untyped-call]
        return {"pl_length": float(lengths.mean())}

    def _normal_like(self, images: Tensor, n: int) -> Tensor:
        """N(0, 1) of the shape of `images`, this rank's share of n where the ranks have a common stream."""
        stream = self.ranks.latents
        if stream is None:
            return torch.randn_like(images)
        shape = (n, *images.shape[1:])
        return self.ranks.share(torch.randn(shape, device=images.device, generator=stream))
