"""Anybody's folder tree as a corpus: labels from folder names, hashes taken once and remembered.

Nothing is written into the tree, which may be evidence or read-only: the hashes go to
`corpora/<id>.json` of the toolkit's home (`forensics.core.home`). Delete that file to accept a tree as it is now.
A `manifest.csv` in the tree or above it adds what it says of each image: see `forensics.corpus.listing`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from forensics.core.errors import CorpusError, ForensicsError, ImageError
from forensics.core.files import sha256_bytes, write_json
from forensics.core.home import home_folder
from forensics.core.terminal import note, printable
from forensics.core.untrusted import read_json
from forensics.corpus.listing import read_listing, said_of
from forensics.corpus.rows import AUTHENTIC, SYNTHETIC, Row
from forensics.images import ImageFailure, find_images, read_file

_AUTHENTIC = re.compile(
    r"(?:0[_ -]?)?(?:reals?|authentic|genuine|pristine|originals?|nature|natural|photo(?:graph)?s?)[_ -]?\d*",
    re.IGNORECASE,
)
_SYNTHETIC = re.compile(
    r"(?:1[_ -]?)?(?:fakes?|synthetic|generated|synthesi[sz]ed|ai)(?:[_ -].*|\d*)", re.IGNORECASE
)
_MAX_CACHE_BYTES = 1 << 30


def label_of(folders: tuple[str, ...]) -> int | None:
    """The label that class folders give: the innermost telling name decides; None where no name tells."""
    for name in reversed(folders):
        if _AUTHENTIC.fullmatch(name):
            return AUTHENTIC
        if _SYNTHETIC.fullmatch(name):
            return SYNTHETIC
    return None


def open_tree(folder: Path) -> tuple[list[Row], list[ImageFailure]]:
    """One row an image of the tree, sorted by path, with the hash it had when first opened; and what was unreadable."""
    paths, failures, _ = find_images([folder])
    if not paths:
        raise CorpusError(
            f"{printable(folder)}: holds no images; name a corpus, or a tree with real/ and fake.../"
        )
    known, listed = remembered(folder), read_listing(folder)
    rows: list[Row] = []
    fresh: dict[str, str] = {}
    for path in paths:
        file = path.relative_to(folder).as_posix()
        label, source = _class_of(folder, file)
        if file in known:
            sha256 = known[file]
        else:
            try:
                sha256 = fresh[file] = sha256_bytes(read_file(path))
            except ImageError as error:
                failures.append(ImageFailure(str(path), str(error)))
                continue
        said = listed.get(file)
        if said is not None and said.sha256 not in (None, sha256):
            failures.append(
                ImageFailure(str(path), f"{printable(path)}: is not the file that {said.where} lists")
            )
            continue
        if said is not None and said.label is not None and label_of(tuple(source.split("/"))) is None:
            label = said.label  # the folder's name says nothing: the list decides
        rows.append(said_of(_row(file, sha256, label, source), said))
    if fresh:
        _remember(folder, known | fresh)
    _say_what_was_assumed(folder, rows, {file for file, said in listed.items() if said.label is not None})
    return rows, failures


def _say_what_was_assumed(folder: Path, rows: list[Row], listed: set[str]) -> None:
    """Name the class folders that count as synthetic only because their names say nothing."""
    mute = {row.source for row in rows if row.file not in listed and row.label == SYNTHETIC}
    mute = {source for source in mute if label_of(tuple(source.split("/"))) is None}
    if mute:
        names = ", ".join(printable(source) for source in sorted(mute))
        note(f"{printable(folder)}: counted as synthetic: {names} (photographs belong in a folder real/)")


def _row(file: str, sha256: str, label: int, source: str) -> Row:
    family = "authentic" if label == AUTHENTIC else None
    return Row(file=file, sha256=sha256, label=label, source=source, family=family)


def _class_of(folder: Path, file: str) -> tuple[int, str]:
    """Label and source of a file: its folders below the tree; the tree's own name where it lies in none."""
    named = list(PurePosixPath(file).parts[:-1])
    while named and named[-1].isdigit():  # shards such as FFHQ's 00000/
        named.pop()
    if named:
        label = label_of(tuple(named))
        return SYNTHETIC if label is None else label, "/".join(named)
    own_name = folder.resolve().name
    label = label_of((own_name,))
    if label is None:
        raise CorpusError(
            f"{printable(folder)}: {printable(file)} lies in no class folder; put photographs in real/ and"
            " generated images in fake.../"
        )
    return label, own_name


def memory_of(folder: Path) -> Path:
    """The file that remembers the hashes of the tree at `folder`."""
    real = os.path.realpath(folder)
    identity = f"{real}\0{os.stat(real).st_ino}".encode("utf-8", "surrogateescape")
    return home_folder() / "corpora" / f"{sha256_bytes(identity)[:32]}.json"


def remembered(folder: Path) -> dict[str, str]:
    """File to sha256 as first seen; empty where nothing is remembered or the memory is damaged."""
    path = memory_of(folder)
    try:
        value = read_json(path, _MAX_CACHE_BYTES)
    except ForensicsError:
        return {}
    files = value.get("files") if isinstance(value, dict) else None
    if not isinstance(files, dict) or any(not isinstance(v, str) for v in files.values()):
        return {}
    return {_unescaped(file): sha256 for file, sha256 in files.items()}


def _remember(folder: Path, files: dict[str, str]) -> None:
    value = {"folder": printable(folder.resolve()), "files": {_escaped(f): s for f, s in files.items()}}
    try:
        write_json(memory_of(folder), value)
    except OSError:
        return  # a home that cannot be written costs hashing again, not the work


def _escaped(file: str) -> str:
    """A file name that need not be UTF-8, as text that is."""
    return file.encode("utf-8", "surrogateescape").decode("latin-1")


def _unescaped(text: str) -> str:
    try:
        return text.encode("latin-1").decode("utf-8", "surrogateescape")
    except ValueError:
        return text
