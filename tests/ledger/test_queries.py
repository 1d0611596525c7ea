"""The contract of reading the log: order, filters, pages, counts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ledger.values import Query
from tests.ledger.builders import START, a_check_in, a_draft, a_gym_visit, a_void
from tests.ledger.offline_builders import UPLOAD, a_record, a_refused_record

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


FIELDS = {
    "kind": "check-in",
    "point": "library",
    "service": "library-room",
    "department": "education",
    "outcome": "granted",
    "tier": "gold",
    "assurance": "copyable",
    "beneficiary": "spouse",
    "device": "tablet-2",
    "operator": "1001",
    "mark": "id-checked",
}


@pytest.fixture
def varied(ledger, clock):
    """Entries that differ from one in one field each; between them the one in which everything is as asked for."""
    other = {
        "point": "gym",
        "service": "gym-visit",
        "department": "culture",
        "tier": "silver",
        "assurance": "proved",
        "beneficiary": "holder",
        "device": "tablet-1",
        "operator": None,
        "marks": ("referred",),
    }
    same = {name: FIELDS[name] for name in other if name != "marks"} | {"marks": ("aside", "id-checked")}
    drafts = {name: a_draft(**same | {name: value}) for name, value in other.items()} | {"": a_draft(**same)}
    found = {}
    for name, draft in drafts.items():
        change = a_check_in(clock.now(), holder=f"holder {name}", device=draft.device, draft=draft)
        found[name] = ledger.check_in(change).entry
        clock.advance(HOUR)
    denied = a_check_in(clock.now(), holder="holder-1", device="tablet-2", draft=drafts[""], findings=("not-entitled",))
    return found | {"outcome": ledger.check_in(denied).entry}


@pytest.mark.parametrize("name", [name for name in FIELDS if name != "kind"])
def test_every_field_can_be_asked_for(ledger, varied, name):
    """All but the entry that has another value there; a value that only resembles it finds nothing."""
    other = varied["marks" if name == "mark" else name]
    assert set(ids(ledger, **{name: FIELDS[name]})) == set(varied.values()) - {other}
    counts = ledger.counts(Query(**{name: FIELDS[name]}))
    assert sum(counts.values()) == len(varied) - 1
    for resembling in (FIELDS[name][:-1], FIELDS[name] + "x", '"', "%", "\N{SNOWMAN}"):
        assert ids(ledger, **{name: resembling}) == []


def test_all_fields_at_once_find_the_one_entry(ledger, varied):
    """Together with its holder too, whose own index is read then."""
    assert ids(ledger, **FIELDS) == [varied[""]]
    assert ids(ledger, **FIELDS, holder=ledger.pseudonym("holder ")) == [varied[""]]
    assert ids(ledger, **FIELDS, holder=ledger.pseudonym("holder-1")) == []


def test_a_value_inside_another_is_no_match(ledger, clock):
    """A reference that spells a field, a mark that names a tier: text is not taken for a field."""
    ledger.check_in(a_check_in(draft=a_draft(reference='","tier":"gold","x":"', marks=("tier:gold", "gold"))))
    assert ids(ledger, tier="gold") == []
    assert ids(ledger, mark='","tier":"gold","x":"') == []
    assert len(ids(ledger, mark="gold")) == 1


def test_a_voided_entry_shows_it_in_a_list(ledger, filled):
    """Only that one."""
    page = ledger.entries(Query())
    assert [entry.id for entry in page.entries if entry.voided] == [filled[0].entry]


def test_counts_are_by_outcome_of_check_ins(ledger, filled):
    """Voids are no check-ins; `limit` does not matter."""
    assert ledger.counts(Query(limit=1)) == {"granted": 9, "denied": 3}
    assert ledger.counts(Query(point="library", since=START + 4 * HOUR)) == {"granted": 2, "denied": 2}


def test_counts_hold_what_devices_granted_and_refused_offline(ledger, clock):
    """A point's day is told whole: by the instant at which a record was entered."""
    ledger.check_in(a_gym_visit())
    clock.set(UPLOAD)
    ledger.record_offline(a_record(START + HOUR))
    ledger.record_offline(a_refused_record(START + 2 * HOUR))
    assert ledger.counts(Query()) == {"granted": 2, "denied": 1}
    assert ledger.counts(Query(point="gym", since=UPLOAD - HOUR)) == {"granted": 1, "denied": 1}
    assert ledger.counts(Query(service="gym-visit", until=UPLOAD)) == {"granted": 1, "denied": 0}


def test_a_search_that_sifts_reads_on_until_the_page_is_full(ledger, clock, monkeypatch):
    """What matches may lie far behind what does not."""
    monkeypatch.setattr("ledger.sqlite.reads._SLICE", 4)
    monkeypatch.setattr("ledger.sqlite.reads._SECONDS", 60)
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
