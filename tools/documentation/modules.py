"""The reference of the modules: one page a room, or a folder of a large room; mkdocstrings fills it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

# Rooms whose folders are so full that each has its own page.
_LARGE: Final = ("generators", "studies", "detectors")
_NOT_A_LIBRARY: Final = ("commands", "cli", "weights")


def reference_pages(package: Path) -> Iterator[tuple[str, str]]:
    """Address and Markdown of every page of the reference, the list of rooms first. `package`: its folder."""
    rooms = [
        path for path in sorted(package.iterdir()) if _is_package(path) and path.name not in _NOT_A_LIBRARY
    ]
    yield "reference/index.md", _index(package, rooms)
    for room in rooms:
        folders = (
            [path for path in sorted(room.iterdir()) if _is_package(path)] if room.name in _LARGE else []
        )
        yield f"reference/{room.name}.md", _page(package, room, skip=folders)
        for folder in folders:
            yield f"reference/{room.name}-{folder.name}.md", _page(package, folder, skip=[])


def _is_package(path: Path) -> bool:
    return (path / "__init__.py").is_file()


def _index(package: Path, rooms: list[Path]) -> str:
    lines = ["# Reference", "", "::: forensics", "    options:", "      heading_level: 2", "", "## Rooms", ""]
    lines += [
        "A room imports only from rooms below it (see [the house](../project/contributing.md#the-house)).",
        "",
    ]
    for room in rooms:
        lines.append(f"- [`{_dotted(package, room)}`]({room.name}.md): {_first_line(room / '__init__.py')}")
        if room.name in _LARGE:
            for folder in (path for path in sorted(room.iterdir()) if _is_package(path)):
                name = f"{room.name}-{folder.name}.md"
                lines.append(
                    f"    - [`{_dotted(package, folder)}`]({name}): {_first_line(folder / '__init__.py')}"
                )
    return "\n".join([*lines, ""])


def _page(package: Path, folder: Path, skip: list[Path]) -> str:
    lines = [f"# `{_dotted(package, folder)}`", "", _docstring(folder / "__init__.py"), ""]
    for path in sorted(folder.rglob("*.py")):
        if (
            path.name == "__init__.py"
            or any(other in path.parents for other in skip)
            or path.name.startswith("_")
        ):
            continue
        lines += [
            f"::: {_dotted(package, path.with_suffix(''))}",
            "    options:",
            "      heading_level: 2",
            "",
        ]
    return "\n".join(lines)


def _dotted(package: Path, path: Path) -> str:
    return ".".join(path.relative_to(package.parent).parts)


def _docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def _first_line(path: Path) -> str:
    return _docstring(path).split("\n")[0]
