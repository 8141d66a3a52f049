"""`forensics case`: files with their chain of custody in a signed log, findings, notes, and a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forensics.commands.options import Detector, Device, Json, Pack, PackRoot, Paths, file_to_write

app = typer.Typer(
    help="Cases: files with their chain of custody in a signed log, findings, notes, a report. Each takes --json.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Case = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the case.")]
Key = Annotated[Path, typer.Option("--key", help="Your private key, as `forensics case key` made it.")]


@app.command("key")
def key(
    file: Annotated[Path, typer.Argument(help="File to write.", callback=file_to_write)], json: Json = False
) -> None:
    """Make the ed25519 key that signs your cases, and the public one beside it. Keep it outside the cases."""
    from forensics.core.terminal import print_summary
    from forensics.examiner.case.keys import PUBLIC_SUFFIX, make_key

    public = make_key(file)
    summary = {"key": str(file), "public_key_file": f"{file}{PUBLIC_SUFFIX}", "public_key": public}
    print_summary(summary, [f"{file}: private, not encrypted; public key {public}"], as_json=json)


@app.command("new")
def new(
    case: Case,
    key: Key,
    examiner: Annotated[str, typer.Option("--examiner", help="Your name.")],
    number: Annotated[str, typer.Option("--number", help="Number of the case.")],
    json: Json = False,
) -> None:
    """Open a case: a folder with the first line of its log."""
    from forensics.core.terminal import print_summary
    from forensics.examiner.case.custody import open_case
    from forensics.examiner.case.keys import read_key

    log = open_case(case, read_key(key), examiner=examiner, number=number)
    print_summary(
        {"case": str(case), "head": log.head}, [f"{case}: opened; last line {log.head}"], as_json=json
    )


@app.command("add")
def add(
    case: Case,
    paths: Paths,
    key: Key,
    detector: Detector = "default",
    no_detect: Annotated[
        bool, typer.Option("--no-detect", help="Take the files in, examine nothing.")
    ] = False,
    pack: Pack = None,
    pack_root: PackRoot = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Copy image files into a case, log their hashes, examine them, and log the findings.

    The same command again goes on after a kill. Exit code 2 if a file could not be taken in or read.
    """
    from forensics.core.terminal import note, print_summary
    from forensics.examiner.case.custody import Examining, add_files
    from forensics.examiner.case.keys import read_key
    from forensics.examiner.case.log import read_log

    examining = None if no_detect else Examining(detector, pack, pack_root, device)
    added = add_files(case, read_key(key), paths, examining)
    for failure in added.failures:
        note(f"error: {failure}")
    head = read_log(case).head
    lines = [f"{len(added.added)} files added, {len(added.known)} were there; last line {head}"]
    print_summary({**vars(added), "head": head}, lines, as_json=json)
    if added.failures:
        raise typer.Exit(2)


@app.command("note")
def note(
    case: Case, text: Annotated[str, typer.Argument(help="The note.")], key: Key, json: Json = False
) -> None:
    """Add a note to the log."""
    from forensics.core.terminal import print_summary
    from forensics.examiner.case.custody import add_note
    from forensics.examiner.case.keys import read_key

    log = add_note(case, read_key(key), text)
    print_summary({"head": log.head}, [f"noted; last line {log.head}"], as_json=json)


@app.command("verify")
def verify(
    case: Case,
    public_key: Annotated[
        Path | None, typer.Option("--public-key", help="Public key the case must be signed with.")
    ] = None,
    head: Annotated[
        str, typer.Option("--head", help="SHA-256 of a line, noted elsewhere, that must be in the log.")
    ] = "",
    json: Json = False,
) -> None:
    """Find any change: files altered or missing, lines altered, removed or moved, a log cut, another key.

    A line for each fault, and exit code 2. Without --head, a log cut together with its head file is not found.
    """
    from forensics.core.terminal import print_summary
    from forensics.examiner.case.custody import verify as verified
    from forensics.examiner.case.keys import read_public

    found = verified(case, "" if public_key is None else read_public(public_key), head)
    lines = list(found.problems) or [
        f"{case}: {found.n_entries} lines and {found.n_files} files are as they were written; last line {found.head}"
    ]
    lists = {"problems": list(found.problems), "remarks": list(found.remarks)}
    print_summary({**vars(found), **lists}, [*lines, *found.remarks], as_json=json)
    if found.problems:
        raise typer.Exit(2)


@app.command("report")
def report(
    case: Case,
    out: Annotated[Path, typer.Option("--out", help="Folder for the report.")],
    json: Json = False,
) -> None:
    """Write report.html, findings.csv and case.json: what was examined and found, and whether all is unaltered."""
    from forensics.core.terminal import print_summary
    from forensics.examiner.case.report import write_report

    paths = [str(path) for path in write_report(case, out)]
    print_summary({"files": paths}, paths, as_json=json)
