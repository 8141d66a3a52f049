"""The noise that StyleGANs add to a layer's maps, by mode."""

from __future__ import annotations

import torch
from torch import Tensor


def noise_by_mode(constant: Tensor, like: Tensor, mode: str) -> Tensor | None:
    """What a layer adds before its strength, float32 [n or 1, 1, h, w], normal; None for nothing.

    `constant`: float32 [h, w], the layer's fixed map. `like`: the batch, [n, ...], whose device and dtype are taken.
    `mode`: "const", "random" or "none"; ValueError for another.
    """
    if mode == "none":
        return None
    if mode == "const":
        return constant[None, None]
    if mode != "random":
        raise ValueError(f"noise is const, random, none or a list of maps, not {mode!r}")
    return torch.randn(like.shape[0], 1, *constant.shape, device=like.device, dtype=like.dtype)
