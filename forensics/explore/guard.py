"""Who may ask the server: checks on a request before anything in it is used.

A page of another site, open in the same browser, must not reach the server: it cannot send the token's header without
this server's leave, a name of its own that it points at 127.0.0.1 is no host of ours (DNS rebinding), and the browser
says where the request comes from. A program on the machine that was not given the address lacks the token.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, Final

MAX_BODY_BYTES: Final = 32 * 1024
TOKEN_HEADER: Final = "X-Forensics-Token"
LOCAL_NAME: Final = "localhost"

# No script but the page's own, nothing from anywhere else, no markup made from text, in nobody's frame.
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data: blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Refused(Exception):
    """A request that is not answered: HTTP `status` and one line of why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == LOCAL_NAME


@dataclass(frozen=True)
class Guard:
    """Checks for a server that listens on `host` and `port`."""

    host: str
    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def check_host(self, headers: Message) -> None:
        """The Host header must name this server: an address, localhost, or the name it was told to listen on.

        An address cannot be rebound, a name can. On a loopback address only loopback addresses pass.
        """
        values = headers.get_all("Host") or []
        name, port = _split(values[0]) if len(values) == 1 else ("", None)
        if port != self.port or not self._is_ours(name):
            raise Refused(
                421, "this server answers to its own address only: open the one the command printed"
            )

    def _is_ours(self, name: str) -> bool:
        if name.lower() in (LOCAL_NAME, self.host.lower()):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not is_loopback(self.host)

    def check_sender(self, headers: Message) -> None:
        """The request must come from this server's own page and carry its token."""
        origin = headers.get("Origin")
        if origin is not None and origin != f"http://{headers.get('Host')}":
            raise Refused(403, "requests of other pages are refused")
        if headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise Refused(403, "requests of other pages are refused")
        given = (headers.get(TOKEN_HEADER) or "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, self.token.encode()):
            raise Refused(403, "no valid token: open the address that the command printed, all of it")


def body_length(headers: Message) -> int:
    """How many bytes of JSON follow; Refused where that is unknown, too much, or it is no JSON."""
    if headers.get_content_type() != "application/json":
        raise Refused(415, "send application/json")
    lengths = headers.get_all("Content-Length") or []
    if "Transfer-Encoding" in headers or len(lengths) != 1:
        raise Refused(411, "send one Content-Length")
    text = lengths[0].strip()
    if not (text.isascii() and text.isdigit()):
        raise Refused(400, "Content-Length is no number")
    if len(text) > 9 or int(text) > MAX_BODY_BYTES:
        raise Refused(413, f"a request has at most {MAX_BODY_BYTES} bytes")
    return int(text)


def parse_body(data: bytes) -> Mapping[str, Any]:
    """The JSON object in `data`; Refused where it is none, or holds NaN or infinity."""

    def no_number(word: str) -> None:
        raise ValueError(f"{word} is no number")

    try:
        value = json.loads(data.decode("utf-8"), parse_constant=no_number)
    except (ValueError, RecursionError):
        raise Refused(400, "the request is no JSON") from None
    if not isinstance(value, dict):
        raise Refused(400, "the request is no JSON object")
    return value


def _split(value: str) -> tuple[str, int | None]:
    """Name and port of a Host header; port 80 where none is given, None where it is no port."""
    name, colon, port = value.rpartition(":")
    if not colon or "]" in port:
        name, port = value, "80"
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    return name, int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else None
