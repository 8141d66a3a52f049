"""`forensics models`: what ships with the package, where it is, and whether it is unaltered."""

from __future__ import annotations

from typing import Annotated

import typer

from forensics.commands.options import Json

app = typer.Typer(
    help="The weights that ship: list them, print where one is, verify their hashes. Each takes --json.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("list")
def list_models(json: Json = False) -> None:
    """Name, kind, size and folder of everything that ships."""
    from forensics.core.terminal import print_summary
    from forensics.core.weights import shipped

    found = [
        {"name": s.name, "what": s.what, "megabytes": round(s.n_bytes / 1e6, 1), "folder": str(s.folder)}
        for s in shipped()
    ]
    lines = [f"{s['name']:17} {s['what']:10} {s['megabytes']:6} MB  {s['folder']}" for s in found]
    print_summary({"models": found}, lines, as_json=json)


@app.command("path")
def path(
    name: Annotated[
        str,
        typer.Argument(
            help="own-128, own-64, descriptor, descriptor-mobile, detector, spectrum or upsamplers."
        ),
    ],
    json: Json = False,
) -> None:
    """The folder of one of them."""
    from forensics.core.terminal import print_summary
    from forensics.core.weights import folder_of

    folder = str(folder_of(name))
    print_summary({"name": name, "folder": folder}, [folder], as_json=json)


@app.command("verify")
def verify(json: Json = False) -> None:
    """Compare every file with the hashes it was released with; exit code 1 where one differs."""
    from forensics.core.terminal import print_summary
    from forensics.core.weights import problems

    found = problems()
    print_summary({"problems": found}, found or ["all as released"], as_json=json)
    if found:
        raise typer.Exit(1)
