"""The server over HTTP: the page's files and no others, methods, requests that are no HTTP, connections, ports."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

import pytest

from forensics.core.errors import ForensicsError
from forensics.explore.api import Api
from forensics.explore.connections import Connections
from forensics.explore.explorer import Explorer
from forensics.explore.guard import HEADERS, TOKEN_HEADER
from forensics.explore.probe import PictureProbe
from forensics.explore.server import MAX_CONNECTIONS, ExploreServer
from forensics.explore.settings import Settings
from tests.explore.conftest import Client
from tests.explore.waiting import wait_until

pytestmark = pytest.mark.enable_socket


def raw(client: Client, request: bytes) -> bytes:
    """The first bytes that come back for `request` as it stands."""
    with socket.create_connection(("127.0.0.1", client.server.guard.port), timeout=10) as connection:
        connection.sendall(request)
        return connection.recv(65536)


def test_the_page_and_all_it_loads_is_served_to_anyone_and_holds_no_token(client: Client) -> None:
    for path in ("/", "/index.html", "/explore.js", "/walk.js", "/explore.css", "/page.css"):
        reply = client.request("GET", path, headers={TOKEN_HEADER: None})
        assert reply.status == 200
        assert client.server.guard.token.encode() not in reply.body
        assert b"://" not in reply.body
        for name, value in HEADERS.items():
            assert reply.headers[name] == value
    page = client.request("GET", "/?x=1")
    assert page.headers["Content-Type"].startswith("text/html")
    for forbidden in (b"<script>", b"style=", b"onclick", b"innerHTML"):
        assert forbidden not in page.body
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self';" in policy
    assert "unsafe" not in policy
    head = client.request("HEAD", "/")
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%5c..%5cserver.py",
        "//etc/passwd",
        "/page/../server.py",
        "/server.py",
        "/explore.js/",
        "/api/",
        "/api/facts/../picture",
        "/index.html%00",
        "http://evil.example/",
        "*",
    ],
)
def test_no_path_leads_to_a_file_that_is_not_the_pages(client: Client, path: str) -> None:
    host: dict[str, str | None] = {"Host": f"127.0.0.1:{client.server.guard.port}"}
    assert client.request("GET", path, headers=host).status == 404
    assert client.request("POST", path, b"{}", host).status == 404


def test_methods(client: Client) -> None:
    assert client.request("GET", "/api/picture").status == 405
    assert client.request("POST", "/index.html", b"{}").status == 405
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT"):
        reply = client.request(method, "/api/picture")
        assert reply.status == 501
        assert "Access-Control-Allow-Origin" not in reply.headers
        assert reply.headers["Content-Security-Policy"]


def test_requests_that_are_no_http(client: Client) -> None:
    host = f"Host: 127.0.0.1:{client.server.guard.port}\r\n".encode()
    assert raw(client, b"<script>\r\n\r\n") == b"Bad Request"  # HTTP/0.9 has no status line
    assert b"its own address" in raw(client, b"GET /\r\n\r\n")
    assert raw(client, b"GET / HTTP/9.0\r\n" + host + b"\r\n") == b"HTTP Version Not Supported"
    assert b" 414 " in raw(client, b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n" + host + b"\r\n")
    assert b" 431 " in raw(client, b"GET / HTTP/1.1\r\n" + host + b"x: y\r\n" * 200 + b"\r\n")
    assert b" 421 " in raw(client, b"GET / HTTP/1.1\r\n" + host + b"Host: evil.example\r\n\r\n")
    assert b" 421 " in raw(client, b"GET / HTTP/1.1\r\n\r\n")
    twice = b"Content-Length: 2\r\nContent-Length: 30\r\n"
    head = (
        host
        + b"Content-Type: application/json\r\n"
        + f"{TOKEN_HEADER}: {client.server.guard.token}\r\n".encode()
    )
    assert b" 411 " in raw(client, b"POST /api/facts HTTP/1.1\r\n" + head + twice + b"\r\n{}")
    assert client.request("GET", "/").status == 200


def test_the_oldest_connection_without_the_token_gives_way(client: Client) -> None:
    address = ("127.0.0.1", client.server.guard.port)
    wait_until(lambda: len(client.server.connections) == 0)
    held = [socket.create_connection(address, timeout=5) for _ in range(MAX_CONNECTIONS + 1)]
    assert held[0].recv(1) == b""  # cut for the last
    wait_until(lambda: len(client.server.connections) == MAX_CONNECTIONS)
    for connection in held:
        connection.close()
    wait_until(lambda: len(client.server.connections) == 0)


def test_five_hundred_dripping_connections_do_not_lock_the_owner_out(client: Client) -> None:
    address = ("127.0.0.1", client.server.guard.port)
    threads = threading.active_count()
    dripping = []
    for number in range(500):
        connection = socket.create_connection(address, timeout=5)
        with suppress(OSError):  # those before are cut meanwhile
            connection.sendall(b"POST /api/facts HT"[: number % 18])
        dripping.append(connection)
        if number % 50 == 0:
            assert Client(client.server).request("GET", "/").status == 200
    assert Client(client.server).request("GET", "/").status == 200
    assert len(client.server.connections) <= MAX_CONNECTIONS
    wait_until(lambda: threading.active_count() <= threads + MAX_CONNECTIONS + 1)
    for connection in dripping:
        connection.close()
    wait_until(lambda: len(client.server.connections) <= 1)


def test_a_connection_that_showed_the_token_is_not_cut() -> None:
    pairs = [socket.socketpair() for _ in range(4)]
    connections = Connections(2)
    assert connections.admit(pairs[0][0])
    connections.trust(pairs[0][0])
    assert connections.admit(pairs[1][0])
    assert connections.admit(pairs[2][0])
    assert pairs[1][1].recv(1) == b""
    connections.trust(pairs[2][0])
    assert not connections.admit(pairs[3][0])
    connections.leave(pairs[0][0])
    assert connections.admit(pairs[3][0])
    for pair in pairs:
        for end in pair:
            end.close()


def test_a_port_that_is_taken_is_one_line(client: Client, explorer: Explorer) -> None:
    api = Api(explorer, PictureProbe(), Settings.of(explorer.shape))
    with pytest.raises(ForensicsError, match="choose another with --port"):
        ExploreServer(api, "127.0.0.1", client.server.guard.port)
    with pytest.raises(ForensicsError, match="cannot listen on"):
        ExploreServer(api, "no.such.host.invalid", 0)
    api.close()
