"""Integrators: other organisations' servers, known by a bearer token, with rights at points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Row

from accounts import journal
from accounts.credentials import INTEGRATOR_TOKEN, hash_token, new_token
from accounts.database import AccountsDatabase
from accounts.journal import AccountAction
from accounts.rights import Rights, load_rights, save_rights
from accounts.tables import INTEGRATORS
from edge.ids import new_id

USED_EVERY: Final = timedelta(hours=1)
"""The last use of a token is recorded at most this often: enough to find a token that nobody needs."""


class UnknownIntegrator(LookupError):
    """No live integrator has this id."""


@dataclass(frozen=True, slots=True)
class Integrator:
    """A server with a bearer token. Its rights end at `expires_at` or when it is revoked.

    `used_at` is not more precise than `USED_EVERY`.
    """

    id: str
    label: str
    rights: Rights
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    used_at: datetime | None = None

    def alive(self, at: datetime) -> bool:
        """Return whether its token is valid at `at`."""
        return self.revoked_at is None and at < self.expires_at


class Integrators:
    """The integrators of one store."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database

    def add(self, label: str, rights: Rights, *, expires_at: datetime, by: str, at: datetime) -> tuple[Integrator, str]:
        """Add an integrator. Return it and its token, which is given only this once. Raises ValueError if it has no
        right or has expired.
        """
        if not any(rights.values()):
            raise ValueError("an integrator needs a right at a point")
        if expires_at <= at:
            raise ValueError("an integrator's token ends in the future")
        token, made = new_token(INTEGRATOR_TOKEN), Integrator(new_id(), label, rights, at, expires_at, None)
        row: dict[str, object] = {
            "id": made.id,
            "label": label,
            "token_hash": hash_token(token),
            "rights": save_rights(rights),
        }
        row |= {"created_at": at, "expires_at": expires_at}
        with self._database.write() as connection:
            connection.execute(INTEGRATORS.insert().values(row))
            detail = {"rights": save_rights(rights)}
            journal.append(connection, AccountAction.INTEGRATOR_ADDED, made.id, by=by, at=at, detail=detail)
        return made, token

    def by_token_hash(self, token_hash: str) -> Integrator | None:
        """Return the integrator whose token has this hash, alive or not, or None."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(INTEGRATORS).where(INTEGRATORS.c.token_hash == token_hash)).one_or_none()
        return None if row is None else _integrator(row)

    def revoke(self, integrator_id: str, *, by: str, at: datetime) -> None:
        """End an integrator's token. Raises UnknownIntegrator for an unknown or ended token."""
        live = sa.and_(INTEGRATORS.c.id == integrator_id, INTEGRATORS.c.revoked_at.is_(None))
        with self._database.write() as connection:
            if connection.execute(INTEGRATORS.update().where(live).values(revoked_at=at)).rowcount != 1:
                raise UnknownIntegrator(integrator_id)
            journal.append(connection, AccountAction.INTEGRATOR_REVOKED, integrator_id, by=by, at=at)
        self._database.revision += 1

    def used(self, integrator: Integrator, at: datetime) -> None:
        """Record that the token is in use. Callers do this once in `USED_EVERY`."""
        with self._database.write() as connection:
            connection.execute(INTEGRATORS.update().where(INTEGRATORS.c.id == integrator.id).values(used_at=at))

    def list(self) -> Sequence[Integrator]:
        """Return all integrators, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(INTEGRATORS).order_by(INTEGRATORS.c.created_at, INTEGRATORS.c.id))
            return [_integrator(row) for row in rows]


def _integrator(row: Row[Any]) -> Integrator:
    rights = load_rights(row.rights)
    return Integrator(row.id, row.label, rights, row.created_at, row.expires_at, row.revoked_at, row.used_at)
