"""What `--data` may name: a file, a folder, a corpus, a zip archive, or `celeba:ROOT` and `mnist:ROOT`.

A source lists pictures in a fixed order, each with the name of its class; nothing is decoded before it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final, Protocol, TypeVar

import numpy as np

from forensics.core.archives import Archive, ArchiveLimits, open_archive
from forensics.core.errors import CorpusError, ForensicsError
from forensics.core.terminal import printable
from forensics.core.untrusted import MAX_JSON_BYTES, open_untrusted, parse_json, read_untrusted
from forensics.images import ImageFailure, Limits, decode_bytes, decode_many, find_images

Picture = np.ndarray | ImageFailure
T = TypeVar("T")
Endings = frozenset[tuple[str, ...]]  # of paths, each as names from folder to file
_DATASET: Final = "dataset.json"
_MAX_ZIP_BYTES: Final = 1 << 40
_MAX_LIST_BYTES: Final = 64 << 20
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")


def _met(parts: tuple[str, ...], endings: Endings) -> Endings:
    """The `endings` that the path of these `parts` has."""
    return endings & {parts[-n:] for n in {len(ending) for ending in endings}}


def _without(items: list[T], met: list[Endings]) -> list[T]:
    """The items that met no ending."""
    return [item for item, found in zip(items, met, strict=True) if not found]


class Source(Protocol):
    """Pictures in order."""

    classes: list[str]  # one name a picture
    rejected: list[ImageFailure]  # what could not even be listed

    def identity(self) -> Iterator[str]:
        """Text that changes whenever the pictures may have."""

    def pictures(self) -> Iterator[Picture]:
        """uint8 [h, w, 3], or why not, one for each of `classes`."""


@dataclass
class FilesSource:
    """Image files, as named or under a folder; the class is the first folder below the named one."""

    root: Path
    paths: list[Path] = field(init=False)
    classes: list[str] = field(init=False)
    rejected: list[ImageFailure] = field(init=False)

    def __post_init__(self) -> None:
        if not self.root.exists():
            raise ForensicsError(f"{self.root}: no such file or folder to train on")
        found = find_images([self.root])
        self.paths, self.rejected = list(found.paths), list(found.failures)
        self.classes = [self._class(path) for path in self.paths]

    def _class(self, path: Path) -> str:
        below = path.relative_to(self.root).parts if path != self.root else ()
        return below[0] if len(below) > 1 else self.root.name

    def leave_out(self, endings: Endings) -> Endings:
        """Drop every file whose path ends in one of the `endings`; which ones were met."""
        met = [_met(path.parts, endings) for path in self.paths]
        self.paths, self.classes = _without(self.paths, met), _without(self.classes, met)
        return frozenset().union(*met)

    def identity(self) -> Iterator[str]:
        """Names, sizes and times."""
        for path in self.paths:
            stat = path.stat()
            yield f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n"

    def pictures(self) -> Iterator[Picture]:
        """Decoded files."""
        for item in decode_many(self.paths):
            yield item if isinstance(item, ImageFailure) else item.pixels


class CorpusSource(FilesSource):
    """The images of a corpus in the order of its manifest; the class is the source of each."""

    def __post_init__(self) -> None:
        from forensics.corpus import Corpus

        corpus = Corpus.open(self.root)
        if not corpus.complete:
            raise CorpusError(f"{self.root}: this corpus is not finished; finish it before training on it")
        self.paths, self.classes, self.rejected = list(corpus.paths), list(corpus.sources), []


@dataclass
class ZipSource:
    """The images of a zip archive, sorted by name; classes from folders, or from a `dataset.json` as NVIDIA has it."""

    root: Path
    names: list[str] = field(init=False)
    classes: list[str] = field(init=False)
    rejected: list[ImageFailure] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        with self._opened() as archive:
            self.names = sorted(name for name in archive.names if name.lower().endswith(SUFFIXES))
            labels = self._labels(archive)
        self.classes = [labels.get(name) or self._folder(name) for name in self.names]

    @contextmanager
    def _opened(self) -> Iterator[Archive]:
        """The archive; nothing of it is unpacked to the disk, and a picture is bounded by what comes out."""
        limits = ArchiveLimits(member_bytes=Limits.max_bytes, total_bytes=_MAX_ZIP_BYTES)
        with (
            open_untrusted(self.root, _MAX_ZIP_BYTES) as (stream, _),
            open_archive(stream, self.root, limits) as archive,
        ):
            yield archive

    def _labels(self, archive: Archive) -> dict[str, str]:
        if _DATASET not in archive.names:
            return {}
        try:
            listed = parse_json(archive.read(_DATASET, MAX_JSON_BYTES)).get("labels") or []
            return {str(name): f"{int(label):06d}" for name, label in listed}
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise ForensicsError(
                f"{printable(self.root)}: unreadable {_DATASET} ({printable(error)})"
            ) from error

    def _folder(self, name: str) -> str:
        parts = PurePosixPath(name).parts
        return parts[0] if len(parts) > 1 else self.root.stem

    def leave_out(self, endings: Endings) -> Endings:
        """Drop every member whose path, begun by the archive's own, ends in one of the `endings`; which were met."""
        met = [_met((*self.root.parts, *PurePosixPath(name).parts), endings) for name in self.names]
        self.names, self.classes = _without(self.names, met), _without(self.classes, met)
        return frozenset().union(*met)

    def identity(self) -> Iterator[str]:
        """The archive's name, size and time, and the members that are read of it."""
        stat = self.root.stat()
        yield f"{self.root}\0{stat.st_size}\0{stat.st_mtime_ns}\n"
        yield "\0".join(self.names)

    def pictures(self) -> Iterator[Picture]:
        """Decoded members; one that is damaged, or turns out to be too large, is rejected."""
        with self._opened() as archive:
            for name in self.names:
                yield self._picture(archive, name)

    def _picture(self, archive: Archive, name: str) -> Picture:
        member = f"{self.root}:{name}"
        try:
            return decode_bytes(archive.read(name), member).pixels
        except ForensicsError as error:
            return ImageFailure(member, str(error))


