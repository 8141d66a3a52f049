"""A small MobileStyleGAN as OpenVINO IR, written the way the released one is: Model Optimizer's layers and edges."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import torch

from forensics.generators.architectures.layers.wavelet import planar_order
from forensics.generators.architectures.mobile_stylegan import MobileStyleGANGenerator

CONFIG: dict[str, Any] = {
    "z_dim": 16,
    "w_dim": 16,
    "img_resolution": 32,
    "channel_base": 256,
    "channel_max": 16,
    "num_mapping_layers": 2,
}
_TYPES = {"float32": "f32", "int64": "i64"}
Node = tuple[str, int]


def small() -> MobileStyleGANGenerator:
    """The network that the files hold, w_avg apart."""
    torch.manual_seed(8)
    g = MobileStyleGANGenerator(**CONFIG)
    with torch.no_grad():
        for name, value in g.named_parameters():
            if name.endswith(("noise_strength", "bias")):
                value.add_(torch.rand_like(value) * 0.3)
        for name, value in g.named_buffers():
            if name.endswith("noise_const"):
                value.div_(value.std(correction=0))
    return g.eval().requires_grad_(False)


class Graph:
    """Layers, edges and the blob of one network."""

    def __init__(self, name: str) -> None:
        self.name, self.layers, self.edges, self.blob = name, [], [], bytearray()  # type: ignore[var-annotated]

    def op(
        self, kind: str, inputs: Sequence[Node] = (), outputs: int = 1, name: str = "", **attributes: Any
    ) -> Node:
        """A layer; its first output."""
        key = str(len(self.layers))
        data = "".join(f" {k}={quoteattr(str(v))}" for k, v in attributes.items())
        self.layers.append(
            f'<layer id="{key}" name={quoteattr(name or f"{kind}_{key}")} type="{kind}" version="opset1">'
            f"<data{data}/></layer>"
        )
        for port, (source, source_port) in enumerate(inputs):
            self.edges.append(
                f'<edge from-layer="{source}" from-port="{source_port}" to-layer="{key}" to-port="{port}"/>'
            )
        return key, len(inputs)

    def const(self, values: Any, name: str = "", dtype: str = "float32") -> Node:
        """A constant."""
        array = np.ascontiguousarray(np.asarray(values, dtype=dtype))
        shape = ", ".join(map(str, np.shape(values)))
        node = self.op(
            "Const",
            name=name,
            element_type=_TYPES[dtype],
            shape=shape,
            offset=len(self.blob),
            size=array.nbytes,
        )
        self.blob += array.tobytes()
        return node

    def shape_of(self, node: Node) -> Node:
        """A shape computed from that of `node`, as exporters write it."""
        shape = self.op("ShapeOf", [node], output_type="i64")
        index = [self.const(0, dtype="int64"), self.const(0, dtype="int64")]
        first = self.op("Gather", [shape, *index])
        return self.op("Concat", [self.op("Unsqueeze", [first, self.const([0], dtype="int64")])], axis=0)

    def write(self, path: Path) -> None:
        """The .xml at `path`, the .bin beside it."""
        text = f'<?xml version="1.0" ?>\n<net name="{self.name}" version="10">\n<layers>{"".join(self.layers)}</layers>'
        path.write_text(f"{text}\n<edges>{''.join(self.edges)}</edges>\n</net>\n")
        path.with_suffix(".bin").write_bytes(bytes(self.blob))


def write(folder: Path, g: MobileStyleGANGenerator) -> Path:
    """Both networks in `folder`; the path of the synthesis network's .xml."""
    state = {name: value.numpy() for name, value in g.state_dict().items()}
    mapping(state).write(folder / "MappingNetwork.xml")
    synthesis(g, state).write(folder / "SynthesisNetwork.xml")
    return folder / "SynthesisNetwork.xml"


def mapping(state: Mapping[str, np.ndarray]) -> Graph:
    """Pixel norm and fully connected layers."""
    graph = Graph("MappingNetwork")
    z = graph.op("Parameter", name="var", shape="1, 16", element_type="f32")
    mean = graph.op(
        "ReduceMean",
        [graph.op("Power", [z, graph.const([[2.0]])]), graph.const([1], dtype="int64")],
        keep_dims="true",
    )
    root = graph.op("Power", [graph.op("Add", [mean, graph.const([[1e-8]])]), graph.const([[0.5]])])
    reciprocal = graph.op("Power", [root, graph.const([[-1.0]])])
    x = graph.op("Multiply", [z, graph.op("Multiply", [graph.const([[1.0]]), reciprocal])])
    for i in range(CONFIG["num_mapping_layers"]):
        weight, bias = state[f"mapping.fc{i}.weight"] * (0.01 / 4), state[f"mapping.fc{i}.bias"] * 0.01
        y = graph.op("MatMul", [x, graph.const(weight)], transpose_a="false", transpose_b="true")
        added = graph.op("Add", [y, graph.op("Reshape", [graph.const(bias), graph.shape_of(y)])])
        x = graph.op(
            "Multiply", [graph.op("PReLU", [added, graph.const([0.2])]), graph.const([[math.sqrt(2)]])]
        )
    graph.op("Result", [x])
    return graph


