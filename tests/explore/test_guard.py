"""Who is answered: the page itself by any of its names, with its token, and no one else."""

from __future__ import annotations

import json

import pytest

from forensics.explore.guard import HEADERS, MAX_BODY_BYTES, TOKEN_HEADER, Guard, Refused
from tests.explore.conftest import PICTURE, Client

pytestmark = pytest.mark.enable_socket


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
