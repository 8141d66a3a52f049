"""Training: balanced, repeatable, resumable to the bit, and it learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from forensics.core.errors import DetectorError
from forensics.corpus.pools.pool import Pool
from forensics.corpus.pools.reading import read_pool
from forensics.detectors.kinds.cnn import CnnDetector
from forensics.detectors.kinds.npr import NprDetector
from forensics.detectors.networks.schedule import Schedule
from forensics.detectors.networks.trainer import Trainer, TrainingRun
from forensics.detectors.training_views.augmentation import Augmentation

SHORT = Schedule(epochs=3, batch=4, crops_px=(64,), warmup_steps=1, learning_rate=3e-4)


@pytest.fixture(scope="module")
def pool(shared: Path) -> Pool:
    whole = read_pool([shared / "data" / "faces256" / "val"], [shared / "data" / "wild128"])
    first = [[i for i, s in enumerate(whole.sources) if s == source][:5] for source in sorted(whole.counts())]
    return whole.take(np.concatenate(first))


def _trainer(pool: Pool, work: Path, schedule: Schedule = SHORT, seed: int = 0) -> Trainer:
    torch.manual_seed(seed)
    network = NprDetector.build({"width": 8})
    return Trainer(network, NprDetector.prepare, pool, TrainingRun(schedule, seed, work))


class _Killed(Exception):
    pass


def _kill_at(step: int) -> Callable[[int, str], None]:
    done = 0

    def advance(n: int, status: str) -> None:
        nonlocal done
        done += n
        if done == step:
            raise _Killed

    return advance


def test_killed_and_resumed_equals_one_go(pool: Pool, tmp_path: Path) -> None:
    whole = _trainer(pool, tmp_path / "whole").run()
    broken = _trainer(pool, tmp_path / "broken")
    with pytest.raises(_Killed):
        broken.run(_kill_at(6))
    broken.save()
    resumed = _trainer(pool, tmp_path / "broken")
    torch.manual_seed(12345)  # nothing may depend on the generator's state at resumption
    network = resumed.run()
    assert resumed.step == 15
    for key, value in whole.state_dict().items():
        assert torch.equal(value, network.state_dict()[key]), key


def test_a_finished_run_is_not_trained_again(pool: Pool, tmp_path: Path) -> None:
    first = _trainer(pool, tmp_path).run()
    steps: list[int] = []
    again = _trainer(pool, tmp_path).run(lambda n, status: steps.append(n))
    assert steps == [15]
    for key, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[key])


def test_a_checkpoint_of_another_run_is_refused(pool: Pool, tmp_path: Path) -> None:
    _trainer(pool, tmp_path).run()
    with pytest.raises(DetectorError, match=r"other options .schedule"):
        _trainer(pool, tmp_path, replace(SHORT, batch=6)).run()
    with pytest.raises(DetectorError, match=r"other options .pool"):
        _trainer(pool.take(range(1, len(pool))), tmp_path).run()
    (tmp_path / "checkpoint.safetensors").write_bytes(b"\0" * 40)
    with pytest.raises(DetectorError, match="is damaged"):
        _trainer(pool, tmp_path).run()


def test_batches_are_balanced_and_small_images_are_left_out_of_large_crops(
    pool: Pool, tmp_path: Path
) -> None:
    schedule = replace(SHORT, batch=8, crops_px=(64, 200))
    trainer = _trainer(pool, tmp_path, schedule)
    sizes = set()
    for step in range(12):
        pixels, labels = trainer._batch(np.random.default_rng(step))
        sizes.add(pixels.shape[1])
        assert pixels.shape == (8, pixels.shape[1], pixels.shape[1], 3)
        assert labels.tolist() == [0] * 4 + [1] * 4
    assert sizes == {64, 200}
    wild = np.array([source == "wild128" for source in pool.sources])
    assert trainer._chances[200][0][wild].sum() == 0
    assert trainer._chances[64][0][wild].sum() > 0


def test_only_small_images_is_said(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="at least 512 px"):
        _trainer(pool, tmp_path, replace(SHORT, crops_px=(512,)))


def test_a_few_steps_of_the_pretrained_network_learn_a_plain_difference(pool: Pool, tmp_path: Path) -> None:
    # Every other row of one class is darkened: a real texture difference on real faces.
    marked = tuple(
        np.where((np.arange(len(image)) % 2 == 0)[:, None, None] & bool(label), image // 2, image)
        for image, label in zip(pool.images, pool.labels, strict=True)
    )
    plain = replace(Augmentation(), jpeg_p=0.0, blur_p=0.0, resize_p=0.0)
    schedule = Schedule(
        epochs=8, batch=8, crops_px=(64,), warmup_steps=2, augmentation=plain, average_decay=0.8
    )
    task = Pool(marked, pool.labels, pool.sources, pool.sha256)
    run = TrainingRun(schedule, 0, tmp_path)
    trainer = Trainer(CnnDetector.starting_network({}), CnnDetector.prepare, task, run)
    scores = CnnDetector({}, network=trainer.run()).raw_scores([image[:128, :128] for image in marked])
    assert scores[pool.labels == 1].min() > scores[pool.labels == 0].max()
