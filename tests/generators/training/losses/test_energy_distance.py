"""The energy distance of features: what it measures, whom it moves, and what it remembers."""

from __future__ import annotations

import pytest
import torch

from forensics.core.errors import ForensicsError
from forensics.corpus.photographs.data import TrainingImages
from forensics.generators.training.losses.energy_distance import EnergyDistance
from forensics.generators.training.losses.fixed_features import Lite0Features
from forensics.generators.training.presets import resolve
from forensics.generators.training.steps import blurred


@pytest.fixture(scope="module")
def projected() -> Lite0Features:
    return Lite0Features(128)


@pytest.fixture
def matching(projected: Lite0Features, images: TrainingImages) -> EnergyDistance:
    return EnergyDistance(projected.pooled, images, torch.device("cpu"), mirror=True)


@pytest.fixture(scope="module")
def faces(images: TrainingImages) -> torch.Tensor:
    return torch.from_numpy(images.pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


def test_photographs_are_nearer_than_blurred_ones_and_than_one_face_again_and_again(
    matching: EnergyDistance, projected: Lite0Features, images: TrainingImages, faces: torch.Tensor
) -> None:
    def distance(shown: torch.Tensor) -> float:
        fresh = EnergyDistance(projected.pooled, images, torch.device("cpu"), mirror=True)
        return float(fresh.loss(shown))

    assert distance(faces) < distance(blurred(faces, 1.0))
    # Each copy looks as real as a photograph can: only the set of them does not.
    assert distance(faces) < distance(faces[:1].expand(20, -1, -1, -1))


def test_its_gradient_parts_samples_that_are_alike(matching: EnergyDistance, faces: torch.Tensor) -> None:
    torch.manual_seed(0)
    alike = (faces[:1] + 0.02 * torch.randn(8, *faces.shape[1:])).requires_grad_(True)
    matching.loss(alike).backward()  # type: ignore[no-untyped-call]
    assert alike.grad is not None
    with torch.no_grad():
        moved = matching.features(alike - 50 * alike.grad)
        assert torch.pdist(moved).mean() > torch.pdist(matching.features(alike)).mean()


def test_the_last_512_are_kept_and_are_its_state(matching: EnergyDistance, faces: torch.Tensor) -> None:
    assert set(matching.state_dict()) == {"queue", "count"}
    with torch.no_grad():
        for _ in range(26):
            matching.loss(faces)
        features = matching.features(faces)
    assert int(matching.count) == 520
    torch.testing.assert_close(matching.queue[500:], features[:12])
    torch.testing.assert_close(matching.queue[:8], features[12:])


def test_without_the_projected_network_it_is_refused() -> None:
    with pytest.raises(ForensicsError, match="projected_side"):
        resolve("tiny-16", matching_weight=1.0)
