"""A small generator in a weights file, and photographs to put beside its images."""

from __future__ import annotations

from pathlib import Path

import pytest

from forensics.corpus.photographs.loading import square
from forensics.generators.base import Generator, load_generator
from forensics.images import decode, encode_png
from tests.small_stylegan2 import write_small_stylegan2

CONFIG = {
    "z_dim": 16,
    "w_dim": 16,
    "img_resolution": 32,
    "channel_base": 512,
    "channel_max": 24,
    "num_mapping_layers": 2,
}


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A StyleGAN2 of 32 px with noise in every layer and w_avg where it belongs."""
    return write_small_stylegan2(tmp_path_factory.mktemp("weights"), CONFIG)


@pytest.fixture(scope="session")
def generator(weights: Path) -> Generator:
    """The generator in that file."""
    return load_generator(weights, "cpu")


@pytest.fixture(scope="session")
def photographs(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of seven photographs of faces, PNG, 40 px."""
    folder = tmp_path_factory.mktemp("photographs")
    for path in sorted((shared / "data" / "wild128").glob("*.jpg"))[:7]:
        (folder / f"{path.stem}.png").write_bytes(encode_png(square(decode(path).pixels, 40)))
    return folder


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inversions take few steps here: how near they come is tested where they are."""
    monkeypatch.setattr("forensics.generators.inversion.features.Features.steps", 3)
