"""Which detector `default` is: that on CLIP's tower where it was pulled, else the other, which says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from forensics.core.weights import FOLDER
from forensics.detectors.loading import WITHOUT_CLIP, default_folder, load_detector, weaker_here
from forensics.examiner.detection import detect

needs_detector = pytest.mark.skipif(
    not (FOLDER / "detector-clip").is_dir(), reason="this checkout ships no detector on CLIP's tower"
)


@needs_detector
def test_without_the_tower_the_older_detector_is_used_and_the_command_is_named() -> None:
    assert default_folder() == default_folder(WITHOUT_CLIP) == FOLDER / "detector"
    assert "forensics models pull clip-vit-b16" in weaker_here()
    assert "\n" not in weaker_here()
    (finding,) = detect(np.zeros((256, 256, 3), np.uint8))
    assert weaker_here() in finding.warnings
    assert finding.families == ()


@needs_detector
def test_with_the_tower_families_are_told(networks: Callable[[str], Path], shared: Path) -> None:
    networks("clip-vit-b16")
    assert weaker_here() == ""
    assert default_folder() == FOLDER / "detector-clip"
    assert load_detector().kind == "clip"
    assert load_detector(WITHOUT_CLIP).kind == "ensemble"
    path = sorted((shared / "data" / "faces256" / "val" / "stylegan2").iterdir())[0]
    (finding,) = detect(path)
    assert not any("weaker" in warning for warning in finding.warnings)
    assert finding.families[0].family == "sampled:gan"
    assert finding.families == tuple(sorted(finding.families, key=lambda one: -one.log10_lr))
    assert finding.to_json()["family"] in ("", "sampled:gan")
