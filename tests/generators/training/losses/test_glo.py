"""Latents of photographs: distributed as drawn ones, near what they stand for, and reconstructed by training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from forensics.backbones.face_descriptor import load_descriptor
from forensics.core.errors import ForensicsError
from forensics.corpus.photographs.data import TrainingImages
from forensics.corpus.photographs.loading import square
from forensics.generators.base import Generator, load_generator
from forensics.generators.training.losses import glo as module
from forensics.generators.training.losses.fixed_features import Lite0Features
from forensics.generators.training.losses.glo import Identity, LatentCodes
from forensics.generators.training.presets import resolve
from forensics.generators.training.trainer import Trainer
from forensics.images import decode

CHANGES = {"projected_side": 128, "glo_weight": 3.0, "glo_batch": 4}


@pytest.fixture(scope="module")
def generator() -> Generator:
    return load_generator("own-64", "cpu")


@pytest.fixture(scope="module")
def codes(shared: Path, generator: Generator) -> LatentCodes:
    """Of 160 photographs at 64 px and their mirror images, placed by 320 faces of the embedded generator."""
    paths = sorted((shared / "data" / "faces256" / "train" / "real").iterdir())[:160]
    pixels = np.stack([square(decode(path).pixels, 64) for path in paths])
    placed = LatentCodes(Lite0Features(128), TrainingImages(pixels, ""), generator.z_dim, mirror=True)
    assert not placed.placed
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_GENERATED", 320)
        placed.place(generator)
    assert placed.placed
    return placed


def test_codes_have_the_mean_and_covariance_of_drawn_latents(codes: LatentCodes) -> None:
    z = codes.codes
    assert z.shape == (320, 256)
    torch.testing.assert_close(z.mean(dim=0), torch.zeros(256), atol=1e-3, rtol=0)
    torch.testing.assert_close(z.T @ z / len(z), torch.eye(256), atol=1e-3, rtol=0)


def test_with_descriptors_a_code_says_who_is_shown(codes: LatentCodes, generator: Generator) -> None:
    """Descriptors are linear in these codes, which are made of them, and not in the others; of photographs that the
    regression has not seen."""
    descriptor = load_descriptor()
    telling = LatentCodes(
        Lite0Features(128), codes.images, generator.z_dim, mirror=True, identity=Identity(descriptor)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_GENERATED", 320)
        telling.place(generator)
    z = telling.codes
    torch.testing.assert_close(z.T @ z / len(z), torch.eye(256), atol=1e-3, rtol=0)
    assert float((z * codes.codes).mean()) > 0.3  # they begin where the generator is, too
    with torch.no_grad():
        persons = torch.cat([descriptor(batch) for batch in codes.images.in_batches(mirror=True)])
        made = descriptor(generator.synthesize(generator.map(z[:60])))
    persons = persons - persons.mean(dim=0)
    # The person shows a little from the first; 0.5 with all photographs and latents.
    alike = torch.cosine_similarity(made - made.mean(dim=0), persons[:60])
    assert float(alike.mean()) > 0.25
    # Of all 631 photographs that the embedded generators learn from it is 0.99, against -0.07.
    assert _explained(telling.codes, persons) > 0.2 > 0.1 > _explained(codes.codes, persons)


def _explained(codes: torch.Tensor, persons: torch.Tensor) -> float:
    """R2 for every fifth photograph and its mirror image, of ridge regression on the others."""
    held = torch.arange(len(codes)) % (len(codes) // 2) % 5 == 0
    x, y = codes[~held], persons[~held]
    weights = torch.linalg.solve(x.T @ x + 30 * torch.eye(x.shape[1]), x.T @ y)
    missed = persons[held] - codes[held] @ weights
    return 1 - float(missed.square().sum() / persons[held].square().sum())


@pytest.mark.slow
def test_what_is_made_of_a_code_is_nearer_to_its_photograph_than_to_others(
    codes: LatentCodes, generator: Generator
) -> None:
    with torch.no_grad():
        made = codes._pooled(generator.synthesize(generator.map(codes.codes[:40])))
        shown = codes._pooled(codes._shown(torch.arange(40)))
    apart = torch.cdist(made - made.mean(dim=0), shown - shown.mean(dim=0))
    own = apart.diagonal().mean()
    others = (apart.sum() - apart.diagonal().sum()) / (40 * 39)
    assert float(own) < 0.97 * float(others)


@pytest.mark.slow
def test_training_brings_what_is_made_of_them_nearer_to_the_photographs(
    images: TrainingImages, tmp_path: Path, few_generated: None
) -> None:
    options = resolve("tiny-16", **{**CHANGES, "glo_weight": 30.0})
    trainer = Trainer(options, images, tmp_path, torch.device("cpu"))
    losses = [trainer.step()["glo"] for _ in range(60)]
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])


def test_what_it_needs_is_said(images: TrainingImages, tmp_path: Path) -> None:
    with pytest.raises(ForensicsError, match="projected_side"):
        resolve("tiny-16", glo_weight=1.0)
    for name in ("glo_batch", "d_reg_interval"):
        with pytest.raises(ForensicsError, match=f"{name} 0 is not possible"):
            resolve("stylegan2-64-glo", **{name: 0})
    with pytest.raises(ForensicsError, match="give glo_weight"):
        resolve("stylegan2-64-projected", glo_identity_weight=1.0)
    with pytest.raises(ForensicsError, match="glo_kimg"):
        resolve("tiny-16", glo_kimg=1.0)
    with pytest.raises(ForensicsError, match="40 images are too few for a code of 64"):
        Trainer(resolve("tiny-16", z_dim=64, **CHANGES), images, tmp_path, torch.device("cpu"))


@pytest.mark.slow
def test_at_first_the_generator_learns_from_them_alone(
    images: TrainingImages, tmp_path: Path, few_generated: None
) -> None:
    options = resolve("tiny-16", glo_kimg=0.008, warmup_kimg=0.008, **CHANGES)
    trainer = Trainer(options, images, tmp_path, torch.device("cpu"))
    critic = [p.detach().clone() for p in trainer.D.parameters()]
    numbers = [trainer.step() for _ in range(2)]
    assert all(torch.equal(a, b) for a, b in zip(critic, trainer.D.parameters(), strict=True))
    assert all("loss_D" not in n and n["glo"] > 0 for n in numbers)
    before = [p.detach().clone() for p in trainer.G.parameters()]
    assert trainer.step()["loss_D"] > 0  # the warm-up begins at a learning rate of 0
    assert all(torch.equal(a, b) for a, b in zip(before, trainer.G.parameters(), strict=True))
    trainer.step()
    assert not all(torch.equal(a, b) for a, b in zip(before, trainer.G.parameters(), strict=True))
