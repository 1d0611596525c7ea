"""What workers count together: one bucket for all processes, a proof once, and each worker alone while the counts are
away.
"""

import multiprocessing
import threading
import time
from contextlib import closing
from datetime import timedelta
from random import Random

import pytest
from limits.errors import StorageError
from limits.storage import MemoryStorage

from edge.clock import FixedClock
from edge.limits import Limiter, RateLimit
from edge.problems import Problem
from edge.settings import load_settings
from edge.sharing import REST_SECONDS, FileShared, RedisShared, SharedAway, open_shared
from tests.edge.builders import NOON
from tests.ledger.redis_servers import a_cluster, a_server
from tests.soak.redis_pair import Pair
from tests.waiting import until


@pytest.fixture
def redis(tmp_path):
    """A Redis server of this test's own."""
    with a_server(tmp_path / "redis") as server:
        yield server


@pytest.fixture(autouse=True)
def closed_counts(monkeypatch):
    """Close each test's connections to Redis: a forgotten socket would fail the whole run at its end."""
    made, begin = [], RedisShared.__init__

    def remembered(self, *given):
        begin(self, *given)
        made.append(self)

    monkeypatch.setattr(RedisShared, "__init__", remembered)
    yield
    for shared in made:
        shared.close()


def file_of(folder) -> FileShared:
    """Return another worker's hold of the same file."""
    return FileShared(folder / "limits.db")


def _take(folder, results) -> None:
    limit = RateLimit(0.001, 20, FixedClock(NOON), name="guesses", shared=file_of(folder))
    results.put(sum(limit.take("192.0.2.1") is None for _ in range(20)))


