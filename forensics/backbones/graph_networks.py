"""Small feed-forward networks as data: a safetensors file whose header lists the operations in order.

A published network of a few megabytes (a face finder, a face mesh, an attribute scorer) needs no class of its own: its
graph is a list of nodes, each one operation of `_OPERATIONS` on earlier values. Tensors are NCHW inside; `reshape` and
the outputs see NHWC, as the publishers' graphs do. All of it is differentiable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional as F

from forensics.core.errors import CheckpointError
from forensics.core.untrusted import parse_json, read_untrusted

METADATA_KEY: Final = "graph"
_MAX_FILE_BYTES: Final = 256 << 20
_MAX_NODES: Final = 5_000
_MAX_SIDE_PX: Final = 4_096


@dataclass(frozen=True)
class Node:
    """One operation: its name, the values it reads, the value it makes, its weights by role, and its settings."""

    op: str
    inputs: tuple[str, ...]
    output: str
    weights: Mapping[str, str]
    settings: Mapping[str, Any]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Node:
        """A node of a header. Raises KeyError, TypeError or ValueError where it is none."""
        op = str(value["op"])
        if op not in _OPERATIONS:
            raise ValueError(f"the operation {op[:40]!r} is not known here")
        weights = {str(role): str(name) for role, name in dict(value.get("weights", {})).items()}
        return cls(op, tuple(map(str, value["in"])), str(value["out"]), weights, dict(value.get("set", {})))

    def to_json(self) -> dict[str, Any]:
        """Plain values, as they stand in the header."""
        return {
            "op": self.op, "in": list(self.inputs), "out": self.output, "weights": dict(self.weights),
            "set": dict(self.settings),
        }  # fmt: skip


@dataclass(frozen=True)
class Graph:
    """The nodes in order, the input's name and its height and width (px), and the outputs' names."""

    nodes: tuple[Node, ...]
    input: str
    size_px: tuple[int, int]
    outputs: tuple[str, ...]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Graph:
        """The graph of a header. Raises KeyError, TypeError or ValueError where it is none."""
        nodes = tuple(Node.from_json(node) for node in value["nodes"])
        height, width = (int(side) for side in value["size_px"])
        graph = cls(nodes, str(value["input"]), (height, width), tuple(map(str, value["outputs"])))
        if not 0 < len(nodes) <= _MAX_NODES or not (0 < height <= _MAX_SIDE_PX and 0 < width <= _MAX_SIDE_PX):
            raise ValueError("a graph of no use, or out of range")
        known = {graph.input}
        for node in nodes:
            if missing := set(node.inputs) - known:
                raise ValueError(f"{node.op} reads {sorted(missing)[0][:40]!r} before it is made")
            known.add(node.output)
        if not graph.outputs or set(graph.outputs) - known:
            raise ValueError("an output that no node makes")
        return graph

    def to_json(self) -> dict[str, Any]:
        """Plain values for the header."""
        return {
            "nodes": [node.to_json() for node in self.nodes], "input": self.input, "size_px": list(self.size_px),
            "outputs": list(self.outputs),
        }  # fmt: skip


class GraphNetwork(nn.Module):
    """A network that runs its graph. Frozen, float32."""

    def __init__(self, graph: Graph, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.graph = graph
        self._names = {name: f"w{k}" for k, name in enumerate(sorted(tensors))}
        for name, value in tensors.items():
            self.register_buffer(self._names[name], value.float())

    @property
    def size_px(self) -> tuple[int, int]:
        """Height and width of the input."""
        return self.graph.size_px

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """float32 [n, channels, height, width], in the range that the network was published with → its outputs.

        Outputs of four dimensions are [n, height, width, channels].
        """
        values = {self.graph.input: x}
        for node in self.graph.nodes:
            weights = {role: self.get_buffer(self._names[name]) for role, name in node.weights.items()}
            inputs = [values[name] for name in node.inputs]
            values[node.output] = _OPERATIONS[node.op](inputs, weights, node.settings)
        return tuple(_channels_last(values[name]) for name in self.graph.outputs)


def load_graph_network(path: Path) -> GraphNetwork:
    """The network of a file. Raises CheckpointError, one line, where it is missing, damaged or not one of these."""
    content = read_untrusted(path, _MAX_FILE_BYTES, CheckpointError)
    try:
        n_header = int.from_bytes(content.data[:8], "little")
        if n_header > len(content.data) - 8:
            raise ValueError("its header is longer than the file")
        header = parse_json(content.data[8 : 8 + n_header])
        graph = Graph.from_json(parse_json(header["__metadata__"][METADATA_KEY]))
        tensors = load(content.data)
        wanted = {name for node in graph.nodes for name in node.weights.values()}
        if wanted != tensors.keys():
            raise ValueError(f"{len(wanted ^ tensors.keys())} tensors are missing or of no node")
        if bad := [name for name, value in tensors.items() if not bool(value.isfinite().all())]:
            raise ValueError(f"{bad[0][:40]!r} is not finite")
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: is no graph network ({reason[:160]})") from error
    return GraphNetwork(graph, tensors).eval()


def _channels_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1) if x.ndim == 4 else x


Values = Sequence[Tensor]
Weights = Mapping[str, Tensor]
Settings = Mapping[str, Any]


def _conv(x: Values, w: Weights, s: Settings) -> Tensor:
    left, right, top, bottom = s["pad"]
    padded = F.pad(x[0], (left, right, top, bottom)) if any(s["pad"]) else x[0]
    y = F.conv2d(padded, w["weight"], w.get("bias"), stride=tuple(s["stride"]), groups=int(s["groups"]))
    return _activated(y, s.get("activation", ""))


def _dense(x: Values, w: Weights, s: Settings) -> Tensor:
    return _activated(F.linear(x[0].flatten(1), w["weight"], w.get("bias")), s.get("activation", ""))


def _activated(x: Tensor, name: str) -> Tensor:
    if name == "relu":
        return F.relu(x)
    if name == "relu6":
        return F.relu6(x)
    if name:
        raise ValueError(f"the activation {name[:40]!r} is not known here")
    return x


def _max_pool(x: Values, w: Weights, s: Settings) -> Tensor:
    left, right, top, bottom = s["pad"]
    padded = F.pad(x[0], (left, right, top, bottom), value=float("-inf")) if any(s["pad"]) else x[0]
    return F.max_pool2d(padded, tuple(s["size"]), tuple(s["stride"]))


def _pad(x: Values, w: Weights, s: Settings) -> Tensor:
    """`pad`: left, right, top, bottom, before the first channel, after the last."""
    return F.pad(x[0], tuple(int(n) for n in s["pad"]))


def _reshape(x: Values, w: Weights, s: Settings) -> Tensor:
    return _channels_last(x[0]).reshape(x[0].shape[0], *(int(n) for n in s["shape"]))


def _resize(x: Values, w: Weights, s: Settings) -> Tensor:
    height, width = s["size"]
    corners = bool(s.get("corners", False))
    return F.interpolate(x[0], (int(height), int(width)), mode="bilinear", align_corners=corners)


def _prelu(x: Values, w: Weights, s: Settings) -> Tensor:
    return F.prelu(x[0], w["weight"])


def _concat(x: Values, w: Weights, s: Settings) -> Tensor:
    """`axis` counts in the shape that the values have here: 1 is the channels of maps, the rows of tables."""
    return torch.cat(list(x), int(s["axis"]))


def _add(x: Values, w: Weights, s: Settings) -> Tensor:
    y = x[0] + (x[1] if len(x) > 1 else w["weight"])
    return _activated(y, s.get("activation", ""))


def _multiply(x: Values, w: Weights, s: Settings) -> Tensor:
    return x[0] * (x[1] if len(x) > 1 else w["weight"])


_OPERATIONS: Final[dict[str, Callable[[Values, Weights, Settings], Tensor]]] = {
    "conv": _conv,
    "dense": _dense,
    "max_pool": _max_pool,
    "pad": _pad,
    "reshape": _reshape,
    "resize": _resize,
    "prelu": _prelu,
    "concat": _concat,
    "add": _add,
    "multiply": _multiply,
    "relu": lambda x, w, s: F.relu(x[0]),
    "relu6": lambda x, w, s: F.relu6(x[0]),
    "sigmoid": lambda x, w, s: x[0].sigmoid(),
    "softmax": lambda x, w, s: x[0].softmax(-1),
    "mean": lambda x, w, s: x[0].mean((2, 3)),
}
