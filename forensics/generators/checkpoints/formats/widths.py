"""From the number of feature maps at each resolution back to the two numbers a network is built from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forensics.core.errors import CheckpointError


def channel_base_and_max(
    source: str, widths: Mapping[int, int], claimed: Mapping[str, Any] | None = None
) -> tuple[int, int]:
    """(channel_base, channel_max) with min(channel_base // r, channel_max) == widths[r] at every resolution r.

    The pair that the file claims is taken where it fits; else of all that fit the one whose base is a power of
    two, or the smallest. Raises CheckpointError where none fits.
    """
    base, largest = (claimed or {}).get("channel_base"), (claimed or {}).get("channel_max")
    if isinstance(base, int) and isinstance(largest, int) and _fits(widths, base, largest):
        return base, largest
    largest = max(widths.values())
    low = max(width * r for r, width in widths.items())
    below = [width * r + r - 1 for r, width in widths.items() if width < largest]
    high = min(below, default=low)
    power = 1 << (low - 1).bit_length() if low > 0 else 1
    base = power if low <= power <= max(high, low) else low
    if not _fits(widths, base, largest):
        shown = ", ".join(f"{r}: {width}" for r, width in sorted(widths.items()))
        raise CheckpointError(
            f"{source}: feature maps at each resolution ({shown}) are not min(base / resolution, max);"
            " this is not a network of the public code"
        )
    return base, largest


def _fits(widths: Mapping[int, int], base: int, largest: int) -> bool:
    return all(min(base // r, largest) == width for r, width in widths.items())
