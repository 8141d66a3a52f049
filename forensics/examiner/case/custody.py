"""What is done to a case: open it, take files in, examine them, add notes, and find out whether anything changed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from forensics.core.errors import ForensicsError, ImageError
from forensics.core.evidence import evidence
from forensics.core.files import sha256_bytes, write_bytes
from forensics.core.outputs import check_folder, hold_folder
from forensics.core.terminal import printable
from forensics.core.untrusted import read_untrusted
from forensics.examiner.case.keys import public_hex
from forensics.examiner.case.log import LOG, Log, append, read_log
from forensics.examiner.detection import Examiner, load_examiner
from forensics.images import decode_bytes, find_images
from forensics.images.decoding import Limits

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FILES: Final = "files"


@dataclass
class Added:
    """Names of files taken in, of those that were there before, and a line for each that could not be read."""

    added: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Examining:
    """What examines the files: as for `forensics detect`."""

    detector: str = "default"
    pack: str | None = None
    pack_root: Path | None = None
    device: str = "auto"

    def load(self) -> Examiner:
        """The detector and the face finder. Raises as `load_examiner` does."""
        return load_examiner(self.detector, device=self.device, pack=self.pack, pack_root=self.pack_root)

    def to_json(self) -> dict[str, Any]:
        """The arguments as plain values."""
        return {
            name: _text(value) if isinstance(value, Path) else value for name, value in vars(self).items()
        }


@dataclass(frozen=True)
class Verification:
    """What is wrong with a case, a line each; empty: nothing. `remarks`: what a kill may have left, or somebody else.

    `head`: sha256 of the last line of the log.
    """

    problems: tuple[str, ...]
    remarks: tuple[str, ...]
    n_entries: int
    n_files: int
    public_key: str
    head: str


def open_case(case: Path, key: Ed25519PrivateKey, *, examiner: str, number: str) -> Log:
    """Make the folder of a case with the first line of its log. ForensicsError where something is there."""
    check_folder(case)
    if case.exists() and any(case.iterdir()):
        raise ForensicsError(f"{printable(case)}: is not empty; name a new folder")
    with hold_folder(case):
        (case / FILES).mkdir()
        body = {"public_key": public_hex(key), "examiner": examiner, "case_number": number}
        return append(case, key, "opened", body, Log((), ()))


def add_note(case: Path, key: Ed25519PrivateKey, text: str) -> Log:
    """Add a note to the log."""
    with hold_folder(_there(case)):
        return append(case, key, "note", {"text": text}, read_log(case))


def add_files(
    case: Path, key: Ed25519PrivateKey, paths: Sequence[Path], examining: Examining | None
) -> Added:
    """Copy files into the case, log their hashes, and what `examining` finds; None: they are not examined.

    What is in the log already is not done again: after a kill, the same call goes on.
    """
    added = Added()
    found = find_images(paths)
    added.failures += [failure.message for failure in (*found.failures, *found.passed_over)]
    with hold_folder(_there(case)):
        log = read_log(case)
        examiner = None if examining is None else examining.load()
        for path in found.paths:
            try:
                data = read_untrusted(path, Limits.max_bytes).data
            except ForensicsError as error:
                added.failures.append(str(error))
                continue
            log = _take_in(case, key, path, data, log, added)
            if (
                examining is not None
                and examiner is not None
                and not _examined(log, sha256_bytes(data), examiner)
            ):
                log = append(case, key, "finding", _finding(examining, examiner, data, path, added), log)
    return added


def _there(case: Path) -> Path:
    read_log(case)
    return case


def _take_in(case: Path, key: Ed25519PrivateKey, path: Path, data: bytes, log: Log, added: Added) -> Log:
    sha256 = sha256_bytes(data)
    if any(entry.body.get("sha256") == sha256 for entry in log.of_kind("file")):
        added.known.append(str(path))
        return log
    write_bytes(case / FILES / sha256, data)
    added.added.append(str(path))
    body = {"name": _text(path.name), "path": _text(path.absolute()), "sha256": sha256, "n_bytes": len(data)}
    return append(case, key, "file", body, log)


def _examined(log: Log, sha256: str, examiner: Examiner) -> bool:
    wanted = (sha256, examiner.detector.id)
    return any(
        (entry.body.get("sha256"), entry.body.get("detector")) == wanted for entry in log.of_kind("finding")
    )


def _finding(
    examining: Examining, examiner: Examiner, data: bytes, path: Path, added: Added
) -> dict[str, Any]:
    detector, sha256, name = examiner.detector, sha256_bytes(data), _text(path)
    record = evidence(
        {f"detector {detector.id}": detector.weights_sha256}, options={"device": detector.device}
    )
    # The call that finds the same, of the file where it lies in the case.
    call = {
        "function": "forensics.detect",
        "arguments": {"photographs": [f"{FILES}/{sha256}"], **examining.to_json()},
    }
    facts = record.to_json() | {"call": call}
    body: dict[str, Any] = {"sha256": sha256, "detector": detector.id, "evidence": facts}
    try:
        image = decode_bytes(data, name)
    except ImageError as error:
        added.failures.append(str(error))
        return {**body, "error": _text(error), "finding": None}
    finding = next(one for _, one in examiner.examine([image]))
    return {**body, "error": None, "finding": finding.to_json() | {"path": name}}


def _text(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode()


def verify(case: Path, public_key: str = "", head: str = "") -> Verification:
    """Whether the log and every file are as they were written.

    `public_key`, hex: that the case was signed with this one. `head`: the sha256 of a line that must be in the log, as
    it was noted elsewhere; without it, a log that was cut together with its head cannot be told from a shorter one.
    """
    log = read_log(case)
    problems = list(log.problems)
    if public_key and log.public_key != public_key:
        problems.append("the case is signed with another key than the one given")
    if head and head not in {entry.sha256 for entry in log.entries}:
        problems.append("the line whose hash was given is not in the log: it was cut or written anew")
    problems += _file_faults(case, log)
    remarks, strangers = _strangers(case, log)
    remarks += [f"{LOG}: ends in {log.torn_bytes} bytes of an interrupted append"] if log.torn_bytes else []
    return Verification(
        problems=(*problems, *strangers), remarks=tuple(remarks), n_entries=len(log.entries),
        n_files=len(log.of_kind("file")), public_key=log.public_key, head=log.head,
    )  # fmt: skip


def _file_faults(case: Path, log: Log) -> Iterator[str]:
    logged = {str(entry.body.get("sha256")): str(entry.body.get("name")) for entry in log.of_kind("file")}
    for sha256, name in logged.items():
        file = case / FILES / sha256
        if len(sha256) != 64 or not sha256.isalnum() or not file.is_file():
            yield f"{printable(name)}: is missing ({FILES}/{printable(sha256)})"
        elif read_untrusted(file, Limits.max_bytes).sha256 != sha256:
            yield f"{printable(name)}: was altered ({FILES}/{sha256})"


def _strangers(case: Path, log: Log) -> tuple[list[str], list[str]]:
    """Files that no line names: those that a kill between copy and line leaves, and all others."""
    logged = {str(entry.body.get("sha256")) for entry in log.of_kind("file")}
    remarks: list[str] = []
    strangers: list[str] = []
    for name in sorted(os.listdir(case / FILES)) if (case / FILES).is_dir() else []:
        if name in logged:
            continue
        file = case / FILES / name
        whole = len(name) == 64 and file.is_file() and read_untrusted(file, Limits.max_bytes).sha256 == name
        if whole or name.endswith(".part"):
            remarks.append(
                f"{FILES}/{printable(name)}: no line names it; an `add` that was interrupted, or slipped in"
            )
        else:
            strangers.append(f"{FILES}/{printable(name)}: is not in the log")
    return remarks, strangers
