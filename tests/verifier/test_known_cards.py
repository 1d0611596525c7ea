"""Known cards: remembered later or at once, found by the digest in a proof, and no counter waits for them."""

import threading

import pytest
import sqlalchemy as sa

from cards.parts import Presentation
from cards.proof import card_digest
from verifier.counter.known_cards import KnownCards


def test_a_card_seen_in_passing_survives_a_restart(world):
    """The full form at one check-in; after a restart the short code is enough."""
    silver, gym = world.card("silver"), world.device("gym")
    gym.outcome(silver.shown(), "gym-visit")
    world.restart()
    assert gym.check_in(silver.short(), "gym-visit").status_code == 201


def test_a_store_that_fails_fails_no_check_in(world, monkeypatch):
    """The grant is durable in the ledger; remembering the card is a convenience."""
    silver, gym = world.card("silver"), world.device("gym")
    asked = threading.Event()

    def refuse(cards):
        asked.set()
        raise sa.exc.OperationalError("INSERT", {}, Exception("busy"))

    monkeypatch.setattr(world.verifier.store, "remember_cards", refuse)
    assert gym.outcome(silver.shown(), "gym-visit")["outcome"] == "granted"
    assert asked.wait(5)
    assert gym.outcome(silver.short(), "gym-visit")["reason"] == "already-in"


def test_many_cards_are_kept_in_few_transactions(world, monkeypatch):
    """What waits is written together, each card once."""
    cards = [world.card("silver") for _ in range(20)]
    calls = []
    keep = world.verifier.store.remember_cards
    monkeypatch.setattr(world.verifier.store, "remember_cards", lambda batch: (calls.append(len(batch)), keep(batch)))
    known = KnownCards(world.verifier.store)
    for card in cards * 2:
        known.remember(card.token, card_digest(card.token), card.claims)
    known.close()
    assert sum(calls) == 20
    fresh = KnownCards(world.verifier.store)
    assert all(fresh.find(Presentation(None, card.proof())) == card.token for card in cards)


def test_memory_is_bounded(world):
    """The oldest goes from memory, not from the store."""
    cards = [world.card("silver") for _ in range(3)]
    known = KnownCards(world.verifier.store, most=2)
    for card in cards:
        known.register(card.token, card.claims)
    assert [known.find(Presentation(None, card.proof())) for card in cards] == [card.token for card in cards]


@pytest.mark.parametrize("proof", ["x", "a.b.c"])
def test_what_is_no_proof_names_nothing(world, proof):
    """Any text that reached this far is answered with None."""
    assert world.verifier.known.find(Presentation(None, proof)) is None
