"""A primary that hands over in order, behind an address that moves with it, as before an upgrade of its machine."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import timedelta

import pytest

from edge.clock import SystemClock
from ledger.redis import RedisLedger, RedisOptions
from ledger.values import LedgerUnavailable, Query
from tests.ledger.builders import a_check_in, faults
from tests.ledger.test_redis_crashes import missing
from tests.soak.redis_pair import Pair
from tests.waiting import until

pytestmark = pytest.mark.slow
CLOCK = SystemClock()


@pytest.fixture
def pair(tmp_path):
    """A primary and a replica behind one address."""
    with closing(Pair(tmp_path)) as made:
        yield made


def opened(pair: Pair) -> RedisLedger:
    """A ledger at the address that moves; a busy machine's replica gets longer than the two seconds of an answer."""
    url, _, _ = pair.url.partition("?")
    return RedisLedger(RedisOptions(url, replicas=1, wait=timedelta(seconds=1.5), whole=timedelta(seconds=15)))


def test_connections_to_the_primary_of_before_are_left_for_the_new_one(pair):
    """It lives on as a replica that refuses to write: the same call goes on at the new primary, on a new connection."""
    with closing(opened(pair)) as ledger:
        before = ledger.check_in(a_check_in(CLOCK.now()))
        pair.fail_over()
        after = ledger.check_in(a_check_in(CLOCK.now(), holder="another"))
        assert ledger.entry(before.entry) is not None
        assert ledger.entry(after.entry) is not None
        with pair.primary.client() as client:
            client.execute_command("WAIT", 1, 1000)
        assert faults(ledger) == []


def test_nobody_is_refused_while_a_primary_hands_over_under_load(pair):
    """Eight threads check in through two handovers: every call is granted at its first sending, and stands once."""
    told, refused, over = [], [], threading.Event()

    def client(number: int) -> None:
        turn = 0
        while not over.is_set():
            turn += 1
            change = a_check_in(CLOCK.now(), holder=f"holder-{number}-{turn}")
            try:
                told.append((change, ledger.check_in(change)))
            except LedgerUnavailable as error:
                refused.append(str(error))

    with closing(opened(pair)) as ledger:
        ledger.check_in(a_check_in(CLOCK.now(), holder="first"))
        threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(2):
                seen = len(told)
                until(lambda seen=seen: len(told) > seen + 40 or refused)
                pair.fail_over()
            seen = len(told)
            until(lambda seen=seen: len(told) > seen + 40 or refused)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert refused == []
        assert missing(ledger, told) == []
        assert ledger.counts(Query())["granted"] == len(told) + 1
        assert faults(ledger) == []
