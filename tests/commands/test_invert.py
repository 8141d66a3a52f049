"""`forensics invert`: files of every photograph, resumed after a loss, and every bad file named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load
from typer.testing import CliRunner

import forensics
from forensics.cli import app
from forensics.examiner.inversion_run import psnr
from forensics.images import decode, encode_png


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    generator = forensics.load_generator("own-64", device="cpu")
    images = generator.to_uint8(generator.synthesize(generator.map(generator.sample_z(2), psi=0.7)))
    for k, image in enumerate(images):
        (folder / f"face {k}.png").write_bytes(encode_png(image))
    return folder


def test_two_faces_and_a_bad_file(faces: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    out = tmp_path / "out"
    call = ["invert", str(faces), str(bad), str(out), "--to", "own-64", "--steps", "9", "--json"]
    first = CliRunner().invoke(app, call)
    assert first.exit_code == 2
    assert "bad.png" in first.stderr
    said = json.loads(first.stdout)
    assert [said["made_now"], len(said["images"]), len(said["failures"])] == [2, 2, 1]
    stem = said["images"][0]["stem"]
    codes = load((out / f"{stem}.safetensors").read_bytes())
    assert codes["ws"].dtype == np.float32
    assert codes["features"].shape[2:] == (32, 32)
    made, wanted = (decode(out / f"{stem}{end}").pixels for end in (".png", ".target.png"))
    assert psnr(made, wanted) == pytest.approx(said["images"][0]["psnr"])
    assert decode(out / "sheet.png").pixels.shape[0] > 64
    assert (out / "evidence.json").exists()

    before = (out / f"{stem}.safetensors").read_bytes()
    (out / f"{stem}.json").unlink()
    again = json.loads(CliRunner().invoke(app, call).stdout)
    assert again["made_now"] == 1
    assert again["images"] == said["images"]
    assert (out / f"{stem}.safetensors").read_bytes() == before

    other = CliRunner().invoke(app, [*call, "--seed", "1"])
    assert other.exit_code != 0
    assert "made with other numbers" in str(other.exception)
