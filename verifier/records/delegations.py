"""Delegations in the store: details sealed, codes as keyed hashes (docs/decisions/0140 gives the reasons)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from edge.database import Database
from edge.encoding import b64u
from edge.instants import from_epoch, to_epoch
from edge.problems import Problem
from edge.sealing import Sealer, Unsealable, derive, keyed_hash
from verifier.records.tables import DELEGATIONS
from verifier.rules.delegations import BODY_DIGITS, CODE_PREFIX, Delegation

LIVE_MOST: Final = 10
"""How many delegations of one holder may be in force at the same time."""


KEPT_AFTER: Final = timedelta(days=30)
"""How long a delegation's details are kept after its end, as with a booking's details."""


class DelegationStore:
    """Keeps delegations until 30 days after their end. Every change is one transaction and durable on return."""

    def __init__(self, database: Database, secret: bytes) -> None:
        """Keep the database. Details are sealed under the server's secret, and codes are hashed with it."""
        self._database = database
        self._sealer = Sealer(secret, "delegations")
        self._ids = derive(secret, "delegation-ids")
        self._codes = derive(secret, "delegation-codes")
        self._names = derive(secret, "delegation-code-names")

    def make(self, operation: str, wanted: Delegation) -> tuple[Delegation, str]:
        """Keep a delegation. Return it with its code. The same operation again returns both again.

        Problems: `operation-conflict` if the operation belongs to another delegation, `too-many-delegations`.
        """
        made_id = b64u(keyed_hash(self._ids, wanted.subject, operation)[:16])
        with self._database.write() as connection:
            kept = self._found(connection.execute(sa.select(DELEGATIONS).where(DELEGATIONS.c.id == made_id)).all())
            if kept:
                if (kept[0].service, kept[0].employer) != (wanted.service, wanted.employer):
                    raise Problem("operation-conflict")
                return kept[0], self._code(made_id)
            live = sa.select(sa.func.count()).where(
                DELEGATIONS.c.subject == wanted.subject,
                DELEGATIONS.c.revoked_at.is_(None),
                DELEGATIONS.c.ends_at > to_epoch(wanted.made_at),
            )
            if connection.execute(live).scalar_one() >= LIVE_MOST:
                raise Problem("too-many-delegations")
            connection.execute(DELEGATIONS.insert().values(self._row(made_id, wanted)))
        return self._required(made_id), self._code(made_id)

    def _row(self, made_id: str, wanted: Delegation) -> dict[str, object]:
        details = json.dumps({"card": wanted.card, "employer": wanted.employer}, ensure_ascii=False)
        return {
            "id": made_id,
            "code": self._name(self._code(made_id)),
            "subject": wanted.subject,
            "service": wanted.service,
            "details": self._sealer.seal(details.encode(), made_id),
            "made_at": to_epoch(wanted.made_at),
            "ends_at": to_epoch(wanted.ends_at),
            "uses": 0,
        }

    def by_code(self, code: str) -> Delegation | None:
        """Return the delegation of a code, in force or not, or None if the code does not exist."""
        return self._one(DELEGATIONS.c.code == self._name(code))

    def find(self, delegation: str) -> Delegation | None:
        """Return a delegation by its id."""
        return self._one(DELEGATIONS.c.id == delegation)

    def of(self, subject: str) -> tuple[Delegation, ...]:
        """Return a holder's delegations, newest first, including those that ended recently."""
        wanted = sa.select(DELEGATIONS).where(DELEGATIONS.c.subject == subject)
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(DELEGATIONS.c.made_at.desc(), DELEGATIONS.c.id)).all()
        return tuple(self._found(rows))

    def revoke(self, delegation: str, subject: str, at: datetime) -> Delegation:
        """Revoke a delegation, once. Problem `not-found` if it is not this holder's."""
        mine = DELEGATIONS.c.id == delegation, DELEGATIONS.c.subject == subject
        with self._database.write() as connection:
            first = DELEGATIONS.update().where(*mine, DELEGATIONS.c.revoked_at.is_(None))
            connection.execute(first.values(revoked_at=to_epoch(at)))
        found = self.find(delegation)
        if found is None or found.subject != subject:
            raise Problem("not-found")
        return found

    def used(self, delegation: str, at: datetime) -> None:
        """Record a use for its holder to see."""
        with self._database.write() as connection:
            mine = DELEGATIONS.update().where(DELEGATIONS.c.id == delegation)
            connection.execute(mine.values(uses=DELEGATIONS.c.uses + 1, used_at=to_epoch(at)))

    def erase(self, subject: str) -> None:
        """Erase all delegations of a holder."""
        with self._database.write() as connection:
            connection.execute(DELEGATIONS.delete().where(DELEGATIONS.c.subject == subject))

    def _one(self, clause: sa.ColumnElement[bool]) -> Delegation | None:
        with self._database.read() as connection:
            found = self._found(connection.execute(sa.select(DELEGATIONS).where(clause)).all())
        return found[0] if found else None

    def _required(self, delegation: str) -> Delegation:
        found = self.find(delegation)
        if found is None:
            raise Problem("unavailable")
        return found

    def _found(self, rows: Iterable[sa.Row[Any]]) -> list[Delegation]:
        return [one for row in rows if (one := self._read(row)) is not None]

    def _read(self, row: sa.Row[Any]) -> Delegation | None:
        try:
            details = json.loads(self._sealer.open(row.details, row.id))
        except Unsealable:
            return None  # After the secret was replaced: the same as erased, and its code is unknown too
        return Delegation(
            id=row.id,
            subject=row.subject,
            card=details["card"],
            service=row.service,
            employer=details["employer"],
            made_at=from_epoch(row.made_at),
            ends_at=from_epoch(row.ends_at),
            revoked_at=_instant(row.revoked_at),
            uses=row.uses,
            used_at=_instant(row.used_at),
        )

    def _code(self, made_id: str) -> str:
        """Compute the code of a delegation. Nobody without the secret can, so the code is not kept."""
        body = int.from_bytes(keyed_hash(self._codes, made_id)) % 10**BODY_DIGITS
        head = f"{CODE_PREFIX}{body:0{BODY_DIGITS}d}"
        return f"{head}{98 - int(head) * 100 % 97:02d}"

    def _name(self, code: str) -> bytes:
        return keyed_hash(self._names, code)


def _instant(kept: int | None) -> datetime | None:
    return None if kept is None else from_epoch(kept)
