"""What a weights file turns into: plain records of networks, before any network is built.

Tensors here are float32 (whatever the file stored), contiguous, on the CPU, finite, and own their memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from forensics.core.errors import CheckpointError
from forensics.core.terminal import printable

# Plain values by name, as JSON holds them: arguments of a constructor, a card, what a file claims.
Plain = dict[str, Any]
MAX_NETWORKS = 64  # of one file, as any format holds them
MAX_TENSORS = 50_000
MAX_NAME_CHARACTERS = 500
_NAMES_SHOWN = 8
_LONGEST_QUOTE = 160
_MOST_KIMG = 1e9


@dataclass
class NetworkState:
    """One network as data.

    kind: "stylegan2", "stylegan2-discriminator", "stylegan3", "srcnet" ... ; `building.build` knows them.
    config: keyword arguments of the network's class, JSON-able.
    state: parameters and buffers under the keys of our module (NVIDIA's names for StyleGAN2 and 3).
    notes: what the reader noticed and a person should know (unknown source code, values it assumed ...).
    origin: what the file claimed this object to be: class name and the hash of its embedded source, if any.
    source: file and name of the network in it, for messages.
    """

    kind: str
    config: Plain
    state: dict[str, torch.Tensor]
    notes: list[str] = field(default_factory=list)
    origin: Plain = field(default_factory=dict)
    source: str = ""


@dataclass
class Checkpoint:
    """A weights file as data. `card` is what the file says of itself beside the weights (JSON-able).

    format: "native", "nvidia", "rosinality" or "srcnet". networks: by the names the file gives ("G", ...).
    """

    path: str
    sha256: str
    format: str
    networks: dict[str, NetworkState]
    card: Plain = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    n_bytes: int = 0

    @property
    def kimg(self) -> float | None:
        """Thousands of images that the weights were trained on, over all runs, as far as the card says; else None."""
        options = self.card.get("options")
        before = options.get("transfer_kimg", 0) if isinstance(options, dict) else 0
        found = _number(self.card.get("kimg"))
        return None if found is None else found + (_number(before) or 0.0)


def _number(value: object) -> float | None:
    """A number that kimg can be, out of a card that nobody vouches for."""
    return float(value) if isinstance(value, int | float) and 0 <= value <= _MOST_KIMG else None


def plain_tensor(tensor: torch.Tensor) -> torch.Tensor:
    """`tensor` as the records keep it: floating point as float32, contiguous, without history."""
    tensor = tensor.detach()
    return (tensor.float() if tensor.is_floating_point() else tensor).contiguous()


def quoted(text: object) -> str:
    """Text that came from a file, fit for a one-line message: printable and cut to a bearable length."""
    shown = printable(text)
    return shown if len(shown) <= _LONGEST_QUOTE else f"{shown[:_LONGEST_QUOTE]}..."


def listed(names: list[str]) -> str:
    """The first few of `names` and how many more there are, for a one-line message."""
    shown = ", ".join(quoted(name) for name in names[:_NAMES_SHOWN])
    return shown if len(names) <= _NAMES_SHOWN else f"{shown} and {len(names) - _NAMES_SHOWN} more"


def _is_finite(value: torch.Tensor) -> bool:
    # The sum shows NaN and infinity and takes no memory; it may also overflow, so a bad sum is looked into.
    return not value.is_floating_point() or bool(value.sum().isfinite()) or bool(value.isfinite().all())


def require_finite(path: Path | str, network: str, state: Mapping[str, torch.Tensor]) -> None:
    """Raise `CheckpointError` naming every tensor of `state` that holds NaN or infinity."""
    bad = [key for key, value in state.items() if not _is_finite(value)]
    if bad:
        raise CheckpointError(
            f"{path}: {network} holds NaN or infinity in {listed(bad)}; use another snapshot of this training"
        )
