"""What a detector is shown: a rule of the size alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.images import resize
from forensics.images.views import LARGEST_NATIVE_PX, SMALLEST_PX, WORKING_PX, working_view


@pytest.mark.parametrize("size_px", [SMALLEST_PX, 128, 256, LARGEST_NATIVE_PX])
def test_small_images_are_scored_as_they_are(size_px: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (size_px, size_px + 7, 3), np.uint8)
    assert np.array_equal(working_view(image), image)


def test_large_images_are_shrunk_as_the_training_images_were() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), np.uint8)
    assert np.array_equal(working_view(image), resize(image, (WORKING_PX, WORKING_PX), "bicubic"))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 900), st.integers(1, 900))
def test_any_size_becomes_a_size_the_networks_take(height: int, width: int) -> None:
    view = working_view(np.full((height, width, 3), 200, np.uint8))
    assert view.dtype == np.uint8
    assert SMALLEST_PX <= min(view.shape[:2]) <= LARGEST_NATIVE_PX
    assert max(view.shape[:2]) <= 4 * LARGEST_NATIVE_PX
    assert (view == 200).all()
    assert np.array_equal(working_view(view), view)


@pytest.mark.parametrize(
    "image", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3)), np.zeros((0, 8, 3), np.uint8)]
)
def test_other_arrays_are_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        working_view(image)
