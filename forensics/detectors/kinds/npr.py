"""A residual network on neighbouring-pixel residuals (NPR, Tan et al. 2024, arXiv 2312.10461), trained from scratch.

Every 2 × 2 cell minus its upper left pixel: what up-sampling leaves between neighbours, and little of the picture. The
trunk is a narrower ResNet than the published one, and unlike there images are never resized and pass through the same
blur, JPEG and resizing as for the other network.

Beware of what it learns: where the photographs have been JPEG files at a larger size and the generated images have not
(as in `faces256`), that past is plain in these residuals, and accuracy on lossless copies measures it. The network on
pixels does not read it; so this one is not part of the default ensemble.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar, Final

from torch import Tensor, nn
from torch.nn import functional

from forensics.core.cards import Card
from forensics.core.errors import DetectorError
from forensics.core.registry import register
from forensics.detectors.checked import Json
from forensics.detectors.networks.detector import NetworkDetector
from forensics.detectors.networks.local_logits import LocalLogits
from forensics.detectors.networks.schedule import Schedule
from forensics.detectors.training_views.augmentation import Augmentation

DEFAULT_WIDTH: Final = 48
_SCHEDULE: Final = Schedule(epochs=50, learning_rate=1e-3, augmentation=Augmentation(jpeg_p=0.3))
_CONTRAST: Final = 0.226  # ImageNet's mean standard deviation of a channel


def neighbouring_pixel_residual(x: Tensor) -> Tensor:
    """float32 [n, c, h, w], of any value, minus its upper left pixel in every 2 × 2 cell.

    An odd last row or column is a cell of its own.
    """
    height, width = x.shape[2:]
    corners = functional.interpolate(x[:, :, ::2, ::2], scale_factor=2.0, mode="nearest")
    return x - corners[:, :, :height, :width]


class _Block(nn.Module):
    """Two 3 × 3 convolutions and a shortcut (He et al. 2016)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.shortcut = nn.Sequential()
        if stride > 1 or channels_in != channels_out:
            self.shortcut.append(nn.Conv2d(channels_in, channels_out, 1, stride, bias=False))
            self.shortcut.append(nn.BatchNorm2d(channels_out))

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class ResidualTrunk(nn.Module):
    """float32 [n, 3, h, w] → features [n, 4 · width, h / 16, w / 16]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        widths = (width, width, width, 2 * width, 2 * width, 4 * width, 4 * width)
        strides = (1, 1, 2, 1, 2, 1)
        self.blocks = nn.Sequential(
            *(_Block(a, b, stride) for a, b, stride in zip(widths, widths[1:], strides, strict=False))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features float32 [n, 4 · width, h / 16, w / 16], finite, of residuals float32 [n, 3, h, w]."""
        y = functional.max_pool2d(functional.relu(self.norm(self.stem(x))), 3, 2, 1)
        features: Tensor = self.blocks(y)
        return features


@register(
    "detector",
    "npr",
    Card(
        "A small residual network on what neighbouring pixels do not share, trained from scratch.",
        paper="Tan et al. 2024, arXiv 2312.10461",
        defaults={"schedule": asdict(_SCHEDULE), "epochs": 50},
        small_version_of="NPR (ResNet-50 of two stages)",
    ),
)
@dataclass
class NprDetector(NetworkDetector):
    """A small ResNet on neighbouring-pixel residuals. `config["width"]`: channels of the first stage."""

    kind: ClassVar[str] = "npr"
    schedule: ClassVar[Schedule] = _SCHEDULE

    @classmethod
    def build(cls, config: Json) -> LocalLogits:
        """The trunk of the configured width and a linear classifier."""
        width = config.get("width", DEFAULT_WIDTH)
        if not isinstance(width, int) or not 4 <= width <= 256:
            raise DetectorError(f"the width of an npr network is 4 to 256 channels, not {width!r}")
        return LocalLogits(ResidualTrunk(width), 4 * width)

    @staticmethod
    def prepare(x: Tensor) -> Tensor:
        """uint8 [n, 3, h, w] in [0, 255] → float32 in [-3, 3]: two thirds of the residual, in units of ImageNet's
        contrast.
        """
        return neighbouring_pixel_residual(x.float() / (255.0 * _CONTRAST)) * (2.0 / 3.0)
