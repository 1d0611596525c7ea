"""Real sockets against gunicorn: a client that drips bytes loses its thread, and the others are served meanwhile."""

import json
import select
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event, Thread

import pytest

from tools.ports import free_port

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent
PATIENCE, CROWDED = 6.0, 1.0
GUARD_SECONDS = 60
"""A test that waits so long for the server's end of a connection has failed. Nothing is measured by it."""
WRAPPER = """
exec(compile(open({conf!r}).read(), {conf!r}, "exec"))
_product = keep_pace
def keep_pace(threads):
    _product(threads, patience={patience}, crowded={crowded})
_product_end = end_beside_the_loop
def end_beside_the_loop():
    _product_end(seconds=3600)
"""
HEAD = b"POST /v1/leaves HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
DRIPPED = HEAD + b"Content-Length: 4000\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\nfa0\r\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A frame under the product's own gunicorn settings: one worker with four threads, and less patience."""
    folder, port = tmp_path_factory.mktemp("slowly"), free_port()
    conf, log = folder / "conf.py", folder / "log"
    told = {"conf": str(ROOT / "gunicorn.conf.py"), "patience": PATIENCE, "crowded": CROWDED}
    conf.write_text(WRAPPER.format(**told))
    command = [sys.executable, "-m", "gunicorn", "--config", str(conf), "--workers", "1", "--threads", "4",
               "--bind", f"127.0.0.1:{port}", "tests.edge.builders:a_frame()"]  # fmt: skip
    with log.open("wb") as stream:
        process = subprocess.Popen(command, cwd=ROOT, stdout=stream, stderr=stream)
    try:
        ends = time.monotonic() + GUARD_SECONDS
        while not answers(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < ends
            time.sleep(0.05)
        yield port, log
    finally:
        process.terminate()
        process.wait(GUARD_SECONDS)


def answers(port):
    """Whether somebody listens there."""
    with closing(socket.socket()) as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def connected(port):
    """A connection to the server."""
    return socket.create_connection(("127.0.0.1", port), timeout=GUARD_SECONDS)


def dripped(connection, head, drop=b" ", every=0.1):
    """Send the head at once, then a drop now and then until the server has had enough; return what it said."""
    connection.sendall(head)
    ends = time.monotonic() + GUARD_SECONDS
    while not select.select([connection], [], [], every)[0]:
        assert time.monotonic() < ends, "the server still waits"
        try:
            connection.sendall(drop)
        except OSError:
            break
    return everything(connection)


def everything(connection):
    """What is left to read, until the server ends the connection."""
    whole = b""
    try:
        while data := connection.recv(65_536):
            whole += data
    except ConnectionResetError:  # the last drop met a closed end
        pass
    return whole


@pytest.mark.parametrize("head", [DRIPPED, CHUNKED], ids=["with a length", "in chunks"])
def test_a_dripping_body_ends_as_408(served, head):
    """The answer names its kind, and the connection ends: what is still to come is waited for no longer."""
    with connected(served[0]) as one:
        said, _, body = dripped(one, head).partition(b"\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"\r\nConnection: close" in said
    assert json.loads(body)["code"] == "too-slow"


def test_a_body_that_stalls_ends_as_408(served):
    """Half of it, and then not a byte more."""
    with connected(served[0]) as one:
        one.sendall(DRIPPED + b"{")
        said = everything(one)
    assert said.startswith(b"HTTP/1.1 408 ")


def test_a_dripping_head_ends_without_a_word_and_without_a_traceback(served):
    """The bounded wait of a head, one letter at a time."""
    with connected(served[0]) as one:
        assert dripped(one, b"GET /page HTTP/1.1\r\nX-Long: ", b"a") == b""
    assert "Traceback" not in served[1].read_text()


def test_clients_that_keep_the_pace_share_one_connection_for_longer_than_the_patience(served):
    """Each request has a pace of its own: the connection may be older than any request may take."""
    body = b'{"count":1}'
    call = HEAD + b"Content-Length: %d\r\n\r\n" % len(body)
    with connected(served[0]) as one:
        for _ in range(2):
            one.sendall(call[:20])
            time.sleep(PATIENCE / 3)
            one.sendall(call[20:])
            time.sleep(PATIENCE / 3)
            one.sendall(body)
            said = b""
            while not said.endswith(b"}"):
                said += one.recv(65_536)
            assert said.startswith(b"HTTP/1.1 201 ")


def test_clients_that_never_hang_up_stop_nobody(served):
    """They have their answer and keep the connection. gunicorn's own loop would wait two seconds for each of them."""
    call = b"GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    with ExitStack() as stack:
        held = [stack.enter_context(connected(served[0])) for _ in range(40)]
        for one in held:
            one.sendall(call)
        for one in held:
            assert everything(one).startswith(b"HTTP/1.1 200 ")
        with connected(served[0]) as other:
            other.sendall(call)
            assert everything(other).startswith(b"HTTP/1.1 200 ")


def test_as_many_dripping_clients_as_there_are_threads_stop_nobody(served):
    """All threads taken, and again as many waiting behind them: another client is answered all the same."""
    port, enough = served[0], Event()

    def drip(connection):
        """Drip until told or cut off."""
        try:
            connection.sendall(DRIPPED)
            while not enough.is_set() and not select.select([connection], [], [], 0.1)[0]:
                connection.sendall(b" ")
        except OSError:
            return

    with ExitStack() as stack:
        drippers = [Thread(target=drip, args=(stack.enter_context(connected(port)),)) for _ in range(8)]
        for one in drippers:
            one.start()
        with connected(port) as other:
            other.sendall(b"GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert everything(other).startswith(b"HTTP/1.1 200 ")
        enough.set()
        for one in drippers:
            one.join()
