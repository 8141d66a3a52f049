"""Blocks of Markdown between two comments: finding them, and putting fresh text into them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from forensics.core.errors import ForensicsError

# Takes the Markdown file that the block stands in, and the words after the block's name; returns Markdown.
Provider = Callable[[Path, Sequence[str]], str]

_BLOCK = re.compile(
    r"^<!-- generated: (?P<words>[^\n]+?) -->\n(?P<body>.*?)^<!-- end -->$", re.DOTALL | re.MULTILINE
)
_BREAKS = re.compile(r"[ \t\n]+")
_OPENING = re.compile(r"^<!-- generated: ", re.MULTILINE)


def rewritten(text: str, path: Path, providers: Mapping[str, Provider]) -> str:
    """The text of the Markdown file `path` with every block filled anew by its provider.

    Raises ForensicsError for a block without an end, or one whose name no provider has.
    """

    def fill(block: re.Match[str]) -> str:
        name, *words = block["words"].split()
        if name not in providers:
            raise ForensicsError(
                f"{path}: no block is called {name!r}: choose one of {', '.join(sorted(providers))}"
            )
        body = providers[name](path, words).strip("\n")
        return f"<!-- generated: {block['words']} -->\n\n{body}\n\n<!-- end -->"

    fresh, count = _BLOCK.subn(fill, text)
    if count != len(_OPENING.findall(text)):
        raise ForensicsError(f"{path}: a generated block has no `<!-- end -->` on a line of its own")
    return fresh


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; pipes and line breaks inside cells are made harmless."""
    lines = [list(head), ["---"] * len(head), *(list(row) for row in rows)]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return _BREAKS.sub(" ", text.replace("|", "\\|")).strip()
