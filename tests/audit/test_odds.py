"""A search for anomalies comes to the same here and apart, remembers what it found, and forgets when the log grows."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from audit.evidence.apart import Broken
from audit.figures import odds
from audit.figures.anomalies import AnomalyKind
from audit.figures.odds import Searcher
from audit.figures.thresholds import Hours, Thresholds
from audit.tree.proofs import LogReader
from audit.tree.tiles import ENTRIES, TileError, tile_path
from tests.audit.builders import START_MS, LogWorld

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 10, 31)
HOLDER = "a" * 42 + "A"


@pytest.fixture
def world(tmp_path):
    """Six uses by one operator, of one holder, at two points of two departments."""
    made = LogWorld(tmp_path)
    for number in range(6):
        point = {"point": "library", "department": "library"} if number == 5 else {}
        made.feed.append(0, START_MS + number * 60_000, holder=HOLDER, operator="1001", **point)
    made.run()
    return made


def searcher(world, thresholds=None) -> Searcher:
    """One on the world's log."""
    log = LogReader(world.home.place, world.home.source(), world.home.index())
    return Searcher(log, [world.folder], SHANGHAI, thresholds or Thresholds())


def test_a_search_apart_finds_what_one_here_finds(world, monkeypatch):
    """Findings, their entries, what they are about, the thresholds of the district."""
    own = Thresholds(same_pair=6, hours={"gym": Hours.parse("10:00-12:00")})
    here = searcher(world, own).days(DAY, DAY, 100)
    monkeypatch.setattr(odds, "HERE_MOST", 0)
    apart = searcher(world, own).days(DAY, DAY, 100)
    assert apart == here
    assert {one.kind for one in here.anomalies} == {AnomalyKind.OFF_HOURS, AnomalyKind.SAME_PAIR, AnomalyKind.TOO_FAR}
    assert (here.searched, here.complete) == (6, True)


def test_a_department_is_searched_alone(world):
    """What happened at the points of others is not in it."""
    found = searcher(world).days(DAY, DAY, 100, "culture-bureau")
    assert {one.kind for one in found.anomalies} == {AnomalyKind.SAME_PAIR}
    assert found.anomalies[0].count == 5


def test_a_search_that_had_to_end_early_says_so(world):
    """Never part of it as if it were all."""
    found = searcher(world).days(DAY, DAY, 3)
    assert (found.searched, found.complete) == (3, False)


def test_the_same_question_is_answered_once_until_the_log_grows(world, monkeypatch):
    """Pages ask again and again; a longer log is searched anew."""
    asked = []
    found = odds.find_odds
    monkeypatch.setattr(odds, "find_odds", lambda search: (asked.append(search.size), found(search))[1])
    search = searcher(world)
    for _ in range(3):
        search.days(DAY, DAY, 100)
    assert asked == [6]
    for day in range(20, 27):
        search.days(date(2026, 10, day), DAY, 100)
    search.days(DAY, DAY, 100)
    assert len(asked) == 9
    world.feed.append(0, START_MS + 3_600_000, holder=HOLDER)
    world.run()
    search.days(DAY, DAY, 100)
    assert asked[-1] == 7


def test_files_that_are_missing_are_an_error_wherever_it_searches(world, monkeypatch, capfd):
    """Not an empty list."""
    next(path for path in (world.folder / tile_path(ENTRIES, 0, 6)).parent.glob("6")).unlink()
    with pytest.raises(TileError):
        searcher(world).days(DAY, DAY, 100)
    monkeypatch.setattr(odds, "HERE_MOST", 0)
    with pytest.raises(Broken):
        searcher(world).days(DAY, DAY, 100)


def test_before_the_first_checkpoint_there_is_nothing(tmp_path):
    """And nothing to search."""
    world = LogWorld(tmp_path)
    assert searcher(world).days(DAY, DAY, 100).anomalies == []
