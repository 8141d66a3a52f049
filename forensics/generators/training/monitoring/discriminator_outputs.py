"""What the discriminator says of real images and of the generator's, snapshot by snapshot: D(x) against D(G(z)).

Histograms of sigmoid(logit) over the same images and latents each time, without augmentation: apart at the start,
overlapping when the two networks are in balance.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from forensics.core.files import write_text
from forensics.generators.base import latent_z
from forensics.generators.training.losses.losses import Real
from forensics.generators.training.trainer import Trainer, imagenet_normalised

FILE = "discriminator-outputs.jsonl"
BINS = 40
_COUNT, _BATCH = 96, 16

Outputs = dict[
    str, Any
]  # kimg, real [BINS], fake [BINS]: numbers of images in each of BINS equal parts of [0, 1]


class OutputLog:
    """The histograms of a run so far, in `FILE` of its folder."""

    def __init__(self, folder: Path, kimg: float) -> None:
        self.path = folder / FILE
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.is_file() else []
        self.rows: list[Outputs] = [row for row in map(json.loads, lines) if row["kimg"] <= kimg + 1e-9]

    def add(self, trainer: Trainer) -> None:
        """Take the histograms of this moment, if they are not there."""
        kimg = trainer.nimg / 1000
        if self.rows and self.rows[-1]["kimg"] == kimg:
            return
        real, fake = discriminator_outputs(trainer)
        self.rows.append({"kimg": kimg, "real": counts(real), "fake": counts(fake)})
        write_text(self.path, "".join(json.dumps(row, sort_keys=True) + "\n" for row in self.rows))


def counts(probabilities: np.ndarray) -> list[int]:
    """How many of `probabilities` [n] are in each of BINS equal parts of [0, 1]."""
    return [int(n) for n in np.histogram(probabilities, bins=BINS, range=(0, 1))[0]]


@torch.no_grad()
def discriminator_outputs(trainer: Trainer) -> tuple[np.ndarray, np.ndarray]:
    """D(x) of images spread over the training set and D(G(z)) of fixed latents, float32 in [0, 1]."""
    images, o = trainer.images, trainer.options
    batch = max(_BATCH // o.mbstd_group_size, 1) * o.mbstd_group_size
    chosen = np.linspace(0, len(images) - 1, _COUNT - _COUNT % batch or batch).astype(np.int64)
    real: list[np.ndarray] = []
    fake: list[np.ndarray] = []
    for start in range(0, len(chosen), batch):
        indices = chosen[start : start + batch]
        x = images.batch(indices, np.zeros(len(indices), bool)).to(trainer.device)
        labels = trainer.one_hot(images.labels[indices]) if o.c_dim else None
        shown = Real(imagenet_normalised(x) if o.pixels == "imagenet" else x, labels)
        z = latent_z(o.z_dim, 1, range(start, start + len(indices))).to(trainer.device)
        made = trainer.G.synthesize(trainer.G.map(z, labels))
        for images_of, into in ((shown.images, real), (made, fake)):
            logits = trainer.D(images_of) if labels is None else trainer.D(images_of, labels)
            into.append(logits.sigmoid().flatten().cpu().numpy())
    return np.concatenate(real), np.concatenate(fake)


def start_middle_end(rows: list[Outputs]) -> list[Outputs]:
    """The first, the middle and the last histogram, fewer where there are fewer."""
    return [rows[i] for i in sorted({0, len(rows) // 2, len(rows) - 1})] if rows else []
