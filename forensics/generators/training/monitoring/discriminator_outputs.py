"""What the discriminator says of real images and of the generator's, snapshot by snapshot: D(x) against D(G(z)).

Histograms of sigmoid(logit) over the same images and latents each time, without augmentation: apart at the start,
overlapping when the two networks are in balance.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from forensics.core.errors import ForensicsError
from forensics.core.files import write_text
from forensics.core.untrusted import MAX_JSON_BYTES, parse_json, read_untrusted
from forensics.generators.latents import latent_z
from forensics.generators.training.trainer import Trainer

FILE = "discriminator-outputs.jsonl"
BINS = 40
_COUNT, _BATCH = 96, 16


@dataclass(frozen=True)
class Histograms:
    """Numbers of real and of generated images in each of BINS equal parts of [0, 1], after `kimg`."""

    kimg: float
    real: list[int]
    fake: list[int]


class OutputLog:
    """The histograms of a run so far, in `FILE` of its folder."""

    def __init__(self, folder: Path, kimg: float) -> None:
        self.path = folder / FILE
        data = read_untrusted(self.path, MAX_JSON_BYTES).data if self.path.is_file() else b""
        try:
            logged = [Histograms(**parse_json(line)) for line in data.splitlines()]
        except (ValueError, TypeError) as error:
            raise ForensicsError(f"{self.path}: is damaged ({error}); remove it to go on without") from error
        self.rows = [row for row in logged if row.kimg <= kimg + 1e-9]

    def add(self, trainer: Trainer) -> None:
        """Take the histograms of this moment, if they are not there."""
        kimg = trainer.nimg / 1000
        if self.rows and self.rows[-1].kimg == kimg:
            return
        real, fake = discriminator_outputs(trainer)
        self.rows.append(Histograms(kimg, counts(real), counts(fake)))
        write_text(self.path, "".join(json.dumps(asdict(row), sort_keys=True) + "\n" for row in self.rows))


def counts(probabilities: np.ndarray) -> list[int]:
    """How many of `probabilities` float32 [n] in [0, 1] are in each of BINS equal parts of [0, 1]."""
    return [int(n) for n in np.histogram(probabilities, bins=BINS, range=(0, 1))[0]]


@torch.no_grad()
def discriminator_outputs(trainer: Trainer) -> tuple[np.ndarray, np.ndarray]:
    """D(x) of images spread over the training set and D(G(z)) of fixed latents, float32 [n] in [0, 1]."""
    images, network = trainer.images, trainer.options.network
    batch = max(_BATCH // network.mbstd_group_size, 1) * network.mbstd_group_size
    chosen = np.linspace(0, len(images) - 1, _COUNT - _COUNT % batch or batch).astype(np.int64)
    real: list[np.ndarray] = []
    fake: list[np.ndarray] = []
    for start in range(0, len(chosen), batch):
        indices = chosen[start : start + batch]
        shown = trainer.batches.whole(indices)
        z = latent_z(network.z_dim, 1, range(start, start + len(indices))).to(trainer.device)
        generated = trainer.G.synthesize(trainer.G.map(z, shown.labels))
        for judged, into in ((shown.images, real), (generated, fake)):
            logits = trainer.D(judged) if shown.labels is None else trainer.D(judged, shown.labels)
            into.append(logits.sigmoid().flatten().cpu().numpy())
    return np.concatenate(real), np.concatenate(fake)


def start_middle_end(rows: Sequence[Histograms]) -> list[Histograms]:
    """The first, the middle and the last histogram, fewer where there are fewer."""
    return [rows[i] for i in sorted({0, len(rows) // 2, len(rows) - 1})] if rows else []
