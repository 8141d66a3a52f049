"""Ways in which what is measured and reported flatters a detector.

The numbers are those of the list of evaluation traps in the literature that the benchmark was designed against; the
sixteen are in test_traps_of_data.py (1-4, 9, 10, 14), test_traps_of_training.py (5, 6, 13, 15) and
test_traps_of_reporting.py (7, 8, 11, 12, 16), one test each, which fails where we fall into it.
"""

from __future__ import annotations

import inspect
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from forensics import cli
from forensics.benchmarks.perturbations.named import parse, perturb
from forensics.benchmarks.run import BenchmarkOptions
from forensics.commands.detectors.benchmark import benchmark as command
from forensics.core.errors import DetectorError
from forensics.core.files import sha256_file
from forensics.core.registry import methods
from forensics.detectors.loading import load_detector
from forensics.images import decode
from forensics.images.views import working_view
from tests.benchmarks.brightness import brightness
from tests.benchmarks.brightness_run import run
from tests.benchmarks.made_up_pools import tiny


def test_07_threshold_tuned_on_the_test_set(faces: Path, tmp_path: Path) -> None:
    """Verdicts come from the shipped thresholds: with every test image darker, none is called synthetic any more,
    where a threshold found on the test set would have followed."""
    dark = tmp_path / "dark"
    shutil.copytree(faces, dark)
    for file in dark.rglob("*.png"):
        with Image.open(file) as image:
            Image.fromarray(np.asarray(image.convert("RGB")) // 4).save(file)
    before, after = run(faces, tmp_path / "a"), run(dark, tmp_path / "b")
    shipped = brightness().thresholds
    for outcome in (before, after):
        assert outcome.to_json()["thresholds"] == shipped.to_json()
    assert all(v.counts["authentic"] == v.n for v in after.verdicts)
    assert any(v.counts["authentic"] < v.n for v in before.verdicts)


def test_08_auc_hides_the_operating_point(faces: Path, tmp_path: Path) -> None:
    """A detector that ranks as before but says everything is synthetic keeps its AUC and loses everything else."""
    honest, shifted = run(faces, tmp_path / "a"), run(faces, tmp_path / "b", detector=brightness(offset=6.0))
    first, second = honest.measured[0].estimates, shifted.measured[0].estimates
    assert second["auc"].value == first["auc"].value
    assert second["cllr"].value > first["cllr"].value + 1
    assert second["calibration_loss"].value > 1
    assert {"tpr_at_fpr_0.01", "tpr_at_fpr_0.001", "fpr_reached_0.01", "fpr_reached_0.001", "cllr"} <= set(
        first
    )
    alarms = [v for v in shifted.verdicts if v.label == 0]
    assert all(v.counts["synthetic"] == v.n for v in alarms)
    page = (Path(__file__).parents[2] / "forensics" / "report" / "templates" / "benchmark.html").read_text()
    assert all(name in page for name in ("tpr_at_fpr_0.01", "tpr_at_fpr_0.001", "fpr_reached", "cllr"))


STRENGTHS = {
    "jpeg": [95, 90, 75, 50, 30], "webp": [95, 75, 50, 30], "resize": [90, 75, 50, 25], "blur": [0.5, 1, 2, 4],
    "noise": [2, 5, 10, 20], "gamma": [1.05, 1.3, 1.8], "history": [95, 75, 40], "doublejpeg": [95, 60, 30],
    "messenger": [90, 60, 30], "crop": [95, 75, 50], "scale": [90, 50, 25],
}  # fmt: skip


@pytest.mark.parametrize("kind", [m.name for m in methods("perturbation") if m.name != "none"])
def test_11_degradations_do_what_they_say(faces: Path, kind: str) -> None:
    """The strength reaches the pixels: each step harsher, each result farther from the image."""
    file = sorted((faces / "real").iterdir())[1]
    pixels, sha256 = decode(file).pixels, sha256_file(file)
    distances = []
    for strength in STRENGTHS[kind]:
        after, draws = perturb(pixels, parse(f"{kind}{strength}")[0], seed=0, sha256=sha256)
        assert strength in draws.values()
        distances.append(_distance(pixels, after, draws))
    assert distances == sorted(distances)
    assert len(set(distances)) == len(distances)


Pixels = Any


def _distance(pixels: Pixels, after: Pixels, draws: dict[str, Any]) -> float:
    """Mean squared difference from the image, or, where it got another size, from the piece or size it has now."""
    if "top" in draws:
        return 1 - after.size / pixels.size
    rows, columns = int(draws.get("dy", 0)), int(draws.get("dx", 0))
    whole = pixels[rows:, columns:]
    if after.shape != whole.shape:
        after = np.asarray(Image.fromarray(after).resize(whole.shape[1::-1], Image.Resampling.BICUBIC))
    return float(np.mean((whole.astype(float) - after) ** 2))


def test_12_a_crop_is_not_the_image(faces: Path, tmp_path: Path) -> None:
    """Every corner of a large image counts: nothing is cropped to the middle on the way to the score."""
    detector = brightness()
    run(faces, tmp_path / "out", detector=detector)
    assert {image.shape for image in detector.seen} == {(256, 256, 3)}
    large = np.full((1024, 1024, 3), 90, np.uint8)
    for rows in (slice(0, 64), slice(-64, None)):
        for columns in (slice(0, 64), slice(-64, None)):
            marked = large.copy()
            marked[rows, columns] = 255
            assert (working_view(marked) != working_view(large)).any()


def test_16_a_benchmark_that_cannot_run(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """From the command line to the report, with a detector trained a moment ago; every option it lists is used; and a
    detector's folder cannot run code."""
    detector = tiny(tmp_path)
    words = [
        str(faces),
        "--out",
        str(tmp_path / "out"),
        "--detector",
        str(tmp_path / "detector"),
        "--perturb",
        "jpeg70",
    ]
    monkeypatch.setattr("sys.argv", ["forensics", "benchmark", *words, "--json"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 0
    summary = json.loads(capfd.readouterr().out)
    assert summary["counts"]["scored"] == 24
    assert summary["detector"]["id"] == detector.id
    for name in ("scores.csv", "results.csv", "results.json", "report.html", "evidence.json"):
        assert (tmp_path / "out" / name).stat().st_size > 500
    options = set(inspect.signature(command).parameters)
    renamed = {"detector": "detectors", "as_json": None}
    assert {renamed.get(o, o) for o in options} - {None} == set(BenchmarkOptions.__dataclass_fields__)
    (tmp_path / "detector" / "weights.safetensors").write_bytes(b"\x80\x04cos\nsystem\n(S'touch pwned'\ntR.")
    with pytest.raises(DetectorError, match="cannot be read"):
        load_detector(tmp_path / "detector")
