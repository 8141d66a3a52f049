"""What an OpenVINO graph computes, by following symbols through it: the layers of a MobileStyleGAN, or an error.

No layer is run. Each kind of layer takes symbols (the latent, a style, maps with the layers they came through, a
sub-band of a wavelet transform) and gives a symbol; a combination that MobileStyleGAN does not have is an error that
names the layer. So a graph is accepted for what it does, in whatever order its layers stand and whatever their names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from forensics.core.errors import CheckpointError
from forensics.generators.checkpoints.checkpoint import quoted
from forensics.generators.checkpoints.openvino.graph import Node
from forensics.generators.checkpoints.openvino.symbols import (
    Bands,
    Constant,
    Dense,
    Latent,
    Layer,
    Maps,
    Shape,
    Style,
    Symbol,
)

_SLOPE: Final = 0.2
_TAP: Final = math.sqrt(0.5)


_WHOLE_TRANSFORM: Final = frozenset({(0, 1, 1), (1, -1, 1), (2, 1, -1), (3, -1, -1)})


class _Unknown(Exception):
    """A layer that is none of MobileStyleGAN's."""


def trace(path: Path, nodes: Sequence[Node]) -> Dense | Maps:
    """What the one result of the graph is. Raises CheckpointError, which names the layer, for any other graph."""
    outputs: dict[str, list[Symbol]] = {}
    result: Symbol | None = None
    for node in nodes:
        try:
            inputs = [_picked(outputs[source], node_port, source) for source, node_port in node.inputs]
            if node.type == "Result" and result is None and len(inputs) == 1:
                result = inputs[0]
                continue
            outputs[node.id] = _run(node, inputs)
        except (_Unknown, ValueError, IndexError, KeyError) as error:
            raise CheckpointError(
                f"{path}: {quoted(node.type)} {quoted(node.name)} is no part of a MobileStyleGAN as it is known here"
            ) from error
    if not isinstance(result, Dense | Maps):
        raise CheckpointError(f"{path}: a network that gives neither w nor an image")
    return result


def _picked(values: list[Symbol], port: str, source: str) -> Symbol:
    """The output of a node at that port; ports of outputs are numbered on after those of inputs."""
    if len(values) == 1:
        return values[0]
    index = int(port) - 3  # a split has three inputs
    if not 0 <= index < len(values):
        raise _Unknown(source)
    return values[index]


def _run(node: Node, inputs: list[Symbol]) -> list[Symbol]:
    if node.type == "Const":
        assert node.constant is not None
        return [Constant(node.constant)]
    if node.type == "Parameter":
        return [Latent()]
    if node.type == "VariadicSplit":
        return _split(inputs)
    return [_RULES.get(node.type, _no_rule)(node, inputs)]


def _no_rule(node: Node, inputs: list[Symbol]) -> Symbol:
    raise _Unknown(node.type)


def _shape(node: Node, inputs: list[Symbol]) -> Symbol:
    """Shapes of shapes; of constants, they are numbers of the file still."""
    return Shape()


def _reshape(node: Node, inputs: list[Symbol]) -> Symbol:
    """A style to one a channel, a bias to its length, the differences side by side to three: numbers stay."""
    match inputs:
        case [Style() | Constant() | Bands(), _]:
            return inputs[0]
    raise _Unknown


def _repeat(node: Node, inputs: list[Symbol]) -> Symbol:
    """The constant that everything begins with, once an image."""
    match inputs:
        case [Constant(values), Shape() | Constant()] if values.ndim == 4:
            return Maps(const=values)
        case [Constant(), _]:
            return Shape()
        case [Maps(), Shape() | Constant()]:
            return inputs[0]
    raise _Unknown


def _power(node: Node, inputs: list[Symbol]) -> Symbol:
    match inputs:
        case [Latent(steps), Constant() as exponent] if exponent.is_(
            {0: 2.0, 3: 0.5, 4: -1.0}.get(steps, math.nan)
        ):
            return Latent(steps + 1)
    raise _Unknown


