"""`forensics faces`: detection score, box, landmarks and embedding of every image, by InsightFace."""

from pathlib import Path
from typing import Annotated

import typer


def faces(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Image files and folders.")],
    out: Annotated[Path, typer.Option("--out", help="The CSV table to write.")],
    pack: Annotated[
        str | None, typer.Option("--pack", help="InsightFace pack (FORENSICS_FACE_PACK, else buffalo_l).")
    ] = None,
    pack_root: Annotated[
        Path | None,
        typer.Option(
            "--pack-root", help="Folder with models/PACK (FORENSICS_FACE_ROOT, else ~/.insightface)."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a summary as one JSON object.")] = False,
) -> None:
    """Write a table with one row an image: score (0.00 where no face), box, five landmarks, embedding, best face first.

    Run again after a kill, it goes on where it was. The weights of InsightFace packs are for non-commercial research.
    """
    import json

    from forensics.detectors.face_table import write_face_table
    from forensics.detectors.faces import load_faces
    from forensics.images import find_images
    from forensics.terminal import note, print_line, progress

    found = find_images(paths)
    analyser = load_faces(pack, pack_root, download=True)
    with progress("faces", len(found.paths)) as meter:
        table = write_face_table(found.paths, out, analyser, advance=meter.advance)
    failures = [*found.failures, *table.failures]
    for failure in failures:
        note(f"error: {failure.message}")
    if as_json:
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
        print_line(json.dumps(summary))
    else:
        print_line(
            f"{out}: {table.rows} images, {table.without_face} without a face, {len(failures)} not read"
        )
    if failures:
        raise typer.Exit(2)
