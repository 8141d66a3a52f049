"""The photograph that the tests of this folder encode."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture(scope="session")
def photograph(shared: Path) -> Image.Image:
    """A photographed face, 240 x 180 px: not square, so that a turn shows in the shape."""
    with Image.open(shared / "data/faces256/val/real/0000.png") as image:
        return image.convert("RGB").crop((8, 40, 248, 220))
