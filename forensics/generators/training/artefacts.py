"""What a snapshot leaves for people and programs: the network file and a sheet of samples, named by kimg."""

from __future__ import annotations

from pathlib import Path

import torch

from forensics.files import write_bytes
from forensics.generators.base import latent_z
from forensics.generators.checkpoints import NetworkState, write_native
from forensics.generators.training.trainer import Trainer
from forensics.images import contact_sheet, encode_png

_GRID = (10, 6)  # columns, rows of the sample sheet


def network_path(trainer: Trainer) -> Path:
    """Where the network of this moment is kept."""
    return trainer.folder / f"network-{trainer.nimg // 1000:06d}.safetensors"


def samples_path(trainer: Trainer) -> Path:
    """Where the samples of this moment are kept."""
    return trainer.folder / f"samples-{trainer.nimg // 1000:06d}.png"


def write_network(trainer: Trainer) -> Path:
    """G_ema and D as this project's weights file (float16)."""
    path, options = network_path(trainer), trainer.options
    networks = {
        "G_ema": NetworkState("stylegan2", options.generator_config(), trainer.G_ema.state_dict()),
        "D": NetworkState("stylegan2-discriminator", options.discriminator_config(), trainer.D.state_dict()),
    }
    card = {
        "kimg": trainer.nimg / 1000,
        "augment_p": float(trainer.pipe.p),
        "options": options.as_json(),
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
    z = latent_z(trainer.options.z_dim, 0, range(columns * rows)).to(trainer.device)
    images = generator.to_uint8(generator.synthesize(generator.map(z)))
    write_bytes(path, encode_png(contact_sheet(list(images), columns)))
    return path
