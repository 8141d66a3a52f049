"""Every kind of network goes into a file and comes back computing the same numbers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from forensics.core.registry import method, methods
from forensics.generators.base import Generator
from forensics.generators.checkpoints import NetworkState, build, read_checkpoint, write_native
from forensics.generators.checkpoints.building import empty

WIDTHS: dict[str, Any] = {"img_resolution": 16, "channel_base": 256, "channel_max": 16}
CONFIGS: dict[str, dict[str, Any]] = {
    "stylegan2": {"z_dim": 16, "w_dim": 24, "c_dim": 3, **WIDTHS},
    "stylegan2-discriminator": {**WIDTHS, "c_dim": 3},
    "stylegan3": {"z_dim": 16, "w_dim": 24, "num_layers": 5, "margin_size": 3, **WIDTHS},
    "mobile-stylegan": {"z_dim": 16, "w_dim": 24, **WIDTHS},
    "stylegan": {"z_dim": 16, "w_dim": 24, "num_mapping_layers": 2, **WIDTHS},
    "stylegan-discriminator": WIDTHS,
    "progan": {"z_dim": 16, **WIDTHS},
    "progan-discriminator": WIDTHS,
    "srcnet": {
        "z_dim": 16,
        "img_resolution": 16,
        "num_mapping_layers": 2,
        "num_blocks": 2,
        "channel_max": 16,
        "channel_min": 8,
    },
    "srcnet-discriminator": {"img_resolution": 16, "num_blocks": 2, "channel_max": 16, "channel_min": 8},
}


def made(kind: str) -> nn.Module:
    """A network straight from its class, its buffers away from their starting values too."""
    torch.manual_seed(5)
    network: nn.Module = method("architecture", kind).target(**CONFIGS[kind])
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return network.eval()


def output(network: nn.Module) -> torch.Tensor:
    """What the network computes from fixed input."""
    generator = torch.Generator().manual_seed(6)
    labels = torch.eye(3)[[0, 2]]
    with torch.no_grad():
        if isinstance(network, Generator):
            z = torch.randn(2, network.z_dim, generator=generator)
            return network.synthesize(network.map(z, labels if network.c_dim else None))
        image = torch.randn(2, 3, 16, 16, generator=generator)
        result: torch.Tensor = network(image, labels) if getattr(network, "c_dim", 0) else network(image)
        return result


def test_every_kind_is_tried() -> None:
    assert CONFIGS.keys() == {entry.name for entry in methods("architecture")}


@pytest.mark.parametrize("kind", list(CONFIGS))
def test_a_network_comes_back_as_it_was(kind: str, tmp_path: Path) -> None:
    network = made(kind)
    write_native(tmp_path / "w.safetensors", {"N": NetworkState(kind, CONFIGS[kind], network.state_dict())})
    state = read_checkpoint(tmp_path / "w.safetensors").networks["N"]
    assert torch.equal(output(build(state)), output(network))
    names = {name: value.shape for name, value in network.state_dict().items()}
    assert {name: value.shape for name, value in empty(state).state_dict().items()} == names


def test_naming_the_tensors_of_a_large_network_takes_neither_memory_nor_slow_imports() -> None:
    """torch computes on the meta device in Python, which imports its compiler: a second, for names and shapes."""
    code = """
import sys, torch
from forensics.generators.checkpoints.building import NetworkState, empty
for kind in ("stylegan2", "stylegan2-discriminator", "stylegan", "stylegan-discriminator", "progan"):
    module = empty(NetworkState(kind, {"img_resolution": 1024}, {}))
    assert any(value.is_meta for value in module.parameters())
    assert all(value.is_meta or value.numel() <= 4096 for value in module.parameters())
print("sympy" in sys.modules, "torch._dynamo" in sys.modules)
"""
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.split() == ["False", "False"]
