"""What ships: listed, found, and unaltered; a change of any kind is seen."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forensics.cli import app
from forensics.core import weights as shipped
from forensics.core.errors import ForensicsError
from forensics.core.files import sha256_file


def test_what_ships_is_called_by_its_name(tmp_path: Path) -> None:
    assert shipped.called(shipped.weights_file("own-64")) == "own-64"
    assert shipped.called(tmp_path / "weights.safetensors") == "weights.safetensors"


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What ships, where a test may alter it: small files only, listed anew."""
    folder = tmp_path / "weights"
    for path in [shipped.FOLDER / "detector" / "detector.json", shipped.FOLDER / "spectrum" / "card.json"]:
        target = folder / path.relative_to(shipped.FOLDER)
        target.parent.mkdir(parents=True)
        shutil.copy(path, target)
    monkeypatch.setattr(shipped, "FOLDER", folder)
    shipped.write_sums()
    return folder


def test_what_ships_is_as_released_and_small() -> None:
    result = CliRunner().invoke(app, ["models", "verify"])
    assert (result.exit_code, result.stdout) == (0, "all as released\n")
    assert sum(p.stat().st_size for p in shipped.FOLDER.rglob("*") if p.is_file()) < 90e6


def test_list_and_path() -> None:
    rows = json.loads(CliRunner().invoke(app, ["models", "list", "--json"]).stdout)["models"]
    assert [row["name"] for row in rows if row["state"] == "ships"] == [
        "own-128",
        "own-64",
        "ffhq-1024",
        "ffhq-512",
        "ffhq-256",
        "ffhq-128",
        "ffhq-64",
        "descriptor",
        "descriptor-mobile",
        "detector",
        "detector-clip",
        "encoder-ffhq-256",
        "encoder-own-128",
        "encoder-own-64",
        "face-finder",
        "spectrum",
        "upsamplers",
    ]
    for row in rows:
        if row["state"] != "ships":
            assert row["licence"]
            continue
        folder = CliRunner().invoke(app, ["models", "path", row["name"]]).stdout.strip()
        assert folder == row["folder"]
        assert Path(folder).is_dir()
    with pytest.raises(ForensicsError, match="choose own-128, own-64, ffhq-1024, "):
        CliRunner().invoke(app, ["models", "path", "buffalo_l"], catch_exceptions=False)


def test_altered_missing_and_added_files_are_named(copy: Path) -> None:
    assert shipped.problems() == []
    altered = copy / "detector" / "detector.json"
    altered.write_bytes(altered.read_bytes().replace(b"0", b"1", 1))
    (copy / "spectrum" / "card.json").unlink()
    (copy / "spectrum" / "other.json").write_text("{}")
    (copy / "detector" / "MODEL_CARD.md").write_text("edited")
    result = CliRunner().invoke(app, ["models", "verify", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["problems"] == [
        "spectrum/card.json: is missing",
        "spectrum/other.json: is not in SHA256SUMS",
        "detector/detector.json: has been altered",
    ]


def test_a_name_stands_for_its_file_and_a_path_for_itself() -> None:
    assert shipped.weights_file("own-64").is_file()
    assert shipped.weights_file("mine.pkl") == Path("mine.pkl")
    result = CliRunner().invoke(app, ["inspect", "own-64", "--json"], catch_exceptions=False)
    assert json.loads(result.stdout)["sha256"] == sha256_file(shipped.weights_file("own-64"))


def test_a_former_name_is_still_understood() -> None:
    assert shipped.weights_file("default") == shipped.weights_file("own-128")
    assert shipped.network_name("default-64") == "own-64"
    assert shipped.folder_of("default") == shipped.FOLDER / "own-128"


def test_a_name_is_taken_wherever_a_weights_file_is(tmp_path: Path) -> None:
    out = tmp_path / "converted.safetensors"
    result = CliRunner().invoke(app, ["convert", "own-64", str(out)], catch_exceptions=False)
    assert result.exit_code == 0
    assert out.is_file()
    with pytest.raises(
        ForensicsError, match=r"own-65: no such file, and no network is called so \(own-128, own-64, "
    ):
        CliRunner().invoke(app, ["convert", "own-65", str(out)], catch_exceptions=False)
