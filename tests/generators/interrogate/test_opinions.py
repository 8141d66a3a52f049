"""What faces and detector say, on real photographs; and the delta at which a face is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from forensics.detectors.faces import load_faces
from forensics.generators.interrogate.latent import LatentPlan, MovedLatents
from forensics.generators.interrogate.opinions import Opinions
from forensics.generators.interrogate.subject import load_subject
from forensics.images import decode, find_images, resize
from tests.generators.interrogate.made import srcnet_file


class FixedDetector:
    """Scores an image by its mean."""

    def score(self, images: list[np.ndarray]) -> np.ndarray:
        return np.array([float(image.mean()) for image in images])


def test_faces_lost_and_kept_are_told(shared: Path) -> None:
    paths = find_images([shared / "data" / "faces256" / "val" / "real"])[0][:3]
    photographs = np.stack([resize(decode(path).pixels, (128, 128)) for path in paths])
    faces = load_faces("scrfd_mbf", shared / "data" / "insightface")
    opinions = Opinions(photographs, faces, FixedDetector())  # type: ignore[arg-type]
    same = opinions.measure(photographs)
    assert same["face_yield"] == 1
    assert same["face_similarity"] == pytest.approx(1)
    assert same["log10_lr"] == pytest.approx(photographs.mean())
    flat = np.full_like(photographs[0], 127)
    other = opinions.measure(np.stack([photographs[0], photographs[2], flat]))
    assert other["face_yield"] == pytest.approx(2 / 3)
    assert other["face_score"] < same["face_score"]
    assert other["face_similarity"] < 0.9  # one the same, one another person, one none
    assert np.isnan(opinions.measure(np.stack([flat] * 3))["face_similarity"])
    assert Opinions(photographs).measure(photographs) == {}


def test_a_face_is_lost_at_the_first_step_of_the_ladder_that_loses_half(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = MovedLatents(load_subject(srcnet_file(shared, tmp_path)), LatentPlan(images=4))

    class Lost:
        """Faces are there while dimension 5 is above -15 and under 150."""

        def measure(self, images: np.ndarray) -> dict[str, float]:
            return {"face_yield": float(-15 < images[0, 0, 5] - moved.ws[0, 0, 5] < 150)}

    monkeypatch.setattr(moved, "_opinions", Lost())
    monkeypatch.setattr(moved, "pixels_of", lambda ws: ws.numpy())
    assert moved.lost_at(5) == -20
    assert moved.lost_at(6) is None
