"""Small weights files that the tests of this folder study."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.generators.checkpoints.made_files import srcnet_training


def srcnet_file(shared: Path, folder: Path) -> Path:
    """The reference SrcNet (32 px, 48 latent dimensions) as its authors' `torch.save` writes it."""
    path = folder / "checkpoint.pt"
    torch.save(srcnet_training(shared), path)
    return path
