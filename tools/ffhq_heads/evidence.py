"""What the heads are worth: their pictures against the area-reduced ones of `ffhq-1024`, at the same unseen latents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray

from forensics.backbones.lpips import PerceptualDistance, load_perceptual_distance
from forensics.core.terminal import note, tracked
from forensics.faces.analyser import load_faces
from forensics.images import decode_bytes, encode_jpeg
from forensics.metrics.detection import wilson
from forensics.metrics.features import NAME as FEATURES
from forensics.metrics.features import FeatureExtractor
from tools.ffhq_heads.agreement import (
    Estimate,
    cosine_difference,
    mean_cosines,
    mean_of,
    paired_kid,
    psnr_db,
)
from tools.ffhq_heads.pictures import SEED, SIZES, Pictures, Pixels

if TYPE_CHECKING:
    from forensics.faces.analyser import FaceAnalyser

JPEG_QUALITY: Final = 75
_FOUND_AT: Final = 0.5

Embed = Callable[[Pixels], tuple[NDArray[np.float64], NDArray[np.float64]]]


@dataclass(frozen=True)
class HeadEvidence:
    """One head: PSNR in dB, perceptual distance and that of a JPEG of quality 75, KID, faces and how alike they are.

    `below_jpeg`: share of pictures nearer than their JPEG; `cosine_difference`: mean pairwise cosine less the large
    network's.
    """

    size: int
    psnr_db: Estimate
    median_psnr_db: float
    least_psnr_db: float
    distance: Estimate
    jpeg_distance: Estimate
    below_jpeg: float
    kid: Estimate
    faces: Estimate
    mean_cosine: float
    cosine_difference: Estimate


def measure_heads(folder: Path, n: int, psi: float, pack: Path) -> dict[str, object]:
    """Measure all heads on the pictures in `folder`; `pack`: folder of an InsightFace pack. JSON-able."""
    pictures, distance = Pictures(folder, n), load_perceptual_distance()
    extract, faces = FeatureExtractor(torch.device("cpu")), load_faces(str(pack))
    full = _embedded(pictures.full(), faces, "faces of 1024 px")
    rows = []
    for size in SIZES:
        rows.append(_measure(size, pictures, distance, extract, _embedded_of(faces), full))
        note(f"{size} px: {asdict(rows[-1])}")
    known = wilson(int((full[0] >= _FOUND_AT).sum()), n)
    large = {
        "faces": asdict(Estimate(float((full[0] >= _FOUND_AT).mean()), *known)),
        "mean_cosine": round(float(np.nanmean(mean_cosines(full[1]))), 4),
    }
    return {
        "n": n,
        "psi": psi,
        "seed": SEED,
        "features": FEATURES,
        "pack": faces.pack,
        "jpeg_quality": JPEG_QUALITY,
        "large": large,
        "heads": [asdict(row) for row in rows],
    }


def _measure(
    size: int,
    pictures: Pictures,
    distance: PerceptualDistance,
    extract: FeatureExtractor,
    embed: Embed,
    full: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> HeadEvidence:
    reduced, ours = pictures.reduced(size), pictures.head(size)
    psnr = psnr_db(ours, reduced)
    pairs = tracked(zip(ours, reduced, strict=True), f"distance at {size} px", len(ours))
    to_ours, to_jpeg = np.array([_distances(a, b, distance) for a, b in pairs]).T
    scores, embeddings = embed(ours)
    count = int((scores >= _FOUND_AT).sum())
    return HeadEvidence(
        size=size,
        psnr_db=mean_of(psnr),
        median_psnr_db=round(float(np.median(psnr)), 2),
        least_psnr_db=round(float(psnr.min()), 2),
        distance=mean_of(to_ours),
        jpeg_distance=mean_of(to_jpeg),
        below_jpeg=round(float((to_ours <= to_jpeg).mean()), 4),
        kid=paired_kid(extract(ours).astype(np.float64), extract(reduced).astype(np.float64)),
        faces=Estimate(count / len(scores), *wilson(count, len(scores))),
        mean_cosine=round(float(np.nanmean(mean_cosines(embeddings))), 4),
        cosine_difference=cosine_difference(embeddings, full[1]),
    )


@torch.inference_mode()
def _distances(ours: Pixels, reduced: Pixels, distance: PerceptualDistance) -> tuple[float, float]:
    """From the reduced picture to ours and to its JPEG, all uint8 [h, w, 3] in [0, 255]."""
    jpeg = decode_bytes(encode_jpeg(reduced, JPEG_QUALITY), "in memory").pixels
    features = [distance.features(_planes(picture)) for picture in (reduced, ours, jpeg)]
    to_ours, to_jpeg = (float(distance.between(features[0], one)) for one in features[1:])
    return to_ours, to_jpeg


def _planes(pixels: Pixels) -> torch.Tensor:
    """float32 [1, 3, h, w] in [-1, 1]."""
    planes = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float()
    return planes / 127.5 - 1


def _embedded_of(faces: FaceAnalyser) -> Embed:
    return lambda images: _embedded(images, faces, "faces")


def _embedded(
    images: Pixels, faces: FaceAnalyser, title: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from forensics.benchmarks.generator_quality import face_rows

    return face_rows(tracked(images, title, len(images)), faces)
