"""Training images: folders and corpora, decoded once through the safe door into a cache of resized uint8."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from forensics.errors import ForensicsError
from forensics.files import replacing, sha256_bytes
from forensics.images import ImageFailure, decode_many, find_images, resize
from forensics.terminal import note, tracked


@dataclass(frozen=True)
class TrainingImages:
    """uint8 [n, r, r, 3], the sha256 over all of them in order, and what was rejected (path, why)."""

    pixels: np.ndarray
    sha256: str
    rejected: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.pixels)

    def batch(self, indices: np.ndarray, mirrored: np.ndarray) -> Tensor:
        """Images at `indices`, flipped left to right where `mirrored`, float32 [n, 3, r, r] in [-1, 1]."""
        images = self.pixels[indices]
        images = np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
        x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
        return x.to(torch.float32) / 127.5 - 1


class Sampler:
    """Which images the k-th draw of a run shows: a fresh permutation an epoch, from (seed, epoch) alone.

    No state to save: a resumed run asks for the same positions and sees the same images.
    """

    def __init__(self, n: int, seed: int, *, mirror: bool) -> None:
        self.n, self.seed, self.mirror = n, seed, mirror
        self._epoch, self._order, self._flips = -1, np.empty(0, np.int64), np.empty(0, bool)

    def draw(self, position: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """(indices, mirrored) of draws position ... position + count - 1."""
        chosen = [self._at(k) for k in range(position, position + count)]
        return np.array([c[0] for c in chosen]), np.array([c[1] for c in chosen])

    def _at(self, position: int) -> tuple[int, bool]:
        epoch, offset = divmod(position, self.n)
        if epoch != self._epoch:
            rng = np.random.default_rng([self.seed, 7, epoch])
            self._epoch, self._order = epoch, rng.permutation(self.n)
            self._flips = rng.random(self.n) < 0.5 if self.mirror else np.zeros(self.n, bool)
        return int(self._order[offset]), bool(self._flips[offset])


def square(pixels: np.ndarray, resolution: int) -> np.ndarray:
    """The centred square of a picture [h, w, 3], resized to `resolution` pixels a side."""
    h, w = pixels.shape[:2]
    side = min(h, w)
    top, left = (h - side) // 2, (w - side) // 2
    return resize(pixels[top : top + side, left : left + side], (resolution, resolution))


def load_images(sources: Sequence[Path], resolution: int, cache: Path | None = None) -> TrainingImages:
    """Every readable image under `sources`, cut square and resized; rejected files are listed, not fatal.

    `cache` is a file that keeps the result: it is used again while the list of files (names, sizes, times) is the
    same. Raises `ForensicsError` where nothing is readable.
    """
    paths, missing = find_images(list(sources))
    key = _listing_key(paths, resolution)
    if cache is not None and cache.is_file():
        with np.load(cache, allow_pickle=False) as stored:
            if str(stored["key"]) == key:
                return TrainingImages(stored["pixels"], sha256_bytes(stored["pixels"].tobytes()))
    rejected = [(failure.path, failure.message) for failure in missing]
    kept: list[np.ndarray] = []
    for item in tracked(decode_many(paths), "reading images", len(paths)):
        if isinstance(item, ImageFailure):
            rejected.append((item.path, item.message))
        else:
            kept.append(square(item.pixels, resolution))
    if not kept:
        names = ", ".join(str(s) for s in sources)
        raise ForensicsError(f"{names}: no readable image to train on ({len(rejected)} rejected)")
    for path, why in rejected:
        note(f"rejected {path}: {why}")
    pixels = np.stack(kept)
    if cache is not None:
        with replacing(cache) as temporary, temporary.open("wb") as stream:
            np.savez(stream, pixels=pixels, key=np.array(key))
    return TrainingImages(pixels, sha256_bytes(pixels.tobytes()), tuple(rejected))


def _listing_key(paths: Sequence[Path], resolution: int) -> str:
    digest = hashlib.sha256(str(resolution).encode())
    for path in paths:
        stat = path.stat()
        digest.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
