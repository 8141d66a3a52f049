"""The speed measurement asks a real server, and asks for what it says."""

from __future__ import annotations

from itertools import pairwise

import pytest

from forensics.explore.settings import LatentShape, Settings
from forensics.explore.speed import KINDS, measure, speed_lines


@pytest.mark.enable_socket
def test_every_kind_of_request_is_answered() -> None:
    rates = measure("own-64", runs=2, requests=2)
    assert list(rates) == list(KINDS)
    assert all(len(found) == 2 and min(found) > 0 for found in rates.values())


def test_no_two_requests_in_turn_are_alike() -> None:
    space = LatentShape(num_ws=10, w_dim=256)
    for kind in KINDS.values():
        made = [Settings.parse(kind(i), space) for i in range(281)]
        assert all(one != next_one for one, next_one in pairwise(made))


def test_the_rates_are_said_in_a_line_a_kind() -> None:
    lines = list(speed_lines({"change": [1.0, 2.0, 4.0]}))
    assert lines == ["change      2.0 pictures a second (median of 3 runs, 1.0 to 4.0)"]
