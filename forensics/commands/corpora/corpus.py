"""`forensics corpus`: make corpora, check them, and split them into pools that share nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.corpora.generate_corpus import generate_corpus
from forensics.commands.corpora.walk import walk
from forensics.commands.options import Json, PackRoot, file_to_write

app = typer.Typer(
    help="Corpora: make them, check them, split them into pools that share nothing. Each takes --json.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("make", help="As `forensics generate-corpus`.")(generate_corpus)
app.command("walk", help="As `forensics walk`.")(walk)


@app.command("check")
def check(
    corpora: Annotated[
        list[Path],
        typer.Argument(metavar="CORPUS...", help="Corpora, or trees with real/ and fake.../ folders."),
    ],
    json: Json = False,
) -> None:
    """Hash every file again: a line for each that is missing, altered, unlisted or unfinished, and exit code 2."""
    from forensics.core.terminal import print_summary
    from forensics.corpus import Corpus

    problems = []
    for path in corpora:
        problems += [
            {"corpus": str(path), "kind": problem.kind, "file": problem.file}
            for problem in Corpus.open(path).verify()
        ]
    lines = [f"{row['corpus']}: {row['file']}: {row['kind']}" for row in problems]
    print_summary(
        {"corpora": len(corpora), "problems": problems}, lines or ["every file is as listed"], as_json=json
    )
    if problems:
        raise typer.Exit(2)


@app.command("pools")
def pools(
    corpora: Annotated[
        list[Path],
        typer.Argument(metavar="CORPUS...", help="Corpora, or trees with real/ and fake.../ folders."),
    ],
    out: Annotated[Path, typer.Option("--out", help="The pools.json to write.", callback=file_to_write)],
    shares: Annotated[
        str,
        typer.Option(
            metavar="SHARE,...",
            help="Of train, tune, select, calibrate and test. [default: 0.5,0.1,0.1,0.15,0.15]",
        ),
    ] = "",
    test_only: Annotated[
        list[str] | None, typer.Option(metavar="SOURCE", help="A source that is only tested; give several.")
    ] = None,
    pack: Annotated[
        str | None,
        typer.Option(
            "--pack", help="InsightFace pack (name or folder): one person's images stay together too."
        ),
    ] = None,
    pack_root: PackRoot = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which group goes where.")] = 0,
    json: Json = False,
) -> None:
    """Split corpora into five pools, so that no image, near copy or origin (and, with --pack, person) is in two.

    Files that cannot be read are named, and the exit code is then 2.
    """

    from forensics.commands.options import numbers
    from forensics.core.terminal import print_summary
    from forensics.core.untrusted import read_json
    from forensics.corpus.pools.five_pools import Rules, make_pools, pool_lines
    from forensics.corpus.pools.grouping import SHARES

    faces = None
    if pack is not None or pack_root is not None:
        from forensics.faces.analyser import load_faces

        faces = load_faces(pack, pack_root)
    rules = Rules(seed, numbers("--shares", shares, len(SHARES)) or SHARES, tuple(test_only or ()))
    n_failed = make_pools(corpora, out, rules, faces)
    written = read_json(out)
    summary = {"out": str(out), "counts": written["counts"], "groups": written["groups"], "failed": n_failed}
    print_summary(summary, pool_lines(out), as_json=json)
    if n_failed:
        raise typer.Exit(2)
