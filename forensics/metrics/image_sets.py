"""How near sets of generated images are to one set of real images, by every registered metric of image sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from forensics.metrics import features
from forensics.metrics.contract import ImageSet, image_set_metrics

_DIGITS, _KID_DIGITS = 4, 6


@dataclass(frozen=True)
class ImageSetScores:
    """Column → value, and what they rest on; of several draws of generated images the means, and KID of each draw."""

    values: Mapping[str, float]
    n_real: int
    n_fake: int
    kid_by_draw: tuple[float, ...] = ()
    extractor: str = features.NAME

    @property
    def kid(self) -> float:
        """Kernel inception distance."""
        return self.values["kid"]

    def to_json(self) -> dict[str, float | int | str | list[float]]:
        """Plain values under their columns; `fid` is empty where it could not be taken."""
        fields: dict[str, float | int | str | list[float]] = {"fid": "", **self.values}
        if self.kid_by_draw:
            fields["kid_by_draw"] = list(self.kid_by_draw)
        return {**fields, "n_real": self.n_real, "n_fake": self.n_fake, "extractor": self.extractor}


class ImageSetComparison:
    """Compares generated images with the real ones uint8 [n, h, w, 3], whose features are taken once."""

    def __init__(self, real: NDArray[np.uint8], device: torch.device) -> None:
        self.device = device
        self._pixels = real

    @cached_property
    def extract(self) -> features.FeatureExtractor:
        """The network that the features come from."""
        return features.FeatureExtractor(self.device)

    @cached_property
    def real(self) -> ImageSet:
        """The real images and their features."""
        return ImageSet(self._pixels, self.extract(self._pixels), self.device)

    def score(self, fake: NDArray[np.uint8]) -> ImageSetScores:
        """Every metric of generated images uint8 [m, h, w, 3], unrounded. Values in [0, 255]."""
        generated = ImageSet(fake, self.extract(fake), self.device)
        values: dict[str, float] = {}
        for metric in image_set_metrics().values():
            values |= metric.measure(self.real, generated)
        return ImageSetScores(values, len(self.real.pixels), len(fake))


def mean_of_draws(draws: Sequence[ImageSetScores]) -> ImageSetScores:
    """The means over draws, rounded as the tables have them; with several draws also KID of each."""
    means = {
        name: round(
            float(np.mean([draw.values[name] for draw in draws])), _KID_DIGITS if "kid" in name else _DIGITS
        )
        for name in draws[0].values
    }
    by_draw = tuple(round(draw.kid, _KID_DIGITS) for draw in draws) if len(draws) > 1 else ()
    return replace(draws[0], values=means, kid_by_draw=by_draw)
