"""A real receiver of webhooks on a free port: it keeps what it was sent and what it took, and answers as it is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def verified(secret: str, headers, body: bytes) -> bool:
    """Whether one of the signatures is this secret's: written from the specification, apart from what signs."""
    key = base64.b64decode(secret.split("_", 1)[1])
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(f"v1,{wanted}", one) for one in headers["webhook-signature"].split(" "))


class Receiver:
    """What was posted, in order: `got` of what was taken, `calls` of every call with its headers and body.

    `answers`: what the next calls get, each a status, (status, headers), or a function of the handler; then 204.
    """

    def __init__(self, port: int = 0) -> None:
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.got: list[dict] = []
        self.answers: list = []
        self.always: object = 204
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                outer._take(self)

            def log_message(self, *_):
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.calls.append(({name.lower(): value for name, value in handler.headers.items()}, body))
        answer = self.answers.pop(0) if self.answers else self.always
        if isinstance(answer, Callable):
            self.got.append(json.loads(body))
            answer(handler)
            return
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        if 200 <= status < 300:
            self.got.append(json.loads(body))
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            handler.send_header(name, value)
        handler.end_headers()

    @property
    def names(self) -> list[str]:
        """The webhook-id of each call."""
        return [headers["webhook-id"] for headers, _ in self.calls]

    @property
    def entries(self) -> list[str]:
        """The entries that were told, in order, as often as they came."""
        return [told["data"]["entry"] for told in self.got]

    def end(self) -> None:
        """Stop listening."""
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def cut(handler: BaseHTTPRequestHandler) -> None:
    """Cut the line after everything was received."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)
