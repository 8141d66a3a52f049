"""A walk made and looked at in one pass: while one chunk of images is examined, the next is made.

The walk becomes a corpus, the same bytes as `forensics walk` leaves; what face analysis says of its images goes to one
part a chunk. A kill costs at most the chunks under way.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import torch

from forensics.core.files import sha256_file, write_json
from forensics.core.terminal import Meter
from forensics.corpus import Corpus, CorpusWriter
from forensics.corpus import Row as ManifestRow
from forensics.corpus.layout import image_file
from forensics.recipes.walked import Walk
from forensics.studies.resumable import Parts, one_thread

if TYPE_CHECKING:
    from forensics.detectors.contract import Detector
    from forensics.faces.analyser import Face, FaceAnalyser

Row = dict[str, str]
_CHUNK = 50
_AHEAD = 3  # chunks made and not yet examined; more would only cost memory


@dataclass(frozen=True)
class Times:
    """Seconds at work on either side of the pipeline, and from its start to its end, and what was done in them."""

    generation_s: float = 0.0
    detection_s: float = 0.0
    total_s: float = 0.0
    generated: int = 0
    examined: int = 0

    def plus(self, other: Times) -> Times:
        """Both, one after the other."""
        return Times(**{name: value + vars(other)[name] for name, value in vars(self).items()})

    def to_json(self) -> dict[str, float]:
        """The numbers, with `ratio`, total / the slower of the two sides."""
        slower = max(self.generation_s, self.detection_s)
        seconds = {name: round(getattr(self, name), 2) for name in ("generation_s", "detection_s", "total_s")}
        ratio = round(self.total_s / slower, 3) if slower else 1.0
        return {**seconds, "ratio": ratio, "generated": self.generated, "examined": self.examined}


@dataclass(frozen=True)
class Eyes:
    """Who looks at the images: a face pack, and a detector of synthetic images or None."""

    faces: FaceAnalyser
    detector: Detector | None = None

    def rows(self, images: Sequence[np.ndarray], known: Sequence[Row]) -> list[Row]:
        """The cells `known` of each image with those of its best face: number of faces, score (0.00: none), box,
        landmarks, embedding, pack, and the detector's log10 LR."""
        rows = [
            {**cells, **face_cells(self.faces.analyse(image)), "pack": self.faces.pack}
            for image, cells in zip(images, known, strict=True)
        ]
        if self.detector is not None:
            for row, score in zip(rows, self.detector.score(list(images)), strict=True):
                row["log10_lr"] = f"{score:.6f}"
        return rows


def face_cells(faces: Sequence[Face]) -> Row:
    """The best of `faces` (best first) as cells named as in the table of `forensics faces`."""
    from forensics.faces.contract import best_face
    from forensics.faces.table import COLUMNS

    geometry = COLUMNS[COLUMNS.index("x0") : COLUMNS.index("embedding")]
    best = best_face(faces)
    if best is None:
        return {"faces": "0", "score": "0.00", **dict.fromkeys(geometry, ""), "embedding": ""}
    places = (f"{value:.2f}" for value in (*best.box, *best.landmarks.ravel()))
    embedding = " ".join(f"{value:.6g}" for value in best.embedding)
    cells = dict(zip(geometry, places, strict=True))
    return {"faces": str(len(faces)), "score": f"{best.score:.4f}", **cells, "embedding": embedding}


class WalkWithFaces:
    """Walk `walk`, its corpus in `folder`, examined by `eyes`; finished chunks are in `parts`."""

    def __init__(self, walk: Walk, folder: Path, eyes: Eyes, parts: Parts) -> None:
        self.walk, self.folder, self.eyes, self.parts = walk, folder, eyes, parts
        self._generation_s = self._detection_s = 0.0
        self._generated = self._examined = 0

    def run(self, meter: Meter) -> Times:
        """Make and examine what is missing. `CorpusError`: the folder holds a walk made with other numbers."""
        how = [{"recipe": self.walk.name, "count": self.walk.count, **self.walk.how()}]
        began = perf_counter()
        pending: deque[Future[int]] = deque()
        with one_thread(), CorpusWriter(self.folder, {"command": "walk", "recipes": how}, _CHUNK) as writer:
            pool = ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,))
            try:
                for start, images, rows in self._chunks(writer, meter):
                    pending.append(pool.submit(self._examine, start, images, rows))
                    while len(pending) > _AHEAD or (pending and pending[0].done()):
                        meter.advance(pending.popleft().result())
                for future in pending:
                    meter.advance(future.result())
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
            writer.finish()
        total = perf_counter() - began
        return Times(self._generation_s, self._detection_s, total, self._generated, self._examined)

    def rows(self) -> list[Row]:
        """One row an image, in order, of a finished run."""
        starts = range(0, self.walk.count, _CHUNK)
        return [row for start in starts for row in self.parts.read(_part(start))]

    def _chunks(
        self, writer: CorpusWriter, meter: Meter
    ) -> Iterator[tuple[int, list[np.ndarray], list[Row]]]:
        """(first index, images, cells) of every chunk that no part holds: first those that are on disk, then new."""
        if writer.next_index:
            corpus = Corpus.open(self.folder)
            for start in range(0, writer.next_index, _CHUNK):
                chunk = range(start, min(start + _CHUNK, writer.next_index))
                listed = [_cells(corpus.manifest[i]) for i in chunk]
                if self._is_examined(start, listed):
                    meter.advance(len(chunk))
                else:
                    ((_, images),) = corpus.images(batch=len(chunk), indices=chunk)
                    yield start, images, listed
        for chunk in writer.chunks(self.walk.count):
            began = perf_counter()
            made = self.walk.make(chunk)
            writer.add(made.images, made.rows, made.latents)
            files = [image_file(i) for i in chunk]
            hashes = [sha256_file(self.folder / file) for file in files]
            rows = [
                _cells(row.written(file, sha256))
                for row, file, sha256 in zip(made.rows, files, hashes, strict=True)
            ]
            self._generation_s += perf_counter() - began
            self._generated += len(chunk)
            yield chunk[0], list(made.images), rows

    def _is_examined(self, start: int, listed: Sequence[Row]) -> bool:
        """Whether the part of the chunk is there, whole, and of these very images."""
        if self.parts.missing([_part(start)]):
            return False
        try:
            rows = self.parts.read(_part(start))
            return [{name: row[name] for name in known} for row, known in zip(rows, listed, strict=True)] == [
                *listed
            ]
        except (json.JSONDecodeError, UnicodeDecodeError, TypeError, KeyError, ValueError):
            return False

    def _examine(self, start: int, images: list[np.ndarray], rows: list[Row]) -> int:
        began = perf_counter()
        write_json(self.parts.path(_part(start)), self.eyes.rows(images, rows))
        self._detection_s += perf_counter() - began
        self._examined += len(images)
        return len(images)


def _part(start: int) -> str:
    return f"faces-{start:06d}"


def _cells(row: ManifestRow) -> Row:
    """What a table of faces says of an image itself: file, sha256, walk, position in it, radius."""
    place = {name: f"{row.params[name]:.9g}" for name in ("walk", "position", "radius")}
    return {"file": row.file, "sha256": row.sha256, **place}
