"""The network that tells persons apart: on photographs, out of another package's files, and from a spoilt file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from forensics.backbones.face_descriptor import WEIGHTS, FaceDescriptor, load_descriptor
from forensics.core.errors import CheckpointError
from tools.face_descriptor_weights import _BLOCKS, converted


@pytest.fixture(scope="module")
def descriptor() -> FaceDescriptor:
    return load_descriptor()


def test_a_mirrored_or_small_photograph_is_the_same_person_and_another_is_not(
    descriptor: FaceDescriptor, forty_faces: torch.Tensor
) -> None:
    with torch.no_grad():
        found = descriptor(forty_faces)
        mirrored = descriptor(forty_faces.flip(3))
        small = descriptor(F.interpolate(forty_faces, (64, 64), mode="bilinear", antialias=True))
    others = torch.pdist(found)
    # dlib calls 0.6 and less one person; the photographs are of 40.
    assert float((others > 0.6).float().mean()) > 0.95
    for changed in (mirrored, small):
        own = (changed - found).norm(dim=1)
        assert float(own.max()) < 0.6
        assert float(own.mean()) < 0.4 * float(others.mean())


def test_a_gradient_reaches_the_face_and_not_the_weights(
    descriptor: FaceDescriptor, forty_faces: torch.Tensor
) -> None:
    image = forty_faces[:1].clone().requires_grad_(True)
    descriptor(image).square().sum().backward()  # type: ignore[no-untyped-call]
    assert image.grad is not None
    felt = image.grad.abs().sum(dim=(0, 1))
    assert float(felt[72:242, 43:213].mean()) > 0
    assert float(felt[:60].sum()) == 0  # above the square around the face
    assert all(p.grad is None for p in descriptor.parameters())


def test_the_other_packages_files_give_the_weights_that_ship(
    tmp_path: Path, descriptor: FaceDescriptor
) -> None:
    """Their files are made here from ours: one layer in bytes, one with a scale to fold in, the others plain."""
    state = descriptor.state_dict()
    names = {"stem": "conv32_down"}
    for i, block in enumerate(_BLOCKS):
        names |= {f"blocks.{i}.first": f"{block}/conv1", f"blocks.{i}.second": f"{block}/conv2"}
    entries, raw = [], b""
    for ours, theirs in names.items():
        weight, bias = state[f"{ours}.weight"].permute(2, 3, 1, 0).numpy(), state[f"{ours}.bias"].numpy()
        scale = np.full_like(bias, 2.0 if ours == "stem" else 1.0)
        for part, values in (
            ("conv/filters", weight / scale), ("conv/bias", 0 * bias),
            ("scale/weights", scale), ("scale/biases", bias),
        ):  # fmt: skip
            entry = {"name": f"{theirs}/{part}", "shape": list(values.shape), "dtype": "float32"}
            stored = values.astype(np.float32)
            if ours == "blocks.0.first" and part == "conv/filters":
                low, step = float(stored.min()), float(np.ptp(stored)) / 255
                entry["quantization"] = {"dtype": "uint8", "scale": step, "min": low}
                stored = np.round((stored - low) / step).astype(np.uint8)
            entries.append(entry)
            raw += np.ascontiguousarray(stored).tobytes()
    entries.append({"name": "fc", "shape": [256, 128], "dtype": "float32"})
    raw += np.ascontiguousarray(state["head.weight"].T.numpy()).tobytes()
    (tmp_path / "face_recognition_model-weights_manifest.json").write_text(json.dumps([{"weights": entries}]))
    (tmp_path / "face_recognition_model.bin").write_bytes(raw)
    for name, tensor in converted(tmp_path).items():
        atol = 0.006 * float(state[name].abs().max()) if name == "blocks.0.first.weight" else 1e-6
        torch.testing.assert_close(tensor.float(), state[name], atol=atol, rtol=1e-3)


def test_a_file_that_is_not_its_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.safetensors").write_bytes(WEIGHTS.read_bytes()[:5000])
    other = WEIGHTS.parent.parent / "upsamplers" / "fir.safetensors"
    for path in (tmp_path / "cut.safetensors", other, tmp_path / "missing.safetensors"):
        with pytest.raises(CheckpointError, match="not the weights of a face descriptor"):
            load_descriptor(path)


@pytest.mark.parametrize(
    "manifest",
    [
        "{}", "[]", "null", "[{}]", "not JSON", "[" * 9000, '[{"weights": [3]}]',
        '[{"weights": [{"name": "fc", "shape": [256, 128]}]}]',
        '[{"weights": [{"name": "fc", "shape": [-1]}]}]',
        '[{"weights": [{"name": "fc", "shape": ["a"]}]}]',
        '[{"weights": [{"name": "fc", "shape": [2], "quantization": {"scale": 1}}]}]',
        '[{"weights": []}]',
    ],
)  # fmt: skip
def test_a_package_that_is_not_one_is_refused(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "face_recognition_model-weights_manifest.json").write_text(manifest)
    (tmp_path / "face_recognition_model.bin").write_bytes(bytes(100))
    with pytest.raises(CheckpointError, match="not the package's"):
        converted(tmp_path)


def test_a_package_too_large_or_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        converted(tmp_path)
    (tmp_path / "face_recognition_model-weights_manifest.json").write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(CheckpointError, match="larger than 1 MB"):
        converted(tmp_path)
