"""Evidence maps keep one colour scale; thumbnails keep proportions."""

from __future__ import annotations

import numpy as np
import pytest

from forensics.report import images


@pytest.fixture(scope="module")
def photograph() -> images.Pixels:
    from skimage.data import astronaut

    return np.asarray(astronaut())[:400, :300]


def test_thumbnails_keep_proportions_and_are_never_enlarged(photograph: images.Pixels) -> None:
    assert images.thumbnail(photograph, 100).shape == (100, 75, 3)
    assert images.thumbnail(photograph, 1000) is photograph


def test_the_map_has_a_fixed_scale(photograph: images.Pixels) -> None:
    """A patch of +1 looks the same whatever else the map holds: nothing is stretched to the image."""
    quiet, loud = np.zeros((8, 6), np.float32), np.zeros((8, 6), np.float32)
    quiet[:4], loud[:4], loud[6:] = 1, 1, -30
    a, b = (images.evidence_overlay(photograph, m) for m in (quiet, loud))
    assert (a[:150] == b[:150]).all()
    assert not (a[350:] == b[350:]).all()


def test_no_evidence_is_no_colour(photograph: images.Pixels) -> None:
    grey = images.evidence_overlay(photograph, np.zeros((8, 6), np.float32))
    assert (grey == grey[..., :1]).all()


def test_orange_is_synthetic_and_blue_authentic(photograph: images.Pixels) -> None:
    red, _, blue = images.evidence_overlay(photograph, np.full((4, 4), 1.5)).mean(axis=(0, 1))
    assert red > blue + 50
    red, _, blue = images.evidence_overlay(photograph, np.full((4, 4), -1.5)).mean(axis=(0, 1))
    assert blue > red + 50


def test_the_legend_covers_the_scale() -> None:
    stops = images.legend_stops(5)
    assert [at for at, _ in stops] == [0, 25, 50, 75, 100]
    assert stops[2][1] == "rgb(165 165 165)"


def test_decibels_to_grey() -> None:
    assert images.decibel_picture(np.array([[-10.0, 0, 25, 50, 90]]), 0, 50).tolist() == [
        [0, 0, 128, 255, 255]
    ]
