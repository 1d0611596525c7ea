from datetime import timedelta
from ipaddress import ip_network

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import FixedClock
from edge.limits import Forwarding, Limiter, RateLimit, Turns, client_key
from edge.problems import Problem
from tests.edge.builders import NOON

PROXIES = (ip_network("10.0.0.0/8"), ip_network("::1/128"))


def key_of(remote, forwarded=None, proxies=()):
    """Whom a request from `remote` is counted under."""
    environ = {"REMOTE_ADDR": remote} | ({} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded})
    return client_key(flask.Request(environ), proxies)


def test_a_burst_then_the_rate():
    """Three at once, then one every two seconds; the wait is told in whole seconds."""
    clock = FixedClock(NOON)
    limit = RateLimit(0.5, 3, clock)
    assert [limit.take("a") for _ in range(5)] == [None, None, None, 2, 2]
    clock.advance(timedelta(seconds=1))
    assert limit.take("a") == 1
    clock.advance(timedelta(seconds=1))
    assert [limit.take("a"), limit.take("a")] == [None, 2]


def test_keys_do_not_disturb_each_other():
    """One client's flood is another's nothing."""
    limit = RateLimit(1, 1, FixedClock(NOON))
    assert [limit.take("a"), limit.take("a"), limit.take("b")] == [None, 1, None]


def test_a_long_rest_gives_the_burst_and_no_more():
    """Tokens do not pile up."""
    clock = FixedClock(NOON)
    limit = RateLimit(1, 2, clock)
    limit.take("a")
    clock.advance(timedelta(days=1))
    assert [limit.take("a") for _ in range(3)] == [None, None, 1]


def test_a_clock_set_back_locks_nobody_out():
    """The bucket neither fills nor stays shut once time goes on."""
    clock = FixedClock(NOON)
    limit = RateLimit(1, 1, clock)
    limit.take("a")
    clock.advance(timedelta(hours=-1))
    assert limit.take("a") == 1
    clock.advance(timedelta(seconds=1))
    assert limit.take("a") is None


def test_memory_is_bounded_and_forgetting_is_in_the_clients_favour():
    """A flood of addresses pushes out the oldest, which then starts afresh."""
    limit = RateLimit(0.001, 1, FixedClock(NOON), most_keys=100)
    limit.take("first")
    assert limit.take("first") is not None
    for number in range(1000):
        limit.take(str(number))
    assert len(limit._buckets) == 100
    assert limit.take("first") is None


@given(st.lists(st.floats(0, 5), max_size=40))
def test_never_more_than_burst_and_rate_allow(pauses):
    """Over any sequence of pauses the grants stay within burst + rate x time."""
    clock = FixedClock(NOON)
    limit = RateLimit(2, 3, clock)
    granted = 0
    for pause in pauses:
        clock.advance(timedelta(seconds=pause))
        granted += limit.take("a") is None
    assert granted <= 3 + 2 * (clock.now() - NOON).total_seconds() + 1e-6


def test_a_refusal_is_a_problem_with_retry_after():
    """For views that want one line."""
    limit = RateLimit(0.1, 1, FixedClock(NOON))
    limit.require("a")
    with pytest.raises(Problem) as caught:
        limit.require("a")
    assert (caught.value.code, caught.value.retry_after) == ("too-many-requests", 10)


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0)])
def test_a_limit_that_lets_nobody_in_is_a_fault(rate, burst):
    """Zero is no limit."""
    with pytest.raises(ValueError, match="positive"):
        RateLimit(rate, burst, FixedClock(NOON))


@pytest.mark.parametrize(
    ("remote", "forwarded", "proxies", "key"),
    [
        ("203.0.113.7", None, (), "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", (), "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", PROXIES, "203.0.113.7"),
        ("10.1.1.1", "198.51.100.1", PROXIES, "198.51.100.1"),
        ("10.1.1.1", "192.0.2.9, 198.51.100.1", PROXIES, "198.51.100.1"),
        ("10.1.1.1", "192.0.2.9, 198.51.100.1, 10.2.2.2", PROXIES, "198.51.100.1"),
        ("10.1.1.1", "junk", PROXIES, "10.1.1.1"),
        ("10.1.1.1", "", PROXIES, "10.1.1.1"),
        ("10.1.1.1", None, PROXIES, "10.1.1.1"),
        ("::ffff:10.1.1.1", "198.51.100.1", PROXIES, "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", None, (), "2001:db8:1:2::/64"),
        ("::1", "2001:db8:1:2::9", PROXIES, "2001:db8:1:2::/64"),
        ("", None, (), "unknown"),
        ("unix:", None, PROXIES, "unknown"),
    ],
)
def test_whom_a_request_counts_for(remote, forwarded, proxies, key):
    """Forwarded addresses are believed from trusted proxies alone, and only back to the first that is not one."""
    assert key_of(remote, forwarded, proxies) == key


def test_a_proxy_that_nobody_named_is_told_once(caplog, monkeypatch):
    """X-Forwarded-For from a peer that is no trusted proxy: in the log once, and as a warning of readiness."""
    noticed = Forwarding()
    monkeypatch.setattr("edge.limits.FORWARDING", noticed)
    assert key_of("10.0.0.1", "203.0.113.9", PROXIES) == "203.0.113.9"
    assert noticed.complaint() is None
    for _ in range(3):
        assert key_of("192.0.2.1", "203.0.113.9", PROXIES) == "192.0.2.1"
    assert "YUNJU_TRUSTED_PROXIES" in noticed.complaint()
    assert caplog.text.count("YUNJU_TRUSTED_PROXIES") == 1


def test_a_place_that_failed_too_often_has_one_turn_at_a_time():
    """Junk is worked on by one thread of a process; other places, and the next after it, go at once."""
    clock = FixedClock(NOON)
    turns = Limiter(clock).turns("slow", rate=0.5, burst=2)
    assert [turns.failed("crowd") for _ in range(3)] == [None, None, 2]
    with turns.turn("crowd") as first, turns.turn("crowd") as second, turns.turn("other") as third:
        assert (first, second, third) == (True, False, True)
    with turns.turn("crowd") as next_one:
        assert next_one
    clock.advance(timedelta(seconds=3))
    with turns.turn("crowd") as one, turns.turn("crowd") as another:
        assert one
        assert another


def test_turns_remember_a_bounded_number_of_places():
    """Forgotten places go at once again: in the client's favour."""
    clock = FixedClock(NOON)
    turns = Turns(RateLimit(0.1, 1, clock), clock, most_places=2)
    for place in ("a", "a", "b", "b", "c", "c"):
        turns.failed(place)
    with turns.turn("a") as first, turns.turn("a") as second:
        assert first
        assert second
    with turns.turn("c") as first, turns.turn("c") as second:
        assert (first, second) == (True, False)
