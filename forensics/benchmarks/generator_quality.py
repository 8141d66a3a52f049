"""How good a generator's faces are, by a face detector and a face embedding: the numbers of the model cards.

`forensics evaluate GENERATOR --pack P [--draws 4] [--against DIR] [--data DIR]`: with `--data` also KID, precision and
recall at psi 1, to the photographs there.
Samples are brought to 256 px (bicubic) before the face pack sees them, as it sees photographs of that size.
One draw of 500 moves the mean cosine by 0.01 and more: several, of other seeds, say what the generator does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from forensics.core.files import write_bytes
from forensics.core.terminal import tracked
from forensics.images import DecodedImage, contact_sheet, decode_many, encode_png, find_images, resize

if TYPE_CHECKING:
    from forensics.faces.analyser import FaceAnalyser
    from forensics.generators.base import Generator

QualityRow = dict[str, float | int | None]  # column → value; None: no face was found for it
_SIDE_PX = 256
_FOUND_AT = 0.5


def face_rows(images: Iterable[np.ndarray], faces: FaceAnalyser) -> tuple[np.ndarray, np.ndarray]:
    """Best score [n] (0 where no face) and unit embedding [n, d] (NaN where no face) of uint8 images.

    Images uint8 [H, W, 3]; float64 scores in [0, 1].
    """
    scores, embeddings = [], []
    for image in images:
        face = faces.best(resize(image, (_SIDE_PX, _SIDE_PX), "bicubic"))
        scores.append(0.0 if face is None else face.score)
        embeddings.append(None if face is None or not face.embedding.size else face.embedding)
    width = max((e.size for e in embeddings if e is not None), default=0)
    table = np.full((len(scores), width), np.nan)
    for i, e in enumerate(embeddings):
        if e is not None:
            table[i] = e / np.linalg.norm(e)
    return np.array(scores), table


def quality(scores: np.ndarray, embeddings: np.ndarray, against: np.ndarray | None = None) -> QualityRow:
    """Yield (score >= 0.5), median score, and cosines between the samples and to the set `against` [m, d].

    A cosine that no face was found for is None.
    Scores float64 [n] in [0, 1], embeddings float64 [n, d] of unit length.
    """
    known = embeddings[~np.isnan(embeddings).any(axis=1)] if embeddings.size else np.zeros((0, 1))
    cosines = (known @ known.T)[np.triu_indices(len(known), 1)]
    row: QualityRow = {
        "n": len(scores),
        "yield": float((scores >= _FOUND_AT).mean()),
        "median_score": float(np.median(scores)),
        "pairwise_cosine_mean": float(cosines.mean()) if cosines.size else None,
        "pairwise_cosine_max": float(cosines.max()) if cosines.size else None,
    }
    if against is not None:
        real = against[~np.isnan(against).any(axis=1)] if against.size else np.zeros((0, known.shape[1]))
        nearest = (known @ real.T).max(axis=1) if len(known) and len(real) else np.zeros(0)
        row["nearest_training_cosine_mean"] = float(nearest.mean()) if nearest.size else None
        row["nearest_training_cosine_max"] = float(nearest.max()) if nearest.size else None
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}


def samples(generator: Generator, n: int, psi: float, seed: int, batch: int = 20) -> Iterable[np.ndarray]:
    """n uint8 images [H, W, 3] at truncation psi; a conditional network's classes in turn. Values in [0, 255]."""
    import torch

    from forensics.generators.labels import labels_in_turn

    for start in range(0, n, batch):
        with torch.inference_mode():
            z = generator.sample_z(min(batch, n - start), seed, start=start)
            labels = labels_in_turn(generator, start, len(z))
            yield from generator.to_uint8(generator.synthesize(generator.map(z, labels, psi)))


