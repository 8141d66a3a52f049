"""What a reader may do with any bytes at all: return a result, or raise a CheckpointError."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from forensics.core.errors import CheckpointError
from forensics.generators.checkpoints.checkpoint import Checkpoint
from forensics.generators.checkpoints.reading import parse
from forensics.generators.checkpoints.weights_file import WeightsFile


def read_here(path: Path) -> Checkpoint:
    """What the readers make of a file, in this process: a fork would turn any error of a parser into one line."""
    return parse(WeightsFile.open(path))


def outcome(read: Callable[[], Any]) -> str:
    """Run `read`: the message of its CheckpointError, or "" where it returned. Other errors pass through."""
    try:
        read()
    except CheckpointError as error:
        return str(error)
    return ""
