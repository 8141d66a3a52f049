"""Detector folders made to exhaust or mislead: each function alters a copy of the detector that ships."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors.numpy import load_file, save_file

from forensics.core.weights import folder_of

Alter = Callable[[Path], None]
DETECTORS: Final[dict[str, Alter]] = {}
# Kinds that a reader may accept: what is wrong with them is only what they would print.
HARMLESS: Final = ("escapes_in_a_card", "weights_of_integers")
_PART: Final = "layers"


def copy_of_the_shipped(folder: Path) -> None:
    """The shipped detector, its files linked rather than copied."""
    source = folder_of("detector")
    for path in source.rglob("*"):
        if path.is_file():
            target = folder / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target) if path.stat().st_dev == folder.stat().st_dev else target.write_bytes(
                path.read_bytes()
            )


def kind(alter: Alter) -> Alter:
    """Enter a function under its name."""
    DETECTORS[alter.__name__] = alter
    return alter


def replace(path: Path, data: bytes) -> None:
    """New bytes in a file that may be a link to a shared one."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def change(folder: Path, **changes: Any) -> None:
    """Merge `changes` into `detector.json`, which may become no JSON by what they hold."""
    path = folder / "detector.json"
    description = json.loads(path.read_text("utf-8"))
    for name, value in changes.items():
        both = isinstance(value, dict) and isinstance(description.get(name), dict)
        description[name] = {**description[name], **value} if both else value
    replace(path, json.dumps(description).encode())


def change_arrays(folder: Path, **arrays: np.ndarray) -> None:
    """Merge arrays into the weights of a part."""
    path = folder / "weights.safetensors"
    held = load_file(path) | arrays
    path.unlink()
    save_file(held, path)


def values(name: str, **cases: Any) -> None:
    """A kind for each value that a field of `detector.json` must not have."""
    for case, value in cases.items():

        def alter(folder: Path, value: Any = value) -> None:
            change(folder, **{name: value})

        DETECTORS[f"{name}_{case}"] = alter


values(
    "thresholds",
    nan={"synthetic_at": float("nan")}, infinite={"synthetic_at": float("inf")}, text={"synthetic_at": "1"},
    a_list=[1, 2], none_of_them={"synthetic_at": None}, true={"authentic_at": True}, huge={"synthetic_at": 10**400},
    other_side={"authentic_at": 0.5}, a_number=3, more={"surprise": 1}, count_of_text={"n_authentic": "many"},
    how_of_megabytes={"how": "x" * 3_000_000},
)  # fmt: skip
values(
    "calibration",
    nan={"slope": float("nan")}, infinite={"offset": float("-inf")}, text={"slope": "1"}, a_list=[1], a_number=1,
    upside_down={"lowest": 2.0, "highest": -2.0}, huge={"slope": 10**400}, true={"slope": True},
)  # fmt: skip
values(
    "config",
    a_list=[], thousands_of_parts={"parts": ["layers"] * 10_000, "weights": [0.1] * 10_000},
    part_elsewhere={"parts": ["../../detector"], "weights": [1.0]}, part_absolute={"parts": ["/etc"], "weights": [1.0]},
    part_of_many_characters={"parts": ["a" * 5000], "weights": [1.0]}, part_number={"parts": [7], "weights": [1.0]},
    itself={"parts": ["."], "weights": [1.0]}, no_parts={"parts": [], "weights": []},
    weights_nan={"weights": [float("nan")] * 3}, weights_text={"weights": "abc"}, weights_few={"weights": [1.0]},
    weights_huge={"weights": [1e308, 1e308, 1e308]},
)  # fmt: skip
values(
    "card",
    a_list=[], a_text="card", domain_a_list={"domain": [1]}, side_of_text={"domain": {"min_side_px": "many"}},
    side_nan={"domain": {"min_side_px": float("nan")}}, formats_a_number={"domain": {"formats": 5}},
    quality_a_list={"domain": {"min_jpeg_quality": [50]}}, of_megabytes={"text": "x" * 3_900_000},
    half_a_pair={"text": "\ud800"}, share_of_text={"domain": {"min_face_share": "half"}},
)  # fmt: skip
values("kind", number=3, escapes="a\x1b[2J", unknown="oracle", of_a_path="../x", none_of_them=None)
values("format_version", later=99, text="1", none_of_them=None, nan=float("nan"))


