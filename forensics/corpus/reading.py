"""Opening a corpus, streaming its images, and finding what is missing, altered or unlisted."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from forensics.core.errors import CorpusError, ImageError
from forensics.core.files import sha256_bytes, sha256_file
from forensics.core.terminal import printable
from forensics.core.untrusted import open_untrusted
from forensics.corpus import foreign
from forensics.corpus.layout import FOLDERS, latents_file
from forensics.corpus.manifest import MANIFEST, SUMMARY, escapes, read_rows, read_summary
from forensics.corpus.rows import Row
from forensics.images import DecodedImage, ImageFailure, Limits, decode, decode_many, find_images, read_file

_MAX_MANIFEST_BYTES = 16 << 30  # a million rows are about 1 GB


@dataclass(frozen=True)
class Problem:
    """One thing `Corpus.verify` found."""

    kind: Literal["missing", "altered", "unlisted", "unreadable", "unfinished"]
    file: str  # below the corpus folder

    def __str__(self) -> str:
        return f"{self.kind}: {printable(self.file)}"


@dataclass(frozen=True)
class Corpus:
    """Images and their rows. Make one with `Corpus.open`."""

    path: Path
    manifest: list[Row] = field(repr=False)
    how: Mapping[str, Any]
    complete: bool
    chunk: int
    is_foreign: bool
    failures: tuple[ImageFailure, ...] = ()  # of a foreign tree: what could not be read when it was opened
    latents_sha256: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, path: Path | str) -> Corpus:
        """Open a corpus, finished or not, or a foreign tree; raises `CorpusError`."""
        folder = Path(path)
        named = printable(folder)
        if not folder.is_dir():
            missing = "is not a folder" if folder.exists() else "does not exist"
            raise CorpusError(f"{named}: {missing}; name a corpus, or a tree with real/ and fake.../")
        summary = read_summary(folder)
        if summary is None:
            if (folder / MANIFEST).exists():
                raise CorpusError(f"{named}: has a {MANIFEST} but no {SUMMARY}; the corpus is damaged")
            rows, failures = foreign.open_tree(folder)
            return cls(folder, rows, {}, True, 1, True, tuple(failures))
        rows = _read_manifest(folder)
        if summary["complete"] and len(rows) != summary["counts"].get("images"):
            raise CorpusError(
                f"{named}: {MANIFEST} has {len(rows)} whole rows, {SUMMARY} says {summary['counts'].get('images')!r};"
                " the corpus is damaged"
            )
        latents = {str(k): str(v) for k, v in summary["latents"].items()}
        return cls(folder, rows, summary["how"], summary["complete"], summary["chunk"], False, (), latents)

    def __len__(self) -> int:
        return len(self.manifest)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Labels int64 [n], 0 or 1: authentic, synthetic."""
        return np.array([row.label for row in self.manifest], dtype=np.int64)

    @property
    def sources(self) -> list[str]:
        """The source of each image."""
        return [row.source for row in self.manifest]

    @property
    def paths(self) -> list[Path]:
        """The file of each image."""
        return [self.path / row.file for row in self.manifest]

    def images(
        self,
        batch: int = 32,
        indices: Sequence[int] | None = None,
        workers: int = 1,
        on_failure: Callable[[ImageFailure], None] | None = None,
        limits: Limits | None = None,
    ) -> Iterator[tuple[list[Row], list[NDArray[np.uint8]]]]:
        """Stream (rows, images uint8 [H, W, 3]) in order, `batch` at a time; `indices` picks rows.

        An image that cannot be decoded, or whose bytes are not those that were listed, goes to `on_failure` and is
        left out of its batch; without `on_failure` it raises `ImageError`.
        """
        rows = self.manifest if indices is None else [self.manifest[i] for i in indices]
        images: list[NDArray[np.uint8]] = []
        read: list[Row] = []
        decoded = decode_many((self.path / row.file for row in rows), limits, workers)
        for done, (row, item) in enumerate(zip(rows, decoded, strict=True), 1):
            checked = self._checked(row, item)
            if isinstance(checked, DecodedImage):
                read.append(row)
                images.append(checked.pixels)
            elif on_failure is None:
                raise ImageError(checked.message)
            else:
                on_failure(checked)
            if read and (done % batch == 0 or done == len(rows)):
                yield read, images
                read, images = [], []

    def _checked(self, row: Row, item: DecodedImage | ImageFailure) -> DecodedImage | ImageFailure:
        if isinstance(item, ImageFailure) or item.sha256 == row.sha256:
            return item
        remedy = (
            f"delete {printable(foreign.memory_of(self.path))} to accept it"
            if self.is_foreign
            else "make it again"
        )
        since = "it was first opened" if self.is_foreign else "the manifest was written"
        return ImageFailure(item.path, f"{printable(item.path)}: was altered since {since}; {remedy}")

    def latents(self, index: int) -> dict[str, NDArray[np.float32]]:
        """The latents of the chunk that image `index` is in, each [n, ...]; row `index % chunk` is the image's own.

        Raises `CorpusError` where there are none or the file is not the one the corpus was finished with.
        float32 [n, ...], finite but for images that have none (NaN).
        """
        file = latents_file(index - index % self.chunk)
        path = self.path / file
        if self.is_foreign or escapes(self.path, file, {}) or not path.is_file():
            raise CorpusError(f"{printable(path)}: has no latents for image {index}")
        from safetensors import SafetensorError
        from safetensors.numpy import load

        data = read_file(path, 1 << 32)
        if self.latents_sha256.get(file, sha256_bytes(data)) != sha256_bytes(data):
            raise CorpusError(f"{printable(path)}: was altered since the corpus was finished; make it again")
        try:
            return dict(load(data))
        except SafetensorError as error:
            raise CorpusError(f"{printable(path)}: is no safetensors file ({printable(error)})") from error

    def mask(self, index: int) -> NDArray[np.uint8] | None:
        """Which pixels of image `index` were changed, uint8 [H, W], 0 where nothing was; None where it has no mask.

        Raises `ImageError` where it cannot be read, or is not the one that was written.
        Values in [0, 255].
        """
        mask = self.manifest[index].mask
        if mask is None:
            return None
        path = self.path / mask.file
        if escapes(self.path, mask.file, {}):
            raise ImageError(f"{printable(path)}: a link leads out of the corpus")
        image = decode(path)
        if image.sha256 != mask.sha256:
            raise ImageError(f"{printable(path)}: was altered since the manifest was written; make it again")
        return np.ascontiguousarray(image.pixels[..., 0])

    def verify(self) -> list[Problem]:
        """Hash every file again; the problems in the order of the manifest, then what is unlisted."""
        expected = {row.file: row.sha256 for row in self.manifest}
        expected |= {row.mask.file: row.mask.sha256 for row in self.manifest if row.mask}
        if self.is_foreign:
            expected = foreign.remembered(self.path) | expected
        problems = [] if self.complete else [Problem("unfinished", SUMMARY)]
        for file, sha256 in (expected | self.latents_sha256).items():
            if kind := self._compare(file, sha256):
                problems.append(Problem(kind, file))
        unlisted = self._present() - expected.keys() - self.latents_sha256.keys()
        return problems + [Problem("unlisted", file) for file in sorted(unlisted)]

    def _compare(self, file: str, sha256: str) -> Literal["missing", "altered", "unreadable"] | None:
        path = self.path / file
        if not path.exists():
            return "missing"
        if not path.is_file():
            return "unreadable"
        try:
            return None if sha256_file(path) == sha256 else "altered"
        except OSError:
            return "unreadable"

    def _present(self) -> set[str]:
        """The files that are there: every image of a foreign tree, all under images/, latents/ and masks/ of ours."""
        if self.is_foreign:
            return {p.relative_to(self.path).as_posix() for p in find_images([self.path]).paths}
        below = (p for folder in FOLDERS for p in (self.path / folder).rglob("*"))
        files = {p.relative_to(self.path).as_posix() for p in below if p.is_symlink() or not p.is_dir()}
        return files if self.complete else {f for f in files if not f.startswith("latents/")}


def _read_manifest(folder: Path) -> list[Row]:
    path = folder / MANIFEST
    with open_untrusted(path, _MAX_MANIFEST_BYTES, CorpusError) as (stream, _):
        rows, _ = read_rows(io.BufferedReader(stream), printable(path))
    known: dict[str, bool] = {}
    for number, row in enumerate(rows, 1):
        if escapes(folder, row.file, known):
            raise CorpusError(
                f"{printable(path)}: line {number} has a file that a link leads out of the corpus"
            )
    return rows
