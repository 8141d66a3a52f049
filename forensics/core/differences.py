"""Where what a folder holds was made with other options than those given now, said option by option."""

from __future__ import annotations

from collections.abc import Mapping

from forensics.core.terminal import printable

_LONGEST = 300


def differences(before: object, now: object, where: str = "") -> list[str]:
    """Where two JSON values differ, as `option: before, not now`; options inside others as outer.inner."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        keys = sorted(before.keys() | now.keys())
        return [
            line
            for key in keys
            for line in differences(before.get(key), now.get(key), f"{where}.{key}" if where else str(key))
        ]
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = enumerate(zip(before, now, strict=True))
        return [line for i, (a, b) in pairs for line in differences(a, b, f"{where}[{i}]")]
    return [] if before == now else [f"{where}: {_short(before)}, not {_short(now)}"]


def in_a_line(lines: list[str]) -> str:
    """The differences for an error, cut where they are many."""
    whole = printable("; ".join(lines))
    return whole if len(whole) <= _LONGEST else whole[:_LONGEST] + " …"


def _short(value: object) -> str:
    """A value, a hash by its first digits."""
    if isinstance(value, str) and len(value) == 64 and all(c in "0123456789abcdef" for c in value):
        return f"{value[:12]}…"
    return repr(value)
