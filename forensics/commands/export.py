"""`forensics export`: a generator's synthesis as an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    checkpoint: Annotated[str, typer.Argument(help="default, default-64, or a weights file.")],
    out: Annotated[Path, typer.Argument(help="The ONNX file to write: ws in, image out.")],
    json: Annotated[bool, typer.Option("--json", help="Print a machine-readable summary.")] = False,
) -> None:
    """Write synthesis from ws as ONNX, and check ONNX Runtime's images against ours."""
    from json import dumps

    from forensics.generators.base import load_generator
    from forensics.generators.export import export_onnx
    from forensics.terminal import print_line

    summary = export_onnx(load_generator(checkpoint, "cpu"), out)
    line = f"{summary['path']}: {summary['n_bytes']} bytes, relative error {summary['relative_error']:.1e}"
    print_line(dumps(summary, sort_keys=True) if json else line)
