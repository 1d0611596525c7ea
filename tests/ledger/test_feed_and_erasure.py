"""What the log's sequencer reads: only durable entries, in order. And the erasure of a holder, which does not harm the
log.
"""

from datetime import timedelta

from edge.encoding import b64u
from ledger import leaf
from ledger.sqlite import SqliteLedger, reads
from ledger.values import Query, partition_of
from tests.ledger.builders import HOLDER, START, a_check_in, a_draft, a_gym_visit


def test_the_feed_gives_each_partition_in_order(ledger):
    """Heads tell how far each partition is; `after` continues from any place, no more than asked for."""
    holders = [b64u(bytes([number]) * 16) for number in range(20)]
    for _ in range(3):
        for holder in holders:
            ledger.check_in(a_check_in(holder=holder))
    heads = ledger.heads()
    assert sum(heads.values()) == 60
    assert set(heads) == {partition_of(holder) for holder in holders}
    for partition, head in heads.items():
        leaves = ledger.after(partition, 0, 1000)
        assert [leaf.decode(data).seq for data in leaves] == list(range(1, head + 1))
        assert {leaf.decode(data).partition for data in leaves} == {partition}
        assert ledger.after(partition, 1, 1) == leaves[1:2]
        assert ledger.after(partition, head, 10) == ()


def test_an_empty_ledger_feeds_nothing(ledger):
    """No head, no leaf, in the last partition either."""
    assert ledger.heads() == {}
    assert ledger.after(255, 0, 10) == ()


def test_erasing_a_holder_keeps_the_log_and_breaks_the_link(ledger, tmp_path, clock):
    """The pseudonym leads nowhere, the `sub` stands in no file, the log's check finds nothing, others are untouched."""
    other = b64u(b"another holder..")
    ledger.check_in(a_gym_visit())
    ledger.check_in(a_gym_visit(holder=other))
    name = ledger.pseudonym(HOLDER)
    before = ledger.after(partition_of(HOLDER), 0, 10)
    assert ledger.erase(HOLDER) == name
    assert ledger.erase(HOLDER) is None
    assert ledger.pseudonym(HOLDER) is None
    assert ledger.usage(HOLDER, START).counters == {}
    assert ledger.after(partition_of(HOLDER), 0, 10) == before
    assert ledger.pseudonym(other) is not None
    assert not [path for path in tmp_path.iterdir() if HOLDER.encode() in path.read_bytes()]


def test_the_holder_behind_an_entry_is_found_until_erased(ledger, clock):
    """Among others of its partition; none stands behind a refusal of an unread card, an unknown id, an erased name."""
    entries = {holder: ledger.check_in(a_gym_visit(holder=holder)).entry for holder in (HOLDER, "another")}
    unread = ledger.check_in(a_check_in(holder="device:tablet-1", draft=a_draft(card=None), findings=("unknown-key",)))
    assert {holder: ledger.subject_of(entry) for holder, entry in entries.items()} == {
        HOLDER: HOLDER,
        "another": "another",
    }
    assert [ledger.subject_of(entry) for entry in (unread.entry, "00-000099", "no id")] == [None, None, None]
    ledger.erase(HOLDER)
    assert ledger.subject_of(entries[HOLDER]) is None


def test_an_erased_holder_seen_again_is_somebody_else(ledger, clock):
    """A new salt and name; nothing joins the two."""
    ledger.check_in(a_gym_visit())
    old = ledger.erase(HOLDER)
    clock.advance(timedelta(hours=3))
    again = ledger.check_in(a_gym_visit(clock.now()))
    assert again.granted
    assert ledger.pseudonym(HOLDER) not in (None, old)


def test_a_search_for_what_is_rare_ends_soon_and_goes_on_from_there(tmp_path, clock, monkeypatch):
    """A page may hold little or nothing; its cursor goes on, and all of them together hold every match once."""
    monkeypatch.setattr(reads, "_SLICE", 10)
    monkeypatch.setattr(reads, "_MOST_LOOKED", 30)
    monkeypatch.setattr(reads, "_SECONDS", 60)
    ledger = SqliteLedger(tmp_path / "ledger.db", clock)
    ids = [
        ledger.check_in(a_check_in(holder=f"holder-{number:03d}", device=device(number))).entry for number in range(100)
    ]
    found, pages, query = [], 0, Query(device="rare")
    while query is not None:
        page = ledger.entries(query)
        found += [entry.id for entry in page.entries]
        pages += 1
        query = None if page.next is None else Query(device="rare", before=page.next)
    assert sorted(found) == sorted(ids[number] for number in (5, 50, 95))
    assert pages == 4
    ledger.close()


def device(number: int) -> str:
    """A device that is seen three times in a hundred."""
    return "rare" if number % 45 == 5 else "tablet-1"
