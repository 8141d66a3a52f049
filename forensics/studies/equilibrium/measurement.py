"""How near the two networks of a run are to balance: D(x) against D(G(z)), snapshot by snapshot.

At equilibrium the discriminator cannot tell the two apart and gives both the same distribution of outputs (Goodfellow
et al. 2014, "Generative Adversarial Networks", proposition 2). How much of it they share is the overlap coefficient,
the sum over equal parts of [0, 1] of the smaller of the two shares of images there (Inman & Bradley 1989).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from forensics.core.errors import CheckpointError, ForensicsError
from forensics.core.files import sha256_file
from forensics.core.weights import called, weights_file
from forensics.corpus.photographs.data import TrainingImages
from forensics.corpus.photographs.loading import load_images
from forensics.generators.training.batches import imagenet_normalised
from forensics.generators.training.monitoring import discriminator_outputs
from forensics.generators.training.monitoring.discriminator_outputs import OutputLog, counts
from forensics.studies.resumable import Job, Parts, complete
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

    own = [np.asarray(c) / n for c, n in zip((real, fake), sizes, strict=True)]
    drawn = [shares(p, n) for p, n in zip(own, sizes, strict=True)]
    same = [shares(pooled, n) for n in sizes]
    low, high = np.percentile(np.minimum(*drawn).sum(axis=1), (2.5, 97.5))
    value = float(np.minimum(*own).sum())
    # A resample overlaps less than its sample, as both get rougher: the interval is moved back by as much.
    shift = value - float(np.minimum(*drawn).sum(axis=1).mean())
    low, high = (float(np.clip(edge + shift, 0, 1)) for edge in (low, high))
    return Overlap(value, low, high, float(np.minimum(*same).sum(axis=1).mean()))


class EquilibriumWork:
    """The parts of an equilibrium study for `resumable.complete`: "snapshot-003" of `snapshots`."""

    def __init__(self, snapshots: Sequence[Path], data: Path, plan: EquilibriumPlan) -> None:
        self.snapshots, self.data, self.plan = snapshots, data, plan
        self._photographs: dict[int, TrainingImages] = {}

    def do(self, part: str) -> dict[str, Any]:
        """Histograms of a snapshot, as the training's log has them, with the name and hash of the file."""
        path = self.snapshots[int(part.partition("-")[2])]
        subject = load_subject(path, self.plan.device)
        if subject.discriminator is None:
            raise CheckpointError(f"{path}: no discriminator inside; give snapshots that hold D")
        if subject.generator.c_dim:
            raise ForensicsError(f"{path}: a network with classes; this figure is for networks without")
        real = subject.probabilities(self._shown(subject))
        n = self.plan.images
        ws = subject.generator.map(subject.generator.sample_z(n, self.plan.seed))
        fake = subject.probabilities(subject.synthesize(ws))
        assert real is not None
        assert fake is not None
        found = {"real": counts(real.cpu().numpy()), "fake": counts(fake.cpu().numpy())}
        return {"file": called(path), "sha256": subject.sha256, "kimg": read_subject(path)[0].kimg, **found}

    def _shown(self, subject: Subject) -> Tensor:
        """Photographs spread over the data, as the discriminator is shown them: float32 [n, 3, r, r]."""
        size = subject.generator.img_resolution
        if size not in self._photographs:
            self._photographs[size] = load_images([self.data], size)
        images = self._photographs[size]
        n = min(self.plan.images, len(images)) // 4 * 4
        if not n:
            raise ForensicsError(
                f"{self.data}: {len(images)} images; give at least 4, a discriminator's group"
            )
        chosen = np.linspace(0, len(images) - 1, n).astype(np.int64)
        x = images.batch(chosen, np.zeros(n, bool)).to(subject.generator.device)
        return imagenet_normalised(x) if hasattr(subject.generator, "Src_Net") else x


def equilibrium_rows(
    snapshots: Sequence[Path], data: Path | None, out: Path, plan: EquilibriumPlan, *, workers: int = 1
) -> list[dict[str, Any]]:
    """A row a snapshot, in the order of training: file, sha256, kimg, and real and fake, the numbers of images in each
    of 40 equal parts of [0, 1]; data_sha256, of the photographs. Parts are kept in `out`. Of a folder of a run, rows of
    the log the trainer kept there.

    ForensicsError: a snapshot without D or with classes, a folder without a log, no data, or `out` made otherwise.
    """
    rows = [row for folder in snapshots if folder.is_dir() for row in _logged(folder)]
    files = [weights_file(p) for p in snapshots if not p.is_dir()]
    if files:
        if data is None:
            raise ForensicsError("--data: give the photographs that D is asked about beside the snapshots")
        with_hashes = {"snapshots": [_hash(path) for path in files], "data": load_images([data], 64).sha256}
        parts = Parts(out / "parts", with_hashes | asdict(plan))
        names = [f"snapshot-{i:03d}" for i in range(len(files))]
        job = Job(EquilibriumWork, (files, data, plan))
        complete(parts, names, job, workers=workers, title="snapshots")
        rows += [parts.read(name) | {"data_sha256": with_hashes["data"]} for name in names]
    return sorted(rows, key=lambda row: (row["kimg"] is None, row["kimg"] or 0))


def _hash(path: Path) -> str:
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    return sha256_file(path)


def _logged(folder: Path) -> list[dict[str, Any]]:
    """Rows of the log of a run, from the first to the last."""
    rows = OutputLog(folder, float("inf")).rows
    if not rows:
        raise ForensicsError(
            f"{folder}: no {discriminator_outputs.FILE} of a training in it; give snapshots and --data"
        )
    chosen = np.unique(np.linspace(0, len(rows) - 1, _FROM_A_LOG).round().astype(int))
    facts = {"file": f"{folder.name}/{discriminator_outputs.FILE}", "sha256": ""}
    return [facts | asdict(rows[i]) for i in chosen]
