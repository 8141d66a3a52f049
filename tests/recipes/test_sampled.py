"""Image i of a recipe is a function of the recipe and i, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.generators.base import Generator
from forensics.recipes.parts.blocks import blocks
from forensics.recipes.sampled import Sampled


@pytest.mark.parametrize("noise", ["const", "random", "none"])
def test_chunking_leaves_no_trace(generator: Generator, noise: str) -> None:
    plan = Sampled(generator, 33, seed=4, psi=0.8, noise=noise)
    whole = plan.make(range(33))
    for cut in ([1, 4, 5, 23], [20, 13], [33]):
        start = 0
        for length in cut:
            part = plan.make(range(start, start + length))
            assert np.array_equal(part.images, whole.images[start : start + length])
            assert part.rows == whole.rows[start : start + length]
            for name in ("z", "ws"):
                assert np.array_equal(part.latents[name], whole.latents[name][start : start + length])
            start += length
    assert np.array_equal(plan.make([17]).images[0], whole.images[17])
    assert np.array_equal(
        Sampled(generator, 500, seed=4, psi=0.8, noise=noise).make([32]).images[0], whole.images[32]
    )


@settings(max_examples=50, deadline=None)
@given(indices=st.lists(st.integers(0, 200), unique=True).map(sorted))
def test_blocks_hold_every_index_once_in_order(generator: Generator, indices: list[int]) -> None:
    found = [block[place] for block, places in blocks(generator, indices) for place in places]
    assert found == indices
    assert all(block.start % 10 == 0 and len(block) == 10 for block, _ in blocks(generator, indices))


def test_noise_random_depends_on_seed_and_index_only(generator: Generator) -> None:
    one = Sampled(generator, 4, seed=1, psi=0.0, noise="random").make(range(4)).images
    torch.manual_seed(99)
    again = Sampled(generator, 4, seed=1, psi=0.0, noise="random").make([2]).images
    other = Sampled(generator, 4, seed=2, psi=0.0, noise="random").make(range(4)).images
    assert np.array_equal(again[0], one[2])
    assert not np.array_equal(one[0], one[1])  # the same w, other noise
    assert not np.array_equal(one, other)


def test_psi_zero_is_the_mean_face_and_psi_one_is_not_truncated(generator: Generator) -> None:
    mean = generator.w_avg[None, None].expand(10, generator.num_ws, -1)
    expected = generator.to_uint8(generator.synthesize(mean))[0]
    images = Sampled(generator, 3, psi=0.0).make(range(3)).images
    assert all(np.array_equal(image, expected) for image in images)
    made = Sampled(generator, 2, seed=3, psi=1.0).make([1])
    z = generator.sample_z(2, seed=3)
    assert np.array_equal(made.latents["z"][0], z[1].numpy())
    np.testing.assert_allclose(made.latents["ws"], generator.map(z)[1:].numpy(), rtol=1e-5, atol=1e-6)


def test_rows_hold_every_number(generator: Generator) -> None:
    (row,) = Sampled(generator, 9, seed=5, psi=0.6, noise="none").make([8]).rows
    assert row.label == 1
    assert row.generator == generator.weights_sha256
    assert row.params == {"seed": 5, "index": 8, "psi": 0.6, "noise": "none"}
