"""The walk along the line of uses gives the same result as deciding everything again (ledger/timeline.py)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.timeline import STILL, Move, Stay, Walk, covers, walk
from tests.ledger.builders import START

MINUTES = st.lists(st.integers(0, 600), min_size=1, max_size=12, unique=True)
LENGTHS = st.integers(1, 180)


def a_line(minutes, length) -> list[Stay]:
    """The uses of these minutes with each one's part decided from the start."""
    line: list[Stay] = []
    last = None
    for minute in sorted(minutes):
        at = START + timedelta(minutes=minute)
        opens = not covers(last, at)
        stay = Stay(f"at-{minute}", at, at + timedelta(minutes=length), opens=opens)
        last = stay if opens else last
        line.append(stay)
    return line


def settled(line, walked) -> list[Stay]:
    """The line after a walk."""
    parts = {move.stay.entry: move.into is None for move in walked.moved}
    return [replace(stay, opens=parts.get(stay.entry, stay.opens)) for stay in line]


@given(minutes=MINUTES, length=LENGTHS, data=st.data())
@settings(deadline=None)
def test_a_new_use_comes_to_what_deciding_anew_would(minutes, length, data):
    """Inserted anywhere: the same parts as from the start."""
    new = data.draw(st.sampled_from(minutes))
    line, whole = a_line([minute for minute in minutes if minute != new], length), a_line(minutes, length)
    own = next(stay for stay in whole if stay.entry == f"at-{new}")
    before = next((stay for stay in reversed(line) if stay.at < own.at and stay.opens), None)
    assert own.opens is not covers(before, own.at)
    if own.opens:
        line = settled(line, walk(own, [stay for stay in line if stay.at > own.at]))
    assert sorted([*line, own], key=lambda stay: stay.at) == whole


@given(minutes=MINUTES, length=LENGTHS, data=st.data())
@settings(deadline=None)
def test_a_lost_use_comes_to_what_deciding_anew_would(minutes, length, data):
    """Taken back anywhere: the same parts as if it had never been, and the last visit is known."""
    gone = data.draw(st.sampled_from(minutes))
    line, whole = a_line(minutes, length), a_line([minute for minute in minutes if minute != gone], length)
    own = next(stay for stay in line if stay.entry == f"at-{gone}")
    rest = [stay for stay in line if stay != own]
    if not own.opens:
        assert rest == whole
        return
    walked = walk(None, [stay for stay in rest if stay.at > own.at])
    assert settled(rest, walked) == whole
    if not walked.settled and walked.last is not None:
        openings = [stay.entry for stay in whole if stay.opens]
        assert walked.last.entry == openings[-1]


def test_a_walk_reads_no_more_than_it_needs():
    """It stops at the first use that opens as before, however long the line is."""

    def later():
        yield replace(a_line([130], 120)[0])
        raise AssertionError("read past the settled use")

    own = a_line([0], 120)[0]
    assert walk(own, later()).moved == ()


def test_a_visit_runs_from_its_first_instant_to_its_end():
    """The first instant lies in the visit, and its end does not; without an opening nothing runs."""
    opening = a_line([60], 30)[0]
    ends = START + timedelta(minutes=90)
    second = timedelta(seconds=1)
    assert [covers(opening, at) for at in (opening.at - second, opening.at, ends - second, ends)] == [
        *(False, True, True, False)
    ]
    assert not covers(None, opening.at)


def test_a_walk_to_the_end_of_the_line_tells_the_last_visit():
    """Nothing later opens as before: the caller has to write the last visit anew, or none."""
    own, later = a_line([0, 130], 120)
    assert walk(own, []) == Walk((), own, settled=False)
    assert walk(None, []) == Walk((), None, settled=False)
    assert walk(own, [later]) == Walk(()) == STILL
    inside = replace(later, at=START + timedelta(minutes=60))
    assert walk(own, [inside]) == Walk((Move(inside, own.entry),), own, settled=False)
    freed = replace(inside, opens=False)
    assert walk(None, [freed]) == Walk((Move(freed, None),), freed, settled=False)
    assert walk(own, [freed]) == Walk((), own, settled=False)
