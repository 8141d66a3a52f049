"""`forensics export`: a generator's synthesis as an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import Json, Network, file_to_write


def export(
    checkpoint: Network,
    out: Annotated[
        Path, typer.Argument(help="The ONNX file to write: ws in, image out.", callback=file_to_write)
    ],
    json: Json = False,
) -> None:
    """Write synthesis from ws as ONNX, and check ONNX Runtime's images against ours."""
    from forensics.core.terminal import print_summary
    from forensics.generators.base import load_generator
    from forensics.generators.export import export_onnx

    summary = export_onnx(load_generator(checkpoint, "cpu"), out)
    line = f"{summary.path}: {summary.n_bytes} bytes, relative error {summary.relative_error:.1e}"
    print_summary(vars(summary), [line], as_json=json)
