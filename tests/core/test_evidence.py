"""Evidence repeats byte for byte, names versions and machine, and takes nothing that JSON cannot hold."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import forensics
from forensics.core.evidence import PACKAGES, evidence, machine_kind, versions, write_evidence
from forensics.core.files import sha256_bytes, sha256_file

HASH = sha256_bytes(b"weights")
COMMAND = ["forensics", "detect", "a.jpg", "--seed", "3"]


def test_it_says_what_it_takes_to_repeat(tmp_path: Path, shared: Path):
    photograph = shared / "data/faces256/val/real/0000.png"
    options = {
        "device": "cpu",
        "out": Path("out/x"),
        "sizes": (1, 2),
        "nested": {"psi": 0.7, "paths": [Path("y")]},
    }
    path = write_evidence(
        tmp_path / "new", COMMAND, {str(photograph): sha256_file(photograph)}, {"corpus": 3}, options
    )
    written = json.loads(path.read_text("utf-8"))
    assert path == tmp_path / "new/evidence.json"
    assert written["command"] == COMMAND
    assert list(written["inputs"]) == [str(photograph)]
    assert written["seeds"] == {"corpus": 3}
    assert written["options"] == {
        "device": "cpu",
        "out": "out/x",
        "sizes": [1, 2],
        "nested": {"psi": 0.7, "paths": ["y"]},
    }
    assert written["format_version"] == 1
    assert written == evidence(COMMAND, written["inputs"], {"corpus": 3}, options)


def test_it_repeats_byte_for_byte_and_names_nobody(tmp_path: Path):
    first = write_evidence(tmp_path / "a", COMMAND, {"b": HASH, "a": HASH}, {"y": 1, "x": 2}).read_bytes()
    time.sleep(0.01)
    second = write_evidence(tmp_path / "b", COMMAND, {"a": HASH, "b": HASH}, {"x": 2, "y": 1}).read_bytes()
    assert first == second
    assert socket.gethostname().encode() not in first
    assert str(tmp_path).encode() not in first


def test_versions_are_those_that_run():
    import numpy
    import torch
    from PIL import __version__ as pillow

    found = versions()
    assert found["forensics"] == forensics.__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["numpy"] == numpy.__version__
    assert found["pillow"] == pillow
    assert str(torch.__version__).startswith(str(found["torch"]))
    assert set(found) == {"python", "forensics", *PACKAGES}
    assert None not in found.values()


def test_a_package_that_is_absent_is_null(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("forensics.core.evidence.PACKAGES", ("no-such-package-anywhere",))
    assert versions()["no-such-package-anywhere"] is None


def test_the_vector_unit_is_named_once_torch_is_in_use():
    import torch

    machine = machine_kind()
    assert machine["cpu_capability"] == torch.backends.cpu.get_cpu_capability()
    assert (machine["gpu"] is None) == (not torch.cuda.is_available())


def test_it_does_not_import_torch():
    code = "import sys; from forensics.core.evidence import evidence; evidence([], {}); print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


@pytest.mark.parametrize("sha256", ["", "abc", HASH.upper(), HASH + "0"])
def test_what_is_no_hash_is_refused(sha256: str):
    with pytest.raises(ValueError, match="no sha256: weights"):
        evidence(COMMAND, {"weights": sha256})


@pytest.mark.parametrize("value", [object(), {1, 2}, float("nan"), float("inf"), [b"bytes"]])
def test_an_option_without_json_form_is_refused_by_name(value: object):
    with pytest.raises(ValueError, match="option psi has no JSON form"):
        evidence(COMMAND, {}, options={"psi": value})


def test_names_that_are_not_utf8_are_written_visibly(tmp_path: Path):
    odd = "caf\udce9.jpg"
    path = write_evidence(tmp_path, ["detect", odd], {odd: HASH}, options={"path": Path(odd), "name": odd})
    written = json.loads(path.read_text("utf-8"))
    assert written["command"][1] == "caf\\udce9.jpg"
    assert list(written["inputs"]) == ["caf\\udce9.jpg"]
    assert written["options"] == {"path": "caf\\udce9.jpg", "name": "caf\\udce9.jpg"}
