"""Several detectors as one: a logistic regression over their calibrated scores (stacking), calibrated itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from forensics.core.cards import Card
from forensics.core.errors import DetectorError
from forensics.core.registry import register
from forensics.core.terminal import printable
from forensics.corpus.pools.pool import Pool
from forensics.detectors.calibration import Floats, fit_logistic
from forensics.detectors.checked import Json, names, number
from forensics.detectors.contract import Detector, FitOptions
from forensics.detectors.description import DESCRIPTION, folder_sha256, read_description
from forensics.detectors.loading import detector_class
from forensics.images.views import Pixels, working_view

if TYPE_CHECKING:
    from forensics.faces.analyser import FaceAnalyser

_MOST_PARTS: Final = 16


@register(
    "detector",
    "ensemble",
    Card(
        "Several detectors as one: their calibrated scores, weighted by a logistic regression and calibrated again.",
        paper="Brümmer & du Preez 2006 (fusion of likelihood ratios)",
        defaults={},
    ),
)
@dataclass
class EnsembleDetector(Detector):
    """raw = Σ weight · part's log10 LR before its bounds. `config`: parts (folder names) and weights, both [k]."""

    members: tuple[Detector, ...] = ()

    kind: ClassVar[str] = "ensemble"

    @property
    def parts(self) -> tuple[Detector, ...]:
        """Its detectors, in the order of their weights."""
        return self.members

    @property
    def device(self) -> str:
        """Where its parts compute: the first of them that is not on the CPU, else there."""
        return next((part.device for part in self.members if part.device != "cpu"), "cpu")

    @classmethod
    def fit(cls, pool: Pool, options: FitOptions) -> Self:
        """Not possible: its parts are fitted, and `stacked` puts them together (`detectors.fitting.engine`)."""
        raise DetectorError("an ensemble is not trained by itself: its parts are, and then weighed")

    @classmethod
    def stacked(cls, part_names: Sequence[str], parts: Sequence[Detector], weights: Floats) -> Self:
        """Of calibrated parts, with these weights float64 [k], rounded as they will be stored."""
        rounded = [round(float(weight), 6) for weight in weights]
        return cls({"parts": list(part_names), "weights": rounded}, members=tuple(parts))

    def part_scores(self, images: Sequence[Pixels]) -> Floats:
        """float64 [n, k] log10 LR of every part before its bounds, of images uint8 [H, W, 3]."""
        views = [working_view(image) for image in images]  # once for all parts; a view is its own view
        columns = [part.calibrated.uncapped(part.finite(part.raw_scores(views))) for part in self.members]
        return np.stack(columns, axis=1)

    def raw_scores(self, images: Sequence[Pixels]) -> Floats:
        """float64 [n] weighted sum of the parts' log10 LRs, of images uint8 [H, W, 3]."""
        return self.part_scores(images) @ self.weights

    def score_parts(self, images: Sequence[Pixels]) -> tuple[Floats, tuple[Floats, ...]]:
        """float64 [n] log10 LR, and those of the parts, each within that part's bounds, at the price of one.

        Images uint8 [H, W, 3].
        """
        table = self.part_scores(images)
        bounds = [part.calibrated for part in self.members]
        parts = tuple(np.clip(table[:, k], one.lowest, one.highest) for k, one in enumerate(bounds))
        return self.calibrated(table @ self.weights), parts

    def score_families(self, images: Sequence[Pixels]) -> dict[str, Floats]:
        """Those of its parts."""
        families: dict[str, Floats] = {}
        for part in self.members:
            families |= part.score_families(images)
        return families

    def evidence_map(self, image: Pixels) -> NDArray[np.float32] | None:
        """float32 [h, w] local log10 LR: the parts' maps weighted and summed, parts without one as a constant.

        Its mean is the image's log10 LR before the bounds. None where no part has a map.
        """
        maps = [part.evidence_map(image) for part in self.members]
        shapes = [one.shape for one in maps if one is not None]
        if not shapes:
            return None
        shape = max(shapes)
        total = np.zeros(shape, np.float64)
        for part, weight, part_map in zip(self.members, self.weights, maps, strict=True):
            if part_map is None:
                total += weight * part.calibrated.uncapped(part.raw_scores([image]))[0]
            else:
                total += weight * _resampled(part_map, shape)
        return self.calibrated.uncapped(total).astype(np.float32)

    def to(self, device: str) -> Self:
        """Score on `device` from now on, as far as the parts can."""
        for part in self.members:
            part.to(device)
        return self

    def use_faces(self, analyser: FaceAnalyser) -> None:
        """Every part that looks for faces does so with `analyser`."""
        for part in self.members:
            part.use_faces(analyser)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """No arrays: what an ensemble has of its own, weights float64 [k], is in its configuration."""
        return {}

    @classmethod
    def from_arrays(cls, config: Json, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Not possible, whatever the arrays (any value, float16 [d, …]): an ensemble is loaded from its parts'
        folders.
        """
        raise DetectorError("an ensemble is loaded from a folder, with its parts")

    def save(self, folder: Path) -> None:
        """Write every part into a folder of its own below `folder`, then the ensemble's description."""
        from forensics.core.files import write_json

        for name, part in zip(self.part_names, self.members, strict=True):
            part.save(folder / name)
        write_json(folder / DESCRIPTION, self.description().to_json())
        self.weights_sha256 = folder_sha256(folder, self.part_names)

    @classmethod
    def load(cls, folder: Path) -> Detector:
        """Read the parts, then the ensemble; DetectorError where something is missing or damaged."""
        description = read_description(folder)
        try:
            part_names, _ = _parts_and_weights(description.config)
        except ValueError as error:
            raise DetectorError(
                f"{printable(folder / DESCRIPTION)}: parts and weights do not fit ({error}); train the detector again"
            ) from error
        parts = []
        for name in part_names:
            kind = read_description(folder / name).kind
            if kind == cls.kind:
                raise DetectorError(f"{printable(folder / name)}: an ensemble cannot be part of an ensemble")
            parts.append(detector_class(kind).load(folder / name))
            parts[-1].calibrated  # noqa: B018  a part without a calibration cannot be weighted
        detector = cls(description.config, members=tuple(parts))
        detector.adopt(description)
        detector.weights_sha256 = folder_sha256(folder, part_names)
        return detector

    @property
    def part_names(self) -> tuple[str, ...]:
        """The parts' folders, kind or kind_number each."""
        return _parts_and_weights(self.config)[0]

    @property
    def weights(self) -> Floats:
        """float64 [k] what each part counts."""
        return _parts_and_weights(self.config)[1]


def fit_weights(table: Floats, labels: NDArray[np.int64], weights: Floats, ridge: float = 0.02) -> Floats:
    """Weights float64 [k], each at least 0, of scores [n, k]: a part that would count against itself is dropped."""
    columns = list(range(table.shape[1]))
    while True:
        scale = table[:, columns].std(0) + 1e-9
        coefficients, _ = fit_logistic(table[:, columns] / scale, labels, weights, ridge)
        if (coefficients >= 0).all() or len(columns) == 1:
            break
        columns.pop(int(coefficients.argmin()))
    result: Floats = np.zeros(table.shape[1])
    result[columns] = np.maximum(coefficients / scale, 1e-6) / np.log(10.0)
    return result


def _parts_and_weights(config: Json) -> tuple[tuple[str, ...], Floats]:
    """The folder names and weights [k] of a configuration; ValueError where they are none."""
    part_names, stated = names(config, "parts"), config.get("weights")
    if not isinstance(stated, list) or not 0 < len(part_names) == len(stated) <= _MOST_PARTS:
        raise ValueError(f"{len(part_names)} parts, and not as many weights")
    if not all(re.fullmatch(r"[A-Za-z_]\w{0,63}", name, re.ASCII) for name in part_names):
        raise ValueError("a part is named as no folder of a detector is")
    return part_names, np.array([number({"weight": one}, "weight", 0.0, 1e6) for one in stated], np.float64)


def _resampled(values: NDArray[np.float32], shape: tuple[int, int]) -> Floats:
    """Bilinear resampling that keeps the mean."""
    from PIL import Image

    if values.shape == shape:
        return values.astype(np.float64)
    size = shape[1], shape[0]
    smooth = np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BILINEAR), np.float64)
    with_mean: Floats = smooth + (float(values.mean()) - float(smooth.mean()))
    return with_mean
