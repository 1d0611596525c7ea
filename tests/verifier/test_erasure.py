"""Erasures that the issuer orders by its marks: done once, finished when stopped, done again after a restored copy."""

import logging
from datetime import timedelta

import pytest

from accounts.rights import Right
from cards.marks import Mark, MarkKind
from edge.repeating import Repeating
from ledger.bookings import BookingQuery
from ledger.values import LedgerUnavailable
from tests.audit.test_http import LoggedWorld
from tests.verifier.booking import Phone, flight
from tests.verifier.world import SECRET, World
from verifier.records.tags import TagRecord
from verifier.services.erasure import ERASED, Eraser, erasing


@pytest.fixture
def world(tmp_path):
    """A verifier with a log."""
    made = LoggedWorld(tmp_path)
    yield made
    made.close()


@pytest.fixture
def eraser(world):
    """What erases there."""
    verifier = world.verifier
    return Eraser(verifier.ledger, verifier.store, verifier.bookings, SECRET)


def ordered(world: World, *subjects: str) -> None:
    """The issuer orders these erasures and publishes."""
    world.marks += [Mark(subject, MarkKind.ERASURE, "2026-10-31") for subject in subjects]
    world.publish()
    world.clock.advance(timedelta(minutes=10))


def sweep(world, eraser) -> int:
    """One sweep now."""
    at = world.clock.now()
    return eraser.sweep(world.verifier.published(at), at)


def noted(world) -> list[dict]:
    """The lines of the access log that say so."""
    return [line for line in world.verifier.store.accesses() if line["kind"] == ERASED]


def test_a_holder_with_an_erasure_mark_is_erased_once_and_it_is_logged(world, eraser, caplog):
    """Salt, `sub`, bookings' details, cards, delegations; entries and proofs stay; another holder is not touched."""
    gone, stays = world.card("diamond"), world.card("gold")
    gym, phone = world.device("gym"), Phone(world, gone)
    entries = [gym.outcome(card.shown(), "gym-visit")["id"] for card in (gone, stays)]
    booking = phone.booked("airport-dom-departure", flight("2026-11-01 14:00"))["id"]
    world.sequence()
    ordered(world, gone.claims.subject)
    with caplog.at_level(logging.INFO):
        assert [sweep(world, eraser) for _ in range(3)] == [1, 0, 0]
    store, ledger = world.verifier.store, world.verifier.ledger
    assert ledger.pseudonym(gone.claims.subject) is None
    assert ledger.pseudonym(stays.claims.subject) is not None
    assert store.cards_of(gone.claims.subject, world.clock.now()) == []
    assert store.bookings.find(booking) is None
    assert len(noted(world)) == 1
    assert gone.claims.subject not in f"{noted(world)} {caplog.text}"
    assert "a holder was erased" in caplog.text
    assert all(ledger.entry(entry) is not None for entry in entries)
    assert world.log_world.run() == 3, "the log is what it was, and goes on"
    assert ledger.bookings(BookingQuery(subject=gone.claims.subject)) == ()


def test_an_erasure_that_was_stopped_is_finished(world, eraser, monkeypatch):
    """The ledger goes last: until then the next sweep finds everything that is left."""
    gone = world.card("diamond")
    booking = Phone(world, gone).booked("airport-dom-departure", flight("2026-11-01 14:00"))["id"]
    ordered(world, gone.claims.subject)

    def fails(_subject):
        raise LedgerUnavailable("the disk is full")

    ledger = world.verifier.ledger
    with monkeypatch.context() as broken:
        broken.setattr(ledger, "erase", fails)
        with pytest.raises(LedgerUnavailable):
            sweep(world, eraser)
    assert noted(world) == []
    assert sweep(world, eraser) == 1
    assert world.verifier.store.bookings.find(booking) is None
    assert ledger.pseudonym(gone.claims.subject) is None


def test_a_holder_that_a_restored_copy_brings_back_is_erased_again(world, eraser, monkeypatch):
    """Another store behind the ledger: every order is looked at anew, and this one is done again."""
    gone = world.card("diamond")
    world.device("gym").outcome(gone.shown(), "gym-visit")
    (before,) = [one for one in world.verifier.ledger.dump() if one.holders]
    ordered(world, gone.claims.subject)
    assert sweep(world, eraser) == 1
    (after,) = world.verifier.ledger.dump([before.partition])
    world.verifier.ledger.replace(after, before)
    assert sweep(world, eraser) == 0, "nothing says that anything changed"
    monkeypatch.setattr(world.verifier.ledger, "store", lambda: "another file")
    assert sweep(world, eraser) == 1
    assert world.verifier.ledger.pseudonym(gone.claims.subject) is None
    assert len(noted(world)) == 2


def test_an_ordered_erasure_takes_notes_along(world, eraser):
    """What was written with a void of the holder's goes; another holder's stays."""
    gone, stays = world.card("diamond"), world.card("gold")
    gym, notes = world.device("gym", frozenset({Right.CHECK_IN, Right.VOID})), []
    for card in (gone, stays):
        entry = gym.outcome(card.shown(), "gym-visit")["id"]
        made = gym.call("POST", f"/v1/check-ins/{entry}/void", {"reason": "other", "note": "住院，家属代述"})
        notes.append(made.json["id"])
    ordered(world, gone.claims.subject)
    assert sweep(world, eraser) == 1
    assert world.verifier.store.note(notes[0]) is None
    assert world.verifier.store.note(notes[1]).endswith("家属代述")


def test_a_holder_never_seen_here_is_noted_once(world, eraser):
    """So that cards seen by name alone go too; a later sweep finds it noted."""
    stranger = world.card("gold").claims.subject
    ordered(world, stranger)
    assert sweep(world, eraser) == 1
    ordered(world)
    assert sweep(world, eraser) == 0
    assert len(noted(world)) == 1


def test_the_sweeper_survives_what_fails(world, eraser):
    """No valid documents: told, and tried again."""
    work = Repeating(erasing(eraser, world.verifier.published, world.clock), world.clock)
    assert work.once()
    (world.published / "trust-bundle.jwt").unlink()
    world.clock.advance(timedelta(days=100))
    assert not work.once()
    assert work.report.failing


def test_an_erased_holders_tags_are_forgotten(world, eraser):
    """The card behind a counting tag names its holder."""
    mine, other = world.card("gold"), world.card("silver")
    for number, card in enumerate((mine, other)):
        record = {"uid": f"04{number:012d}", "card": card.token, "file_key": "00" * 16, "meta_key": "11" * 16}
        world.verifier.store.tags.add(TagRecord.of(record))
    ordered(world, mine.claims.subject)
    sweep(world, eraser)
    assert world.verifier.store.tags.count() == 1
