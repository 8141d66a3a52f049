"""From what a network computes to bytes of pixels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from forensics.core.errors import ForensicsError


def as_bytes(x: Tensor, scale: Tensor | float, shift: Tensor | float, whose: str) -> np.ndarray:
    """uint8 [n, H, W, c]: images `x` float32 [n, c, H, W] of any value, times `scale`, plus `shift`, cut to [0, 255].

    Raises ForensicsError, which names `whose` network it is, where an image holds NaN or infinity.
    """
    x = x.detach()
    if not bool(x.isfinite().all()):
        raise ForensicsError(
            f"{whose}: an image holds NaN or infinity: its weights overflow; use another copy"
        )
    return (x * scale + shift).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
