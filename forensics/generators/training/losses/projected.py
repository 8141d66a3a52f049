"""A second discriminator that looks at the features of a network trained on photographs, beside the plain one.

Features of a fixed EfficientNet-Lite0 at four scales are mixed by fixed random convolutions, across channels and from
coarse to fine; a small discriminator judges each scale. It tells the generator early what faces are made of, where a
discriminator that starts from nothing has to find out first; the plain discriminator goes on learning beside it.
Source: Sauer et al., "Projected GANs Converge Faster" (NeurIPS 2021), sections 3 and 4; the augmentation is that of
Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training" (NeurIPS 2020).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from forensics.backbones import face_descriptor as descriptor
from forensics.backbones.efficientnet_lite import FoldedLite0, load_imagenet
from forensics.core.devices import uses_bfloat16
from forensics.generators.training.losses.jitter import drawn_views, half_inner, viewed

# Blocks of Lite0 after which the image is smaller by 4, 8, 16 and 32: their channels, and the standard deviation of
# their features over the photographs of faces that the embedded generators learn from.
_TAPS = {2: (24, 10.2), 4: (40, 8.7), 10: (112, 7.9), 15: (320, 2.4)}
_MIXED = 64
_SHIFT, _HOLE = 0.125, 0.5


class ProjectedDiscriminator(nn.Module):
    """Four discriminators over fixed features. Images float32 [n, 3, h, w] in about [-1, 1].

    `side` is the size in pixels that images are brought to (bilinear) before the features are taken; a multiple of 32
    from 128 up. The random mixing is a function of `seed`; the feature network is left out of the state. With `inner`,
    of every second image it judges the inner face alone; with `faces`, three more judge what a network that tells faces
    apart sees between brows and chin.
    """

    def __init__(self, side: int = 128, seed: int = 0, *, inner: bool = False, faces: bool = False) -> None:
        super().__init__()
        if side < 128 or side % 32:
            raise ValueError(f"side {side} is not possible: a multiple of 32 from 128 up")
        self.side, self.inner = side, inner
        trunk = FoldedLite0()
        trunk.absorb(load_imagenet())
        # In a list, so that its weights are not taken for state that a run has to carry.
        self._trunk = [trunk.eval().requires_grad_(False).to(memory_format=torch.channels_last)]
        stream = torch.Generator().manual_seed(seed)
        self.across = nn.ModuleList(
            _fixed_conv(channels, _MIXED, 1, stream) for channels, _ in _TAPS.values()
        )
        self.downwards = nn.ModuleList(_fixed_conv(_MIXED, _MIXED, 3, stream) for _ in _TAPS)
        sizes = [side // 4 >> i for i in range(len(_TAPS))]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.judges = nn.ModuleList(_judge(size) for size in sizes)
        self.faces = FaceJudges(seed) if faces else None

    def features(self, images: Tensor) -> list[Tensor]:
        """Mixed features, finest first: [n, 64, side / 4, side / 4] to [n, 64, side / 32, side / 32]."""
        tapped = self.tapped(images)
        mixed: list[Tensor] = []
        for tap, across, down in zip(tapped[::-1], self.across[::-1], self.downwards[::-1], strict=True):
            y = across(tap)
            if mixed:
                y = (y + F.interpolate(mixed[0], y.shape[2:], mode="bilinear")) / math.sqrt(2)
            mixed.insert(0, down(y))
        return mixed

    def tapped(self, images: Tensor) -> list[Tensor]:
        """Features of the fixed network at its four scales, finest first, each about of unit deviation."""
        x = F.interpolate(images, (self.side, self.side), mode="bilinear", antialias=True)
        x = x.contiguous(memory_format=torch.channels_last)
        trunk = self._trunk[0].to(images.device)
        x = trunk.stem(x)
        tapped = []
        for i, block in enumerate(trunk.blocks[: max(_TAPS) + 1]):
            x = block(x)
            if i in _TAPS:
                tapped.append(x / _TAPS[i][1])
        return tapped

    def pooled(self, images: Tensor, sides: Sequence[int] = (1, 1, 2, 2)) -> Tensor:
        """Features of the fixed network as one vector an image, float32 [n, d]: means over a grid of `sides` fields a
        side, finest scale first (d = 1792 by default). Nothing is augmented."""
        with torch.autocast(images.device.type, torch.bfloat16, enabled=uses_bfloat16(str(images.device))):
            tapped = self.tapped(images)
        return torch.cat(
            [F.adaptive_avg_pool2d(x.float(), s).flatten(1) for x, s in zip(tapped, sides, strict=True)],
            dim=1,
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits float32 [n, 4], one a scale, the finest first, with `faces` [n, 7]; each call augments at random.

        Computed in bfloat16 where the machine multiplies that faster: a quarter off on a CPU with AMX.
        """
        shown = augmented(half_inner(images) if self.inner else images)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=uses_bfloat16(str(images.device))):
            features = self.features(shown)
            logits = [judge(x).flatten(1) for judge, x in zip(self.judges, features, strict=True)]
            if self.faces is not None:
                logits.append(self.faces(images))
        return torch.cat(logits, dim=1).float()

    def generator_loss(self, fake: Tensor) -> Tensor:
        """-mean logit, summed over the scales."""
        logits: Tensor = self(fake)
        return -logits.mean(dim=0).sum()

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """Hinge loss, summed over the scales."""
        return (F.relu(1 - self(real)) + F.relu(1 + self(fake))).mean(dim=0).sum()


