"""The pace of a request: the test moves the clock and plays the socket."""

from itertools import repeat

import pytest

from edge.pace import BYTES_A_SECOND, CROWDED_SECONDS, PATIENCE_SECONDS, STALLED_SECONDS, PacedReads, TooSlow
from tests.edge.builders import a_client
from tests.edge.test_http_hostile import assert_problem, post_chunked


class Client:
    """Plays a client: each step moves the clock by so many seconds, then brings bytes; None is a tick of silence."""

    def __init__(self, steps):
        self.now, self.steps = 0.0, iter(steps)

    def __call__(self):
        seconds, data = next(self.steps)
        self.now += seconds
        if data is None:
            raise BlockingIOError
        return data


def all_of(client, waiting, pace):
    """Read until the client is at its end."""
    whole = b""
    while data := waiting.read(pace, client):
        whole += data
    return whole


def read(steps, threads=8):
    """What arrives of a request that comes in those steps; one thread waits."""
    client = Client(steps)
    waiting = PacedReads(threads, clock=lambda: client.now)
    return all_of(client, waiting, waiting.begin()), client.now


def test_who_keeps_the_pace_arrives_whole_however_long_it_takes():
    """Ten minutes of a slow line, with silences shorter than a stall."""
    step = 5 * BYTES_A_SECOND
    whole, took = read([(4, None), (1, bytes(step))] * 120 + [(1, b"")])
    assert (len(whole), took) == (120 * step, 601)


def test_a_byte_a_second_is_cut_off_when_patience_ends():
    """However many bytes were announced: so few of them bring no time."""
    client = Client(repeat((1, b"x")))
    waiting = PacedReads(8, clock=lambda: client.now)
    with pytest.raises(TooSlow):
        all_of(client, waiting, waiting.begin())
    assert PATIENCE_SECONDS < client.now <= PATIENCE_SECONDS + 2


def test_a_silence_is_cut_off_as_a_stall():
    """Well before the patience ends, and by ticks in which nothing comes."""
    client = Client([(1, b"x"), *repeat((1, None), 1000)])
    waiting = PacedReads(8, clock=lambda: client.now)
    with pytest.raises(TooSlow):
        all_of(client, waiting, waiting.begin())
    assert STALLED_SECONDS < client.now <= STALLED_SECONDS + 3


def test_what_was_sent_fast_brings_time_and_no_more():
    """A flood at first, then drops: the bytes of the flood count, at the pace's own rate."""
    client = Client([(0, bytes(30 * BYTES_A_SECOND)), *repeat((1, b"x"), 1000)])
    waiting = PacedReads(8, clock=lambda: client.now)
    with pytest.raises(TooSlow):
        all_of(client, waiting, waiting.begin())
    assert PATIENCE_SECONDS + 30 < client.now <= PATIENCE_SECONDS + 32


def test_more_than_half_of_the_threads_wait_with_little_patience():
    """Threads that wait beside each other: the third of four has little patience, the second has all of it."""

    def among(others):
        client = Client(repeat((1, b"x")))
        waiting = PacedReads(4, clock=lambda: client.now)

        def beside(left):
            """Read while `left` other threads are inside a read."""
            if left == 0:
                return all_of(client, waiting, waiting.begin())
            return waiting.read(waiting.begin(), lambda: beside(left - 1))

        with pytest.raises(TooSlow):
            beside(others)
        return client.now

    assert PATIENCE_SECONDS < among(1) <= PATIENCE_SECONDS + 2
    assert CROWDED_SECONDS < among(2) <= CROWDED_SECONDS + 2


@pytest.mark.parametrize("fault", [ConnectionResetError, TimeoutError])
def test_the_sockets_own_errors_pass_and_the_place_is_free_again(fault):
    """A thread that left by an error counts no more: half of the threads keep their patience."""
    waiting = PacedReads(2)

    def fails():
        raise fault

    for _ in range(5):
        with pytest.raises(fault):
            waiting.read(waiting.begin(), fails)
    assert waiting._waiting == 0


class Slow:
    """A body whose client keeps no pace."""

    def read(self, size=-1):
        """Fail as a paced read does."""
        raise TooSlow


def test_a_slow_body_is_408_with_and_without_a_length():
    """A problem document with a code of its own, not that of a broken body."""
    environ = {"CONTENT_LENGTH": "100", "wsgi.input": Slow(), "CONTENT_TYPE": "application/json"}
    assert_problem(a_client().post("/v1/leaves", environ_overrides=environ), 408, "too-slow")
    assert_problem(post_chunked(Slow()), 408, "too-slow")
