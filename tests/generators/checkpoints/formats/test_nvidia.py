"""NVIDIA's pickles: read without running them, and the networks compute the reference images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from forensics.core.errors import CheckpointError
from forensics.generators.base import Generator
from forensics.generators.checkpoints import build
from forensics.generators.checkpoints.formats.nvidia_classes import CLASS_ATTRIBUTES
from tests.generators.checkpoints.made_files import (
    MODULE_SOURCE,
    Persistent,
    golden,
    module_tree,
    pickled,
    relative_error,
    stylegan2_modules,
    stylegan3_modules,
)
from tests.generators.checkpoints.outcomes import read_here


def read(tmp_path: Path, value: Any, protocol: int = 4, name: str = "network-snapshot.pkl") -> Any:
    path = tmp_path / name
    path.write_bytes(pickled(value, protocol))
    return read_here(path)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_stylegan2_snapshot_computes_the_reference_images(
    shared: Path, tmp_path: Path, protocol: int
) -> None:
    checkpoint = read(tmp_path, stylegan2_modules(shared), protocol)
    _, parts = golden(shared, "stylegan2_r32")
    assert checkpoint.format == "nvidia"
    assert list(checkpoint.networks) == ["G", "D", "G_ema", "augment_pipe"]
    assert checkpoint.card["training_set_kwargs"]["max_size"] == 7
    state = checkpoint.networks["G_ema"].state
    assert state.keys() == parts["G"].keys()
    assert all(torch.equal(state[key], parts["G"][key]) for key in state)
    generator = build(checkpoint.networks["G_ema"])
    assert isinstance(generator, Generator)
    io = parts["io"]
    with torch.no_grad():
        ws = generator.map(io["z"])
        assert relative_error(ws, io["ws"]) < 1e-5
        assert relative_error(generator.synthesize(ws), io["image_noise_const"]) < 1e-5
        logits = build(checkpoint.networks["D"])(io["image_noise_const"])
    assert relative_error(logits, io["logits"]) < 1e-5


def test_a_conditional_snapshot_computes_the_reference_images(shared: Path, tmp_path: Path) -> None:
    checkpoint = read(tmp_path, stylegan2_modules(shared, "stylegan2_cond_r16"))
    io = golden(shared, "stylegan2_cond_r16")[1]["io"]
    assert checkpoint.networks["G"].config["c_dim"] == 3
    generator = build(checkpoint.networks["G"])
    assert isinstance(generator, Generator)
    with torch.no_grad():
        image = generator.synthesize(generator.map(io["z"], io["c"]))
        logits = build(checkpoint.networks["D"])(image, io["c"])
    assert relative_error(image, io["image_noise_const"]) < 1e-5
    assert relative_error(logits, io["logits"]) < 1e-5


@pytest.mark.parametrize("name", ["stylegan3t_r32", "stylegan3r_r32"])
def test_a_stylegan3_snapshot_computes_the_reference_image(shared: Path, tmp_path: Path, name: str) -> None:
    checkpoint = read(tmp_path, stylegan3_modules(shared, name))
    io = golden(shared, name)[1]["io"]
    assert list(checkpoint.networks) == ["G_ema"]
    generator = build(checkpoint.networks["G_ema"])
    assert isinstance(generator, Generator)
    with torch.no_grad():
        image = generator.synthesize(generator.map(io["z"]))
    assert relative_error(image, io["image"]) < 1e-5


def test_the_embedded_source_is_hashed_and_never_run(shared: Path, tmp_path: Path) -> None:
    import hashlib

    checkpoint = read(tmp_path, stylegan2_modules(shared))
    origin = checkpoint.networks["G"].origin
    assert origin == {
        "class_name": "Generator",
        "source_sha256": hashlib.sha256(MODULE_SOURCE.encode()).hexdigest(),
        "fork_signs": [],
    }
    assert checkpoint.networks["G"].notes == []


def test_a_fork_is_told_by_what_it_stores(shared: Path, tmp_path: Path) -> None:
    modules = stylegan2_modules(shared)
    modules["G"].state["attention_heads"] = 4
    modules["G"].state["_modules"]["synthesis"].class_name = "AttentiveSynthesis"
    (note,) = read(tmp_path, modules).networks["G"].notes
    assert "Generator.attention_heads" in note
    assert "class AttentiveSynthesis" in note
    assert "SynthesisLayer" in CLASS_ATTRIBUTES


def test_stored_attributes_beat_arguments(shared: Path, tmp_path: Path) -> None:
    modules = stylegan2_modules(shared)
    layer = modules["G"].state["_modules"]["synthesis"].state["_modules"]["b4"].state["_modules"]["conv1"]
    layer.state["conv_clamp"] = 256
    assert read(tmp_path, modules).networks["G"].config["conv_clamp"] == 256
    layer.state["activation"] = "relu"
    with pytest.raises(CheckpointError, match="activation is relu"):
        read(tmp_path, modules)


def test_half_precision_weights_become_float32(shared: Path, tmp_path: Path) -> None:
    _, parts = golden(shared, "stylegan2_r32")
    halves = {key: value.half() for key, value in parts["G"].items()}
    state = read(tmp_path, {"G_ema": module_tree("Generator", halves)}).networks["G_ema"].state
    assert {value.dtype for value in state.values()} == {torch.float32}
    assert all(torch.equal(state[key], halves[key].float()) for key in state)


def test_a_transposed_weight_keeps_its_values(shared: Path, tmp_path: Path) -> None:
    _, parts = golden(shared, "stylegan2_r32")
    turned = {key: value.mT.contiguous().mT if value.ndim > 1 else value for key, value in parts["G"].items()}
    state = read(tmp_path, {"G_ema": module_tree("Generator", turned)}).networks["G_ema"].state
    assert all(torch.equal(state[key], parts["G"][key]) and state[key].is_contiguous() for key in state)


def test_an_unknown_architecture_is_listed_but_not_built(tmp_path: Path) -> None:
    checkpoint = read(tmp_path, {"D": module_tree("ProjectedDiscriminator", {"head.weight": torch.ones(2)})})
    assert checkpoint.networks["D"].kind == "unknown"
    assert checkpoint.notes == ["no generator of a known architecture inside"]
    with pytest.raises(CheckpointError, match="cannot build a network of kind unknown"):
        build(checkpoint.networks["D"])


def test_missing_extra_and_misshapen_keys_are_listed(shared: Path, tmp_path: Path) -> None:
    network = read(tmp_path, stylegan2_modules(shared)).networks["G"]
    network.state["synthesis.b4.extra"] = torch.ones(1)
    del network.state["mapping.fc1.bias"]
    network.state["synthesis.b8.torgb.bias"] = torch.ones(4)
    with pytest.raises(CheckpointError) as caught:
        build(network)
    message = str(caught.value)
    for part in (
        "1 missing: mapping.fc1.bias",
        "1 unknown: synthesis.b4.extra",
        "b8.torgb.bias [4] instead of [3]",
    ):
        assert part in message


@pytest.mark.parametrize(
    "change", [{"img_resolution": 1 << 40}, {"num_mapping_layers": 10**9}, {"colour": 3}, {"z_dim": [1]}]
)
def test_a_config_out_of_this_world_is_refused(shared: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    network = read(tmp_path, stylegan2_modules(shared)).networks["G"]
    network.config |= change
    with pytest.raises(CheckpointError, match="config"):
        build(network)


def test_building_copies_the_weights(shared: Path, tmp_path: Path) -> None:
    network = read(tmp_path, stylegan2_modules(shared)).networks["G"]
    first = build(network)
    with torch.no_grad():
        next(first.parameters()).zero_()
    key = next(name for name, _ in first.named_parameters())
    assert network.state[key].abs().sum() > 0


def test_nan_is_refused(shared: Path, tmp_path: Path) -> None:
    modules = {"G": module_tree("Generator", {"synthesis.b4.const": torch.full((2, 4, 4), float("nan"))})}
    with pytest.raises(CheckpointError, match=r"NaN or infinity in synthesis\.b4\.const"):
        read(tmp_path, modules)


def test_shared_submodules_cannot_multiply(tmp_path: Path) -> None:
    """Each level holds the level below twice: 2^40 tensors out of a few kilobytes."""
    module = module_tree("Block", {"weight": torch.ones(4)})
    for _ in range(25):
        above = Persistent("Block")
        above.state["_modules"] |= {"a": module, "b": module}
        module = above
    with pytest.raises(CheckpointError, match="too deep or too many"):
        read(tmp_path, {"G": module})


@pytest.mark.parametrize("name", ["\ud800", "a\nb", "\x1b[2J"])
def test_names_that_no_file_or_terminal_can_hold_are_refused(tmp_path: Path, name: str) -> None:
    module = Persistent("Net")
    module.state["_parameters"][name] = torch.ones(2)
    for value, said in (({"G": module}, "cannot name a tensor"), ({name: module}, "cannot name a network")):
        with pytest.raises(CheckpointError, match=said) as caught:
            read(tmp_path, value)
        assert str(caught.value).isprintable()