def _mean(node: Node, inputs: list[Symbol]) -> Symbol:
    match inputs:
        case [Latent(1), Constant() as axis] if axis.is_(1) and node.attributes.get("keep_dims") == "true":
            return Latent(2)
    raise _Unknown


def _product(node: Node, inputs: list[Symbol]) -> Symbol:
    """x weight^T: a layer of the mapping, or a style."""
    attributes = node.attributes
    if (attributes.get("transpose_a"), attributes.get("transpose_b")) != ("false", "true"):
        raise _Unknown
    match inputs:
        case [Latent(0), Constant(weight)] if weight.ndim == 2:
            return Style(weight)
        case [Dense() as x, Constant(weight)] if weight.ndim == 2:
            below = (*x.below, x) if x.weight is not None else ()
            return Dense(below, weight)
    raise _Unknown


def _multiply(node: Node, inputs: list[Symbol]) -> Symbol:
    if isinstance(inputs[1], Style) and not isinstance(inputs[0], Constant):
        inputs = inputs[::-1]
    match inputs:
        case [Constant() as one, Latent(5)] if one.is_(1.0):
            return Latent(5)
        case [Latent(0), Latent(5)]:
            return Dense()
        case [Dense(leaky=True, gain=1.0) as dense, Constant(gain)] if gain.size == 1:
            return replace(dense, gain=float(gain.item()))
        case [Style(gain=1.0, bias=bias) as style, Constant(gain)] if gain.size == 1 and bias is not None:
            return replace(style, gain=float(gain.item()))
        case [Style(bias=bias) as style, Maps() as maps] if bias is not None and _is_complete(maps):
            return replace(maps, layers=(*maps.layers, Layer(style)))
    raise _Unknown


def _is_complete(maps: Maps) -> bool:
    last = maps.layers[-1] if maps.layers else None
    return maps.const is not None and (last is None or last.leaky or last.is_wavelet)


def _add(node: Node, inputs: list[Symbol]) -> Symbol:
    match inputs:
        case [Latent(2), Constant() as epsilon] if epsilon.values.size == 1 and epsilon.values.item() < 1e-6:
            return Latent(3)
        case [Dense(weight=weight, bias=None) as dense, Constant(bias)] if weight is not None:
            return replace(dense, bias=bias)
        case [Style(bias=None, gain=1.0) as style, Constant(bias)]:
            return replace(style, bias=bias)
        case [Maps() as maps, Constant(values)] if maps.layers and values.ndim == 4:
            return _added(maps, values)
        case [Bands(a, first, False), Bands(b, second, False)] if a is b and not first & second:
            return _joined(a, first | second)
    raise _Unknown


def _added(maps: Maps, values: np.ndarray) -> Maps:
    """With noise [1, 1, r, r], or bias [1, c, 1, 1], which comes after it."""
    last = maps.layers[-1]
    if last.weight is None or last.leaky or last.bias is not None:
        raise _Unknown
    if values.shape[1] == 1 and values.shape[2] == values.shape[3] > 1 and last.noise is None:
        return maps.changed(noise=values)
    if values.shape[0] == values.shape[2] == values.shape[3] == 1:
        return maps.changed(bias=values)
    raise _Unknown


def _joined(maps: Maps, terms: frozenset[tuple[int, int, int]]) -> Symbol:
    if terms != _WHOLE_TRANSFORM:
        return Bands(maps, terms)
    return replace(maps, layers=(*maps.layers[:-1], replace(maps.layers[-1], is_wavelet=True)))


def _leaky(node: Node, inputs: list[Symbol]) -> Symbol:
    match inputs:
        case [Dense(leaky=False) as dense, Constant() as slope] if dense.bias is not None and slope.is_(
            _SLOPE
        ):
            return replace(dense, leaky=True)
        case [Maps() as maps, Constant() as slope] if slope.is_(_SLOPE) and maps.layers[-1].bias is not None:
            return maps.changed(leaky=True)
    raise _Unknown


def _convolution(node: Node, inputs: list[Symbol]) -> Symbol:
    match inputs:
        case [Maps() as maps, Constant(weight)] if maps.layers[-1].weight is None and weight.ndim == 4:
            _require_geometry(node, weight.shape[2:])
            return maps.changed(weight=weight)
    raise _Unknown


