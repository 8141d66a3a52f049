"""What the heads are worth: their pictures against the area-reduced ones of `ffhq-1024`, at the same unseen latents."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from forensics.backbones.lpips import PerceptualDistance, load_perceptual_distance
from forensics.core.files import write_json
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
MOST_DISTANCE_PX: Final = 200 * 256**2  # VGG16 takes seconds for a picture of 512 px
REDUCED: Final = ((128, 64), (256, 64), (256, 128))  # from, to
_FOUND_AT: Final = 0.5


@dataclass(frozen=True)
class HeadEvidence:
    """One head: PSNR in dB, perceptual distance and that of a JPEG of quality 75, KID, faces and how alike they are.

    `below_jpeg`: share of pictures nearer than their JPEG; `cosine_difference`: mean pairwise cosine less the large
    network's; `distance_n`: how many latents the distances are of.
    """

    size: int
    distance_n: int
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


@dataclass(frozen=True)
class Instruments:
    """What the pictures are measured with."""

    distance: PerceptualDistance
    features: FeatureExtractor
    faces: FaceAnalyser

    @classmethod
    def load(cls, pack: Path) -> Instruments:
        """All of them; `pack`: folder of an InsightFace pack."""
        extract = FeatureExtractor(torch.device("cpu"))
        return cls(load_perceptual_distance(), extract, load_faces(str(pack)))


def measure_heads(folder: Path, n: int, psi: float, pack: Path) -> dict[str, object]:
    """Measure all heads on the pictures in `folder`; `pack`: folder of an InsightFace pack. JSON-able."""
    pictures, instruments = Pictures(folder, n), Instruments.load(pack)
    full = _embedded(pictures.full(), instruments.faces)
    heads = [
        _kept(
            folder / f"head-{size}-{n}.json",
            lambda size=size: _measure(  # type: ignore[misc]
                size, pictures.head(size), pictures.reduced(size), instruments, full[1]
            ),
        )
        for size in SIZES
    ]
    found = int((full[0] >= _FOUND_AT).sum())
    large = {
        "faces": asdict(Estimate(found / n, *wilson(found, n))),
        "mean_cosine": round(float(np.nanmean(mean_cosines(full[1]))), 4),
    }
    return {**_conditions(n, psi, instruments), "large": large, "heads": heads}


def measure_reduced(folder: Path, n: int, psi: float, pack: Path) -> dict[str, object]:
    """The same for larger heads' pictures, area-reduced to a smaller size: `source` px to `size` px. JSON-able."""
    pictures, instruments = Pictures(folder, n), Instruments.load(pack)
    full = _embedded(pictures.full(), instruments.faces)
    rows = []
    for source, size in REDUCED:
        ours = _area_reduced(pictures.head(source), source // size)
        path = folder / f"reduced-{source}-{size}-{n}.json"
        row = _kept(
            path,
            lambda size=size, ours=ours: _measure(  # type: ignore[misc]
                size, ours, pictures.reduced(size), instruments, full[1]
            ),
        )
        rows.append({"source": source, **row})
    return {**_conditions(n, psi, instruments), "heads": rows}


def _kept(path: Path, measure: Callable[[], HeadEvidence]) -> dict[str, Any]:
    """What `path` holds, or what `measure` gives, which is put there: a killed run goes on with the next row."""
    if not path.exists():
        write_json(path, asdict(measure()))
    row: dict[str, Any] = json.loads(path.read_text("utf-8"))
    note(f"{path.name}: {row}")
    return row


def _conditions(n: int, psi: float, instruments: Instruments) -> dict[str, object]:
    facts = {"n": n, "psi": psi, "seed": SEED, "features": FEATURES, "jpeg_quality": JPEG_QUALITY}
    return {**facts, "pack": instruments.faces.pack}


def _area_reduced(images: Pixels, factor: int) -> Pixels:
    """uint8 [n, h, w, 3] to [n, h / factor, w / factor, 3]: means of squares, rounded."""
    n, height, width, channels = images.shape
    squares = images.reshape(n, height // factor, factor, width // factor, factor, channels)
    means: Pixels = np.round(squares.mean(axis=(2, 4))).astype(np.uint8)
    return means


def _measure(
    size: int, ours: Pixels, reduced: Pixels, instruments: Instruments, full: NDArray[np.float64]
) -> HeadEvidence:
    psnr, extract = psnr_db(ours, reduced), instruments.features
    distance_n = min(len(ours), MOST_DISTANCE_PX // size**2)
    pairs = tracked(
        zip(ours[:distance_n], reduced[:distance_n], strict=True), f"distance, {size} px", distance_n
    )
    to_ours, to_jpeg = np.array([_distances(a, b, instruments.distance) for a, b in pairs]).T
    scores, embeddings = _embedded(ours, instruments.faces)
    count = int((scores >= _FOUND_AT).sum())
    return HeadEvidence(
        size=size,
        distance_n=distance_n,
        psnr_db=mean_of(psnr),
        median_psnr_db=round(float(np.median(psnr)), 2),
        least_psnr_db=round(float(psnr.min()), 2),
        distance=mean_of(to_ours),
        jpeg_distance=mean_of(to_jpeg),
        below_jpeg=round(float((to_ours <= to_jpeg).mean()), 4),
        kid=paired_kid(extract(ours).astype(np.float64), extract(reduced).astype(np.float64)),
        faces=Estimate(count / len(scores), *wilson(count, len(scores))),
        mean_cosine=round(float(np.nanmean(mean_cosines(embeddings))), 4),
        cosine_difference=cosine_difference(embeddings, full),
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


def _embedded(images: Pixels, faces: FaceAnalyser) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from forensics.benchmarks.generator_quality import face_rows

    return face_rows(tracked(images, "faces", len(images)), faces)
