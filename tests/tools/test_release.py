"""A run becomes weights that ship: the chosen snapshot as it was, with numbers that were measured on it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from forensics.core.errors import ForensicsError
from forensics.core.files import sha256_file
from forensics.faces.analyser import load_faces
from forensics.generators.base import load_generator
from forensics.generators.training.run import Request, run_training
from tools import release


@pytest.mark.slow
def test_a_run_is_chosen_measured_and_written(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = tmp_path / "run", tmp_path / "tiny"
    photographs = sorted((shared / "data/faces256/val/real").glob("*.png"))[:12]
    run_training(run, Request(photographs, "tiny-16", {}, kimg=0.016, snap_kimg=0.008))
    monkeypatch.setattr(release, "_N", 20)
    monkeypatch.setattr(release, "_SEEDS", range(2))
    monkeypatch.setattr(release, "_KID_SEEDS", range(5, 7))
    monkeypatch.setattr(release, "_PSIS", (0.7,))
    faces = load_faces("scrfd500m_mbf", shared / "data/insightface")
    first = sorted(run.glob("network-*.safetensors"))[0]
    chosen = release.release(run, tmp_path / "chosen", faces, "## Data", first.name)
    assert chosen["weights_sha256"] == sha256_file(first)
    summary = release.release(run, out, faces, "## Data\nTwelve photographs.")

    shipped = load_generator(out / "weights.safetensors")
    assert shipped.weights_sha256 == summary["weights_sha256"]
    assert shipped.img_resolution == 16
    assert json.loads((out / "quality.json").read_text()) == summary
    assert summary["faces"]["photographs"]["n"] == 12
    row = summary["faces"]["psi 0.7"]
    assert (row["n"], row["draws"]) == (20, 2)
    text = (out / "MODEL_CARD.md").read_text()
    assert "0 kimg of its run. Research use only." in text
    assert "Twelve photographs." in text
    assert len(summary["scores"]["kid_by_draw"]) == 2
    assert f"| KID | {summary['scores']['kid']:.4f}" in text
    assert (out / "sheet.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert (out / "curves.png").read_bytes() == (run / "curves.png").read_bytes()
    assert "](curves.png)" in text


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(ForensicsError, match=r"training-images\.npz"):
        release.training_images(tmp_path)
    images = release.TrainingImages(np.zeros((2, 16, 16, 3), np.uint8), "")
    with pytest.raises(ForensicsError, match="network-"):
        release.best_snapshot(tmp_path, images)
    with pytest.raises(ForensicsError, match="network-000020"):
        release.best_snapshot(tmp_path, images, "network-000020.safetensors")
