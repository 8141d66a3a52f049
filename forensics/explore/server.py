"""The HTTP server: the standard library's, with every request checked before it is read, and read within bounds."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from concurrent.futures import CancelledError
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Final

from forensics.core.errors import ForensicsError
from forensics.core.terminal import note, printable
from forensics.explore.api import Api, Content, static_files
from forensics.explore.connections import Connections
from forensics.explore.guard import HEADERS, Guard, Refused, body_length, parse_body
from forensics.explore.job_thread import Superseded

MAX_CONNECTIONS: Final = 64
_IDLE_S: Final = 30.0
_TEXT: Final = "text/plain; charset=utf-8"


class ExploreServer(ThreadingMixIn, TCPServer):
    """Serves `api` at `host` and `port` (0: any free one). `address` is what to open, token included.

    Raises ForensicsError where the address cannot be had.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 32

    def __init__(self, api: Api, host: str, port: int) -> None:
        if ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ForensicsError(
                f"cannot listen on {host} port {port} ({reason}); choose another with --port, 0 is any free one"
            ) from error
        self.api = api
        self.files = static_files()
        self.guard = Guard(host, int(self.server_address[1]))
        self.connections = Connections(MAX_CONNECTIONS)

    @property
    def address(self) -> str:
        """What to open in a browser on this machine. The token stands behind the #, which browsers do not send."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.guard.host, self.guard.host)
        named = f"[{host}]" if ":" in host else host
        return f"http://{named}:{self.guard.port}/#token={self.guard.token}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread a connection, up to MAX_CONNECTIONS; then the oldest without the token gives way."""
        if not self.connections.admit(request):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self.connections.leave(request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection to its end, then give its place to another."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.connections.leave(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks is no news; anything else is one line."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            note(f"a request failed: {error!r}")


class _Handler(BaseHTTPRequestHandler):
    """One connection. The order of the checks is that of what they cost and what they trust."""

    server: ExploreServer
    protocol_version = "HTTP/1.1"
    server_version = "forensics"
    sys_version = ""
    timeout = _IDLE_S
    disable_nagle_algorithm = True  # head and body are two writes: the second would wait 40 ms for the first

    def do_GET(self) -> None:
        """The static page."""
        self._answered(self._file)

    def do_HEAD(self) -> None:
        """What GET would give, without it."""
        self._answered(self._file)

    def do_POST(self) -> None:
        """A question about a picture."""
        self._answered(self._question)

    def _answered(self, find: Callable[[], Content]) -> None:
        """Send what `find` gives; what it refuses is a status and one line, and the end of the connection, as there may
        be a body that nobody has read."""
        try:
            self.server.guard.check_host(self.headers)
            answer = find()
        except Refused as refusal:
            self._refuse(refusal.status, refusal.why)
        except ForensicsError as error:
            self._refuse(400, str(error))
        except Superseded:
            self._refuse(409, "superseded by a newer request")
        except CancelledError:
            self._refuse(503, "the server is closing")
        except ConnectionError:
            raise
        except Exception as error:  # the page is told, the terminal has the cause, and the server goes on
            note(f"a request failed: {error!r}")
            self._refuse(500, "the picture could not be made; the terminal says why")
        else:
            self._send(200, answer)

    def _file(self) -> Content:
        path = self.path.partition("?")[0]
        if path in self.server.api.requests:
            raise Refused(405, "send this with POST")
        if path not in self.server.files:
            raise Refused(404, "there is no such page")
        return self.server.files[path]

    def _question(self) -> Content:
        question = self.server.api.requests.get(self.path)
        if question is None:
            raise Refused(405 if self.path in self.server.files else 404, "there is no such question")
        self.server.guard.check_sender(self.headers)
        self.server.connections.trust(self.connection)
        body = self.rfile.read(body_length(self.headers))
        return question(parse_body(body))

    def _refuse(self, status: int, why: str) -> None:
        if status != HTTPStatus.CONFLICT:
            self.close_connection = True
        self._send(status, Content(printable(why).encode(), _TEXT))

    def _send(self, status: int, answer: Content) -> None:
        self.send_response(status)
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library finds wrong with a request: plain text with the same headers, nothing echoed."""
        self.close_connection = True
        self._send(code, Content(HTTPStatus(code).phrase.encode(), _TEXT))

    def log_message(self, format: str, *args: Any) -> None:
        """No line a request: the terminal is the person's."""
