"""How the heads of `ffhq-64`, `-128`, `-256` and `-512` were found: least squares on the teacher's own features.

MobileStyleGAN had an image head at each level in training, and its release has the last one alone. A head is a
modulated 1 x 1 convolution: pixels = weight (style(w) * features) + bias. `collect` runs `ffhq-1024` and keeps, for
each latent and level, the sums of products of features, and of features and area-reduced image: all that least squares
needs. `fit` alternates between weight and bias for given styles (normal equations) and the affine layer of the style
for a given weight (conjugate gradients, drawn to a style of one).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from forensics.core.terminal import print_line
from forensics.core.weights import weights_file
from forensics.generators.architectures.mobile_stylegan import MobileStyleGANGenerator
from forensics.generators.base import load_generator
from forensics.generators.checkpoints import NetworkState, read_checkpoint, write_native
from tools.ffhq_1024 import CARD

TEACHER: Final = "ffhq-1024"
SEED: Final = 424242
LEVELS: Final = (64, 128, 256)
ROUNDS: Final = 6
STEPS: Final = 25
RIDGE: Final = 1e-3


@dataclass(frozen=True)
class Head:
    """One to find: the image's size, the level whose features it takes, and whether it makes wavelet bands."""

    size: int
    level: int

    @property
    def makes_bands(self) -> bool:
        """The image is twice as large as the features."""
        return self.size != self.level


HEADS: Final = (Head(64, 64), Head(128, 128), Head(256, 256), Head(512, 256))


def teacher() -> MobileStyleGANGenerator:
    """The network whose features are decoded."""
    generator = load_generator(TEACHER, "cpu")
    assert isinstance(generator, MobileStyleGANGenerator)
    return generator


def forward_haar(image: Tensor) -> Tensor:
    """[c, 2 h, 2 w] to its sub-bands [4 c, h, w]: what `inverse_haar` takes back."""
    a, b, c, d = image[:, ::2, ::2], image[:, ::2, 1::2], image[:, 1::2, ::2], image[:, 1::2, 1::2]
    return torch.cat([a + b + c + d, a + b - c - d, a - b + c - d, a - b - c + d]) / 2


