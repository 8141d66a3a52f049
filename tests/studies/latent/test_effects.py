"""Dimensions of w by what each does: every effect has its own ranks."""

from __future__ import annotations

from forensics.studies.latent.effects import known_effects, ranked, strongest

NAN = float("nan")
ROWS = [
    {"dim": 7, "feature_distance": 0.5, "pixel_change": 10.0, "face_similarity": NAN},
    {"dim": 2, "feature_distance": 0.4, "pixel_change": 30.0, "face_similarity": 0.9},
    {"dim": 5, "feature_distance": 0.1, "pixel_change": 20.0, "face_similarity": 0.2},
]


def test_ranks_follow_each_effect_and_leave_out_what_is_not_known() -> None:
    assert known_effects(ROWS) == ["feature_distance", "pixel_change", "identity_change"]
    found = ranked(ROWS)
    assert [row["rank"] for row in found] == [1, 2, 3]
    assert [row["rank_pixel_change"] for row in found] == [3, 1, 2]
    assert [row["rank_identity_change"] for row in found] == [None, 2, 1]
    assert "rank_log10_lr_change" not in found[0]


def test_the_strongest_come_first() -> None:
    lines = {line["effect"]: line for line in strongest(ROWS)}
    assert lines["feature_distance"]["dims"] == [7, 2, 5]
    assert lines["pixel_change"]["dims"] == [2, 5, 7]
    assert lines["identity_change"]["dims"] == [5, 2]
    assert lines["identity_change"]["values"] == [0.8, 1 - 0.9]
