"""A small package with a network inside, as a wheel that pip takes, and its entry in the table."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from forensics.core.networks.table import Member, Pullable

WEIGHTS = b"\x00\x01weights" * 100
MEMBER = "tiny_network/data/weights.bin"
NETWORK = Pullable(
    name="tiny",
    what="generator",
    summary="a network for tests",
    package="tiny-network",
    version="1.0",
    members=(
        Member(MEMBER, len(WEIGHTS), hashlib.sha256(WEIGHTS).hexdigest(), "weights.bin"),
        Member("tiny_network/data/shape.xml", 4, hashlib.sha256(b"<x/>").hexdigest(), "shape.xml"),
    ),
    licence="CC0",
    unlocks="tests",
)
CODE = "raise SystemExit('the code of a package was run')\n"


def wheel(folder: Path, *, weights: bytes = WEIGHTS, more: dict[str, bytes] | None = None) -> Path:
    """The wheel in `folder`, whose weights a test may have altered; `more` members by name."""
    information = "tiny_network-1.0.dist-info"
    files = {
        "tiny_network/__init__.py": CODE.encode(),
        MEMBER: weights,
        "tiny_network/data/shape.xml": b"<x/>",
        f"{information}/METADATA": b"Metadata-Version: 2.1\nName: tiny-network\nVersion: 1.0\n",
        f"{information}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{information}/RECORD": b"",
        **(more or {}),
    }
    path = folder / "tiny_network-1.0-py3-none-any.whl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path
