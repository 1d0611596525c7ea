"""Challenges for chips: a nonce is given to one device and answered once, by one card, within 30 s (docs/design.md
§4).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from cards.proof import CHALLENGE_MAX_AGE
from edge.database import Database
from edge.encoding import digest
from edge.instants import to_epoch
from verifier.records.tables import CHALLENGES

NONCE_BYTES: Final = 32
KEPT: Final = timedelta(minutes=10)
"""How long a nonce is remembered: longer than its own life and the life of a look with it."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """A nonce for the device that asked, valid until `expires_at`."""

    nonce: bytes
    expires_at: datetime


class ChallengeStore:
    """Makes nonces and remembers them by their digest in the verifier's store, so that any worker can judge the
    answer.
    """

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def make(self, device: str, at: datetime) -> Challenge:
        """Return a fresh challenge for a device. Old challenges are deleted at the same time."""
        made = Challenge(secrets.token_bytes(NONCE_BYTES), at + CHALLENGE_MAX_AGE)
        row = {"nonce": digest(made.nonce), "device": device, "card": None, "expires_at": to_epoch(made.expires_at)}
        with self._database.write() as connection:
            connection.execute(CHALLENGES.delete().where(CHALLENGES.c.expires_at < to_epoch(at - KEPT)))
            connection.execute(CHALLENGES.insert().values(row))
        return made

    def bind(self, device: str, nonce: bytes, card: bytes, at: datetime) -> bool:
        """Give a device's live nonce to the first card that answers it. Return True for this card again, as long as the
        nonce lives.
        """
        open_ = sa.and_(
            CHALLENGES.c.nonce == digest(nonce),
            CHALLENGES.c.device == device,
            CHALLENGES.c.expires_at >= to_epoch(at),
            sa.or_(CHALLENGES.c.card.is_(None), CHALLENGES.c.card == card),
        )
        with self._database.write() as connection:
            return bool(connection.execute(CHALLENGES.update().where(open_).values(card=card)).rowcount)


@dataclass(frozen=True, slots=True)
class AnswerOf:
    """The challenges of one device that one card may answer. `card` is the token's digest."""

    store: ChallengeStore
    device: str
    card: bytes

    def outstanding(self, reader: str, nonce: bytes, at: datetime) -> bool:
        """Return whether this nonce was given to the asking device itself and no other card answered it.

        This is asked last, after the chip's signature is verified, so that a card without the key cannot take a nonce
        from the card with the key. The ledger claims the nonce, so that the same card uses it once (step 10).
        """
        return reader == self.device and self.store.bind(self.device, nonce, self.card, at)
