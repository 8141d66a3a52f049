"""From a training run to weights that ship: the best late snapshot by KID, measured, with its model card.

`python -m forensics.generators.training.release RUN OUT --notes NOTES.md --pack P --pack-root R` writes
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
from forensics.detectors.faces import FaceAnalyser, load_faces
from forensics.errors import ForensicsError
from forensics.files import replacing, sha256_file, write_bytes, write_json, write_text
from forensics.generators.base import Generator, load_generator, pick_device
from forensics.generators.checkpoints import read_checkpoint
from forensics.generators.training.data import TrainingImages
from forensics.generators.training.metrics import Evaluation
from forensics.generators.training.options import DESCRIPTORS
from forensics.images import contact_sheet, encode_jpeg, resize
from forensics.terminal import print_line, tracked

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
) -> tuple[Path, dict[str, Any]]:
    """The snapshot of lowest KID among the last three of the run, or the `chosen` file of it, and its scores.

    One draw of latents chooses; the scores are means over four others, of which none was chosen by."""
    snapshots = sorted(run.glob(chosen or "network-*.safetensors"))[-_CANDIDATES:]
    if not snapshots:
        raise ForensicsError(
            f"{run}: holds no {chosen or 'network-*.safetensors'}; name the folder of a training run"
        )
    evaluation = Evaluation(images, pick_device("cpu"))
    generators = {path: load_generator(path, "cpu") for path in snapshots}
    best = snapshots[0]
    if len(snapshots) > 1:
        kids = {
            path: evaluation.score(generators[path])["kid"]
            for path in tracked(snapshots, "KID", len(snapshots))
        }
        best = min(snapshots, key=kids.__getitem__)
    return best, evaluation.score(generators[best], tracked(_KID_SEEDS, "KID of the best", len(_KID_SEEDS)))


def face_quality(generator: Generator, images: TrainingImages, faces: FaceAnalyser) -> dict[str, Any]:
    """The photographs' row, and the generator's at each psi over four draws."""
    real_scores, real_embeddings = face_rows(tracked(images.pixels, "photographs", len(images)), faces)
    rows = {"photographs": quality(real_scores, real_embeddings)}
    for psi in _PSIS:
        rows[f"psi {psi}"] = quality_of_draws(generator, faces, _N, psi, _SEEDS, real_embeddings)
    return rows


def sheet(generator: Generator) -> bytes:
    """Two rows of ten samples for each of three psi, enlarged, as JPEG."""
    made = [image for psi in _SHEET_PSIS for image in samples(generator, 20, psi, seed=1)]
    side = (_SHEET_SIDE_PX, _SHEET_SIDE_PX)
    return encode_jpeg(contact_sheet([resize(image, side, "lanczos") for image in made], 10), 88)


def card(name: str, facts: dict[str, Any], summary: dict[str, Any], notes: str) -> str:
    """The model card, as Markdown: what was measured, and `notes` on data, licence and faults."""
    o, scores = facts["options"], summary["scores"]
    r = o["resolution"]
    lines = [
        f"# `{name}`: a StyleGAN2-ADA of {r} x {r} px faces",
        "",
        f"**Provisional**: the training goes on; this snapshot is at {facts['kimg']:.0f} kimg of its run. "
        "Research use only.",
        "",
        notes.strip(),
        "",
        "## How it was trained",
        f"On {facts['n_images']} photographs{', mirrored' if o['mirror'] else ''}: channel_base {o['channel_base']}, "
        f"channel_max {o['channel_max']}, w_dim {o['w_dim']}, batch {o['batch']},",
        f"learning rate {o['lr_g']}, R1 {o['r1_gamma']}, style mixing {o['style_mixing_prob']}, EMA half-life "
        f"{o['ema_kimg']:.0f} kimg, augmentation `{o['augment']}` (p = {facts['augment_p']:.2f}), seed {o['seed']}.",
        *_beside_the_discriminator(o),
        *_as_mean(facts),
        *_as_spread(facts),
        "`weights.safetensors` holds G_ema and D, float16.",
        "",
        "## Measured",
        f"KID {scores['kid']:.4f} ({', '.join(f'{value:.4f}' for value in scores['kid_by_draw'])}; sd of each "
        f"{scores['kid_sd']:.4f}), precision {scores['precision']:.2f},",
        f"recall {scores['recall']:.2f}: {scores['extractor']}, psi 1, {len(_KID_SEEDS)} draws of "
        f"n = {scores['n_fake']} against {scores['n_real']}",
        f"training photographs. Faces by InsightFace pack `{summary['pack']}` at 256 px; cosines of",
        f"embeddings between samples, and to the nearest training photograph. {len(_SEEDS)} draws of {_N} samples a "
        "psi: means, of",
        "largest cosines the largest, and in brackets each draw's mean cosine:",
        "",
        "| | face found (score >= 0.5) | median score | mean cosine | largest | largest to training |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for label, row in summary["faces"].items():
        lines.append(_row(label, row))
    command = (
        "python -m forensics.generators.training.release RUN OUT --notes NOTES.md --pack P --pack-root R"
    )
    lines += [
        "",
        f"Again: `{command}`",
        "",
        "![samples at psi 0.5, 0.7 and 1.0, two rows each](sheet.jpg)",
        "",
        f"![losses, outputs of D, augmentation and what is beside D, by kimg of the run]({_CURVES})",
        "",
    ]
    return "\n".join(lines)


def _as_mean(facts: dict[str, Any]) -> list[str]:
    """That G_ema is a mean of states (averaging.py), if it is; the options above are those of the first."""
    states = facts.get("mean_of", [])
    if not states:
        return []
    shares = ", ".join(f"{share:g} ({sha256[:8]})" for share, sha256 in states)
    return [f"So for the first of {len(states)} states that G_ema is the mean of, by shares: {shares}."]


def _as_spread(facts: dict[str, Any]) -> list[str]:
    """That psi counts in other units than in training (spread.py), if it does."""
    share = facts.get("psi_1_was", 1.0)
    if share == 1:
        return []
    return [f"Then psi was given other units (spread.py): psi 1 here is what was psi {share:g} in training."]


def _row(label: str, row: dict[str, Any]) -> str:
    """A line of the card's table."""
    cells = [label, f"{100 * row['yield']:.1f} %", f"{row['median_score']:.2f}"]
    mean = _cosine(row.get("pairwise_cosine_mean"), 3)
    each = ", ".join(_cosine(value, 3) for value in row.get("pairwise_cosine_mean_by_draw", []))
    cells.append(f"{mean} ({each})" if each else mean)
    cells += [_cosine(row.get(name), 2) for name in ("pairwise_cosine_max", "nearest_training_cosine_max")]
    return f"| {' | '.join(cells)} |"


