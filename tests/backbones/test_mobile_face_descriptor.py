"""The second network that tells persons apart: on photographs, out of another package's files, from a spoilt file."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from forensics.backbones.mobile_face_descriptor import (
    DEVIATION,
    WEIGHTS,
    MobileDescriptor,
    load_mobile_descriptor,
)
from forensics.core.errors import CheckpointError
from tools.face_descriptor_weights import converted_mobile


@pytest.fixture(scope="module")
def descriptor() -> MobileDescriptor:
    return load_mobile_descriptor()


def test_a_changed_photograph_is_nearer_than_another(
    descriptor: MobileDescriptor, forty_faces: torch.Tensor
) -> None:
    with torch.no_grad():
        found = descriptor(forty_faces)
        mirrored = descriptor(forty_faces.flip(3))
        small = descriptor(F.interpolate(forty_faces, (64, 64), mode="bilinear", antialias=True))
    others = (found @ found.T)[~torch.eye(len(found), dtype=torch.bool)]
    assert abs(float(others.mean())) < 0.1
    for changed in (mirrored, small):
        own = (changed * found).sum(dim=1)
        assert float(own.min()) > float(others.quantile(0.99))
    assert 0.8 < float(found.std(dim=0).mean()) / DEVIATION < 1.2


def test_a_gradient_reaches_the_face_and_not_the_weights(
    descriptor: MobileDescriptor, forty_faces: torch.Tensor
) -> None:
    image = forty_faces[:1].clone().requires_grad_(True)
    descriptor(image)[0, 0].backward()  # type: ignore[no-untyped-call]
    assert image.grad is not None
    felt = image.grad.abs().sum(dim=(0, 1))
    assert float(felt[29:228, 28:227].mean()) > 0
    assert float(felt[:28].sum()) == 0  # above the square around the face
    assert all(p.grad is None for p in descriptor.parameters())


def _package(descriptor: MobileDescriptor, folder: Path) -> None:
    """The other package's files, made from our weights; what multiplies the last layer is 2 there."""
    state = {name: tensor.numpy() for name, tensor in descriptor.state_dict().items()}
    dense = state["head.weight"].reshape(-1, 128, 4, 4).transpose(2, 3, 1, 0).reshape(2048, -1) / 2
    tensors = {
        "minusscalar0_second": np.full(1, 127.5, np.float32),
        "Pad/paddings": np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32),
        "conv1_weight": state["stem.weight"].transpose(2, 3, 1, 0),
        "prelu1_gamma": state["slopes.weight"],
        "dense/kernel": dense,
        "batchnorm0/mul": np.full(256, 2.0, np.float32),
        "batchnorm0/sub": state["head.bias"],
    }
    for i in range(4):
        ours, theirs = f"stages.{i}", f"stage{i + 1}_unit1"
        tensors[f"{theirs}_conv0_0_weight"] = state[f"{ours}.wider.weight"].transpose(2, 3, 1, 0)
        for j, name in enumerate(("conv0_1", "conv1", "conv2")):
            tensors[f"{theirs}_{name}_df"] = state[f"{ours}.within.{j}.weight"].transpose(2, 3, 0, 1)
            tensors[f"{theirs}_prelu{j}_gamma"] = state[f"{ours}.slopes.{j}.weight"]
    entries = [
        {"name": name, "shape": list(values.shape), "dtype": str(values.dtype)}
        for name, values in tensors.items()
    ]
    (folder / "mobileface.json").write_text(json.dumps({"weightsManifest": [{"weights": entries}]}))
    raw = b"".join(np.ascontiguousarray(values).tobytes() for values in tensors.values())
    (folder / "mobileface.bin").write_bytes(raw)
    assert len(raw) == sum(math.prod(entry["shape"]) * 4 for entry in entries)


def test_the_other_packages_files_give_the_weights_that_ship(
    tmp_path: Path, descriptor: MobileDescriptor
) -> None:
    _package(descriptor, tmp_path)
    found = converted_mobile(tmp_path)
    assert set(found) == set(descriptor.state_dict())
    for name, tensor in found.items():
        torch.testing.assert_close(tensor.float(), descriptor.state_dict()[name], rtol=1e-3, atol=1e-6)


def test_a_file_that_is_not_its_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.safetensors").write_bytes(WEIGHTS.read_bytes()[:5000])
    other = WEIGHTS.parent.parent / "descriptor" / "weights.safetensors"
    for path in (tmp_path / "cut.safetensors", other, tmp_path / "missing.safetensors"):
        with pytest.raises(CheckpointError, match="not the weights of a face descriptor"):
            load_mobile_descriptor(path)


@pytest.mark.parametrize(
    "manifest",
    [
        "{}", "[]", '{"weightsManifest": 3}', '{"weightsManifest": [{"weights": []}]}',
        '{"weightsManifest": [{"weights": [{"name": "conv1_weight", "shape": [2], "dtype": "string"}]}]}',
        '{"weightsManifest": [{"weights": [{"name": "conv1_weight", "shape": [2], "dtype": "float32"}]}]}',
    ],
)  # fmt: skip
def test_a_package_that_is_not_one_is_refused(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "mobileface.json").write_text(manifest)
    (tmp_path / "mobileface.bin").write_bytes(bytes(100))
    with pytest.raises(CheckpointError, match="not the package's"):
        converted_mobile(tmp_path)
