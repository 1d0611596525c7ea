"""How gunicorn serves the application; any value gives way to gunicorn's own flags (`--bind`, GUNICORN_CMD_ARGS)."""

import gc
import json
import os
import select
import shutil
import signal
import socket
import struct
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from gunicorn import util
from gunicorn.http.unreader import SocketUnreader

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_MADE = "PROMETHEUS_MULTIPROC_MADE"
"""Names the folder that `when_ready` made: in the environment, for a reload executes this file anew."""
_relief: dict[str, int] = {}

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
# Who sends a byte now and then is held to a pace (edge/pace.py), and still holds a thread for a while: beyond this
# machine a buffering reverse proxy belongs in front.
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
        made = tempfile.mkdtemp(prefix="yunju-metrics-", dir=worker_tmp_dir)
        os.environ[METRICS_FOLDER] = os.environ[_MADE] = made
    bound = struct.pack("ll", STALLED_SECONDS, 0)
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, bound)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, bound)


RELIEF_SECONDS = 120
"""After so long the old workers go even though a new one has not loaded: it fell, and another takes its place."""


def on_reload(server: Any) -> None:  # noqa: ANN401 - as above
    """Let each old worker serve until a new one has loaded: gunicorn's own way leaves nobody to answer meanwhile.

    Twice as many workers run for some seconds. Each new one writes a byte as soon as it has loaded, and for each byte
    the oldest is told to go; it ends in order what it has begun. A thread does so: gunicorn's loop waits meanwhile.
    """
    loaded, _relief["told"] = os.pipe()
    old = [pid for pid, _ in sorted(server.WORKERS.items(), key=lambda worker: worker[1].age)]
    server.num_workers = server.cfg.workers + len(old)
    threading.Thread(target=_relieve, args=(server, loaded, old), daemon=True).start()


def post_worker_init(worker: Any) -> None:  # noqa: ANN401 - as above
    """Let no client hold this worker up, and tell the master that it has loaded, where old ones wait for it."""
    pass_over_what_stays()
    keep_pace(worker.cfg.threads)
    end_beside_the_loop()
    if "told" in _relief:
        with suppress(OSError):
            os.write(_relief["told"], b"1")


def pass_over_what_stays() -> None:
    """Let the garbage collector leave out what was loaded: modules and routes stay as long as the worker.

    A whole collection would walk all of it, some 80 ms in which no thread of this worker answers.
    """
    gc.collect()
    gc.freeze()


def keep_pace(threads: int, **bounds: Any) -> None:  # noqa: ANN401 - as above
    """Let every read of this worker keep the pace of its request, in the head and in the body. Here alone all pass."""
    # Imported in the worker: the master would keep the old code over a reload.
    from edge.pace import TICK_SECONDS, PacedReads  # noqa: PLC0415 - as said

    waiting, plain, tick = PacedReads(threads, **bounds), SocketUnreader.chunk, struct.pack("ll", TICK_SECONDS, 0)

    def chunk(unreader: Any, size_hint: int | None = None) -> bytes:  # noqa: ANN401 - as above
        if getattr(unreader, "pace", None) is None:
            unreader.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, tick)
            unreader.pace = waiting.begin()
        try:
            return waiting.read(unreader.pace, lambda: plain(unreader, size_hint))
        except TimeoutError:
            if (asked := getattr(unreader, "asked", None)) is not None:
                asked.force_close()  # What is still to come of the body is waited for no longer
            raise

    SocketUnreader.chunk = chunk


def end_beside_the_loop(**bounds: Any) -> None:  # noqa: ANN401 - as above
    """Wait for clients' own ends in a thread: gunicorn would wait in its loop, and accept nobody meanwhile."""
    from edge.farewells import Farewells  # noqa: PLC0415 - as above

    util.close_graceful = Farewells(**bounds).end


def pre_request(worker: Any, req: Any) -> None:  # noqa: ANN401, ARG001 - as above
    """Begin the pace of the body anew: the head arrived."""
    req.unreader.pace, req.unreader.asked = None, req


def post_request(worker: Any, req: Any, environ: Any, resp: Any) -> None:  # noqa: ANN401, ARG001 - as above
    """Begin the pace of the next request's head on this connection anew."""
    req.unreader.pace = req.unreader.asked = None


def _relieve(server: Any, loaded: int, old: list[int]) -> None:  # noqa: ANN401 - as above
    """Let an old worker go for each new one that has loaded."""
    until = time.monotonic() + RELIEF_SECONDS
    for pid in old:
        if select.select([loaded], [], [], max(0.0, until - time.monotonic()))[0]:
            os.read(loaded, 1)
        server.num_workers -= 1
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    os.close(_relief.pop("told"))
    os.close(loaded)


def child_exit(server: Any, worker: Any) -> None:  # noqa: ANN401, ARG001 - as above
    """Tell the figures that a worker is gone; what it counted stays counted."""
    # The library looks for the folder as it is imported: before when_ready it would count for one process alone.
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415 - as said

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:  # noqa: ANN401, ARG001 - as above
    """Leave nothing behind."""
    if _MADE in os.environ:
        shutil.rmtree(os.environ[_MADE], ignore_errors=True)


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