def _cosine(value: float | None, places: int) -> str:
    return "" if value is None else f"{value:.{places}f}"


def _beside_the_discriminator(o: dict[str, Any]) -> list[str]:
    """What the generator learned from beside the plain discriminator (and how much from that), a line each."""
    lines = []
    if o.get("plain_weight", 1) != 1:
        lines.append(f"Plain discriminator: what it says to the generator has weight {o['plain_weight']}.")
    if o.get("projected_side"):
        beside = ", of features of ImageNet and of `descriptor`" if o.get("projected_faces") else ""
        lines.append(f"Projected discriminator: weight {o['projected_weight']}{beside}.")
    if o.get("lowest_psi", 1) != 1:
        lines.append(f"Faces that the discriminators see: psi drawn between {o['lowest_psi']} and 1.")
    if o.get("matching_weight"):
        lines.append(
            f"Energy distance of features to those of all photographs: weight {o['matching_weight']}, every "
            f"{o['matching_interval']} iterations."
        )
    if o.get("inner_weight"):
        lines.append(f"The same of the inner face, enlarged: weight {o['inner_weight']}.")
    if o.get("identity_weight"):
        used = " and ".join(f"`{DESCRIPTORS[name]}`" for name in o.get("descriptors", "dlib").split("+"))
        lines.append(
            f"The same of descriptors of persons ({used}, not the pack below): weight {o['identity_weight']}."
        )
    if o.get("truncation_weight"):
        lines.append(f"Persons kept along truncation, by the same: weight {o['truncation_weight']}.")
    if o.get("anchor_weight"):
        alone = f"for the first {o['anchor_kimg']:g} kimg these alone, then " if o["anchor_kimg"] else ""
        lines.append(
            f"Photographs as latents of their own: {alone}weight {o['anchor_weight']}, {o['anchor_count']} an "
            "iteration."
        )
    if o.get("anchor_identity"):
        lines.append(
            f"What is made of those latents is compared in persons, too: weight {o['anchor_identity']}."
        )
    return lines


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
        "provisional": True,
        "pack": faces.pack,
        "scores": scores,
        "faces": rows,
    }
    write_json(out / "quality.json", summary)
    write_bytes(out / "sheet.jpg", sheet(generator))
    write_bytes(out / _CURVES, curves)
    write_text(out / "MODEL_CARD.md", card(out.name, facts, summary, notes))
    return summary


def main(argv: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m forensics.generators.training.release", description=__doc__
    )
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
