"""The server over HTTP: what it answers its own page, and what it answers everyone else."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from forensics.errors import ForensicsError
from forensics.explore.answers import Answers
from forensics.explore.explorer import Explorer
from forensics.explore.guard import HEADERS, MAX_BODY_BYTES, TOKEN_HEADER, Guard, Refused
from forensics.explore.newest import OneAtATime, Superseded
from forensics.explore.opinion import Opinion
from forensics.explore.recipe import remake
from forensics.explore.server import MAX_CONNECTIONS, ExploreServer
from forensics.explore.settings import Settings
from forensics.images import decode_bytes
from tests.explore.conftest import Client

pytestmark = pytest.mark.enable_socket
PICTURE = {"view": "one", "settings": {"moves": [[3, 5.0]]}}


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


def test_a_picture_its_png_and_its_recipe(client: Client, explorer: Explorer) -> None:
    facts = client.ask("facts", {}).json()
    assert (facts["w_dim"], facts["num_ws"], facts["resolution"]) == (16, 6, 16)
    found = client.ask("picture", PICTURE).json()
    expected = explorer.picture(Settings.of(explorer.space, moves=((3, 5.0),)))
    assert found["w"] == pytest.approx(expected.w.tolist(), abs=1e-4)
    assert found["w"][3] - found["w_before"][3] == pytest.approx(5, abs=1e-3)
    assert found["change"] > 0
    assert found["nonzero"] == facts["weights"]
    assert found["before"] != found["after"]
    again = client.ask("picture", {**PICTURE, "has": True}).json()
    assert again["before"] is None
    assert again["after"] == found["after"]
    png = client.ask("png", PICTURE)
    assert png.headers["Content-Type"] == "image/png"
    assert (decode_bytes(png.body, "x").pixels == expected.pixels).all()
    recipe = client.ask("recipe", PICTURE)
    assert recipe.body == client.ask("recipe", PICTURE).body
    assert remake(explorer, recipe.json()).png() == png.body


def test_an_opinion_is_that_of_detect(client: Client, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opinion = Opinion(pack="scrfd_mbf", root=str(shared / "data" / "insightface"))
    monkeypatch.setattr(client.server.answers, "_opinion", opinion)
    finding = client.ask("opinion", PICTURE).json()
    assert finding["verdict"] == "inconclusive"
    assert any("16 px" in reason for reason in finding["reasons"])
    assert finding["face_score"] == 0  # an untrained network makes no face
    assert finding["polarity"].startswith("log10 LR, higher")


def test_without_a_face_pack_the_opinion_says_so_and_a_named_one_must_be_there(
    client: Client, tmp_path: Path
) -> None:
    finding = client.ask("opinion", PICTURE).json()
    assert finding["face_score"] is None
    assert "faces were not looked for" in finding["warnings"][-1]
    with pytest.raises(ForensicsError, match="no InsightFace pack"):
        Opinion(pack="nothing", root=str(tmp_path))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({TOKEN_HEADER: None}, 403),
        ({TOKEN_HEADER: "guess"}, 403),
        ({TOKEN_HEADER: "\xff\xfe"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:{port}"}, 421),
        ({"Host": "127.0.0.1.evil.example:{port}"}, 421),
        ({"Host": "127.0.0.1:1"}, 421),
        ({"Host": "127.0.0.1:{port}x"}, 421),
        ({"Host": "192.168.1.1:{port}"}, 421),
        ({"Host": ""}, 421),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": None}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Length": "99999999999999999999"}, 413),
        ({"Content-Length": str(MAX_BODY_BYTES + 1)}, 413),
        ({"Content-Length": "-1"}, 400),
        ({"Content-Length": "0x10"}, 400),
        ({"Content-Length": "\xb2"}, 400),
        ({"Transfer-Encoding": "chunked"}, 411),
    ],
)
def test_a_request_that_is_not_the_pages_is_refused(
    client: Client, headers: dict[str, str | None], status: int
) -> None:
    port = str(client.server.guard.port)
    sent = {name: value and value.replace("{port}", port) for name, value in headers.items()}
    reply = client.ask("picture", PICTURE, sent)
    assert reply.status == status
    assert reply.headers["Connection"] == "close"
    assert reply.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]
    assert client.ask("picture", PICTURE).status == 200  # the server goes on


def test_its_own_page_passes_by_any_of_its_names(client: Client) -> None:
    for name in ("127.0.0.1", "localhost", "LOCALHOST", "[::1]"):
        host = f"{name}:{client.server.guard.port}"
        headers: dict[str, str | None] = {
            "Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin",
        }  # fmt: skip
        assert client.ask("picture", PICTURE, headers).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 30_000,
        b'{"a":' * 6_000,
        b"9" * 20_000,
        b'{"view": "a", "settings": {"psi": NaN}}',
        b'{"view": "a", "settings": {"psi": -Infinity}}',
        b'{"view": "a", "settings": {"psi": 1e999}}',
        b'{"view": "a", "settings": {"seed": -1}}',
        b'{"view": "a", "settings": {"moves": [[99999, 1]]}}',
        b'{"view": "a", "settings": {"__proto__": 1}}',
        b'{"view": "a"}',
        b'{"view": "", "settings": {}}',
        b'{"view": 7, "settings": {}}',
        b'{"view": "' + b"a" * 65 + b'", "settings": {}}',
        b'{"view": "a", "settings": "<script>alert(1)</script>"}',
    ],
)
def test_a_body_that_makes_no_picture_is_one_line_of_plain_text(client: Client, body: bytes) -> None:
    reply = client.request("POST", "/api/picture", body)
    assert reply.status == 400
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert 0 < len(reply.body) < 300
    assert b"\n" not in reply.body


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


def test_a_failure_inside_is_told_without_details(
    client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("secret of the inside")

    monkeypatch.setattr(client.server.answers._explorer, "picture", fail)
    reply = client.ask("picture", {"view": "a", "settings": {"seed": 77}})
    assert reply.status == 500
    assert b"secret" not in reply.body
    assert "secret of the inside" in capsys.readouterr().err
    monkeypatch.undo()
    assert client.ask("picture", PICTURE).status == 200


def test_sliders_moved_fast_get_the_newest_picture_only(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    explorer = client.server.answers._explorer
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

    line = client.server.answers._network
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


def wait_until(true: Any) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_newest_serves_each_view_and_many_views() -> None:
    line = OneAtATime("test")
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


def test_more_connections_than_there_are_places_are_closed(client: Client) -> None:
    address = ("127.0.0.1", client.server.guard.port)
    wait_until(lambda: client.server._slots._value == MAX_CONNECTIONS)
    held = [socket.create_connection(address, timeout=5) for _ in range(MAX_CONNECTIONS)]
    wait_until(lambda: client.server._slots._value == 0)
    with socket.create_connection(address, timeout=5) as surplus:
        assert surplus.recv(10) == b""
    for connection in held:
        connection.close()
    wait_until(lambda: client.server._slots._value == MAX_CONNECTIONS)
    assert client.request("GET", "/").status == 200


def test_a_port_that_is_taken_is_one_line(client: Client, explorer: Explorer) -> None:
    answers = Answers(explorer, Opinion(), Settings.of(explorer.space))
    with pytest.raises(ForensicsError, match="choose another with --port"):
        ExploreServer(answers, "127.0.0.1", client.server.guard.port)
    with pytest.raises(ForensicsError, match="cannot listen on"):
        ExploreServer(answers, "no.such.host.invalid", 0)
    answers.close()


@pytest.mark.parametrize(
    ("listening", "host", "passes"),
    [
        ("127.0.0.1", "127.0.0.1:80", True),
        ("127.0.0.1", "127.0.0.1", True),  # no port is 80
        ("127.0.0.1", "10.0.0.7:80", False),
        ("0.0.0.0", "10.0.0.7:80", True),  # an address cannot be rebound
        ("0.0.0.0", "rebound.example:80", False),
        ("::1", "[::1]:80", True),
        ("::1", "[::1", False),
        ("::", "[fe80::1]:80", True),
        ("lab.example", "lab.example:80", True),
        ("lab.example", "LAB.example:80", True),
        ("lab.example", "lab.example.evil:80", False),
        ("127.0.0.1", "127.0.0.1:८०", False),
    ],
)
def test_which_hosts_are_ours(listening: str, host: str, passes: bool) -> None:
    from email.message import Message

    headers = Message()
    headers["Host"] = host
    guard = Guard(listening, 80)
    if passes:
        guard.check_host(headers)
    else:
        with pytest.raises(Refused):
            guard.check_host(headers)


def test_tokens_are_long_and_never_alike() -> None:
    tokens = {Guard("127.0.0.1", 1).token for _ in range(50)}
    assert len(tokens) == 50
    assert min(map(len, tokens)) >= 32
    assert json.dumps(sorted(tokens))
