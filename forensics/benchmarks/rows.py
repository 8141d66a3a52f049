"""What a benchmark knows of one image: where it comes from, what its file says, and its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from forensics.corpus.items import Item
from forensics.images import DecodedImage

ITEM_FIELDS: Final = ("corpus", "file", "sha256", "label", "source", "family", "recipe", "psi", "radius")


@dataclass(frozen=True)
class FileFacts:
    """What a file says of itself, whatever it shows: format, size in pixels and bytes, JPEG tables [64] each."""

    format: str
    mode: str
    width: int
    height: int
    n_bytes: int
    jpeg_tables: tuple[tuple[int, ...], ...] = ()

    @classmethod
    def of(cls, image: DecodedImage) -> FileFacts:
        """Those of an image that was decoded."""
        tables = tuple(tuple(table) for table in image.jpeg_tables or ())
        return cls(image.format, image.mode, image.width, image.height, image.n_bytes, tables)


@dataclass(frozen=True)
class PerturbedScores:
    """Scores of one image under one perturbation: what was drawn, why a verdict would be withheld, and detector's
    id → log10 LR, the deciding detector first."""

    draws: Mapping[str, float | int | str]
    withheld: tuple[str, ...]
    log10_lr: Mapping[str, float]


@dataclass(frozen=True)
class ScoredImage:
    """One image of a benchmark. `failure`: one line where it could not be scored; `file_facts` are then None.

    `scores`: perturbation's name → scores, in the order of the plan.
    """

    corpus: str
    file: str
    sha256: str
    label: int
    source: str
    family: str = ""
    recipe: str | None = None
    psi: float | None = None
    radius: float | None = None
    failure: str | None = None
    file_facts: FileFacts | None = None
    scores: Mapping[str, PerturbedScores] = field(default_factory=dict)

    @classmethod
    def failed(cls, item: Item, failure: str) -> ScoredImage:
        """An image that could not be read."""
        return cls(**_of_item(item), failure=failure)

    @classmethod
    def scored(cls, item: Item, image: DecodedImage, scores: Mapping[str, PerturbedScores]) -> ScoredImage:
        """An image with its scores."""
        return cls(**_of_item(item), file_facts=FileFacts.of(image), scores=scores)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ScoredImage:
        """The image of plain values as `to_json` gives them."""
        known = {one.name: value[one.name] for one in fields(cls)}
        facts = known["file_facts"]
        if facts is not None:
            facts = FileFacts(**{**facts, "jpeg_tables": tuple(map(tuple, facts["jpeg_tables"]))})
        scores = {
            name: PerturbedScores(entry["draws"], tuple(entry["withheld"]), entry["log10_lr"])
            for name, entry in known["scores"].items()
        }
        return cls(**{**known, "file_facts": facts, "scores": scores})

    def to_json(self) -> dict[str, object]:
        """Plain values under the names of the fields."""
        return asdict(self)


def item_values(item: Item) -> tuple[Any, ...]:
    """The fields of an image of a corpus that a benchmark keeps, in the order of `ITEM_FIELDS`."""
    return tuple(getattr(item, name) for name in ITEM_FIELDS)


def _of_item(item: Item) -> Mapping[str, Any]:
    return dict(zip(ITEM_FIELDS, item_values(item), strict=True))


def scores_and_labels(
    rows: Sequence[ScoredImage], perturbation: str, detector: str
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """log10 LR float64 [n] and labels int64 [n] of images that were scored."""
    values = [row.scores[perturbation].log10_lr[detector] for row in rows]
    return np.array(values, dtype=np.float64), np.array([row.label for row in rows], dtype=np.int64)
