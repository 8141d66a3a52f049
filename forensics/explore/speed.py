"""How many pictures a second the page gets: the real command in a process of its own, asked over HTTP.

    forensics explore CKPT --speed

Every request asks for another picture, as a slider that is moved does. "change" moves a dimension (one image is made),
"face" moves psi (two are: before and after), "pruning" moves the threshold, "walk" goes one step on.
"""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from forensics.explore.guard import TOKEN_HEADER

Settings = Mapping[str, object]
_RUNS = 7
_REQUESTS = 40
KINDS: dict[str, Callable[[int], Settings]] = {
    "change": lambda i: {"moves": [[3, round(-10 + 0.1 * (i % 200), 1)]]},
    "face": lambda i: {"psi": round(-1 + 0.01 * (i % 200), 2)},
    "pruning": lambda i: {"pruning_threshold": round(0.001 * (i % 1000), 3)},
    "walk": lambda i: {"walk": {"legs": [[0.01, i + 1]]}},
}


def measure(name: str, runs: int = _RUNS, requests: int = _REQUESTS) -> dict[str, list[float]]:
    """Pictures a second of each run, by kind of request."""
    program = "from forensics.cli import main; main()"
    command = [sys.executable, "-c", program, "explore", name, "--json", "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            if not line:
                raise SystemExit(server.wait())
            facts = json.loads(line)
            connection = http.client.HTTPConnection(facts["host"], facts["port"], timeout=120)
            return {kind: _rates(connection, facts["token"], kind, runs, requests) for kind in KINDS}
        finally:
            server.kill()


def _rates(
    connection: http.client.HTTPConnection, token: str, kind: str, runs: int, requests: int
) -> list[float]:
    rates = []
    _ask(connection, token, KINDS[kind](0), has=False)
    for run in range(runs):
        start = time.perf_counter()
        for i in range(run * requests, (run + 1) * requests):
            _ask(connection, token, KINDS[kind](i + 1), has=kind != "face")
        rates.append(requests / (time.perf_counter() - start))
    return rates


def _ask(connection: http.client.HTTPConnection, token: str, settings: Settings, *, has: bool) -> None:
    body = json.dumps({"view": "speed", "has": has, "settings": settings})
    headers = {TOKEN_HEADER: token, "Content-Type": "application/json"}
    connection.request("POST", "/api/picture", body, headers)
    response = connection.getresponse()
    reply = response.read()
    if response.status != 200:
        raise RuntimeError(reply.decode())


def speed_lines(rates: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """The median of each kind, with the slowest and fastest run."""
    for kind, each in rates.items():
        low, middle, high = min(each), statistics.median(each), max(each)
        yield f"{kind:<8} {middle:6.1f} pictures a second (median of {len(each)} runs, {low:.1f} to {high:.1f})"
