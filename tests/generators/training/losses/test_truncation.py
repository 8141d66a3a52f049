"""Persons along truncation: how far they stray, whom the gradient moves, and what a run needs for it."""

from __future__ import annotations

import copy

import pytest
import torch

from forensics.core.errors import ForensicsError
from forensics.corpus.photographs.data import TrainingImages
from forensics.generators.base import Generator, load_generator
from forensics.generators.training.losses.matching import FeatureMatching
from forensics.generators.training.losses.persons import Persons
from forensics.generators.training.losses.truncation import KeptPersons
from forensics.generators.training.presets import resolve


@pytest.fixture(scope="module")
def generator() -> Generator:
    return load_generator("own-64", "cpu")


@pytest.fixture(scope="module")
def ws(generator: Generator) -> torch.Tensor:
    return generator.map(generator.sample_z(8, seed=5))


@pytest.fixture(scope="module")
def made(generator: Generator, ws: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return generator.synthesize(ws)


@pytest.fixture(scope="module")
def kept(forty_faces: torch.Tensor, generator: Generator) -> KeptPersons:
    pixels = ((forty_faces + 1) * 127.5).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    persons = Persons("dlib+mobile")
    matching = FeatureMatching(persons, TrainingImages(pixels, ""), torch.device("cpu"), mirror=False)
    with torch.no_grad():
        matching.loss(generator.synthesize(generator.map(generator.sample_z(64, seed=9))))
    return KeptPersons(persons, matching)


def distance(kept: KeptPersons, generator: Generator, images: torch.Tensor, ws: torch.Tensor) -> float:
    torch.manual_seed(0)
    with torch.no_grad():
        return sum(float(kept.loss(generator, images, ws)) for _ in range(4)) / 4


def test_a_face_is_nearer_to_itself_truncated_than_to_another(
    kept: KeptPersons, generator: Generator, made: torch.Tensor, ws: torch.Tensor
) -> None:
    own = distance(kept, generator, made, ws)
    assert 0 < own < 0.8 * distance(kept, generator, made.roll(1, 0), ws)


def test_where_truncation_changes_nothing_persons_hardly_stray(
    kept: KeptPersons, generator: Generator, made: torch.Tensor, ws: torch.Tensor
) -> None:
    still = copy.deepcopy(generator)
    still.w_avg.copy_(ws[0, 0])
    same, face = ws[:1].expand(8, -1, -1), made[:1].expand(8, -1, -1, -1)
    assert distance(kept, still, face, same) < 0.5 * distance(kept, generator, made, ws)


def test_a_step_along_its_gradient_brings_them_nearer(
    kept: KeptPersons, generator: Generator, made: torch.Tensor, ws: torch.Tensor
) -> None:
    learning = copy.deepcopy(generator).requires_grad_(True)
    whole = made.clone().requires_grad_(True)
    optimiser = torch.optim.Adam(learning.parameters(), lr=0.001, betas=(0.0, 0.99))
    before = distance(kept, learning, made, ws)
    for _ in range(4):
        optimiser.zero_grad()
        kept.loss(learning, whole, ws).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert whole.grad is None
    assert distance(kept, learning, made, ws) < 0.9 * before


def test_it_needs_the_distance_of_persons_and_no_negative_weight() -> None:
    with pytest.raises(ForensicsError, match="give identity_weight"):
        resolve("tiny-16", truncation_weight=1.0)
    with pytest.raises(ForensicsError, match="truncation_weight -1"):
        resolve("tiny-16", truncation_weight=-1.0, identity_weight=1.0)
