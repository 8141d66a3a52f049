"""A StyleGAN2 of a few pixels in a file, for tests of what is done with a generator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from forensics.generators.architectures.stylegan2 import StyleGAN2Generator
from forensics.generators.checkpoints import NetworkState, write_native


def write_small_stylegan2(folder: Path, config: dict[str, Any]) -> Path:
    """The file: fresh weights from seed 0, noise in every layer, and w_avg where it belongs."""
    torch.manual_seed(0)
    generator = StyleGAN2Generator(**config)
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if name.endswith("noise_strength"):
                parameter.fill_(0.3)
        generator.w_avg.copy_(generator.map(generator.sample_z(500, seed=9))[:, 0].mean(dim=0))
    path = folder / "small.safetensors"
    write_native(path, {"G_ema": NetworkState("stylegan2", config, generator.state_dict())})
    return path