def quality_of_draws(
    generator: Generator,
    faces: FaceAnalyser,
    n: int,
    psi: float,
    seeds: Iterable[int],
    against: np.ndarray | None = None,
) -> dict[str, object]:
    """`quality` of n samples for each of the `seeds`: means over these draws, of a maximum the largest.

    `pairwise_cosine_mean_by_draw` has the mean cosine of each, in the order of the seeds.
    `against` float64 [m, d] of unit length.
    """
    rows = []
    for seed in seeds:
        images = tracked(samples(generator, n, psi, seed), f"psi {psi}, seed {seed}", n)
        rows.append(quality(*face_rows(images, faces), against))
    pooled: dict[str, object] = {"n": n, "draws": len(rows)}
    for key in rows[0].keys() - {"n"}:
        known = [value for row in rows if (value := row[key]) is not None]
        over = max if key.endswith("_max") else np.mean
        pooled[key] = round(float(over(known)), 4) if known else None
    return pooled | {"pairwise_cosine_mean_by_draw": [row["pairwise_cosine_mean"] for row in rows]}


def distribution(
    generator: Generator, photographs: Sequence[Path], seeds: Sequence[int]
) -> dict[str, object]:
    """KID, precision and recall at psi 1 against photographs brought to the generator's size as for training."""
    from forensics.core.devices import pick_device
    from forensics.corpus.photographs.loading import load_images
    from forensics.generators.training.monitoring.image_quality import GeneratorQuality

    measured = GeneratorQuality(load_images(photographs, generator.img_resolution), pick_device("cpu"))
    return dict(measured.score(generator, tracked(seeds, "KID", len(seeds))).to_json())


@dataclass(frozen=True)
class QualityOptions:
    """What `evaluate_generator` measures: n samples a psi and draw, and against which photographs.

    `against`: what it was trained on, for the nearest of them; `data`: photographs for KID, precision and recall.
    """

    n: int = 500
    psi: tuple[float, ...] = (0.7, 1.0)
    seed: int = 0
    draws: int = 1
    against: tuple[Path, ...] = ()
    data: tuple[Path, ...] = ()
    sheet: Path | None = None


def evaluate_generator(
    generator: Generator, faces: FaceAnalyser | None, options: QualityOptions
) -> dict[str, object]:
    """`psi`: a row a psi of `quality_of_draws`, where there is a face analyser; `distribution`, with `data`.

    With `sheet` a contact sheet is written: ten samples a row, two rows each for psi 0.5, 0.7 and 1.0.
    """
    seeds = range(options.seed, options.seed + options.draws)
    measured: dict[str, object] = {"generator": generator.weights_sha256}
    if faces is not None:
        against = _training_faces(options.against, faces) if options.against else None
        table = {
            f"{psi:g}": quality_of_draws(generator, faces, options.n, psi, seeds, against)
            for psi in options.psi
        }
        measured |= {"pack": faces.pack, "psi": table}
    if options.sheet is not None:
        rows = [image for psi in (0.5, 0.7, 1.0) for image in samples(generator, 20, psi, options.seed + 1)]
        write_bytes(options.sheet, encode_png(contact_sheet(rows, 10)))
    if options.data:
        measured["distribution"] = distribution(generator, options.data, seeds)
    return measured


def _training_faces(folders: Sequence[Path], faces: FaceAnalyser) -> np.ndarray:
    decoded = decode_many(find_images(folders).paths)
    photographs = (item.pixels for item in decoded if isinstance(item, DecodedImage))
    return face_rows(tracked(photographs, "training photographs", None), faces)[1]


def quality_lines(measured: Mapping[str, Any]) -> Iterator[str]:
    """What was measured, for a person."""
    for psi, row in measured.get("psi", {}).items():
        cosine = row["pairwise_cosine_mean"]
        alike = "" if cosine is None else f", mean cosine between two {cosine:.3f}"
        yield (
            f"psi {psi}: a face in {100 * row['yield']:.1f} % of {row['n']} x {row['draws']}, "
            f"median score {row['median_score']:.2f}{alike}"
        )
    if scores := measured.get("distribution"):
        words = ", ".join(f"{k} {scores[k]:.4f}" for k in ("kid", "precision", "recall"))
        yield f"psi 1: {words} against {scores['n_real']} photographs"
