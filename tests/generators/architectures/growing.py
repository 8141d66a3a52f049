"""What a progressively grown pair of networks promises at every level of detail, tested on both architectures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from forensics.generators.base import Generator
from tests.generators.architectures.reference import assert_equal, relative_error


class Grown(Protocol):
    """A network with a stage."""

    def set_stage(self, resolution: int, alpha: float = 1.0) -> None:
        """Use the blocks up to `resolution`, the last one faded in by `alpha`."""


def check_generator_grows(generator_of: Callable[[int], Generator]) -> None:
    """A generator of 32 px against one of 16 px with the same blocks."""
    large, small = generator_of(32), generator_of(16)
    small.load_state_dict(shared_state(large, small))
    check_generator_fades(large, small)
    check_stages_are_refused(large)


def check_discriminator_grows(discriminator_of: Callable[[int], nn.Module]) -> None:
    """The same of its opponent, which R1 must reach too."""
    large, small = discriminator_of(32), discriminator_of(16)
    small.load_state_dict(shared_state(large, small))
    images = torch.randn(4, 3, 32, 32)
    check_discriminator_fades(large, small, images)
    check_stages_are_refused(large)  # type: ignore[arg-type]
    check_second_derivatives(large, images)


def check_generator_fades(large: Generator, small: Generator) -> None:
    """`small` holds the blocks of `large` up to half its size: alpha 0 is its image enlarged, alpha 1 has none of it,
    between lies the mean, and a lower stage is the smaller network."""
    assert isinstance(large, nn.Module)
    r = large.img_resolution
    ws = large.map(large.sample_z(2))
    enlarged = F.interpolate(small.synthesize(ws[:, : small.num_ws]), scale_factor=2, mode="nearest")
    full = large.synthesize(ws)
    large.set_stage(r, 1.0)  # type: ignore[operator]
    assert torch.equal(large.synthesize(ws), full)
    assert relative_error(full, enlarged) > 0.1
    large.set_stage(r, 0.0)  # type: ignore[operator]
    assert_equal(large.synthesize(ws), enlarged, 1e-6)
    large.set_stage(r, 0.25)  # type: ignore[operator]
    assert_equal(large.synthesize(ws), 0.25 * full + 0.75 * enlarged, 1e-6)
    large.set_stage(r // 2)  # type: ignore[operator]
    assert_equal(large.synthesize(ws), enlarged, 1e-6)
    assert torch.equal(large.synthesis.lod, torch.ones([]))  # type: ignore[union-attr]


def check_discriminator_fades(large: nn.Module, small: nn.Module, images: Tensor) -> None:
    """The same of discriminators: alpha 0 is the smaller one on the image averaged down."""
    r = int(images.shape[2])
    full, reduced = large(images), small(F.avg_pool2d(images, 2))
    large.set_stage(r, 0.0)  # type: ignore[operator]
    assert_equal(large(images), reduced, 1e-5)
    large.set_stage(r // 2)  # type: ignore[operator]
    assert_equal(large(images), reduced, 1e-5)
    large.set_stage(r, 1.0)  # type: ignore[operator]
    assert torch.equal(large(images), full)
    assert relative_error(full, reduced) > 1e-3


def check_stages_are_refused(network: Grown) -> None:
    """Sizes without a block, and fades out of range."""
    for resolution, alpha in ((24, 1.0), (64, 1.0), (2, 1.0), (0, 1.0), (32, 1.5), (32, -0.1), (4, 0.5)):
        with pytest.raises(ValueError, match=r"grows from 4 to|alpha is in"):
            network.set_stage(resolution, alpha)


def shared_state(large: nn.Module, small: nn.Module) -> dict[str, Tensor]:
    """What of the state of `large` the smaller network takes."""
    return {name: value for name, value in large.state_dict().items() if name in small.state_dict()}


def check_second_derivatives(discriminator: nn.Module, images: Tensor) -> None:
    """R1 reaches every parameter that the logit depends on by a product."""
    images = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
    gradient.square().sum().backward()
    for name, parameter in discriminator.named_parameters():
        if name.endswith("weight") and (
            "fromrgb" not in name or name == f"b{images.shape[2]}.fromrgb.weight"
        ):
            assert parameter.grad is not None, name
            assert float(parameter.grad.abs().sum()) > 0, name
