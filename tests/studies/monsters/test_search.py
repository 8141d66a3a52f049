"""Scan and bisection against borders that are known."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from forensics.core.errors import ForensicsError
from forensics.studies.monsters.plan import MonsterPlan
from forensics.studies.monsters.search import Loss, first_losses

RADII = [0.5, 1.0, 1.5, 2.0, 3.0, 4.0]


def search(
    faces: Sequence[Sequence[tuple[float, float]]], halvings: int = 10
) -> tuple[list[Loss], list[int]]:
    """`faces`: for each direction the stretches of radius [from, to) that hold one. Losses, and images a look."""
    looks: list[int] = []

    def look(points: Sequence[tuple[int, float]]) -> list[float]:
        looks.append(len(points))
        return [0.9 if any(a <= r < b for a, b in faces[i]) else 0.0 for i, r in points]

    return first_losses(RADII, look, len(faces), 0.5, halvings), looks


def test_every_border_is_found_to_the_width_of_the_last_bracket() -> None:
    borders = [0.1, 0.77, 1.3, 2.9, 3.9]
    losses, looks = search([[(0, border)] for border in borders])
    for border, loss in zip(borders, losses, strict=True):
        assert loss.radius is not None
        assert loss.kept_at < border <= loss.radius
        assert loss.radius - loss.kept_at <= 1 / 2**10
        assert (loss.score, loss.back_at) == (0.0, None)
    assert looks == [5 * 7, *[5] * 10]  # all directions together, one batch a halving


def test_a_face_that_comes_back_does_not_hide_the_first_border() -> None:
    (loss,), _ = search([[(0, 1.2), (2.5, 9)]])
    assert loss.radius == pytest.approx(1.2, abs=1e-3)
    assert loss.back_at == 3.0
    # What bisecting from the far end would have found: a face at 4, so nothing at all.
    (kept,), _ = search([[(0, 9)]])
    assert kept == Loss(None, 4.0, None, None)


def test_no_face_at_the_start_is_lost_at_radius_0() -> None:
    losses, looks = search([[], [(0.4, 0.6)]])
    assert losses[0] == Loss(0.0, 0.0, 0.0, None)
    assert losses[1] == Loss(0.0, 0.0, 0.0, 0.5)
    assert looks[1:] == [0] * 10


def test_radii_and_positions_are_those_stated() -> None:
    options = MonsterPlan(scan_step=0.5, scan_until=2, max_radius=4, walk_length=100, walk_every=30)
    assert options.radii == [0.5, 1.0, 1.5, 2.0, 2.5, 3.125, 3.90625, 4.0]
    assert options.positions == [*range(21), 30, 60, 90, 99]
    assert MonsterPlan(max_radius=1).radii == [0.25, 0.5, 0.75, 1.0]
    assert MonsterPlan(map_rings=3, map_radius=1.5).rings == [0.5, 1.0, 1.5]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"components": -2}, "-1 for all"),
        ({"random": -1}, "negative"),
        ({"threshold": 0.0}, "0 to 1"),
        ({"max_radius": 0.1}, "scan step"),
        ({"max_radius": float("inf")}, "scan step"),
        ({"bank": 0}, "at least 1"),
        ({"map_angles": 3}, "4 angles"),
        ({"steps": (0.0,)}, "above 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, float], words: str) -> None:
    with pytest.raises(ForensicsError, match=words):
        MonsterPlan(**options)  # type: ignore[arg-type]
