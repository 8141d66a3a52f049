"""The explorer under a short load: pictures come, and its owner is never locked out."""

from __future__ import annotations

import pytest

from tools.robustness.load import try_load


@pytest.mark.slow
@pytest.mark.enable_socket
def test_the_owner_is_served_among_a_crowd() -> None:
    result = try_load(6.0, clients=4, drips=60)
    assert result.pictures > 0
    assert result.client_failures == 0
    assert result.owner_requests > 1
    assert result.owner_failures == 0
    assert result.memory_mb_at_most < 1.5 * result.memory_mb_after_a_minute
