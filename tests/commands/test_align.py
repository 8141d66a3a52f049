"""`forensics align`: the face of each photograph, the way back, and every file without one named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from typer.testing import CliRunner

import forensics
from forensics.cli import app
from forensics.core.untrusted import read_json
from forensics.faces.alignment import Alignment, paste_back
from forensics.images import decode, encode_png


def test_a_face_a_bad_file_and_a_wall(tmp_path: Path) -> None:
    generator = forensics.load_generator("ffhq-128", device="cpu")
    with torch.inference_mode():
        face = generator.to_uint8(generator.synthesize(generator.map(generator.sample_z(1), psi=0.5)))[0]
    wide = np.concatenate([face[:, ::-1][:, :40], face], axis=1)
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    (photographs / "face.png").write_bytes(encode_png(wide))
    (photographs / "wall.png").write_bytes(encode_png(np.full((96, 96, 3), 150, np.uint8)))
    (photographs / "bad.png").write_bytes(b"no image")
    out = tmp_path / "out"
    call = ["align", str(photographs), str(out), "--size", "96", "--json"]
    run = CliRunner().invoke(app, call)
    assert run.exit_code == 2
    assert "wall.png: no face found" in run.stderr
    assert "bad.png" in run.stderr
    (row,) = json.loads(run.stdout)["images"]
    square = decode(out / row["file"]).pixels
    assert square.shape == (96, 96, 3)
    kept = Alignment.from_json(read_json(out / row["file"].replace(".png", ".json"))["alignment"])
    assert abs(kept.corners[:, 0].mean() - (40 + 64)) < 8
    back = paste_back(wide, square, kept)
    assert np.abs(back.astype(int) - wide).mean() < 4
    assert json.loads(CliRunner().invoke(app, call).stdout)["images"] == [row]
    other = CliRunner().invoke(app, [*call, "--crop", "centre"])
    assert "aligned with other numbers" in str(other.exception)
