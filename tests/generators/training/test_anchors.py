"""Latents of photographs: distributed as drawn ones, near for alike faces, and reconstructed by training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from forensics.errors import ForensicsError
from forensics.generators.training.anchors import Anchors
from forensics.generators.training.data import TrainingImages
from forensics.generators.training.presets import resolve
from forensics.generators.training.projected import ProjectedDiscriminator
from forensics.generators.training.trainer import Trainer

CHANGES = {"projected_side": 128, "anchor_weight": 3.0, "anchor_count": 4}


@pytest.fixture(scope="module")
def anchors(images: TrainingImages) -> Anchors:
    return Anchors(ProjectedDiscriminator(128), images, 16, 4, mirror=True)


def test_codes_have_the_mean_and_covariance_of_drawn_latents(anchors: Anchors) -> None:
    z = anchors.latents(torch.arange(anchors.size)).detach()
    assert z.shape == (40, 16)
    torch.testing.assert_close(z.mean(dim=0), torch.zeros(16), atol=1e-3, rtol=0)
    torch.testing.assert_close(z.T @ z / len(z), torch.eye(16), atol=1e-3, rtol=0)


def test_a_mirror_image_is_nearer_than_other_faces(anchors: Anchors) -> None:
    z = torch.nn.functional.normalize(anchors.latents(torch.arange(anchors.size)).detach())
    cosines = z[:20] @ z.T
    mirrored = cosines[torch.arange(20), torch.arange(20) + 20]
    assert float(mirrored.median()) > float(cosines[:, 20:].median()) + 0.3


def test_training_brings_what_is_made_of_them_nearer_to_the_photographs(
    images: TrainingImages, tmp_path: Path
) -> None:
    options = replace(resolve("tiny-16", **CHANGES), anchor_weight=30.0)
    trainer = Trainer(options, images, tmp_path, torch.device("cpu"))
    losses = [trainer.step()["anchors"] for _ in range(60)]
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])


def test_what_it_needs_is_said(images: TrainingImages, tmp_path: Path) -> None:
    with pytest.raises(ForensicsError, match="projected_side"):
        resolve("tiny-16", anchor_weight=1.0)
    with pytest.raises(ForensicsError, match="40 images are too few for a code of 64"):
        Trainer(resolve("tiny-16", z_dim=64, **CHANGES), images, tmp_path, torch.device("cpu"))
