"""The discriminator over fixed features: what is fixed, what learns, what it is shown."""

from __future__ import annotations

import pytest
import torch

from forensics.core.errors import ForensicsError
from forensics.corpus.photographs.data import TrainingImages
from forensics.generators.training.augmentation.diffaugment import diff_augmented
from forensics.generators.training.losses.fixed_features import Lite0Features
from forensics.generators.training.losses.projected import ProjectedDiscriminator
from forensics.generators.training.losses.vision_aided import VisionAided
from forensics.generators.training.optimisers import projected_optimiser
from forensics.generators.training.presets import resolve
from forensics.generators.training.steps import blurred


@pytest.fixture(scope="module")
def projected() -> ProjectedDiscriminator:
    return ProjectedDiscriminator(Lite0Features(128), seed=3)


@pytest.fixture(scope="module")
def faces(images: TrainingImages) -> torch.Tensor:
    return torch.from_numpy(images.pixels[:8]).permute(0, 3, 1, 2).float() / 127.5 - 1


def test_features_halve_from_scale_to_scale_and_follow_the_seed(
    projected: ProjectedDiscriminator, faces: torch.Tensor
) -> None:
    features = projected.features(faces)
    assert [tuple(f.shape) for f in features] == [(8, 64, side, side) for side in (32, 16, 8, 4)]
    again = ProjectedDiscriminator(Lite0Features(128), seed=3).features(faces)
    assert all(torch.equal(a, b) for a, b in zip(features, again, strict=True))
    other = ProjectedDiscriminator(Lite0Features(128), seed=4).features(faces)
    assert not torch.equal(features[0], other[0])


def test_the_state_is_what_learns_and_the_mixing_not_the_feature_network(
    projected: ProjectedDiscriminator,
) -> None:
    assert {name.split(".")[0] for name in projected.state_dict()} == {"across", "downwards", "heads"}
    trained = {name.split(".")[0] for name, p in projected.named_parameters() if p.requires_grad}
    assert trained == {"heads"}


def test_it_learns_to_tell_photographs_from_blurred_ones(faces: torch.Tensor) -> None:
    torch.manual_seed(0)
    network = ProjectedDiscriminator(Lite0Features(128), seed=0)
    optimiser = projected_optimiser(network)
    fakes = blurred(faces, 3.0)
    for _ in range(12):
        optimiser.zero_grad()
        loss = network.discriminator_loss(faces, fakes)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.no_grad():
        assert network(faces).mean() > network(fakes).mean() + 0.5


def test_heads_of_the_face_network_learn_to_see_the_eyes_of_someone_else(
    faces: torch.Tensor,
) -> None:
    torch.manual_seed(0)
    heads = VisionAided(seed=0)
    assert heads(faces).shape == (8, 3)
    side = faces.shape[2]
    optimiser = torch.optim.Adam(
        [p for p in heads.parameters() if p.requires_grad], lr=0.002, betas=(0.0, 0.99)
    )
    fakes = faces.clone()
    fakes[:, :, side * 3 // 8 : side // 2] = faces[:, :, side * 3 // 8 : side // 2].flip(0)
    for _ in range(40):
        optimiser.zero_grad()
        loss = (1 - heads(faces)).relu().mean() + (1 + heads(fakes)).relu().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.no_grad():
        assert heads(faces).mean() > heads(fakes).mean() + 0.5


def test_the_face_network_s_logits_stand_beside_the_others(faces: torch.Tensor) -> None:
    network = ProjectedDiscriminator(Lite0Features(128), seed=3, vision_aided=True)
    assert network(faces).shape == (8, 7)
    assert network.faces is not None
    assert {name.split(".")[0] for name in network.faces.state_dict()} == {"across", "heads"}


def test_gradient_reaches_every_image(projected: ProjectedDiscriminator, faces: torch.Tensor) -> None:
    shown = faces.clone().requires_grad_(True)
    projected.generator_loss(shown).backward()  # type: ignore[no-untyped-call]
    assert shown.grad is not None
    assert bool((shown.grad.flatten(1).abs().sum(dim=1) > 0).all())


def test_each_image_is_changed_on_its_own_and_a_quarter_is_cut_out_at_most(faces: torch.Tensor) -> None:
    torch.manual_seed(0)
    same = faces[:1].expand(8, -1, -1, -1)
    shown = diff_augmented(same)
    assert len({float(x.sum()) for x in shown}) == 8
    black = (shown == 0).all(dim=1).float().mean(dim=(1, 2))
    assert float(black.max()) <= 0.25 + 2 * 0.125 + 0.05
    assert float(black.min()) > 0.0


@pytest.mark.parametrize("side", [64, 130])
def test_sides_that_leave_no_features_are_refused(side: int) -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        Lite0Features(side)
    with pytest.raises(ForensicsError, match="projected_side"):
        resolve("stylegan2-64", projected_side=side)
