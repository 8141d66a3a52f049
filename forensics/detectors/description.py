"""What lies in a detector's folder: `detector.json`, parsed and checked, and the arrays beside it. Nothing is executed.

A folder may be a stranger's: types are checked, numbers are finite and within bounds, sizes are limited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from forensics.core.apart.arrays_file import read_arrays as arrays_of_file
from forensics.core.errors import DetectorError
from forensics.core.terminal import printable
from forensics.core.untrusted import parse_json, read_untrusted
from forensics.detectors.calibration import Calibration
from forensics.detectors.card import DetectorCard
from forensics.detectors.checked import Json, record, text
from forensics.detectors.thresholds import POLARITY, Thresholds

FORMAT_VERSION: Final = 1
DESCRIPTION: Final = "detector.json"
WEIGHTS: Final = "weights.safetensors"
_MAX_DESCRIPTION_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class Description:
    """The content of `detector.json`: the kind, its own configuration, and what every detector has."""

    kind: str
    config: Json
    calibration: Calibration | None = None
    thresholds: Thresholds | None = None
    card: DetectorCard = field(default_factory=DetectorCard)

    def to_json(self) -> dict[str, object]:
        """Plain values, as they are stored."""
        return {
            "format_version": FORMAT_VERSION,
            "kind": self.kind,
            "polarity": POLARITY,
            "config": dict(self.config),
            "calibration": self.calibration and self.calibration.to_json(),
            "thresholds": self.thresholds and vars(self.thresholds),
            "card": self.card.to_json(),
        }

    @classmethod
    def from_json(cls, value: object) -> Description:
        """The inverse; ValueError, in a few words, where the values make no description."""
        stated = record(value, "a description")
        if not isinstance(stated.get("kind"), str):
            raise ValueError("no kind")
        if missing := {"format_version", "config", "calibration", "thresholds", "card"} - stated.keys():
            raise ValueError(f"lacks {', '.join(sorted(missing))}")
        if stated["format_version"] != FORMAT_VERSION:
            raise ValueError(
                f"format version {stated['format_version']!r}, this program reads {FORMAT_VERSION}"
            )
        calibration, thresholds = stated["calibration"], stated["thresholds"]
        return cls(
            text(stated, "kind"),
            record(stated["config"], "config"),
            None if calibration is None else Calibration.from_json(calibration),
            None if thresholds is None else Thresholds.from_json(thresholds),
            DetectorCard.from_json(stated["card"]),
        )


def read_description(folder: Path) -> Description:
    """The checked content of `detector.json`; DetectorError where there is none, or it is damaged."""
    path = folder / DESCRIPTION
    if not path.is_file():
        raise DetectorError(
            f"{printable(folder)}: holds no detector ({DESCRIPTION} is missing); name a folder that "
            "`forensics train-detector` wrote, or `default`"
        )
    try:
        return Description.from_json(
            parse_json(read_untrusted(path, _MAX_DESCRIPTION_BYTES, DetectorError).data)
        )
    except ValueError as error:
        reason = printable(str(error))
        raise DetectorError(f"{printable(path)}: is damaged ({reason}); train the detector again") from error


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a safetensors file by name, each of any shape, float16 to int64 [d, …], all finite.

    It is parsed in a fork, which the kernel bounds. DetectorError where it is missing or damaged.
    """
    return arrays_of_file(path, DetectorError, "train the detector again")[0]


def folder_sha256(folder: Path, parts: Sequence[str] = ()) -> str:
    """One hash for a detector: over the names and hashes of its `detector.json` and weights, and of its `parts`."""
    from forensics.core.files import sha256_bytes, sha256_file

    places = [folder, *(folder / part for part in sorted(parts))]
    files = [place / name for place in places for name in (DESCRIPTION, WEIGHTS) if (place / name).is_file()]
    lines = "".join(f"{sha256_file(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
    return sha256_bytes(lines.encode())


def expect_shapes(
    arrays: Mapping[str, NDArray[Any]], shapes: Mapping[str, tuple[int, ...]], what: str
) -> None:
    """DetectorError naming missing, surplus and misshapen arrays (the first few of each).

    Of arrays of any dtype, float16 to int64, and any value, whose shapes are to be `shapes`: name → [d, …].
    """
    missing = sorted(shapes.keys() - arrays.keys())
    surplus = sorted(arrays.keys() - shapes.keys())
    wrong = [
        f"{key} is {list(arrays[key].shape)}, not {list(shape)}"
        for key, shape in shapes.items()
        if key in arrays and arrays[key].shape != tuple(shape)
    ]
    parts = [
        f"{title}: {printable(', '.join(items[:4]))}{' …' if len(items) > 4 else ''}"
        for title, items in (("missing", missing), ("surplus", surplus), ("misshapen", wrong))
        if items
    ]
    if parts:
        raise DetectorError(
            f"the weights do not fit the {what} ({'; '.join(parts)}); train the detector again"
        )
