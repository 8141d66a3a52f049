"""`python -m tools.house`: print each number with its limit."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from forensics.core.terminal import print_line
from tools.house.measures import measures


def main(argv: Sequence[str] | None = None) -> int:
    """Print the numbers."""
    parser = argparse.ArgumentParser(prog="python -m tools.house", description="The measure of the house.")
    parser.add_argument("--report", action="store_true", help="exit code 0 whatever the numbers")
    parser.add_argument("--list", action="store_true", help="name what is beyond a limit")
    asked = parser.parse_args(argv)
    numbers = measures()
    for one in numbers:
        print_line(str(one))
        for name in one.beyond if asked.list and not one.holds else ():
            print_line(f"          {name}")
    return 0 if asked.report or all(one.holds for one in numbers) else 1


if __name__ == "__main__":
    raise SystemExit(main())
