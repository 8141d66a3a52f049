"""The centre and the scale of W and of S: where walks start and what radius is measured against.

They cost 10,000 passes of the mapping network, so they are kept in the toolkit's home
(`forensics.core.home`), under a hash of the weights that decide them as they are in
memory: a pruned network never gets the statistics of the file it came from. What is kept is what was computed, to the
last bit; a file that is damaged, or that anyone else put there, is computed again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from forensics.core.errors import ForensicsError
from forensics.core.evidence import machine_kind
from forensics.core.files import write_bytes
from forensics.core.home import home_folder
from forensics.generators.base import Generator
from forensics.generators.labels import labels_in_turn

_BATCH = 1000
_KEPT_VERSION = 1
_MAX_KEPT_BYTES = 16 << 20
_DIGEST = "sha256"

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class WStatistics:
    """`mean` [w_dim] of f(z), and `mean_distance`, the mean of |f(z) - mean|, over n latents."""

    mean: Tensor
    mean_distance: float
    n: int

    def radius(self, w: Tensor) -> Tensor:
        """|w - mean| in units of the mean distance, for w [n, w_dim].

        For ws [n, num_ws, w_dim] the root mean square over the layers: where all layers agree, that of their w.
        """
        if w.ndim == 3:
            return self.radius(w.flatten(0, 1)).view(w.shape[:2]).square().mean(dim=1).sqrt()
        distance: Tensor = (w - self.mean).norm(dim=1)
        return distance / self.mean_distance


@dataclass(frozen=True)
class SStatistics:
    """`centre` [s_dim], the styles of the mean of W; `spread` [s_dim], each style's standard deviation;
    `mean_distance`, the mean of |(s - centre) / spread|, over n latents."""

    centre: Tensor
    spread: Tensor
    mean_distance: float
    n: int

    def radius(self, s: Tensor) -> Tensor:
        """|(s - centre) / spread| in units of the mean distance, for s [n, s_dim]; styles that never vary count
        nothing."""
        distance: Tensor = _standardised(s, self.centre, self.spread).norm(dim=1)
        return distance / self.mean_distance


def w_statistics(generator: Generator, n: int = 10_000, seed: int = 0) -> WStatistics:
    """Statistics of w over `n` latents of `seed` (the first layer's w where a network gives each layer its own; the
    chosen class, or the classes in turn, where it has any)."""
    shapes = {"mean": (generator.w_dim,), "mean_distance": (1,)}
    arrays = _cached(generator, "w", n, seed, shapes, lambda: _w_statistics(generator, n, seed))
    mean = torch.from_numpy(arrays["mean"]).to(generator.device)
    return WStatistics(mean, float(arrays["mean_distance"][0]), n)


def s_statistics(generator: Generator, n: int = 10_000, seed: int = 0) -> SStatistics:
    """Statistics of the styles over the same latents."""
    shapes = {"centre": (generator.s_dim,), "spread": (generator.s_dim,), "mean_distance": (1,)}
    arrays = _cached(generator, "s", n, seed, shapes, lambda: _s_statistics(generator, n, seed))
    centre, spread = (torch.from_numpy(arrays[name]).to(generator.device) for name in ("centre", "spread"))
    return SStatistics(centre, spread, float(arrays["mean_distance"][0]), n)


@torch.inference_mode()
def _w_statistics(generator: Generator, n: int, seed: int) -> Arrays:
    w = torch.cat([ws[:, 0] for ws in _mapped(generator, n, seed)])
    mean = w.mean(dim=0)
    distance = float((w - mean).norm(dim=1).mean())
    return {"mean": mean.cpu().numpy(), "mean_distance": np.array([distance])}


@torch.inference_mode()
def _s_statistics(generator: Generator, n: int, seed: int) -> Arrays:
    centre = generator.styles(w_statistics(generator, n, seed).mean.expand(1, generator.num_ws, -1))[0]
    squares = torch.zeros(generator.s_dim, dtype=torch.float64, device=centre.device)
    for ws in _mapped(generator, n, seed):
        squares += (generator.styles(ws).double() - centre).square().sum(dim=0)
    spread = (squares / n).sqrt().float()
    total = 0.0
    for ws in _mapped(generator, n, seed):
        total += float(_standardised(generator.styles(ws), centre, spread).norm(dim=1).double().sum())
    arrays = {"centre": centre.cpu().numpy(), "spread": spread.cpu().numpy()}
    return arrays | {"mean_distance": np.array([total / n])}


def _mapped(generator: Generator, n: int, seed: int) -> Iterator[Tensor]:
    for start in range(0, n, _BATCH):
        count = min(_BATCH, n - start)
        z = generator.sample_z(count, seed, start=start)
        yield generator.map(z, labels_in_turn(generator, start, count))


def _standardised(s: Tensor, centre: Tensor, spread: Tensor) -> Tensor:
    return torch.where(spread > 0, (s - centre) / spread.clamp_min(torch.finfo(spread.dtype).tiny), 0.0)


def _cached(
    generator: Generator,
    space: str,
    n: int,
    seed: int,
    shapes: Mapping[str, tuple[int, ...]],
    compute: Callable[[], Arrays],
) -> Arrays:
    """The arrays of the cache where it holds them whole, else computed and put there if that is possible."""
    key = _key(generator, space, n, seed)
    path = home_folder() / "latent-statistics" / f"{space}-{key[:40]}.safetensors"
    cached = _recalled(path, key, shapes)
    if cached is None:
        from safetensors.numpy import save

        cached = compute()
        with suppress(OSError):  # a home that cannot be written costs computing again, not the work
            write_bytes(path, save({**cached, _DIGEST: _digest(cached, key)}))
    return cached


def _key(generator: Generator, space: str, n: int, seed: int) -> str:
    """Hash of everything that decides the numbers: the weights in memory, how many latents, and the machine kind."""
    facts = {
        "version": _KEPT_VERSION,
        "space": space,
        "n": n,
        "seed": seed,
        "network": type(generator).__name__,
        "sizes": [generator.z_dim, generator.c_dim, generator.w_dim, generator.num_ws],
        "device": generator.device.type,
        "torch": str(torch.__version__),
        "machine": machine_kind(),
    }
    if generator.chosen_class is not None:
        facts["class"] = generator.chosen_class
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name, tensor in sorted(generator.state_dict().items()):
        if space == "w" and name.startswith("synthesis."):
            continue  # w does not depend on it, and it is most of the bytes
        digest.update(f"\0{name}\0{tensor.dtype}\0{list(tensor.shape)}\0".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _recalled(path: Path, key: str, shapes: Mapping[str, tuple[int, ...]]) -> Arrays | None:
    """What a file of the cache holds, or None unless it is exactly what was written under this key."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    from forensics.images import read_file

    try:
        arrays = dict(load(read_file(path, _MAX_KEPT_BYTES)))
    except (ForensicsError, SafetensorError, KeyError, ValueError, TypeError):
        return None
    digest = arrays.pop(_DIGEST, None)
    if {name: array.shape for name, array in arrays.items()} != dict(shapes):
        return None
    if any(array.dtype.kind != "f" or not np.isfinite(array).all() for array in arrays.values()):
        return None
    whole = digest is not None and np.array_equal(digest, _digest(arrays, key))
    return {name: np.array(array) for name, array in arrays.items()} if whole else None


def _digest(arrays: Arrays, key: str) -> np.ndarray:
    digest = hashlib.sha256(key.encode())
    for name in sorted(arrays):
        digest.update(name.encode() + str(arrays[name].dtype).encode() + arrays[name].tobytes())
    return np.frombuffer(digest.digest(), dtype=np.uint8).copy()
