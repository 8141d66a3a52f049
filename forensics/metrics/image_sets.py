"""How near generated images are to real ones: KID, precision and recall over feature vectors.

Sources: Binkowski et al., "Demystifying MMD GANs" (ICLR 2018), section 4 and appendix, for KID; Kynkäänniemi et al.,
"Improved Precision and Recall Metric for Assessing Generative Models" (NeurIPS 2019), algorithm 1.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from forensics.core.files import replacing
from forensics.corpus.photographs.data import TrainingImages
from forensics.generators.base import Generator, latent_z
from forensics.metrics import features

COLUMNS = ("kimg", "kid", "kid_sd", "precision", "recall", "fid", "n_real", "n_fake", "extractor")
_MOST, _SUBSETS, _NEIGHBOURS, _BATCH = 500, 50, 3, 10
_SEED = 2


def kid(real: np.ndarray, fake: np.ndarray, subset: int | None = None, seed: int = 0) -> tuple[float, float]:
    """Kernel inception distance of features [n, d] and [m, d]: mean and standard deviation over 50 random subsets.

    The unbiased estimate of the squared MMD with kernel (x.y / d + 1)^3; `subset` images of each side at a time (half
    of the smaller side by default). Zero for equal distributions, and then as often below as above.
    """
    size = subset or max(min(len(real), len(fake)) // 2, 2)
    rng = np.random.default_rng(seed)
    found = [
        _mmd2(
            real[rng.choice(len(real), size, replace=False)], fake[rng.choice(len(fake), size, replace=False)]
        )
        for _ in range(_SUBSETS)
    ]
    return float(np.mean(found)), float(np.std(found))


def _mmd2(x: np.ndarray, y: np.ndarray) -> float:
    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        cube: np.ndarray = (a.astype(np.float64) @ b.astype(np.float64).T / a.shape[1] + 1) ** 3
        return cube

    n, m = len(x), len(y)
    xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
    within = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within - 2 * xy.mean())


def precision_recall(real: np.ndarray, fake: np.ndarray, k: int = _NEIGHBOURS) -> tuple[float, float]:
    """Share of the fakes inside the manifold of the real (precision), and of the real inside that of the fakes.

    A manifold is the union of balls around its points that reach to the k-th neighbour.
    """
    return _inside(fake, real, k), _inside(real, fake, k)


def _inside(points: np.ndarray, manifold: np.ndarray, k: int) -> float:
    from scipy.spatial.distance import cdist

    own = np.sort(cdist(manifold, manifold), axis=1)
    radius = own[:, min(k, len(manifold) - 1)]  # the nearest is the point itself
    return float((cdist(points, manifold) <= radius[None]).any(axis=1).mean())


@dataclass
class Evaluation:
    """Scores generators against one set of images, whose features are taken once."""

    images: TrainingImages
    device: torch.device

    def __post_init__(self) -> None:
        self.extract = features.FeatureExtractor(self.device)
        self.count = min(len(self.images), _MOST)
        chosen = np.linspace(0, len(self.images) - 1, self.count).astype(np.int64)
        self.real_pixels = self.images.pixels[chosen]
        self.real = self.extract(self.real_pixels)

    def score(self, generator: Generator, seeds: Iterable[int] = (_SEED,)) -> dict[str, Any]:
        """KID, precision and recall of as many images as there are real ones (at least 100), psi 1.

        Each of the `seeds` is a draw of latents: means over these, and with several `kid_by_draw`. One draw of 500
        moves KID of the embedded generators by 0.001.
        """
        n = max(self.count, 100)
        draws = [self._of_draw(generator, n, seed) for seed in seeds]
        means = {name: float(np.mean([draw[name] for draw in draws])) for name in draws[0]}
        fid = means.pop("fid", None)
        rounded: dict[str, Any] = {
            name: round(value, 6 if "kid" in name else 4) for name, value in means.items()
        }
        if len(draws) > 1:
            rounded["kid_by_draw"] = [round(draw["kid"], 6) for draw in draws]
        return rounded | {
            "fid": "" if fid is None else round(fid, 4),
            "n_real": len(self.real),
            "n_fake": n,
            "extractor": features.NAME,
        }

    def _of_draw(self, generator: Generator, n: int, seed: int) -> dict[str, float]:
        made = np.concatenate(list(self._fakes(generator, n, seed)))
        fake = self.extract(made)
        distance, deviation = kid(self.real, fake)
        precision, recall = precision_recall(self.real, fake)
        found = {"kid": distance, "kid_sd": deviation, "precision": precision, "recall": recall}
        fid = inception_fid(self.real_pixels, made, self.device)
        return found if fid is None else found | {"fid": fid}

    @torch.no_grad()
    def _fakes(self, generator: Generator, n: int, seed: int) -> Iterator[np.ndarray]:
        for start in range(0, n, _BATCH):
            indices = range(start, min(start + _BATCH, n))
            z = latent_z(generator.z_dim, seed, indices).to(generator.device)
            c = None
            if generator.c_dim:
                drawn = np.random.default_rng([seed, start]).integers(len(self.images), size=len(indices))
                labels = torch.from_numpy(self.images.labels[drawn]).to(generator.device)
                c = torch.nn.functional.one_hot(labels, generator.c_dim).float()
            yield generator.to_uint8(generator.synthesize(generator.map(z, c)))


def inception_weights() -> Path | None:
    """torch-fidelity's Inception weights where it has put them, if it is installed."""
    if find_spec("torch_fidelity") is None:
        return None
    path = Path(torch.hub.get_dir()) / "checkpoints" / "weights-inception-2015-12-05-6726825d.pth"
    return path if path.is_file() else None


def inception_fid(real: np.ndarray, fake: np.ndarray, device: torch.device) -> float | None:
    """FID over Inception features by torch-fidelity, or None where it or its weights are missing. Never downloads."""
    weights = inception_weights()
    if weights is None:
        return None
    import torch_fidelity

    found = torch_fidelity.calculate_metrics(
        input1=_Uint8Images(fake),
        input2=_Uint8Images(real),
        fid=True,
        cuda=device.type == "cuda",
        verbose=False,
        feature_extractor_weights_path=str(weights),
    )
    return float(found["frechet_inception_distance"])


class _Uint8Images(torch.utils.data.Dataset[torch.Tensor]):
    """uint8 [n, h, w, 3] as torch-fidelity wants images: one [3, h, w] at a time."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(self.pixels[index].transpose(2, 0, 1)))


class MetricsLog:
    """metrics.csv of a run: a row each time `generator` was scored. The extractor is loaded when first needed."""

    def __init__(self, folder: Path, kimg: float) -> None:
        self.path = folder / "metrics.csv"
        self.rows: list[dict[str, Any]] = []
        if self.path.is_file():
            with self.path.open(newline="") as stream:
                self.rows = [row for row in csv.DictReader(stream) if float(row["kimg"]) <= kimg + 1e-9]
        self._evaluation: Evaluation | None = None

    def add(self, kimg: float, generator: Generator, images: TrainingImages, device: torch.device) -> None:
        """Score the generator, if this moment has not been."""
        if self.rows and float(self.rows[-1]["kimg"]) == kimg:
            return
        if self._evaluation is None:
            self._evaluation = Evaluation(images, device)
        self.rows.append({"kimg": kimg, **self._evaluation.score(generator)})
        with replacing(self.path) as temporary, temporary.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)
