"""The one unpickler of this project: a machine that runs the pickle opcodes and can make plain data only.

It is not a subclass of `pickle.Unpickler`, whose BUILD and REDUCE act on real classes and functions: here a name in
the stream becomes a `Global` record, REDUCE looks it up in `constructors.CONSTRUCTORS`, and BUILD fills the records
of `records`. Nothing is imported, called or set on behalf of the file. `pickletools.genops`, which only decodes,
reads the opcodes. Opcodes, stack, memo and allocated bytes are bounded, and every refusal names opcode and position.
"""

from __future__ import annotations

import io
import pickletools
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from forensics.core.errors import CheckpointError
from forensics.generators.checkpoints.checkpoint import quoted
from forensics.generators.checkpoints.pickles import legacy_storage
from forensics.generators.checkpoints.pickles.constructors import (
    CONSTRUCTORS,
    TENSORFLOW_NETWORKS,
    allowed_global,
    new_instance,
    require_key,
)
from forensics.generators.checkpoints.pickles.records import (
    ClaimedObject,
    Global,
    Malformed,
    NumpyArray,
    NumpyDtype,
    Storage,
)
from forensics.generators.checkpoints.pickles.refusals import Refused, TensorFlow

MAX_OPCODES = 1_000_000  # a training checkpoint of a 1024-px StyleGAN2 with its optimisers needs about 60,000
MAX_STACK = 100_000
MAX_MARKS = 1_000
MAX_MEMO = 300_000
_MAX_INT_BITS = 128
_DAMAGE = (Malformed, IndexError, KeyError, TypeError, ValueError, OverflowError, struct.error)


@dataclass
class Effort:
    """What is left of the work one file may cause, over all the pickles in it."""

    n_bytes: int
    opcodes: int = MAX_OPCODES

    @classmethod
    def for_file(cls, n_bytes: int) -> Effort:
        """Eight times the file (networks share storages, fp16 grows to fp32) and some slack for small ones."""
        return cls(n_bytes=8 * n_bytes + (16 << 20))


