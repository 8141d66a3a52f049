"""`forensics generate` and the classes of a conditional network, from the outside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from forensics.corpus import Corpus
from forensics.generators.base import load_generator
from forensics.generators.checkpoints import NetworkState, write_native
from forensics.images import decode

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def classes(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """NVIDIA's conditional reference network of three classes, as a weights file."""
    golden = np.load(shared / "golden" / "stylegan2_cond_r16.npz")
    config = json.loads(str(golden["config"]))
    state = {k[2:]: torch.from_numpy(golden[k]) for k in golden.files if k.startswith("G/")}
    path = tmp_path_factory.mktemp("classes") / "three.safetensors"
    kind = config.pop("kind")
    config = {k.removeprefix("g_"): v for k, v in config.items() if k != "d_architecture"}
    write_native(path, {"G_ema": NetworkState(kind, config, state)})
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def test_pictures_sheets_and_a_clip_that_a_kill_leaves_alike(
    command_line: Run, small: Path, tmp_path: Path
) -> None:
    words = ["--network", small, "--seeds", "0-3,9", "--sheet", "psi", "--sheet", "noise", "--grid", "3x2"]
    words += ["--video", "gif", "--frames", "2", "--fps", "10", "--json"]
    code, out, err = command_line("generate", tmp_path / "one", *words)
    assert code == 0, err
    summary = json.loads(out)
    assert (summary["pictures"], summary["made_now"], summary["frames"]) == (5, 5, 9)
    assert summary["noise_levels"].keys() == {"0", "1", "2", "3", "9"}
    first = contents(tmp_path / "one")
    sheets = {"sheet.png", "psi-sheet.png", "noise-sheet.png", "interpolation.gif"}
    assert sheets | {f"seed000{s}.png" for s in (0, 1, 2, 3, 9)} < first.keys()
    g = load_generator(small, "cpu")
    expected = g.to_uint8(g.synthesize(g.map(g.sample_z(1, 9), psi=0.7)))[0]
    assert np.array_equal(decode(tmp_path / "one" / "seed0009.png").pixels, expected)
    assert decode(tmp_path / "one" / "sheet.png").pixels.shape == (2 * 20 + 4, 3 * 20 + 4, 3)
    for name in ("seed0003.png", "sheet.png", "interpolation.gif", "evidence.json"):
        (tmp_path / "one" / name).unlink()
    code, out, _ = command_line("generate", tmp_path / "one", *words)
    assert json.loads(out)["made_now"] == 1
    assert contents(tmp_path / "one") == first
    facts = json.loads(first["evidence.json"])
    assert facts["options"]["seeds"] == [0, 1, 2, 3, 9]
    assert facts["call"]["function"].endswith("make_pictures")


def test_other_numbers_need_another_folder(command_line: Run, small: Path, tmp_path: Path) -> None:
    assert command_line("generate", tmp_path / "o", "--network", small, "--seeds", "0,1")[0] == 0
    code, _, err = command_line("generate", tmp_path / "o", "--network", small, "--seeds", "0", "--psi", "1")
    assert code == 2
    assert "made with other numbers" in err


@pytest.mark.parametrize(
    "words", [["--video", "avi"], ["--sheet", "w"], ["--seeds", "1", "--video", "mp4"], ["--grid", "3"]]
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(
    command_line: Run, small: Path, tmp_path: Path, words: list[str]
) -> None:
    code, out, err = command_line("generate", tmp_path / "o", "--network", small, *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert not (tmp_path / "o").exists()


def test_a_network_with_classes_asks_for_one(command_line: Run, classes: Path, tmp_path: Path) -> None:
    for words in (["generate", "o"], ["walk", "o", "-n", "2"], ["generate-corpus", "o", "-n", "2"]):
        command, out, *rest = words
        code, _, err = command_line(command, tmp_path / out, "--generator", classes, *rest)
        assert code == 2
        assert "has 3 classes; choose one of 0 to 2 with --class" in err
        assert err.count("\n") == 1
        assert not (tmp_path / out).exists()


def test_each_class_has_its_pictures_walks_and_corpora(
    command_line: Run, classes: Path, shared: Path, tmp_path: Path
) -> None:
    g = load_generator(classes, "cpu", class_number=2)
    label = torch.eye(3)[2:]
    expected = g.to_uint8(g.synthesize(g.map(g.sample_z(1, 0), label, psi=0.7)))[0]
    common = ["--generator", classes, "--class", "2"]
    assert command_line("generate", tmp_path / "g", *common, "--seeds", "0")[0] == 0
    assert np.array_equal(decode(tmp_path / "g" / "seed0000.png").pixels, expected)
    assert json.loads((tmp_path / "g" / "evidence.json").read_text())["options"]["class"] == 2
    for command in ("generate-corpus", "walk"):
        assert command_line(command, tmp_path / command, *common, "-n", "3")[0] == 0
        rows = Corpus.open(tmp_path / command).manifest
        assert [row.params["class"] for row in rows] == [2, 2, 2]
    code, _, err = command_line("generate", tmp_path / "h", "--generator", classes, "--class", "3")
    assert code == 2
    assert "has no class 3; choose one of 0 to 2" in err


def test_walks_as_clips_beside_their_corpus(command_line: Run, small: Path, tmp_path: Path) -> None:
    words = [
        "walk",
        tmp_path / "w",
        "--generator",
        small,
        "-n",
        "4",
        "--walks",
        "2",
        "--step",
        "1",
        "--video",
        "mp4",
    ]
    code, out, err = command_line(*words, "--json")
    assert code == 0, err
    clips = [tmp_path / "w" / f"walk-000{walk}.mp4" for walk in (0, 1)]
    assert json.loads(out)["clips"] == [str(path) for path in clips]
    first = [path.read_bytes() for path in clips]
    assert first[0] != first[1]
    assert Corpus.open(tmp_path / "w").verify() == []
    assert command_line(*words)[0] == 0
    assert [path.read_bytes() for path in clips] == first
    assert (tmp_path / "w" / "walk-0001.mp4.evidence.json").is_file()
