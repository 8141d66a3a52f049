"""`forensics faces`: detection score, box, landmarks and embedding of every image, by InsightFace."""

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import Json, Pack, PackRoot, Paths, file_to_write


def faces(
    paths: Paths,
    out: Annotated[Path, typer.Option("--out", help="The CSV table to write.", callback=file_to_write)],
    pack: Pack = None,
    pack_root: PackRoot = None,
    as_json: Json = False,
) -> None:
    """Write a table with one row an image: score (0.00 where no face), box, five landmarks, embedding, best face first.

    Run again after a kill, it goes on where it was. The weights of InsightFace packs are for non-commercial research.
    """
    from forensics.core.terminal import note, print_summary, progress
    from forensics.faces.analyser import load_faces
    from forensics.faces.table import write_face_table
    from forensics.images import find_images

    found = find_images(paths)
    for passed in found.passed_over:
        note(passed.message)
    analyser = load_faces(pack, pack_root, download=True)
    with progress("faces", len(found.paths)) as meter:
        table = write_face_table(found.paths, out, analyser, advance=meter.advance)
    failures = [*found.failures, *table.failures]
    for failure in failures:
        note(f"error: {failure.message}")
    summary = {
        "out": str(out),
        "pack": analyser.pack,
        "pack_sha256": analyser.weights_sha256(),
        "images": len(found.paths) + len(found.failures),
        "rows": table.rows,
        "reused": table.reused,
        "without_face": table.without_face,
        "failures": [{"path": failure.path, "message": failure.message} for failure in failures],
    }
    line = f"{out}: {table.rows} images, {table.without_face} without a face, {len(failures)} not read"
    print_summary(summary, [line], as_json=as_json)
    if failures:
        raise typer.Exit(2)
