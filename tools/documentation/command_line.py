"""The command line as its own help describes it: the commands, and one Markdown page for each."""

from __future__ import annotations

from functools import cache
from typing import Any

import typer
from typer.cli import get_docs_for_click


@cache
def root_command() -> Any:
    """The whole command line, as the object that Typer makes of the app."""
    from forensics.cli import app

    return typer.main.get_command(app)


def command_named(words: tuple[str, ...]) -> Any:
    """The command that the words lead to from `forensics` on: ("study", "walk"); None where there is none."""
    command = root_command()
    for word in words:
        command = getattr(command, "commands", {}).get(word)
    return command


def is_group(command: Any) -> bool:
    """Whether the command only holds other commands."""
    return hasattr(command, "commands")


def option_names(command: Any) -> set[str]:
    """Every way of writing an option of the command, as in --seed, -n and --no-faces."""
    names = {
        name for one in command.params for name in (*one.opts, *one.secondary_opts) if name.startswith("-")
    }
    return names | {"--help", "-h"}


def first_sentence(command: Any) -> str:
    """What the command does, in the first paragraph of its help."""
    return " ".join((command.help or "").split("\n\n")[0].split())


def help_page(name: str) -> str:
    """Markdown of one command of `forensics`, its sub-commands included."""
    command = command_named((name,))
    context = (
        command.context_class(command, info_name="forensics") if hasattr(command, "context_class") else None
    )
    page: str = get_docs_for_click(obj=command, ctx=context, name=name, call_prefix="forensics")  # type: ignore[arg-type]
    return page
