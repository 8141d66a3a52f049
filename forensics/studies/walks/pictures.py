"""Images of a corpus, reduced for looking at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from forensics.corpus import Corpus
from forensics.report.images import thumbnail

_SIDE_PX = 128


class Pictures:
    """Images of a corpus by index."""

    def __init__(self, corpus: Path) -> None:
        self.corpus = Corpus.open(corpus)

    def of(self, indices: Sequence[int]) -> list[np.ndarray]:
        """uint8 [h, w, 3], at most 128 px a side, of the images at `indices`."""
        images = [image for _, batch in self.corpus.images(indices=indices) for image in batch]
        return [thumbnail(image, _SIDE_PX) for image in images]
