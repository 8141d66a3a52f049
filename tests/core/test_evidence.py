"""Evidence repeats byte for byte, names versions and machine, and takes nothing that JSON cannot hold."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import forensics
from forensics.core.evidence import (
    PACKAGES,
    Call,
    evidence,
    machine_kind,
    recorded,
    today,
    versions,
    write_evidence,
)
from forensics.core.files import sha256_bytes, sha256_file

HASH = sha256_bytes(b"weights")


def test_it_says_what_it_takes_to_repeat(tmp_path: Path, shared: Path):
    photograph = shared / "data/faces256/val/real/0000.png"
    options = {
        "device": "cpu",
        "out": Path("out/x"),
        "sizes": (1, 2),
        "nested": {"psi": 0.7, "paths": [Path("y")]},
    }
    path = write_evidence(
        tmp_path / "new", {str(photograph): sha256_file(photograph)}, {"corpus": 3}, options
    )
    written = json.loads(path.read_text("utf-8"))
    assert path == tmp_path / "new/evidence.json"
    assert written["call"] is None
    assert list(written["inputs"]) == [str(photograph)]
    assert written["seeds"] == {"corpus": 3}
    assert written["options"] == {
        "device": "cpu",
        "out": "out/x",
        "sizes": [1, 2],
        "nested": {"psi": 0.7, "paths": ["y"]},
    }
    assert written["format_version"] == 2
    assert written.pop("date_utc") == today()
    assert written == evidence(written["inputs"], {"corpus": 3}, options).to_json()


def test_it_repeats_byte_for_byte_and_names_nobody(tmp_path: Path):
    first = write_evidence(tmp_path / "a", {"b": HASH, "a": HASH}, {"y": 1, "x": 2}).read_bytes()
    time.sleep(0.01)
    second = write_evidence(tmp_path / "b", {"a": HASH, "b": HASH}, {"x": 2, "y": 1}).read_bytes()
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
    code = "import sys; from forensics.core.evidence import evidence; evidence({}); print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


@pytest.mark.parametrize("sha256", ["", "abc", HASH.upper(), HASH + "0"])
def test_what_is_no_hash_is_refused(sha256: str):
    with pytest.raises(ValueError, match="no sha256: weights"):
        evidence({"weights": sha256})


@pytest.mark.parametrize("value", [object(), {1, 2}, float("nan"), float("inf"), [b"bytes"]])
def test_an_option_without_json_form_is_refused_by_name(value: object):
    with pytest.raises(ValueError, match="option psi has no JSON form"):
        evidence({}, options={"psi": value})


def test_names_that_are_not_utf8_are_written_visibly(tmp_path: Path):
    odd = "caf\udce9.jpg"
    path = write_evidence(tmp_path, {odd: HASH}, options={"path": Path(odd), "name": odd})
    written = json.loads(path.read_text("utf-8"))
    assert list(written["inputs"]) == ["caf\\udce9.jpg"]
    assert written["options"] == {"path": "caf\\udce9.jpg", "name": "caf\\udce9.jpg"}


@dataclass(frozen=True)
class Plan:
    """Options, with two that say where and how fast and nothing about the result."""

    sizes: tuple[int, ...]
    data: Path
    out: Path = Path("anywhere")
    workers: int = 1


@recorded
def inner(psi: float = 0.7) -> Call | None:
    """What a function inside is recorded as."""
    return evidence({}).call


@recorded
def outer(plan: Plan, out: Path, network: object, *, seed: int = 0) -> tuple[Call | None, Call | None]:
    """What a function and one inside it are recorded as."""
    return inner(), evidence({}).call


def test_the_call_is_recorded_whoever_makes_it() -> None:
    class Network:
        weights_sha256 = HASH

    inside, outside = outer(Plan((1, 2), Path("photos")), Path("x"), Network())
    assert (inside, outside) == (
        Call(f"{__name__}.inner", {"psi": 0.7}),
        Call(
            f"{__name__}.outer",
            {
                "plan": {"sizes": [1, 2], "data": "photos"},
                "network": {"type": f"{__name__}.{Network.__qualname__}", "weights_sha256": HASH},
                "seed": 0,
            },
        ),
    )
    assert evidence({}).call is None
    assert str(inside) == f"{__name__}.inner(psi=0.7)"


def test_arrays_and_pictures_are_recorded_by_their_hash() -> None:
    import numpy as np
    from PIL import Image

    pixels = np.zeros((2, 3, 3), np.uint8)
    for value, size in ((pixels, [2, 3, 3]), (Image.fromarray(pixels), [3, 2])):
        _, call = outer(Plan((), Path()), Path("x"), value)
        assert call is not None
        shown = call.arguments["network"]
        assert isinstance(shown, dict)
        assert (shown["sha256"], shown["shape"]) == (sha256_bytes(pixels.tobytes()), size)
        json.dumps(call.arguments, allow_nan=False)


def test_the_first_date_stays_while_the_facts_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    path = write_evidence(tmp_path, {"a": HASH})
    assert json.loads(path.read_text())["date_utc"] == "1970-01-02"
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    write_evidence(tmp_path, {"a": HASH})
    assert json.loads(path.read_text())["date_utc"] == "1970-01-02"
    write_evidence(tmp_path, {"b": HASH})
    assert json.loads(path.read_text())["date_utc"] == today() > "2026"


def test_no_library_code_reads_the_words_of_the_command_line() -> None:
    package = Path(forensics.__file__).parent
    sources = {path: path.read_text("utf-8") for path in package.rglob("*.py")}
    reading = [path.name for path, text in sources.items() if "sys.argv" in text]
    assert len(sources) > 250
    assert reading == []
