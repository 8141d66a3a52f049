"""Scoring side by side: in order, not far ahead, and the same bits however many threads there are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from forensics.core.devices import uses_bfloat16
from forensics.detectors.contract import Detector
from forensics.detectors.finding import examine
from forensics.detectors.kinds.faces import FaceSignsDetector
from forensics.detectors.loading import load_detector
from forensics.detectors.parallel import grouped, in_order, thread_count
from forensics.images import DecodedImage, decode


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("without-clip")


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_come_in_order_and_little_is_read_ahead(threads: int) -> None:
    read: list[int] = []

    def items() -> Iterator[int]:
        for number in range(9):
            read.append(number)
            yield number

    found = []
    for item, square in in_order(lambda n: n * n, items(), threads):
        assert len(read) <= item + threads + 1
        found.append((item, square))
    assert found == [(n, n * n) for n in range(9)]


def test_two_are_worked_on_at_once() -> None:
    together = threading.Barrier(2, timeout=20)  # breaks where one waits alone
    assert [r for _, r in in_order(lambda n: together.wait() < 2, range(4), 2)] == [True] * 4


def test_what_goes_wrong_in_a_thread_is_raised_and_the_threads_of_pytorch_are_given_back() -> None:
    before = torch.get_num_threads()

    def work(n: int) -> int:
        assert torch.get_num_threads() == 1
        if n == 2:
            raise ValueError("the third")
        return n

    with pytest.raises(ValueError, match="the third"):
        list(in_order(work, range(5), 2))
    assert torch.get_num_threads() == before


def test_groups_are_small_where_images_are_large() -> None:
    megapixels = [1, 1, 1, 1, 1, 3, 1, 60, 1]
    assert list(grouped(megapixels, lambda n: n << 20)) == [[1, 1, 1, 1], [1, 3], [1, 60], [1]]
    assert list(grouped([], lambda n: n)) == []


def test_scores_do_not_depend_on_the_number_of_threads(
    detector: Detector, shared: Path, two_threads: None
) -> None:
    faces = sorted((shared / "data" / "faces256" / "train" / "stylegan3").glob("*.png"))[:5]
    originals = sorted(p for p in (shared / "data" / "originals1024" / "real").iterdir() if p.is_file())[:2]
    images: list[DecodedImage] = [decode(path) for path in (*faces, *originals)]
    assert thread_count([detector]) == 2
    side_by_side = [f.log10_lr for f in examine(images, detector, batch=1)]
    torch.set_num_threads(1)
    alone = [f.log10_lr for f in examine(images, detector, batch=1)]
    # To the last bit; 1e-16 apart was seen on a CPU with AMX.
    np.testing.assert_allclose(alone, side_by_side, rtol=0, atol=1e-13 if uses_bfloat16("cpu") else 0)
    np.testing.assert_allclose([f.log10_lr for f in examine(images, detector)], side_by_side, atol=1e-9)


def test_one_thread_where_a_face_is_looked_for_or_a_gpu_computes(two_threads: None) -> None:
    @dataclass
    class Part:
        threads: bool = True
        device: str = "cpu"
        parts: tuple[Part, ...] = ()

    assert thread_count([Part()]) == 2  # type: ignore[list-item]
    assert thread_count([Part(threads=FaceSignsDetector.threads)]) == 1  # type: ignore[list-item]
    assert thread_count([Part(parts=(Part(), Part(threads=False)))]) == 1  # type: ignore[list-item]
    assert thread_count([Part(), Part(device="cuda:0")]) == 1  # type: ignore[list-item]
