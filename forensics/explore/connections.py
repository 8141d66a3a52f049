"""Which connections are open, and which gives way when there are too many.

A connection is trusted once a request with the token came over it. When the limit is reached, the oldest that is not
trusted is cut: whoever holds hundreds open and sends a byte now and then displaces none but his own.
"""

from __future__ import annotations

import contextlib
import socket
from threading import Lock


class Connections:
    """The open connections, at most `limit` of them, oldest first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = Lock()
        self._trusted: dict[socket.socket, bool] = {}

    def __len__(self) -> int:
        return len(self._trusted)

    def admit(self, connection: socket.socket) -> bool:
        """Enter a new connection; False where all others are trusted and there is no room."""
        with self._lock:
            if len(self._trusted) >= self._limit:
                oldest = next((one for one, trusted in self._trusted.items() if not trusted), None)
                if oldest is None:
                    return False
                del self._trusted[oldest]
                with contextlib.suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)  # its thread reads the end and leaves
            self._trusted[connection] = False
            return True

    def trust(self, connection: socket.socket) -> None:
        """The connection has shown the token: it is not cut for another."""
        with self._lock:
            if connection in self._trusted:
                self._trusted[connection] = True

    def leave(self, connection: socket.socket) -> None:
        """The connection is over."""
        with self._lock:
            self._trusted.pop(connection, None)
