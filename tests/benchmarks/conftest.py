"""Faces for whole benchmarks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.faces import tree


@pytest.fixture(scope="session")
def faces(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 photographs, 6 StyleGAN2 and 6 StyleGAN3 faces of 256 px."""
    counts = {"real": 12, "stylegan2": 6, "stylegan3": 6}
    return tree(shared, tmp_path_factory.mktemp("faces") / "faces", counts)