class Unpickler:
    """Runs one pickle. `source` names the file in errors; `persistent` resolves BINPERSID (refused if None)."""

    def __init__(
        self, source: str, effort: Effort, persistent: Callable[[Any], Any] | None = None, *, nesting: int = 0
    ) -> None:
        self.source, self.effort, self.persistent, self.nesting = source, effort, persistent, nesting
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def load(self, data: bytes, start: int = 0) -> tuple[Any, int]:
        """Run the pickle that begins at byte `start`; its value, and the position after its STOP.

        Raises CheckpointError for a name that is not allowed, a damaged stream or one that asks for too much.
        """
        stream = io.BytesIO(data)
        stream.seek(start)
        name, position, where = "its start", start, "after"
        try:
            for opcode, argument, at in pickletools.genops(stream):
                name, position, where = opcode.name, start if at is None else at, "at"
                self._count()
                if name == "STOP":
                    break
                run = _OPCODES.get(name)
                if run is None:
                    asked = f"asks for {quoted(argument)}, " if isinstance(argument, str) else ""
                    raise Refused(f"{asked}which weights do not need")
                run(self, argument)
                where = "after"
            if self.marks or len(self.stack) != 1:
                raise Malformed("it ends with more or less than one value")
        except Refused as refused:
            self._refuse(name, position, str(refused))
        except _DAMAGE as error:
            said = quoted(error) or type(error).__name__
            raise CheckpointError(
                f"{self.source}: damaged or hostile pickle {where} {name}, byte {position}: {said}; nothing was run"
            ) from error
        return self.stack.pop(), stream.tell()

    def spend(self, n_bytes: int) -> None:
        """Count `n_bytes` against what the file may allocate."""
        self.effort.n_bytes -= n_bytes
        if self.effort.n_bytes < 0:
            raise Malformed("it asks for far more memory than the file holds")

    def nested_storage(self, data: bytes) -> Storage:
        """The storage in `data`, a torch.save stream inside the pickle."""
        if self.nesting:
            raise Malformed("a torch.save stream inside a torch.save stream")
        return legacy_storage.parse(data, self._nested)

    def _nested(self, persistent: Callable[[Any], Any] | None) -> Unpickler:
        return Unpickler(f"{self.source} (nested)", self.effort, persistent, nesting=self.nesting + 1)

    def _count(self) -> None:
        self.effort.opcodes -= 1
        if self.effort.opcodes < 0:
            raise Malformed(f"more than {MAX_OPCODES} opcodes")
        if len(self.stack) > MAX_STACK or len(self.marks) > MAX_MARKS or len(self.memo) > MAX_MEMO:
            raise Malformed("a stack or memo far larger than weights need")

    def _refuse(self, opcode: str, position: int, why: str) -> NoReturn:
        raise CheckpointError(
            f"{self.source}: refused, nothing was run: opcode {opcode} at byte {position} {why};"
            " do not load this file elsewhere unless you trust its author"
        )

    # What the opcodes do. `argument` is what follows the opcode in the stream, already decoded.

    def push(self, value: Any) -> None:
        """A value on top of the stack."""
        if type(value) is int and value.bit_length() > _MAX_INT_BITS:
            raise Malformed("an integer of more than 128 bits")
        self.stack.append(value)

    def to_mark(self) -> list[Any]:
        """The values above the last mark; the stack below it becomes current again."""
        values, self.stack = self.stack, self.marks.pop()
        return values

    def mark(self, argument: Any) -> None:
        """Set the stack aside; a new one begins above the mark."""
        self.marks.append(self.stack)
        self.stack = []

    def pop(self, argument: Any) -> None:
        """Drop the top value, or the mark where there is none above it."""
        if self.stack:
            self.stack.pop()
        else:
            self.to_mark()

    def take(self, n: int) -> list[Any]:
        """The top `n` values in the order they were pushed."""
        if n > len(self.stack):
            raise Malformed("the stack is empty")
        values = self.stack[-n:]
        del self.stack[-n:]
        return values

    def remember(self, index: Any) -> None:
        """Keep the top value under a number: the given one, or the next."""
        self.memo[len(self.memo) if index is None else index] = self.stack[-1]

    def add_items(self, pairs: list[Any]) -> None:
        """Keys and values, in turn, into the dict on top."""
        target = self.stack[-1]
        if type(target) is not dict or len(pairs) % 2:
            raise Malformed(f"items set on a {type(target).__name__}")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            target[require_key(key)] = value

    def extend(self, values: list[Any]) -> None:
        """Values to the end of the list on top."""
        target = self.stack[-1]
        if type(target) is not list:
            raise Malformed(f"values appended to a {type(target).__name__}")
        target.extend(values)

    def add_members(self, argument: Any) -> None:
        """Values above the mark into the set on top."""
        values = self.to_mark()
        target = self.stack[-1]
        if type(target) is not set:
            raise Malformed(f"members added to a {type(target).__name__}")
        target.update(require_key(value) for value in values)

    def new_dict(self, argument: Any) -> None:
        """A dict of the keys and values above the mark."""
        pairs = self.to_mark()
        self.stack.append({})
        self.add_items(pairs)

    def find_global(self, module: Any, name: Any) -> None:
        """The record of a name on the list of what weights are made of; any other is refused."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise Malformed("a global whose name is not text")
        found = allowed_global(module, name)
        if found is None:
            asked = f"asks for {quoted(f'{module}.{name}')}"
            if (module, name) in TENSORFLOW_NETWORKS:
                raise TensorFlow(asked)
            raise Refused(f"{asked}, which is not on the list of what weights are made of")
        self.stack.append(found)

    def reduce(self, argument: Any) -> None:
        """What a known constructor makes of its arguments; nothing else is called."""
        function, arguments = self.take(2)
        constructor = CONSTRUCTORS.get((function.module, function.name)) if type(function) is Global else None
        if constructor is None or type(arguments) is not tuple:
            named = function if isinstance(function, Global) else f"a {type(function).__name__}"
            raise Refused(f"calls {named}, which is not among what builds weights")
        self.stack.append(constructor(self, arguments))

    def new_object(self, argument: Any) -> None:
        """An empty record for an instance of a known class."""
        cls, arguments = self.take(2)
        if type(arguments) is not tuple:
            raise Malformed("NEWOBJ without arguments")
        self.stack.append(new_instance(self, cls, arguments))

    def build(self, argument: Any) -> None:
        """Fill a record or a dict with its state; no method of a class is run."""
        target, state = self.take(2)
        if type(state) is dict:
            self.spend(8 * len(state))
            dunder = next((key for key in state if isinstance(key, str) and key.startswith("__")), None)
            if dunder is not None:
                raise Refused(f"sets {quoted(dunder)} on a {type(target).__name__}")
        if type(target) in (NumpyArray, NumpyDtype):
            target.set_state(state)
        elif type(target) is ClaimedObject and type(state) is dict:
            target.state = state
        elif type(target) is not dict or type(state) is not dict:
            # A dict's state is torch's `_metadata` of a state dict (versions of modules): not needed.
            named = target if isinstance(target, Global) else f"a {type(target).__name__}"
            raise Refused(f"sets the state of {named}")
        self.stack.append(target)

    def persistent_id(self, argument: Any) -> None:
        """The storage that the id on top names, where this pickle has storages."""
        if self.persistent is None:
            raise Refused("names data outside this pickle, which has none")
        self.stack.append(self.persistent(self.stack.pop()))


Opcode = Callable[[Unpickler, Any], None]


def _constant(make: Callable[[], Any]) -> Opcode:
    return lambda machine, argument: machine.stack.append(make())


def _from_mark(make: Callable[[list[Any]], Any]) -> Opcode:
    return lambda machine, argument: machine.push(make(machine.to_mark()))


def _tuple_of(n: int) -> Opcode:
    return lambda machine, argument: machine.push(tuple(machine.take(n)))


_VALUES = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
)

# Absent on purpose: INST, OBJ, NEWOBJ_EX, EXT1/2/4, PERSID, NEXT_BUFFER, READONLY_BUFFER.
_OPCODES: dict[str, Opcode] = dict.fromkeys(_VALUES, Unpickler.push) | {
    "PROTO": lambda machine, argument: None,
    "FRAME": lambda machine, argument: None,
    "BYTEARRAY8": lambda machine, argument: machine.push(bytes(argument)),
    "NONE": _constant(lambda: None),
    "NEWTRUE": _constant(lambda: True),
    "NEWFALSE": _constant(lambda: False),
    "EMPTY_LIST": _constant(list),
    "EMPTY_DICT": _constant(dict),
    "EMPTY_SET": _constant(set),
    "EMPTY_TUPLE": _constant(tuple),
    "MARK": Unpickler.mark,
    "POP": Unpickler.pop,
    "POP_MARK": lambda machine, argument: machine.to_mark().clear(),
    "DUP": lambda machine, argument: machine.push(machine.stack[-1]),
    "LIST": _from_mark(list),
    "TUPLE": _from_mark(tuple),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "DICT": Unpickler.new_dict,
    "FROZENSET": _from_mark(lambda values: {require_key(value) for value in values}),
    "APPEND": lambda machine, _: machine.extend(machine.take(1)),
    "APPENDS": lambda machine, argument: machine.extend(machine.to_mark()),
    "SETITEM": lambda machine, argument: machine.add_items(machine.take(2)),
    "SETITEMS": lambda machine, argument: machine.add_items(machine.to_mark()),
    "ADDITEMS": Unpickler.add_members,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), Unpickler.remember),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda machine, key: machine.push(machine.memo[key])),
    "GLOBAL": lambda machine, argument: machine.find_global(*argument.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, argument: machine.find_global(*machine.take(2)),
    "REDUCE": Unpickler.reduce,
    "NEWOBJ": Unpickler.new_object,
    "BUILD": Unpickler.build,
    "BINPERSID": Unpickler.persistent_id,
}
