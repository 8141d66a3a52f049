"""`forensics serve`: a local page to drop photographs on."""

from __future__ import annotations

from typing import Annotated

import typer

from forensics.commands.options import Detector, Device, Pack, PackRoot


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0: any free one.")] = 8766,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but this machine's own is warned of.")
    ] = "127.0.0.1",
    detector: Detector = "default",
    pack: Pack = None,
    pack_root: PackRoot = None,
    device: Device = "auto",
    json: Annotated[
        bool, typer.Option("--json", help="Print the address and token as one JSON line.")
    ] = False,
) -> None:
    """Examine photographs in a local web page, or over REST: drop files or a folder, read each finding.

    The page is served to this machine alone, to whoever has the address that is printed. Nothing is kept on disk.
    Ctrl-C ends it.
    """
    from forensics.serve.run import Serving, run_serve

    run_serve(Serving(host, port, detector, pack, pack_root, device), as_json=json)
