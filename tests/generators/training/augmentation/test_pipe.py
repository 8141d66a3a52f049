"""The augmentation pipeline against the reference numbers, and what makes it non-leaking."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from forensics.corpus.photographs.loading import load_images
from forensics.generators.training.augmentation.pipe import AugmentPipe
from forensics.generators.training.augmentation.pipelines import PIPELINES, AugmentStrengths

TRANSFORMS = (
    "xflip", "rotate90", "xint", "scale", "rotate", "aniso", "xfrac",
    "brightness", "contrast", "lumaflip", "hue", "saturation", "imgfilter", "cutout",
)  # fmt: skip


@pytest.fixture
def faces(photographs: Path) -> torch.Tensor:
    return load_images([photographs], 32).batch(np.arange(8), np.zeros(8, bool))


def test_every_reference_number_is_checked(shared: Path) -> None:
    golden = np.load(shared / "golden" / "ada_augment.npz")
    assert {k for k in golden.files if k.startswith("io/")} == {"io/input"} | {
        f"io/{name}_{quantile}" for name in TRANSFORMS for quantile in (0.3, 0.8)
    }


@pytest.mark.parametrize("quantile", [0.3, 0.8])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_transform_equals_the_reference(shared: Path, name: str, quantile: float) -> None:
    golden = np.load(shared / "golden" / "ada_augment.npz")
    expected = torch.from_numpy(golden[f"io/{name}_{quantile}"])
    pipe = AugmentPipe(AugmentStrengths(**{name: 1.0}), 1.0)
    actual = pipe(torch.from_numpy(golden["io/input"]), quantile=quantile)
    assert (actual - expected).norm() <= 1e-5 * expected.norm()


def test_p_zero_returns_the_very_images(faces: torch.Tensor) -> None:
    pipe = AugmentPipe(PIPELINES["bgcfnc"], 0.0)
    assert not pipe.active
    assert pipe(faces) is faces


@pytest.mark.parametrize("name", [n for n in PIPELINES if n != "noaug"])
def test_pipelines_fire_in_the_share_of_images_that_p_says(name: str, faces: torch.Tensor) -> None:
    torch.manual_seed(0)
    out = AugmentPipe(PIPELINES[name], 1.0)(faces)
    assert out.shape == faces.shape
    assert out.isfinite().all()
    assert (out - faces).flatten(1).abs().amax(dim=1).gt(1e-3).float().mean() >= 0.25


def test_each_transform_fires_with_probability_p(faces: torch.Tensor) -> None:
    torch.manual_seed(0)
    many = faces[:1].repeat(2000, 1, 1, 1)
    changed = AugmentPipe(AugmentStrengths(brightness=1.0), 0.3)(many) - many
    share = changed.flatten(1).abs().amax(dim=1).gt(1e-6).float().mean()
    assert abs(share - 0.3) < 0.04  # four standard deviations


def test_rotations_before_and_after_together_fire_with_probability_p(faces: torch.Tensor) -> None:
    torch.manual_seed(0)
    many = faces[:1].repeat(1000, 1, 1, 1)
    same = AugmentPipe(AugmentStrengths(rotate=1.0), 0.36)(many)
    unrotated = same.flatten(1).sub(many.flatten(1)).abs().amax(dim=1).lt(0.02).float().mean()
    assert abs(unrotated - 0.64) < 0.06


def test_gradients_flow_twice(faces: torch.Tensor) -> None:
    torch.manual_seed(1)
    images = faces.clone().requires_grad_(True)
    out = AugmentPipe(PIPELINES["bgcfnc"], 0.8)(images)
    (first,) = torch.autograd.grad(out.pow(3).sum(), images, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), images)
    assert second.isfinite().all()
    assert second.abs().sum() > 0


def test_batch_order_does_not_leak_between_images(faces: torch.Tensor) -> None:
    """What happens to an image depends on its own pixels and draws, not on its neighbours."""
    pipe = AugmentPipe(PIPELINES["bgcf"], 0.9)
    other = faces.clone()
    other[1:] = other[1:].flip(0)
    torch.manual_seed(5)
    one = pipe(faces)
    torch.manual_seed(5)
    two = pipe(other)
    assert torch.allclose(one[0], two[0], atol=1e-5)
    assert not torch.allclose(one[1], two[1], atol=1e-2)
