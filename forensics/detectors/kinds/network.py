"""Detectors that are a convolutional network with a logit at every place: score = mean logit, map = the logits.

The classifier is linear behind global average pooling, so pooling first or last is the same: the class activation map
(Zhou et al. 2016) is exact, and the mean of the evidence map is the image's log10 LR before its bounds.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from forensics.detectors.contract import Detector, Floats, Pixels, expect_shapes
from forensics.images.views import working_view

_BATCH_PX = 8 * 256 * 256  # pixels in a batch when scoring


class LocalLogits(nn.Module):
    """A trunk and a linear classifier: uint8 [n, 3, h, w] → logits [n, h', w']."""

    def __init__(self, trunk: nn.Module, n_features: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.trunk = trunk
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(n_features, 1)
        nn.init.normal_(self.classifier.weight, 0, 0.01)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [n] of float images as the trunk wants them (for training: dropout after pooling)."""
        pooled = self.trunk(x).float().mean((2, 3))
        logits: Tensor = self.classifier(self.dropout(pooled))
        return logits[:, 0]

    def local(self, x: Tensor) -> Tensor:
        """Logits [n, h', w'], whose mean over the places is `forward` without dropout."""
        features = self.trunk(x).float()
        logits = torch.einsum("nchw,c->nhw", features, self.classifier.weight[0])
        return logits + self.classifier.bias


@dataclass
class NetworkDetector(Detector):
    """A detector around `LocalLogits`; subclasses say which trunk and what the trunk wants as input."""

    network: LocalLogits = field(default_factory=lambda: LocalLogits(nn.Identity(), 3))
    device: str = "cpu"

    @classmethod
    @abstractmethod
    def build(cls, config: Mapping[str, Any]) -> LocalLogits:
        """The network of a configuration, with untrained weights."""

    @classmethod
    def starting_network(cls, config: Mapping[str, Any]) -> LocalLogits:
        """The network that training starts from."""
        return cls.build(config)

    @staticmethod
    @abstractmethod
    def prepare(x: Tensor) -> Tensor:
        """uint8 [n, 3, h, w] → the float32 input of the trunk, same n, h, w."""

    @classmethod
    def from_arrays(cls, config: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Detector:
        """The network with exactly these arrays (float16 on disk, float32 in use)."""
        network = cls.build(config)
        own = network.state_dict()
        expect_shapes(arrays, {key: tuple(value.shape) for key, value in own.items()}, f"{cls.kind} network")
        network.load_state_dict(
            {key: torch.from_numpy(value.copy()).to(own[key].dtype) for key, value in arrays.items()}
        )
        return cls(config, network=network.eval().to(memory_format=torch.channels_last))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The state of the network, floating point as float16."""
        state = {key: value.detach().cpu() for key, value in self.network.state_dict().items()}
        return {k: (v.half() if v.is_floating_point() else v).contiguous().numpy() for k, v in state.items()}

    def to(self, device: str) -> NetworkDetector:
        """Score on `device` (cpu, cuda, cuda:1, mps) from now on."""
        self.network.to(device)
        self.device = device
        return self

    def raw_scores(self, images: Sequence[Pixels]) -> Floats:
        """float64 [n] mean logit."""
        return np.array([places.mean(dtype=np.float64) for places in self.local_logits(images)], np.float64)

    def local_logits(self, images: Sequence[Pixels]) -> list[NDArray[np.float32]]:
        """float32 [h', w'] logits of each image. Images of one size go through the network together."""
        views = [working_view(image) for image in images]
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, view in enumerate(views):
            groups.setdefault(view.shape, []).append(index)
        found: dict[int, NDArray[np.float32]] = {}
        for shape, members in groups.items():
            step = max(1, _BATCH_PX // (shape[0] * shape[1]))
            for start in range(0, len(members), step):
                chunk = members[start : start + step]
                logits = self._forward(np.stack([views[i] for i in chunk]))
                found.update(zip(chunk, logits, strict=True))
        return [found[i] for i in range(len(images))]

    def _forward(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            x = as_tensor(batch).to(self.device)
            logits = self.network.eval().local(self.prepare(x))
        return np.asarray(logits.cpu().numpy(), np.float32)

    def evidence_map(self, image: Pixels) -> NDArray[np.float32] | None:
        """float32 [h', w'] local log10 LR; its mean is the image's log10 LR before the bounds."""
        return self._calibrated().uncapped(self.local_logits([image])[0]).astype(np.float32)


def as_tensor(batch: NDArray[np.uint8]) -> Tensor:
    """uint8 [n, h, w, 3] → uint8 tensor [n, 3, h, w] in channels_last layout: a copy, as images may be read-only."""
    return torch.from_numpy(np.array(batch, order="C")).permute(0, 3, 1, 2)
