"""How a detector is loaded by its name or folder, and the class of a kind by its name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, cast

from forensics.core.errors import DetectorError, ForensicsError
from forensics.core.registry import method, methods
from forensics.core.terminal import printable
from forensics.core.weights import FOLDER, is_here
from forensics.detectors.contract import Detector
from forensics.detectors.description import DESCRIPTION, read_description

DEFAULT: Final = "default"
WITHOUT_CLIP: Final = "without-clip"
NETWORK: Final = "clip-vit-b16"
_ON_CLIP: Final = FOLDER / "detector-clip"


def default_folder(name: str = DEFAULT) -> Path:
    """The folder of a detector that ships: `default`, which is the one on CLIP's image tower where that was pulled, or
    `without-clip`."""
    return _ON_CLIP if name == DEFAULT and _on_clip_ships() and is_here(NETWORK) else FOLDER / "detector"


def detector_folder(name_or_path: str | Path) -> Path:
    """The folder of a detector: of one that ships, by its name, or the path itself."""
    name = str(name_or_path)
    return default_folder(name) if name in (DEFAULT, WITHOUT_CLIP) else Path(name_or_path)


def weaker_here() -> str:
    """One line that says why the default detector is a weaker one on this machine; "" where it is not."""
    if is_here(NETWORK) or not _on_clip_ships():
        return ""
    return f"a weaker detector is used: the better one needs CLIP's image tower; run `forensics models pull {NETWORK}`"


def _on_clip_ships() -> bool:
    return (_ON_CLIP / DESCRIPTION).is_file()


def load_detector(name_or_path: str | Path = "default") -> Detector:
    """A shipped detector (`default`, `without-clip`) or the one in a folder that `forensics train-detector` wrote.

    Its `score(images)` takes uint8 [H, W, 3] RGB images of any size and gives float64 [n] log10 LR, higher = more
    likely synthetic. Raises DetectorError where there is no such detector, or it is damaged.
    """
    folder = detector_folder(name_or_path)
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
