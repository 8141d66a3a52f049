"""`forensics explore`: sliders over a generator in a local web page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import Detector, Device, Network, Pack, PackRoot


def explore(
    file: Network = "own-128",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0: any free one.")] = 8765,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but this machine's own is warned of.")
    ] = "127.0.0.1",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first face.")] = 0,
    device: Device = "auto",
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, open nothing.")
    ] = False,
    pack: Pack = None,
    pack_root: PackRoot = None,
    detector: Detector = "default",
    remake: Annotated[
        Path | None, typer.Option(help="Serve nothing: make the picture of this saved recipe again.")
    ] = None,
    speed: Annotated[
        bool, typer.Option("--speed", help="Only measure how many pictures a second the page would get.")
    ] = False,
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
        from forensics.core.outputs import check_file
        from forensics.core.terminal import print_summary

        remade = remake_file(file, remake, check_file(out), device)
        print_summary(remade.to_json(), [f"{remade.file}: pixels as in the recipe"], as_json=json)
        return
    if speed:
        from forensics.core.terminal import print_summary
        from forensics.explore.speed import measure, speed_lines

        rates = measure(file)
        print_summary({"pictures_per_s": rates}, speed_lines(rates), as_json=json)
        return
    root = None if pack_root is None else str(pack_root)
    serving = Serving(host, port, seed, device, pack, root, detector, not no_browser)
    run_explore(file, serving, as_json=json)
