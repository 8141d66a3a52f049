"""A finished corpus of walks as clips: a file a walk, its images in order, as they were saved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forensics.core.evidence import evidence, recorded
from forensics.core.files import sha256_file
from forensics.core.terminal import progress
from forensics.corpus import Corpus, Row
from forensics.images import check_clip_file, write_clip


def clip_file(corpus: Path, walk: int, video: str) -> Path:
    """The clip of a walk, beside the corpus's own files; `video`: mp4 or gif."""
    return corpus / f"walk-{walk:04d}.{video}"


@recorded
def write_walk_clips(corpus: Path, video: str, fps: float) -> list[Path]:
    """Write the clip of each walk of `corpus` with its evidence; returns the files.

    `video`: mp4 or gif; `fps`: frames a second. ForensicsError: no such clip can be.
    """
    check_clip_file(clip_file(corpus, 0, video), fps)
    opened = Corpus.open(corpus)
    walked = [row for row in opened.manifest if row.recipe == "walked"]
    files = []
    with progress("clips", len(walked)) as meter:
        for walk, rows in groupby(walked, lambda row: int(row.params["walk"])):
            path = clip_file(corpus, walk, video)
            meter.advance(write_clip(path, _frames(opened, list(rows)), fps))
            inputs = {"manifest.jsonl": sha256_file(corpus / "manifest.jsonl")}
            evidence(inputs, options={"walk": walk, "fps": fps}).write_beside(path)
            files.append(path)
    return files


def _frames(corpus: Corpus, rows: Sequence[Row]) -> Iterator[NDArray[np.uint8]]:
    indices = [int(row.params["index"]) for row in rows]
    for _, images in corpus.images(batch=1, indices=indices):
        yield from images
