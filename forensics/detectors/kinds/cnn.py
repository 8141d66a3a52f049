"""EfficientNet-Lite0 pretrained on ImageNet and fine-tuned with blur, JPEG and resizing (after Wang et al. 2020).

Full-size crops, never resized to the network: the score of an image is the mean over its places. It holds up under
JPEG, where networks on neighbouring-pixel residuals fall.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from forensics.backbones.efficientnet_lite import FoldedLite0, load_imagenet
from forensics.detectors.kinds.network import LocalLogits, NetworkDetector


@dataclass
class CnnDetector(NetworkDetector):
    """EfficientNet-Lite0 on pixels."""

    kind: ClassVar[str] = "cnn"

    @classmethod
    def build(cls, config: Mapping[str, Any]) -> LocalLogits:
        """The folded trunk and a linear classifier; `config` has nothing that changes the shapes."""
        return LocalLogits(FoldedLite0(), FoldedLite0.n_features, float(config.get("dropout", 0.2)))

    @classmethod
    def starting_network(cls, config: Mapping[str, Any]) -> LocalLogits:
        """The network that training starts from: ImageNet weights, untrained classifier."""
        network = cls.build(config)
        if isinstance(network.trunk, FoldedLite0):
            network.trunk.absorb(load_imagenet())
        return network

    @staticmethod
    def prepare(x: Tensor) -> Tensor:
        """(pixel − 127) / 128, as the ImageNet weights were trained."""
        return (x.float() - 127.0) / 128.0
