"""What a snapshot leaves for people and programs: the network file and a sheet of samples, named by kimg."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from forensics.core.files import write_bytes
from forensics.generators.checkpoints import write_native
from forensics.generators.latents import latent_z
from forensics.generators.training.networks import network_states
from forensics.generators.training.trainer import Trainer
from forensics.images import contact_sheet, encode_png

_GRID = (10, 6)  # columns, rows of the sample sheet
_SHEET_BATCH = 20


def network_path(trainer: Trainer) -> Path:
    """Where the network of this moment is kept."""
    return trainer.folder / f"network-{_kimg(trainer)}.safetensors"


def samples_path(trainer: Trainer) -> Path:
    """Where the samples of this moment are kept."""
    return trainer.folder / f"samples-{_kimg(trainer)}.png"


def _kimg(trainer: Trainer) -> str:
    """kimg as files are named: six digits, and three decimals but for the first iteration at or after a whole kimg."""
    whole, rest = divmod(trainer.nimg, 1000)
    return f"{whole:06d}" if rest < trainer.options.batch else f"{whole:06d}.{rest:03d}"


def kimg_of(path: Path) -> float:
    """The moment that the name of a network or a sheet of samples says, in kimg."""
    return float(path.stem.split("-")[1])


def write_network(trainer: Trainer) -> Path:
    """G_ema and D as this project's weights file (float16)."""
    path, options = network_path(trainer), trainer.options
    networks = network_states(options, trainer.G, trainer.G_ema, trainer.D)
    card = {
        "kimg": trainer.nimg / 1000,
        "augment_p": float(trainer.pipe.p),
        "options": options.to_json(),
        "data_sha256": trainer.images.sha256,
        "n_images": len(trainer.images),
    }
    write_native(path, networks, card, storage=torch.float16)
    return path


@torch.no_grad()
def write_samples(trainer: Trainer) -> Path:
    """A sheet of G_ema's images for fixed latents at psi 1."""
    columns, rows = _GRID
    path, generator = samples_path(trainer), trainer.G_ema
    z = latent_z(trainer.options.network.z_dim, 0, range(columns * rows)).to(trainer.device)
    c = None
    if trainer.options.network.c_dim:
        classes = torch.arange(columns * rows, device=trainer.device) % trainer.options.network.c_dim
        c = F.one_hot(classes, trainer.options.network.c_dim).float()
    parts = zip(
        torch.split(z, _SHEET_BATCH),
        [None] * len(z) if c is None else torch.split(c, _SHEET_BATCH),
        strict=False,
    )
    images = np.concatenate(
        [generator.to_uint8(generator.synthesize(generator.map(some, label))) for some, label in parts]
    )
    write_bytes(path, encode_png(contact_sheet(list(images), columns)))
    return path
