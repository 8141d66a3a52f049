"""From settings to a picture: one image at a time, alone in its batch, so that equal settings are equal bytes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from types import TracebackType

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from forensics.explore.settings import LatentShape, Settings
from forensics.explore.walk_path import WalkPath
from forensics.generators.base import Generator
from forensics.generators.pruning.magnitude import MagnitudePruner
from forensics.generators.pruning.weights import weight_layers
from forensics.generators.w_statistics import w_statistics
from forensics.images import encode_png
from forensics.recipes.parts.blocks import noise_for
from forensics.studies.latent.sweeps import PUBLISHED_DIMENSIONS


@dataclass(frozen=True)
class Picture:
    """`pixels` uint8 [h, w, 3] (or [h, w]); `w` float32 [w_dim], that of the changed layers; `radius` of that w;
    `nonzero`, how many weights were not zero."""

    pixels: np.ndarray
    w: np.ndarray
    radius: float
    nonzero: int

    def png(self) -> bytes:
        """The image as a PNG file, without metadata."""
        return encode_png(self.pixels)


@dataclass(frozen=True)
class GeneratorFacts:
    """A generator in numbers; `dimensions` are those of w that a published study looked at."""

    generator: str
    generator_sha256: str
    architecture: str
    resolution: int
    w_dim: int
    num_ws: int
    c_dim: int
    noise_maps: int
    weights: int
    device: str
    dimensions: tuple[int, ...]

    def to_json(self) -> dict[str, object]:
        """Plain values under the names of the fields."""
        return asdict(self)


class Explorer:
    """Pictures of one generator. While it is open it may prune the generator's weights in place; leaving it as a
    context manager restores them. Not to be used from two threads at once.

    `threads` is how many torch computes a picture with, those it has now to begin with: the last bits of a convolution
    of one image depend on it, so a recipe says it.
    """

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self.threads = torch.get_num_threads()
        self.shape = LatentShape(generator.num_ws, generator.w_dim, generator.c_dim)
        self.statistics = w_statistics(generator)
        self._path = WalkPath(generator.w_dim)
        self._layers = weight_layers(generator)
        self._pruner: MagnitudePruner | None = None
        self._mapped: tuple[tuple[int, ...], Tensor] | None = None
        self._before: tuple[Settings, Picture] | None = None
        self.weights = sum(layer.stored.numel() for layer in self._layers)
        self.stored_nonzero = sum(int((layer.stored != 0).sum()) for layer in self._layers)

    @torch.inference_mode()
    def picture(self, settings: Settings) -> Picture:
        """The picture of `settings`, which fit this generator's `shape`."""
        torch.set_num_threads(self.threads)  # in the thread that computes: each has a number of its own
        g = self.generator
        ws = self.ws(settings)
        noise = noise_for(g, settings.noise, settings.noise_seed, [0])
        self._prune(settings.pruning_threshold)
        pixels = g.to_uint8(g.synthesize(ws, noise, settings.noise_strength))[0]
        w = ws[:, settings.layers[0]]
        nonzero = self.stored_nonzero if self._pruner is None else self._pruner.nonzero
        return Picture(_drawable(pixels), w[0].cpu().numpy(), float(self.statistics.radius(w)[0]), nonzero)

    def before(self, settings: Settings) -> Picture:
        """The picture of the same face before anything is done to it; the last one is kept."""
        unchanged = settings.unchanged(self.shape)
        if self._before is None or self._before[0] != unchanged:
            self._before = unchanged, self.picture(unchanged)
        return self._before[1]

    @torch.inference_mode()
    def ws(self, settings: Settings) -> Tensor:
        """ws of `settings`, float32 [1, num_ws, w_dim]. Any value that is finite."""
        ws = self.generator.truncate(self._untruncated(settings), settings.psi).clone()
        changed = ws[:, settings.layers[0] : settings.layers[1] + 1]
        if settings.walk.steps:
            changed += torch.from_numpy(self._path.offset(settings.walk)).to(ws.device)
        for dim, delta in settings.moves:
            changed[:, :, dim] += delta
        return ws

    def _untruncated(self, settings: Settings) -> Tensor:
        key = (settings.seed, settings.index, settings.label, self.threads)
        if self._mapped is None or self._mapped[0] != key:
            self._unprune()  # w is the whole network's, as in the published pruning
            g = self.generator
            c = None
            if g.c_dim:
                c = F.one_hot(torch.tensor([settings.label], device=g.device), g.c_dim).float()
            self._mapped = key, g.map(g.sample_z(1, settings.seed, start=settings.index), c)
        return self._mapped[1]

    def _prune(self, threshold: float) -> None:
        if self._pruner is None and threshold > 0:
            self._pruner = MagnitudePruner(self._layers)  # sorts every weight: only for who prunes
        if self._pruner is not None:
            self._pruner.prune(threshold)

    def _unprune(self) -> None:
        if self._pruner is not None:
            self._pruner.prune(0.0)

    def facts(self) -> GeneratorFacts:
        """What a page has to know of the generator."""
        g = self.generator
        return GeneratorFacts(
            generator=g.source,
            generator_sha256=g.weights_sha256,
            architecture=type(g).__name__.removesuffix("Generator"),
            resolution=g.img_resolution,
            w_dim=g.w_dim,
            num_ws=g.num_ws,
            c_dim=g.c_dim,
            noise_maps=len(g.noise_shapes),
            weights=self.weights,
            device=str(g.device),
            dimensions=tuple(dim for dim in PUBLISHED_DIMENSIONS if dim < g.w_dim),
        )

    def __enter__(self) -> Explorer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pruner is not None:
            self._pruner.restore()


def _drawable(pixels: np.ndarray) -> np.ndarray:
    """Colours as they are, one channel as grey."""
    return pixels[:, :, :3] if pixels.shape[2] >= 3 else pixels[:, :, 0]
