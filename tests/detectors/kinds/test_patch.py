"""The patch network: sees as far as it says, starts from ImageNet, trains, and its map is its own logits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from forensics.backbones.efficientnet_lite import load_imagenet
from forensics.core.errors import DetectorError
from forensics.corpus.pools.pool import Pool
from forensics.corpus.pools.reading import read_pool
from forensics.detectors.calibration import Calibration
from forensics.detectors.fitting.engine import TrainingOptions, train_detector
from forensics.detectors.kinds.patch import CELL_PX, RECEPTIVE_FIELD_PX, PatchDetector
from forensics.detectors.loading import load_detector


@pytest.fixture(scope="module")
def faces(shared: Path) -> Pool:
    pool = read_pool([shared / "data" / "faces256" / "val"])
    return pool.take([*range(12), *range(100, 106), *range(125, 131)])


def _detector(n_blocks: int) -> PatchDetector:
    torch.manual_seed(2)
    config = {"blocks": n_blocks}
    network = PatchDetector.starting_network(config).eval()
    torch.nn.init.normal_(network.classifier.weight, 0, 0.3)
    return PatchDetector(config, Calibration(0.5, 0.1, -1.0, 1.0), network=network)


@pytest.mark.parametrize("n_blocks", RECEPTIVE_FIELD_PX)
def test_a_logit_depends_on_its_receptive_field_and_on_nothing_else(n_blocks: int) -> None:
    network = _detector(n_blocks).network.eval()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 3, 256, 256, generator=generator, requires_grad=True)
    network.local(x)[0, 16, 16].backward()  # type: ignore[no-untyped-call]
    touched = x.grad[0].abs().sum(0).nonzero()  # type: ignore[index]
    width = RECEPTIVE_FIELD_PX[n_blocks]
    first = 16 * CELL_PX - width // 2
    assert touched.min() >= first
    assert touched.max() <= first + width - 1
    assert (touched.max(0).values - touched.min(0).values).max() > 0.8 * width


def test_one_logit_a_cell_and_their_mean_is_the_score(faces: Pool) -> None:
    detector = _detector(4)
    for image in (faces.images[0], faces.images[1][:100, :181]):
        found = detector.evidence_map(image)
        assert found is not None
        assert found.shape == tuple(-(-side // CELL_PX) for side in image.shape[:2])
        expected = detector.calibration.uncapped(detector.raw_scores([image]))[0]  # type: ignore[union-attr]
        assert found.mean() == pytest.approx(expected, abs=1e-4)


def test_it_starts_from_the_first_blocks_of_imagenet() -> None:
    published, own = load_imagenet(), _detector(4).network.trunk
    norm, conv = published._bn0, published._conv_stem
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)  # type: ignore[operator]
    assert torch.allclose(own.stem.conv.weight, conv.weight * gain[:, None, None, None])  # type: ignore[union-attr]
    assert sum(p.numel() for p in own.parameters()) < 80_000


def test_it_trains_and_is_loaded_as_it_was_saved(faces: Pool, tmp_path: Path) -> None:
    quick = replace(PatchDetector.schedule, epochs=1, batch=8, crops_px=(96,), warmup_steps=2)
    options = TrainingOptions(tmp_path / "work", settings={"patch": {"schedule": quick}})
    detector = train_detector("patch", faces, tmp_path / "out", options)
    again = load_detector(tmp_path / "out")
    assert np.array_equal(detector.score(faces.images[:4]), again.score(faces.images[:4]))
    assert np.isfinite(again.score(faces.images)).all()
    assert sum(path.stat().st_size for path in (tmp_path / "out").iterdir()) < 200_000


@pytest.mark.parametrize("blocks", [0, 3, 16, "4", None, 4.0, 10**9])
def test_another_number_of_blocks_is_refused(blocks: object) -> None:
    with pytest.raises(DetectorError, match="blocks"):
        PatchDetector.build({"blocks": blocks})
