"""Alignment: the square of a turned face, the way back, and photographs that are aligned already."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import forensics
from forensics.core.errors import ForensicsError
from forensics.faces.alignment import Alignment, aligned, centre_alignment, ffhq_alignment, paste_back
from forensics.faces.contract import best_face
from forensics.faces.finder import load_face_finder


@pytest.fixture(scope="module")
def face() -> NDArray[np.uint8]:
    generator = forensics.load_generator("ffhq-128", device="cpu")
    with torch.inference_mode():
        return generator.to_uint8(generator.synthesize(generator.map(generator.sample_z(1), psi=0.5)))[0]


def test_a_generated_aligned_face_stays_where_it_is(face: NDArray[np.uint8]) -> None:
    found = best_face(load_face_finder().find(face))
    assert found is not None
    square = ffhq_alignment(found.landmarks, 128, 128)
    assert np.abs(square.corners.mean(axis=0) - 64).max() < 0.05 * 128
    assert abs(square.side / 128 - 1) < 0.1


def test_the_square_turns_moves_and_grows_with_the_points() -> None:
    points = np.array([[40, 50], [80, 50], [60, 70], [46, 92], [74, 92]], np.float64)
    plain = ffhq_alignment(points, 300, 300)
    turn = 1.7 * np.array([[0.8, -0.6], [0.6, 0.8]])
    turned = ffhq_alignment(points @ turn.T + [30, -9], 300, 300)
    assert turned.corners == pytest.approx(plain.corners @ turn.T + [30, -9])
    assert plain.corners[0, 0] < plain.corners[3, 0]
    assert plain.corners[0, 1] < plain.corners[1, 1]


def test_the_whole_square_at_its_own_size_is_the_image(face: NDArray[np.uint8]) -> None:
    assert np.array_equal(aligned(face, centre_alignment(128, 128), 128), face)


def test_an_edit_is_pasted_back_where_it_was(face: NDArray[np.uint8]) -> None:
    c, s = 70 * np.cos(0.3), 70 * np.sin(0.3)
    square = Alignment(np.array([[c, -s, 50.0], [s, c, 20.0]]), 128, 128)
    square = Alignment.from_json(json.loads(json.dumps(square.to_json())))
    back = paste_back(face, aligned(face, square, 256), square)
    assert np.abs(back.astype(int) - face).mean() < 1.0
    painted = paste_back(face, np.zeros((64, 64, 3), np.uint8), square)
    x, y = square.corners.mean(axis=0).astype(int)
    assert painted[y, x].max() == 0
    assert np.array_equal(painted[:15], face[:15])


def test_beyond_the_border_it_is_mirrored(face: NDArray[np.uint8]) -> None:
    wide = Alignment(np.array([[256.0, 0, -128], [0, 256.0, 0]]), 128, 128)
    assert np.array_equal(aligned(face, wide, 256)[:128, :128], face[:, ::-1])


def test_what_cannot_be_aligned_is_one_line(face: NDArray[np.uint8]) -> None:
    with pytest.raises(ForensicsError, match="lie on one another"):
        ffhq_alignment(np.zeros((5, 2)), 9, 9)
    with pytest.raises(ForensicsError, match="give the image it was made of"):
        aligned(face, centre_alignment(64, 64), 64)
    with pytest.raises(ForensicsError, match="no alignment"):
        Alignment.from_json({"matrix": [1]})
