"""`forensics explore`: sliders over a generator in a local web page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def explore(
    file: Annotated[str, typer.Argument(help="default, default-64, or a weights file.")] = "default",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0: any free one.")] = 8765,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but this machine's own is warned of.")
    ] = "127.0.0.1",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first face.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, open nothing.")
    ] = False,
    pack: Annotated[
        str | None, typer.Option(help="InsightFace pack (FORENSICS_FACE_PACK, else buffalo_l).")
    ] = None,
    pack_root: Annotated[
        Path | None, typer.Option(help="Folder with models/PACK (FORENSICS_FACE_ROOT, else ~/.insightface).")
    ] = None,
    detector: Annotated[
        str, typer.Option(help="`default`, or a folder that train-detector wrote.")
    ] = "default",
    remake: Annotated[
        Path | None, typer.Option(help="Serve nothing: make the picture of this saved recipe again.")
    ] = None,
    out: Annotated[Path, typer.Option(help="With --remake: the PNG to write.")] = Path("out/remade.png"),
    json: Annotated[
        bool, typer.Option("--json", help="Print the address, token and facts as one JSON line.")
    ] = False,
) -> None:
    """Move w, truncation, noise, pruning and walks by hand and watch the face change, in a local web page.

    The page is served to this machine alone, to whoever has the address that is printed. Ctrl-C ends it.
    """
    from forensics.explore.run import Serving, remake_file, run_explore

    if remake is not None:
        from json import dumps

        from forensics.terminal import print_line

        made = remake_file(file, remake, out, device)
        print_line(dumps(made, sort_keys=True) if json else f"{made['file']}: pixels as in the recipe")
        return
    root = None if pack_root is None else str(pack_root)
    serving = Serving(host, port, seed, device, pack, root, detector, not no_browser)
    run_explore(file, serving, as_json=json)
