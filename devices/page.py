"""The agent's small server on loopback: answers go to the counter page as server-sent events, and choices come back.

Any web page can make a browser call this port. So a call needs an allowed Origin, and a Host that names loopback, which
a rebound name does not. Other users of this PC are not kept out: the PC belongs to the counter.
"""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, Final, Self

from devices.verdict import CounterVerdict
from edge.strictjson import JsonError, loads

PORT: Final = 8765
LISTENERS_MOST: Final = 16
WAITING_MOST: Final = 64
BODY_MOST: Final = 4096
BEAT_SECONDS: Final = 15.0
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")

Choose = Callable[[str, Mapping[str, object]], Mapping[str, object] | None]
"""A page's call: (path, body) -> the answer, or None for an unknown path."""


class AgentPage:
    """Serves until closed. `publish` never waits for a slow page: a page that does not keep up is disconnected."""

    def __init__(self, origins: tuple[str, ...], choose: Choose, port: int = PORT) -> None:
        """Listen on loopback for pages of `origins`. `choose` answers their calls. Port 0 means any port."""
        self._listeners: set[queue.Queue[bytes | None]] = set()
        self._lock = Lock()
        self._open = True
        self._server = _Server(port, self, frozenset(origins), choose)
        self._thread = Thread(target=self._server.serve_forever, args=(0.2,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def port(self) -> int:
        """Return the port for pages."""
        return int(self._server.server_address[1])

    def publish(self, verdict: CounterVerdict) -> None:
        """Send a verdict to every listening page."""
        self._send("verdict", verdict.to_json())

    def tell(self, event: str, data: Mapping[str, object]) -> None:
        """Send another event: a reader was connected or removed, or the server is away."""
        self._send(event, data)

    def close(self) -> None:
        """Disconnect every page and stop listening."""
        with self._lock:
            self._open = False
            for listener in self._listeners:
                _put(listener, None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def listen(self) -> queue.Queue[bytes | None] | None:
        """Return a new listener's queue, or None if there are too many listeners or the page is closing."""
        with self._lock:
            if not self._open or len(self._listeners) >= LISTENERS_MOST:
                return None
            made: queue.Queue[bytes | None] = queue.Queue(WAITING_MOST)
            self._listeners.add(made)
            return made

    def leave(self, listener: queue.Queue[bytes | None]) -> None:
        """Forget a listener."""
        with self._lock:
            self._listeners.discard(listener)

    def _send(self, event: str, data: Mapping[str, object]) -> None:
        text = f"event: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
        with self._lock:
            for listener in list(self._listeners):
                if not _put(listener, text):
                    self._listeners.discard(listener)


def _put(listener: queue.Queue[bytes | None], text: bytes | None) -> bool:
    try:
        listener.put_nowait(text)
    except queue.Full:
        return False
    return True


class _Server(ThreadingHTTPServer):
    """The listening socket and what its calls need."""

    daemon_threads = True

    def __init__(self, port: int, page: AgentPage, origins: frozenset[str], choose: Choose) -> None:
        self.page = page
        self.origins = origins
        self.choose = choose
        super().__init__(("127.0.0.1", port), _Call)


class _Call(BaseHTTPRequestHandler):
    """One call of a page."""

    server: _Server

    server_version = "yunju-agent"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        if not self._allowed():
            return
        if self.path != "/events":
            self._plain(HTTPStatus.NOT_FOUND, {"error": "no such path"})
            return
        listener = self.server.page.listen()
        if listener is None:
            self._plain(HTTPStatus.SERVICE_UNAVAILABLE, {"error": "too many pages listen"})
            return
        self._stream(listener)

    def do_POST(self) -> None:
        if not self._allowed():
            return
        body = self._body()
        if body is None:
            self.close_connection = True
            self._plain(HTTPStatus.BAD_REQUEST, {"error": "send a small JSON object as application/json"})
            return
        made = self.server.choose(self.path, body)
        if made is None:
            self._plain(HTTPStatus.NOT_FOUND, {"error": "no such path"})
            return
        self._plain(HTTPStatus.OK, made)

    def do_OPTIONS(self) -> None:
        if not self._allowed():
            return
        self.send_response(HTTPStatus.NO_CONTENT)
        self._shared_headers()
        self.send_header("Access-Control-Allow-Methods", "GET, POST")
        self.send_header("Access-Control-Allow-Headers", "Content-Type")
        # Chromium asks this before a public page may call a private address.
        self.send_header("Access-Control-Allow-Private-Network", "true")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the base class's names
        """Log nothing: the agent itself reports what is important."""

    def _allowed(self) -> bool:
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        if host in _LOOPBACK and self.headers.get("Origin") in self.server.origins:
            return True
        self.close_connection = True
        self._plain(HTTPStatus.FORBIDDEN, {"error": "this page may not talk to the agent"}, shared=False)
        return False

    def _body(self) -> Mapping[str, object] | None:
        length = self.headers.get("Content-Length", "")
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip()
        # With another type than JSON, the browser would not ask in advance.
        if not length.isdecimal() or int(length) > BODY_MOST or kind != "application/json":
            return None
        try:
            found = loads(self.rfile.read(int(length)))
        except JsonError:
            return None
        return found if isinstance(found, dict) else None

    def _stream(self, listener: queue.Queue[bytes | None]) -> None:
        self.close_connection = True
        self.send_response(HTTPStatus.OK)
        self._shared_headers()
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.end_headers()
        try:
            self._write(b"retry: 2000\n\n")
            while (text := self._next(listener)) is not None:
                self._write(text)
        except OSError:
            return  # The page went away
        finally:
            self.server.page.leave(listener)

    @staticmethod
    def _next(listener: queue.Queue[bytes | None]) -> bytes | None:
        try:
            return listener.get(timeout=BEAT_SECONDS)
        except queue.Empty:
            return b": still here\n\n"

    def _write(self, text: bytes) -> None:
        self.wfile.write(text)
        self.wfile.flush()

    def _plain(self, status: HTTPStatus, value: Mapping[str, object], *, shared: bool = True) -> None:
        content = json.dumps(value, ensure_ascii=False).encode()
        self.send_response(status)
        if shared:
            self._shared_headers()
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self._write(content)

    def _shared_headers(self) -> None:
        self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", ""))
        self.send_header("Vary", "Origin")
        self.send_header("Cache-Control", "no-store")
