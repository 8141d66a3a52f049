"""From named sources to training images, through the safe door once, into a cache of resized uint8."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from forensics.errors import ForensicsError
from forensics.files import replacing, sha256_bytes
from forensics.generators.training.data import TrainingImages
from forensics.images import ImageFailure, decode_many, find_images, resize
from forensics.terminal import note, tracked


def square(pixels: np.ndarray, resolution: int) -> np.ndarray:
    """The centred square of a picture [h, w, 3], resized to `resolution` pixels a side."""
    h, w = pixels.shape[:2]
    side = min(h, w)
    top, left = (h - side) // 2, (w - side) // 2
    return resize(pixels[top : top + side, left : left + side], (resolution, resolution))


def load_images(sources: Sequence[Path], resolution: int, cache: Path | None = None) -> TrainingImages:
    """Every readable image under `sources`, cut square and resized; rejected files are listed, not fatal.

    `cache` is a file that keeps the result: it is used again while the list of files (names, sizes, times) is the
    same. Raises `ForensicsError` where a source is missing or nothing is readable.
    """
    for source in sources:
        if not source.exists():
            raise ForensicsError(f"{source}: no such file or folder to train on")
    paths, missing = find_images(list(sources))
    key = _listing_key(paths, resolution)
    images = _cached(cache, key) if cache is not None else None
    if images is None:
        images = _read(paths, resolution, [(f.path, f.message) for f in missing])
        if not len(images):
            names = ", ".join(str(s) for s in sources)
            raise ForensicsError(f"{names}: no readable image to train on ({len(images.rejected)} rejected)")
        if cache is not None:
            _keep(cache, key, images)
    for path, why in images.rejected:
        note(f"rejected {path}: {why}")
    return images


def _read(paths: Sequence[Path], resolution: int, rejected: list[tuple[str, str]]) -> TrainingImages:
    kept: list[np.ndarray] = []
    for item in tracked(decode_many(paths), "reading images", len(paths)):
        if isinstance(item, ImageFailure):
            rejected.append((item.path, item.message))
        else:
            kept.append(square(item.pixels, resolution))
    pixels = np.stack(kept) if kept else np.empty((0, resolution, resolution, 3), np.uint8)
    return TrainingImages(pixels, sha256_bytes(pixels.tobytes()), tuple(rejected))


def _cached(cache: Path, key: str) -> TrainingImages | None:
    """What the cache holds, if it was made from the same list of files; a damaged one counts as none."""
    if not cache.is_file():
        return None
    try:
        with np.load(cache, allow_pickle=False) as stored:
            if str(stored["key"]) != key:
                return None
            pixels = stored["pixels"]
            rejected = stored["rejected"].tolist() if "rejected" in stored.files else []
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        note(f"{cache}: not readable, made again")
        return None
    return TrainingImages(pixels, sha256_bytes(pixels.tobytes()), tuple((p, why) for p, why in rejected))


def _keep(cache: Path, key: str, images: TrainingImages) -> None:
    rejected = np.array([list(r) for r in images.rejected], dtype=np.str_).reshape(-1, 2)
    with replacing(cache) as temporary, temporary.open("wb") as stream:
        np.savez(stream, pixels=images.pixels, key=np.array(key), rejected=rejected)


def _listing_key(paths: Sequence[Path], resolution: int) -> str:
    digest = hashlib.sha256(str(resolution).encode())
    for path in paths:
        stat = path.stat()
        digest.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
