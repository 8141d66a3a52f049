"""The contract of every detector: fitted to a pool, it scores images, has parts and a domain, and moves to a device.

The score is log10 of the likelihood ratio p(image | synthetic) / p(image | authentic): higher = more likely synthetic.
A kind is one class in one file of `detectors/kinds`; it registers itself as `@register("detector", name, Card(...))`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from forensics.core.errors import DetectorError
from forensics.core.terminal import Progress, no_progress
from forensics.detectors.calibration import Calibration, Floats
from forensics.detectors.card import DetectorCard
from forensics.detectors.checked import Json
from forensics.detectors.description import (
    DESCRIPTION,
    WEIGHTS,
    Description,
    folder_sha256,
    read_arrays,
    read_description,
)
from forensics.detectors.domain import Domain
from forensics.detectors.thresholds import Thresholds, Verdict
from forensics.images.views import Pixels

if TYPE_CHECKING:
    from forensics.corpus.pools.pool import Pool
    from forensics.detectors.training_views.views import Views
    from forensics.faces.analyser import FaceAnalyser


@dataclass(frozen=True)
class FitOptions:
    """What `fit` is told besides the images.

    `number`: which of several parts of one kind this is, from 1. `jpeg_before`: the JPEG quality that the photographs
    had at 1024 px and that the generated images are given first; 0: none. `work`: where checkpoints go. `settings`:
    what the kind takes besides, by the names of its card's `defaults`.
    """

    seed: int = 0
    number: int = 1
    device: str = "cpu"
    jpeg_before: int = 0
    work: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress = no_progress

    def on_equal_history(self) -> FitOptions:
        """The same, for images that have their JPEG history already."""
        return replace(self, jpeg_before=0)


@dataclass
class Detector(ABC):
    """What turns images into scores. `calibration` and `limits` are None until it is calibrated."""

    config: Json
    calibration: Calibration | None = None
    limits: Thresholds | None = None
    card: DetectorCard = field(default_factory=DetectorCard)
    weights_sha256: str = ""

    kind: ClassVar[str]
    fits_in_seconds: ClassVar[bool] = True  # so that it can be fitted once more for every fold
    crosses_by_itself: ClassVar[bool] = False  # it fits all folds at little more than the price of one
    threads: ClassVar[bool] = True  # several threads may score with it on a CPU

    @classmethod
    @abstractmethod
    def fit(cls, pool: Pool, options: FitOptions) -> Self:
        """An uncalibrated detector fitted to the images of a pool; DetectorError where they cannot support it."""

    @classmethod
    def fit_crossed(cls, pool: Pool, views: Views, options: FitOptions) -> tuple[Self, Floats]:
        """One fitted to all of a pool, and the raw score of every view float64 [n], finite, by one fitted without its
        fold.

        `views` are those of the pool, draw by draw; `pool` has the JPEG history already that `options` ask for.
        """
        fold = views.fold[:: views.draws]
        crossed = np.zeros(len(views.images))
        for k in np.unique(fold):
            without = cls.fit(pool.take(np.flatnonzero(fold != k)), options)
            rest = np.flatnonzero(views.fold == k)
            crossed[rest] = without.raw_scores([views.images[i] for i in rest])
        return cls.fit(pool, options), crossed

    @abstractmethod
    def raw_scores(self, images: Sequence[Pixels]) -> Floats:
        """float64 [n] uncalibrated scores of any value, higher = more likely synthetic.

        Images uint8 [H, W, 3] of any size; each is scored by itself, so neither order nor batch matters.
        """

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The weights by name, as they are stored: arrays of any shape, float16 to float64 [d, …], all finite."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, config: Json, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """A detector with exactly these weights, finite arrays by name (float16 to float64 [d, …]).

        DetectorError where they do not fit `config`.
        """

    @property
    def id(self) -> str:
        """Kind and the first eight digits of the weights' hash."""
        return f"{self.kind}-{self.weights_sha256[:8] or 'unsaved'}"

    @property
    def parts(self) -> tuple[Detector, ...]:
        """The detectors it is made of; none but for an ensemble."""
        return ()

    @property
    def domain(self) -> Domain:
        """What it was validated on: what its card states, else the defaults."""
        return self.card.domain or Domain()

    @property
    def device(self) -> str:
        """Where it computes."""
        return "cpu"

    def to(self, device: str) -> Self:
        """Score on `device` (cpu, cuda, cuda:1, mps) from now on, as far as it can; itself."""
        return self

    def score(self, images: Sequence[Pixels]) -> Floats:
        """float64 [n] log10 LR of uint8 [H, W, 3] images.

        DetectorError where it was never calibrated, or a score is no number.
        """
        return self.calibrated(self.finite(self.raw_scores(images)))

    def score_parts(self, images: Sequence[Pixels]) -> tuple[Floats, tuple[Floats, ...]]:
        """`score`, float64 [n] log10 LR, and that of each part in the order of `parts`, at the price of one.

        Images uint8 [H, W, 3] of any size.
        """
        return self.score(images), ()

    def score_families(self, images: Sequence[Pixels]) -> dict[str, Floats]:
        """Family → float64 [n] log10 LR of it against authentic, of images uint8 [H, W, 3].

        Empty for a detector that does not tell families apart.
        """
        return {}

    def evidence_map(self, image: Pixels) -> NDArray[np.float32] | None:
        """float32 [h, w] local log10 LR over an image uint8 [H, W, 3] (its mean is the uncapped score), or None."""
        return None

    def use_faces(self, analyser: FaceAnalyser) -> None:  # noqa: B027
        """Look for faces with `analyser`, where the detector looks for any; DetectorError where it needs another."""

    @property
    def calibrated(self) -> Calibration:
        """Its calibration; DetectorError where it has none."""
        if self.calibration is None:
            raise DetectorError(
                f"the {self.kind} detector was never calibrated: its scores have no meaning yet"
            )
        return self.calibration

    @property
    def thresholds(self) -> Thresholds:
        """Where its verdict changes; DetectorError where it was never calibrated."""
        if self.limits is None:
            raise DetectorError(f"the {self.kind} detector has no thresholds: it was never calibrated")
        return self.limits

    def verdict(self, log10_lr: float) -> Verdict:
        """`synthetic`, `authentic` or `inconclusive`."""
        return self.thresholds.verdict(log10_lr)

    def description(self) -> Description:
        """What `detector.json` holds."""
        return Description(self.kind, self.config, self.calibration, self.limits, self.card)

    def save(self, folder: Path) -> None:
        """Write the detector into `folder`, and take on the hash of what was written."""
        from safetensors.numpy import save as to_bytes

        from forensics.core.files import write_bytes, write_json

        write_bytes(folder / WEIGHTS, to_bytes(self.arrays()))
        write_json(folder / DESCRIPTION, self.description().to_json())
        self.weights_sha256 = folder_sha256(folder)

    @classmethod
    def load(cls, folder: Path) -> Detector:
        """Read a detector of this kind; DetectorError where the folder is damaged."""
        description = read_description(folder)
        if description.kind != cls.kind:
            raise DetectorError(f"{folder}: is a {description.kind} detector, not a {cls.kind} one")
        detector = cls.from_arrays(description.config, read_arrays(folder / WEIGHTS))
        detector.adopt(description)
        detector.weights_sha256 = folder_sha256(folder)
        return detector

    def adopt(self, description: Description) -> None:
        """Take calibration, thresholds and card from a description."""
        self.calibration, self.limits = description.calibration, description.thresholds
        self.card = description.card

    def finite(self, scores: Floats) -> Floats:
        """The raw scores float64 [n] or [n, k] themselves, finite; DetectorError, which names it, where one is no
        number.
        """
        if not np.isfinite(scores).all():
            raise DetectorError(
                f"{self.id}: gave a score that is no number; its weights are damaged, train it again"
            )
        return scores
