"""Every hostile kind of detector folder ends in one line, and never in a score that is no number."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from skimage.data import astronaut

from tools.robustness.hostile.detectors import DETECTORS, HARMLESS, copy_of_the_shipped
from tools.robustness.measured import Outcome, assert_bounded, assert_refused, run_each


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """kind → what became of detecting a picture with it."""
    root = tmp_path_factory.mktemp("detectors")
    image = root / "picture.png"
    Image.fromarray(astronaut()[:256, :256]).save(image)
    cases: dict[str, list[str | Path]] = {}
    for name, alter in DETECTORS.items():
        folder = root / name
        folder.mkdir()
        copy_of_the_shipped(folder)
        alter(folder)
        cases[name] = ["detect", image, "--detector", folder, "--no-faces", "--json"]
    return run_each(cases)


@pytest.mark.slow
@pytest.mark.parametrize("name", DETECTORS)
def test_a_hostile_detector_is_refused(name: str, measured: dict[str, Outcome]) -> None:
    outcome = measured[name]
    if name not in HARMLESS:
        assert_refused(outcome, 0)
        return
    assert_bounded(outcome, 0)
    assert "\x1b" not in outcome.stdout + outcome.stderr
    assert all(json.loads(line)["log10_lr"] is not None for line in outcome.stdout.splitlines())
