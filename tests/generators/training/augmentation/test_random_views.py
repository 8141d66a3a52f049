"""Views of images: what they change, what they leave, and that gradients pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from forensics.backbones.face_descriptor import load_descriptor
from forensics.corpus.photographs.loading import square
from forensics.generators.training.augmentation.random_views import drawn_views, viewed
from forensics.images import decode

STILL = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]])


def photographs(shared: Path, n: int) -> torch.Tensor:
    paths = sorted((shared / "data" / "faces256" / "train" / "real").iterdir())[:n]
    pixels = np.stack([square(decode(path).pixels, 64) for path in paths])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


def test_views_that_change_nothing_and_only_mirror(shared: Path) -> None:
    images = photographs(shared, 3)
    torch.testing.assert_close(viewed(images, STILL.expand(3, -1, -1)), images, atol=1e-5, rtol=0)
    mirror = STILL * torch.tensor([[-1.0, 1, 1], [1, 1, 1]])
    torch.testing.assert_close(viewed(images, mirror.expand(3, -1, -1)), images.flip(3), atol=1e-5, rtol=0)


def test_drawn_views_stay_in_their_ranges_and_follow_the_stream() -> None:
    torch.manual_seed(0)
    views = drawn_views(2000, torch.device("cpu"))
    torch.manual_seed(0)
    assert torch.equal(views, drawn_views(2000, torch.device("cpu")))
    size, shift = views[:, 1, 1], views[:, :, 2]
    assert 0.94 <= float(size.min()) < 0.942 < 1.058 < float(size.max()) <= 1.06
    assert 0.078 < float(shift.abs().max()) <= 0.08
    assert torch.equal(views[:, 0, 0].abs(), size)
    assert 0.45 < float((views[:, 0, 0] < 0).float().mean()) < 0.55


def test_a_person_stays_the_same_person(shared: Path) -> None:
    images = photographs(shared, 12)
    torch.manual_seed(0)
    descriptor = load_descriptor()
    with torch.no_grad():
        apart = torch.cdist(descriptor(viewed(images, drawn_views(12, images.device))), descriptor(images))
    assert float(apart.diagonal().mean()) < 0.4 < 0.7 < float(apart.mean())


def test_gradients_pass() -> None:
    images = torch.zeros(2, 3, 16, 16, requires_grad=True)
    torch.manual_seed(0)
    viewed(images, drawn_views(2, images.device)).sum().backward()
    assert images.grad is not None
    assert float((images.grad > 0).float().mean()) > 0.9
