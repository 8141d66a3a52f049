"""The syntax of the repository: modules, their functions, and what imports what. Nothing is imported or run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
_ARRAYS: Final = re.compile(r"\b(Tensor|ndarray|NDArray|Floats|Images|Pixels|Arrays)\b")


@dataclass(frozen=True)
class Function:
    """One function or method: its place, its lines, and how many arguments it takes besides self."""

    name: str
    module: str
    node: FunctionNode
    public: bool

    @property
    def lines(self) -> int:
        """From `def` to its last line, the docstring included."""
        return (self.node.end_lineno or self.node.lineno) - self.node.lineno + 1

    @property
    def parameters(self) -> int:
        """Arguments by any way, without self and cls."""
        a = self.node.args
        every = [*a.posonlyargs, *a.args, *a.kwonlyargs]
        return sum(one.arg not in ("self", "cls") for one in every)

    @property
    def docstring(self) -> str:
        """Its docstring, "" without one."""
        return ast.get_docstring(self.node) or ""

    @property
    def of_arrays(self) -> bool:
        """Whether its annotations say that it takes or gives arrays."""
        every = [*self.node.args.posonlyargs, *self.node.args.args, *self.node.args.kwonlyargs]
        annotations = [one.annotation for one in every if one.annotation] + [self.node.returns]
        return any(_ARRAYS.search(ast.unparse(one)) for one in annotations if one is not None)


@dataclass
class Module:
    """One file: its dotted name, text, syntax tree, and the modules of the package that it imports."""

    name: str
    path: Path
    text: str
    tree: ast.Module
    imports: set[str] = field(default_factory=set)

    @property
    def n_lines(self) -> int:
        """Lines of the file."""
        return self.text.count("\n")

    @property
    def room(self) -> str:
        """The part of the name after the package."""
        return self.name.split(".")[1] if "." in self.name else ""


def read_modules(package: str) -> dict[str, Module]:
    """Every module of a package of the repository by its dotted name, with what it imports of the package."""
    modules = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text("utf-8")
        modules[name] = Module(name, path, text, ast.parse(text))
    for module in modules.values():
        module.imports = {name for name in _imported(module, modules) if name != module.name}
    return modules


def _imported(module: Module, modules: dict[str, Module]) -> Iterator[str]:
    """Modules that are imported anywhere in the file, but for type checking only."""
    skipped = {
        id(inner)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in node.body
        for inner in ast.walk(child)
    }
    for node in ast.walk(module.tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole in modules or node.module in modules:
                    yield whole if whole in modules else node.module


def functions(module: Module) -> Iterator[Function]:
    """Functions and methods, the inner ones of functions too, which are not public."""

    def walk(node: ast.AST, prefix: str, public: bool) -> Iterator[Function]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, FunctionNode):
                shown = public and not child.name.startswith("_")
                yield Function(f"{prefix}{child.name}", module.name, child, shown)
                yield from walk(child, f"{prefix}{child.name}.", False)
            elif isinstance(child, ast.ClassDef):
                yield from walk(child, f"{prefix}{child.name}.", public and not child.name.startswith("_"))
            else:
                yield from walk(child, prefix, public)

    yield from walk(module.tree, "", True)
