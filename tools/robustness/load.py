"""`forensics explore` under load: clients that ask for pictures, and a crowd that only holds connections open.

    python -m tools.robustness.load [--seconds 600] [--clients 8] [--drips 250] [--record]

Each client asks for one picture after the other, as the page does; where a newer request of the view overtook it, it is
told so. The crowd has twice as many connections as drips: one half sends a byte every few seconds and never a whole
request, the other half connects, asks for the page once, and comes again. The owner asks for the page once a second,
on a new connection. Everything stays on this machine.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from forensics.core.terminal import print_line
from forensics.explore.guard import TOKEN_HEADER
from tools.documentation.records import write_record

_PROGRAM: Final = "import sys; from forensics.cli import main; sys.argv[0] = 'forensics'; main()"
_PICTURE: Final = '{"view": "one", "settings": {"moves": [[3, %.3f]]}}'


@dataclass(frozen=True)
class LoadResult:
    """Pictures served, their waiting times in ms, the owner's, failures, and the server's memory in MB over time."""

    seconds: float
    clients: int
    connections: int
    pictures: int
    picture_p50_ms: float
    picture_p95_ms: float
    owner_requests: int
    owner_p95_ms: float
    owner_failures: int
    overtaken: int
    client_failures: int
    memory_mb_after_a_minute: float
    memory_mb_at_the_end: float
    memory_mb_at_most: float


@dataclass
class Load:
    """What is asked of the server at `port`, and how long each answer took, in s."""

    port: int
    token: str
    end: float
    pictures: list[float] = field(default_factory=list)
    owner: list[float] = field(default_factory=list)
    owner_failures: int = 0
    client_failures: int = 0
    overtaken: int = 0

    def until_the_end(self, act: Callable[[int], None]) -> None:
        """Call `act` again and again, with the number of the call."""
        number = 0
        while time.monotonic() < self.end:
            act(number)
            number += 1

    def client(self) -> None:
        """Pictures, one after the other, over one connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {TOKEN_HEADER: self.token, "Content-Type": "application/json"}

        def ask(number: int) -> None:
            began = time.monotonic()
            try:
                connection.request("POST", "/api/picture", _PICTURE % (number % 100 / 10), headers)
                reply = connection.getresponse()
                reply.read()
                status = reply.status
            except (OSError, http.client.HTTPException):
                connection.close()
                status = 0
            if status == 200:
                self.pictures.append(time.monotonic() - began)
            elif status == http.client.CONFLICT:
                self.overtaken += 1
            else:
                self.client_failures += 1

        self.until_the_end(ask)
        connection.close()

    def drip(self) -> None:
        """A connection that sends a byte now and then; cut, it comes again."""
        connection: socket.socket | None = None

        def one_byte(number: int) -> None:
            nonlocal connection
            try:
                if connection is None:
                    connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
                connection.sendall(b"P")
            except OSError:
                connection = None
            time.sleep(2.0)

        self.until_the_end(one_byte)

    def visitor(self) -> None:
        """The page without the token, on a new connection each time."""

        def visit(number: int) -> None:
            with suppress(OSError, http.client.HTTPException):
                self._page()
            time.sleep(5.0)

        self.until_the_end(visit)

    def watch(self) -> None:
        """The owner opens the page once a second."""

        def look(number: int) -> None:
            began = time.monotonic()
            try:
                ok = self._page() == 200
            except (OSError, http.client.HTTPException):
                ok = False
            if ok:
                self.owner.append(time.monotonic() - began)
            else:
                self.owner_failures += 1
            time.sleep(1.0)

        self.until_the_end(look)

    def _page(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", "/")
            reply = connection.getresponse()
            reply.read()
            return reply.status
        finally:
            connection.close()


def memory_mb(pid: int) -> float:
    """What a process holds in memory now, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000


def try_load(seconds: float, clients: int, drips: int, network: str = "own-64") -> LoadResult:
    """Serve `network`, and load it for so many seconds."""
    words = ["explore", network, "--port", "0", "--no-browser", "--json", "--detector", "without-clip"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *words], env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        facts = json.loads(server.stdout.readline())
        address, _, token = facts["address"].partition("/#token=")
        load = Load(int(address.rpartition(":")[2]), token, time.monotonic() + seconds)
        return _loaded(load, server.pid, seconds, (clients, drips))
    finally:
        server.kill()
        server.communicate()


def _loaded(load: Load, pid: int, seconds: float, crowd: tuple[int, int]) -> LoadResult:
    clients, drips = crowd
    work = [load.client] * clients + [load.drip, load.visitor] * drips + [load.watch]
    threads = [threading.Thread(target=one, daemon=True) for one in work]
    for thread in threads:
        thread.start()
    memory = []
    while time.monotonic() < load.end:
        memory.append(memory_mb(pid))
        time.sleep(min(1.0, seconds / 20))
    for thread in threads:
        thread.join(60)
    return LoadResult(
        seconds, clients, 2 * drips, len(load.pictures),
        round(1000 * statistics.median(load.pictures), 1), round(1000 * _p95(load.pictures), 1),
        len(load.owner), round(1000 * _p95(load.owner), 1), load.owner_failures, load.overtaken, load.client_failures,
        round(memory[len(memory) // 10], 1), round(memory[-1], 1), round(max(memory), 1),
    )  # fmt: skip


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def main() -> int:
    """Load the server and print what came of it; 1 where its owner was locked out."""
    parser = argparse.ArgumentParser(prog="python -m tools.robustness.load")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--drips", type=int, default=250)
    parser.add_argument("--record", action="store_true", help="write docs/measured/load.json, too")
    options = parser.parse_args()
    result = try_load(options.seconds, options.clients, options.drips)
    for name, value in asdict(result).items():
        print_line(f"{name.replace('_', ' '):<26}{value}")
    if options.record:
        write_record("load", ["python -m tools.robustness.load --record"], asdict(result))
    return int(result.owner_failures > 0)


if __name__ == "__main__":
    raise SystemExit(main())
