"""The project's own weights file: equal bytes for equal weights, and nothing odd gets in."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from forensics.core.errors import CheckpointError
from forensics.generators.checkpoints.checkpoint import Checkpoint, NetworkState
from forensics.generators.checkpoints.formats.native import parse_native, read_native, write_native
from tests.generators.checkpoints.outcomes import outcome


def two_networks(shared: Path) -> dict[str, NetworkState]:
    golden = np.load(shared / "golden" / "stylegan2_r32.npz")
    config = json.loads(str(golden["config"]))
    states = {
        name: {k[2:]: torch.from_numpy(golden[k]) for k in golden.files if k.startswith(f"{name}/")}
        for name in ("G", "D")
    }
    return {
        "G_ema": NetworkState("stylegan2", {"z_dim": config["z_dim"]}, states["G"], notes=["ü <note>"]),
        "D": NetworkState("stylegan2-discriminator", {}, states["D"], origin={"class_name": "Discriminator"}),
    }


def test_round_trip_keeps_every_bit(shared: Path, tmp_path: Path) -> None:
    networks = two_networks(shared)
    sha = write_native(tmp_path / "w.safetensors", networks, {"data": "none", "kimg": 3})
    checkpoint = read_native(tmp_path / "w.safetensors")
    assert (checkpoint.sha256, checkpoint.format) == (sha, "native")
    assert checkpoint.card == {"data": "none", "kimg": 3}
    for name, network in networks.items():
        read = checkpoint.networks[name]
        assert (read.kind, read.config, read.notes, read.origin) == (
            network.kind,
            network.config,
            network.notes,
            network.origin,
        )
        assert read.state.keys() == network.state.keys()
        assert all(torch.equal(read.state[k], network.state[k]) for k in network.state)


def test_equal_weights_give_equal_bytes_whatever_the_order(shared: Path, tmp_path: Path) -> None:
    networks = two_networks(shared)
    reordered = {
        name: NetworkState(n.kind, n.config, dict(reversed(n.state.items())), n.notes, n.origin)
        for name, n in reversed(networks.items())
    }
    write_native(tmp_path / "a", networks, {"x": 1, "y": 2})
    write_native(tmp_path / "b", reordered, {"y": 2, "x": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_half_storage_rounds_the_bulk_only(shared: Path, tmp_path: Path) -> None:
    networks = two_networks(shared)
    write_native(tmp_path / "full", networks)
    write_native(tmp_path / "half", networks, storage=torch.float16)
    state = read_native(tmp_path / "half").networks["G_ema"].state
    original = networks["G_ema"].state
    assert {t.dtype for t in state.values()} == {torch.float32}
    assert (tmp_path / "half").stat().st_size < 0.7 * (tmp_path / "full").stat().st_size
    assert torch.equal(state["mapping.w_avg"], original["mapping.w_avg"])
    weight = "synthesis.b8.conv0.weight"
    assert torch.equal(state[weight], original[weight].half().float())


def test_nan_and_infinity_are_refused_both_ways(tmp_path: Path) -> None:
    for value in (float("nan"), float("inf")):
        bad = {"G": NetworkState("stylegan2", {}, {"w": torch.tensor([1.0, value])})}
        with pytest.raises(CheckpointError, match=r"G holds NaN or infinity in w"):
            write_native(tmp_path / "w", bad)
        header = {"format_version": 1, "networks": {"G": {"kind": "stylegan2", "config": {}}}, "card": {}}
        data = save({"G/w": torch.tensor([value])}, metadata={"forensics": json.dumps(header)})
        with pytest.raises(CheckpointError, match="NaN or infinity"):
            parse_native(Path("x"), data)
    overflow = {"G": NetworkState("stylegan2", {}, {"w": torch.full((5000,), 1e6)})}
    with pytest.raises(CheckpointError, match="NaN or infinity"):
        write_native(tmp_path / "w", overflow, storage=torch.float16)
    assert not list(tmp_path.iterdir())


def with_header(header: Any) -> bytes:
    text = header if isinstance(header, str) else json.dumps(header)
    return save({"G/w": torch.ones(3)}, metadata={"forensics": text})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (with_header({"format_version": 2, "networks": {}, "card": {}}), "version 2"),
        (with_header({"format_version": 1, "networks": {"G": {}}, "card": {}}), "no kind"),
        (
            with_header({"format_version": 1, "networks": {"G": {"kind": "x", "config": []}}}),
            "described wrongly",
        ),
        (with_header({"format_version": 1, "networks": {"D": {"kind": "x"}}}), "no declared network: G/w"),
        (with_header({"format_version": 1}), "no networks"),
        (with_header('{"format_version": 1, "format_version": 1}'), "same key twice"),
        (with_header("[" * 100_000), "header"),
        (with_header("[]"), "version"),
        (save({"G/w": torch.ones(3)}), "without this project's header"),
        (struct.pack("<Q", 1 << 40) + b"{}", "cut off or hostile"),
        (struct.pack("<Q", 2) + b"[]", "without this project's header"),
        (b"", "header"),
    ],
)
def test_odd_headers_are_one_line_errors(data: bytes, said: str) -> None:
    with pytest.raises(CheckpointError, match=said) as caught:
        parse_native(Path("odd.safetensors"), data)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_a_checkpoint_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        read_native(tmp_path / "none")


@pytest.fixture(scope="module")
def honest(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("native") / "w"
    write_native(path, two_networks(shared), {"a": [1]})
    return path.read_bytes()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 9000), value=st.binary(min_size=1, max_size=6), cut=st.integers(0, 30_000))
def test_altered_bytes_are_an_error_or_still_a_checkpoint(
    honest: bytes, at: int, value: bytes, cut: int
) -> None:
    altered = honest[:at] + value + honest[at + len(value) :]
    for data in (altered, honest[:cut]):
        assert "\n" not in outcome(lambda data=data: parse_native(Path("x"), data))


@pytest.mark.parametrize(
    ("card", "kimg"),
    [
        ({}, None),
        ({"kimg": 3.5}, 3.5),
        ({"kimg": 3, "options": {"transfer_kimg": 20.0}}, 23.0),
        ({"kimg": 3, "options": "none"}, 3.0),
        ({"kimg": 3, "options": {"transfer_kimg": -1}}, 3.0),
        ({"kimg": 10**400}, None),
        ({"kimg": float("nan")}, None),
        ({"kimg": "16"}, None),
    ],
)
def test_kimg_over_all_runs_out_of_a_card(card: dict[str, Any], kimg: float | None) -> None:
    assert Checkpoint("a", "", "native", {}, card).kimg == kimg
