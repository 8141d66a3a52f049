"""Read CLIP's ViT-B/16 image tower from the one ONNX file that `forensics models pull clip-vit-b16` fetches.

The file is data from a stranger. It is parsed, never run: its size is bounded, every operation must be one that a
vision transformer has, no operation may lie outside ONNX's own set, and no tensor may lie in another file. Each weight
is an 8-bit matrix with one scale an output channel, and is returned as float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from forensics.core.errors import CheckpointError
from forensics.core.untrusted import read_untrusted

Floats = NDArray[np.float32]

N_BLOCKS: Final = 12
_MAX_BYTES: Final = 128 << 20
_MAX_NODES: Final = 4096
_OPERATIONS: Final = frozenset((
    "Add", "Cast", "Concat", "Constant", "ConstantOfShape", "Conv", "Div", "DynamicQuantizeLinear", "Equal", "Expand",
    "Gather", "MatMul", "MatMulInteger", "Mul", "Pow", "ReduceMean", "Reshape", "Shape", "Sigmoid", "Slice", "Softmax",
    "Sqrt", "Sub", "Transpose", "Unsqueeze", "Where",
))  # fmt: skip
_FLOAT, _INT8 = 1, 3  # ONNX's numbers for the types of tensors
_MATRICES: Final = (
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.out_proj",
    "mlp.fc1",
    "mlp.fc2",
)


def read_tower(path: Path) -> dict[str, Floats]:
    """The weights under the names of the published checkpoint; matrices as [out, in]. CheckpointError: another file."""
    import onnx

    try:
        model = onnx.load_model_from_string(read_untrusted(path, _MAX_BYTES, CheckpointError).data)
    except CheckpointError:
        raise
    except Exception as error:  # whatever the parser raises on a damaged file
        raise CheckpointError(
            f"{path}: is no ONNX file of CLIP's image tower ({_first_line(error)})"
        ) from error
    try:
        _check_graph(model)
        return _weights(model.graph)
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{path}: is not CLIP's ViT-B/16 image tower ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:160] or type(error).__name__


def _check_graph(model: Any) -> None:
    """ValueError where the graph is not one of known operations with all its data inside."""
    graph = model.graph
    if len(model.functions) or len(graph.sparse_initializer):
        raise ValueError("holds functions or sparse tensors")
    if len(graph.node) > _MAX_NODES:
        raise ValueError(f"{len(graph.node)} operations")
    foreign = {node.op_type for node in graph.node if node.domain or node.op_type not in _OPERATIONS}
    if foreign:
        raise ValueError(f"unknown operations: {', '.join(sorted(foreign)[:4])}")
    constants = [
        attribute.t for node in graph.node for attribute in node.attribute if attribute.HasField("t")
    ]
    for tensor in (*graph.initializer, *constants):
        if tensor.data_location or len(tensor.external_data):
            raise ValueError(f"{tensor.name} lies in another file")


def _weights(graph: Any) -> dict[str, Floats]:
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    plain = {name.removeprefix("vision_model."): t for name, t in tensors.items() if t.data_type == _FLOAT}
    found = {name: _array(plain, name, shape) for name, shape in plain_shapes().items()}
    nodes = {node.name: node for node in graph.node}
    for block in range(N_BLOCKS):
        for matrix in _MATRICES:
            node = f"/vision_model/encoder/layers.{block}/{matrix.replace('.', '/')}/MatMul"
            found[f"encoder.layers.{block}.{matrix}.weight"] = _matrix(nodes, tensors, node, _shape(matrix))
    found["visual_projection.weight"] = _matrix(nodes, tensors, "/visual_projection/MatMul", (512, 768))
    return found


def plain_shapes() -> dict[str, tuple[int, ...]]:
    """Name → shape of what is stored as float32."""
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.class_embedding": (768,),
        "embeddings.patch_embedding.weight": (768, 3, 16, 16),
        "embeddings.position_embedding.weight": (197, 768),
    }
    norms = ["pre_layrnorm", "post_layernorm"]
    for block in range(N_BLOCKS):
        norms += [f"encoder.layers.{block}.layer_norm{number}" for number in (1, 2)]
        shapes |= {f"encoder.layers.{block}.{matrix}.bias": _shape(matrix)[:1] for matrix in _MATRICES}
    return shapes | {f"{norm}.{part}": (768,) for norm in norms for part in ("weight", "bias")}


def _shape(matrix: str) -> tuple[int, int]:
    return {"mlp.fc1": (3072, 768), "mlp.fc2": (768, 3072)}.get(matrix, (768, 768))


def _matrix(
    nodes: Mapping[str, Any], tensors: Mapping[str, Any], node: str, shape: tuple[int, int]
) -> Floats:
    """float32 [out, in] of an 8-bit matrix [in, out] and its scales [out]."""
    _, quantised, _, zero_point = nodes[f"{node}_quant"].input
    scale_name = nodes[f"{node}_quant_scales_mul"].input[1]
    values = _array(tensors, quantised, shape[::-1], _INT8).astype(np.float32)
    values -= _array(tensors, zero_point, shape[:1], _INT8).astype(np.float32)
    return np.ascontiguousarray((values * _array(tensors, scale_name, shape[:1])).T)


def _array(tensors: Mapping[str, Any], name: str, shape: Iterable[int], kind: int = _FLOAT) -> NDArray[Any]:
    from onnx import numpy_helper

    tensor = tensors[name]
    if tuple(tensor.dims) != tuple(shape) or tensor.data_type != kind:
        raise ValueError(f"{name} is {list(tensor.dims)}, not {list(shape)}")
    array: NDArray[Any] = numpy_helper.to_array(tensor).copy()  # what it returns cannot be written to
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds a value that is not finite")
    return array
