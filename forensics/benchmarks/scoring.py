"""Scores of every image under every perturbation by every detector, kept in chunks so that a kill costs one chunk.

The unit of work is a chunk of images aligned to the order of the corpora; it is written as one file, atomically, when
it is done. What a chunk holds depends on the plan alone, so a run that was interrupted and one that was not are equal.
Count in = scored + listed failures: an image is never dropped silently.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forensics.benchmarks.perturbations.contract import Draws
from forensics.benchmarks.perturbations.named import Perturbation, perturb
from forensics.benchmarks.rows import ITEM_FIELDS, PerturbedScores, ScoredImage, item_values
from forensics.core.differences import differences, in_a_line
from forensics.core.errors import ForensicsError
from forensics.core.files import sha256_bytes, write_json, write_text
from forensics.core.outputs import Hold, hold_folder
from forensics.core.terminal import printable
from forensics.core.untrusted import read_json
from forensics.corpus.items import Item, Listing
from forensics.detectors.contract import Detector
from forensics.detectors.finding import disagreement, scores_of
from forensics.detectors.parallel import grouped, in_order, thread_count
from forensics.images import DecodedImage, ImageFailure, decode_many
from forensics.images.jpeg_tables import jpeg_table

CHUNK = 25
PLAN = "plan.json"
_CHUNKS = ".chunks"
_DIGITS = 6
Scores = dict[str, PerturbedScores]


@dataclass(frozen=True)
class ScoringPlan:
    """Everything the scores depend on."""

    listing: Listing
    detectors: Sequence[Detector]
    perturbations: Sequence[Perturbation]
    seed: int

    def images_sha256(self) -> str:
        """Hash of what is known of the images beforehand, in order."""
        return sha256_bytes(json.dumps([item_values(item) for item in self.listing.items]).encode())

    def to_json(self) -> dict[str, object]:
        """What is compared before a run is resumed."""
        return {
            "format_version": 2,
            "chunk": CHUNK,
            "images": {"n": len(self.listing.items), "sha256": self.images_sha256()},
            "detectors": {detector.id: detector.weights_sha256 for detector in self.detectors},
            "perturbations": [p.name for p in self.perturbations],
            "seed": self.seed,
        }


def score_all(plan: ScoringPlan, out: Path, on_done: Callable[[int], None]) -> list[ScoredImage]:
    """Score whatever is not yet scored in `out`; all images in order. `on_done` hears of n images done.

    ForensicsError: `out` holds another benchmark.
    """
    with _claim(plan, out):
        rows: list[ScoredImage] = []
        for start in range(0, len(plan.listing.items), CHUNK):
            items = plan.listing.items[start : start + CHUNK]
            file = out / _CHUNKS / f"{start:06d}.json"
            if not file.exists():
                chunk = [row.to_json() for row in _score_chunk(plan, items)]
                write_text(file, json.dumps(chunk, ensure_ascii=False))  # in order
            rows += map(ScoredImage.from_json, read_json(file))
            on_done(len(items))
        return rows


def n_scored(out: Path) -> int:
    """How many images of `out` were scored before."""
    return sum(len(read_json(f)) for f in sorted((out / _CHUNKS).glob("*.json")))


def _claim(plan: ScoringPlan, out: Path) -> Hold:
    """Hold `out` for this plan. ForensicsError: another process is at work there, or it holds another benchmark."""
    file, now = out / PLAN, plan.to_json()
    if not file.exists():
        if out.exists() and any(out.iterdir()):
            raise ForensicsError(f"{printable(out)}: is not empty and holds no benchmark; name another --out")
        hold = hold_folder(out)
        write_json(file, now)
        return hold
    hold = hold_folder(out)
    before = read_json(file)
    if differing := differences(before, json.loads(json.dumps(now))):
        raise ForensicsError(
            f"{printable(out)}: holds a benchmark made with other options ({in_a_line(differing)}); "
            "name another --out or delete it"
        )
    return hold


def _score_chunk(plan: ScoringPlan, items: Sequence[Item]) -> Iterator[ScoredImage]:
    decoded = [_checked(item, d) for item, d in zip(items, decode_many(i.path for i in items), strict=True)]
    good = [(i, d) for i, d in zip(items, decoded, strict=True) if isinstance(d, DecodedImage)]
    groups = grouped(good, lambda pair: pair[1].width * pair[1].height)
    done = in_order(partial(_scored, plan), groups, thread_count(plan.detectors))
    scores = [entry for _, entries in done for entry in entries]
    by_sha256 = {i.sha256: s for (i, _), s in zip(good, scores, strict=True)}
    for item, image in zip(items, decoded, strict=True):
        if isinstance(image, ImageFailure):
            yield ScoredImage.failed(item, image.message)
        else:
            yield ScoredImage.scored(item, image, by_sha256[item.sha256])


def _scored(plan: ScoringPlan, group: Sequence[tuple[Item, DecodedImage]]) -> list[Scores]:
    """For each image its scores by perturbation."""
    scores: list[Scores] = [{} for _ in group]
    for perturbation in plan.perturbations:
        done = [perturb(d.pixels, perturbation, seed=plan.seed, sha256=i.sha256) for i, d in group]
        values = _log10_lrs(plan.detectors, [pixels for pixels, _ in done])
        for k, (pixels, draws) in enumerate(done):
            of_image = {name: round(float(column[k]), _DIGITS) for name, column in values.items()}
            withheld = _withheld(plan.detectors[0], group[k][1], pixels, draws, of_image)
            scores[k][perturbation.name] = PerturbedScores(draws, withheld, of_image)
    return scores


def _checked(item: Item, image: DecodedImage | ImageFailure) -> DecodedImage | ImageFailure:
    if isinstance(image, DecodedImage) and image.sha256 != item.sha256:
        return ImageFailure(image.path, f"{printable(image.path)}: was altered since its corpus was listed")
    return image


def _log10_lrs(
    detectors: Sequence[Detector], pixels: Sequence[NDArray[np.uint8]]
) -> dict[str, NDArray[np.float64]]:
    return {s.id: s.log10_lrs for detector in detectors for s in scores_of(detector, pixels)}


def _withheld(
    detector: Detector,
    image: DecodedImage,
    pixels: NDArray[np.uint8],
    draws: Draws,
    log10_lr: Mapping[str, float],
) -> tuple[str, ...]:
    """Why `forensics detect` would give no verdict on the image as the perturbation left it (faces not looked for)."""
    as_file = replace(image, pixels=pixels, width=pixels.shape[1], height=pixels.shape[0])
    if draws.get("subsampling"):
        as_file = replace(
            as_file, format="JPEG", mode="RGB", jpeg_tables=(jpeg_table(int(draws["quality"])),)
        )
    of_parts = [log10_lr[part.id] for part in detector.parts]
    return (*detector.domain.reasons_outside(as_file), *disagreement(detector, of_parts))


def write_table(rows: Sequence[ScoredImage], path: Path) -> None:
    """The scores as CSV, a line for each image, perturbation and detector; a failed image has one line."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow((*ITEM_FIELDS, "perturbation", "draws", "withheld", "detector", "log10_lr", "failure"))
    for row in rows:
        values = (getattr(row, name) for name in ITEM_FIELDS)
        start = [printable(value) if isinstance(value, str) else value for value in values]
        if row.failure is not None:
            table.writerow((*start, *[""] * 5, row.failure))
        for name, entry in row.scores.items():
            draws = json.dumps(entry.draws, sort_keys=True) if entry.draws else ""
            for detector, value in entry.log10_lr.items():
                table.writerow((*start, name, draws, "; ".join(entry.withheld), detector, value, ""))
    write_text(path, buffer.getvalue())
