"""A weights file as its bytes, which readers look at to say whether it is theirs; and the contract of a reader."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol

from forensics.core.errors import CheckpointError
from forensics.core.untrusted import read_untrusted
from forensics.generators.checkpoints.checkpoint import Checkpoint
from forensics.generators.checkpoints.pickles import torch_files
from forensics.generators.checkpoints.pickles.unpickler import Effort, Unpickler

MAX_FILE_BYTES: Final = 8 << 30
_PICKLE_PROTOCOLS: Final = range(1, 6)


class Reader(Protocol):
    """What is registered as a "reader": a class that knows one file format. Nothing in the file is ever run."""

    # What reports call the format, and what a message that lists the formats says.
    title: str
    known_as: str

    @staticmethod
    def recognises(file: WeightsFile) -> bool:
        """Whether the content is of this format; the name of the file says nothing."""
        ...

    @staticmethod
    def read(file: WeightsFile) -> Checkpoint:
        """The networks in it. Raises CheckpointError, one line, for what is damaged or hostile."""
        ...


class WeightsFile:
    """One file, read and hashed once; what is parsed is what was hashed. `n_bytes` is its size."""

    def __init__(self, path: Path, data: bytes, sha256: str) -> None:
        self.path, self.data, self.sha256, self.n_bytes = path, data, sha256, len(data)
        self.is_torch_zip = torch_files.is_torch_zip(data)
        self._is_torch_legacy = torch_files.is_torch_legacy(data)
        self.is_torch = self.is_torch_zip or self._is_torch_legacy
        self.is_pickle = (
            not self.is_torch and data[:1] == b"\x80" and len(data) > 1 and data[1] in _PICKLE_PROTOCOLS
        )

    @classmethod
    def open(cls, path: Path) -> WeightsFile:
        """The file at `path`. Raises CheckpointError where it is missing, no file, or too large."""
        content = read_untrusted(path, MAX_FILE_BYTES, CheckpointError)
        return cls(path, content.data, content.sha256)

    @cached_property
    def torch_object(self) -> Any:
        """What a torch.save file holds, as plain records; None for another file. Takes the bytes."""
        if self.is_torch_zip:
            return torch_files.load_torch_zip(self.path, self._taken())
        return torch_files.load_torch_legacy(self.path, self._taken()) if self._is_torch_legacy else None

    @cached_property
    def pickled_object(self) -> Any:
        """What a pickle holds, as plain records; None for another file. Takes the bytes."""
        if not self.is_pickle:
            return None
        data = self._taken()
        value, end = Unpickler(str(self.path), Effort.for_file(len(data))).load(data)
        if end != len(data):
            raise CheckpointError(
                f"{self.path}: {len(data) - end} bytes after the end of its pickle; refused"
            )
        return value

    def _taken(self) -> bytes:
        """The bytes, which are let go here: they stand in the records, and in the tensors once more."""
        data = self.data
        self.let_go()
        return data

    def let_go(self) -> None:
        """Keep the bytes no longer."""
        self.data = b""
