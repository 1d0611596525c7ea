"""Anomalies: each kind is found at its threshold and not below, together with its entries."""

import json
from zoneinfo import ZoneInfo

import pytest

from audit.figures.anomalies import Anomaly, AnomalyKind, find_anomalies, leaves_between
from audit.tree.tiles import ENTRIES, TileError, tile_path
from tests.audit.builders import START_MS, FeedLedger, LogWorld

SHANGHAI = ZoneInfo("Asia/Shanghai")
MINUTE = 60_000
HOLDER, OTHER = "a" * 42 + "A", "b" * 42 + "A"
DENIED = {"outcome": "denied", "assurance": None}


class Feed:
    """Leaves in a row, a minute apart unless told."""

    def __init__(self) -> None:
        self._feed, self.leaves = FeedLedger(), []

    def add(self, minute: float, **changes: object) -> str:
        """Append a use of the gym; returns its id."""
        values = {"holder": HOLDER, "operator": "1001"} | changes
        self.leaves.append(self._feed.append(0, START_MS + int(minute * MINUTE), **values))
        return json.loads(self.leaves[-1])["id"]

    def found(self, kind: AnomalyKind) -> list[Anomaly]:
        return [one for one in find_anomalies(self.leaves, SHANGHAI) if one.kind is kind]


@pytest.fixture
def feed():
    """An empty row."""
    return Feed()


def test_two_points_within_ten_minutes_are_told_and_the_same_point_is_not(feed):
    """One finding a holder and day, with both entries and both points."""
    first, second = feed.add(0), feed.add(9, point="library")
    feed.add(60)
    feed.add(61)
    feed.add(71, point="library")
    (one,) = feed.found(AnomalyKind.TOO_FAR)
    assert (one.entries, one.about["point"], one.about["other"]) == ([first, second], "library", "gym")


def test_ten_minutes_apart_is_far_enough(feed):
    """The bound itself is no finding."""
    feed.add(0)
    feed.add(10, point="library")
    assert feed.found(AnomalyKind.TOO_FAR) == []


@pytest.mark.parametrize(("count", "step", "told"), [(5, 2, 1), (4, 1, 0), (5, 3, 0), (10, 1, 2)])
def test_five_refused_proofs_in_ten_minutes_are_a_burst(feed, count, step, told):
    """At one device; slower or fewer are not."""
    for number in range(count):
        feed.add(number * step, reason="stale-proof", **DENIED)
    assert len(feed.found(AnomalyKind.REFUSED_PROOFS)) == told


def test_three_voids_by_one_operator_in_a_day_are_told_as_one(feed):
    """Two are not, nor are three by different people."""
    void = {"kind": "void", "outcome": None, "reason": "wrong-person", "assurance": None, "target": "00-000001"}
    feed.add(0)
    for number in range(2):
        feed.add(number + 1, **void)
    feed.add(5, **void | {"operator": "1002"})
    assert feed.found(AnomalyKind.VOIDS) == []
    feed.add(6, **void)
    (one,) = feed.found(AnomalyKind.VOIDS)
    assert (one.count, one.id) == (3, "voids:1001:2026-10-31")


def test_a_copyable_card_needs_the_word_that_the_id_was_compared(feed):
    """Either spelling of that word will do; a proved card needs none."""
    bad = feed.add(0, assurance="copyable")
    feed.add(20, assurance="copyable", marks=["id-checked"])
    feed.add(40, assurance="counted", id_checked=True)
    feed.add(60)
    (one,) = feed.found(AnomalyKind.UNCHECKED_COPY)
    assert one.entries == [bad]
    assert one.grave


@pytest.mark.parametrize(
    ("mark", "kind"),
    [
        ("overdrawn", AnomalyKind.OVERDRAWN),
        ("replayed", AnomalyKind.REPLAYED),
        ("clock-doubt", AnomalyKind.CLOCK),
    ],
)
def test_marks_of_uses_recorded_offline_are_told(feed, mark, kind):
    """One finding each."""
    feed.add(0, kind="offline", used_at=START_MS, record="A" * 43, marks=[mark])
    assert len(feed.found(kind)) == 1


@pytest.mark.parametrize(("reason", "told"), [("revoked", 1), ("suspended", 1), ("quota-spent", 0)])
def test_a_card_that_had_ended_and_was_let_in_offline_is_told(feed, reason, told):
    """The server's refusal goes before, linked; a device that refused by itself did right."""
    record = {"kind": "offline", "used_at": START_MS, "record": "A" * 43}
    refused = feed.add(0, reason=reason, **DENIED, **record)
    assert feed.found(AnomalyKind.REVOKED_OFFLINE) == []
    granted = feed.add(1, linked=refused, **record)
    assert [one.entries for one in feed.found(AnomalyKind.REVOKED_OFFLINE)] == [[granted]] * told


def test_a_card_that_was_not_genuine_and_was_let_in_offline_is_told(feed):
    """There is no holder to count it for: the mark tells."""
    record = {"kind": "offline", "used_at": START_MS, "record": "A" * 43, "marks": ["granted-offline"]}
    feed.add(0, holder=None, tier=None, reason="bad-signature", **DENIED, **record)
    (one,) = feed.found(AnomalyKind.FORGED_OFFLINE)
    assert one.grave


