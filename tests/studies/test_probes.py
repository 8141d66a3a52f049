"""What faces and detector say, on real photographs; and the delta at which a face is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from forensics.faces.analyser import load_faces
from forensics.images import decode, find_images, resize
from forensics.studies.latent.rows import LossRow
from forensics.studies.latent.sweeps import LatentPlan, MovedLatents
from forensics.studies.probes import Probe, ProbeRow, ReferenceProbe
from forensics.studies.subject import load_subject
from tests.studies.made import srcnet_file


class FixedDetector:
    """Scores an image by its mean."""

    def score(self, images: list[np.ndarray]) -> np.ndarray:
        return np.array([float(image.mean()) for image in images])


def test_faces_lost_and_kept_are_told(shared: Path) -> None:
    paths = find_images([shared / "data" / "faces256" / "val" / "real"])[0][:3]
    photographs = np.stack([resize(decode(path).pixels, (128, 128)) for path in paths])
    faces = load_faces("scrfd_mbf", shared / "data" / "insightface")
    probe = ReferenceProbe(Probe(faces, FixedDetector()), photographs)  # type: ignore[arg-type]
    same = probe.measure(photographs)
    assert same.face_yield == 1
    assert same.face_similarity == pytest.approx(1)
    assert same.log10_lr == pytest.approx(photographs.mean())
    assert same.log10_lr_change == 0
    flat = np.full_like(photographs[0], 127)
    other = probe.measure(np.stack([photographs[0], photographs[2], flat]))
    assert other.face_yield == pytest.approx(2 / 3)
    means = photographs.mean(axis=(1, 2, 3))
    changes = [0, abs(means[2] - means[1]), abs(127 - means[2])]
    assert other.log10_lr_change == pytest.approx(np.mean(changes))
    assert probe.faces_left(np.stack([flat, photographs[0]])) == 0.5
    assert other.face_score < same.face_score
    assert other.face_similarity < 0.9  # one the same, one another person, one none
    assert np.isnan(probe.measure(np.stack([flat] * 3)).face_similarity)
    assert ReferenceProbe(Probe(), photographs).measure(photographs) == ProbeRow()


def test_a_face_is_lost_at_the_first_step_of_the_ladder_that_loses_half(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = MovedLatents(load_subject(srcnet_file(shared, tmp_path)), LatentPlan(images=4))

    class Lost:
        """Faces are there while dimension 5 is above -15 and under 150."""

        def __init__(self) -> None:
            self.asked = 0

        def faces_left(self, images: np.ndarray) -> float:
            self.asked += 1
            return float(-15 < images[0, 0, 5] - moved.ws[0, 0, 5] < 150)

    lost = Lost()
    monkeypatch.setitem(vars(moved), "probe", lost)
    monkeypatch.setattr(moved, "pixels_of", lambda ws: ws.numpy())
    assert moved.lost_at(5) == LossRow(lost_minus=-15, lost_plus=150, lost_at=-15)
    assert moved.lost_at(6) == LossRow()
    lost.asked = 0
    moved.lost_at(5, {-15.0: 0.0, -12.0: 1.0, 100.0: 1.0, 150.0: 0.0})  # what is known is not asked again
    assert lost.asked <= 6


def test_what_holds_no_face_has_none_to_lose(shared: Path, tmp_path: Path) -> None:
    pack = str(shared / "data" / "insightface" / "models" / "scrfd_mbf")
    plan = LatentPlan(images=4, face_pack=pack)
    moved = MovedLatents(load_subject(srcnet_file(shared, tmp_path)), plan)  # random weights: no faces
    assert moved.faces_at_start == 0
    assert moved.lost_at(3) == LossRow(lost_minus=0, lost_plus=0, lost_at=0)


def test_a_dimension_is_ranked_by_what_the_detector_says_too(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = MovedLatents(load_subject(srcnet_file(shared, tmp_path)), LatentPlan(images=4, detector="fixed"))
    detector = FixedDetector()
    probe = ReferenceProbe(Probe(None, detector), moved.pixels)  # type: ignore[arg-type]
    monkeypatch.setitem(vars(moved), "probe", probe)
    row = moved.dimension_row(3, 1.0)
    scores = [detector.score(list(moved.pixels_of(moved.moved(3, signed)))) for signed in (-10, 10)]
    assert [row.log10_lr_minus, row.log10_lr_plus] == [s.mean() for s in scores]
    before = detector.score(list(moved.pixels))
    assert row.log10_lr_change == pytest.approx(np.mean([np.abs(s - before).mean() for s in scores]))
    assert row.log10_lr_change > 0
    assert row.lost_at is None
    without = MovedLatents(moved.subject, LatentPlan(images=4)).dimension_row(3, 1.0)
    assert {without.log10_lr, without.log10_lr_change, without.log10_lr_minus, without.log10_lr_plus} == {
        None
    }
