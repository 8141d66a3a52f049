"""What a weight or latent study looks at: a generator, and where the file has it the discriminator it faced."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.core.devices import pick_device
from forensics.core.errors import CheckpointError
from forensics.core.weights import network_name
from forensics.generators.base import Generator

if TYPE_CHECKING:
    from forensics.generators.checkpoints.checkpoint import Checkpoint

GENERATORS = ("G_ema", "G")
_BATCH, _BATCH_UP_TO_PX = 32, 128


@dataclass
class Subject:
    """`generator` and `discriminator` (None: the file has none) of the weights file with hash `sha256`.

    `name` is what the person called it, `file` that without folders, `network` the generator's in the file.
    """

    generator: Generator
    discriminator: nn.Module | None
    name: str
    file: str
    sha256: str
    network: str

    def labels(self, n: int) -> Tensor | None:
        """One-hot classes [n, c_dim] in turn, or None for a network without classes."""
        if not self.generator.c_dim:
            return None
        classes = torch.arange(n, device=self.generator.device) % self.generator.c_dim
        return F.one_hot(classes, self.generator.c_dim).float()

    @property
    def batch(self) -> int:
        """Images that go through a network at a time: 32 up to 128 px, fewer above, always a multiple of 4 (a
        discriminator compares groups of 4)."""
        return max(4, min(_BATCH, _BATCH * _BATCH_UP_TO_PX**2 // self.generator.img_resolution**2 // 4 * 4))

    @torch.inference_mode()
    def synthesize(self, ws: Tensor) -> Tensor:
        """Images of ws [n, num_ws, w_dim] with constant noise, float32 [n, c, h, w]."""
        return torch.cat([self.generator.synthesize(part) for part in torch.split(ws, self.batch)])

    @torch.inference_mode()
    def probabilities(self, x: Tensor) -> Tensor | None:
        """Probability of "real" the discriminator gives images [n, c, h, w] as synthesized: [n], or None."""
        if self.discriminator is None:
            return None
        starts = range(0, len(x), self.batch)
        labels = self.labels(len(x))
        parts = [
            self.discriminator(x[i : i + self.batch], None if labels is None else labels[i : i + self.batch])
            for i in starts
        ]
        return torch.sigmoid(torch.cat(parts)).flatten()


def read_subject(name_or_path: str | Path) -> tuple[Checkpoint, str]:
    """The weights file of that name or path as data, and the name in it of the network that makes the images.

    Raises `CheckpointError` for a file that is missing, hostile, damaged or holds no generator.
    """
    from forensics.generators.checkpoints import read_checkpoint

    checkpoint = read_checkpoint(name_or_path)
    network = next((key for key in GENERATORS if key in checkpoint.networks), None)
    if network is None:
        inside = ", ".join(checkpoint.networks) or "nothing"
        raise CheckpointError(
            f"{checkpoint.path}: no generator inside (found {inside}); give a file with G_ema or G"
        )
    return checkpoint, network


def load_subject(name_or_path: str | Path, device: str = "auto") -> Subject:
    """The embedded generator of that name or the averaged generator of a weights file, with its discriminator.

    Raises `CheckpointError` for a file that is missing, hostile, damaged or holds no generator.
    """
    from forensics.generators.checkpoints import build

    name = network_name(name_or_path)
    checkpoint, network = read_subject(name_or_path)
    where = pick_device(device)
    generator = build(checkpoint.networks[network])
    assert isinstance(generator, Generator)
    generator.weights_sha256, generator.source = checkpoint.sha256, name
    generator.eval().requires_grad_(False).to(where)
    generator.lay_out()
    critic = build(checkpoint.networks["D"]) if "D" in checkpoint.networks else None
    if critic is not None:
        critic = critic.eval().requires_grad_(False).to(where).to(memory_format=torch.channels_last)
    return Subject(generator, critic, name, Path(name).name, checkpoint.sha256, network)
