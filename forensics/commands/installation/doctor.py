"""`forensics doctor`: does everything work here?"""

from __future__ import annotations

import typer

from forensics.commands.options import Json, Pack, PackRoot


def doctor(pack: Pack = None, pack_root: PackRoot = None, json: Json = False) -> None:
    """Check the installation: packages, ONNX Runtime, processor, GPU, shipped weights, face pack, cache.

    Reads only, downloads nothing. Exit code 1 where something will fail; what is merely absent is a note.
    """
    from dataclasses import asdict

    from forensics.core.terminal import print_summary
    from forensics.examiner.installation import checks

    found = checks(pack, pack_root)
    lines = [f"{check.state:8}{check.name:12}{check.text}" for check in found]
    print_summary({"checks": [asdict(check) for check in found]}, lines, as_json=json)
    if any(check.state == "problem" for check in found):
        raise typer.Exit(1)
