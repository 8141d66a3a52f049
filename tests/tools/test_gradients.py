"""The sizes of the loss's terms: as their weights say, of a run as it was saved."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from forensics.core.devices import uses_bfloat16
from forensics.core.errors import ForensicsError
from forensics.corpus.photographs.data import TrainingImages
from forensics.generators.training.presets import resolve
from forensics.generators.training.run import Request, run_training
from forensics.generators.training.trainer import Trainer
from tools.gradients import gradient_sizes, main

TERMS = {"projected_side": 128, "matching_weight": 1.0, "glo_weight": 2.0, "glo_batch": 4}


def test_each_term_is_as_large_as_its_weight_makes_it(
    images: TrainingImages, tmp_path: Path, few_generated: None
) -> None:
    options = resolve("tiny-16", **TERMS)
    once, more = (
        gradient_sizes(Trainer(o, images, tmp_path, torch.device("cpu")), draws=2)
        for o in (
            options,
            options.with_(
                adversarial_weight=0.25,
                projected_weight=3 * options.losses.projected_weight,
                glo_weight=4.0,
            ),
        )
    )
    assert list(once) == ["adversarial", "projected", "matching", "glo"]
    assert all(size > 0 for size in once.values())
    assert more["adversarial"] == pytest.approx(0.25 * once["adversarial"], rel=1e-4)
    # In bfloat16 three times a gradient is rounded otherwise.
    rounding = 0.01 if uses_bfloat16("cpu") else 1e-4
    assert more["projected"] == pytest.approx(3 * once["projected"], rel=rounding)
    assert more["matching"] == pytest.approx(once["matching"], rel=1e-4)
    assert more["glo"] == pytest.approx(2 * once["glo"], rel=1e-4)


@pytest.mark.slow
def test_a_run_is_read_and_its_persons_stand_by_themselves(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], few_generated: None
) -> None:
    photographs = sorted((shared / "data/faces256/val/real").glob("*.png"))[:12]
    changes = {**TERMS, "resolution": 32, "glo_identity_weight": 4.0}
    run_training(tmp_path / "run", Request(photographs, "tiny-16", changes, kimg=0.008, snap_kimg=0.008))
    capsys.readouterr()
    main([str(tmp_path / "run"), "--data", *map(str, photographs)])
    sizes = {line[:15].strip(): float(line[15:]) for line in capsys.readouterr().out.splitlines()}
    assert list(sizes) == ["adversarial", "projected", "matching", "glo", "glo identity"]
    assert 0 < sizes["glo identity"] < 2 * sizes["glo"]
    with pytest.raises(ForensicsError, match="images have changed"):
        main([str(tmp_path / "run"), "--data", *map(str, photographs[:11])])
    with pytest.raises(ForensicsError, match="name the folder of a training run"):
        main([str(tmp_path), "--data", *map(str, photographs)])
