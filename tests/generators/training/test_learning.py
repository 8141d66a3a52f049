"""A whole run on real faces: it learns."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from forensics.core.weights import weights_file
from forensics.corpus.photographs.loading import load_images, square
from forensics.generators.base import load_generator
from forensics.generators.training.monitoring.image_quality import GeneratorQuality
from forensics.generators.training.presets import resolve
from forensics.generators.training.run import Request, run_training
from forensics.generators.training.trainer import Trainer
from forensics.images import decode, encode_png


@pytest.mark.slow
def test_two_kimg_on_200_faces_bring_kid_down(shared: Path, tmp_path: Path) -> None:
    faces = sorted((shared / "data" / "faces256" / "train" / "real").iterdir())[:200]
    changes = {"batch": 16, "channel_base": 256, "channel_max": 32}
    out = tmp_path / "run"
    summary = run_training(out, Request(faces, "tiny-16", changes, kimg=2, snap_kimg=1, device="cpu"))
    assert (len(summary.images), summary.kimg, summary.images.rejected) == (200, 2.0, ())
    with (out / "training.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert float(rows[-1]["D_real"]) > float(rows[-1]["D_fake"])
    quality = GeneratorQuality(load_images(faces, 16, out / "training-images.npz"), torch.device("cpu"), 100)
    trained = Trainer(resolve("tiny-16", **changes), quality.images, out, torch.device("cpu"))
    before = quality.score(trained.G_ema)
    assert trained.resume()
    after = quality.score(trained.G_ema)
    assert after.kid < before.kid - (after.values["kid_sd"] + before.values["kid_sd"])
    assert after.values["precision"] > before.values["precision"]
    assert (out / "training.html").is_file()


@pytest.mark.slow
def test_fine_tuning_the_embedded_generator_on_close_crops_brings_kid_down(
    shared: Path, tmp_path: Path
) -> None:
    crops = tmp_path / "crops"
    crops.mkdir()
    for path in sorted((shared / "data" / "faces256" / "train" / "real").iterdir())[:100]:
        (crops / path.name).write_bytes(encode_png(square(decode(path).pixels[64:204, 58:198], 64)))
    out = tmp_path / "run"
    run_training(
        out, Request([crops], "stylegan2-64-projected", {},
        kimg=0.32, snap_kimg=1, device="cpu", start=weights_file("own-64"), keep_preset=True))  # fmt: skip
    quality = GeneratorQuality(
        load_images([crops], 64, out / "training-images.npz"), torch.device("cpu"), 100
    )
    before = quality.score(load_generator("own-64", "cpu"))
    after = quality.score(load_generator(next(out.glob("network-*.safetensors")), "cpu"))
    assert after.kid < before.kid - before.values["kid_sd"]
