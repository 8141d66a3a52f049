"""From a training run to weights that ship: the best late snapshot by KID, measured, with its model card.

`python -m tools.release RUN OUT --notes NOTES.md --pack P --pack-root R` writes
OUT/weights.safetensors, OUT/MODEL_CARD.md, OUT/quality.json, OUT/sheet.jpg and the run's OUT/curves.png; with
`--network FILE` of that snapshot.
The same run gives the same files.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from forensics.benchmarks.generator_quality import face_rows, quality, quality_of_draws, samples
from forensics.core.devices import pick_device
from forensics.core.errors import ForensicsError
from forensics.core.files import replacing, sha256_file, write_bytes, write_json, write_text
from forensics.core.terminal import print_line, tracked
from forensics.corpus.photographs.data import TrainingImages
from forensics.faces.analyser import FaceAnalyser, load_faces
from forensics.generators.base import Generator, load_generator
from forensics.generators.checkpoints import read_checkpoint
from forensics.generators.training.monitoring.image_quality import GeneratorQuality
from forensics.images import contact_sheet, encode_jpeg, resize
from forensics.metrics.image_sets import ImageSetScores
from tools.documentation.blocks import rewritten
from tools.documentation.providers import PROVIDERS
from tools.model_card import card

_CANDIDATES = 3
_N = 500
_SEEDS = range(4)
_KID_SEEDS = range(5, 9)
_PSIS = (0.7, 1.0)
_SHEET_PSIS = (0.5, 0.7, 1.0)
_SHEET_SIDE_PX = 96
_CURVES = "curves.png"


def training_images(run: Path) -> TrainingImages:
    """The images a run learned from, out of its cache."""
    with np.load(_file_of(run, "training-images.npz"), allow_pickle=False) as stored:
        return TrainingImages(stored["pixels"], "")


def _file_of(run: Path, name: str) -> Path:
    path = run / name
    if not path.is_file():
        raise ForensicsError(f"{path}: is missing; name the folder of a training run")
    return path


def best_snapshot(
    run: Path, images: TrainingImages, chosen: str | None = None
) -> tuple[Path, ImageSetScores]:
    """The snapshot of lowest KID among the last three of the run, or the `chosen` file of it, and its scores.

    One draw of latents chooses; the scores are means over four others, of which none was chosen by."""
    snapshots = sorted(run.glob(chosen or "network-*.safetensors"))[-_CANDIDATES:]
    if not snapshots:
        raise ForensicsError(
            f"{run}: holds no {chosen or 'network-*.safetensors'}; name the folder of a training run"
        )
    measured = GeneratorQuality(images, pick_device("cpu"))
    generators = {path: load_generator(path, "cpu") for path in snapshots}
    best = snapshots[0]
    if len(snapshots) > 1:
        kids = {
            path: measured.score(generators[path]).kid for path in tracked(snapshots, "KID", len(snapshots))
        }
        best = min(snapshots, key=kids.__getitem__)
    return best, measured.score(generators[best], tracked(_KID_SEEDS, "KID of the best", len(_KID_SEEDS)))


def face_quality(generator: Generator, images: TrainingImages, faces: FaceAnalyser) -> dict[str, Any]:
    """The photographs' row, and the generator's at each psi over four draws."""
    real_scores, real_embeddings = face_rows(tracked(images.pixels, "photographs", len(images)), faces)
    rows: dict[str, Any] = {"photographs": quality(real_scores, real_embeddings)}
    for psi in _PSIS:
        rows[f"psi {psi}"] = quality_of_draws(generator, faces, _N, psi, _SEEDS, real_embeddings)
    return rows


def sheet(generator: Generator) -> bytes:
    """Two rows of ten samples for each of three psi, enlarged, as JPEG."""
    made = [image for psi in _SHEET_PSIS for image in samples(generator, 20, psi, seed=1)]
    side = (_SHEET_SIDE_PX, _SHEET_SIDE_PX)
    return encode_jpeg(contact_sheet([resize(image, side, "lanczos") for image in made], 10), 88)


def release(
    run: Path, out: Path, faces: FaceAnalyser, notes: str, chosen: str | None = None
) -> dict[str, Any]:
    """Choose (or take the `chosen` snapshot), measure and write; returns what `quality.json` holds."""
    images, curves = training_images(run), _file_of(run, _CURVES).read_bytes()
    path, scores = best_snapshot(run, images, chosen)
    generator = load_generator(path, "cpu")
    rows = face_quality(generator, images, faces)
    facts = read_checkpoint(path).card
    with replacing(out / "weights.safetensors") as temporary:
        shutil.copyfile(path, temporary)
    summary = {
        "kimg": facts["kimg"],
        "weights_sha256": sha256_file(path),
        "pack": faces.pack,
        "scores": scores.to_json(),
        "faces": rows,
    }
    write_json(out / "quality.json", summary)
    write_bytes(out / "sheet.jpg", sheet(generator))
    write_bytes(out / _CURVES, curves)
    text = rewritten(card(out.name, facts, notes), out / "MODEL_CARD.md", PROVIDERS)
    write_text(out / "MODEL_CARD.md", text)
    return summary


def main(argv: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.release", description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--notes", type=Path, required=True, help="Markdown on data, licence, compute and faults"
    )
    parser.add_argument(
        "--network", help="this snapshot of the run, not that of lowest KID; say why in the notes"
    )
    parser.add_argument("--pack")
    parser.add_argument("--pack-root")
    options = parser.parse_args(argv)
    notes = options.notes.read_text(encoding="utf-8")
    faces = load_faces(options.pack, options.pack_root)
    summary = release(options.run, options.out, faces, notes, options.network)
    print_line(f"{options.out}: {summary['kimg']:.0f} kimg, KID {summary['scores']['kid']}")


if __name__ == "__main__":
    main()
