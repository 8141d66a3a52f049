"""The names a weights pickle may ask for, and what each becomes here. Anything else is refused.

Every entry is a function of plain values to plain values or inert records; none of the real functions is
imported. `spend` is called with the size of what an entry makes before it is made: a stream can ask for the same
thing a million times, so what counts is the sum.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Protocol

from forensics.generators.checkpoints.pickles.records import (
    STORAGE_DTYPES,
    ClaimedObject,
    Global,
    Malformed,
    NumpyArray,
    NumpyDtype,
    PersistentObject,
    Storage,
    StoredTensor,
)

_BYTES_PER_ITEM = 64  # of a dict or set entry, roughly
_MAX_INT_KEY = 1 << 60  # larger ones can be chosen to collide in a hash table
_MAX_KEY_LENGTH = 4096  # equal long keys are compared over and over


class Machine(Protocol):
    """What a constructor needs of the machine that calls it."""

    def spend(self, n_bytes: int) -> None:
        """Count `n_bytes` against what this file may allocate."""

    def nested_storage(self, data: bytes) -> Storage:
        """Parse a storage that was saved by a torch.save inside the pickle."""


Constructor = Callable[[Machine, tuple[Any, ...]], Any]


def require_key(key: Any) -> Any:
    """`key` if it may be a dict key or set member: not too long text or bytes, None, or a moderate integer.

    Tuples are refused as the hash of a deeply nested one overflows the C stack.
    """
    if key is None or (isinstance(key, str | bytes) and len(key) <= _MAX_KEY_LENGTH):
        return key
    if isinstance(key, int) and abs(key) < _MAX_INT_KEY:
        return key
    raise Malformed(f"a {type(key).__name__} that cannot be a key here")


def _new_dict(machine: Machine, args: tuple[Any, ...]) -> dict[Any, Any]:
    """OrderedDict(), EasyDict(), or either from a dict or a list of pairs."""
    if not args:
        return {}
    (source,) = args
    pairs = list(source.items()) if isinstance(source, dict) else source
    if not isinstance(pairs, list):
        raise Malformed("a dict made from something else than pairs")
    machine.spend(_BYTES_PER_ITEM * len(pairs))
    made = {}
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise Malformed("a dict made from something else than pairs")
        made[require_key(pair[0])] = pair[1]
    return made


def _new_set(machine: Machine, args: tuple[Any, ...]) -> set[Any]:
    items = args[0] if args else []
    if len(args) > 1 or not isinstance(items, list | tuple):
        raise Malformed("a set made from something else than a list")
    machine.spend(_BYTES_PER_ITEM * len(items))
    return {require_key(item) for item in items}


def _new_tensor(machine: Machine, args: tuple[Any, ...]) -> StoredTensor:
    """`_rebuild_tensor(storage, offset, size, stride)`, and `_v2` with requires_grad, hooks (and metadata)."""
    if not 4 <= len(args) <= 7 or not isinstance(args[0], Storage):
        raise Malformed("a tensor without a storage")
    if not isinstance(args[2], tuple) or not isinstance(args[3], tuple):
        raise Malformed("a tensor without shape and strides")
    tensor = StoredTensor(args[0], args[1], args[2], args[3])
    machine.spend(tensor.numel * max(4, tensor.storage.dtype.itemsize))
    return tensor


def _new_parameter(machine: Machine, args: tuple[Any, ...]) -> StoredTensor:
    """`_rebuild_parameter(data, requires_grad, hooks)`: the data."""
    if len(args) != 3 or not isinstance(args[0], StoredTensor):
        raise Malformed("a parameter that is not a tensor")
    return args[0]


def _new_storage(machine: Machine, args: tuple[Any, ...]) -> Storage:
    if len(args) != 1 or not isinstance(args[0], bytes):
        raise Malformed("a nested torch.save that is not bytes")
    return machine.nested_storage(args[0])


def _new_dtype(machine: Machine, args: tuple[Any, ...]) -> NumpyDtype:
    if not args or not isinstance(args[0], str):
        raise Malformed("a numpy dtype without a code")
    return NumpyDtype(args[0])


def _empty_array(machine: Machine, args: tuple[Any, ...]) -> NumpyArray:
    """`_reconstruct(numpy.ndarray, (0,), b'b')`, to be filled by BUILD."""
    if len(args) != 3 or args[0] != Global("numpy", "ndarray"):
        raise Malformed("a numpy array of another class")
    return NumpyArray()


def _array_from_buffer(machine: Machine, args: tuple[Any, ...]) -> NumpyArray:
    """`_frombuffer(bytes, dtype, shape, order)`, what protocol 5 writes in-band."""
    if len(args) != 4 or args[3] not in ("C", "F"):
        raise Malformed("a numpy array with strange arguments")
    array = NumpyArray(args[2], args[1], args[3] == "F", args[0])
    array.check()
    return array


def _scalar(machine: Machine, args: tuple[Any, ...]) -> int | float | bool:
    """A numpy scalar, as the Python number of the same value."""
    if len(args) != 2:
        raise Malformed("a numpy scalar with strange arguments")
    array = NumpyArray((), args[0], False, args[1])
    array.check()
    value: int | float | bool = array.array().item()
    return value


def _encoded(machine: Machine, args: tuple[Any, ...]) -> bytes:
    """`_codecs.encode(text, 'latin1')`: how protocol 2 writes bytes."""
    if len(args) != 2 or not isinstance(args[0], str) or args[1] not in ("latin1", "latin-1"):
        raise Malformed("_codecs.encode with another codec than latin1")
    machine.spend(len(args[0]))
    return args[0].encode("latin1")


def _no_bytes(machine: Machine, args: tuple[Any, ...]) -> bytes:
    """`bytes()`: how protocol 2 writes bytes of length zero."""
    if args:
        raise Malformed("bytes made from something")
    return b""


def _persistent(machine: Machine, args: tuple[Any, ...]) -> PersistentObject:
    """A module with embedded source (NVIDIA's `torch_utils.persistence`): the source is hashed, never run."""
    meta = args[0] if len(args) == 1 else None
    if not isinstance(meta, dict) or meta.get("type") != "class":
        raise Malformed("a persistent object without its description")
    source, name, state = meta.get("module_src"), meta.get("class_name"), meta.get("state")
    if not isinstance(source, str) or not isinstance(name, str) or not isinstance(state, dict):
        raise Malformed("a persistent object without source, class name or state")
    # Hashing is paid for like memory: the same long source can be named again and again.
    machine.spend(len(source) // 16)
    digest = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
    return PersistentObject(name, digest, state)


def _new_object(machine: Machine, args: tuple[Any, ...]) -> Any:
    """`copyreg._reconstructor(cls, object, None)`: protocol 0 and 1's way to say `cls()`."""
    if len(args) != 3 or args[1] != Global("builtins", "object") or args[2] is not None:
        raise Malformed("an object built on another base than object")
    return new_instance(machine, args[0], ())


def new_instance(machine: Machine, cls: Any, args: tuple[Any, ...]) -> Any:
    """What NEWOBJ makes: an empty record for the few classes that are known by name."""
    if cls in (Global("argparse", "Namespace"), Global(*TENSORFLOW_NETWORK)) and not args:
        return ClaimedObject(str(cls))
    if isinstance(cls, Global) and CONSTRUCTORS.get((cls.module, cls.name)) is _new_dict:
        return _new_dict(machine, args)
    raise Malformed(f"an instance of {cls if isinstance(cls, Global) else type(cls).__name__}")


def _size(machine: Machine, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """`torch.Size((..))` as the tuple it holds."""
    if len(args) != 1 or not isinstance(args[0], tuple | list):
        raise Malformed("a torch.Size of something else than numbers")
    machine.spend(8 * len(args[0]))
    return tuple(args[0])


def _device(machine: Machine, args: tuple[Any, ...]) -> ClaimedObject:
    return ClaimedObject("torch.device")


CONSTRUCTORS: dict[tuple[str, str], Constructor] = {
    ("collections", "OrderedDict"): _new_dict,
    ("dnnlib.util", "EasyDict"): _new_dict,
    ("dnnlib", "EasyDict"): _new_dict,
    ("builtins", "set"): _new_set,
    ("__builtin__", "set"): _new_set,
    ("builtins", "bytes"): _no_bytes,
    ("__builtin__", "bytes"): _no_bytes,
    ("torch._utils", "_rebuild_tensor"): _new_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _new_tensor,
    ("torch._utils", "_rebuild_parameter"): _new_parameter,
    ("torch.storage", "_load_from_bytes"): _new_storage,
    ("torch", "Size"): _size,
    ("torch", "device"): _device,
    ("numpy", "dtype"): _new_dtype,
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): _persistent,
    ("_codecs", "encode"): _encoded,
    ("copyreg", "_reconstructor"): _new_object,
    ("copy_reg", "_reconstructor"): _new_object,
}
for _core in ("numpy.core", "numpy._core"):
    CONSTRUCTORS[_core + ".multiarray", "_reconstruct"] = _empty_array
    CONSTRUCTORS[_core + ".multiarray", "scalar"] = _scalar
    CONSTRUCTORS[_core + ".numeric", "_frombuffer"] = _array_from_buffer

# A network of NVIDIA's TensorFlow code: its variables are read, its source is not run.
TENSORFLOW_NETWORK = ("dnnlib.tflib.network", "Network")

# Names that may stand in a stream as a value but make nothing.
TAGS: frozenset[tuple[str, str]] = frozenset(
    {("torch", name) for name in STORAGE_DTYPES}
    | {("torch", name) for name in ("float16", "float32", "float64", "int64", "int32", "uint8")}
    | {("numpy", "ndarray"), ("argparse", "Namespace"), ("builtins", "object"), TENSORFLOW_NETWORK}
)
RENAMED = {("__builtin__", "object"): Global("builtins", "object")}

# The networks of older TensorFlow code (Progressive GAN), whose variables are not known here.
TENSORFLOW_NETWORKS = frozenset({("tfutil", "Network"), ("network", "Network")})


def allowed_global(module: str, name: str) -> Global | None:
    """The record for a name on the allow-list, None for any other."""
    if (module, name) in RENAMED:
        return RENAMED[module, name]
    return Global(module, name) if (module, name) in CONSTRUCTORS or (module, name) in TAGS else None