@pytest.mark.slow
def test_workers_share_one_bucket(tmp_path):
    """Three processes at once get one burst together, not one each."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    workers = [context.Process(target=_take, args=(tmp_path, results)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    granted = [results.get() for _ in workers]
    # A call that waited for the file longer than it may counts by itself: the limit fails open, not shut.
    assert 20 <= sum(granted) <= 23


def test_a_shared_bucket_refills_and_keys_do_not_disturb_each_other(tmp_path):
    """As a bucket in memory does; names keep limits apart."""
    clock = FixedClock(NOON)
    one, other = (RateLimit(0.5, 3, clock, name=name, shared=file_of(tmp_path)) for name in ("a", "b"))
    assert [one.take("x") for _ in range(5)] == [None, None, None, 2, 2]
    assert (one.take("y"), other.take("x")) == (None, None)
    clock.advance(timedelta(seconds=2))
    assert [one.take("x"), one.take("x")] == [None, 2]
    clock.advance(timedelta(hours=-1))
    assert one.take("x") is not None


def test_what_may_come_once_comes_once_over_workers(tmp_path):
    """Until its time is over; then its key is free again."""
    first, second = file_of(tmp_path), file_of(tmp_path)
    assert first.first("proof", 60, 0)
    assert not second.first("proof", 60, 1)
    assert second.first("other", 60, 1)
    assert second.first("proof", 120, 61)


def test_a_limit_fails_open_where_the_file_cannot_be_used(tmp_path, caplog):
    """No visitor is refused for it: the worker counts alone, and says so."""
    (tmp_path / "limits.db").mkdir()
    limiter = Limiter(FixedClock(NOON), file_of(tmp_path))
    limit = limiter.limit("guesses", 1, 2)
    assert [limit.take("x") for _ in range(3)] == [None, None, 1]
    assert limiter.first("proof", NOON + timedelta(minutes=1))
    assert "each worker alone" in caplog.text


def test_old_counts_are_tidied_away(tmp_path, monkeypatch):
    """A flood of addresses leaves no rows behind once their buckets are full again."""
    monkeypatch.setattr("edge.sharing.TIDY_EVERY", 50)
    shared = file_of(tmp_path)
    for number in range(99):
        shared.take(str(number), 1, 1, 0.0)
    shared.take("last", 1, 1, 1000.0)
    held = shared._connection()
    assert held.execute("SELECT count(*) FROM buckets").fetchone()[0] == 1


def test_a_worker_takes_a_twentieth_ahead_and_no_more(tmp_path):
    """It asks the shared counts once for five calls; two workers together still get no more than the burst."""
    asked = []

    class Counted(FileShared):
        def take(self, *given):
            asked.append(given)
            return super().take(*given)

    clock = FixedClock(NOON)
    one, other = (RateLimit(0.001, 100, clock, name="writes", shared=Counted(tmp_path / "limits.db")) for _ in range(2))
    assert [one.take("desk"), other.take("desk")] == [None, None]
    granted = 2 + sum(one.take("desk") is None for _ in range(100))
    assert granted == 96, "the other worker holds four of them"
    assert len(asked) == 1 + 1 + 18 + 6, "once for five that are granted; each refusal asks"
    assert sum(other.take("desk") is None for _ in range(10)) == 4


def test_what_was_taken_ahead_is_let_go_once_an_empty_bucket_has_filled(tmp_path):
    """So a worker that paused cannot spend more than the burst and the rate allow."""
    clock = FixedClock(NOON)
    limit = RateLimit(1, 100, clock, name="writes", shared=file_of(tmp_path))
    assert limit.take("desk") is None
    clock.advance(timedelta(seconds=100))
    assert sum(limit.take("desk") is None for _ in range(200)) == 100


def test_a_device_below_its_rate_is_never_told_to_wait_by_the_file(tmp_path):
    """Two workers and calls that come at random: shares that were let go too early emptied the bucket."""
    clock, chance = FixedClock(NOON), Random(1)
    workers = [RateLimit(5, 600, clock, shared=file_of(tmp_path)) for _ in range(2)]
    refused = 0
    for _ in range(1200):
        clock.advance(timedelta(seconds=chance.expovariate(3.5)))
        refused += chance.choice(workers).take("desk") is not None
    assert refused == 0


@pytest.mark.parts
def test_servers_share_one_bucket_in_redis(redis):
    """Two machines' workers over the ledger's Redis; a proof once for both."""
    one, two = (RedisShared(redis.url) for _ in range(2))
    granted = [shared.take("192.0.2.1", 0.01, 5, 0.0)[0] for _ in range(5) for shared in (one, two)]
    assert sum(granted) == 5
    assert (one.first("proof", 60, 0), two.first("proof", 60, 0)) == (True, False)
    assert [one.take("192.0.2.2", 0.01, 5, 0.0, 3)[0], two.take("192.0.2.2", 0.01, 5, 0.0, 3)[0]] == [3, 1]


@pytest.mark.parts
@pytest.mark.parametrize("options", ["?replicas=1", "?cluster=false&keep_days=60", "?replicas=1&socket_keepalive=yes"])
def test_options_of_the_ledgers_address_do_not_disturb_the_counts(redis, options):
    """They stand in the one address that both read; every counted call was answered 500."""
    shared = RedisShared(redis.url + options)
    assert [shared.take("192.0.2.1", 0.01, 1, 0.0)[0] for _ in range(2)] == [1, 0]
    assert shared.first("proof", 60, 0)


@pytest.mark.slow
@pytest.mark.parts
def test_counts_follow_a_primary_that_handed_over(tmp_path):
    """The old one refuses to count: that call is counted alone, the next at the new primary."""
    with closing(Pair(tmp_path)) as pair:
        shared = RedisShared(pair.url)
        assert shared.first("proof", 60, 0)
        pair.fail_over()
        with pytest.raises(SharedAway):
            shared.first("another", 60, 0)
        assert (shared.first("another", 60, 0), shared.first("proof", 60, 0)) == (True, False)


def test_a_limit_fails_open_where_redis_is_away():
    """Nothing waits for it either."""
    shared = RedisShared("redis://127.0.0.1:1/0")
    with pytest.raises(SharedAway):
        shared.take("x", 1, 1, 0.0)
    with pytest.raises(SharedAway):
        shared.first("x", 1, 0)
    assert RateLimit(1, 1, FixedClock(NOON), shared=shared).take("x") is None


def test_the_settings_choose_where_workers_count(tmp_path):
    """Redis where the ledger is, else a file beside the data."""
    var = {"YUNJU_VAR": str(tmp_path)}
    assert isinstance(open_shared(load_settings(var)), FileShared)
    assert isinstance(open_shared(load_settings(var | {"YUNJU_LEDGER_URL": "redis://localhost/1"})), RedisShared)


def test_a_place_is_counted_for_its_failures_alone(tmp_path):
    """A thousand failures there, and what holds is still admitted; the failures themselves are told to wait."""
    fair = Limiter(FixedClock(NOON), file_of(tmp_path)).fair("phones", 1, 5)
    refused = []
    for _ in range(100):
        with pytest.raises(Problem) as told, fair.judging("192.0.2.1"):
            raise Problem("bad-token")
        refused.append(told.value.code)
    assert refused == ["bad-token"] * 5 + ["too-many-requests"] * 95
    with fair.judging("192.0.2.1"):
        fair.admit("a holder's key")
    for _ in range(10):
        with pytest.raises(Problem) as told, fair.judging("192.0.2.2"):
            raise Problem("unavailable")
        assert told.value.code == "unavailable", "what is the server's own fault is nobody's failure"


OPTIONS = "?replicas=0&keep_days=60&cluster=false"


@pytest.mark.parts
def test_the_ledgers_own_options_in_the_address_are_not_the_counts(redis):
    """An address as docs/operations.md has it: the counts are shared, and no call fails for an option unknown here."""
    one, two = (RedisShared(redis.url + OPTIONS) for _ in range(2))
    assert (one.first("proof", 60, 0), two.first("proof", 60, 0)) == (True, False)
    assert [shared.take("192.0.2.1", 0.01, 2, 0.0)[0] for shared in (one, two, one)] == [1, 1, 0]


@pytest.mark.parts
@pytest.mark.parametrize("said", ["", "?cluster=true&replicas=1", "?node=127.0.0.1:{port}"])
def test_servers_share_their_counts_on_a_cluster_too(tmp_path, said):
    """Each count lies on the node that its name leads to; whether it is a cluster the address says, or the server."""
    with a_cluster(tmp_path / "redis") as nodes:
        address = nodes[0].url + said.format(port=nodes[1].port)
        one, two = (RedisShared(address) for _ in range(2))
        keys = [f"key-{number}" for number in range(12)]
        assert [one.first(key, 60, 0) for key in keys] == [True] * 12
        assert [two.first(key, 60, 0) for key in keys] == [False] * 12
        assert [sum(shared.take(key, 0.01, 3, 0.0)[0] for shared in (one, two, one, two)) for key in keys] == [3] * 12


def test_after_a_failure_nobody_asks_for_a_while(monkeypatch):
    """A server that is silent holds up one call, and not each of the many that count."""
    moment, asked = [100.0], []
    monkeypatch.setattr("edge.sharing.monotonic", lambda: moment[0])
    shared = RedisShared("redis://127.0.0.1:1/0?cluster=false")
    monkeypatch.setattr(shared, "_storage", lambda: asked.append(1) or _fail())
    for _ in range(5):
        with pytest.raises(SharedAway):
            shared.take("x", 1, 1, 0.0)
    assert len(asked) == 1
    moment[0] += REST_SECONDS + 0.1
    with pytest.raises(SharedAway):
        shared.take("x", 1, 1, 0.0)
    assert len(asked) == 2


class SlowCounts:
    """Shared counts that answer once they are told to."""

    def __init__(self) -> None:
        self.asked, self.answers = 0, threading.Event()

    def take(self, key, rate, burst, now, most=1):
        """Give what is asked, in a while."""
        self.asked += 1
        self.answers.wait(20)
        return most, 0.0


@pytest.mark.parametrize("rate", [0.2, 1, 4])
def test_a_device_below_its_rate_is_never_told_to_wait(monkeypatch, rate):
    """Two workers over a window: what one took ahead and let go too early was lost to both, and the window ran full."""
    moment, storage = [1_800_000_000.0], MemoryStorage()
    monkeypatch.setattr("time.time", lambda: moment[0])

    class Window(RedisShared):
        def _storage(self):
            return storage

    workers = [RateLimit(5, 600, FixedClock(NOON), shared=Window("redis://127.0.0.1:1/0")) for _ in range(2)]
    refused = 0
    for call in range(int(400 * rate)):
        moment[0] += 1 / rate
        at = NOON + timedelta(seconds=moment[0] - 1_800_000_000)
        refused += workers[call % 2].take("desk", at) is not None
    assert refused == 0


def test_threads_that_come_together_take_one_share_ahead():
    """A share each would empty a device's bucket of 600 with twenty calls, where the counts are a network away."""
    counts, clock = SlowCounts(), FixedClock(NOON)
    limit = RateLimit(5, 600, clock, shared=counts)
    begun, given = [], []

    def call() -> None:
        begun.append(1)
        given.append(limit.take("desk"))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: len(begun) == 8 and counts.asked >= 1)
    time.sleep(0.05)  # whoever would ask for a share of its own has asked by now
    counts.answers.set()
    for thread in threads:
        thread.join()
    assert given == [None] * 8
    assert counts.asked == 1


def test_a_limit_fails_open_where_a_cluster_is_away():
    """Whose error is of a kind of its own, also once the cluster was known."""
    shared = RedisShared("redis://127.0.0.1:1/0?cluster=true&replicas=1")
    with pytest.raises(SharedAway):
        shared.take("x", 1, 1, 0.0)
    assert RateLimit(1, 1, FixedClock(NOON), shared=shared).take("x") is None


def _fail():
    raise StorageError(OSError("away"))
