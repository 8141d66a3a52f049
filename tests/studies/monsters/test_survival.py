"""Kaplan-Meier on numbers worked by hand, and directions that keep their face."""

from __future__ import annotations

import numpy as np
import pytest

from forensics.studies.monsters.survival import survival


def test_the_product_limit_by_hand() -> None:
    # Freireich et al. 1963, 6-MP arm, in weeks: 21 patients, 9 events; the published curve falls to 0.448 at 23.
    events = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    found = survival([*events, *[None] * 12], [*[40.0] * 9, *censored])
    at = dict(zip(found.radii.tolist(), found.share.tolist(), strict=True))
    expected = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    for week, share in expected.items():
        assert at[week] == pytest.approx(share, abs=5e-4)
    assert (found.n, found.lost) == (21, 9)
    assert found.quantile(0.5) == 23
    assert found.quantile(0.75) is None
    low, high = found.median_interval
    assert (low, high) == (13, None)  # as published for log-log intervals: 13 to unbounded


def test_all_kept_to_the_same_end_is_the_plain_share() -> None:
    found = survival([1.0, 2.0, 2.0, None, None], [4.0] * 5)
    at = dict(zip(found.radii.tolist(), found.share.tolist(), strict=True))
    assert (at[1.0], at[2.0]) == (pytest.approx(0.8), pytest.approx(0.4))
    assert found.quantile(0.5) == 2.0
    assert found.quantile(0.9) is None
    assert np.all(found.low <= found.share)
    assert np.all(found.share <= found.high)


def test_none_lost_says_more_than_nothing_and_all_lost_ends_at_0() -> None:
    kept = survival([None] * 30, [16.0] * 30)
    assert kept.quantile(0.1) is None
    assert kept.median_interval == (None, None)
    assert kept.low[-1] == pytest.approx(0.9)  # rule of three
    lost = survival([0.0, 0.0], [16.0] * 2)
    assert lost.quantile(0.5) == 0.0
    assert lost.share[-1] == 0
