"""A walk made and examined in one pass: while one chunk of images is examined, the next is made.

The walk becomes a corpus, the same bytes as `forensics walk` leaves; what the probe says of its images goes to one part
a chunk. A kill costs at most the chunks under way.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from forensics.core.errors import CorpusError
from forensics.core.files import sha256_file
from forensics.corpus import Corpus, CorpusWriter
from forensics.corpus.layout import image_file
from forensics.recipes.walked import Walk
from forensics.report.rows import Row
from forensics.studies.probes import Probe
from forensics.studies.walks.rows import WalkFace, WalkImage

CHUNK = 50
_AHEAD = 3  # chunks made and not yet examined; more would only cost memory


@dataclass
class Times:
    """Seconds at work on either side of the pipeline, and from its start to its end, and what was done in them."""

    generation_s: float = 0.0
    detection_s: float = 0.0
    total_s: float = 0.0
    generated: int = 0
    examined: int = 0

    def plus(self, later: Times) -> Times:
        """Both, one after the other."""
        return Times(**{name: value + vars(later)[name] for name, value in vars(self).items()})

    def row(self) -> TimesRow:
        """The numbers, rounded, with their ratio."""
        slower = max(self.generation_s, self.detection_s)
        seconds = {name: round(value, 2) for name, value in asdict(self).items() if name.endswith("_s")}
        ratio = round(self.total_s / slower, 3) if slower else 1.0
        return TimesRow(ratio=ratio, generated=self.generated, examined=self.examined, **seconds)


@dataclass(frozen=True, kw_only=True)
class TimesRow(Row):
    """How long making and examining took in a run, each and together; `ratio`: together, of the slower."""

    generation_s: float
    detection_s: float
    total_s: float
    ratio: float
    generated: int
    examined: int

    def words(self) -> str:
        """One line."""
        if not self.examined:
            return "walks: all made and examined before"
        return (
            f"walks: {self.generated} images made in {self.generation_s:.1f} s, {self.examined} examined in"
            f" {self.detection_s:.1f} s, both in {self.total_s:.1f} s ({self.ratio:.2f} of the slower)"
        )


class FaceExaminer:
    """Asks `probe` about images; `stop` ends it between two images."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Give up as soon as the image at hand is done."""
        self._stopped.set()

    def rows(self, images: Sequence[np.ndarray], known: Sequence[WalkImage]) -> list[WalkFace]:
        """What the probe says of uint8 [h, w, 3] images; `known` is what is known of each."""
        rows = []
        for image, its in zip(images, known, strict=True):
            if self._stopped.is_set():
                raise InterruptedError("the examination of a walk was stopped")
            rows.append(self._row(image, its))
        if self.probe.detector is None:
            return rows
        scores = self.probe.log10_lr(images)
        return [replace(row, log10_lr=round(float(s), 6)) for row, s in zip(rows, scores, strict=True)]

    def _row(self, image: np.ndarray, known: WalkImage) -> WalkFace:
        assert self.probe.faces is not None
        faces, pack = self.probe.faces_in(image), self.probe.faces.pack
        if not faces:
            return WalkFace(**vars(known), faces=0, score=0.0, box=(), landmarks=(), embedding=(), pack=pack)
        best = faces[0]
        return WalkFace(
            **vars(known),
            faces=len(faces),
            score=round(float(best.score), 4),
            box=tuple(round(float(v), 2) for v in best.box),
            landmarks=tuple(round(float(v), 2) for v in best.landmarks.ravel()),
            embedding=tuple(float(f"{v:.6g}") for v in best.embedding),
            pack=pack,
        )


@dataclass(frozen=True)
class _Chunk:
    """Images from index `start` on, uint8 [h, w, 3], and what is known of each."""

    start: int
    images: list[np.ndarray]
    known: list[WalkImage]


class WalkPipeline:
    """Makes `walk` as a corpus in `folder` and examines it; `times` is added to on the way."""

    def __init__(self, walk: Walk, folder: Path, examiner: FaceExaminer, times: Times) -> None:
        self.walk, self.folder, self.examiner, self.times = walk, folder, examiner, times

    def run(self, wanted: set[int]) -> Iterator[tuple[int, list[WalkFace]]]:
        """(first index, rows) of the chunks that start at `wanted`, as they are examined; the corpus is whole at the
        end. `CorpusError`: the folder holds a walk made with other numbers."""
        how = [{"recipe": self.walk.name, "count": self.walk.count, **self.walk.how()}]
        began = perf_counter()
        pending: deque[tuple[int, Future[list[WalkFace]]]] = deque()
        pool = ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,))
        try:
            with CorpusWriter(self.folder, {"command": "walk", "recipes": how}, CHUNK) as writer:
                for chunk in self._chunks(writer, wanted):
                    pending.append((chunk.start, pool.submit(self._examine, chunk)))
                    while len(pending) > _AHEAD or (pending and pending[0][1].done()):
                        yield _examined(pending)
                while pending:
                    yield _examined(pending)
                writer.finish()
        finally:
            self.examiner.stop()
            pool.shutdown(wait=True, cancel_futures=True)
        self.times.total_s += perf_counter() - began

    def _chunks(self, writer: CorpusWriter, wanted: set[int]) -> Iterator[_Chunk]:
        """First those of the wanted chunks that are on disk, then new ones."""
        if writer.next_index:
            corpus = Corpus.open(self.folder)
            for start in sorted(start for start in wanted if start < writer.next_index):
                chunk = range(start, min(start + CHUNK, writer.next_index))
                ((_, images),) = corpus.images(batch=len(chunk), indices=chunk)
                yield _Chunk(start, list(images), [WalkImage.of(corpus.manifest[i]) for i in chunk])
        for chunk in writer.chunks(self.walk.count):
            began = perf_counter()
            batch = self.walk.make(chunk)
            writer.add(batch.images, batch.rows, batch.latents)
            files = [image_file(i) for i in chunk]
            hashes = [sha256_file(self.folder / file) for file in files]
            rows = zip(batch.rows, files, hashes, strict=True)
            known = [WalkImage.of(row.written(file, sha256)) for row, file, sha256 in rows]
            self.times.generation_s += perf_counter() - began
            self.times.generated += len(chunk)
            yield _Chunk(chunk[0], list(batch.images), known)

    def _examine(self, chunk: _Chunk) -> list[WalkFace]:
        began = perf_counter()
        rows = self.examiner.rows(chunk.images, chunk.known)
        self.times.detection_s += perf_counter() - began
        self.times.examined += len(rows)
        return rows


def _examined(
    pending: deque[tuple[int, Future[list[WalkFace]]]],
) -> tuple[int, list[WalkFace]]:
    start, future = pending.popleft()
    return start, future.result()


def listed_images(folder: Path) -> tuple[list[WalkImage], bool]:
    """The images that the corpus in `folder` lists, and whether it is complete; none where there is no corpus."""
    try:
        corpus = Corpus.open(folder)
    except CorpusError:
        return [], False
    return [WalkImage.of(row) for row in corpus.manifest], corpus.complete
