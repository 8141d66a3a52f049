"""Which images are copies of one another, or have a common making: what must not lie on two sides of a split.

The perceptual hash is the sign pattern of the 16 × 16 lowest DCT coefficients of the grey image at 64 px (Zauner 2010,
"Implementation and benchmarking of perceptual image hash functions"), 255 bits. Measured on 911 aligned faces (FFHQ,
StyleGAN2, StyleGAN3, web photographs): copies under JPEG 30-70 and shrinking to a quarter differ by at most 14 bits,
the nearest two images of different origin by 66; half of all pairs by 120. `NEAR_BITS` lies between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forensics.core.files import sha256_bytes
from forensics.corpus.rows import SYNTHETIC, Row

NEAR_BITS: Final = 32
SAME_PERSON_COSINE: Final = 0.6  # above it, the faces of two embeddings are taken for one person's
_SIDE_PX: Final = 64
_KEPT: Final = 16
_BLOCK: Final = 1024


def perceptual_hash(pixels: NDArray[np.uint8]) -> str:
    """64 hex digits that change little under recompression and resizing; `pixels` uint8 [H, W, 3] RGB.

    Values in [0, 255].
    """
    from PIL import Image
    from scipy.fft import dctn

    grey = Image.fromarray(pixels).convert("L").resize((_SIDE_PX, _SIDE_PX), Image.Resampling.LANCZOS)
    low = dctn(np.asarray(grey, np.float64), norm="ortho")[:_KEPT, :_KEPT].ravel()
    low[0] = 0  # the mean grey tells brightness, not the picture
    bits = low > np.median(low[1:])
    bits[0] = False
    return np.packbits(bits).tobytes().hex()


def cosine(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Cosine in [-1, 1] of two face embeddings float [d] of any length; 0 where one has no length.

    float32 or float64 [d].
    """
    x, y = a.astype(np.float64), b.astype(np.float64)
    return float(x @ y / max(float(np.linalg.norm(x) * np.linalg.norm(y)), 1e-12))


def same_person(cosines: float | NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether embeddings of these cosines are taken for one person's, bool of the same shape; NaN (no face) is not.

    Cosines float [n] in [-1, 1].
    """
    return np.asarray(np.asarray(cosines) > SAME_PERSON_COSINE)


def near_pairs(
    ours: Sequence[str], theirs: Sequence[str], at_most: int = NEAR_BITS
) -> Iterator[tuple[int, int]]:
    """Pairs (i, j) whose hashes ours[i] and theirs[j] differ by at most `at_most` bits."""
    if not ours or not theirs:
        return
    b = _bits(theirs)
    for start in range(0, len(ours), _BLOCK):
        a = _bits(ours[start : start + _BLOCK])
        distance = a.sum(1)[:, None] + b.sum(1)[None, :] - 2 * (a @ b.T)
        for i, j in np.argwhere(distance <= at_most + 0.5):
            yield start + int(i), int(j)


def _bits(hashes: Sequence[str]) -> NDArray[np.float32]:
    packed = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(len(hashes), -1)
    return np.unpackbits(packed, axis=1).astype(np.float32)


def origins(row: Row) -> tuple[str, ...]:
    """What a corpus row was made from, as short tokens: two images that share one belong to the same side.

    Itself and its parents (a copy and its original, two copies of one original); for a synthetic image the generator
    with its seed and index (the same latent at another psi, or pruned), and the walk it is a step of.
    """
    keys = [f"image {sha256}" for sha256 in (row.sha256, *row.parents)]
    params = row.params
    if row.label == SYNTHETIC and params.get("seed") is not None:
        maker = row.generator or row.source
        within = f"walk {params['walk']}" if "walk" in params else f"index {params.get('index')}"
        keys.append(f"seed {maker} {params['seed']} {within}")
    return tuple(sha256_bytes(key.encode())[:16] for key in keys)
