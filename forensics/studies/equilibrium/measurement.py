"""How near the two networks of a run are to balance: D(x) against D(G(z)), snapshot by snapshot.

At equilibrium the discriminator cannot tell the two apart and gives both the same distribution of outputs (Goodfellow
et al. 2014, "Generative Adversarial Networks", proposition 2). How much of it they share is the overlap coefficient,
the sum over equal parts of [0, 1] of the smaller of the two shares of images there (Inman & Bradley 1989).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from forensics.backbones.inputs import imagenet_normalised
from forensics.core.errors import CheckpointError, ForensicsError
from forensics.core.weights import called
from forensics.corpus.photographs.data import TrainingImages
from forensics.corpus.photographs.loading import load_images
from forensics.generators.training.monitoring import discriminator_outputs
from forensics.generators.training.monitoring.discriminator_outputs import BINS, Histograms, OutputLog, counts
from forensics.studies.equilibrium.rows import OverlapRow, SnapshotRow
from forensics.studies.subject import Subject, load_subject, read_subject

_FROM_A_LOG = 6
_RESAMPLED = 1000


@dataclass(frozen=True)
class EquilibriumPlan:
    """At most `images` photographs, and as many latents of `seed`."""

    images: int = 400
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.images < 8 or self.images % 4:
            raise ForensicsError(
                f"{self.images} images: give a multiple of 4 from 8 on, a discriminator's groups"
            )


@dataclass(frozen=True)
class Overlap:
    """Overlap coefficient of two histograms with its bootstrap 95 % interval; `of_one` is what two samples of these
    sizes from one and the same distribution overlap on average (below 1, as samples differ)."""

    value: float
    low: float
    high: float
    of_one: float


def overlap(real: Sequence[int], fake: Sequence[int], seed: int = 0) -> Overlap:
    """Overlap of two histograms over the same bins, counts of images in each."""
    rng = np.random.default_rng(seed)
    pooled = np.add(real, fake) / (sum(real) + sum(fake))
    sizes = sum(real), sum(fake)

    def shares(probabilities: np.ndarray, n: int) -> np.ndarray:
        return rng.multinomial(n, probabilities, _RESAMPLED) / n

    measured = [np.asarray(c) / n for c, n in zip((real, fake), sizes, strict=True)]
    drawn = [shares(p, n) for p, n in zip(measured, sizes, strict=True)]
    same = [shares(pooled, n) for n in sizes]
    low, high = np.percentile(np.minimum(*drawn).sum(axis=1), (2.5, 97.5))
    value = float(np.minimum(*measured).sum())
    # A resample overlaps less than its sample, as both get rougher: the interval is moved back by as much.
    shift = value - float(np.minimum(*drawn).sum(axis=1).mean())
    low, high = (float(np.clip(edge + shift, 0, 1)) for edge in (low, high))
    return Overlap(value, low, high, float(np.minimum(*same).sum(axis=1).mean()))


def overlap_row(row: SnapshotRow) -> OverlapRow:
    """Overlap and means of a snapshot's histograms."""
    centres = (np.arange(BINS) + 0.5) / BINS
    shared = overlap(row.real, row.fake)
    return OverlapRow(
        file=row.file,
        network=row.network,
        kimg=row.kimg,
        overlap=round(shared.value, 4),
        overlap_low=round(shared.low, 4),
        overlap_high=round(shared.high, 4),
        overlap_of_one=round(shared.of_one, 4),
        mean_real=float(np.average(centres, weights=row.real)),
        mean_fake=float(np.average(centres, weights=row.fake)),
        n_real=sum(row.real),
        n_fake=sum(row.fake),
    )


class Photographs:
    """Photographs of a folder, a corpus or an archive, loaded once at each size."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._loaded: dict[int, TrainingImages] = {}

    def at(self, size: int) -> TrainingImages:
        """All of them at `size` px."""
        if size not in self._loaded:
            self._loaded[size] = load_images([self.data], size)
        return self._loaded[size]

    def spread(self, subject: Subject, most: int) -> Tensor:
        """At most `most`, spread over the data, as the discriminator is shown them: float32 [n, 3, r, r]."""
        images = self.at(subject.generator.img_resolution)
        n = min(most, len(images)) // 4 * 4
        if not n:
            raise ForensicsError(
                f"{self.data}: {len(images)} images; give at least 4, a discriminator's group"
            )
        chosen = np.linspace(0, len(images) - 1, n).astype(np.int64)
        x = images.batch(chosen, np.zeros(n, bool)).to(subject.generator.device)
        return imagenet_normalised(x) if hasattr(subject.generator, "Src_Net") else x


def snapshot_row(path: Path, photographs: Photographs, plan: EquilibriumPlan) -> SnapshotRow:
    """Histograms of the weights file `path`, as a training's log has them. ForensicsError: without D, with classes."""
    subject = load_subject(path, plan.device)
    if subject.discriminator is None:
        raise CheckpointError(f"{path}: no discriminator inside; give snapshots that hold D")
    if subject.generator.c_dim:
        raise ForensicsError(f"{path}: a network with classes; this figure is for networks without")
    real = subject.probabilities(photographs.spread(subject, plan.images))
    ws = subject.generator.map(subject.generator.sample_z(plan.images, plan.seed))
    fake = subject.probabilities(subject.synthesize(ws))
    assert real is not None
    assert fake is not None
    checkpoint, network = read_subject(path)
    return SnapshotRow(
        file=called(path),
        network=f"{checkpoint.networks[network].kind}, {subject.generator.img_resolution} px",
        sha256=subject.sha256,
        kimg=checkpoint.kimg,
        real=counts(real.cpu().numpy()),
        fake=counts(fake.cpu().numpy()),
    )


def logged_rows(folder: Path) -> list[SnapshotRow]:
    """Rows of the log of a run, from the first to the last. ForensicsError: there is none."""
    rows = OutputLog(folder, float("inf")).rows
    if not rows:
        raise ForensicsError(
            f"{folder}: no {discriminator_outputs.FILE} of a training in it; give snapshots and --data"
        )
    chosen = np.unique(np.linspace(0, len(rows) - 1, _FROM_A_LOG).round().astype(int))
    return [_logged_row(folder, rows[i]) for i in chosen]


def _logged_row(folder: Path, outputs: Histograms) -> SnapshotRow:
    return SnapshotRow(
        file=f"{folder.name}/{discriminator_outputs.FILE}",
        network=folder.name,
        sha256="",
        kimg=outputs.kimg,
        real=outputs.real,
        fake=outputs.fake,
    )
