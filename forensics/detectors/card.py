"""The card of a detector: which images it was fitted and calibrated on, and what it was validated for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from forensics.detectors.checked import counts, number, record, text, whole
from forensics.detectors.domain import Domain


@dataclass(frozen=True)
class PoolRecord:
    """Which images: of which sources how many, one hash over all, and either their number or, where they are those of
    training crossed over folds, the number of folds."""

    sources: Mapping[str, int]
    sha256: str
    images: int | None = None
    folds: int | None = None

    @classmethod
    def from_json(cls, value: object) -> PoolRecord:
        """The inverse of `to_json`; ValueError where the values make no record."""
        stated = record(value, "images of the card")
        images, folds = (whole(stated, name) if name in stated else None for name in ("images", "folds"))
        return cls(counts(stated, "sources"), text(stated, "sha256"), images, folds)

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not known is left out."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Propositions:
    """What the two sides of the likelihood ratio say, as sentences."""

    synthetic: str = "the face was made by a generator of the StyleGAN family."
    authentic: str = "the image is a photograph of a face, possibly resized or recompressed."


@dataclass(frozen=True)
class DetectorCard:
    """What a detector says of its own making; a part of an ensemble says nothing.

    `synthetic_past`: the JPEG quality that generated images were given at 1024 px, as the photographs had it; 0: none.
    """

    training: PoolRecord | None = None
    calibration: PoolRecord | None = None
    seed: int | None = None
    synthetic_past: int | None = None
    trimmed_off_the_bottom: float | None = None
    self_made_weight: float | None = None
    domain: Domain | None = None
    propositions: Propositions | None = None

    @classmethod
    def from_json(cls, value: object) -> DetectorCard:
        """The inverse of `to_json`; ValueError where the values make no card."""
        stated = record(value, "card")
        data = record(stated.get("data", {}), "data of the card")
        training, calibration = (
            PoolRecord.from_json(data[name]) if name in data else None for name in ("training", "calibration")
        )
        return cls(
            training,
            calibration,
            whole(data, "seed", high=1 << 64) if "seed" in data else None,
            whole(data, "synthetic_past", 0, 100) if "synthetic_past" in data else None,
            number(data, "trimmed_off_the_bottom", 0, 1) if "trimmed_off_the_bottom" in data else None,
            number(data, "self_made_weight", 0, 1) if "self_made_weight" in data else None,
            Domain.from_json(stated["domain"]) if "domain" in stated else None,
            _propositions(stated["propositions"]) if "propositions" in stated else None,
        )

    def to_json(self) -> dict[str, object]:
        """Plain values; what is not known is left out."""
        pools = {"training": self.training, "calibration": self.calibration}
        data: dict[str, object] = {name: one.to_json() for name, one in pools.items() if one is not None}
        for name in ("seed", "synthetic_past", "trimmed_off_the_bottom", "self_made_weight"):
            if (value := vars(self)[name]) is not None:
                data[name] = value
        sections = {
            "data": data,
            "domain": self.domain and self.domain.to_json(),
            "propositions": self.propositions and dict(vars(self.propositions)),
        }
        return {name: section for name, section in sections.items() if section}


def _propositions(value: object) -> Propositions:
    stated = record(value, "propositions", Propositions)
    return Propositions(text(stated, "synthetic"), text(stated, "authentic"))
