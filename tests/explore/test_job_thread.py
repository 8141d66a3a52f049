"""Of pictures asked for faster than they are made, the newest of each view is made."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from forensics.explore.job_thread import JobThread, Superseded
from forensics.explore.settings import Settings
from tests.explore.conftest import Client
from tests.explore.waiting import wait_until

pytestmark = pytest.mark.enable_socket


def test_sliders_moved_fast_get_the_newest_picture_only(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    explorer = client.server.api._explorer
    made, begun, go_on = [], threading.Event(), threading.Event()
    original = explorer.picture

    def slow(settings: Settings) -> Any:
        begun.set()
        go_on.wait(10)
        made.append(settings.psi)
        return original(settings)

    monkeypatch.setattr(explorer, "picture", slow)
    monkeypatch.setattr(explorer, "before", lambda settings: original(settings))
    statuses: dict[float, int] = {}

    def ask(view: str, psi: float) -> None:
        statuses[psi] = Client(client.server).ask("picture", {"view": view, "settings": {"psi": psi}}).status

    line = client.server.api._network
    first, threads = line._tickets, []
    for number, (view, psi) in enumerate(
        [("a", 0.1), ("a", 0.2), ("b", 0.3), ("a", 0.4), ("a", 0.5)], start=1
    ):
        threads.append(threading.Thread(target=ask, args=(view, psi)))
        threads[-1].start()
        begun.wait(10)
        wait_until(lambda number=number: line._tickets >= first + number)
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert made == [0.1, 0.3, 0.5]  # the one under way, the other view's, the newest
    assert statuses == {0.1: 200, 0.2: 409, 0.3: 200, 0.4: 409, 0.5: 200}


def test_newest_serves_each_view_and_many_views() -> None:
    line = JobThread("test")
    assert [line.run_newest(str(i), lambda i=i: i) for i in range(200)] == list(range(200))
    assert len(line._newest) <= 64
    block = threading.Event()
    blocked = threading.Thread(target=lambda: line.run(lambda: block.wait(10)))
    blocked.start()
    outcome: list[str] = []

    def old() -> None:
        try:
            line.run_newest("v", lambda: outcome.append("old"))
        except Superseded:
            outcome.append("superseded")

    waiting = threading.Thread(target=old)
    waiting.start()
    wait_until(lambda: "v" in line._newest)
    newer = threading.Thread(target=lambda: line.run_newest("v", lambda: outcome.append("new")))
    before = line._tickets
    newer.start()
    wait_until(lambda: line._tickets > before)
    block.set()
    for thread in (blocked, waiting, newer):
        thread.join(10)
    assert sorted(outcome) == ["new", "superseded"]
    line.close()
