"""Scores of a generator against the images it learns from."""

from __future__ import annotations

import pytest
import torch

from forensics.corpus.photographs.data import TrainingImages
from forensics.generators.training.monitoring.image_quality import GeneratorQuality
from forensics.generators.training.trainer import Trainer


def test_scores_name_their_extractor_and_repeat(trainer: Trainer, images: TrainingImages) -> None:
    quality = GeneratorQuality(images, torch.device("cpu"))
    found = quality.score(trainer.G_ema)
    assert found.extractor == "efficientnet-lite0-imagenet"
    assert (found.n_real, found.n_fake, found.to_json()["fid"]) == (20, 100, "")
    assert found.kid > 0.01
    assert quality.score(trainer.G_ema) == found


def test_scores_of_several_draws_are_their_means(trainer: Trainer, images: TrainingImages) -> None:
    quality = GeneratorQuality(images, torch.device("cpu"))
    one, other = (quality.score(trainer.G_ema, [seed]) for seed in (3, 4))
    both = quality.score(trainer.G_ema, [3, 4])
    assert one.kid != other.kid
    assert both.kid_by_draw == (one.kid, other.kid)
    assert both.kid == pytest.approx((one.kid + other.kid) / 2, abs=1e-6)