@pytest.mark.parametrize(
    ("reason", "marks", "kind", "grave"),
    [
        ("proof-missing", ["granted-offline", "held"], AnomalyKind.UNPROVED_OFFLINE, True),
        ("operator-unproved", ["granted-offline", "held"], AnomalyKind.UNPROVED_OFFLINE, True),
        ("not-offered-here", ["granted-offline", "held"], AnomalyKind.BEYOND_OFFLINE, True),
        ("offline-limit", ["granted-offline", "held"], AnomalyKind.BEYOND_OFFLINE, True),
        ("late", ["granted-offline", "held"], AnomalyKind.LATE_OFFLINE, False),
        ("excluded", ["granted-offline"], AnomalyKind.CONTRADICTED_OFFLINE, False),
    ],
)
def test_a_genuine_card_refused_later_is_never_called_forged(feed, reason, marks, kind, grave):
    """A proved card at a desk that does not offer the service is no forgery: each is told for what it was."""
    record = {"kind": "offline", "used_at": START_MS, "record": "A" * 43, "marks": marks}
    feed.add(0, reason=reason, **DENIED, **record)
    assert feed.found(AnomalyKind.FORGED_OFFLINE) == []
    (one,) = feed.found(kind)
    assert one.grave is grave


def test_a_clock_two_minutes_off_is_told_once_a_device_and_day(feed):
    """Within two minutes nobody minds."""
    for number in range(3):
        feed.add(number * 20, client_time=START_MS + number * 20 * MINUTE - 121_000)
    feed.add(80, client_time=START_MS + 80 * MINUTE + 119_000)
    (one,) = feed.found(AnomalyKind.CLOCK)
    assert one.count == 3


def test_uses_between_midnight_and_five_are_told_by_point_and_day(feed):
    """Local hours of the district."""
    feed.add(14.9 * 60, holder=OTHER)
    feed.add(15.5 * 60)
    feed.add(20 * 60)
    (one,) = feed.found(AnomalyKind.OFF_HOURS)
    assert (one.id, one.count) == ("off-hours:gym:2026-11-01", 1)


def test_one_operator_with_one_holder_again_and_again(feed):
    """From the fifth use on; several operators are none."""
    for number in range(4):
        feed.add(number * 30)
    feed.add(130, operator="1002")
    assert feed.found(AnomalyKind.SAME_PAIR) == []
    feed.add(150)
    (one,) = feed.found(AnomalyKind.SAME_PAIR)
    assert (one.count, one.about["operator"]) == (5, "1001")


def test_who_uses_five_times_the_usual_is_told(feed):
    """Ten uses at least, and five times the median."""
    for number in range(10):
        feed.add(number * 30)
    assert [one.count for one in feed.found(AnomalyKind.MOST_USED)] == []
    for number in range(4):
        feed.add(400 + number, holder=f"{number}" * 42 + "A")
    assert [one.count for one in feed.found(AnomalyKind.MOST_USED)] == [10]


def test_an_id_stays_while_the_log_grows(feed):
    """So that a review stays with what was reviewed."""
    for number in range(5):
        feed.add(number * 30)
    (before,) = feed.found(AnomalyKind.SAME_PAIR)
    feed.add(200)
    (after,) = feed.found(AnomalyKind.SAME_PAIR)
    assert before.id == after.id
    assert before.count < after.count


def test_an_ordinary_day_shows_nothing(feed):
    """Different holders, one point, proved cards."""
    for number in range(60):
        feed.add(number, holder=f"{number:042d}A")
    assert find_anomalies(feed.leaves, SHANGHAI) == []


def test_the_leaves_of_a_span_are_found_without_reading_the_rest(tmp_path):
    """As many as a plain count finds, in whatever file the span begins; bounded where asked."""
    world = LogWorld(tmp_path)
    world.feed.add(1500, step_ms=60_000)
    world.run()
    reads = []
    source = world.home.source()

    class Counting:
        def read(self, path):
            reads.append(path)
            return source.read(path)

    since, until = START_MS + 1000 * MINUTE, START_MS + 1100 * MINUTE
    found = list(leaves_between(Counting(), 1500, since, until, 10_000))
    assert [json.loads(data)["at"] for data in found] == [since + number * MINUTE for number in range(100)]
    assert len(reads) < 20
    assert len(list(leaves_between(source, 1500, since, until, 7))) == 7


def test_an_archive_that_is_away_hides_nothing_of_the_days_asked_for(tmp_path):
    """Old bundles may be elsewhere; one that is missing among the newer ones is an error, never an omission."""
    world = LogWorld(tmp_path)
    world.feed.add(1500, step_ms=60_000)
    world.run()
    source = world.home.source()

    class Without:
        def __init__(self, *numbers):
            self._gone = {tile_path(ENTRIES, number) for number in numbers}

        def read(self, path):
            return None if path in self._gone else source.read(path)

    since, until = START_MS + 1000 * MINUTE, START_MS + 1100 * MINUTE
    assert len(list(leaves_between(Without(0, 1), 1500, since, until, 10_000))) == 100
    for gone in ((2,), (4,), (0, 1, 2, 3)):
        with pytest.raises(TileError):
            list(leaves_between(Without(*gone), 1500, since, until, 10_000))


def test_a_span_beyond_the_log_is_empty(tmp_path):
    """Days to come."""
    world = LogWorld(tmp_path)
    world.feed.add(10)
    world.run()
    source, until = world.home.source(), START_MS + 10**9
    assert list(leaves_between(source, 10, until + 10**9, until + 2 * 10**9, 7)) == []
