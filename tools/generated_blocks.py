"""Writes the generated blocks of the Markdown files anew, or checks that none has drifted.

`python -m tools.generated_blocks [--check] [FILE...]`. A block stands between `<!-- generated: NAME ARGUMENTS -->` and
`<!-- end -->`; what it holds comes from the registry, the command line's help, or the JSON of a command that measured.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from forensics.core.errors import ForensicsError
from forensics.core.files import write_text
from forensics.core.terminal import note, print_line
from tools.documentation.blocks import rewritten
from tools.documentation.providers import PROVIDERS

ROOT = Path(__file__).parents[1]
_PLACES = ("*.md", "docs/**/*.md", "forensics/weights/**/*.md", "tools/*.md")


def markdown_files(root: Path = ROOT) -> list[Path]:
    """Every Markdown file of the project that may hold a block, sorted."""
    return sorted({path for place in _PLACES for path in root.glob(place)})


def drifted(paths: Sequence[Path]) -> dict[Path, str]:
    """Of the files whose blocks differ from their sources: the path, and the text it should hold."""
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    fresh = {path: rewritten(text, path, PROVIDERS) for path, text in texts.items()}
    return {path: text for path, text in fresh.items() if text != texts[path]}


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code: 0, with `--check` 1 where a block has drifted, 2 for a broken block."""
    parser = ArgumentParser(prog="python -m tools.generated_blocks", description=__doc__)
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE", help="Markdown files; none: all")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 where a block has drifted"
    )
    options = parser.parse_args(argv)
    try:
        changed = drifted(options.files or markdown_files())
    except ForensicsError as error:
        note(f"error: {error}")
        return 2
    for path, text in changed.items():
        print_line(f"{path}: {'has drifted' if options.check else 'rewritten'}")
        if not options.check:
            write_text(path, text)
    if changed and options.check:
        note("write them anew: python -m tools.generated_blocks")
    return 1 if changed and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
