"""A network that trains on a few real photographs in seconds."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from forensics.corpus.photographs.data import TrainingImages
from forensics.generators.training.losses import glo
from forensics.generators.training.options import TrainingOptions
from forensics.generators.training.presets import resolve
from forensics.generators.training.trainer import Trainer


@pytest.fixture
def tiny() -> TrainingOptions:
    """The options of preset tiny-16."""
    return resolve("tiny-16")


@pytest.fixture
def trainer(tiny: TrainingOptions, images: TrainingImages, tmp_path: Path) -> Trainer:
    """A run that has not begun."""
    return Trainer(tiny, images, tmp_path, torch.device("cpu"))


@pytest.fixture
def few_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes are placed by 128 generated images: 2048 take 10 seconds, and only who is shown depends on them."""
    monkeypatch.setattr(glo, "_GENERATED", 128)
