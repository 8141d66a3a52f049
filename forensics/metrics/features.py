"""Feature vectors of images for KID, precision and recall, from a network that is installed: no download.

EfficientNet-Lite0 trained on ImageNet, its 1280 pooled features of the last convolution. Numbers made with it compare
among themselves, not with numbers made with Inception.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from forensics.backbones.efficientnet_lite import FoldedLite0, load_imagenet
from forensics.images import resize

NAME = "efficientnet-lite0-imagenet"
SIDE = 224
_BATCH = 25


class FeatureExtractor:
    """uint8 [n, h, w, 3] to float32 [n, 1280]."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.network = FoldedLite0()
        self.network.absorb(load_imagenet())
        self.network.eval().requires_grad_(False).to(device)

    @torch.inference_mode()
    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Features of images resized to 224 px (bicubic)."""
        parts = []
        for start in range(0, len(images), _BATCH):
            sized = np.stack([resize(image, (SIDE, SIDE)) for image in images[start : start + _BATCH]])
            x = torch.from_numpy(sized).to(self.device).permute(0, 3, 1, 2).float()
            parts.append(self.network((x - 127) / 128).mean(dim=(2, 3)).cpu().numpy())
        return np.concatenate(parts)

    def of_batches(self, batches: Iterable[np.ndarray]) -> np.ndarray:
        """Features of a stream of batches. uint8 [n, h, w, 3] in [0, 255] each, to float32 [m, 1280], at least 0."""
        return np.concatenate([self(batch) for batch in batches])
