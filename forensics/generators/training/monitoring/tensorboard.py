"""The log rows for TensorBoard, where it is installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from forensics.generators.training.monitoring.log import Row


class TensorBoard:
    """Writes scalars to `folder`/tensorboard; without the package it does nothing."""

    def __init__(self, folder: Path) -> None:
        self.writer: Any = None
        if find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self.writer = SummaryWriter(str(folder / "tensorboard"))

    def add(self, row: Row, nimg: int) -> None:
        """All numbers of a row at `nimg` images."""
        if self.writer is None:
            return
        for name, value in row.items():
            if name != "kimg" and isinstance(value, (int, float)):
                self.writer.add_scalar(name, value, nimg)
        self.writer.flush()
