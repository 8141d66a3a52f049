"""OpenVINO IR of version 10 as a graph of plain records: an .xml with layers and edges, a .bin with the constants.

Both are hostile until proven otherwise: sizes and counts are bounded, entities and document types are refused, every
constant lies inside the blob with exactly the bytes that its shape takes, and a graph with a cycle is none. Nothing
but layers, their attributes and edges is read; the shapes that the file states of ports are not believed or used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from forensics.core.errors import CheckpointError
from forensics.generators.checkpoints.checkpoint import quoted

MAX_XML_BYTES: Final = 8 << 20
MAX_BLOB_BYTES: Final = 256 << 20
_MAX_LAYERS: Final = 5_000
_MAX_EDGES: Final = 20_000
_MAX_DIMENSIONS: Final = 8
_MAX_DIGITS: Final = 12
_VERSION: Final = "10"
_DTYPES: Final = {"f32": "<f4", "i64": "<i8", "i32": "<i4"}


@dataclass
class Node:
    """One layer: its type, name and attributes; `inputs` are (id, output port) by input port; `constant` of a Const."""

    id: str
    type: str
    name: str
    attributes: Mapping[str, str]
    inputs: list[tuple[str, str]] = field(default_factory=list)
    constant: np.ndarray | None = None


def parse_graph(path: Path, xml: bytes, blob: bytes) -> list[Node]:
    """The nodes of a network, each after those it takes values from. Raises CheckpointError, one line."""
    root = _root(path, xml)
    layers, edges = root.findall("./layers/layer"), root.findall("./edges/edge")
    if not 0 < len(layers) <= _MAX_LAYERS or len(edges) > _MAX_EDGES:
        raise CheckpointError(
            f"{path}: {len(layers)} layers and {len(edges)} edges; the limits are {_MAX_LAYERS} and {_MAX_EDGES}"
        )
    nodes: dict[str, Node] = {}
    for layer in layers:
        node = _node(path, layer, blob)
        if node.id in nodes:
            raise CheckpointError(f"{path}: two layers have the id {quoted(node.id)}")
        nodes[node.id] = node
    _connect(path, nodes, edges)
    return _ordered(path, nodes)


def is_ir(data: bytes) -> bool:
    """Whether the bytes begin as an OpenVINO .xml does."""
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith((b"<?xml", b"<net")) and b"<net" in data[:65536]


def _root(path: Path, xml: bytes) -> Element:
    if len(xml) > MAX_XML_BYTES:
        raise CheckpointError(f"{path}: {len(xml)} bytes of XML, and the limit is {MAX_XML_BYTES}")
    try:
        root: Element = fromstring(xml, forbid_dtd=True)
    except DefusedXmlException as error:
        raise CheckpointError(f"{path}: refused, its XML declares a document type or entities") from error
    except (ParseError, ValueError, LookupError, RecursionError) as error:
        raise CheckpointError(f"{path}: damaged XML ({quoted(error)})") from error
    if root.tag != "net" or root.get("version") != _VERSION:
        version = quoted(root.get("version"))
        raise CheckpointError(
            f"{path}: not an OpenVINO network of version {_VERSION} (<{quoted(root.tag)}>, {version})"
        )
    return root


def _node(path: Path, layer: Element, blob: bytes) -> Node:
    data = layer.find("data")
    attributes = dict(data.attrib) if data is not None else {}
    node = Node(layer.get("id", ""), layer.get("type", ""), layer.get("name", ""), attributes)
    if node.type == "Const":
        node.constant = _constant(path, node, blob)
    return node


def _constant(path: Path, node: Node, blob: bytes) -> np.ndarray:
    """The values of a constant, float32 or int64 or int32, of its shape."""
    named = f"{path}: the constant {quoted(node.name)}"
    dtype = _DTYPES.get(node.attributes.get("element_type", ""))
    if dtype is None:
        raise CheckpointError(f"{named} is of type {quoted(node.attributes.get('element_type'))}")
    dimensions = [part for part in node.attributes.get("shape", "").split(",") if part.strip()]
    numbers = [*dimensions, node.attributes.get("offset", ""), node.attributes.get("size", "")]
    if len(dimensions) > _MAX_DIMENSIONS or not all(_is_number(number) for number in numbers):
        raise CheckpointError(f"{named} has no shape, offset and size that are numbers")
    *shape, offset, size = (int(number) for number in numbers)
    if math.prod(shape) * np.dtype(dtype).itemsize != size or offset + size > len(blob):
        raise CheckpointError(
            f"{named} of shape {shape} wants {size} bytes at {offset}; the blob has {len(blob)}"
        )
    return np.frombuffer(blob, dtype, math.prod(shape), offset).reshape(shape)


def _is_number(text: str) -> bool:
    stripped = text.strip()
    return stripped.isascii() and stripped.isdigit() and len(stripped) <= _MAX_DIGITS


def _connect(path: Path, nodes: Mapping[str, Node], edges: list[Element]) -> None:
    """Give each node its inputs, in the order of its ports."""
    taken: dict[str, dict[int, tuple[str, str]]] = {}
    for edge in edges:
        source, target = edge.get("from-layer", ""), edge.get("to-layer", "")
        port = edge.get("to-port", "")
        if source not in nodes or target not in nodes or not _is_number(port):
            raise CheckpointError(f"{path}: an edge from {quoted(source)} to {quoted(target)} leads nowhere")
        ports = taken.setdefault(target, {})
        if int(port) in ports:
            raise CheckpointError(f"{path}: two edges end at port {quoted(port)} of {quoted(target)}")
        ports[int(port)] = (source, edge.get("from-port", ""))
    for target, ports in taken.items():
        nodes[target].inputs = [ports[port] for port in sorted(ports)]


def _ordered(path: Path, nodes: Mapping[str, Node]) -> list[Node]:
    waiting = {name: len(node.inputs) for name, node in nodes.items()}
    users: dict[str, list[str]] = {}
    for name, node in nodes.items():
        for source, _ in node.inputs:
            users.setdefault(source, []).append(name)
    ready = [name for name, count in waiting.items() if count == 0]
    ordered: list[Node] = []
    while ready:
        name = ready.pop()
        ordered.append(nodes[name])
        for user in users.get(name, ()):
            waiting[user] -= 1
            if waiting[user] == 0:
                ready.append(user)
    if len(ordered) != len(nodes):
        raise CheckpointError(f"{path}: its layers form a cycle")
    return ordered
