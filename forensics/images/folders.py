"""Which files the paths on a command line mean."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from forensics.core.errors import ForensicsError
from forensics.core.terminal import printable
from forensics.core.untrusted import read_head
from forensics.images.decoding import SNIFFED_BYTES, ImageFailure, sniff

SUFFIXES = frozenset(
    [
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif"),
        *(".heic", ".heif", ".hif", ".avif", ".avifs", ".jp2", ".j2k", ".jpf", ".jpx"),
    ]
)


# Pictures that are not read here: they are candidates all the same, and decoding them says what they are.
_UNREAD_SUFFIXES = frozenset(
    [
        *(".jxl", ".psd", ".psb", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef"),
        *(".ico", ".tga", ".ppm", ".pgm", ".pnm", ".exr", ".hdr", ".svg", ".eps"),
    ]
)
_UNREAD_SIGNATURES = (b"8BPS", b"\0\0\0\x0cJXL ", b"\xff\x0a")


class Found(NamedTuple):
    """Image files in order, what could not be looked at, and the files of folders that were passed over: no images."""

    paths: list[Path]
    failures: list[ImageFailure]
    passed_over: list[ImageFailure]


def find_images(paths: Sequence[Path], include: Sequence[str] = (), exclude: Sequence[str] = ()) -> Found:
    """The files that `paths` name: files as named, folders recursively and sorted by name.

    In a folder a file counts if its name ends like an image's or its first bytes are an image's, of whatever format:
    what cannot be read is said when it is decoded. The others are `passed_over`, each with a line. `include` and
    `exclude` are globs (`*` also crosses `/`) on the path below the named folder or on the file name alone. Links to
    folders are followed, each folder once; one that leads back into itself is a failure.
    """
    found = Found([], [], [])
    for path in paths:
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        except (OSError, ValueError):
            is_folder = False  # decoding it says what is wrong
        if not is_folder:
            found.paths.append(path)
            continue
        for item in _walk(path, found.failures):
            below = item.relative_to(path).as_posix()
            wanted = not include or _matches(below, include)
            if not wanted or _matches(below, exclude):
                continue
            if _looks_like_image(item):
                found.paths.append(item)
            else:
                line = f"{printable(item)}: passed over, it is no image"
                found.passed_over.append(ImageFailure(str(item), line))
    return found


def _matches(below: str, globs: Sequence[str]) -> bool:
    name = below.rpartition("/")[2]
    return any(fnmatchcase(below, glob) or fnmatchcase(name, glob) for glob in globs)


def _walk(top: Path, failures: list[ImageFailure]) -> Iterator[Path]:
    """Every non-folder below `top`, depth first in the order of names."""
    seen: set[tuple[int, int]] = set()
    # An entry of the stack: a path, and the identities of the folders it is in.
    stack: list[tuple[Path, tuple[tuple[int, int], ...]]] = [(top, ())]
    while stack:
        path, above = stack.pop()
        try:
            status = path.stat() if path == top else _stat(path)
            if not stat.S_ISDIR(status.st_mode):
                yield path
                continue
            identity = (status.st_dev, status.st_ino)
            if identity in above:
                failures.append(
                    ImageFailure(str(path), f"{printable(path)}: is a link into its own parents; not entered")
                )
            elif identity not in seen:
                seen.add(identity)
                names = sorted(os.listdir(path), reverse=True)
                stack += [(path / name, (*above, identity)) for name in names]
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            failures.append(ImageFailure(str(path), f"{printable(path)}: cannot be looked into ({reason})"))


def _stat(path: Path) -> os.stat_result:
    """What a path leads to, or for a link to nothing the link itself."""
    try:
        return path.stat()
    except OSError:
        return path.lstat()


def _looks_like_image(path: Path) -> bool:
    if path.suffix.lower() in SUFFIXES | _UNREAD_SUFFIXES:
        return True
    try:
        head = read_head(path, SNIFFED_BYTES)
    except ForensicsError:
        return False
    if head.startswith(_UNREAD_SIGNATURES):
        return True
    return sniff(head) not in (None, "BMP")
