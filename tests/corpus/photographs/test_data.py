"""The order in which images are shown, and how they become batches."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.corpus.photographs.data import Sampler, TrainingImages


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 40), seed=st.integers(0, 2**32), batch=st.integers(1, 17), epochs=st.integers(1, 3))
def test_every_image_once_an_epoch_whatever_the_batch(n: int, seed: int, batch: int, epochs: int) -> None:
    sampler = Sampler(n, seed, mirror=True)
    total = n * epochs
    drawn = [sampler.draw(k, min(batch, total - k)) for k in range(0, total, batch)]
    indices = np.concatenate([d[0] for d in drawn])
    for epoch in range(epochs):
        assert sorted(indices[epoch * n : (epoch + 1) * n]) == list(range(n))


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 30), seed=st.integers(0, 1000), positions=st.lists(st.integers(0, 200), max_size=10))
def test_a_position_shows_the_same_image_whatever_was_asked_before(
    n: int, seed: int, positions: list[int]
) -> None:
    fresh = [Sampler(n, seed, mirror=True).draw(k, 1) for k in positions]
    used = Sampler(n, seed, mirror=True)
    assert fresh == [used.draw(k, 1) for k in positions]


def test_mirroring_is_half_the_time_and_only_when_asked() -> None:
    assert 400 < Sampler(1000, 0, mirror=True).draw(0, 1000)[1].sum() < 600
    assert not Sampler(1000, 0, mirror=False).draw(0, 1000)[1].any()


def test_seeds_and_epochs_differ() -> None:
    sampler = Sampler(50, 0, mirror=False)
    first, second = sampler.draw(0, 50)[0], sampler.draw(50, 50)[0]
    assert (first != second).any()
    assert (first != Sampler(50, 1, mirror=False).draw(0, 50)[0]).any()


def test_batch_is_the_pixels_in_minus_one_to_one(images: TrainingImages) -> None:
    x = images.batch(np.array([3, 3, 5]), np.array([False, True, False]))
    assert x.dtype == torch.float32
    assert x.shape == (3, 3, 16, 16)
    assert torch.equal(x[1], x[0].flip(2))
    back = ((x + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(back[2], images.pixels[5])