def synthesis(g: MobileStyleGANGenerator, state: Mapping[str, np.ndarray]) -> Graph:
    """Everything after w."""
    graph = Graph("SynthesisNetwork")
    w = graph.op("Parameter", name="style", shape="1, 16", element_type="f32")
    names = list(g.style_sizes)
    parts = {name: published(state, name, makes_bands(name, names)) for name in names}
    const = graph.const(state["synthesis.const"][None], "m.input.input")
    x = graph.op("Tile", [graph.op("Broadcast", [const, graph.shape_of(w)]), graph.shape_of(w)])
    for name in names:
        p = parts[name]
        style = graph.op(
            "MatMul", [w, graph.const(p["affine.weight"])], transpose_a="false", transpose_b="true"
        )
        style = graph.op("Add", [style, graph.const(p["affine.bias"][None])])
        style = graph.op("Reshape", [style, graph.shape_of(w)])
        if not name.endswith("up"):
            area = 1 if name == "torgb" else 9
            gain = 1 / math.sqrt(len(p["affine.bias"]) * area)
            style = graph.op("Multiply", [style, graph.const([[[[gain]]]])])
        x = graph.op("Multiply", [x, style] if name.endswith("up") else [style, x])
        if name.endswith("up"):
            x = wavelet(graph, x, len(p["affine.bias"]))
            continue
        if "depthwise" in p:
            x = graph.op("GroupConvolution", [x, graph.const(p["depthwise"][:, None])], **geometry(1))
        x = graph.op("Convolution", [x, graph.const(p["weight"])], **geometry(p["weight"].shape[2] // 2))
        if "noise" in p:
            x = graph.op("Add", [x, graph.const(p["noise"][None, None])])
        x = graph.op("Add", [x, graph.const(p["bias"][None, :, None, None])])
        if name != "torgb":
            x = graph.op("PReLU", [x, graph.const([0.2])])
    graph.op("Result", [wavelet(graph, x, 12)])
    return graph


def makes_bands(name: str, names: list[str]) -> bool:
    """Whether the channels that the layer puts out are taken for sub-bands."""
    return name == "torgb" or names[names.index(name) + 1].endswith("up")


def published(state: Mapping[str, np.ndarray], name: str, bands: bool) -> dict[str, np.ndarray]:
    """A layer's arrays in the published form and order of bands."""
    prefix = f"synthesis.{name}."
    p = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    p["affine.weight"] = p["affine.weight"] / 4
    changed = ["affine.weight", "affine.bias"] if name.endswith("up") else ["weight", "bias"] if bands else []
    for key in changed:
        back = np.empty_like(p[key])
        back[planar_order(len(p[key])).numpy()] = p[key]
        p[key] = back
    if "noise_const" in p:
        p["noise"] = p["noise_const"] * p["noise_strength"]
    return p


def geometry(padding: int) -> dict[str, str]:
    """The attributes of a convolution that keeps the size."""
    pads = f"{padding}, {padding}"
    return {
        "strides": "1, 1",
        "dilations": "1, 1",
        "pads_begin": pads,
        "pads_end": pads,
        "auto_pad": "explicit",
    }


def wavelet(graph: Graph, x: Node, channels: int) -> Node:
    """The inverse Haar transform as two-tap filters, rows first."""
    quarter = channels // 4
    sizes = graph.const([quarter, 3 * quarter], dtype="int64")
    split = graph.op("VariadicSplit", [x, graph.const(1, dtype="int64"), sizes])
    low, high = (split[0], 3), (split[0], 4)
    high = graph.op("Reshape", [high, graph.shape_of(x)])
    three = graph.op(
        "VariadicSplit", [high, graph.const(2, dtype="int64"), graph.const([1, 1, 1], dtype="int64")]
    )
    bands = [low]
    bands += [graph.op("Squeeze", [(three[0], 3 + k), graph.const([2], dtype="int64")]) for k in range(3)]
    rows = [filtered(graph, band, quarter, 1 - 2 * (k % 2), "2, 1") for k, band in enumerate(bands)]
    pairs = [graph.op("Add", rows[:2]), graph.op("Add", rows[2:])]
    return graph.op(
        "Add", [filtered(graph, pair, quarter, 1 - 2 * k, "1, 2") for k, pair in enumerate(pairs)]
    )


def filtered(graph: Graph, x: Node, channels: int, sign: int, strides: str) -> Node:
    """Twice the rows ("2, 1") or columns."""
    shape = (2, 1) if strides == "2, 1" else (1, 2)
    taps = np.broadcast_to(np.array([1.0, sign]).reshape(shape) * math.sqrt(0.5), (channels, 1, 1, *shape))
    none = "0, 0"
    return graph.op(
        "GroupConvolutionBackpropData", [x, graph.const(taps)], strides=strides, pads_begin=none, pads_end=none,
        dilations="1, 1", auto_pad="explicit", output_padding=none,
    )  # fmt: skip
