"""What the generator tests measure with: the files of reference numbers, and the relative error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

TOLERANCE = 1e-5


class Golden:
    """One file of reference numbers: `config`, the state dicts, and inputs and outputs by name."""

    def __init__(self, shared: Path, name: str) -> None:
        with np.load(shared / "golden" / f"{name}.npz") as arrays:
            self._arrays = {key: arrays[key] for key in arrays.files}
        self.config: dict[str, Any] = json.loads(str(self._arrays["config"]))

    def state(self, network: str) -> dict[str, Tensor]:
        """The state dict of network "G" or "D"."""
        prefix = f"{network}/"
        return {k[2:]: torch.from_numpy(v) for k, v in self._arrays.items() if k.startswith(prefix)}

    def io(self, name: str) -> Tensor:
        """An input or output."""
        return torch.from_numpy(self._arrays[f"io/{name}"])

    def has(self, name: str) -> bool:
        """Whether there is an input or output of that name."""
        return f"io/{name}" in self._arrays

    def text(self, name: str) -> list[str]:
        """An array of words."""
        return [str(word) for word in self._arrays[f"io/{name}"]]


def relative_error(ours: Tensor, reference: Tensor) -> float:
    """Norm of the difference over the norm of the reference."""
    assert ours.shape == reference.shape
    ours, reference = ours.detach(), reference.detach()
    return float((ours - reference).norm() / reference.norm())


def assert_equal(ours: Tensor, reference: Tensor, tolerance: float = TOLERANCE) -> None:
    """Equal to float32 rounding."""
    error = relative_error(ours, reference)
    assert error <= tolerance, f"relative error {error:.2e}"