class CelebASource(FilesSource):
    """torchvision's CelebA under ROOT, as it was downloaded (`celeba/img_align_celeba`); one class."""

    def __post_init__(self) -> None:
        from torchvision.datasets import CelebA

        try:
            names = CelebA(str(self.root), split="all", download=False).filename
        except (RuntimeError, OSError) as error:
            raise ForensicsError(
                f"celeba:{self.root}: torchvision finds no whole CelebA there ({str(error).splitlines()[0]})"
            ) from error
        self.paths = [self.root / "celeba" / "img_align_celeba" / name for name in names]
        self.classes, self.rejected = ["celeba"] * len(names), []


@dataclass
class MNISTSource:
    """torchvision's MNIST training digits under ROOT (`MNIST/raw`), grey made RGB; ten classes."""

    root: Path
    classes: list[str] = field(init=False)
    rejected: list[ImageFailure] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        from torchvision.datasets import MNIST

        try:
            data = MNIST(str(self.root), train=True, download=False)
        except (RuntimeError, OSError, ValueError, AssertionError) as error:
            raise ForensicsError(
                f"mnist:{self.root}: torchvision finds no whole MNIST there ({str(error).splitlines()[0]})"
            ) from error
        self.digits: np.ndarray = data.data.numpy()
        self.classes = [str(int(target)) for target in data.targets]

    def identity(self) -> Iterator[str]:
        """The pixels themselves."""
        from forensics.core.files import sha256_bytes

        yield f"mnist\0{sha256_bytes(self.digits.tobytes())}\n"

    def pictures(self) -> Iterator[Picture]:
        """28 x 28 pixels, three times the same."""
        for digit in self.digits:
            yield np.repeat(digit[:, :, None], 3, axis=2)


def open_sources(names: Sequence[Path | str], leave_out: Path | None = None) -> list[Source]:
    """The source each name stands for. Raises `ForensicsError` for one that is not there.

    `leave_out` is a text file of what not to train on: a line is the end of a file's path (`real/0004.png`), # begins a
    comment. A line that no file of the sources ends in is a `ForensicsError`, too: the list is of other data.
    """
    sources = [_open(str(name)) for name in names]
    if leave_out is not None:
        _leave_out(sources, leave_out)
    return sources


def _leave_out(sources: Sequence[Source], listing: Path) -> None:
    try:
        text = read_untrusted(listing, _MAX_LIST_BYTES).data.decode("utf-8")
        lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    except UnicodeDecodeError as error:
        raise ForensicsError(f"{listing}: not a readable list of what to leave out ({error})") from error
    endings = frozenset(PurePosixPath(line).parts for line in lines if line)
    unmet = endings
    for source in sources:
        if isinstance(source, FilesSource | ZipSource):
            unmet -= source.leave_out(endings)
    if unmet:
        example = "/".join(min(unmet))
        raise ForensicsError(
            f"{listing}: {len(unmet)} of its {len(endings)} lines name no file to train on (such as {example}); "
            "a list is for the folders it was made of"
        )


def _open(name: str) -> Source:
    kind, _, root = name.partition(":")
    if kind in ("celeba", "mnist") and root and not Path(name).exists():
        return CelebASource(Path(root)) if kind == "celeba" else MNISTSource(Path(root))
    path = Path(name)
    if path.suffix.lower() == ".zip" and path.is_file():
        return ZipSource(path)
    if (path / "corpus.json").is_file():
        return CorpusSource(path)
    return FilesSource(path)
