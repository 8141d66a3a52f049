"""`forensics train-detector` from the outside."""

from __future__ import annotations

import inspect
import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import forensics
from forensics.commands.detectors.train_detector import train_detector
from forensics.core.errors import CorpusError, DetectorError, ForensicsError
from forensics.detectors.fitting.run import TrainDetectorOptions
from forensics.detectors.kinds.ensemble import EnsembleDetector
from forensics.detectors.loading import load_detector

app = typer.Typer()
app.command()(train_detector)


@pytest.fixture
def tree(shared: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    for name, source in (("real", "real"), ("fake", "stylegan2")):
        (folder / name).mkdir(parents=True)
        for path in sorted((shared / "data" / "faces256" / "train" / source).glob("*.png"))[:10]:
            shutil.copy(path, folder / name)
    return folder


def test_trains_and_leaves_evidence(tree: Path, shared: Path, tmp_path: Path) -> None:
    more = tmp_path / "photographs"
    more.mkdir()
    for path in sorted((shared / "data" / "wild128").glob("*.jpg"))[:5]:
        shutil.copy(path, more)
    (more / "broken.jpg").write_bytes(b"no image")
    out = tmp_path / "detector"
    arguments = [str(out), str(tree), "--kind", "frequency", "--authentic", str(more), "--json"]
    arguments += ["--seed", "5", "--trim-bottom", "0.05"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2  # the broken file was named, the rest went on
    assert "broken.jpg" in result.stderr
    summary = json.loads(result.stdout)
    assert summary["training_images"] + summary["calibration_images"] == 25
    assert load_detector(out).weights_sha256 == summary["weights_sha256"]
    evidence = json.loads((out / "evidence.json").read_text())
    assert evidence["seeds"] == {"seed": 5}
    request = evidence["call"]["arguments"]["options"]
    assert evidence["call"]["function"] == "forensics.detectors.fitting.run.train_on_corpora"
    assert (request["authentic"], request["trim_bottom"]) == ([str(more)], 0.05)


def test_network_with_few_steps(tree: Path, tmp_path: Path) -> None:
    out, work = tmp_path / "detector", tmp_path / "work"
    arguments = [
        str(out),
        str(tree),
        "--kind",
        "npr",
        "--epochs",
        "0.5",
        "--work",
        str(work),
        "--device",
        "cpu",
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "npr-" in result.stdout
    assert (work / "npr" / "checkpoint.safetensors").is_file()
    assert sorted(p.name for p in out.iterdir()) == [
        "detector.json", "evidence.json", "fitted_on.csv", "weights.safetensors",
    ]  # fmt: skip


def test_impossible_requests(tree: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    one_kind = CliRunner().invoke(app, [out, str(tree / "real"), "--kind", "frequency"])
    assert isinstance(one_kind.exception, CorpusError)
    device = CliRunner().invoke(app, [out, str(tree), "--kind", "npr", "--device", "cuda:9"])
    assert isinstance(device.exception, ForensicsError)
    kind = CliRunner().invoke(app, [out, str(tree), "--kind", "oracle"])
    assert isinstance(kind.exception, ForensicsError)
    assert "choose one of clip, cnn, discriminator" in str(kind.exception)
    assert not Path(out).exists()


def test_sets_of_features_are_chosen_and_recorded(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "detector"
    arguments = [str(out), str(tree), "--kind", "frequency", "--features", "peaks,blocks"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert load_detector(out).config["features"] == ["peaks", "blocks"]
    call = json.loads((out / "evidence.json").read_text())["call"]
    assert call["arguments"]["options"]["settings"]["frequency"]["features"] == ["peaks", "blocks"]
    wrong = CliRunner().invoke(app, [str(out), str(tree), "--kind", "frequency", "--features", "magic"])
    assert isinstance(wrong.exception, DetectorError)


def test_an_ensemble_of_chosen_parts(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "detector"
    weights = Path(forensics.__file__).parent / "weights" / "own-64" / "weights.safetensors"
    arguments = [str(out), str(tree), "--parts", "frequency,fingerprint,discriminator"]
    arguments += ["--weights", str(weights), "--features", "peaks"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    detector = load_detector(out)
    assert isinstance(detector, EnsembleDetector)
    assert [part.kind for part in detector.parts] == ["frequency", "fingerprint", "discriminator"]
    assert detector.parts[0].config["features"] == ["peaks"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kind", "discriminator"], "--weights"),
        (["--kind", "frequency", "--weights", "x.pkl"], "--weights is of a discriminator"),
        (["--kind", "patch", "--pack", "x"], "--pack is of a faces"),
        (["--kind", "patch", "--features", "dct"], "--features is of a frequency"),
        (["--kind", "patch", "--parts", "cnn"], "--parts are those of an ensemble"),
        (["--parts", "cnn,cnn"], "each kind once"),
        (["--parts", "cnn,../cnn"], "each kind once"),
        (["--parts", "cnn,oracle"], "unknown kind"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    tree: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    result = CliRunner().invoke(app, [str(tmp_path / "out"), str(tree), "--device", "cpu", *options])
    assert isinstance(result.exception, DetectorError)
    assert message in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_options_left_out_are_those_of_the_function() -> None:
    given = inspect.signature(train_detector).parameters
    for name in ("epochs", "trim_bottom", "jpeg_before", "self_made_weight", "seed", "device", "pools"):
        assert given[name].default == TrainDetectorOptions.__dataclass_fields__[name].default, name
