"""How gunicorn serves: what a client that stops in the middle of a call can cost."""

import gc
import json
import runpy
import socket
import struct
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

CONFIGURATION = runpy.run_path(str(Path(__file__).resolve().parent.parent / "gunicorn.conf.py"))


def test_a_client_that_stops_in_the_middle_gives_its_thread_back(tmp_path, monkeypatch) -> None:
    """Every accepted connection bounds its waits, or a few lost tablets would stop the whole counter."""
    # The configuration names a folder of figures to this process where there is none: later tests would read it.
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        CONFIGURATION["when_ready"](SimpleNamespace(LISTENERS=[SimpleNamespace(sock=listener)]))
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                accepted.setblocking(True)  # as gunicorn does: it takes Python's own time-out away
                for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                    seconds, _ = struct.unpack("ll", accepted.getsockopt(socket.SOL_SOCKET, option, 16))
                    assert 0 < seconds <= 10


def test_what_gunicorn_refuses_itself_is_a_problem_document():
    """Framing faults never reach the application: status, code and no word of what was sent; JSON, not HTML."""
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        CONFIGURATION["write_problem"](ours, 431, "Request Header Fields Too Large", "Error parsing '<script>'")
        head, _, body = theirs.recv(65_536).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert b"Content-Type: application/problem+json" in head
    assert f"Content-Length: {len(body)}".encode() in head
    told = json.loads(body)
    assert (told["status"], told["code"]) == (431, "too-large")
    assert b"script" not in body


def test_a_loaded_worker_is_not_walked_by_the_garbage_collector(monkeypatch):
    """A whole collection walks what a request made, not the modules: it would hold all threads up for 80 ms."""
    monkeypatch.setitem(CONFIGURATION["post_worker_init"].__globals__, "keep_pace", lambda threads: None)
    monkeypatch.setitem(CONFIGURATION["post_worker_init"].__globals__, "end_beside_the_loop", lambda: None)
    loaded = [[number] for number in range(10_000)]
    before = gc.get_freeze_count()
    CONFIGURATION["post_worker_init"](SimpleNamespace(cfg=SimpleNamespace(threads=8)))
    assert gc.get_freeze_count() >= before + len(loaded)
