"""Real photographs, few and small, and a network that trains on them in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from forensics.core.files import sha256_bytes
from forensics.corpus.photographs.data import TrainingImages
from forensics.corpus.photographs.loading import square
from forensics.generators.training.losses import anchors
from forensics.generators.training.options import TrainingOptions
from forensics.generators.training.presets import resolve
from forensics.generators.training.trainer import Trainer
from forensics.images import decode, encode_png


@pytest.fixture(scope="session")
def photographs(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 20 photographs of faces, PNG, 24 px."""
    folder = tmp_path_factory.mktemp("photographs")
    for path in sorted((shared / "data" / "wild128").glob("*.jpg"))[:20]:
        (folder / f"{path.stem}.png").write_bytes(encode_png(square(decode(path).pixels, 24)))
    return folder


@pytest.fixture(scope="session")
def images(photographs: Path) -> TrainingImages:
    """The same at 16 px, in memory."""
    pixels = np.stack([square(decode(p).pixels, 16) for p in sorted(photographs.iterdir())])
    return TrainingImages(pixels, sha256_bytes(pixels.tobytes()))


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
    monkeypatch.setattr(anchors, "_GENERATED", 128)
