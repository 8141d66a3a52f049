"""`forensics convert`: every format to safetensors, StyleGAN2 to rosinality's .pt, and what the report says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from typer.testing import CliRunner

from forensics.commands.generators.convert import convert
from forensics.core.errors import CheckpointError, ForensicsError
from forensics.core.files import sha256_file
from forensics.generators.base import Generator
from forensics.generators.checkpoints import NetworkState, build, read_checkpoint, write_native
from tests.generators.checkpoints.made_files import (
    as_rosinality,
    as_rosinality_critic,
    golden,
    pickled,
    relative_error,
    rosinality_training,
    srcnet_training,
    stylegan2_modules,
    stylegan3_modules,
    torch_saved,
)

app = typer.Typer()
app.command()(convert)


def run(source: Path, target: Path, *words: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, [str(source), str(target), "--json", *words], catch_exceptions=False)
    assert result.exit_code == 0
    report: dict[str, Any] = json.loads(result.stdout)
    assert report["input"]["sha256"] == sha256_file(source)
    assert report["output"]["sha256"] == sha256_file(target)
    return report


def made(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", ["nvidia", "stylegan3", "rosinality", "srcnet"])
def test_every_format_becomes_safetensors_bit_for_bit(shared: Path, tmp_path: Path, kind: str) -> None:
    data = {
        "nvidia": lambda: pickled(stylegan2_modules(shared), 4),
        "stylegan3": lambda: pickled(stylegan3_modules(shared, "stylegan3t_r32"), 3),
        "rosinality": lambda: torch_saved(rosinality_training(shared)),
        "srcnet": lambda: torch_saved(srcnet_training(shared), zipped=False),
    }[kind]()
    source = made(tmp_path / "in.bin", data)
    report = run(source, tmp_path / "out.safetensors")
    before, after = read_checkpoint(source), read_checkpoint(tmp_path / "out.safetensors")
    assert [entry["name"] for entry in report["networks"]] == list(before.networks)
    assert report["dropped"] == []
    assert after.card["converted_from"] == {"format": before.format, "sha256": before.sha256}
    for name, network in before.networks.items():
        same = after.networks[name]
        assert (same.kind, same.config, same.origin) == (network.kind, network.config, network.origin)
        assert same.state.keys() == network.state.keys()
        assert all(torch.equal(same.state[key], network.state[key]) for key in network.state)


def test_the_same_input_gives_the_same_bytes(shared: Path, tmp_path: Path) -> None:
    source = made(tmp_path / "in.pkl", pickled(stylegan2_modules(shared), 4))
    for suffix in ("safetensors", "pt"):
        first = run(source, tmp_path / f"first.{suffix}")
        second = run(source, tmp_path / f"second.{suffix}")
        assert first["output"]["sha256"] == second["output"]["sha256"]


def test_nvidia_to_rosinality_has_all_keys_and_values(shared: Path, tmp_path: Path) -> None:
    source = made(tmp_path / "in.pkl", pickled(stylegan2_modules(shared), 4))
    report = run(source, tmp_path / "out.pt")
    _, parts = golden(shared, "stylegan2_r32")
    value = torch.load(tmp_path / "out.pt", weights_only=True)
    expected = {"g_ema": as_rosinality(parts["G"]), "d": as_rosinality_critic(parts["D"], 32)}
    expected["g"] = expected["g_ema"]
    assert value.keys() == {"g_ema", "g", "d", "latent_avg"}
    for name, state in expected.items():
        assert value[name].keys() == state.keys()
        assert all(torch.equal(value[name][key], state[key]) for key in state)
        assert all(value[name][key].shape == state[key].shape for key in state)
    assert torch.equal(value["latent_avg"], parts["G"]["mapping.w_avg"])
    assert report["dropped"] == ["augment_pipe: has no place in rosinality's format"]
    assert any("n_mlp=4" in note and "self.channels" in note for note in report["notes"])


def test_there_and_back_computes_the_reference_image(shared: Path, tmp_path: Path) -> None:
    source = made(tmp_path / "in.pkl", pickled(stylegan2_modules(shared), 4))
    run(source, tmp_path / "a.safetensors")
    run(tmp_path / "a.safetensors", tmp_path / "b.pt")
    run(tmp_path / "b.pt", tmp_path / "c.safetensors")
    io = golden(shared, "stylegan2_r32")[1]["io"]
    networks = read_checkpoint(tmp_path / "c.safetensors").networks
    generator = build(networks["G_ema"])
    assert isinstance(generator, Generator)
    with torch.no_grad():
        image = generator.synthesize(generator.map(io["z"], psi=0.7, cutoff=4))
        logits = build(networks["D"])(io["image_noise_const"])
    assert relative_error(image, io["image_psi07_cutoff4"]) < 1e-5
    assert relative_error(logits, io["logits"]) < 1e-5


def test_half_precision_halves_the_file_and_says_so(shared: Path, tmp_path: Path) -> None:
    source = made(tmp_path / "in.pkl", pickled(stylegan2_modules(shared), 4))
    run(source, tmp_path / "full.safetensors")
    report = run(source, tmp_path / "half.safetensors", "--half")
    assert any("float16" in note for note in report["notes"])
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("half", "full")]
    assert sizes[0] < 0.7 * sizes[1]


def changed(shared: Path, tmp_path: Path, name: str, **config: Any) -> Path:
    """A native file whose network `name` has another config than its weights were trained with."""
    networks = read_checkpoint(made(tmp_path / "in.pkl", pickled(stylegan2_modules(shared), 4))).networks
    networks[name].config |= config
    write_native(tmp_path / "changed.safetensors", networks)
    return tmp_path / "changed.safetensors"


def test_a_conditional_generator_is_refused_with_the_reason(shared: Path, tmp_path: Path) -> None:
    source = made(tmp_path / "in.pkl", pickled(stylegan2_modules(shared, "stylegan2_cond_r16"), 4))
    with pytest.raises(CheckpointError, match=r"is conditional \(3 classes\)"):
        run(source, tmp_path / "out.pt")
    assert not (tmp_path / "out.pt").exists()


def test_a_resnet_generator_is_refused_with_the_reason(tmp_path: Path) -> None:
    from forensics.generators.architectures.stylegan2 import StyleGAN2Generator

    config: dict[str, Any] = {"z_dim": 8, "w_dim": 8, "img_resolution": 8, "num_mapping_layers": 2}
    config |= {"channel_base": 64, "channel_max": 8, "architecture": "resnet"}
    network = NetworkState("stylegan2", config, StyleGAN2Generator(**config).state_dict())
    write_native(tmp_path / "in.safetensors", {"G_ema": network})
    with pytest.raises(CheckpointError, match="architecture resnet, and rosinality's is skip"):
        run(tmp_path / "in.safetensors", tmp_path / "out.pt")


def test_what_rosinality_cannot_do_is_noted_or_left_out(shared: Path, tmp_path: Path) -> None:
    report = run(changed(shared, tmp_path, "G_ema", conv_clamp=256), tmp_path / "out.pt")
    assert any("does not clamp at 256" in note for note in report["notes"])
    report = run(changed(shared, tmp_path, "D", mbstd_group_size=8), tmp_path / "out.pt")
    assert any("groups of 8" in note for note in report["notes"])
    report = run(changed(shared, tmp_path, "D", architecture="orig"), tmp_path / "out.pt")
    assert any(entry.startswith("D: does not fit its config") for entry in report["dropped"])
    assert "d" not in torch.load(tmp_path / "out.pt", weights_only=True)
    with pytest.raises(CheckpointError, match="learning rate multiplier of 1"):
        run(changed(shared, tmp_path, "G_ema", mapping_lr_multiplier=1.0), tmp_path / "out.pt")


@pytest.mark.parametrize("kind", ["stylegan3", "srcnet"])
def test_other_architectures_are_refused(shared: Path, tmp_path: Path, kind: str) -> None:
    data = (
        torch_saved(srcnet_training(shared))
        if kind == "srcnet"
        else pickled(stylegan3_modules(shared, "stylegan3t_r32"), 4)
    )
    with pytest.raises(CheckpointError, match=f"is a {kind}, and rosinality's code is StyleGAN2"):
        run(made(tmp_path / "in.bin", data), tmp_path / "out.pt")


def test_the_output_must_be_another_file_of_a_known_kind(shared: Path, tmp_path: Path) -> None:
    source = made(tmp_path / "in.safetensors", pickled(stylegan2_modules(shared), 4))
    before = source.read_bytes()
    for target, words, said in (
        (tmp_path / "out.pkl", (), "name the output"),
        (source, (), "is the input"),
        (tmp_path / "out.pt", ("--half",), "half precision"),
        (tmp_path, (), "is a folder; name a file"),
    ):
        with pytest.raises(ForensicsError, match=said):
            run(source, target, *words)
    assert [path.name for path in tmp_path.iterdir()] == ["in.safetensors"]
    assert source.read_bytes() == before


def test_the_evidence_names_the_input(shared: Path, tmp_path: Path) -> None:
    source = made(tmp_path / "in.pt", torch_saved(srcnet_training(shared)))
    run(source, tmp_path / "out.safetensors")
    record = json.loads((tmp_path / "out.safetensors.evidence.json").read_text())
    assert record["inputs"] == {str(source): sha256_file(source)}


def test_the_report_as_text_is_the_report(shared: Path, tmp_path: Path) -> None:
    source = made(tmp_path / "in.pkl", pickled(stylegan2_modules(shared), 4))
    result = CliRunner().invoke(app, [str(source), str(tmp_path / "out.pt")], catch_exceptions=False)
    lines = result.stdout.splitlines()
    assert "network D -> d: stylegan2-discriminator, 47,761 parameters" in lines
    assert f"        sha256 {sha256_file(tmp_path / 'out.pt')}" in lines
    assert "dropped augment_pipe: has no place in rosinality's format" in lines
