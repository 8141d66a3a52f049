"""A corpus of photographs with latents, written whole or in part, and the bytes of a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forensics.core.files import sha256_bytes
from forensics.corpus import CorpusWriter, Row


def chunk_of(faces: list[NDArray[np.uint8]], indices: range) -> tuple[list[NDArray[np.uint8]], list[Row]]:
    images = [np.roll(faces[i % len(faces)], i, axis=1) for i in indices]
    rows = [
        Row(
            label=i % 2,
            family="sampled" if i % 2 else "authentic",
            source="ffhq" if i % 2 == 0 else "default",
            generator=sha256_bytes(b"weights") if i % 2 else None,
            recipe="sampled" if i % 2 else None,
            params={"seed": 7, "index": i, "psi": 0.7},
        )
        for i in indices
    ]
    return images, rows


def latents_of(indices: range) -> dict[str, NDArray[np.float32]]:
    z = np.stack([np.random.default_rng([7, i]).standard_normal(16) for i in indices]).astype(np.float32)
    return {"z": z, "ws": np.repeat(z[:, None], 3, axis=1)}


def write(
    path: Path, faces: list[NDArray[np.uint8]], n: int = 12, chunk: int = 5, stop: int | None = None
) -> Path:
    """A corpus of `n` images; with `stop` the work ends, unfinished, at the first chunk that begins there or later."""
    with CorpusWriter(path, {"recipe": "synthesis", "n": n, "seed": 7}, chunk) as writer:
        for indices in writer.chunks(n):
            if stop is not None and indices.start >= stop:
                return path
            writer.add(*chunk_of(faces, indices), latents_of(indices))
        if stop is None:
            writer.finish()
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }
