"""`forensics methods`: every published method that the toolkit knows, by kind, with its card."""

from __future__ import annotations

from typing import Annotated

import typer

from forensics.commands.options import Json


def methods(
    kind: Annotated[
        str | None, typer.Option("--kind", help="Only this kind, as in architecture, detector or study.")
    ] = None,
    json: Json = False,
) -> None:
    """List the methods: kind, name, one sentence, paper and licence. --json adds domain, defaults and the code's place.

    Other distributions add methods by an entry point of the group forensics.methods.
    """
    from forensics.core.registry import methods as registered
    from forensics.core.terminal import print_json, print_table

    entries = registered(kind)
    if json:
        print_json([entry.to_json() for entry in entries])
        return
    rows = [(m.kind, m.name, m.card.summary, m.card.paper, m.card.licence) for m in entries]
    print_table(("kind", "name", "what it is", "paper", "licence"), rows)
