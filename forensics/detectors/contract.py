"""The contract of every detector, and how one is loaded.

A detector folder holds `detector.json` (what it is: kind, configuration, calibration, thresholds, card) and, unless it
is an ensemble, `weights.safetensors`; an ensemble holds one such folder a part. Nothing in it is executed on loading.

The score is log10 of the likelihood ratio p(image | synthetic) / p(image | authentic): higher = more likely synthetic.
"""

from __future__ import annotations

import importlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray

from forensics.core.errors import DetectorError

if TYPE_CHECKING:
    from forensics.detectors.calibration import Calibration
    from forensics.faces.analyser import FaceAnalyser

Pixels = NDArray[np.uint8]  # [H, W, 3] RGB
Floats = NDArray[np.float64]
Verdict = Literal["synthetic", "authentic", "inconclusive"]

FORMAT_VERSION: Final = 1
DESCRIPTION: Final = "detector.json"
WEIGHTS: Final = "weights.safetensors"
POLARITY: Final = "log10 LR, higher = more likely synthetic"
_MAX_DESCRIPTION_BYTES = 4 << 20

# kind -> (module of this package, class). The module is imported when such a detector is loaded or trained.
KINDS: Final[dict[str, tuple[str, str]]] = {
    "frequency": ("frequency", "FrequencyDetector"),
    "layers": ("layers", "LayersDetector"),
    "cnn": ("cnn", "CnnDetector"),
    "npr": ("npr", "NprDetector"),
    "patch": ("patch", "PatchDetector"),
    "fingerprint": ("fingerprint", "FingerprintDetector"),
    "faces": ("faces", "FaceSignsDetector"),
    "discriminator": ("discriminator", "DiscriminatorDetector"),
    "ensemble": ("ensemble", "EnsembleDetector"),
}


@dataclass(frozen=True)
class Thresholds:
    """Where the verdict changes, in log10 LR; between the two it is `inconclusive`.

    `synthetic_at` keeps the rate of authentic images called synthetic at most `target_fpr`, `authentic_at` that of
    synthetic ones called authentic at most `target_fnr`, on the calibration pool of the given sizes.
    """

    synthetic_at: float
    authentic_at: float
    target_fpr: float
    target_fnr: float
    n_authentic: int
    n_synthetic: int
    how: str

    def verdict(self, log10_lr: float) -> Verdict:
        """The verdict on a score."""
        if log10_lr >= self.synthetic_at:
            return "synthetic"
        return "authentic" if log10_lr <= self.authentic_at else "inconclusive"

    @classmethod
    def from_json(cls, value: Any) -> Thresholds:
        """The thresholds of a description; ValueError or TypeError where the values make none."""
        found = cls(**value)
        if not float(found.authentic_at) < 0 < float(found.synthetic_at) < float("inf"):
            raise ValueError("thresholds lie on the two sides of 0")
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain values; `n` is the number of calibration images."""
        return {**vars(self), "n": self.n_authentic + self.n_synthetic}


@dataclass
class Detector(ABC):
    """What turns images into scores. `calibration` and `thresholds` are None until it is calibrated."""

    config: dict[str, Any]
    calibration: Calibration | None = None
    limits: Thresholds | None = None
    card: dict[str, Any] = field(default_factory=dict)
    weights_sha256: str = ""

    kind: ClassVar[str]

    @property
    def id(self) -> str:
        """Kind and the first eight digits of the weights' hash."""
        return f"{self.kind}-{self.weights_sha256[:8] or 'unsaved'}"

    @abstractmethod
    def raw_scores(self, images: Sequence[Pixels]) -> Floats:
        """float64 [n] uncalibrated scores, higher = more likely synthetic. Images uint8 [H, W, 3] of any size;
        each is scored by itself, so neither order nor batch matters."""

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The weights, as they are stored."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, config: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Detector:
        """A detector with exactly these weights; DetectorError where they do not fit `config`."""

    def score(self, images: Sequence[Pixels]) -> Floats:
        """float64 [n] log10 LR of uint8 [H, W, 3] images; DetectorError where it was never calibrated."""
        return self._calibrated()(self.raw_scores(images))

    def evidence_map(self, image: Pixels) -> NDArray[np.float32] | None:
        """float32 [h, w] local log10 LR over the image (its mean is the uncapped score), or None."""
        return None

    def use_faces(self, analyser: FaceAnalyser) -> None:  # noqa: B027
        """Look for faces with `analyser`, where the detector looks for any; DetectorError where it needs another."""

    @property
    def thresholds(self) -> dict[str, Any]:
        """synthetic_at, authentic_at (log10 LR), target error rates, how they were fixed, and on how many images."""
        return self._limited().to_json()

    def verdict(self, log10_lr: float) -> Verdict:
        """`synthetic`, `authentic` or `inconclusive`."""
        return self._limited().verdict(log10_lr)

    def save(self, folder: Path) -> None:
        """Write the detector into `folder`, and take on the hash of what was written."""
        from safetensors.numpy import save as to_bytes

        from forensics.core.files import write_bytes, write_json

        write_bytes(folder / WEIGHTS, to_bytes(self.arrays()))
        write_json(folder / DESCRIPTION, self.description())
        self.weights_sha256 = folder_sha256(folder)

    def description(self) -> dict[str, Any]:
        """What `detector.json` holds."""
        return {
            "format_version": FORMAT_VERSION,
            "kind": self.kind,
            "polarity": POLARITY,
            "config": self.config,
            "calibration": self.calibration and self.calibration.to_json(),
            "thresholds": self.limits and vars(self.limits),
            "card": self.card,
        }

    @classmethod
    def load(cls, folder: Path) -> Detector:
        """Read a detector of this kind; DetectorError where the folder is damaged."""
        description = read_description(folder)
        if description["kind"] != cls.kind:
            raise DetectorError(f"{folder}: is a {description['kind']} detector, not a {cls.kind} one")
        detector = cls.from_arrays(description["config"], read_arrays(folder / WEIGHTS))
        detector.adopt(description, folder)
        return detector

    def adopt(self, description: Mapping[str, Any], folder: Path) -> None:
        """Take calibration, thresholds, card and hash from a folder that was read."""
        from forensics.detectors.calibration import Calibration

        try:
            if description["calibration"] is not None:
                self.calibration = Calibration.from_json(description["calibration"])
            if description["thresholds"] is not None:
                self.limits = Thresholds.from_json(description["thresholds"])
            self.card = dict(description["card"])
        except (KeyError, TypeError, ValueError) as error:
            raise DetectorError(
                f"{folder / DESCRIPTION}: is damaged ({error!r}); train the detector again"
            ) from error
        self.weights_sha256 = folder_sha256(folder, self._part_names())

    def _part_names(self) -> Sequence[str]:
        """Folders below the detector's own that belong to it."""
        return ()

    def _calibrated(self) -> Calibration:
        if self.calibration is None:
            raise DetectorError(
                f"the {self.kind} detector was never calibrated: its scores have no meaning yet"
            )
        return self.calibration

    def _limited(self) -> Thresholds:
        if self.limits is None:
            raise DetectorError(f"the {self.kind} detector has no thresholds: it was never calibrated")
        return self.limits


