"""Images as the frozen networks of this room take them: layout, and the normalisations by their names."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)  # RGB, of pixels in [0, 1]
IMAGENET_STD: Final = (0.229, 0.224, 0.225)


def as_tensor(batch: NDArray[np.uint8]) -> Tensor:
    """uint8 [n, h, w, 3] in [0, 255] → uint8 tensor [n, 3, h, w] in channels_last layout.

    A copy, as images may be read-only.
    """
    return torch.from_numpy(np.array(batch, order="C")).permute(0, 3, 1, 2)


def lite_input(x: Tensor) -> Tensor:
    """uint8 or float [n, 3, h, w] in [0, 255] → float32 in about [-1, 1]: (pixel − 127) / 128, as Lite networks ask."""
    return (x.float() - 127.0) / 128.0


def imagenet_normalised(images: Tensor) -> Tensor:
    """float32 [n, 3, h, w] in [-1, 1] → about [-2.1, 2.6]: of [0, 1], less ImageNet's mean, over its deviation."""
    mean, std = (torch.tensor(v, device=images.device)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
    return ((images + 1) / 2 - mean) / std


def imagenet_input(x: Tensor) -> Tensor:
    """float32 [n, 3, h, w] in [0, 255] → about [-2.1, 2.6], as `imagenet_normalised`."""
    mean, std = (torch.tensor(v, device=x.device)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
    return (x / 255 - mean) / std
