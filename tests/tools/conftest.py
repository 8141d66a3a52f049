"""Fixtures of training, and the early and middle state of the 64-px training."""

from pathlib import Path

import pytest

from tests.generators.training.conftest import few_generated, tiny, trainer
from tools.states.__main__ import main as unpack_states

__all__ = ["few_generated", "tiny", "trainer"]


@pytest.fixture(scope="session")
def unpacked_states(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The states at 24 and at 108 kimg, as weights files."""
    folder = tmp_path_factory.mktemp("states")
    unpack_states([str(folder)])
    early, middle = sorted(folder.iterdir())
    return early, middle


@pytest.fixture(scope="session")
def early(unpacked_states: tuple[Path, Path]) -> Path:
    """The state at 24 kimg."""
    return unpacked_states[0]


@pytest.fixture(scope="session")
def middle(unpacked_states: tuple[Path, Path]) -> Path:
    """The state at 108 kimg."""
    return unpacked_states[1]
