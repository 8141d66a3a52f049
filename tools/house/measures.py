"""The numbers of the house, each with its limit."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from tools.house.order import against_the_order, cycles
from tools.house.syntax import ROOT, Function, FunctionNode, Module, functions, read_modules

_SHAPE: Final = re.compile(
    r"\[[^\]]*\b(n|N|m|k|b|B|H|h|c|C|d|dim|\d+|[a-z]+_dim|num_ws)\b[^\]]*\]|\bscalar\b"
)
_DTYPE: Final = re.compile(r"\b(u?int\d+|float\d+|bfloat16|bool|HWC uint8)\b")
_RANGE: Final = re.compile(
    r"\b(in|from|within|between)\s+\[?-?\d|\b(in|within) [\[(]-?\d|\bof \[-?\d|range|any value|normal|finite|"
    r"\b(probabilit|log10|indices|counts|weights|0 or 1|≥|at least)|[<>]=? ?0|unit (norm|length)"
)


Sized = TypeVar("Sized", Module, Function)


@dataclass(frozen=True)
class Measure:
    """One number of the house, its limit, and what is beyond it by name."""

    name: str
    value: float
    limit: float
    at_least: bool = False
    beyond: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the number is within its limit."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return f"{'ok' if self.holds else 'BEYOND':<8}{self.name:<52}{self.value:>8g}  {sign} {self.limit:g}"


def without_docstring(module: Module, inside: Sequence[Function]) -> list[str]:
    """Public functions, classes and files that have none."""
    missing = [
        f"{module.name}.{f.name}" for f in inside if f.public and not f.docstring and not _overload(f.node)
    ]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node):
            missing.append(f"{module.name}.{node.name}")
    if module.text.strip() and not ast.get_docstring(module.tree):
        missing.append(module.name)
    return missing


def _overload(node: FunctionNode) -> bool:
    return any(
        ast.unparse(d).split(".")[-1].split("(")[0] in ("overload", "setter") for d in node.decorator_list
    )


def measures() -> list[Measure]:
    """All numbers of the house."""
    package = read_modules("forensics")
    every = [*package.values(), *read_modules("tools").values()]
    inside = {module.name: list(functions(module)) for module in every}
    all_functions = [f for one in inside.values() for f in one]
    return [*_sizes(every, all_functions), *_texts(every, inside), *_order(package, every)]


def _sizes(modules: Sequence[Module], inside: Sequence[Function]) -> list[Measure]:
    files = [module.n_lines for module in modules if module.text.strip()]
    lengths = sorted(f.lines for f in inside)
    free = [f for f in inside if not f.module.startswith("forensics.commands")]
    return [
        Measure("file lines, median", statistics.median(files), 120),
        Measure("file lines, longest", max(files), 320, beyond=_over(modules, lambda m: m.n_lines, 320)),
        Measure("function lines, median", statistics.median(lengths), 8),
        Measure("function lines, 90 of 100", lengths[int(0.9 * len(lengths))], 22),
        Measure("function lines, longest", lengths[-1], 60, beyond=_over(inside, lambda f: f.lines, 60)),
        Measure(
            "parameters outside commands",
            max(f.parameters for f in free),
            7,
            beyond=_over(free, lambda f: f.parameters, 7),
        ),
    ]


def _texts(modules: Sequence[Module], inside: dict[str, list[Function]]) -> list[Measure]:
    loose = {m.name: m.text.count("dict[str, Any]") for m in modules if not m.name.startswith("tools.")}
    missing = [name for module in modules for name in without_docstring(module, inside[module.name])]
    arrays = [f for one in inside.values() for f in one if f.public and f.of_arrays and not _overload(f.node)]
    silent = [f"{f.module}.{f.name}" for f in arrays if not _says_all(f.docstring)]
    share = 100.0 * (1 - len(silent) / len(arrays)) if arrays else 100.0
    most = sorted(((n, name) for name, n in loose.items() if n), reverse=True)
    return [
        Measure(
            "dict[str, Any] in the package",
            sum(loose.values()),
            60,
            beyond=tuple(f"{n} in {name}" for n, name in most),
        ),
        Measure("public names without a docstring", len(missing), 0, beyond=tuple(missing)),
        Measure(
            "percent of array functions with shape, dtype, range",
            round(share, 1),
            60,
            True,
            beyond=tuple(silent),
        ),
    ]


def _says_all(docstring: str) -> bool:
    return all(pattern.search(docstring) for pattern in (_SHAPE, _DTYPE, _RANGE))


def _order(package: dict[str, Module], every: Sequence[Module]) -> list[Measure]:
    groups = cycles(package)
    wrong = against_the_order(package)
    folders: dict[Path, int] = {}
    for module in every:
        if module.path.name != "__init__.py":
            folders[module.path.parent] = folders.get(module.path.parent, 0) + 1
    crowded = tuple(f"{n} in {folder.relative_to(ROOT)}" for folder, n in folders.items() if n > 15)
    return [
        Measure("import cycles", len(groups), 0, beyond=tuple(" ⇄ ".join(group) for group in groups)),
        Measure("imports against the order of the rooms", len(wrong), 0, beyond=tuple(wrong)),
        Measure("files a folder", max(folders.values()), 15, beyond=crowded),
    ]


def _over(items: Sequence[Sized], size: Callable[[Sized], int], limit: int) -> tuple[str, ...]:
    large = sorted(((size(one), one) for one in items if size(one) > limit), key=lambda pair: -pair[0])
    return tuple(f"{n} {one.module + '.' if isinstance(one, Function) else ''}{one.name}" for n, one in large)
