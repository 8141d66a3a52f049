"""The controller of ADA: which way, how fast, and where it stops."""

from __future__ import annotations

import pytest
import torch

from forensics.generators.training.augmentation.controller import AdaController
from forensics.generators.training.augmentation.pipe import AugmentPipe
from forensics.generators.training.augmentation.pipelines import PIPELINES


def controlled(
    p: float, logits: torch.Tensor, iterations: int, batch: int = 16
) -> tuple[float, AdaController]:
    pipe = AugmentPipe(PIPELINES["bgc"], p)
    controller = AdaController(pipe, target=0.6, interval=4, ada_kimg=100)
    for iteration in range(1, iterations + 1):
        controller.observe(logits)
        controller.update(iteration, batch)
    return float(pipe.p), controller


def test_p_crosses_one_in_ada_kimg() -> None:
    iterations = 100_000 // 16
    p, _ = controlled(0.0, torch.ones(16, 1), iterations)
    assert p == pytest.approx(iterations // 4 * 4 * 16 / 100_000, rel=1e-4)


def test_overfitting_raises_p_and_its_absence_lowers_it() -> None:
    mostly_real = torch.tensor([1.0] * 15 + [-1.0])[:, None]  # mean sign 0.875 > 0.6
    unsure = torch.tensor([1.0] * 9 + [-1.0] * 7)[:, None]  # 0.125 < 0.6
    assert controlled(0.5, mostly_real, 8)[0] == pytest.approx(0.5 + 2 * 64 / 1e5)
    assert controlled(0.5, unsure, 8)[0] == pytest.approx(0.5 - 2 * 64 / 1e5)


def test_p_never_falls_below_zero_and_only_moves_at_the_interval() -> None:
    assert controlled(0.0, -torch.ones(16, 1), 40)[0] == 0.0
    p, controller = controlled(0.25, torch.ones(16, 1), 3)
    assert p == 0.25
    assert controller.sign_count == 48
    p, controller = controlled(0.25, torch.ones(16, 1), 4)
    assert p > 0.25
    assert controller.sign_count == 0
