"""The contract of reading the log: order, filters, pages, counts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.verifier.ledger.builders import START, a_check_in, a_draft, a_gym_visit, a_void
from verifier.ledger.interface import Query

HOUR = timedelta(hours=1)


@pytest.fixture
def filled(ledger, clock):
    """Twelve check-ins over as many hours: three holders in turn, two points, every fourth denied; then one void."""
    outcomes = []
    for number in range(12):
        draft = a_draft(point=("gym", "library")[number % 2], service=("gym-visit", "library-room")[number % 2])
        findings = ("not-entitled",) if number % 4 == 3 else ()
        change = a_check_in(clock.now(), holder=f"holder-{number % 3}", draft=draft, findings=findings)
        outcomes.append(ledger.check_in(change))
        clock.advance(HOUR)
    outcomes.append(ledger.void(a_void(outcomes[0].entry, clock.now())))
    return outcomes


def ids(ledger, **query) -> list[str]:
    """The ids that a search finds, in its order."""
    return [entry.id for entry in ledger.entries(Query(**query)).entries]


def test_the_newest_comes_first(ledger, filled):
    """Over all partitions, by the instant recorded."""
    assert ids(ledger) == [outcome.entry for outcome in reversed(filled)]


def test_pages_follow_without_gap_or_overlap(ledger, filled):
    """The cursor of a page leads to the next until there is none."""
    found, before = [], None
    while True:
        page = ledger.entries(Query(limit=5, before=before))
        found += [entry.id for entry in page.entries]
        before = page.next
        if before is None:
            break
        assert len(page.entries) == 5
    assert found == ids(ledger)


def test_entries_of_one_instant_are_paged_too(ledger, clock):
    """A hundred at the same instant: each once."""
    wanted = {ledger.check_in(a_check_in(holder=f"holder-{number}")).entry for number in range(20)}
    page = ledger.entries(Query(limit=7))
    found = [entry.id for entry in page.entries]
    while page.next:
        page = ledger.entries(Query(limit=7, before=page.next))
        found += [entry.id for entry in page.entries]
    assert len(found) == 20
    assert set(found) == wanted


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"since": START + 3 * HOUR, "until": START + 6 * HOUR}, [5, 4, 3]),
        ({"point": "library"}, [11, 9, 7, 5, 3, 1]),
        ({"service": "library-room", "outcome": "granted"}, [9, 5, 1]),
        ({"outcome": "denied"}, [11, 7, 3]),
        ({"reason": "not-entitled", "until": START + 8 * HOUR}, [7, 3]),
        ({"kind": "void"}, [12]),
        ({"kind": "check-in", "since": START + 10 * HOUR}, [11, 10]),
        ({"points": frozenset({"library"}), "until": START + 4 * HOUR}, [3, 1]),
        ({"points": frozenset()}, []),
        ({"point": "gym", "points": frozenset({"library"})}, []),
        ({"device": "tablet-9"}, []),
        ({"before": "nonsense"}, []),
        ({"before": "00-000001"}, []),
    ],
)
def test_a_search_finds_what_matches_all_its_conditions(ledger, filled, query, numbers):
    """Half-open in time; an unknown cursor finds nothing."""
    assert ids(ledger, **query) == [filled[number].entry for number in numbers]


def test_a_holders_entries_are_found_by_the_pseudonym(ledger, filled):
    """The void of a holder's entry is among them."""
    holder = ledger.pseudonym("holder-0")
    assert ids(ledger, holder=holder) == [filled[number].entry for number in (12, 9, 6, 3, 0)]
    assert ids(ledger, holder=holder, point="library") == [filled[number].entry for number in (9, 3)]


def test_a_voided_entry_shows_it_in_a_list(ledger, filled):
    """Only that one."""
    page = ledger.entries(Query())
    assert [entry.id for entry in page.entries if entry.voided] == [filled[0].entry]


def test_counts_are_by_outcome_of_check_ins(ledger, filled):
    """Voids are no check-ins; `limit` does not matter."""
    assert ledger.counts(Query(limit=1)) == {"granted": 9, "denied": 3}
    assert ledger.counts(Query(point="library", since=START + 4 * HOUR)) == {"granted": 2, "denied": 2}


def test_a_search_that_sifts_reads_on_until_the_page_is_full(ledger, clock, monkeypatch):
    """What matches may lie far behind what does not."""
    monkeypatch.setattr("verifier.ledger.sqlite.reads._SLICE", 4)
    rare = ledger.check_in(a_check_in(draft=a_draft(service="rare")))
    for _ in range(11):
        ledger.check_in(a_gym_visit())
    assert ids(ledger, service="rare") == [rare.entry]
    assert ledger.counts(Query(outcome="denied")) == {"granted": 0, "denied": 10}
    assert ledger.counts(Query()) == {"granted": 2, "denied": 10}


def test_an_empty_log_is_an_empty_page(ledger):
    """Before anything was written, reading works."""
    page = ledger.entries(Query())
    assert (page.entries, page.next) == ((), None)
    assert ledger.entry("00-000001") is None
    assert ledger.entry("nonsense") is None
