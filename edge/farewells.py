"""The end of connections beside a server's loop: a client that never hangs up holds nobody else up.

An answer is lost when a connection is closed while bytes of the client's lie unread, so a server waits for the client's
own end (RFC 9112 section 9.6). gunicorn waits in the loop that accepts connections, two seconds for each client.
"""

from __future__ import annotations

import selectors
import socket
from contextlib import suppress
from queue import Empty, SimpleQueue
from ssl import SSLWantReadError
from threading import Lock, Thread
from time import monotonic
from typing import Final

WAIT_SECONDS: Final = 2.0
"""How long a client has for its own end."""
AT_ONCE: Final = 256
"""So many ends are waited for; a connection beyond them is closed without a wait."""
_LOOK_SECONDS: Final = 0.1
_PIECE: Final = 65_536


class Farewells:
    """Ends connections. `end` returns at once, from any thread; a thread of its own waits, begun when first needed."""

    def __init__(self, seconds: float = WAIT_SECONDS, most: int = AT_ONCE) -> None:
        self._seconds, self._most = seconds, most
        self._open, self._lock = 0, Lock()
        self._new: SimpleQueue[socket.socket] = SimpleQueue()
        self._thread: Thread | None = None

    def end(self, sock: socket.socket) -> None:
        """Say that no more is sent, and close the connection once the client has ended it or had its time."""
        try:
            sock.settimeout(0)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            sock.close()
            return
        with self._lock:
            if self._open >= self._most:
                sock.close()
                return
            self._open += 1
            if self._thread is None:
                self._thread = Thread(target=self._wait, name="farewells", daemon=True)
                self._thread.start()
        self._new.put(sock)

    def _wait(self) -> None:
        with selectors.DefaultSelector() as waiting:
            while True:
                self._take(waiting)
                for key, _ in waiting.select(_LOOK_SECONDS):
                    if _has_ended(key.fileobj):  # type: ignore[arg-type]  # sockets alone are registered
                        self._close(waiting, key)
                now = monotonic()
                for key in [one for one in waiting.get_map().values() if one.data < now]:
                    self._close(waiting, key)

    def _take(self, waiting: selectors.BaseSelector) -> None:
        """Take over what came meanwhile; with nothing to wait for, wait for a connection."""
        with suppress(Empty):
            while True:
                sock = self._new.get(block=not waiting.get_map())
                waiting.register(sock, selectors.EVENT_READ, monotonic() + self._seconds)

    def _close(self, waiting: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        waiting.unregister(key.fileobj)
        key.fileobj.close()  # type: ignore[union-attr]  # as above
        with self._lock:
            self._open -= 1


def _has_ended(sock: socket.socket) -> bool:
    """Throw away what arrived; return whether that was the end."""
    try:
        return not sock.recv(_PIECE)
    except (BlockingIOError, SSLWantReadError):
        return False
    except OSError:
        return True
