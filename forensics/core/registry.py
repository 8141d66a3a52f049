"""The one registry: every method by kind and name, with its card.

A method registers itself where it is defined:

    @register("inverter", "e4e", Card("Encoder into W+ with small, shared offsets.", paper="Tov et al. 2021"))
    class Encoder4Editing: ...

Nothing else names it: the module lies in the package of its kind (`PACKAGES`), and is found there when it is asked
for. Other distributions add methods by an entry point of the group `forensics.methods` that names a module.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from forensics.core.cards import Card
from forensics.core.errors import ForensicsError

ENTRY_POINTS: Final = "forensics.methods"
# kind → the package whose modules hold its methods. A package inside it is one method, in its module `study`.
PACKAGES: Final = {
    "architecture": "forensics.generators.architectures",
    "reader": "forensics.generators.checkpoints.formats",
    "loss": "forensics.generators.training.losses",
    "inverter": "forensics.generators.inversion",
    "editor": "forensics.generators.editing",
    "adapter": "forensics.generators.domains",
    "restorer": "forensics.generators.restoration",
    "swapper": "forensics.generators.swapping",
    "recipe": "forensics.recipes",
    "detector": "forensics.detectors.kinds",
    "metric": "forensics.metrics",
    "perturbation": "forensics.benchmarks.perturbations",
    "study": "forensics.studies",
}
KINDS: Final = tuple(PACKAGES)
_NAME = re.compile(r"[a-z0-9]+([-_.][a-z0-9]+)*")

Target = TypeVar("Target", bound=Callable[..., Any])


@dataclass(frozen=True)
class Method:
    """One entry: its kind and name, its card, and the class or function that does it."""

    kind: str
    name: str
    card: Card
    target: Any

    def to_json(self) -> dict[str, object]:
        """Kind, name, where it is defined, and the card."""
        where = f"{self.target.__module__}.{self.target.__qualname__}"
        return {"kind": self.kind, "name": self.name, "defined_in": where, **self.card.to_json()}


_METHODS: dict[tuple[str, str], Method] = {}
_searched: set[str] = set()


def register(kind: str, name: str, card: Card) -> Callable[[Target], Target]:
    """Enter the decorated class or function as the method `name` of `kind`.

    Raises ValueError for an unknown kind, a name that is not lower-case words joined by - _ or ., or a name that
    another class or function holds.
    """
    if kind not in PACKAGES:
        raise ValueError(f"no kind of method is called {kind!r}: the kinds are {', '.join(KINDS)}")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a method: lower-case words, joined by - _ or .")

    def enter(target: Target) -> Target:
        held = _METHODS.get((kind, name))
        if held is not None and _place(held.target) != _place(target):
            raise ValueError(f"the {kind} {name!r} is {_place(held.target)} already, not {_place(target)}")
        _METHODS[kind, name] = Method(kind, name, card, target)
        return target

    return enter


def methods(kind: str | None = None) -> list[Method]:
    """All methods, or those of one kind, in the order of the kinds and then of the names.

    Raises ForensicsError for an unknown kind.
    """
    if kind is not None and kind not in PACKAGES:
        raise ForensicsError(f"no kind of method is called {kind!r}: choose one of {', '.join(KINDS)}")
    wanted = KINDS if kind is None else (kind,)
    _load_entry_points()
    for one in wanted:
        _load_package(one)
    return [_METHODS[key] for key in sorted(_METHODS, key=_order) if key[0] in wanted]


def method(kind: str, name: str) -> Method:
    """The method of that kind and name; ForensicsError, which lists the names, where there is none."""
    if (kind, name) not in _METHODS and kind in PACKAGES:
        _load_module_named(kind, name)
    if (kind, name) not in _METHODS:
        names = [one.name for one in methods(kind)]
        if name not in names:
            listed = ", ".join(names) or "there is none yet"
            raise ForensicsError(f"no {kind} is called {name!r}: choose one of {listed}")
    return _METHODS[kind, name]


def _order(key: tuple[str, str]) -> tuple[int, str]:
    return KINDS.index(key[0]), key[1]


def _place(target: Any) -> str:
    return f"{target.__module__}.{target.__qualname__}"


def _load_module_named(kind: str, name: str) -> None:
    """Import the module that is called as the method is, so that one method does not cost the import of all."""
    module = f"{PACKAGES[kind]}.{name.replace('-', '_').replace('.', '_')}"
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not module.startswith(str(error.name)):
            raise


def _load_package(kind: str) -> None:
    """Import every module of the package of a kind, and the module `study` of each package inside it."""
    if kind in _searched:
        return
    try:
        package = importlib.import_module(PACKAGES[kind])
    except ModuleNotFoundError as error:
        if not PACKAGES[kind].startswith(str(error.name)):
            raise
        return  # no method of this kind has been written yet
    for module in pkgutil.iter_modules(getattr(package, "__path__", ()), f"{package.__name__}."):
        if not module.ispkg:
            importlib.import_module(module.name)
        elif kind == "study" and importlib.util.find_spec(f"{module.name}.study"):
            importlib.import_module(f"{module.name}.study")
    _searched.add(kind)


def _load_entry_points() -> None:
    """Import the modules that other distributions name; one that cannot be imported is an error that names it."""
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        try:
            point.load()
        except Exception as error:  # whatever a stranger's module raises
            raise ForensicsError(
                f"the plug-in {point.name} ({point.value}) cannot be loaded: {error}"
            ) from error
