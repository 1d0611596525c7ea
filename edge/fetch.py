"""Calls to other servers: bounded in size and in whole time, and never led elsewhere.

A time-out for each read lets a slow server hold a thread for as long as it sends a byte now and then. Here one deadline
covers headers and body together, and the connection has as long: at its end the socket is shut, whatever waits on it.
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

_SCHEMES: Final = frozenset({"http", "https"})
_PIECE: Final = 65_536


class FetchAway(Exception):
    """There is no answer that can be used: the server is away, too slow, or sends too much."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call to make: the address, headers, and a body, which makes it a POST."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What a server answered itself, whatever its status: a redirection is an answer like any other."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def fetch(asked: Asked, *, seconds: float, most: int) -> Answered:
    """Make a call that is over within `seconds`, and return at most `most` bytes; FetchAway for anything else."""
    parts = urlsplit(asked.url)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise FetchAway("the address is neither http nor https")
    call = _Call(parts.scheme, parts.hostname, parts.port, seconds)
    try:
        target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        return call.answer("GET" if asked.body is None else "POST", target, asked, most)
    except (OSError, HTTPException, ValueError) as error:
        raise FetchAway("too slow" if call.is_over else type(error).__name__) from None
    finally:
        call.end()


class _Call:
    """One connection and the timer that cuts it off."""

    def __init__(self, scheme: str, host: str, port: int | None, seconds: float) -> None:
        self._until = monotonic() + seconds
        if scheme == "https":
            self._connection: HTTPConnection = HTTPSConnection(
                host, port, timeout=seconds, context=ssl.create_default_context()
            )
        else:
            self._connection = HTTPConnection(host, port, timeout=seconds)
        self._timer = Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return monotonic() >= self._until

    def answer(self, method: str, target: str, asked: Asked, most: int) -> Answered:
        self._connection.connect()
        if self.is_over:
            raise TimeoutError
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
