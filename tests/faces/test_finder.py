"""The face finder that ships: faces are found without a pack, and what is none is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data

from forensics.faces.analyser import load_faces
from forensics.faces.finder import FaceFinder, MeshFace, load_face_finder
from forensics.images import decode


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return load_face_finder()


def photographs(folder: Path, n: int) -> list[np.ndarray]:
    """`n` photographs of a folder, spread over it."""
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".png", ".jpg"))
    return [decode(path).pixels for path in paths[:: max(1, len(paths) // n)][:n]]


def test_faces_that_fill_the_frame_are_found(finder: FaceFinder, shared: Path) -> None:
    data = shared / "data"
    for folder in (data / "faces256/val/real", data / "families/train/real_ciplab", data / "wild128"):
        for pixels in photographs(folder, 10):
            faces = finder.find(pixels)
            assert len(faces) == 1
            left, top, right, bottom = faces[0].box
            middle = pixels.shape[1] / 2, pixels.shape[0] / 2
            assert left < middle[0] < right
            assert top < middle[1] < bottom


def test_landmarks_agree_with_those_of_a_pack(finder: FaceFinder, shared: Path) -> None:
    pack = load_faces("scrfd_mbf", shared / "data/insightface")
    for pixels in photographs(shared / "data/faces256/val/real", 8):
        (face,), (other, *_) = finder.find(pixels), pack.analyse(pixels)
        between_eyes = float(np.linalg.norm(other.landmarks[1] - other.landmarks[0]))
        away = np.linalg.norm(face.landmarks - other.landmarks, axis=1) / between_eyes
        assert float(away.mean()) < 0.12
        assert float(away.max()) < 0.35


@pytest.mark.parametrize("name", ["cat", "coffee", "rocket", "brick", "page", "horse", "grass", "moon"])
def test_what_is_no_face_is_not_found(finder: FaceFinder, name: str) -> None:
    pixels = np.asarray(getattr(skimage.data, name)())
    pixels = (pixels * 255).astype(np.uint8) if pixels.dtype == bool else pixels
    assert finder.find(np.stack([pixels] * 3, -1) if pixels.ndim == 2 else pixels) == []


def test_every_face_of_a_group_is_found(finder: FaceFinder, shared: Path) -> None:
    group = np.full((900, 1400, 3), 90, np.uint8)
    for k, pixels in enumerate(photographs(shared / "data/faces256/val/real", 12)):
        face = pixels[::2, ::2]
        y, x = 60 + 280 * (k // 4), 60 + 330 * (k % 4)
        group[y : y + 128, x : x + 128] = face
    assert len(finder.find(group)) == 12


def test_a_turned_head_and_a_mirror_image(finder: FaceFinder, shared: Path) -> None:
    pixels = photographs(shared / "data/faces256/val/real", 1)[0]
    (face,) = finder.find(pixels)
    (mirrored,) = finder.find(pixels[:, ::-1])
    expected = face.landmarks[[1, 0, 2, 4, 3]] * (-1, 1) + (pixels.shape[1] - 1, 0)
    assert float(np.abs(mirrored.landmarks - expected).max()) < 0.05 * pixels.shape[1]
    assert isinstance(face, MeshFace)
    assert face.mesh.shape == (468, 2)
    assert face.mesh.dtype == np.float32


def test_odd_shapes_are_no_error(finder: FaceFinder) -> None:
    for height, width in ((1, 1), (1, 90), (3, 1000), (40, 30)):
        assert finder.find(np.zeros((height, width, 3), np.uint8)) == []
    with pytest.raises(ValueError, match="uint8"):
        finder.find(np.zeros((8, 8), np.uint8))
