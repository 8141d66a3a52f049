"""A detector that can be computed by hand and remembers what it was shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from forensics.corpus.pools.pool import Pool
from forensics.detectors.calibration import Calibration
from forensics.detectors.card import DetectorCard
from forensics.detectors.checked import Json
from forensics.detectors.contract import Detector, FitOptions
from forensics.detectors.domain import Domain
from forensics.detectors.thresholds import Thresholds

Pixels = NDArray[np.uint8]


@dataclass
class Brightness(Detector):
    """Raw score: mean grey level of the image less 128, over 64."""

    seen: list[Pixels] = field(default_factory=list)

    kind: ClassVar[str] = "brightness"

    def raw_scores(self, images: Sequence[Pixels]) -> NDArray[np.float64]:
        self.seen += [image.copy() for image in images]
        return np.array([(float(image.mean()) - 128) / 64 for image in images])

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {}

    @classmethod
    def from_arrays(cls, config: Json, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return cls(config)

    @classmethod
    def fit(cls, pool: Pool, options: FitOptions) -> Self:
        return cls({})


def brightness(offset: float = 0.0) -> Brightness:
    """log10 LR = raw + offset; synthetic from 0.5, authentic to -0.5."""
    return Brightness(
        {},
        Calibration(1.0, offset, -20.0, 20.0),
        Thresholds(0.5, -0.5, 0.05, 0.1, 10, 10, "by hand"),
        DetectorCard(domain=Domain(min_side_px=32, min_jpeg_quality=30)),
        "0" * 64,
    )
