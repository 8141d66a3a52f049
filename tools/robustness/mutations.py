"""Random changes of honest files, as a fuzzer makes them: hypothesis draws them, so a failure shrinks by itself."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

_NUMBERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 31, (1 << 63) - 1)
_MOST_CHANGES = 6


@st.composite
def mutated(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """One of the seeds after up to six changes: bytes set, numbers set, parts cut, doubled, swapped or spliced in."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, _MOST_CHANGES))):
        if not data:
            break
        at = draw(st.integers(0, len(data) - 1))
        what = draw(st.sampled_from(("byte", "number", "cut", "double", "end", "splice", "text")))
        if what == "byte":
            data[at] = draw(st.integers(0, 255))
        elif what == "number":
            width, letter = draw(st.sampled_from(((2, "H"), (4, "I"), (8, "Q"))))
            number = draw(st.sampled_from(_NUMBERS)) & ((1 << 8 * width) - 1)
            data[at : at + width] = struct.pack(draw(st.sampled_from("<>")) + letter, number)
        elif what == "cut":
            del data[at : at + draw(st.integers(1, 64))]
        elif what == "double":
            data[at:at] = data[at : at + draw(st.integers(1, 64))]
        elif what == "end":
            del data[at:]
        elif what == "splice":
            other = draw(st.sampled_from(seeds))
            start = draw(st.integers(0, max(len(other) - 1, 0)))
            data[at:at] = other[start : start + draw(st.integers(1, 64))]
        else:
            data[at:at] = draw(
                st.sampled_from((b"NaN", b"1e999", b"-1", b"9" * 30, b"[" * 40, b'"', b"\\ud800", b"\0"))
            )
    return bytes(data)
