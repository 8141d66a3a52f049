"""Adam with the lazy correction, and its moments over a snapshot."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from forensics.generators.training import state
from forensics.generators.training.optimisers import lazy_adam


def test_lazy_correction() -> None:
    group = lazy_adam(nn.Linear(2, 2), 0.002, 16).param_groups[0]
    assert group["lr"] == pytest.approx(0.002 * 16 / 17)
    assert group["betas"] == pytest.approx((0.0, 0.99 ** (16 / 17)))
    group = lazy_adam(nn.Linear(2, 2), 0.002, None).param_groups[0]
    assert (group["lr"], group["betas"]) == (0.002, (0.0, 0.99))


def test_moments_come_back_in_the_layout_of_their_weights() -> None:
    """A contiguous moment beside a channels_last weight would be applied to other weights by the fused Adam."""
    torch.manual_seed(0)
    first = nn.Conv2d(6, 5, 3).to(memory_format=torch.channels_last)
    x = torch.randn(2, 6, 8, 8).to(memory_format=torch.channels_last)

    def step(module: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        module(x).square().mean().backward()
        optimiser.step()
        optimiser.zero_grad()

    one = lazy_adam(first, 0.01, None)
    step(first, one)
    second = copy.deepcopy(first)
    two = lazy_adam(second, 0.01, None)
    state.restore_optimiser("opt", two, state.optimiser_tensors("opt", one))
    step(first, one)
    step(second, two)
    assert torch.equal(first.weight, second.weight)
    assert two.state[second.weight]["exp_avg"].stride() == second.weight.stride()
