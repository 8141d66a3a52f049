"""What imports what: cycles, and the order of the rooms."""

from __future__ import annotations

from typing import Final

from tools.house.syntax import Module

# Bottom to top: a room imports only from itself and from rooms before it.
ROOMS: Final = (
    "core",
    "provenance",
    "images",
    "corpus",
    "backbones",
    "metrics",
    "report",
    "faces",
    "generators",
    "recipes",
    "detectors",
    "benchmarks",
    "studies",
    "examiner",
    "explore",
    "serve",
    "commands",
    "cli",
)


def cycles(modules: dict[str, Module]) -> list[list[str]]:
    """Groups of modules each of which imports every other of the group by some way (Tarjan)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(name: str) -> None:
        number[name] = lowest[name] = len(number)
        stack.append(name)
        for following in sorted(modules[name].imports):
            if following not in number:
                visit(following)
                lowest[name] = min(lowest[name], lowest[following])
            elif following in stack:
                lowest[name] = min(lowest[name], number[following])
        if lowest[name] == number[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            groups.append(group)

    for name in modules:
        if name not in number:
            visit(name)
    return [group for group in groups if len(group) > 1]


def against_the_order(modules: dict[str, Module]) -> list[str]:
    """Imports of a room by one before it, and rooms that are in no order."""
    wrong = []
    for module in modules.values():
        if module.room and module.room not in ROOMS:
            wrong.append(f"{module.name}: lies in no room")
            continue
        for imported in sorted(module.imports):
            room = modules[imported].room
            if module.room and room in ROOMS and ROOMS.index(room) > ROOMS.index(module.room):
                wrong.append(f"{module.name} imports {imported}")
    return wrong
