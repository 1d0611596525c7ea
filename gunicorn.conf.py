"""How gunicorn serves the application; any value gives way to gunicorn's own flags (`--bind`, GUNICORN_CMD_ARGS)."""

import json
import os
import shutil
import socket
import struct
import tempfile
from pathlib import Path
from typing import Any

from gunicorn import util

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_made: dict[str, str] = {}

bind = "127.0.0.1:8000"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
# Threads share their worker's ledger writer: check-ins that wait at the same time become durable in one sync.
worker_class = "gthread"
threads = 8
# Every worker opens its own ledger, stores and writer thread after the fork: a SQLite connection, its locks and a
# running thread do not survive one. So the application is never loaded before, and no post_fork hook is needed.
preload_app = False

# A client that stops in mid-request, as a tablet that lost its network does, would keep its thread for ever:
# no setting of gunicorn's own bounds the wait. Connections take these bounds over from the socket that accepts them.
# Who sends a byte now and then still holds a thread: beyond this machine a buffering reverse proxy belongs in front.
STALLED_SECONDS = 10


_CODES = {403: "not-permitted", 414: "address-too-long", 417: "bad-request", 431: "too-large", 501: "bad-request"}


def write_problem(sock: socket.socket, status_int: int, reason: str, mesg: str) -> None:  # noqa: ARG001 - what a client sent is not told back
    """Answer what gunicorn refuses itself with an RFC 9457 document, as the application does, instead of HTML."""
    code = _CODES.get(status_int, "bad-request" if status_int < 500 else "internal")
    document = {"type": f"/problems/{code}", "title": reason, "status": status_int, "code": code}
    body = json.dumps(document).encode("ascii")
    head = (
        f"HTTP/1.1 {status_int} {reason}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
        f"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    util.write_nonblock(sock, head.encode("ascii") + body)


# The worker's class is not to be replaced for this alone: every class answers by this one function.
util.write_error = write_problem


def when_ready(server: Any) -> None:  # noqa: ANN401 - gunicorn's arbiter, which has no types
    """Bound every wait for a client, in headers, body and answer alike, and give the workers a folder for figures.

    The folder, in which all workers count together, is made once the port is taken: where it is not, nothing is left.
    """
    if METRICS_FOLDER not in os.environ:
        os.environ[METRICS_FOLDER] = _made["folder"] = tempfile.mkdtemp(prefix="yunju-metrics-", dir=worker_tmp_dir)
    bound = struct.pack("ll", STALLED_SECONDS, 0)
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, bound)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, bound)


def child_exit(server: Any, worker: Any) -> None:  # noqa: ANN401, ARG001 - as above
    """Tell the figures that a worker is gone; what it counted stays counted."""
    # The library looks for the folder as it is imported: before when_ready it would count for one process alone.
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415 - as said

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:  # noqa: ANN401, ARG001 - as above
    """Leave nothing behind."""
    if "folder" in _made:
        shutil.rmtree(_made["folder"], ignore_errors=True)


timeout = 30
graceful_timeout = 20
keepalive = 5
# Whatever passes here reaches the application, which answers every fault with a problem document. What does not pass is
# answered by gunicorn itself: with a problem document too (`write_problem`).
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190

# A worker's heartbeat file on a slow disk looks like a worker that hangs.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes a file of its own in it
# The command socket would lie in the home folder, which the image's user does not have.
control_socket_disable = True
# The application writes one line a request, without queries, tokens or names; a second log would not be so careful.
accesslog = None
errorlog = "-"
