"""Waiting for what another thread does."""

from __future__ import annotations

import time
from typing import Any


def wait_until(true: Any) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)
