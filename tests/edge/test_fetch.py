"""Calls to other servers: one deadline for the whole call, a bound on the size, and no redirect to another place."""

import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from edge.fetch import FetchAway, OutgoingCall, fetch


@contextmanager
def serving(*pieces: bytes, pause: float = 0.0):
    """A server that sends pieces with pauses between them, once for each connection; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                held, _ = listener.accept()
            except OSError:
                return
            with held:
                asked.append(_heard(held))
                try:
                    for piece in pieces:
                        held.sendall(piece)
                        time.sleep(pause)
                except OSError:
                    continue

    worker = threading.Thread(target=serve, daemon=True)
    worker.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        worker.join(5)


def _heard(held: socket.socket) -> bytes:
    """All that a client sends: what is left unread would break the connection off."""
    held.settimeout(0.3)
    heard = b""
    with suppress(TimeoutError):
        while piece := held.recv(65_536):
            heard += piece
            if heard.startswith(b"GET") and heard.endswith(b"\r\n\r\n"):
                break
    held.settimeout(None)
    return heard


HEAD = b'HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: %d\r\n\r\n'


def test_an_answer_comes_whole():
    """Status, headers in lower case, body; a body makes a POST."""
    with serving(HEAD % 5, b"he", b"llo") as (url, asked):
        found = fetch(OutgoingCall(f"{url}/a?b=c", {"Authorization": "Bearer t"}, b"{}"), seconds=5, most=5)
    assert (found.status, found.headers["etag"], found.body) == (200, '"x"', b"hello")
    assert asked[0].startswith(b"POST /a?b=c HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "pieces", [[HEAD % 1000] + [b"x"] * 40, [bytes([byte]) for byte in HEAD % 0]], ids=["body", "headers"]
)
def test_a_server_that_drips_is_cut_off_at_the_deadline(pieces):
    """One byte now and then holds no thread: the whole call is over in its time."""
    with serving(*pieces, pause=0.2) as (url, _):
        began = time.monotonic()
        with pytest.raises(FetchAway, match="too slow"):
            fetch(OutgoingCall(url), seconds=1, most=10_000)
        assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("pieces", "why"),
    [
        ([HEAD % 100, b"x" * 100], "too long"),
        ([b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 100], "too long"),
        ([HEAD % 9, b"x"], "IncompleteRead|breaks off"),
        ([b"nonsense\r\n\r\n"], "BadStatusLine"),
        ([], "RemoteDisconnected|ConnectionReset"),
    ],
)
def test_an_answer_that_cannot_be_used_is_none(pieces, why):
    """Too long, cut short, no HTTP, nothing at all."""
    with serving(*pieces) as (url, _), pytest.raises(FetchAway, match=why):
        fetch(OutgoingCall(url), seconds=5, most=10)


def test_a_redirection_is_an_answer_and_no_way():
    """The token in the headers goes to the server that was asked, and to no other."""
    with serving(HEAD % 0) as (elsewhere, asked):
        moved = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n".encode()
        with serving(moved) as (url, _):
            assert fetch(OutgoingCall(url), seconds=5, most=10).status == 302
        assert asked == []


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/", "http://", "http://127.0.0.1:1/"])
def test_no_other_scheme_and_no_silence(url):
    """Only http and https; who does not listen is away."""
    with pytest.raises(FetchAway):
        fetch(OutgoingCall(url), seconds=2, most=10)
