"""Writing a corpus so that a kill at any instant costs at most one chunk, and the resumed result is the same bytes."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from forensics.core.differences import differences, in_a_line
from forensics.core.errors import CorpusError
from forensics.core.files import sha256_bytes, sha256_file, try_lock, write_json
from forensics.core.terminal import printable
from forensics.corpus.layout import FOLDERS, image_file, index_of, is_leftover, latents_file, mask_file
from forensics.corpus.manifest import (
    FORMAT,
    FORMAT_VERSION,
    MANIFEST,
    SUMMARY,
    dump_row,
    read_rows,
    read_summary,
)
from forensics.corpus.rows import Mask, Row
from forensics.images import encode_png

Masks = Sequence[NDArray[np.uint8] | None]


class CorpusWriter:
    """Writes a corpus chunk by chunk; opening a half-written one goes on where its last whole chunk ended.

    Use: `for indices in writer.chunks(n): writer.add(...)`, then `writer.finish()`; the same again after a kill.

    A chunk's files come first, synced, then its manifest rows in one synced write: what the manifest lists is whole.
    On opening, rows and files past the last whole chunk are removed, so `how` must name everything that decides what
    comes out, the number of images included. Raises `CorpusError` if the folder holds something else, a corpus made
    with other options, or one that another process is writing.
    """

    def __init__(self, path: Path, how: Mapping[str, Any], chunk: int = 50) -> None:
        if chunk < 1:
            raise CorpusError(f"a chunk of {chunk} images is not possible; give 1 or more")
        self.path, self.chunk = path, chunk
        self.how: Mapping[str, Any] = json.loads(json.dumps(dict(how), allow_nan=False))
        self.complete = False
        self.next_index = 0
        self._sources: Counter[str] = Counter()
        self._labels: Counter[int] = Counter()
        summary = self._begin()
        self._manifest = self._locked()
        try:
            self._resume(summary)
        except BaseException:
            self._manifest.close()
            raise

    def _begin(self) -> Mapping[str, Any]:
        """Check the folder or make it, and return what its `corpus.json` says."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            summary = read_summary(self.path)
            if summary is None:
                if strange := [p.name for p in self.path.iterdir() if not is_leftover(p.name)]:
                    raise CorpusError(
                        f"{printable(self.path)}: is not empty (it holds {printable(min(strange))}) and is no corpus;"
                        " name a new folder"
                    )
                summary = self._summary()
                write_json(self.path / SUMMARY, summary)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise CorpusError(
                f"{printable(self.path)}: cannot be written ({reason}); name another folder"
            ) from error
        theirs, ours = {**summary["how"], "chunk": summary["chunk"]}, {**self.how, "chunk": self.chunk}
        if differing := differences(theirs, ours):
            raise CorpusError(
                f"{printable(self.path)}: was made with other options ({in_a_line(differing)});"
                " use those, or a new folder"
            )
        return summary

    def _locked(self) -> IO[bytes]:
        """The manifest, opened for appending and locked against a second writer."""
        try:
            stream = (self.path / MANIFEST).open("a+b")
        except OSError as error:
            raise CorpusError(
                f"{printable(self.path)}: its manifest cannot be written ({error.strerror})"
            ) from error
        if not try_lock(stream.fileno()):
            stream.close()
            raise CorpusError(f"{printable(self.path)}: another process is writing this corpus; wait for it")
        return stream

    def _resume(self, summary: Mapping[str, Any]) -> None:
        self._manifest.seek(0)
        rows, ends = read_rows(self._manifest, printable(self.path / MANIFEST))
        for index, row in enumerate(rows):
            if row.file != image_file(index):
                raise CorpusError(f"{printable(self.path / MANIFEST)}: line {index + 1} is not image {index}")
        self.complete = summary["complete"]
        if self.complete and len(rows) != summary["counts"].get("images"):
            raise CorpusError(
                f"{printable(self.path)}: manifest and {SUMMARY} differ in number; make it again"
            )
        n_whole = len(rows) if self.complete else len(rows) - len(rows) % self.chunk
        self.next_index = n_whole
        for row in rows[:n_whole]:
            self._count(row)
        if not self.complete:
            self._manifest.truncate(ends[n_whole - 1] if n_whole else 0)
            os.fsync(self._manifest.fileno())
            self._remove_from(n_whole)

    def _remove_from(self, index: int) -> None:
        """Remove the images and latents of chunks that are not in the manifest."""
        for folder in FOLDERS:
            for path in sorted((self.path / folder).glob("**/*")):
                number = index_of(path.name)
                if is_leftover(path.name) or (number is not None and number >= index):
                    path.unlink()
        for leftover in self.path.iterdir():
            if is_leftover(leftover.name):
                leftover.unlink()

    def _count(self, row: Row) -> None:
        self._sources[row.source] += 1
        self._labels[row.label] += 1

    def _summary(self, latents: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "how": self.how,
            "chunk": self.chunk,
            "complete": self.complete,
            "counts": {
                "images": self.next_index,
                "authentic": self._labels[0],
                "synthetic": self._labels[1],
                "sources": dict(self._sources),
            },
            "latents": dict(latents or {}),
        }

    def chunks(self, total: int) -> Iterator[range]:
        """The index ranges still to be made of a corpus of `total` images, each at most a chunk."""
        while not self.complete and self.next_index < total:
            start = self.next_index
            yield range(start, min(start + self.chunk, total))
            if self.next_index == start:
                raise CorpusError("the chunk was not added before the next was asked for")

    def add(
        self,
        images: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
        rows: Sequence[Row],
        latents: Mapping[str, NDArray[np.float32]] | None = None,
        masks: Masks | None = None,
    ) -> None:
        """Add the next chunk: uint8 images [H, W, 3], as many rows, and latents [n, ...] where there are any.

        `masks`: for each image uint8 [H, W] in [0, 255], 0 where nothing was changed, or None. A row's file, sha256
        and mask are set here. Only the last chunk of a corpus may be shorter than `chunk`. Raises `CorpusError`.
        """
        self._check_chunk(len(images), len(rows), [len(v) for v in (latents or {}).values()])
        files: dict[str, bytes] = {}
        written: list[Row] = []
        for k, (image, row) in enumerate(zip(images, rows, strict=True)):
            row, its_files = self._encoded(self.next_index + k, row, image, masks[k] if masks else None)
            written.append(row)
            files |= its_files
        if latents:
            files[latents_file(self.next_index)] = _encode_latents(latents)
        lines = b"".join(dump_row(row) for row in written)
        self._write_files(files)
        self._manifest.write(lines)
        self._manifest.flush()
        os.fsync(self._manifest.fileno())
        self.next_index += len(written)
        for row in written:
            self._count(row)

    def _check_chunk(self, n_images: int, n_rows: int, n_latents: Sequence[int]) -> None:
        if self.complete or self.next_index % self.chunk:
            raise CorpusError(
                f"{printable(self.path)}: is finished; images can only be added to a new corpus"
            )
        if not 0 < n_images <= self.chunk or n_rows != n_images or any(n != n_images for n in n_latents):
            sizes = f"{n_images} images, {n_rows} rows, latents of {list(n_latents)}"
            raise CorpusError(f"{printable(self.path)}: {sizes} are no chunk of {self.chunk}")

    def _encoded(
        self, index: int, row: Row, image: NDArray[np.uint8], mask: NDArray[np.uint8] | None
    ) -> tuple[Row, dict[str, bytes]]:
        """The row as it is written, and the bytes of the image and of its mask by file."""
        if row.file or row.sha256 or row.mask:
            raise CorpusError(
                f"the row of image {index} has a file, sha256 or mask; these are set when it is written"
            )
        files = {image_file(index): encode_png(image)}
        changed = None
        if mask is not None:
            if mask.shape != image.shape[:2]:
                raise CorpusError(f"the mask of image {index} is {mask.shape}, the image {image.shape[:2]}")
            files[mask_file(index)] = encode_png(mask)
            changed = Mask(mask_file(index), sha256_bytes(files[mask_file(index)]))
        try:
            return row.written(image_file(index), sha256_bytes(files[image_file(index)]), changed), files
        except (TypeError, ValueError) as error:
            raise CorpusError(f"the row of image {index} {printable(error)}") from error

    def _write_files(self, files: Mapping[str, bytes]) -> None:
        """Write all, then sync all: one journal commit serves them together. A torn file is redone on opening."""
        descriptors = []
        try:
            for file, data in files.items():
                target = self.path / file
                target.parent.mkdir(parents=True, exist_ok=True)
                stream = target.open("wb")
                descriptors.append(stream)
                stream.write(data)
                stream.flush()
            for stream in descriptors:
                os.fsync(stream.fileno())
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise CorpusError(f"{printable(self.path)}: cannot be written ({reason})") from error
        finally:
            for stream in descriptors:
                stream.close()

    def finish(self) -> None:
        """Write the final `corpus.json`: counts, the hashes of the latents, `complete`. Again: no change."""
        if not self.complete:
            self.complete = True
            latents = sorted((self.path / "latents").glob("*.safetensors"))
            hashes = {f"latents/{path.name}": sha256_file(path) for path in latents}
            write_json(self.path / SUMMARY, self._summary(hashes))
        self.close()

    def close(self) -> None:
        """Let go of the manifest. A corpus that was not finished can be opened again and gone on with."""
        self._manifest.close()

    def __enter__(self) -> CorpusWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _encode_latents(latents: Mapping[str, NDArray[np.float32]]) -> bytes:
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(latents[name], dtype=np.float32) for name in sorted(latents)}
    return bytes(save(arrays))