class FaceJudges(nn.Module):
    """Discriminators of three stages of dlib's face network: logits [n, 3] of images [n, 3, h, w] framed as FFHQ is.

    A network trained on ImageNet says little of eyes and mouths; this one was made to look at nothing else. The images
    are not moved as far as for the other scales, for it expects each part of a face in its place.
    Source: Kumari et al., "Ensembling Off-the-shelf Models for GAN Training" (CVPR 2022).
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self._trunk = [descriptor.load_descriptor()]
        stream = torch.Generator().manual_seed(seed)
        self.across = nn.ModuleList(
            _fixed_conv(channels, _MIXED, 1, stream) for channels, _, _ in descriptor.TAPPED
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.judges = nn.ModuleList(_judge(side) for _, side, _ in descriptor.TAPPED)

    def forward(self, images: Tensor) -> Tensor:
        draw = torch.rand(5, len(images), 1, 1, 1, device=images.device)
        shown = viewed(_coloured(images, draw[:3]), drawn_views(len(images), images.device))
        shown = shown * _kept(draw[3], draw[4], *images.shape[2:])
        tapped = self._trunk[0].to(images.device).tapped(shown)
        judged = zip(self.judges, self.across, tapped, descriptor.TAPPED, strict=True)
        return torch.cat([judge(mix(x / spread)).flatten(1) for judge, mix, x, (_, _, spread) in judged], 1)


def _fixed_conv(channels_in: int, channels_out: int, kernel: int, stream: torch.Generator) -> nn.Conv2d:
    """A convolution with Kaiming's random weights that is not trained."""
    conv = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=False)
    with torch.no_grad():
        std = (channels_in * kernel**2) ** -0.5
        conv.weight.copy_(torch.randn(conv.weight.shape, generator=stream) * std)
    return conv.requires_grad_(False).to(memory_format=torch.channels_last)


def _judge(size: int) -> nn.Sequential:
    """Discriminator of features [n, 64, size, size]: halved down to 4 x 4, then one logit."""
    layers: list[nn.Module] = []
    channels = _MIXED
    while size > 4:
        wider = min(2 * channels, 256)
        layers += [
            spectral_norm(nn.Conv2d(channels, wider, 4, 2, 1)),
            nn.GroupNorm(16, wider),
            nn.LeakyReLU(0.2),
        ]
        channels, size = wider, size // 2
    layers.append(spectral_norm(nn.Conv2d(channels, 1, 4)))
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def augmented(images: Tensor) -> Tensor:
    """Each image with brightness, saturation and contrast changed, moved by up to an eighth, half its side cut out."""
    n, _, height, width = images.shape
    draw = torch.rand(7, n, 1, 1, 1, device=images.device)
    return _moved(_coloured(images, draw[:3]), draw[3], draw[4]) * _kept(draw[5], draw[6], height, width)


def _coloured(images: Tensor, draw: Tensor) -> Tensor:
    """Images with brightness, saturation and contrast changed by `draw` [3, n, 1, 1, 1], uniform in [0, 1]."""
    x = images + (draw[0] - 0.5)
    x = torch.lerp(x.mean(dim=1, keepdim=True), x, 2 * draw[1])
    return torch.lerp(x.mean(dim=(1, 2, 3), keepdim=True), x, draw[2] + 0.5)


def _moved(x: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """Images moved by whole pixels, black (0) where nothing comes in."""
    n, _, height, width = x.shape
    by_y, by_x = int(height * _SHIFT), int(width * _SHIFT)
    padded = F.pad(x, (by_x, by_x, by_y, by_y))
    tops = (down.flatten() * (2 * by_y + 1)).int().tolist()
    lefts = (across.flatten() * (2 * by_x + 1)).int().tolist()
    return torch.stack(
        [
            padded[i, :, t : t + height, le : le + width]
            for i, t, le in zip(range(n), tops, lefts, strict=True)
        ]
    )


def _kept(across: Tensor, down: Tensor, height: int, width: int) -> Tensor:
    """1 outside, 0 inside a rectangle of half the sides about a point of each image, [n, 1, h, w]."""
    y = (torch.arange(height, device=down.device) + 0.5) / height
    x = (torch.arange(width, device=across.device) + 0.5) / width
    inside_y = (y[None, None, :, None] - down).abs() < _HOLE / 2
    inside_x = (x[None, None, None, :] - across).abs() < _HOLE / 2
    return (~(inside_y & inside_x)).float()
