"""Dimensions of w by what each does: every effect has its own ranks."""

from __future__ import annotations

from forensics.studies.latent.effects import known_effects, ranked, strongest
from forensics.studies.latent.rows import DimensionRow

NAN = float("nan")


def a_row(dim: int, distance: float, change: float, similarity: float) -> DimensionRow:
    nothing = {"d_probability": NAN, "d_minus": NAN, "d_plus": NAN, "delta_in_sigma": 1.0}
    measured = {"feature_distance": distance, "pixel_change": change, "face_similarity": similarity}
    return DimensionRow(dim=dim, x=0.5, y=0.5, place="centre", map=[[0.0]], **nothing, **measured)


ROWS = [
    a_row(7, 0.5, 10.0, NAN),
    a_row(2, 0.4, 30.0, 0.9),
    a_row(5, 0.1, 20.0, 0.2),
]


def test_ranks_follow_each_effect_and_leave_out_what_is_not_known() -> None:
    assert known_effects(ROWS) == ["feature_distance", "pixel_change", "identity_change"]
    found = ranked(ROWS)
    assert [row.rank for row in found] == [1, 2, 3]
    assert [row.rank_pixel_change for row in found] == [3, 1, 2]
    assert [row.rank_identity_change for row in found] == [None, 2, 1]
    assert found[0].rank_log10_lr_change is None


def test_the_strongest_come_first() -> None:
    lines = {line.effect: line for line in strongest(ROWS)}
    assert lines["feature_distance"].dims == [7, 2, 5]
    assert lines["pixel_change"].dims == [2, 5, 7]
    assert lines["identity_change"].dims == [5, 2]
    assert lines["identity_change"].values == [0.8, 1 - 0.9]
