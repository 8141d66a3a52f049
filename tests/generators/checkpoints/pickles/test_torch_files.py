"""rosinality and SrcNet checkpoints, in both containers of torch.save, honest and hostile."""

from __future__ import annotations

import io
import os
import pickle
import struct
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forensics.core.errors import CheckpointError
from forensics.generators.base import Generator
from forensics.generators.checkpoints import build
from forensics.generators.checkpoints.formats.rosinality import W_AVG_SAMPLES
from tests.generators.checkpoints.made_files import (
    as_rosinality,
    golden,
    relative_error,
    rosinality_training,
    srcnet_training,
    torch_saved,
)
from tests.generators.checkpoints.outcomes import outcome, read_here

MARKER = "marker-of-executed-code"


def read(folder: Path, data: bytes) -> Any:
    path = folder / "checkpoint.bin"
    path.write_bytes(data)
    return read_here(path)


def message_of(folder: Path, data: bytes) -> str:
    return outcome(lambda: read(folder, data))


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_rosinality_checkpoint_computes_the_reference_images(
    shared: Path, tmp_path: Path, zipped: bool
) -> None:
    value = rosinality_training(shared)
    _, parts = golden(shared, "stylegan2_r32")
    value["latent_avg"] = parts["G"]["mapping.w_avg"]
    checkpoint = read(tmp_path, torch_saved(value, zipped=zipped))
    assert checkpoint.format == "rosinality"
    assert checkpoint.card["args"] == {"size": 32, "path": "/data", "lr": 0.002, "ckpt": None}
    assert checkpoint.card["ada_aug_p"] == 0.25
    assert set(checkpoint.networks) == {"G", "D", "G_ema"}
    assert checkpoint.notes == ["optimiser states are not read (g_optim, d_optim)"]
    for name, reference in (("G_ema", parts["G"]), ("D", parts["D"])):
        state = checkpoint.networks[name].state
        assert state.keys() == reference.keys()
        assert all(torch.equal(state[key], reference[key]) for key in state)
    generator, io_ = build(checkpoint.networks["G_ema"]), parts["io"]
    assert isinstance(generator, Generator)
    with torch.no_grad():
        image = generator.synthesize(generator.map(io_["z"]))
        truncated = generator.map(io_["z"], psi=0.7, cutoff=4)
        logits = build(checkpoint.networks["D"])(io_["image_noise_const"])
    assert relative_error(image, io_["image_noise_const"]) < 1e-5
    assert relative_error(truncated, io_["ws_psi07_cutoff4"]) < 1e-5
    assert relative_error(logits, io_["logits"]) < 1e-5


