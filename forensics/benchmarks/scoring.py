"""Scores of every image under every perturbation by every detector, kept in chunks so that a kill costs one chunk.

The unit of work is a chunk of images aligned to the order of the corpora; it is written as one file, atomically, when
it is done. What a chunk holds depends on the plan alone, so a run that was interrupted and one that was not are equal.
Count in = scored + listed failures: an image is never dropped silently.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forensics.benchmarks.perturbations.contract import Draws
from forensics.benchmarks.perturbations.named import Perturbation, perturb
from forensics.core.differences import differences, in_a_line
from forensics.core.errors import ForensicsError
from forensics.core.files import sha256_bytes, write_json, write_text
from forensics.core.terminal import printable
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
_FIELDS = ("corpus", "file", "sha256", "label", "source", "recipe", "psi", "radius")


@dataclass(frozen=True)
class Plan:
    """Everything the scores depend on."""

    listing: Listing
    detectors: Sequence[Detector]
    perturbations: Sequence[Perturbation]
    seed: int

    def to_json(self) -> dict[str, Any]:
        """What is compared before a run is resumed."""
        rows = [[getattr(i, key) for key in _FIELDS] for i in self.listing.items]
        return {
            "format_version": 1,
            "chunk": CHUNK,
            "images": {"n": len(rows), "sha256": sha256_bytes(json.dumps(rows).encode())},
            "detectors": {detector.id: detector.weights_sha256 for detector in self.detectors},
            "perturbations": [p.name for p in self.perturbations],
            "seed": self.seed,
        }


def score_all(plan: Plan, out: Path, on_done: Callable[[int], None]) -> list[dict[str, Any]]:
    """Score whatever is not yet scored in `out`; the rows of all images in order. `on_done` hears of n images done.

    A row: the item's fields, `failure` (None or one line), `metadata`, and `scores`: perturbation → {draws, withheld
    (reasons to give no verdict), log10_lr: detector id → value}. ForensicsError: `out` holds another benchmark.
    """
    _check_plan(plan, out)
    rows: list[dict[str, Any]] = []
    for start in range(0, len(plan.listing.items), CHUNK):
        items = plan.listing.items[start : start + CHUNK]
        file = out / _CHUNKS / f"{start:06d}.json"
        if not file.exists():
            write_text(file, json.dumps(list(_score_chunk(plan, items)), ensure_ascii=False))  # in order
        rows += json.loads(file.read_text("utf-8"))
        on_done(len(items))
    return rows


def n_scored(out: Path) -> int:
    """How many images of `out` were scored before."""
    return sum(len(json.loads(f.read_text("utf-8"))) for f in sorted((out / _CHUNKS).glob("*.json")))


def _check_plan(plan: Plan, out: Path) -> None:
    file, now = out / PLAN, plan.to_json()
    if not file.exists():
        if out.exists() and any(out.iterdir()):
            raise ForensicsError(f"{printable(out)}: is not empty and holds no benchmark; name another --out")
        write_json(file, now)
        return
    before = json.loads(file.read_text("utf-8"))
    if differing := differences(before, json.loads(json.dumps(now))):
        raise ForensicsError(
            f"{printable(out)}: holds a benchmark made with other options ({in_a_line(differing)}); "
            "name another --out or delete it"
        )


def _score_chunk(plan: Plan, items: Sequence[Item]) -> Iterator[dict[str, Any]]:
    decoded = [_checked(item, d) for item, d in zip(items, decode_many(i.path for i in items), strict=True)]
    good = [(i, d) for i, d in zip(items, decoded, strict=True) if isinstance(d, DecodedImage)]
    groups = grouped(good, lambda pair: pair[1].width * pair[1].height)
    done = in_order(partial(_scored, plan), groups, thread_count(plan.detectors))
    scores = [entry for _, entries in done for entry in entries]
    by_sha256 = {i.sha256: s for (i, _), s in zip(good, scores, strict=True)}
    for item, image in zip(items, decoded, strict=True):
        row = {key: getattr(item, key) for key in _FIELDS}
        failed = isinstance(image, ImageFailure)
        yield row | {
            "failure": image.message if isinstance(image, ImageFailure) else None,
            "metadata": {} if isinstance(image, ImageFailure) else _metadata(image),
            "scores": {} if failed else by_sha256[item.sha256],
        }


def _scored(plan: Plan, group: Sequence[tuple[Item, DecodedImage]]) -> list[dict[str, Any]]:
    """For each image what `score_all` calls its scores."""
    scores: list[dict[str, Any]] = [{} for _ in group]
    for perturbation in plan.perturbations:
        done = [perturb(d.pixels, perturbation, seed=plan.seed, sha256=i.sha256) for i, d in group]
        values = _log10_lrs(plan.detectors, [pixels for pixels, _ in done])
        for k, (pixels, draws) in enumerate(done):
            own = {name: round(float(column[k]), _DIGITS) for name, column in values.items()}
            scores[k][perturbation.name] = {
                "draws": draws,
                "withheld": list(_withheld(plan.detectors[0], group[k][1], pixels, draws, own)),
                "log10_lr": own,
            }
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
    detector: Detector, image: DecodedImage, pixels: NDArray[np.uint8], draws: Draws, own: dict[str, float]
) -> tuple[str, ...]:
    """Why `forensics detect` would give no verdict on the image as the perturbation left it (faces not looked for)."""
    as_file = replace(image, pixels=pixels, width=pixels.shape[1], height=pixels.shape[0])
    if draws.get("subsampling"):
        as_file = replace(
            as_file, format="JPEG", mode="RGB", jpeg_tables=(jpeg_table(int(draws["quality"])),)
        )
    of_parts = [own[part.id] for part in detector.parts]
    return (*detector.domain.reasons_outside(as_file), *disagreement(detector, of_parts))


def _metadata(image: DecodedImage) -> dict[str, Any]:
    return {
        "format": image.format,
        "mode": image.mode,
        "width": image.width,
        "height": image.height,
        "n_bytes": image.n_bytes,
        "jpeg_tables": image.jpeg_tables,
    }


def write_table(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """The scores as CSV, a line for each image, perturbation and detector; a failed image has one line."""
    import csv
    import io

    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow((*_FIELDS, "perturbation", "draws", "withheld", "detector", "log10_lr", "failure"))
    for row in rows:
        start = [printable(row[k]) if isinstance(row[k], str) else row[k] for k in _FIELDS]
        if row["failure"] is not None:
            table.writerow((*start, *[""] * 5, row["failure"]))
        for name, entry in row["scores"].items():
            draws = json.dumps(entry["draws"], sort_keys=True) if entry["draws"] else ""
            for detector, value in entry["log10_lr"].items():
                table.writerow((*start, name, draws, "; ".join(entry["withheld"]), detector, value, ""))
    write_text(path, buffer.getvalue())
