"""EfficientNet-Lite0 pretrained on ImageNet and fine-tuned with blur, JPEG and resizing (after Wang et al. 2020).

Full-size crops, never resized to the network: the score of an image is the mean over its places. It holds up under
JPEG, where networks on neighbouring-pixel residuals fall.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar, Final

from torch import Tensor

from forensics.backbones.efficientnet_lite import FoldedLite0, load_imagenet
from forensics.backbones.inputs import lite_input
from forensics.core.cards import Card
from forensics.core.registry import register
from forensics.detectors.checked import Json, number
from forensics.detectors.networks.detector import NetworkDetector
from forensics.detectors.networks.local_logits import LocalLogits
from forensics.detectors.networks.schedule import Schedule

_SCHEDULE: Final = Schedule(epochs=16)


@register(
    "detector",
    "cnn",
    Card(
        "EfficientNet-Lite0, fine-tuned from ImageNet on whole faces under blur, JPEG and resizing.",
        paper="Wang et al. 2020, arXiv 1912.11035",
        licence="Apache-2.0; ImageNet weights Apache-2.0",
        defaults={"schedule": asdict(_SCHEDULE), "epochs": 16},
        small_version_of="CNNDetection (ResNet-50)",
    ),
)
@dataclass
class CnnDetector(NetworkDetector):
    """EfficientNet-Lite0 on pixels."""

    kind: ClassVar[str] = "cnn"
    schedule: ClassVar[Schedule] = _SCHEDULE

    @classmethod
    def build(cls, config: Json) -> LocalLogits:
        """The folded trunk and a linear classifier; `config` has nothing that changes the shapes."""
        return LocalLogits(
            FoldedLite0(), FoldedLite0.n_features, number({"dropout": 0.2, **config}, "dropout", 0, 1)
        )

    @classmethod
    def starting_network(cls, config: Json) -> LocalLogits:
        """The network that training starts from: ImageNet weights, untrained classifier."""
        network = cls.build(config)
        if isinstance(network.trunk, FoldedLite0):
            network.trunk.absorb(load_imagenet())
        return network

    @staticmethod
    def prepare(x: Tensor) -> Tensor:
        """uint8 [n, 3, h, w] in [0, 255] → float32 of the same shape in [-1, 1], as the ImageNet weights were
        trained.
        """
        return lite_input(x)
