"""Figures from the published log: each entry counts once, in every process, and a changed log is counted again."""

import json
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from audit.figures import usage
from audit.figures.usage import Bar, Span, TakeUp, UsageFigures
from audit.tables import open_figures
from audit.tree.proofs import LogReader
from edge.database import Database
from ledger.leaf import decode
from tests.audit.builders import START_MS, LogWorld

SHANGHAI = ZoneInfo("Asia/Shanghai")
OCTOBER = Span(date(2026, 10, 1), date(2026, 10, 31))
HOUR_MS = 3_600_000
GYM = [{"limit": "gym", "maximum": 2, "period": "2026-10", "units": 1}]


@pytest.fixture
def world(tmp_path):
    """An empty log."""
    return LogWorld(tmp_path)


@pytest.fixture
def database(tmp_path):
    """The verifier's store."""
    made = open_figures(f"sqlite:///{tmp_path}/verifier.db")
    yield made
    made.close()


def figures_of(world: LogWorld, database: Database) -> UsageFigures:
    """Whoever counts; finds entries in the feed."""
    leaves = {}
    for partition in world.feed.partitions.values():
        leaves |= {line.id: line for line in map(decode, partition)}
    reader = LogReader(world.home.place, world.home.source(), world.home.index())
    return UsageFigures(database, reader, SHANGHAI, leaves.get)


def test_every_use_is_counted_once_in_each_dimension(world, database):
    """As many as a plain count of the feed finds; asked twice, the same."""
    world.feed.add(500)
    world.run()
    leaves = [json.loads(data) for partition in world.feed.partitions.values() for data in partition]
    granted = sum(leaf["outcome"] == "granted" for leaf in leaves)
    figures = figures_of(world, database)
    for _ in range(2):
        found = figures.read(OCTOBER)
        assert found.total == Bar("", granted, len(leaves) - granted)
        for bars in (found.days, found.months, found.hours, found.services, found.points, found.tiers):
            assert sum(bar.granted for bar in bars) == granted
        assert sum(bar.denied for bar in found.reasons) == len(leaves) - granted
        assert (found.counted, found.size) == (500, 500)


def test_what_is_new_is_added_and_bounded(world, database, monkeypatch):
    """A question counts a bounded number of entries and says how far it has come; the next one counts on."""
    monkeypatch.setattr(usage, "MOST_AT_ONCE", 300)
    world.feed.add(700)
    world.run()
    figures = figures_of(world, database)
    assert [figures.count() for _ in range(4)] == [(300, 700), (600, 700), (700, 700), (700, 700)]
    world.feed.add(50)
    world.run()
    found = figures.read(OCTOBER)
    assert found.total.granted + found.total.denied == 750


def test_two_processes_count_nothing_twice(world, database, monkeypatch):
    """Whoever comes second drops what it counted."""
    world.feed.add(100)
    world.run()
    first, second = figures_of(world, database), figures_of(world, database)
    keep = first._keep
    monkeypatch.setattr(first, "_keep", lambda *args: (second.count(), keep(*args))[1])
    assert first.count() == (100, 100)
    assert first.read(OCTOBER).total.granted == 80


def test_a_log_that_was_set_back_is_counted_anew(world, tmp_path, database):
    """Figures follow the published log, never what was counted of another."""
    world.feed.add(100)
    world.run()
    figures_of(world, database).count()
    other = LogWorld(tmp_path / "other")
    other.feed.add(10)
    other.run()
    found = figures_of(other, database).read(OCTOBER)
    assert found.total.granted + found.total.denied == 10


def test_days_and_hours_are_the_districts_and_of_the_use(world, database):
    """23:30 and half an hour past midnight are two days; a use recorded offline counts when it was used."""
    world.feed.append(0, START_MS + 14 * HOUR_MS + HOUR_MS // 2)
    world.feed.append(0, START_MS + 15 * HOUR_MS + HOUR_MS // 2)
    record = {"kind": "offline", "used_at": START_MS + HOUR_MS, "record": "A" * 43}
    world.feed.append(0, START_MS + 20 * HOUR_MS, **record)
    world.run()
    found = figures_of(world, database).read(Span(date(2026, 10, 30), date(2026, 11, 1)))
    assert {bar.key: bar.granted for bar in found.days} == {"2026-10-30": 0, "2026-10-31": 2, "2026-11-01": 1}
    assert {bar.key: bar.granted for bar in found.hours} == {"0": 1, "10": 1, "23": 1}


def test_points_and_service_narrow_the_figures(world, database):
    """A department is its points; none of them finds nothing."""
    world.feed.add(100)
    world.run()
    figures = figures_of(world, database)
    gym = figures.read(Span(OCTOBER.since, OCTOBER.until, frozenset({"gym"})))
    assert {bar.key for bar in gym.points} == {"gym"}
    paid = figures.read(Span(OCTOBER.since, OCTOBER.until, None, "hospital-payment"))
    assert {bar.key for bar in paid.services} == {"hospital-payment"}
    assert gym.total.granted + paid.total.granted == figures.read(OCTOBER).total.granted
    assert figures.read(Span(OCTOBER.since, OCTOBER.until, frozenset())).total == Bar("")


def test_take_up_tells_units_of_what_could_be_used_and_a_void_gives_back(world, database):
    """Two holders used three of four units; the void leaves two of four."""
    holders = {name: name * 42 + "A" for name in "ab"}
    for name in ("a", "a", "b"):
        target = json.loads(world.feed.append(0, START_MS, tier="gold", holder=holders[name], charges=GYM))["id"]
    figures = figures_of(world, database)
    world.run()
    assert figures.read(OCTOBER).taken == (TakeUp("2026-10", "gym", "gold", 2, 3, 4),)
    void = {"kind": "void", "outcome": None, "reason": "wrong-person", "target": target, "assurance": None}
    world.feed.append(0, START_MS + 1000, holder=holders["a"], **void)
    world.run()
    found = figures_of(world, database).read(OCTOBER)
    assert found.taken == (TakeUp("2026-10", "gym", "gold", 1, 2, 2),)
    assert found.total == Bar("", 3, 0, 1)


def test_without_a_log_there_is_nothing(world, database):
    """Before the first checkpoint every figure is nought."""
    found = figures_of(world, database).read(OCTOBER)
    assert (found.counted, found.size, found.total) == (0, 0, Bar(""))
    assert len(found.days) == 31


def test_a_tier_can_be_asked_for_alone(world, database):
    """Uses with cards of that tier; the tiers together are all."""
    world.feed.add(300)
    world.run()
    figures = figures_of(world, database)
    whole = figures.read(OCTOBER)
    parts = [figures.read(replace(OCTOBER, tier=bar.key)).total for bar in whole.tiers]
    assert len(parts) == 3
    assert sum(part.granted for part in parts) == whole.total.granted
    assert sum(part.denied for part in parts) == whole.total.denied
