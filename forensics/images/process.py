"""The processes that decode images, and what is taken from them: pixels within the limits, and a header.

The other side is the folder `decoder`; `forensics.core.apart` holds the conversation.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from forensics.core.apart.parent import Children, Frames

_MAX_HEADER_BYTES: Final = 1 << 20
DECODER: Final = Path(__file__).with_name("decoder")


@dataclass(frozen=True)
class Header:
    """What the decoder found out about an image."""

    format: str
    mode: str
    width: int  # px, as stored
    height: int
    n_frames: int
    orientation: int  # as the file says, 1 to 8
    turn: int  # the orientation that is still to be applied
    warnings: tuple[str, ...]
    jpeg_tables: tuple[tuple[int, ...], ...] | None

    @classmethod
    def checked(cls, value: dict[str, Any]) -> Header:
        """From JSON; raises KeyError, TypeError or ValueError where it is none."""
        tables = value["jpeg_tables"]
        return cls(
            format=str(value["format"]),
            mode=str(value["mode"]),
            width=int(value["width"]),
            height=int(value["height"]),
            n_frames=int(value["n_frames"]),
            orientation=int(value["orientation"]),
            turn=int(value["turn"]),
            warnings=tuple(str(warning) for warning in value["warnings"]),
            jpeg_tables=tuple(tuple(map(int, table)) for table in tables) if tables else None,
        )


@dataclass(frozen=True)
class Decoded:
    """Pixels uint8 [H, W, 3], sRGB, upright; and what the header said."""

    pixels: NDArray[np.uint8]
    header: Header


def decode_apart(data: bytes, limits: dict[str, Any]) -> Decoded:
    """Decode in an idle process or a new one; raises `ApartError`."""
    return DECODERS.ask(limits, data, lambda frames: _receive(frames, limits))


def _receive(frames: Frames, limits: dict[str, Any]) -> Decoded:
    header = Header.checked(json.loads(frames.expect(b"H", _MAX_HEADER_BYTES)))
    width, height = header.width, header.height
    if not (min(width, height) > 0 and width * height <= limits["max_pixels"]):
        raise ValueError("not within the limits")
    stored, pixels = _upright(width, height, header.turn)
    row = 0
    while True:
        kind, data = frames.next((height - row) * width * 3)
        if kind == b"D":
            break
        rows = len(data) // (width * 3)
        stored[row : row + rows] = np.frombuffer(data, np.uint8).reshape(rows, width, 3)
        row += rows
    if row != height:
        raise ValueError("rows are missing")
    return Decoded(pixels, header)


def _upright(width: int, height: int, turn: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """An upright array [H', W', 3], and its view in stored order [height, width, 3] (EXIF 2.32, tag 274)."""
    shape = (width, height, 3) if turn >= 5 else (height, width, 3)
    pixels = np.empty(shape, np.uint8)
    stored = pixels.swapaxes(0, 1) if turn >= 5 else pixels
    # For each orientation: whether stored rows run upwards, and stored columns leftwards, in the upright picture.
    rows_back, columns_back = {2: (0, 1), 3: (1, 1), 4: (1, 0), 6: (1, 0), 7: (1, 1), 8: (0, 1)}.get(
        turn, (0, 0)
    )
    return stored[:: -1 if rows_back else 1, :: -1 if columns_back else 1], pixels


DECODERS: Final = Children[Decoded](DECODER)
