"""Which connections are open, and which gives way when there are too many.

A connection is trusted once a request with the token came over it. When the limit is reached, the oldest that is not
trusted is cut: whoever holds hundreds open and sends a byte now and then displaces none but his own.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS: Final = 256


class Places:
    """The open connections by the address of the other side, oldest first. Used from the server's loop alone."""

    def __init__(self, limit: int = MAX_CONNECTIONS) -> None:
        self._limit = limit
        self._open: dict[Any, tuple[asyncio.Transport, bool]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, client: Any, transport: asyncio.Transport) -> bool:
        """Enter a new connection; False where all others are trusted and there is no room."""
        if len(self._open) >= self._limit:
            oldest = next((one for one, (_, trusted) in self._open.items() if not trusted), None)
            if oldest is None:
                return False
            self._open.pop(oldest)[0].abort()
        self._open[client] = (transport, False)
        return True

    def trust(self, client: Any) -> None:
        """The connection has shown the token: it is not cut for another."""
        if client in self._open:
            self._open[client] = (self._open[client][0], True)

    def leave(self, client: Any, transport: asyncio.Transport) -> None:
        """The connection is over."""
        if self._open.get(client, (None, False))[0] is transport:
            del self._open[client]


def protocol_with(places: Places) -> type[asyncio.Protocol]:
    """Uvicorn's HTTP protocol, each of whose connections takes a place."""

    class Placed(H11Protocol):
        """HTTP/1.1 over a connection that has its place among `places`."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            """Take a place; without one the connection ends here."""
            super().connection_made(transport)
            if not places.admit(self.client, transport):
                transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            """Give the place to another."""
            places.leave(self.client, self.transport)
            super().connection_lost(exc)

    return Placed
