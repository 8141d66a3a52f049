"""What a reader may do with any bytes at all: return a result, or raise a CheckpointError."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from forensics.core.errors import CheckpointError


def outcome(read: Callable[[], Any]) -> str:
    """Run `read`: the message of its CheckpointError, or "" where it returned. Other errors pass through."""
    try:
        read()
    except CheckpointError as error:
        return str(error)
    return ""