def default_folder() -> Path:
    """The folder of the detector that ships with the package."""
    return Path(__file__).parent.parent / "weights" / "detector"


def load_detector(name_or_path: str | Path = "default") -> Detector:
    """The shipped detector (`default`) or the one in a folder that `forensics train-detector` wrote.

    Raises DetectorError where there is none, or it is damaged.
    """
    folder = default_folder() if str(name_or_path) == "default" else Path(name_or_path)
    return detector_class(read_description(folder)["kind"]).load(folder)


def load_on_device(name_or_path: str, device: str) -> Detector:
    """The detector, scoring on `device`. ForensicsError: no such detector, or a device that cannot be used here."""
    detector = load_detector(name_or_path)
    move = getattr(detector, "to", None)
    if device not in ("cpu", "auto") or (move is not None and device == "auto"):
        from forensics.core.devices import pick_device

        found = str(pick_device(device))  # also where nothing can be moved: an absent device is an error
        if move is not None:
            move(found)
    return detector


def detector_class(kind: str) -> type[Detector]:
    """The class of a kind; DetectorError where there is no such kind."""
    if kind not in KINDS:
        raise DetectorError(f"unknown kind of detector {kind!r}: choose one of {', '.join(KINDS)}")
    module, name = KINDS[kind]
    found: type[Detector] = getattr(importlib.import_module(f"forensics.detectors.kinds.{module}"), name)
    return found


def read_description(folder: Path) -> dict[str, Any]:
    """The checked content of `detector.json`."""
    path = folder / DESCRIPTION
    if not path.is_file():
        raise DetectorError(
            f"{folder}: holds no detector ({DESCRIPTION} is missing); name a folder that "
            "`forensics train-detector` wrote, or `default`"
        )
    try:
        if path.stat().st_size > _MAX_DESCRIPTION_BYTES:
            raise ValueError("too large")
        description = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(description, dict) or not isinstance(description.get("kind"), str):
            raise ValueError("no kind")
        if missing := {"format_version", "config", "calibration", "thresholds", "card"} - description.keys():
            raise ValueError(f"lacks {', '.join(sorted(missing))}")
        if description["format_version"] != FORMAT_VERSION:
            raise ValueError(
                f"format version {description['format_version']!r}, this program reads {FORMAT_VERSION}"
            )
        if not isinstance(description["config"], dict):
            raise ValueError("config is no object")
    except (OSError, ValueError, RecursionError) as error:
        raise DetectorError(f"{path}: is damaged ({error}); train the detector again") from error
    if description["kind"] not in KINDS:
        raise DetectorError(f"{path}: unknown kind of detector {description['kind']!r}")
    return description


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a safetensors file, all finite; DetectorError where it is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays: dict[str, NDArray[Any]] = load(path.read_bytes())
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DetectorError(f"{path}: cannot be read ({reason}); train the detector again") from error
    for key, value in arrays.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise DetectorError(f"{path}: {key} holds a value that is not finite; train the detector again")
    return arrays


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
    """DetectorError naming missing, surplus and misshapen keys (the first few of each)."""
    missing = sorted(shapes.keys() - arrays.keys())
    surplus = sorted(arrays.keys() - shapes.keys())
    wrong = [
        f"{key} is {list(arrays[key].shape)}, not {list(shape)}"
        for key, shape in shapes.items()
        if key in arrays and arrays[key].shape != tuple(shape)
    ]
    parts = [
        f"{title}: {', '.join(items[:4])}{' …' if len(items) > 4 else ''}"
        for title, items in (("missing", missing), ("surplus", surplus), ("misshapen", wrong))
        if items
    ]
    if parts:
        raise DetectorError(
            f"the weights do not fit the {what} ({'; '.join(parts)}); train the detector again"
        )
