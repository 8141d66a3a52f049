"""An encoder is fitted to its network's own images, goes on after a kill, and belongs to one weights file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from forensics.core.errors import CheckpointError, ForensicsError
from forensics.generators.base import load_generator
from forensics.generators.inversion.encoders import fitting
from forensics.generators.inversion.encoders.file import RECORD, encoder_of, load_encoder
from forensics.generators.inversion.encoders.fitting import EncoderPlan, fit_encoder

PLAN = EncoderPlan(images=120, rank=16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    out = tmp_path_factory.mktemp("encoder") / "own-64"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "_CHUNK", 40)
        fit_encoder("own-64", out, PLAN, "cpu")
        yield out


def test_it_sees_images_that_it_was_not_fitted_to(folder: Path) -> None:
    generator = load_generator("own-64", "cpu")
    encoder = encoder_of(generator, folder)
    assert encoder is not None
    ws = generator.map(generator.sample_z(8, 1))
    images = list(generator.to_uint8(generator.synthesize(ws)))
    found = encoder.offsets(encoder.coordinates(images))
    true = (ws[:, 0] - generator.w_avg).numpy()
    cosines = (found * true).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(true, axis=1)
    assert np.median(cosines) > 0.2
    said, expected = encoder.said(encoder.coordinates(images)), encoder.expected(true)
    against = said @ expected.T
    assert (against.argmax(axis=1) == np.arange(8)).sum() >= 4


def test_a_killed_run_goes_on_to_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    shutil.copytree(folder, parts)
    for name in ("0000040.safetensors", "0000080.safetensors"):
        (parts / "rows" / name).unlink()
    (parts / "encoder.safetensors").unlink()
    fit_encoder("own-64", parts, PLAN, "cpu")
    for name in ("encoder.safetensors", RECORD, "rows/0000040.safetensors"):
        assert (folder / name).read_bytes() == (parts / name).read_bytes()
    with pytest.raises(ForensicsError, match="another encoder"):
        fit_encoder("own-64", parts, EncoderPlan(images=130), "cpu")


def test_another_network_is_refused(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="other weights"):
        encoder_of(load_generator("own-128", "cpu"), folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [("rank", 17), ("rank", -1), ("ridge", "much"), ("weights_sha256", None), ("also_of", [3])],
)
def test_a_record_that_is_none_is_one_line(folder: Path, tmp_path: Path, name: str, value: object) -> None:
    for path in (folder / "encoder.safetensors", folder / RECORD):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    record = json.loads((folder / RECORD).read_text())
    (tmp_path / RECORD).write_text(json.dumps({**record, name: value}))
    with pytest.raises(CheckpointError, match="fit-encoder") as refused:
        load_encoder(tmp_path)
    assert "\n" not in str(refused.value)


def test_what_ships_belongs_to_what_ships() -> None:
    for name in ("own-64", "own-128", "ffhq-256", "ffhq-64"):
        encoder = encoder_of(load_generator(name, "cpu"))
        assert encoder is not None
        assert encoder.record.cosine > 0.4
