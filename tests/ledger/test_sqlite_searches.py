"""How SQLite searches: always by an index, and a bounded number of rows at a time."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

import pytest

from ledger.bookings import BookingQuery
from ledger.sqlite import SqliteLedger, bookings, reads
from ledger.sqlite.reads import statement
from ledger.values import Query
from tests.ledger.builders import START, a_check_in, a_draft

VALUES = {"since": START, "until": datetime(2027, 1, 1, tzinfo=UTC), "points": frozenset({"gym", "library"})}
FILTERS = sorted(set(Query.__struct_fields__) - {"before", "limit"})
ALL = {name: VALUES.get(name, "x") for name in FILTERS}


@pytest.fixture
def db(tmp_path, clock):
    """A ledger's own tables, with statistics as SQLite makes them."""
    ledger = SqliteLedger(tmp_path / "ledger.db", clock)
    for number in range(30):
        ledger.check_in(a_check_in(holder=f"holder-{number}"))
    ledger.close()
    opened = sqlite3.connect(tmp_path / "ledger.db")
    opened.execute("ANALYZE")
    yield opened
    opened.close()


@pytest.mark.parametrize("cursor", [None, (1_793_408_400_000, 7)], ids=["first", "next"])
@pytest.mark.parametrize(
    "names", [(), *((name,) for name in FILTERS), tuple(FILTERS)], ids=lambda names: "+".join(names) or "none"
)
def test_no_filter_scans_or_sorts_the_table(db, names, cursor):
    """One step over `entries`, a search of an index in the order of the answer: the LIMIT bounds the work."""
    query = Query(**{name: ALL[name] for name in names})
    sql, values = statement(query, cursor, 1000)
    steps = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    over = [step for step in steps if " entries" in step]
    index = (
        "entries_holder (holder=?"
        if "holder" in names
        else "entries_point (point=?"
        if "point" in names
        else "entries_at (at>?"
    )
    assert len(over) == 1
    assert over[0].startswith(f"SEARCH entries USING INDEX {index}")
    assert not [step for step in steps if "TEMP B-TREE" in step]
    assert sql.endswith("LIMIT 1000")


def test_a_page_ends_in_time_on_a_busy_machine_and_leads_on(tmp_path, clock, monkeypatch):
    """However slow a slice is, one is read; the pages together hold every match once."""
    monkeypatch.setattr(reads, "_SLICE", 10)
    monkeypatch.setattr(reads, "_SECONDS", 0.0)
    ledger = SqliteLedger(tmp_path / "ledger.db", clock)
    drafts = [a_draft(tier="gold" if number % 20 == 5 else "silver") for number in range(60)]
    ids = [ledger.check_in(a_check_in(holder=f"h{number}", draft=draft)).entry for number, draft in enumerate(drafts)]
    found, pages, before = [], 0, None
    while pages == 0 or before is not None:
        page = ledger.entries(Query(tier="gold", before=before))
        found += [entry.id for entry in page.entries]
        before, pages = page.next, pages + 1
    assert sorted(found) == sorted(ids[number] for number in (5, 25, 45))
    assert pages == 7
    ledger.close()


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({"subject": "x"}, "bookings_holder (holder=?)"),
        ({"subject": "x", "point": "gym", "since": START}, "bookings_holder (holder=?)"),
        ({"point": "gym", "since": START, "until": VALUES["until"]}, "bookings_point (point=? AND expected_at>?"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_bookings_are_searched_by_the_index_that_leaves_fewest(db, asked, index):
    """A holder's by the holder's, also at one point: a lounge has a hundred thousand, a holder twenty."""
    tail, values = bookings.asked(db, BookingQuery(**asked))
    steps = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN SELECT n FROM bookings{tail}", values)]
    assert [step for step in steps if " bookings" in step and index in step], steps