def _depthwise(node: Node, inputs: list[Symbol]) -> Symbol:
    match inputs:
        case [Maps() as maps, Constant(weight)] if weight.ndim == 5 and weight.shape[1:3] == (1, 1):
            last = maps.layers[-1]
            if last.depthwise is not None or last.weight is not None or last.leaky or last.is_wavelet:
                raise _Unknown
            _require_geometry(node, weight.shape[3:])
            return maps.changed(depthwise=weight[:, 0])
    raise _Unknown


def _require_geometry(node: Node, area: Sequence[int]) -> None:
    """Stride 1 and as much padding as keeps the size of the maps."""
    expected = {
        "strides": [1, 1],
        "dilations": [1, 1],
        "pads_begin": [k // 2 for k in area],
        "pads_end": [k // 2 for k in area],
    }
    if any(_numbers(node, name) != value for name, value in expected.items()):
        raise _Unknown


def _numbers(node: Node, name: str) -> list[int]:
    return [int(part) for part in node.attributes.get(name, "").split(",")]


def _split(inputs: list[Symbol]) -> list[Symbol]:
    """Maps to the low-pass quarter and the differences; the differences to three."""
    match inputs:
        case [Maps() as maps, Constant() as axis, Constant(sizes)] if axis.is_(1) and sizes.shape == (2,):
            if maps.layers and sizes[1] == 3 * sizes[0] and not maps.layers[-1].is_wavelet:
                differences = Bands(maps, frozenset((k, 0, 0) for k in (1, 2, 3)), split=True)
                return [Bands(maps, frozenset({(0, 0, 0)})), differences]
        case [Bands(maps, terms, True), Constant() as axis, Constant() as sizes] if len(terms) == 3:
            if axis.is_(2) and sizes.is_(1, 1, 1):
                return [Bands(maps, frozenset({(k, 0, 0)}), split=True) for k in (1, 2, 3)]
    raise _Unknown


def _squeeze(node: Node, inputs: list[Symbol]) -> Symbol:
    match inputs:
        case [Bands(maps, terms, True), Constant() as axis] if axis.is_(2) and len(terms) == 1:
            return Bands(maps, terms)
    raise _Unknown


def _filtered(node: Node, inputs: list[Symbol]) -> Symbol:
    """One of the two-tap filters that double rows or columns."""
    match inputs:
        case [Bands(maps, terms, False), Constant(taps)] if taps.ndim == 5 and taps.shape[1:3] == (1, 1):
            along_rows = taps.shape[3:] == (2, 1)
            pair = taps.reshape(len(taps), -1)
            second = 1 if pair[0, -1] > 0 else -1
            strides = [2, 1] if along_rows else [1, 2]
            if (
                not np.allclose(pair, [_TAP, second * _TAP], rtol=1e-5)
                or _numbers(node, "strides") != strides
            ):
                raise _Unknown
            if any(_numbers(node, name) != [0, 0] for name in ("pads_begin", "pads_end", "output_padding")):
                raise _Unknown
            return Bands(maps, frozenset(_signed(term, second, along_rows) for term in terms))
    raise _Unknown


def _signed(term: tuple[int, int, int], sign: int, along_rows: bool) -> tuple[int, int, int]:
    band, rows, columns = term
    if (rows != 0) if along_rows else (rows == 0 or columns != 0):
        raise _Unknown
    return (band, sign, columns) if along_rows else (band, rows, sign)


_RULES: Final[dict[str, Callable[[Node, list[Symbol]], Symbol]]] = {
    "ShapeOf": _shape,
    "Gather": _shape,
    "Unsqueeze": _shape,
    "Concat": _shape,
    "Reshape": _reshape,
    "Broadcast": _repeat,
    "Tile": _repeat,
    "Power": _power,
    "ReduceMean": _mean,
    "MatMul": _product,
    "Multiply": _multiply,
    "Add": _add,
    "PReLU": _leaky,
    "Convolution": _convolution,
    "GroupConvolution": _depthwise,
    "GroupConvolutionBackpropData": _filtered,
    "Squeeze": _squeeze,
}
