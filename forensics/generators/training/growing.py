"""Progressive growing: which resolution a run is at, and how far the newest block is faded in.

Source: Karras et al., "Progressive Growing of GANs" (ICLR 2018), section 2 and appendix A.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from forensics.generators.training.options import TrainingOptions


def stage_at(options: TrainingOptions, nimg: int) -> tuple[int, float]:
    """(resolution, alpha) after `nimg` images: each size is trained stable, then the next fades in over fade_kimg."""
    growing, full = options.growing, options.network.resolution
    stable, fade = growing.stable_kimg * 1000, growing.fade_kimg * 1000
    phase, within = divmod(float(nimg), stable + fade) if stable + fade > 0 else (64.0, 0.0)
    resolution = growing.start_resolution * 2 ** min(int(phase), 64)
    if resolution >= full:
        return full, 1.0
    if within <= stable:
        return resolution, 1.0
    return resolution * 2, (within - stable) / fade


def as_shown(images: Tensor, resolution: int, alpha: float) -> Tensor:
    """Real images float32 [n, c, R, R], any range, with the detail that the generator has at this stage.

    They stay at R pixels. Below `resolution` nothing is left out; while it fades in, half its size is mixed with share
    1 - alpha.
    """
    size = images.shape[2]
    x = F.avg_pool2d(images, size // resolution) if resolution < size else images
    if alpha < 1:
        half = F.avg_pool2d(x, 2).repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        x = torch.lerp(half, x, alpha)
    factor = size // resolution
    return x if factor == 1 else x.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)
