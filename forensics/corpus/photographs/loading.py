"""From named sources to training images, through the safe door once, into a cache of resized uint8."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from forensics.core.errors import ForensicsError
from forensics.core.files import replacing, sha256_bytes
from forensics.core.terminal import note, tracked
from forensics.core.untrusted import MAX_STATE_BYTES, open_untrusted
from forensics.corpus.photographs.data import TrainingImages
from forensics.corpus.photographs.sources import Source, open_sources
from forensics.images import ImageFailure, resize


def square(pixels: np.ndarray, resolution: int) -> np.ndarray:
    """The centred square of a picture uint8 [h, w, 3], its range kept, resized to `resolution` pixels a side
    (bicubic)."""
    h, w = pixels.shape[:2]
    side = min(h, w)
    top, left = (h - side) // 2, (w - side) // 2
    return resize(pixels[top : top + side, left : left + side], (resolution, resolution))


def shorter_side(pixels: np.ndarray, resolution: int) -> np.ndarray:
    """A picture uint8 [h, w, 3], its range kept, with its shorter side resized to `resolution` (bilinear), then its
    centred square.

    What torchvision's Resize and CenterCrop do one after the other.
    """
    h, w = pixels.shape[:2]
    size = (resolution, int(resolution * w / h)) if h <= w else (int(resolution * h / w), resolution)
    x = resize(pixels, size, "bilinear")
    top, left = round((size[0] - resolution) / 2), round((size[1] - resolution) / 2)
    return x[top : top + resolution, left : left + resolution]


FRAMINGS = {"square": square, "shorter-side": shorter_side}


def load_images(
    names: Sequence[Path | str],
    resolution: int,
    cache: Path | None = None,
    *,
    framing: str = "square",
    with_classes: bool = False,
    leave_out: Path | None = None,
) -> TrainingImages:
    """Every readable picture of the sources, framed and resized; rejected ones are listed, not fatal.

    `leave_out` is a list of files not to read (`open_sources`).
    `cache` is a file that keeps the result: it is used again while the list of files (names, sizes, times) is the
    same. With `with_classes` the images carry the class their folder (or label) puts them in. Raises
    `ForensicsError` where a source is missing or nothing is readable.
    """
    sources = open_sources(names, leave_out)
    key = _listing_key(sources, resolution, framing)
    images = _cached(cache, key) if cache is not None else None
    if images is None:
        images = _read(sources, resolution, framing)
        if not len(images):
            shown = ", ".join(str(name) for name in names)
            why = f"; {images.rejected[0][1]}" if images.rejected else ""
            raise ForensicsError(
                f"{shown}: no readable image to train on ({len(images.rejected)} rejected{why})"
            )
        if cache is not None:
            _keep(cache, key, images)
    for _, why in images.rejected:
        note(f"rejected {why}")
    if not with_classes:
        return replace(images, labels=np.empty(0, np.int64), classes=())
    if len(images.classes) < 2:
        raise ForensicsError(
            f"{names[0]}: all images are of one class ({images.classes[0]}); put each class in a folder of its own"
        )
    with_labels = f"{images.sha256}{images.classes}".encode() + images.labels.tobytes()
    return replace(images, sha256=sha256_bytes(with_labels))


def _read(sources: Sequence[Source], resolution: int, framing: str) -> TrainingImages:
    rejected = [(f.path, f.message) for source in sources for f in source.rejected]
    names = [name for source in sources for name in source.classes]
    pictures = chain.from_iterable(source.pictures() for source in sources)
    kept, kept_names = [], []
    for name, item in zip(names, tracked(pictures, "reading images", len(names)), strict=True):
        if isinstance(item, ImageFailure):
            rejected.append((item.path, item.message))
        else:
            kept.append(FRAMINGS[framing](item, resolution))
            kept_names.append(name)
    pixels = np.stack(kept) if kept else np.empty((0, resolution, resolution, 3), np.uint8)
    classes, labels = np.unique(np.array(kept_names, np.str_), return_inverse=True)
    return TrainingImages(
        pixels,
        sha256_bytes(pixels.tobytes()),
        tuple(rejected),
        labels.astype(np.int64),
        tuple(map(str, classes)),
    )


def _cached(cache: Path, key: str) -> TrainingImages | None:
    """What the cache holds, if it was made from the same list of files; a damaged one counts as none."""
    if not cache.is_file():
        return None
    try:
        with (
            open_untrusted(cache, MAX_STATE_BYTES) as (stream, _),
            np.load(stream, allow_pickle=False) as stored,
        ):
            if str(stored["key"]) != key:
                return None
            pixels, labels = stored["pixels"], stored["labels"]
            rejected, classes = stored["rejected"].tolist(), stored["classes"].tolist()
    except KeyError:
        return None  # of an earlier release
    except (ForensicsError, OSError, ValueError, EOFError, zipfile.BadZipFile):
        note(f"{cache}: not readable, made again")
        return None
    listed = tuple((path, why) for path, why in rejected)
    return TrainingImages(pixels, sha256_bytes(pixels.tobytes()), listed, labels, tuple(classes))


def _keep(cache: Path, key: str, images: TrainingImages) -> None:
    rejected = np.array([list(r) for r in images.rejected], dtype=np.str_).reshape(-1, 2)
    classes = np.array(images.classes, np.str_)
    with replacing(cache) as temporary, temporary.open("wb") as stream:
        np.savez(
            stream,
            key=np.array(key),
            pixels=images.pixels,
            labels=images.labels,
            rejected=rejected,
            classes=classes,
        )


def _listing_key(sources: Sequence[Source], resolution: int, framing: str) -> str:
    digest = hashlib.sha256(f"{resolution} {framing}\n".encode())
    for source in sources:
        for line in source.identity():
            digest.update(line.encode("utf-8", "surrogateescape"))
        digest.update("\0".join(source.classes).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
