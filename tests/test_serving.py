"""How gunicorn serves: what a client that stops in the middle can cost."""

import runpy
import socket
import struct
from pathlib import Path
from types import SimpleNamespace

CONFIGURATION = runpy.run_path(str(Path(__file__).resolve().parent.parent / "gunicorn.conf.py"))


def test_a_client_that_stops_in_the_middle_gives_its_thread_back() -> None:
    """Every accepted connection bounds its waits, or a few lost tablets would stop the whole counter."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        CONFIGURATION["when_ready"](SimpleNamespace(LISTENERS=[SimpleNamespace(sock=listener)]))
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                accepted.setblocking(True)  # as gunicorn does: it takes Python's own time-out away
                for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                    seconds, _ = struct.unpack("ll", accepted.getsockopt(socket.SOL_SOCKET, option, 16))
                    assert 0 < seconds <= 10
