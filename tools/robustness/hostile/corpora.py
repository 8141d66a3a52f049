"""Corpora and foreign trees made to exhaust or mislead: each function alters a small honest one."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

Alter = Callable[[Path], None]
CORPORA: Final[dict[str, Alter]] = {}  # of a corpus that this toolkit wrote
TREES: Final[dict[str, Alter]] = {}  # of a tree with real/ and fake_x/


def corpus_kind(alter: Alter) -> Alter:
    """Enter a function that alters a corpus under its name."""
    CORPORA[alter.__name__] = alter
    return alter


def tree_kind(alter: Alter) -> Alter:
    """Enter a function that alters a foreign tree under its name."""
    TREES[alter.__name__] = alter
    return alter


def honest_tree(folder: Path, n: int = 3) -> None:
    """`n` small pictures under real/ and as many under fake_x/."""
    rng = np.random.default_rng(0)
    for name in ("real", "fake_x"):
        (folder / name).mkdir(parents=True)
        for k in range(n):
            Image.fromarray(rng.integers(0, 255, (96, 96, 3), np.uint8)).save(folder / name / f"{k}.png")


def rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of a manifest."""
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines()]


def write_rows(folder: Path, changed: list[dict[str, Any]]) -> None:
    """Write rows as a manifest, whatever they hold."""
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in changed), "utf-8")


def row_values(**cases: dict[str, Any]) -> None:
    """A kind for each change of the first row of a manifest."""
    for name, changes in cases.items():

        def alter(folder: Path, changes: dict[str, Any] = changes) -> None:
            first, *rest = rows(folder)
            write_rows(folder, [first | changes, *rest])

        CORPORA[f"row_{name}"] = alter


row_values(
    file_elsewhere={"file": "../../../../etc/passwd"}, file_absolute={"file": "/etc/passwd"},
    file_of_many_characters={"file": "images/" + "n" * 5000}, file_of_half_a_pair={"file": "images/\ud800.png"},
    file_with_zero={"file": "images/a\0b.png"}, file_a_number={"file": 7}, label_of_text={"label": "synthetic"},
    label_of_two={"label": 2}, label_true={"label": True}, label_nan={"label": float("nan")},
    sha256_of_text={"sha256": "x" * 64}, sha256_none={"sha256": None}, params_a_list={"params": [1]},
    source_of_megabytes={"source": "s" * 3_000_000}, source_with_escapes={"source": "\x1b[2J\x07"},
    deep={"params": {"a": json.loads("[" * 400 + "]" * 400)}},
)  # fmt: skip


def summary_values(**cases: Any) -> None:
    """A kind for each change of `corpus.json`."""
    for name, changes in cases.items():

        def alter(folder: Path, changes: Any = changes) -> None:
            path = folder / "corpus.json"
            path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")

        CORPORA[f"summary_{name}"] = alter


summary_values(
    how_a_list={"how": []}, chunk_nan={"chunk": float("nan")}, chunk_zero={"chunk": 0}, chunk_huge={"chunk": 10**300},
    complete_of_text={"complete": "yes"}, counts_a_list={"counts": []}, latents_a_list={"latents": [1]},
    latents_elsewhere={"latents": {"../../x": "0" * 64}}, version_later={"format_version": 99},
)  # fmt: skip


def replaced_by_pipe(path: Path) -> None:
    """A FIFO in place of a file."""
    path.unlink()
    os.mkfifo(path)


@corpus_kind
def manifest_is_a_pipe(folder: Path) -> None:
    """A manifest that nobody writes to."""
    replaced_by_pipe(folder / "manifest.jsonl")


@corpus_kind
def summary_is_a_pipe(folder: Path) -> None:
    """The same for `corpus.json`."""
    replaced_by_pipe(folder / "corpus.json")


@corpus_kind
def manifest_is_a_device(folder: Path) -> None:
    """A manifest that never ends."""
    (folder / "manifest.jsonl").unlink()
    (folder / "manifest.jsonl").symlink_to("/dev/zero")


@corpus_kind
def manifest_of_holes(folder: Path) -> None:
    """A manifest of 5 GB of holes."""
    os.truncate(folder / "manifest.jsonl", 5 << 30)


@corpus_kind
def manifest_of_one_line(folder: Path) -> None:
    """A manifest of 40 MB without an end of line."""
    (folder / "manifest.jsonl").write_bytes(b"x" * 40_000_000)


@corpus_kind
def images_are_pipes_and_links(folder: Path) -> None:
    """Images that are a FIFO, a dangling link, a device and a folder."""
    paths = [folder / row["file"] for row in rows(folder)]
    replaced_by_pipe(paths[0])
    for path, target in zip(paths[1:3], ("/nowhere", "/dev/zero"), strict=True):
        path.unlink()
        path.symlink_to(target)
    paths[3].unlink()
    paths[3].mkdir()


@tree_kind
def list_is_a_pipe(folder: Path) -> None:
    """A manifest.csv that nobody writes to."""
    os.mkfifo(folder / "manifest.csv")


@tree_kind
def list_of_holes(folder: Path) -> None:
    """A manifest.csv of 200 MB of holes."""
    (folder / "manifest.csv").write_text("path,label\n")
    os.truncate(folder / "manifest.csv", 200 << 20)


@tree_kind
def list_of_one_field(folder: Path) -> None:
    """A manifest.csv whose field is 30 MB long."""
    (folder / "manifest.csv").write_text('path,label\n"' + "x" * 30_000_000)


@tree_kind
def list_with_escapes(folder: Path) -> None:
    """A manifest.csv of terminal codes, bytes that are no text, and numbers that are none."""
    (folder / "manifest.csv").write_bytes(b"path,label,psi,seed\nreal/0.png,9,nan,1e999\n\x1b[2J\xff,\0,,\n")


@tree_kind
def places_in_a_ring(folder: Path) -> None:
    """A folder that holds a link to itself."""
    (folder / "real" / "again").symlink_to(folder / "real", target_is_directory=True)


@tree_kind
def pipes_among_images(folder: Path) -> None:
    """FIFOs and dangling links with the names of images."""
    os.mkfifo(folder / "real" / "pipe.png")
    (folder / "fake_x" / "gone.png").symlink_to("/nowhere.png")


@tree_kind
def names_that_are_not_text(folder: Path) -> None:
    """A file whose name is no UTF-8."""
    os.rename(folder / "real" / "0.png", os.fsencode(folder / "real") + b"/\xff\xfe.png")


@tree_kind
def a_strip(folder: Path) -> None:
    """A picture of 1 x 30,000 px."""
    Image.fromarray(np.zeros((30_000, 1, 3), np.uint8)).save(folder / "real" / "strip.png")


@tree_kind
def a_bomb_among_images(folder: Path) -> None:
    """A PNG that says it is 60,000 px wide and high."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(10_000_000)))
        + chunk(b"IEND", b"")
    )
    (folder / "real" / "bomb.png").write_bytes(data)
