"""Calls to other servers. They have bounds for size and whole time, and follow no redirection. If the caller gives a
check of addresses, only admitted addresses are called.

With a time-out for each read, a slow server could hold a thread for as long as it sends a byte now and then. Here one
deadline covers headers and body together. At its end the socket is closed, whatever waits on it.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import Timer
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

from edge.addresses import Admit, parsed

_SCHEMES: Final = frozenset({"http", "https"})
_PIECE: Final = 65_536


class FetchAway(Exception):
    """There is no usable answer: the server is away, too slow, or sends too much."""


class FetchForbidden(FetchAway):
    """The name leads to an address that is not admitted. No connection was made."""


@dataclass(frozen=True, slots=True)
class OutgoingCall:
    """A call to make: the address, headers, and a body, which makes it a POST."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The server's own answer, whatever its status. A redirection is an answer like any other."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def fetch(asked: OutgoingCall, *, seconds: float, most: int, admit: Admit | None = None) -> Answered:
    """Make a call that ends within `seconds`. Return at most `most` bytes. Raises FetchAway for anything else.

    With `admit`, the name is resolved once, all its addresses must be admitted (FetchForbidden otherwise), and the
    connection goes to such an address itself. So a name that changes meanwhile leads nowhere else.
    """
    parts = urlsplit(asked.url)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise FetchAway("the address is neither http nor https")
    call = _Call(parts.scheme, parts.hostname, parts.port, seconds)
    try:
        target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        call.connect(admit)
        return call.answer("GET" if asked.body is None else "POST", target, asked, most)
    except (OSError, HTTPException, ValueError) as error:
        raise FetchAway("too slow" if call.is_over else type(error).__name__) from None
    finally:
        call.end()


class _Call:
    """One connection, and the timer that ends it."""

    def __init__(self, scheme: str, host: str, port: int | None, seconds: float) -> None:
        self._until = monotonic() + seconds
        self._tls = ssl.create_default_context() if scheme == "https" else None
        if self._tls is not None:
            self._connection: HTTPConnection = HTTPSConnection(host, port, timeout=seconds, context=self._tls)
        else:
            self._connection = HTTPConnection(host, port, timeout=seconds)
        self._timer = Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return monotonic() >= self._until

    def connect(self, admit: Admit | None) -> None:
        if admit is None:
            self._connection.connect()
        else:
            self._connect_to(_admitted(self._connection.host, self._connection.port, admit))
        if self.is_over:
            raise TimeoutError

    def _connect_to(self, addresses: list[tuple[str, int]]) -> None:
        """Connect to the first address that answers. The name is used for TLS, and is never resolved again."""
        fault: OSError = OSError("the name has no address")
        for address in addresses:
            try:
                held = socket.create_connection(address, timeout=max(0.1, self._until - monotonic()))
            except OSError as error:
                fault = error
                continue
            self._connection.sock = held  # From here on, the timer can end the connection
            if self._tls is not None:
                self._connection.sock = self._tls.wrap_socket(held, server_hostname=self._connection.host)
            return
        raise fault

    def answer(self, method: str, target: str, asked: OutgoingCall, most: int) -> Answered:
        self._connection.request(method, target, body=asked.body, headers={"Connection": "close", **asked.headers})
        response = self._connection.getresponse()
        body = self._read(response, most)
        return Answered(response.status, {name.lower(): value for name, value in response.headers.items()}, body)

    def _read(self, response: HTTPResponse, most: int) -> bytes:
        pieces, size, promised = [], 0, response.length
        while size != promised and (piece := response.read1(_PIECE)):
            pieces.append(piece)
            size += len(piece)
            if size > most:
                raise FetchAway("the answer is too long")
        if self.is_over:
            raise TimeoutError
        if promised not in {None, size}:
            raise FetchAway("the answer breaks off")
        return b"".join(pieces)

    def _cut(self) -> None:
        held = self._connection.sock
        if held is not None:
            with suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        self._timer.cancel()
        self._connection.close()


def _admitted(host: str, port: int, admit: Admit) -> list[tuple[str, int]]:
    """Return the addresses of a name. If one of them is not admitted, the whole name is refused."""
    found = list(dict.fromkeys(str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
    if not all(admit(parsed(address)) for address in found):
        raise FetchForbidden("the address is private")
    return [(address, port) for address in found]
