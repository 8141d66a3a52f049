"""Turns a TensorFlow Lite file of a small network into a graph network (`forensics.backbones.graph_networks`).

    python -m tools.graphs.from_tflite NETWORK.tflite OUT.safetensors

Needs the package `tflite` (the schema of the format), which the project itself does not.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tflite
import torch
from safetensors.torch import save

from forensics.backbones.graph_networks import METADATA_KEY, Graph, Node
from forensics.core.files import write_bytes

_OPS = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}
_ACTIVATIONS = {0: "", 1: "relu", 3: "relu6"}
_DTYPES = {0: np.float32, 1: np.float16, 2: np.int32}


class _Converter:
    """One subgraph on its way: constants are folded, everything else becomes a node."""

    def __init__(self, data: bytes) -> None:
        self.model = tflite.Model.GetRootAsModel(data, 0)
        self.graph = self.model.Subgraphs(0)
        self.constants: dict[int, np.ndarray] = {}
        self.tensors: dict[str, torch.Tensor] = {}
        self.nodes: list[Node] = []

    def convert(self) -> tuple[Graph, dict[str, torch.Tensor]]:
        """The graph and its tensors, float16."""
        for index in range(self.graph.OperatorsLength()):
            operator = self.graph.Operators(index)
            code = self.model.OperatorCodes(operator.OpcodeIndex())
            name = _OPS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            getattr(self, f"_{name.lower()}")(operator)
        source = self.graph.Inputs(0)
        _, height, width, _ = self.shape(source)
        outputs = tuple(f"v{self.graph.Outputs(k)}" for k in range(self.graph.OutputsLength()))
        return Graph(tuple(self.nodes), f"v{source}", (height, width), outputs), self.tensors

    def shape(self, index: int) -> list[int]:
        return [int(n) for n in self.graph.Tensors(index).ShapeAsNumpy()]

    def constant(self, index: int) -> np.ndarray | None:
        if index in self.constants:
            return self.constants[index]
        tensor = self.graph.Tensors(index)
        buffer = self.model.Buffers(tensor.Buffer())
        if buffer.DataLength() == 0:
            return None
        values: np.ndarray = np.frombuffer(buffer.DataAsNumpy().tobytes(), _DTYPES[tensor.Type()])
        return values.reshape(self.shape(index))

    def store(self, value: np.ndarray) -> str:
        name = f"t{len(self.tensors):03d}"
        self.tensors[name] = torch.from_numpy(np.ascontiguousarray(value, np.float32)).half()
        return name

    def options(self, operator: Any, kind: Any) -> Any:
        options = kind()
        options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
        return options

    def node(self, op: str, operator: Any, weights: dict[str, str] | None = None, **settings: Any) -> None:
        inputs = [operator.Inputs(k) for k in range(operator.InputsLength())]
        values = tuple(f"v{k}" for k in inputs if k >= 0 and self.constant(k) is None)
        self.nodes.append(Node(op, values, f"v{operator.Outputs(0)}", weights or {}, settings))

    def padding(self, operator: Any, same: bool, size: tuple[int, int], stride: tuple[int, int]) -> list[int]:
        """left, right, top, bottom; "SAME" puts the odd pixel after."""
        if not same:
            return [0, 0, 0, 0]
        _, height, width, _ = self.shape(operator.Inputs(0))
        pads = []
        for length, kernel, step in ((width, size[1], stride[1]), (height, size[0], stride[0])):
            total = max((-(-length // step) - 1) * step + kernel - length, 0)
            pads += [total // 2, total - total // 2]
        return pads

    def _dequantize(self, operator: Any) -> None:
        value = self.constant(operator.Inputs(0))
        assert value is not None
        self.constants[operator.Outputs(0)] = value.astype(np.float32)

    def _convolution(self, operator: Any, options: Any, weight: np.ndarray, groups: int) -> None:
        stride = (options.StrideH(), options.StrideW())
        bias = self.constant(operator.Inputs(2)) if operator.InputsLength() > 2 else None
        weights = {"weight": self.store(weight)} | ({} if bias is None else {"bias": self.store(bias)})
        pad = self.padding(operator, options.Padding() == 0, weight.shape[2:], stride)
        activation = _ACTIVATIONS[options.FusedActivationFunction()]
        self.node(
            "conv", operator, weights, stride=list(stride), pad=pad, groups=groups, activation=activation
        )

    def _conv_2d(self, operator: Any) -> None:
        weight = self.constant(operator.Inputs(1))
        assert weight is not None
        self._convolution(
            operator, self.options(operator, tflite.Conv2DOptions), weight.transpose(0, 3, 1, 2), 1
        )

    def _depthwise_conv_2d(self, operator: Any) -> None:
        weight = self.constant(operator.Inputs(1))
        assert weight is not None
        options = self.options(operator, tflite.DepthwiseConv2DOptions)
        groups = self.shape(operator.Inputs(0))[3]
        self._convolution(operator, options, weight.transpose(3, 0, 1, 2), groups)

    def _relu(self, operator: Any) -> None:
        self.node("relu", operator)

    def _prelu(self, operator: Any) -> None:
        slope = self.constant(operator.Inputs(1))
        assert slope is not None
        self.node("prelu", operator, {"weight": self.store(slope.reshape(-1))})

    def _add(self, operator: Any) -> None:
        options = self.options(operator, tflite.AddOptions)
        self.node("add", operator, activation=_ACTIVATIONS[options.FusedActivationFunction()])

    def _max_pool_2d(self, operator: Any) -> None:
        options = self.options(operator, tflite.Pool2DOptions)
        size, stride = (options.FilterHeight(), options.FilterWidth()), (options.StrideH(), options.StrideW())
        pad = self.padding(operator, options.Padding() == 0, size, stride)
        self.node("max_pool", operator, size=list(size), stride=list(stride), pad=pad)

    def _pad(self, operator: Any) -> None:
        pads = self.constant(operator.Inputs(1))
        assert pads is not None
        (_, _), (top, bottom), (left, right), (before, after) = pads.tolist()
        self.node("pad", operator, pad=[left, right, top, bottom, before, after])

    def _reshape(self, operator: Any) -> None:
        self.node("reshape", operator, shape=self.shape(operator.Outputs(0))[1:])

    def _concatenation(self, operator: Any) -> None:
        self.node("concat", operator, axis=self.options(operator, tflite.ConcatenationOptions).Axis())

    def _resize_bilinear(self, operator: Any) -> None:
        _, height, width, _ = self.shape(operator.Outputs(0))
        options = self.options(operator, tflite.ResizeBilinearOptions)
        assert options.HalfPixelCenters() or options.AlignCorners()
        self.node("resize", operator, size=[height, width], corners=bool(options.AlignCorners()))


def main(source: Path, out: Path) -> None:
    """Convert `source` and write `out`."""
    graph, tensors = _Converter(source.read_bytes()).convert()
    write_bytes(out, save(tensors, metadata={METADATA_KEY: json.dumps(graph.to_json(), sort_keys=True)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
