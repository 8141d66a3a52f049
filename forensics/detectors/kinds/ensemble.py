"""Several detectors as one: a logistic regression over their calibrated scores (stacking), calibrated itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from forensics.core.errors import DetectorError
from forensics.detectors.calibration import fit_logistic
from forensics.detectors.contract import (
    DESCRIPTION,
    Detector,
    Floats,
    Pixels,
    detector_class,
    folder_sha256,
    read_description,
)
from forensics.images.views import working_view

if TYPE_CHECKING:
    from forensics.faces.analyser import FaceAnalyser


@dataclass
class EnsembleDetector(Detector):
    """raw = Σ weight · part's log10 LR before its bounds. `config`: parts (folder names) and weights, both [k]."""

    parts: list[Detector] = field(default_factory=list)

    kind: ClassVar[str] = "ensemble"

    def part_scores(self, images: Sequence[Pixels]) -> Floats:
        """float64 [n, k] uncapped log10 LR of every part."""
        views = [working_view(image) for image in images]  # once for all parts; a view is its own view
        columns = [part._calibrated().uncapped(part.raw_scores(views)) for part in self.parts]
        return np.stack(columns, axis=1)

    def raw_scores(self, images: Sequence[Pixels]) -> Floats:
        """float64 [n] weighted sum of the parts' scores."""
        return self.part_scores(images) @ self._weights()

    def component_scores(self, images: Sequence[Pixels]) -> dict[str, Floats]:
        """Part's id → float64 [n] log10 LR, each within that part's bounds."""
        return self.scores_and_components(images)[1]

    def scores_and_components(self, images: Sequence[Pixels]) -> tuple[Floats, dict[str, Floats]]:
        """The scores and those of the parts, at the price of one."""
        table = self.part_scores(images)
        parts = {
            part.id: np.clip(table[:, k], part._calibrated().lowest, part._calibrated().highest)
            for k, part in enumerate(self.parts)
        }
        return self._calibrated()(table @ self._weights()), parts

    def evidence_map(self, image: Pixels) -> NDArray[np.float32] | None:
        """float32 [h, w] local log10 LR: the parts' maps weighted and summed, parts without one as a constant.

        Its mean is the image's log10 LR before the bounds. None where no part has a map.
        """
        maps = [part.evidence_map(image) for part in self.parts]
        shapes = [found.shape for found in maps if found is not None]
        if not shapes:
            return None
        shape = max(shapes)
        total = np.zeros(shape, np.float64)
        for part, weight, found in zip(self.parts, self._weights(), maps, strict=True):
            if found is None:
                total += weight * part._calibrated().uncapped(part.raw_scores([image]))[0]
            else:
                total += weight * _resampled(found, shape)
        return self._calibrated().uncapped(total).astype(np.float32)

    def to(self, device: str) -> EnsembleDetector:
        """Score on `device` from now on, as far as the parts can."""
        for part in self.parts:
            mover = getattr(part, "to", None)
            if mover is not None:
                mover(device)
        return self

    def use_faces(self, analyser: FaceAnalyser) -> None:
        """Every part that looks for faces does so with `analyser`."""
        for part in self.parts:
            part.use_faces(analyser)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """An ensemble has no arrays of its own; its parts have."""
        return {}

    @classmethod
    def from_arrays(cls, config: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Detector:
        """Not possible: an ensemble is loaded from its parts' folders."""
        raise DetectorError("an ensemble is loaded from a folder, with its parts")

    def save(self, folder: Path) -> None:
        """Write every part into a folder of its own below `folder`, then the ensemble's description."""
        from forensics.core.files import write_json

        for name, part in zip(self.config["parts"], self.parts, strict=True):
            part.save(folder / name)
        write_json(folder / DESCRIPTION, self.description())
        self.weights_sha256 = folder_sha256(folder, self._part_names())

    @classmethod
    def load(cls, folder: Path) -> Detector:
        """Read the parts, then the ensemble; DetectorError where something is missing or damaged."""
        description = read_description(folder)
        config = description["config"]
        names, weights = config.get("parts"), config.get("weights")
        if not _fits(names, weights):
            raise DetectorError(
                f"{folder / DESCRIPTION}: parts and weights do not fit; train the detector again"
            )
        parts = []
        for name in names:
            kind = read_description(folder / name)["kind"]
            if kind == cls.kind:
                raise DetectorError(f"{folder / name}: an ensemble cannot be part of an ensemble")
            parts.append(detector_class(kind).load(folder / name))
        detector = cls(config, parts=parts)
        detector.adopt(description, folder)
        for part in parts:
            part._calibrated()
        return detector

    def _part_names(self) -> Sequence[str]:
        return list(self.config["parts"])

    def _weights(self) -> Floats:
        return np.array(self.config["weights"], np.float64)


def fit_weights(table: Floats, labels: NDArray[np.int64], weights: Floats, ridge: float = 0.02) -> Floats:
    """Weights float64 [k], none negative, of scores [n, k]: a part that would count against itself is dropped."""
    kept = list(range(table.shape[1]))
    while True:
        scale = table[:, kept].std(0) + 1e-9
        found, _ = fit_logistic(table[:, kept] / scale, labels, weights, ridge)
        if (found >= 0).all() or len(kept) == 1:
            break
        kept.pop(int(found.argmin()))
    result: Floats = np.zeros(table.shape[1])
    result[kept] = np.maximum(found / scale, 1e-6) / np.log(10.0)
    return result


def _fits(names: Any, weights: Any) -> bool:
    return (
        isinstance(names, list)
        and isinstance(weights, list)
        and len(names) == len(weights) > 0
        and all(isinstance(name, str) and name.isidentifier() for name in names)
        and all(isinstance(w, int | float) and np.isfinite(w) and w >= 0 for w in weights)
    )


def _resampled(values: NDArray[np.float32], shape: tuple[int, int]) -> Floats:
    """Bilinear resampling that keeps the mean."""
    from PIL import Image

    if values.shape == shape:
        return values.astype(np.float64)
    size = shape[1], shape[0]
    smooth = np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BILINEAR), np.float64)
    kept: Floats = smooth + (float(values.mean()) - float(smooth.mean()))
    return kept
