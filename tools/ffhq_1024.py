"""How `ffhq-1024` was made: the released MobileStyleGAN as float16 safetensors, with a mean of W over many z.

    forensics models pull mobile-stylegan
    python -m tools.ffhq_1024 mobile-stylegan forensics/weights/ffhq-1024/weights.safetensors

The released files hold no mean of W. The reader's own is over 16,384 latents; here it is over a million.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from forensics.core.terminal import print_line
from forensics.generators.base import Generator
from forensics.generators.checkpoints import build, read_checkpoint, write_native

SAMPLES: Final = 1_000_000
_BATCH: Final = 10_000
CARD: Final = {
    "title": "MobileStyleGAN, faces of 1024 px",
    "paper": "Belousov 2021, arXiv 2104.04767",
    "source": "PyPI random-face 2021.7.21.1 (Apache-2.0), by the author of the paper",
    "lineage": "distilled by its author from NVIDIA's StyleGAN2 (config F) of FFHQ, whose W it shares",
    "licence": "package Apache-2.0; teacher NVIDIA, non-commercial; FFHQ CC BY-NC-SA 4.0: research use only",
    "w_avg": f"mean over {SAMPLES} latents of torch's generator, seed 0",
}


def mean_w(generator: Generator, samples: int = SAMPLES) -> Tensor:
    """The mean of W over `samples` latents of torch's generator with seed 0, float32 [w_dim]."""
    drawn = torch.Generator().manual_seed(0)
    total = torch.zeros(generator.w_dim, dtype=torch.float64)
    for _ in range(samples // _BATCH):
        z = torch.randn(_BATCH, generator.z_dim, generator=drawn)
        total += generator.map(z)[:, 0].double().sum(dim=0)
    return (total / samples).float()


@torch.inference_mode()
def write(source: str, target: Path) -> str:
    """Convert the network `source` to `target`; its sha256."""
    checkpoint = read_checkpoint(source)
    network = checkpoint.networks["G"]
    generator = build(network)
    assert isinstance(generator, Generator)
    network.state["mapping.w_avg"] = mean_w(generator)
    network.notes, network.source = [], ""
    card = {**CARD, "converted_from": {"format": checkpoint.format, "sha256": checkpoint.sha256}}
    target.parent.mkdir(parents=True, exist_ok=True)
    return write_native(target, {"G_ema": network}, card, storage=torch.float16)


if __name__ == "__main__":
    print_line(write(sys.argv[1], Path(sys.argv[2])))
