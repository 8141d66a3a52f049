"""What a pickle is allowed to turn into: numbers, text, plain containers, and the inert records of this file.

None of these classes calls, imports or looks up anything on behalf of the file. A record is a note of what the
stream said; turning one into a torch tensor or a numpy array happens later and only where a reader asks for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

MAX_DIMENSIONS = 8

# Name of the typed storage class in the stream -> (torch dtype, bytes of one value).
STORAGE_DTYPES: dict[str, torch.dtype] = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
# numpy's codes of plain numbers; objects, text, dates and structures are not weights.
NUMPY_CODES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")


class Malformed(ValueError):
    """A stream that contradicts itself; the machine turns it into an error with opcode and position."""


@dataclass(frozen=True, slots=True)
class Global:
    """A name the stream asked for that is on the allow-list: the name, never the thing."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(slots=True)
class ClaimedObject:
    """An object whose class is known by name only, such as the `argparse.Namespace` of a training script."""

    class_name: str
    state: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PersistentObject:
    """A module pickled with its source code. The code is hashed and dropped; `state` is its `__dict__`."""

    class_name: str
    source_sha256: str
    state: dict[str, Any]


@dataclass(slots=True)
class Storage:
    """A run of `numel` numbers as raw bytes; `data` may be filled after the record was made (legacy .pt)."""

    dtype: torch.dtype
    numel: int
    data: memoryview | None = None
    big_endian: bool = False

    @property
    def n_bytes(self) -> int:
        """Bytes that the numbers take."""
        return self.numel * self.dtype.itemsize

    def bits(self) -> np.ndarray[Any, np.dtype[Any]]:
        """The numbers as integers of the same size, a read-only view of the file's bytes."""
        if self.data is None or len(self.data) != self.n_bytes:
            raise Malformed("a tensor whose numbers are not in the file")
        order = ">" if self.big_endian else "<"
        return np.frombuffer(self.data, dtype=f"{order}i{self.dtype.itemsize}")


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor as a window on a storage, checked to lie inside it. `tensor` makes the real one."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def __post_init__(self) -> None:
        numbers = (self.offset, *self.shape, *self.stride)
        if any(type(n) is not int or n < 0 for n in numbers) or len(self.shape) != len(self.stride):
            raise Malformed("a tensor whose offset, shape or strides are not whole numbers")
        if len(self.shape) > MAX_DIMENSIONS:
            raise Malformed(f"a tensor of {len(self.shape)} dimensions")
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.stride, strict=True))
        # numel <= storage also rules out strides of 0 that blow a few bytes up to any size.
        if self.numel and (last >= self.storage.numel or self.numel > self.storage.numel):
            raise Malformed(f"a tensor of shape {list(self.shape)} that reaches outside its storage")

    @property
    def numel(self) -> int:
        """How many numbers the shape holds."""
        return math.prod(self.shape)

    def tensor(self) -> torch.Tensor:
        """A contiguous tensor with memory of its own, of the stored dtype."""
        bits = self.storage.bits()
        # Inside the storage by __post_init__, whose length `bits` has just checked. numpy copies unaligned bytes.
        strides = [step * bits.itemsize for step in self.stride]
        window = np.lib.stride_tricks.as_strided(bits[self.offset :], self.shape, strides, writeable=False)
        native = torch.from_numpy(window.astype(window.dtype.newbyteorder("="), order="C", copy=True))
        return native.bool() if self.storage.dtype == torch.bool else native.view(self.storage.dtype)


@dataclass(slots=True)
class NumpyDtype:
    """A numpy dtype of plain numbers."""

    code: str
    order: str = "<"

    def __post_init__(self) -> None:
        if self.code not in NUMPY_CODES:
            raise Malformed(f"numpy dtype {self.code!r}, and weights are plain numbers")

    def set_state(self, state: Any) -> None:
        """Take the byte order of what `numpy.dtype.__reduce__` writes; refuse fields, shapes and metadata."""
        if not isinstance(state, tuple) or len(state) < 8 or state[0] not in (3, 4):
            raise Malformed("a numpy dtype with a strange state")
        if state[1] not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise Malformed("a structured numpy dtype, and weights are plain numbers")
        self.order = state[1]

    def dtype(self) -> np.dtype[Any]:
        """As numpy has it."""
        return np.dtype(f"{self.order}{self.code}")


@dataclass(slots=True)
class NumpyArray:
    """A numpy array as its bytes; `array` makes the real one."""

    shape: tuple[int, ...] = (0,)
    kind: NumpyDtype = field(default_factory=lambda: NumpyDtype("u1"))
    fortran: bool = False
    data: bytes = b""

    def set_state(self, state: Any) -> None:
        """Take (version, shape, dtype, is_fortran, bytes), what `numpy.ndarray.__reduce__` writes."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise Malformed("a numpy array with a strange state")
        _, self.shape, self.kind, self.fortran, self.data = state
        self.check()

    def check(self) -> None:
        """Raise Malformed where shape, kind and bytes do not fit together."""
        if not isinstance(self.shape, tuple) or not isinstance(self.kind, NumpyDtype):
            raise Malformed("a numpy array without shape or dtype")
        if len(self.shape) > MAX_DIMENSIONS or any(type(n) is not int or n < 0 for n in self.shape):
            raise Malformed("a numpy array of a strange shape")
        if not isinstance(self.data, bytes) or len(self.data) != self.n_bytes:
            raise Malformed(f"a numpy array of shape {list(self.shape)} that does not match its bytes")

    @property
    def n_bytes(self) -> int:
        """Bytes that the shape takes."""
        return math.prod(self.shape) * self.kind.dtype().itemsize

    def array(self) -> np.ndarray[Any, np.dtype[Any]]:
        """The array, in C order and native byte order, with memory of its own."""
        flat = np.frombuffer(self.data, dtype=self.kind.dtype())
        shaped = flat.reshape(self.shape, order="F" if self.fortran else "C")
        return shaped.astype(shaped.dtype.newbyteorder("="), order="C", copy=True)