def test_the_file_name_does_not_matter(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(torch_saved(rosinality_training(shared)))
    assert read_here(tmp_path / "weights.safetensors").format == "rosinality"


def test_w_avg_is_the_mean_of_w_where_the_file_has_none(shared: Path, tmp_path: Path) -> None:
    network = read(tmp_path, torch_saved(rosinality_training(shared))).networks["G_ema"]
    assert any("no latent_avg" in note for note in network.notes)
    generator = build(network)
    assert isinstance(generator, Generator)
    with torch.no_grad():
        w = generator.map(generator.sample_z(2 * W_AVG_SAMPLES))[:, 0]
    spread = w.std(dim=0) * (1.5 / W_AVG_SAMPLES) ** 0.5
    assert float(((w.mean(dim=0) - network.state["mapping.w_avg"]) / spread).abs().max()) < 5


def test_noise_maps_are_drawn_where_the_file_has_none(shared: Path, tmp_path: Path) -> None:
    value = rosinality_training(shared)
    value["g_ema"] = {key: v for key, v in value["g_ema"].items() if not key.startswith("noises")}
    first, second = (read(tmp_path, torch_saved(value)).networks["G_ema"] for _ in range(2))
    assert "no noise maps in the file: drawn from seed 0" in first.notes
    key = "synthesis.b32.conv1.noise_const"
    assert first.state[key].shape == (32, 32)
    assert torch.equal(first.state[key], second.state[key])
    assert first.state[key].std() > 0.9


@pytest.mark.parametrize("multiplier", [1, 2])
def test_either_channel_multiplier_is_recovered(tmp_path: Path, multiplier: int) -> None:
    """Widths of rosinality at 128 px: 512 up to 32 px, then 256 and 128 times the multiplier."""
    from forensics.generators.architectures.stylegan2 import StyleGAN2Generator

    base = 16384 * multiplier
    with torch.device("meta"):
        shapes = StyleGAN2Generator(img_resolution=128, channel_base=base).state_dict()
    state = {key: torch.zeros(()).expand(value.shape) for key, value in shapes.items()}
    small = {
        key: torch.zeros(value.shape, dtype=torch.float16) for key, value in as_rosinality(state).items()
    }
    config = (
        read(tmp_path, torch_saved({"g_ema": small, "latent_avg": torch.zeros(512)})).networks["G_ema"].config
    )
    assert (config["channel_base"], config["channel_max"]) == (base, 512)
    assert (config["img_resolution"], config["num_mapping_layers"], config["z_dim"]) == (128, 8, 512)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_srcnet_checkpoint_computes_the_reference_image(shared: Path, tmp_path: Path, zipped: bool) -> None:
    checkpoint = read(tmp_path, torch_saved(srcnet_training(shared), zipped=zipped))
    config, parts = golden(shared, "src_net_r32")
    assert checkpoint.format == "srcnet"
    assert checkpoint.card == {"pl_loss_avg": 0.5}
    found = checkpoint.networks["G"].config
    assert (found["z_dim"], found["num_mapping_layers"]) == (config["latent"], config["n_layers"])
    assert (found["channel_max"], found["channel_min"]) == (config["max_fmaps"], config["min_fmaps"])
    generator, io_ = build(checkpoint.networks["G"]), parts["io"]
    assert isinstance(generator, Generator)
    noise = [io_[f"noise_{i}"][:, j] for i in range(config["blocks"]) for j in (0, 1)]
    with torch.no_grad():
        image = generator.synthesize(generator.map(io_["z"]), noise)
        logits = build(checkpoint.networks["D"])(io_["image"])
    assert relative_error(image, io_["image"]) < 1e-5
    assert relative_error(logits, io_["logits"]) < 1e-5


def test_what_is_missing_or_unknown_is_listed(shared: Path, tmp_path: Path) -> None:
    value = rosinality_training(shared)
    value["g_ema"]["iwtx.kernel"] = value["g_ema"].pop("convs.0.conv.weight")
    message = message_of(tmp_path, torch_saved({"g_ema": value["g_ema"]}))
    assert "g_ema" in message
    value = rosinality_training(shared)
    value["d"]["head.weight"] = value["d"].pop("final_linear.1.bias")
    message = message_of(tmp_path, torch_saved(value))
    assert "no final_linear.1.bias" in message
    assert "unknown head.weight" in message


def test_other_torch_files_are_told_apart(tmp_path: Path) -> None:
    message = message_of(tmp_path, torch_saved({"model": {"w": torch.ones(2)}, "epoch": 3}))
    assert "of no network that is known here" in message
    assert "model, epoch" in message
    assert "holds a Tensor" in message_of(tmp_path, torch_saved(torch.ones(2))).replace(
        "StoredTensor", "Tensor"
    )


def test_nan_is_refused(shared: Path, tmp_path: Path) -> None:
    value = srcnet_training(shared)
    value["G"]["const"] = value["G"]["const"].clone()
    value["G"]["const"][0, 0, 0] = float("inf")
    assert "NaN or infinity in const" in message_of(tmp_path, torch_saved(value))


class Runs:
    def __reduce__(self) -> Any:
        return os.system, (f"touch {MARKER}",)


def archive(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as made:
        for name, data in entries.items():
            made.writestr(name, data)
    return stream.getvalue()


def entries_of(value: Any) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(torch_saved(value))) as honest:
        return {name: honest.read(name) for name in honest.namelist()}


def declared(numel: int) -> bytes:
    """The pickle of one float tensor of `numel` values in storage 0."""
    pid = b"X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
    pid = b"(" + pid + b"\x8a\x08" + struct.pack("<q", numel) + b"tQ"
    size = b"\x8a\x08" + struct.pack("<q", numel) + b"\x85K\x01\x85"
    rest = b"ctorch._utils\n_rebuild_tensor_v2\n(" + pid + b"K\x00" + size + b"\x89}tR."
    return b"\x80\x02" + rest


HOSTILE_ZIPS: dict[str, tuple[dict[str, bytes], int, str]] = {
    "path traversal": ({"a/data.pkl": pickle.dumps({}), "a/../../../tmp/x": b"x"}, 0, "leaves the archive's folder"),
    "a folder of dots": ({"../data.pkl": pickle.dumps({})}, 0, "leaves the archive's folder"),
    "an absolute path": ({"/etc/data.pkl": pickle.dumps({})}, 0, "leaves the archive's folder"),
    "a drive": ({"C:/data.pkl": pickle.dumps({})}, 0, "which torch.save does not"),
    "a backslash": ({"a\\data.pkl": pickle.dumps({})}, 0, "leaves the archive's folder"),
    "a file deeper down": ({"a/data.pkl": pickle.dumps({}), "a/data/0/1": b""}, 0, "which torch.save does not"),
    "TorchScript": ({"a/data.pkl": pickle.dumps({}), "a/code/model.py": b"x"}, 0, "which torch.save does not"),
    "terminal escapes": ({"\x1b[31mred/data.pkl\n": b""}, 0, "which torch.save does not"),
    "two folders": ({"a/data.pkl": pickle.dumps({}), "b/data.pkl": b""}, 0, "2 folders instead of one"),
    "no pickle": ({"a/version": b"3"}, 0, "without data.pkl"),
    "a bomb": ({"a/data.pkl": b"\0" * (64 << 20)}, 8, "unpacks to more than"),
    "code in the pickle": ({"a/data.pkl": pickle.dumps(Runs(), 2)}, 0, "posix.system"),
    "10 GB declared": ({"a/data.pkl": declared(10 * 2**28), "a/data/0": b"\0" * 64}, 0, "and the archive holds 64"),
    "a storage that is missing": ({"a/data.pkl": declared(4)}, 0, "and the archive holds 0"),
    "a storage that is too long": ({"a/data.pkl": declared(4), "a/data/0": b"\0" * 64}, 0, "more than 16 bytes"),
    "bytes after the pickle": ({"a/data.pkl": pickle.dumps({}) + b"x"}, 0, "1 bytes after"),
    "an empty archive": ({}, 0, "not a weights file"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_ZIPS)
def test_hostile_archives_give_one_line_and_run_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    entries, compression, said = HOSTILE_ZIPS[name]
    started = time.perf_counter()
    message = message_of(tmp_path, archive(entries, compression))
    assert time.perf_counter() - started < 2
    assert said in message
    assert "\n" not in message
    assert "\x1b" not in message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.bin"]


def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    names = {"a/data.pkl": pickle.dumps({}), "a/data.pkX": pickle.dumps(Runs(), 2)}
    twice = archive(names).replace(b"a/data.pkX", b"a/data.pkl")
    assert "twice" in message_of(tmp_path, twice)


def test_a_damaged_storage_fails_its_checksum(shared: Path, tmp_path: Path) -> None:
    data = bytearray(torch_saved(srcnet_training(shared)))
    at = data.index(golden(shared, "src_net_r32")[1]["G"]["const"].numpy().tobytes())
    data[at + 4000] ^= 1
    assert "is damaged (Bad CRC-32" in message_of(tmp_path, bytes(data))


def test_storages_that_are_reused_cannot_blow_up_memory(tmp_path: Path) -> None:
    """One megabyte named by thousands of keys is a small file and would be gigabytes of tensors."""
    shared_tensor = torch.zeros(1 << 18)
    state = {f"{k}.upconv.weight_orig": shared_tensor for k in range(4000)}
    started = time.perf_counter()
    message = message_of(tmp_path, torch_saved({"G": state}))
    assert "far more memory" in message or "would take" in message
    assert time.perf_counter() - started < 3


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_checkpoint_cut_anywhere_is_an_error(shared: Path, tmp_path: Path, zipped: bool) -> None:
    data = torch_saved(srcnet_training(shared), zipped=zipped)
    for cut in [0, 1, 3, 20, *range(100, len(data), len(data) // 40), len(data) - 1]:
        message = message_of(tmp_path, data[:cut])
        assert message
        assert "\n" not in message


def test_a_legacy_view_of_a_storage_is_refused(tmp_path: Path) -> None:
    data = torch_saved({"G": {"x": torch.ones(4)}}, zipped=False)
    assert message_of(tmp_path, data.replace(b"K\x04Nt", b"K\x04K\x01t"))


@pytest.fixture(scope="module")
def small_files() -> list[bytes]:
    value = {"G": {"0.upconv.weight_orig": torch.ones(2), "Src_Net.const": torch.ones(1, 1, 1)}}
    return [torch_saved(value, zipped=zipped) for zipped in (True, False)]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), which=st.integers(0, 1))
def test_mutated_files_give_an_error_or_a_result(
    small_files: list[bytes], tmp_path: Path, data: st.DataObject, which: int
) -> None:
    mutant = bytearray(small_files[which])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mutant) - 1))
        mutant[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    assert "\n" not in message_of(tmp_path, bytes(mutant))


@pytest.mark.parametrize("make", ["folder", "fifo", "nothing", "empty", "text"])
def test_what_is_no_weights_file_is_said_so(tmp_path: Path, make: str) -> None:
    path = tmp_path / "x"
    if make == "folder":
        path.mkdir()
    elif make == "fifo":
        os.mkfifo(path)
    elif make != "nothing":
        path.write_bytes(b"" if make == "empty" else b"# weights\n" * 50)
    with pytest.raises(CheckpointError, match=r"is a folder|not a file|no such file|not a weights file"):
        read_here(path)