@kind
def description_is_a_pipe(folder: Path) -> None:
    """A FIFO that nobody writes to."""
    (folder / "detector.json").unlink()
    os.mkfifo(folder / "detector.json")


@kind
def description_is_a_device(folder: Path) -> None:
    """A link to an endless device."""
    (folder / "detector.json").unlink()
    (folder / "detector.json").symlink_to("/dev/zero")


@kind
def description_of_holes(folder: Path) -> None:
    """2 GB of holes."""
    replace(folder / "detector.json", b"{")
    os.truncate(folder / "detector.json", 2 << 30)


@kind
def description_of_brackets(folder: Path) -> None:
    """100,000 levels."""
    replace(folder / "detector.json", b"[" * 100_000)


@kind
def weights_are_a_pipe(folder: Path) -> None:
    """A FIFO in place of a part's weights."""
    (folder / _PART / "weights.safetensors").unlink()
    os.mkfifo(folder / _PART / "weights.safetensors")


@kind
def weights_are_a_device(folder: Path) -> None:
    """A link to an endless device in place of a part's weights."""
    (folder / _PART / "weights.safetensors").unlink()
    (folder / _PART / "weights.safetensors").symlink_to("/dev/zero")


@kind
def weights_of_holes(folder: Path) -> None:
    """5 GB of holes in place of a part's weights."""
    replace(folder / _PART / "weights.safetensors", b"\0")
    os.truncate(folder / _PART / "weights.safetensors", 5 << 30)


@kind
def weights_cut_off(folder: Path) -> None:
    """The first thousand bytes of a part's weights."""
    path = folder / _PART / "weights.safetensors"
    replace(path, path.read_bytes()[:1000])


@kind
def weights_not_a_number(folder: Path) -> None:
    """NaN in every floating-point array of a part."""
    held = load_file(folder / _PART / "weights.safetensors")
    change_arrays(folder / _PART, **{k: v * np.nan for k, v in held.items() if v.dtype.kind == "f"})


@kind
def weights_that_overflow(folder: Path) -> None:
    """The largest finite numbers in every floating-point array of a part."""
    held = load_file(folder / _PART / "weights.safetensors")
    largest = {k: np.full_like(v, np.finfo(v.dtype).max) for k, v in held.items() if v.dtype.kind == "f"}
    change_arrays(folder / _PART, **largest)


@kind
def weights_of_integers(folder: Path) -> None:
    """Whole numbers where fractions are."""
    held = load_file(folder / _PART / "weights.safetensors")
    change_arrays(folder / _PART, **{k: np.ones(v.shape, np.int64) for k, v in held.items()})


@kind
def weights_of_no_size(folder: Path) -> None:
    """Arrays of no values."""
    held = load_file(folder / _PART / "weights.safetensors")
    change_arrays(folder / _PART, **{k: np.zeros((0,), np.float32) for k in held})


@kind
def part_is_missing(folder: Path) -> None:
    """A part whose folder is gone."""
    for path in (folder / _PART).iterdir():
        path.unlink()


@kind
def part_inside_itself(folder: Path) -> None:
    """A part that is a link to the whole."""
    for path in (folder / _PART).iterdir():
        path.unlink()
    (folder / _PART).rmdir()
    (folder / _PART).symlink_to(folder, target_is_directory=True)


@kind
def escapes_in_a_card(folder: Path) -> None:
    """Terminal codes and markup in what a page shows of the card."""
    change(folder, card={"note": "\x1b]0;x\x07<script>alert(1)</script>"})
