"""One attempt at a call over HTTP: sent once, never to another address, read up to a limit. The result is a reply.

Nothing here tries again, and nothing reads an answer's meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import httpx

from yunju_client.errors import BadAnswerError, MisuseError

AGENT: Final = "yunju-client/0.1.0"
SECONDS: Final = 10.0
"""How long a connection, and each wait for more of an answer, may take."""
ANSWER_MOST: Final = 16 * 1024 * 1024
"""The most bytes of one unpacked answer: a year's statement is far smaller."""


class NotSentError(Exception):
    """The server was never reached: the call was certainly not served."""


class LostError(Exception):
    """The call was sent and no whole answer came: it may have been served."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's answer: status, headers, the whole body."""

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def media_type(self) -> str:
        """The media type without its parameters, in small letters."""
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()


def server_address(text: str, *, dangerous_plain_http: bool) -> str:
    """Return the address of a server without its last slash. Raises MisuseError for one that credentials must not go
    to.
    """
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise MisuseError("the server's address is none", "Hand in scheme, host and port: https://host.")
    if parts.path not in {"", "/"}:
        raise MisuseError("the server's address has a path", "Hand in scheme, host and port alone: https://host.")
    if parts.scheme == "http" and not dangerous_plain_http and not _this_machine(parts.hostname):
        raise MisuseError("over http everybody on the way can read tokens and names", "Use the server's https address.")
    return text.rstrip("/")


def _this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Wire:
    """A connection pool to one server. Redirects are never followed. An answer is read up to `most` bytes."""

    def __init__(self, transport: httpx.BaseTransport | None, seconds: float, most: int) -> None:
        self._most = most
        self._http = httpx.Client(transport=transport, timeout=seconds, follow_redirects=False)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def send(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send a call once. Raises NotSentError, LostError, or BadAnswerError for an endless answer."""
        told = {"User-Agent": AGENT, **headers} | ({"Content-Type": "application/json"} if body else {})
        try:
            with self._http.stream(method, url, content=body or None, headers=told) as response:
                return Reply(response.status_code, response.headers, self._read(response))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            raise NotSentError(f"the server cannot be reached ({type(error).__name__})") from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise LostError(f"no whole answer came ({type(error).__name__})") from None

    def _read(self, response: httpx.Response) -> bytes:
        parts, size = [], 0
        for part in response.iter_bytes():
            size += len(part)
            if size > self._most:
                raise BadAnswerError(
                    f"the answer is larger than {self._most} bytes",
                    "Ask for less at a time, or hand in a larger `most_bytes`.",
                    status=response.status_code,
                )
            parts.append(part)
        return b"".join(parts)
