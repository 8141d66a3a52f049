"""Discriminators of every format as detectors: their own logits, each image by itself, weights kept whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from forensics.core.errors import DetectorError
from forensics.corpus.pools.pool import Pool
from forensics.corpus.pools.reading import read_pool
from forensics.detectors.calibration import Calibration
from forensics.detectors.contract import FitOptions
from forensics.detectors.description import DESCRIPTION, WEIGHTS
from forensics.detectors.fitting.engine import TrainingOptions, train_detector
from forensics.detectors.kinds.discriminator import DiscriminatorDetector, _square
from forensics.detectors.loading import load_detector
from forensics.generators.base import load_generator
from forensics.generators.checkpoints import read_checkpoint, write_native
from forensics.metrics.detection import auc
from tests.generators.checkpoints import made_files

OWN = Path(__file__).parents[3] / "forensics" / "weights" / "own-64" / "weights.safetensors"


@pytest.fixture(scope="module")
def faces(shared: Path) -> Pool:
    pool = read_pool([shared / "data" / "faces256" / "val"])
    return pool.take([*range(12), *range(100, 106), *range(125, 131)])


@pytest.fixture(params=["nvidia", "rosinality", "srcnet"])
def weights(request: pytest.FixtureRequest, shared: Path, tmp_path: Path) -> Path:
    """A weights file with a 32-px discriminator, as other people's code writes it."""
    if request.param == "nvidia":
        path = tmp_path / "network.pkl"
        path.write_bytes(made_files.pickled(made_files.stylegan2_modules(shared), 4))
        return path
    make = made_files.rosinality_training if request.param == "rosinality" else made_files.srcnet_training
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(made_files.torch_saved(make(shared)))
    return path


def test_every_format_scores_each_image_by_itself_and_is_kept_whole(
    weights: Path, faces: Pool, tmp_path: Path
) -> None:
    settings = {"discriminator": {"weights": weights}}
    detector = train_detector(
        "discriminator", faces, tmp_path / "out", TrainingOptions(tmp_path, settings=settings)
    )
    weights.unlink()  # the detector needs the file no longer
    loaded = load_detector(tmp_path / "out")
    assert isinstance(loaded, DiscriminatorDetector)
    images = list(faces.images[:5])
    raw = loaded.raw_scores(images)
    assert len(np.unique(raw.round(6))) == 5
    assert raw == pytest.approx(detector.raw_scores(images[::-1])[::-1], abs=1e-5)
    assert raw == pytest.approx([loaded.raw_scores([image])[0] for image in images], abs=1e-5)
    assert loaded.raw_scores([images[0][:90, :200], *images[:1]]).shape == (2,)
    assert loaded.raw_scores([]).shape == (0,)
    assert loaded.evidence_map(images[0]) is None


def test_it_is_the_logit_of_the_network_in_the_file(faces: Pool) -> None:
    from forensics.generators.checkpoints import build

    detector = DiscriminatorDetector.fit(faces, FitOptions(settings={"weights": OWN}))
    x = torch.from_numpy(_square(faces.images[3], 64).copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.inference_mode():
        logit = float(build(read_checkpoint(OWN).networks["D"])(x))
    assert detector.config["direction"] * detector.raw_scores(faces.images[3:4])[0] == pytest.approx(
        logit, abs=1e-4
    )
    assert detector.config["weights_file_sha256"] == read_checkpoint(OWN).sha256


def test_it_knows_the_generator_it_was_trained_against(shared: Path) -> None:
    generator = load_generator("own-64")
    made = generator.to_uint8(generator.synthesize(generator.map(generator.sample_z(24, seed=5), psi=1.0)))
    photographs = read_pool([shared / "data" / "faces256" / "val"]).images[:24]
    images = (*photographs, *made)
    labels = np.repeat([0, 1], 24)
    pool = Pool(images, labels, ("real",) * 24 + ("default",) * 24, tuple(f"{i:064x}" for i in range(48)))
    detector = DiscriminatorDetector.fit(pool, FitOptions(settings={"weights": OWN}))
    assert detector.config["direction"] == -1  # higher logits: authentic, as it was trained
    assert auc(detector.raw_scores(images), labels) > 0.6


def test_files_without_a_discriminator(faces: Pool, tmp_path: Path) -> None:
    only_g = {"G_ema": read_checkpoint(OWN).networks["G_ema"]}
    write_native(tmp_path / "g.safetensors", only_g)
    with pytest.raises(DetectorError, match=r"holds no discriminator, only G_ema \(stylegan2\)"):
        DiscriminatorDetector.fit(faces, FitOptions(settings={"weights": tmp_path / "g.safetensors"}))
    with pytest.raises(DetectorError, match="--weights"):
        DiscriminatorDetector.fit(faces, FitOptions())


def test_hostile_folders(faces: Pool, tmp_path: Path) -> None:
    detector = DiscriminatorDetector.fit(faces, FitOptions(settings={"weights": OWN}))
    detector.calibration = Calibration(0.4, 0.0, -1.0, 1.0)
    detector.save(tmp_path)
    description = json.loads((tmp_path / DESCRIPTION).read_text())
    config = detector.config
    for changes in (
        {"network": "stylegan2"},
        {"network": "os.system-discriminator"},
        {"network": None},
        {"options": {**config["options"], "img_resolution": 10**9}},
        {"options": {**config["options"], "strange": 1}},
        {"options": [64]},
        {"direction": 3},
    ):
        (tmp_path / DESCRIPTION).write_text(json.dumps({**description, "config": {**config, **changes}}))
        with pytest.raises(DetectorError) as caught:
            load_detector(tmp_path)
        assert "\n" not in str(caught.value)
    (tmp_path / DESCRIPTION).write_text(json.dumps(description))
    arrays = load_file(tmp_path / WEIGHTS)
    save_file({key: value for key, value in arrays.items() if key != "b4.out.weight"}, tmp_path / WEIGHTS)
    with pytest.raises(DetectorError, match="missing"):
        load_detector(tmp_path)
