"""How connections end: the client learns of the end at once, and the server's loop never waits for a client."""

import socket
import time
from contextlib import closing

import pytest

from edge.farewells import Farewells

GUARD_SECONDS = 60


@pytest.fixture
def pair():
    """The server's end of a connection and the client's."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(GUARD_SECONDS)
    with closing(ours), closing(theirs):
        yield ours, theirs


def until_closed(sock):
    """Wait until the server has closed its end."""
    ends = time.monotonic() + GUARD_SECONDS
    while sock.fileno() != -1:
        assert time.monotonic() < ends, "the connection stays open"
        time.sleep(0.01)


def test_the_client_hears_the_end_after_the_whole_answer(pair):
    """What was sent before arrives whole, although bytes of the client's lie unread."""
    ours, theirs = pair
    theirs.sendall(b"never read")
    ours.sendall(b"the answer")
    Farewells(seconds=GUARD_SECONDS).end(ours)
    assert (theirs.recv(100), theirs.recv(100)) == (b"the answer", b"")
    assert ours.fileno() != -1
    theirs.sendall(b"more that nobody reads")
    theirs.close()
    until_closed(ours)


def test_a_client_that_never_ends_has_its_time_and_no_more(pair):
    """Also one that goes on sending, which is thrown away."""
    ours, theirs = pair
    Farewells(seconds=0.2).end(ours)
    theirs.setblocking(False)
    ends = time.monotonic() + GUARD_SECONDS
    while ours.fileno() != -1:
        assert time.monotonic() < ends
        try:
            theirs.send(b"x" * 1000)
        except OSError:
            time.sleep(0.01)
        time.sleep(0.001)


def test_one_end_more_than_are_waited_for_is_closed_at_once(pair):
    """The number of open connections is bounded; the places are given back."""
    ours, theirs = pair
    farewells = Farewells(seconds=GUARD_SECONDS, most=1)
    farewells.end(ours)
    first, second = socket.socketpair(), socket.socketpair()
    farewells.end(first[0])
    assert (ours.fileno() != -1, first[0].fileno()) == (True, -1)
    theirs.close()
    until_closed(ours)
    ends = time.monotonic() + GUARD_SECONDS
    while farewells._open:
        assert time.monotonic() < ends
        time.sleep(0.01)
    farewells.end(second[0])
    assert second[0].fileno() != -1
    second[1].close()
    until_closed(second[0])
    first[1].close()


def test_a_connection_that_is_gone_already_is_only_closed(pair):
    """The client hung up, or the socket was closed before: no error, nothing is waited for."""
    ours, theirs = pair
    theirs.close()
    farewells = Farewells()
    farewells.end(ours)
    until_closed(ours)
    farewells.end(ours)
    assert ours.fileno() == -1
