"""Graph networks: the published graphs run, and a file that is none is one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from forensics.backbones.graph_networks import METADATA_KEY, GraphNetwork, load_graph_network
from forensics.core.errors import CheckpointError
from forensics.core.weights import folder_of

MESH = folder_of("face-finder") / "mesh.safetensors"


def written(path: Path, **changes: object) -> Path:
    """A graph of one convolution and one activation, with parts of its header changed."""
    nodes = [
        {"op": "conv", "in": ["x"], "out": "y", "weights": {"weight": "w"},
         "set": {"stride": [1, 1], "pad": [0, 0, 0, 0], "groups": 1}},
        {"op": "relu", "in": ["y"], "out": "z"},
    ]  # fmt: skip
    graph = {"nodes": nodes, "input": "x", "size_px": [4, 4], "outputs": ["z"]} | changes
    tensors = {"w": torch.full((2, 3, 1, 1), -1.0)}
    save_file(tensors, path, metadata={METADATA_KEY: json.dumps(graph)})
    return path


def test_nodes_run_in_order_and_outputs_have_channels_last(tmp_path: Path) -> None:
    network = load_graph_network(written(tmp_path / "n.safetensors"))
    (output,) = network(torch.full((5, 3, 4, 4), -2.0))
    assert output.shape == (5, 4, 4, 2)
    assert torch.equal(output, torch.full((5, 4, 4, 2), 6.0))
    assert network.size_px == (4, 4)


def test_a_published_network_passes_gradients() -> None:
    network = load_graph_network(MESH)
    assert isinstance(network, GraphNetwork)
    x = torch.zeros(2, 3, *network.size_px, requires_grad=True)
    points, flag = network(x)
    assert points.shape == (2, 1, 1, 1404)
    assert flag.shape == (2, 1, 1, 1)
    points.sum().backward()
    assert x.grad is not None
    assert float(x.grad.abs().sum()) > 0


@pytest.mark.parametrize(
    "changes",
    [
        {"nodes": []},
        {"nodes": [{"op": "eval", "in": ["x"], "out": "z"}]},
        {"nodes": [{"op": "relu", "in": ["later"], "out": "z"}]},
        {"nodes": [{"op": "relu", "in": ["x"]}]},
        {"outputs": ["nothing"]},
        {"outputs": []},
        {"size_px": [0, 4]},
        {"size_px": [10**9, 4]},
        {"size_px": "ab"},
    ],
)
def test_a_graph_that_is_none_is_refused(changes: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is no graph network"):
        load_graph_network(written(tmp_path / "n.safetensors", **changes))


def test_damage_and_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    data = MESH.read_bytes()
    for k, broken in enumerate((b"", data[:5], data[:3000], data[:-1], b"\xff" * 8 + data[8:])):
        (tmp_path / f"{k}").write_bytes(broken)
        with pytest.raises(CheckpointError):
            load_graph_network(tmp_path / f"{k}")
    path = written(tmp_path / "nan.safetensors")
    graph = json.dumps(load_graph_network(path).graph.to_json())
    save_file(
        {name: value * float("nan") for name, value in load_file(path).items()}, path, {METADATA_KEY: graph}
    )
    with pytest.raises(CheckpointError, match="not finite"):
        load_graph_network(path)
