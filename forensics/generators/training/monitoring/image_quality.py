"""How near a generator's images are to the images it learns from, and metrics.csv of a run."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from forensics.core.files import replacing
from forensics.corpus.photographs.data import TrainingImages
from forensics.generators.base import Generator
from forensics.generators.latents import latent_z
from forensics.metrics.image_sets import ImageSetComparison, ImageSetScores, mean_of_draws

COLUMNS = ("kimg", "kid", "kid_sd", "precision", "recall", "fid", "n_real", "n_fake", "extractor")
MOST, FEWEST, SEED = 500, 100, 2
_BATCH = 10


class GeneratorQuality:
    """Scores generators against one set of images, of which at most `most` are taken, evenly spread."""

    def __init__(self, images: TrainingImages, device: torch.device, most: int = MOST) -> None:
        self.images = images
        count = min(len(images), most)
        chosen = np.linspace(0, len(images) - 1, count).astype(np.int64)
        self.n_fake = max(count, FEWEST)
        self._comparison = ImageSetComparison(images.pixels[chosen], device)

    def score(self, generator: Generator, seeds: Iterable[int] = (SEED,)) -> ImageSetScores:
        """KID, precision and recall of as many images as there are real ones (at least 100), psi 1.

        Each of the `seeds` is a draw of latents: means over these, and with several KID of each. One draw of 500
        moves KID of the embedded generators by 0.001.
        """
        draws = [self._comparison.score(self._samples(generator, seed)) for seed in seeds]
        return mean_of_draws(draws)

    @torch.no_grad()
    def _samples(self, generator: Generator, seed: int) -> np.ndarray:
        """uint8 [n, h, w, 3]; the classes of a conditional network are drawn as the images have them."""
        parts = []
        for start in range(0, self.n_fake, _BATCH):
            indices = range(start, min(start + _BATCH, self.n_fake))
            z = latent_z(generator.z_dim, seed, indices).to(generator.device)
            c = None
            if generator.c_dim:
                drawn = np.random.default_rng([seed, start]).integers(len(self.images), size=len(indices))
                labels = torch.from_numpy(self.images.labels[drawn]).to(generator.device)
                c = torch.nn.functional.one_hot(labels, generator.c_dim).float()
            parts.append(generator.to_uint8(generator.synthesize(generator.map(z, c))))
        return np.concatenate(parts)


class MetricsLog:
    """metrics.csv of a run: a row each time its generator was scored. The extractor is loaded when first needed."""

    def __init__(self, folder: Path, kimg: float) -> None:
        self.path = folder / "metrics.csv"
        self.rows: list[dict[str, object]] = []
        if self.path.is_file():
            with self.path.open(newline="") as stream:
                rows = [row for row in csv.DictReader(stream) if float(row["kimg"]) <= kimg + 1e-9]
                self.rows = [dict(row) for row in rows]
        self._quality: GeneratorQuality | None = None

    def add(self, kimg: float, generator: Generator, images: TrainingImages, device: torch.device) -> None:
        """Score the generator, if this moment has not been."""
        if self.rows and float(str(self.rows[-1]["kimg"])) == kimg:
            return
        if self._quality is None:
            self._quality = GeneratorQuality(images, device)
        self.rows.append({"kimg": kimg, **self._quality.score(generator).to_json()})
        with replacing(self.path) as temporary, temporary.open("w", newline="") as stream:
            more = [name for name in self.rows[-1] if name not in COLUMNS]
            writer = csv.DictWriter(stream, [*COLUMNS, *more])
            writer.writeheader()
            writer.writerows(self.rows)
