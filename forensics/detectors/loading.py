"""How a detector is loaded by its name or folder, and the class of a kind by its name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

from forensics.core.errors import DetectorError, ForensicsError
from forensics.core.registry import method, methods
from forensics.core.terminal import printable
from forensics.core.weights import FOLDER
from forensics.detectors.contract import Detector
from forensics.detectors.description import read_description


def default_folder() -> Path:
    """The folder of the detector that ships with the package."""
    return FOLDER / "detector"


def load_detector(name_or_path: str | Path = "default") -> Detector:
    """The shipped detector (`default`) or the one in a folder that `forensics train-detector` wrote.

    Its `score(images)` takes uint8 [H, W, 3] RGB images of any size and gives float64 [n] log10 LR, higher = more
    likely synthetic. Raises DetectorError where there is no such detector, or it is damaged.
    """
    folder = default_folder() if str(name_or_path) == "default" else Path(name_or_path)
    return detector_class(read_description(folder).kind).load(folder)


def load_on_device(name_or_path: str, device: str) -> Detector:
    """The detector, scoring on `device`. ForensicsError: no such detector, or a device that cannot be used here."""
    detector = load_detector(name_or_path)
    if device == "cpu":
        return detector
    from forensics.core.devices import pick_device

    return detector.to(
        str(pick_device(device))
    )  # also where nothing can be moved: an absent device is an error


def detector_class(kind: str) -> type[Detector]:
    """The class that is registered for a kind; DetectorError where there is no such kind."""
    try:
        if not re.fullmatch(r"[a-z0-9_-]{1,64}", kind):
            raise ForensicsError("not a name")
        return cast(type[Detector], method("detector", kind).target)
    except ForensicsError as error:
        known = ", ".join(one.name for one in methods("detector"))
        raise DetectorError(f"unknown kind of detector {printable(kind)!r}: choose one of {known}") from error
