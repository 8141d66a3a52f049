"""Small photographs, and a finished corpus of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from forensics.images import decode, resize
from tests.corpus.made import write


@pytest.fixture(scope="session")
def faces(shared: Path) -> list[NDArray[np.uint8]]:
    """Twelve photographed faces at 32 px."""
    return [
        resize(decode(p).pixels, (32, 32)) for p in sorted((shared / "data/faces256/val/real").iterdir())[:12]
    ]


@pytest.fixture
def corpus(tmp_path: Path, faces: list[NDArray[np.uint8]]) -> Path:
    return write(tmp_path / "corpus", faces)