@torch.inference_mode()
def collect(folder: Path, n: int) -> None:
    """Write the sums for `n` latents of psi 0.5 to 1: gram, cross and energy of each level, and w."""
    g, rng = teacher(), np.random.default_rng(SEED)
    folder.mkdir(parents=True, exist_ok=True)
    latents = np.lib.format.open_memmap(folder / "w.npy", "w+", "float32", (n, g.w_dim))
    files = {level: _files(folder, level, n, g) for level in LEVELS}
    for i in range(n):
        ws = g.map(g.sample_z(1, SEED, start=i), psi=float(rng.uniform(0.5, 1.0)))
        features = g.features(ws, [f"synthesis.b{level}" for level in LEVELS])
        image = g.synthesize(ws)
        for level, (gram, cross, energy) in files.items():
            bands = forward_haar(F.avg_pool2d(image, g.img_resolution // (2 * level))[0]).flatten(1)
            maps = features[f"synthesis.b{level}"][0].flatten(1)
            maps = torch.cat([maps, torch.ones_like(maps[:1])])
            gram[i], cross[i] = (maps @ maps.t() / level**2).numpy(), (maps @ bands.t() / level**2).numpy()
            energy[i] = bands.square().mean(dim=1).numpy()
        latents[i] = ws[0, 0].numpy()


def _files(folder: Path, level: int, n: int, g: MobileStyleGANGenerator) -> list[np.memmap]:
    c = len(getattr(g.synthesis, f"b{level}").conv1.weight) + 1
    shapes = {"gram": (n, c, c), "cross": (n, c, 12), "energy": (n, 12)}
    return [
        np.lib.format.open_memmap(folder / f"{name}{level}.npy", "w+", "float32", shape)
        for name, shape in shapes.items()
    ]


class Fit:
    """The least squares of one head. Features are scaled to unit mean square; the last one is the constant 1."""

    def __init__(self, folder: Path, head: Head) -> None:
        outputs = 12 if head.makes_bands else 3  # the low-pass bands are twice the pixels of the level's size
        w = torch.from_numpy(np.load(folder / "w.npy"))
        self.n = int(w.square().sum(dim=1).count_nonzero())
        self.gram = torch.from_numpy(
            np.load(folder / f"gram{head.level}.npy", mmap_mode="r")[: self.n].copy()
        )
        self.cross = torch.from_numpy(
            np.load(folder / f"cross{head.level}.npy")[: self.n, :, :outputs].copy()
        )
        self.channels = self.gram.shape[1] - 1
        self.scale = self.gram.diagonal(dim1=1, dim2=2).mean(dim=0).rsqrt()
        self.scale[-1] = 1.0
        self.gram *= self.scale[:, None] * self.scale
        self.cross *= self.scale[:, None]
        self.mean, self.deviation = w[: self.n].mean(dim=0), w[: self.n].std() * math.sqrt(w.shape[1])
        self.inputs = torch.cat([(w[: self.n] - self.mean) / self.deviation, torch.ones(self.n, 1)], dim=1)
        self.affine = torch.zeros(self.channels, self.inputs.shape[1])
        self.affine[:, -1] = 1.0
        self.weight = self._weight()

    def run(self, rounds: int = ROUNDS) -> None:
        """Alternate."""
        for _ in range(rounds):
            self._improve_affine()
            self.weight = self._weight()

    def _styles(self) -> Tensor:
        return torch.cat([self.inputs @ self.affine.t(), torch.ones(self.n, 1)], dim=1)

    def _weight(self) -> Tensor:
        """float32 [channels + 1, outputs], for the styles there are."""
        total = torch.zeros(self.channels + 1, self.channels + 1, dtype=torch.float64)
        right = torch.zeros(self.channels + 1, self.cross.shape[2], dtype=torch.float64)
        for style, gram, cross in zip(self._styles(), self.gram, self.cross, strict=True):
            total += style[:, None] * gram * style
            right += style[:, None] * cross
        total.diagonal().add_(1e-6 * total.diagonal().mean())
        solution: Tensor = torch.linalg.solve(total, right)
        return solution.float()

    def _improve_affine(self) -> None:
        """Conjugate gradients on the affine layer, preconditioned by the diagonal."""
        c, w = self.channels, self.weight
        products = w[:c] @ w[:c].t()
        ridge = torch.full_like(self.affine, RIDGE * float(w[:c].square().sum(dim=1).mean()))
        ridge[:, -1] = 0
        quadratic = self.gram[:, :c, :c] * products
        linear = (w[:c] * (self.cross[:, :c] - self.gram[:, :c, c:] * w[c:])).sum(dim=2)

        def times(x: Tensor) -> Tensor:
            styles = self.inputs @ x.t()
            pulled = torch.bmm(quadratic, styles[:, :, None])[:, :, 0]
            return pulled.t() @ self.inputs / self.n + ridge * x

        diagonal = quadratic.diagonal(dim1=1, dim2=2).t() @ self.inputs.square() / self.n + ridge + 1e-9
        residual = linear.t() @ self.inputs / self.n - times(self.affine)
        direction = residual / diagonal
        energy = (residual * direction).sum()
        for _ in range(STEPS):
            product = times(direction)
            step = energy / (direction * product).sum()
            self.affine += step * direction
            residual -= step * product
            ahead = residual / diagonal
            before, energy = energy, (residual * ahead).sum()
            direction = ahead + energy / before * direction

    def state(self, makes_bands: bool) -> dict[str, Tensor]:
        """The tensors of an `ImageHead`."""
        c, size = self.channels, self.inputs.shape[1] - 1
        slope = self.affine[:, :size] / self.deviation
        half = 1.0 if makes_bands else 0.5
        weight = (self.weight[:c] * self.scale[:c, None]).t() * (half * math.sqrt(c))
        return {
            "affine.weight": slope * math.sqrt(size),
            "affine.bias": self.affine[:, size] - slope @ self.mean,
            "weight": weight[:, :, None, None].contiguous(),
            "bias": self.weight[c] * half,
        }


def fit(folder: Path, weights: Path) -> None:
    """Write weights.safetensors of each size into its folder in `weights`: the head, and who lends the levels."""
    path = weights_file(TEACHER)
    lender = read_checkpoint(path)
    for head in HEADS:
        work = Fit(folder, head)
        work.run()
        config = dict(lender.networks["G_ema"].config)
        config |= {"img_resolution": head.size, "pixel_head": not head.makes_bands}
        state = {f"synthesis.torgb.{name}": value for name, value in work.state(head.makes_bands).items()}
        origin = {"levels_of": TEACHER, "levels_sha256": lender.sha256}
        network = NetworkState("mobile-stylegan", config, state, [], origin)
        target = weights / f"ffhq-{head.size}" / "weights.safetensors"
        target.parent.mkdir(parents=True, exist_ok=True)
        card = {**CARD, "title": f"MobileStyleGAN, faces of {head.size} px", "head_fitted_on": work.n}
        print_line(f"{target} {write_native(target, {'G_ema': network}, card, storage=torch.float16)}")
