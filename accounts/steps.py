"""The time between two steps of a sign-in: a person has shown a password but not the second step, for five minutes.
Each step is used once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from accounts.credentials import PERSON_TOKEN, hash_token, new_token
from accounts.database import AccountsDatabase
from accounts.people import Person, person_of
from accounts.tables import PEOPLE, SIGN_IN_STEPS

STEP_LIVES: Final = timedelta(minutes=5)


class StepPurpose(StrEnum):
    """The purpose of a step. A step for one purpose cannot be used for another."""

    SIGN_IN = "sign-in"
    CONFIRM = "confirm"
    ADD_PASSKEY = "add-passkey"


@dataclass(frozen=True, slots=True)
class SignInStep:
    """A waiting step. `challenge` is the text for a passkey to sign, or empty if none was asked."""

    person: Person
    purpose: StepPurpose
    expires_at: datetime
    challenge: str = field(repr=False)


class Steps:
    """The waiting steps of one store."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database

    def begin(self, person_id: str, purpose: StepPurpose, *, at: datetime, challenge: str = "") -> str:
        """Begin a step. Return its token, which is given only this once."""
        token = new_token(PERSON_TOKEN)
        row: dict[str, object] = {"token_hash": hash_token(token), "person_id": person_id, "purpose": purpose.value}
        row |= {"challenge": challenge, "expires_at": at + STEP_LIVES}
        with self._database.write() as connection:
            connection.execute(SIGN_IN_STEPS.delete().where(SIGN_IN_STEPS.c.expires_at < at))
            connection.execute(SIGN_IN_STEPS.insert().values(row))
        return token

    def find(self, token: str, purpose: StepPurpose, at: datetime) -> SignInStep | None:
        """Return a waiting step, or None for an unknown, used or late step, a step for another purpose, or a step of a
        disabled person.
        """
        both = sa.join(SIGN_IN_STEPS, PEOPLE, PEOPLE.c.id == SIGN_IN_STEPS.c.person_id)
        held = SIGN_IN_STEPS.c
        query = sa.select(PEOPLE, held.purpose, held.challenge, held.expires_at).select_from(both)
        mine = sa.and_(held.token_hash == hash_token(token), held.purpose == purpose.value, held.expires_at > at)
        with self._database.read() as connection:
            row = connection.execute(query.where(mine, PEOPLE.c.disabled_at.is_(None))).one_or_none()
        return None if row is None else SignInStep(person_of(row), purpose, row.expires_at, row.challenge)

    def ask(self, token: str, challenge: str) -> None:
        """Keep the challenge for a passkey, in place of an earlier challenge."""
        mine = SIGN_IN_STEPS.c.token_hash == hash_token(token)
        with self._database.write() as connection:
            connection.execute(SIGN_IN_STEPS.update().where(mine).values(challenge=challenge))

    def finish(self, token: str) -> bool:
        """Use up a step. Return False if another request did so first."""
        mine = SIGN_IN_STEPS.c.token_hash == hash_token(token)
        with self._database.write() as connection:
            return connection.execute(SIGN_IN_STEPS.delete().where(mine)).rowcount == 1
