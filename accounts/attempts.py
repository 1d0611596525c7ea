"""Slows down guessing. The counts are in the store, so that every worker process sees them.

Somebody who often fails from one place waits longer and longer there, but not for ever, and not elsewhere: an attacker
cannot lock the owner out of the place where the owner signs in. If many places together guess at one name, each place
that is new to this name has one free try instead of several. This slows down the attack, and the owner can still sign
in from anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Row

from accounts.credentials import hash_name
from accounts.tables import SIGN_IN_ATTEMPTS as T


@dataclass(frozen=True, slots=True)
class Policy:
    """How guessing is slowed down: `free` failures, then a lock that doubles from `first` to `longest`.

    After `ceiling` failures of one subject within `memory`, over all places, an unknown place has one free try. None:
    only each place counts. A failure is forgotten after `memory`. A place that signed in stays known for `known`.
    """

    free: int = 5
    first: timedelta = timedelta(seconds=2)
    longest: timedelta = timedelta(minutes=15)
    ceiling: int | None = 100
    memory: timedelta = timedelta(hours=1)
    known: timedelta = timedelta(days=30)

    def lock(self, failures: int, free: int | None = None) -> timedelta:
        """Return how long to wait after a number of failures. `free`: free failures, if not the policy's own number."""
        free = self.free if free is None else free
        if failures < free:
            return timedelta()
        doublings = min(failures - free, 20)
        return min(self.first * (1 << doublings), self.longest)


SIGN_IN: Final = Policy()
ENROLMENT: Final = Policy(ceiling=None)  # A ceiling on codes would let one attacker stop every enrolment
DEVICE: Final = Policy(free=20, first=timedelta(seconds=30), ceiling=None)
"""The PINs of all operators at one device together: trying one PIN at every operator is guessing too."""


class TooSoon(Exception):
    """Another attempt must wait for `seconds`. Nothing was tried."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"wait {seconds} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Attempt:
    """Whose secret is tried, and from where. Both are hashes, so that the table names nobody."""

    subject: str
    source: str

    @classmethod
    def of(cls, kind: str, name: str, source: str) -> Attempt:
        """Return the attempt at `name` of `kind` (person, operator, enrolment) from `source` (address, device)."""
        return cls(hash_name(kind, name), hash_name(kind, name, source))


def admit(connection: Connection, attempt: Attempt, at: datetime, policy: Policy) -> None:
    """Count an attempt as failed before it is tried, or raise `TooSoon`.

    Because the count comes first, parallel guesses cannot all use one free try. `succeeded` takes the count back. Names
    that do not exist are counted in the same way.
    """
    if _begin(connection, attempt, at):
        _forget_old(connection, at, policy)
    row = connection.execute(_this(attempt).with_for_update()).one()
    _refuse_locked(row, at)
    failures = 1 + (row.failures if at - row.failed_at < policy.memory else 0)
    lock = policy.lock(failures, 1 if _is_swarm(connection, attempt, row, at, policy) else None)
    values = {"failures": failures, "failed_at": at, "locked_until": at + lock if lock else None}
    connection.execute(_change(attempt).values(values))


def succeeded(connection: Connection, attempt: Attempt, at: datetime) -> None:
    """Take back the count of this place, and remember the place as known."""
    connection.execute(_change(attempt).values(failures=0, locked_until=None, succeeded_at=at))


def is_known(connection: Connection, attempt: Attempt, at: datetime, policy: Policy) -> bool:
    """Return whether this subject signed in at this place within the policy's memory of places."""
    row = connection.execute(_this(attempt)).one_or_none()
    return row is not None and row.succeeded_at is not None and at - row.succeeded_at < policy.known


def forget(connection: Connection, kind: str, name: str) -> None:
    """Delete the failures at a name, at every place, because its secret was replaced."""
    subject = Attempt.of(kind, name, "").subject
    connection.execute(T.update().where(T.c.subject == subject).values(failures=0, locked_until=None))


def locked(connection: Connection, kind: str, names: Iterable[str], at: datetime) -> frozenset[str]:
    """Return which of these names must wait at some place."""
    rows = connection.execute(sa.select(T.c.subject).where(T.c.locked_until > at).distinct())
    waiting = set(rows.scalars())
    return frozenset(name for name in names if Attempt.of(kind, name, "").subject in waiting)


def _begin(connection: Connection, attempt: Attempt, at: datetime) -> bool:
    # The first process makes the row, and the others wait for it: only an existing row can be locked.
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = {"subject": attempt.subject, "source": attempt.source, "failures": 0, "failed_at": at}
    return connection.execute(insert(T).values(row).on_conflict_do_nothing()).rowcount == 1


def _refuse_locked(row: Row[Any], at: datetime) -> None:
    if row.locked_until is not None and at < row.locked_until:
        raise TooSoon(_whole_seconds(row.locked_until - at))


def take_back(connection: Connection, attempt: Attempt) -> None:
    """Take back one counted attempt that was none. The other counts stay."""
    less = sa.case((T.c.failures > 0, T.c.failures - 1), else_=0)
    connection.execute(_change(attempt).values(failures=less, locked_until=None))


def _is_swarm(connection: Connection, attempt: Attempt, row: Row[Any], at: datetime, policy: Policy) -> bool:
    known = row.succeeded_at is not None and at - row.succeeded_at < policy.known
    if policy.ceiling is None or known:
        return False
    recent = sa.select(sa.func.coalesce(sa.func.sum(T.c.failures), 0)).where(
        T.c.subject == attempt.subject, T.c.failed_at > at - policy.memory
    )
    return bool(connection.execute(recent).scalar_one() >= policy.ceiling)


def _forget_old(connection: Connection, at: datetime, policy: Policy) -> None:
    quiet = sa.and_(T.c.failed_at < at - policy.memory, T.c.succeeded_at.is_(None))
    connection.execute(T.delete().where(sa.or_(quiet, T.c.failed_at < at - policy.known)))


def _this(attempt: Attempt) -> sa.Select[Any]:
    return sa.select(T).where(T.c.subject == attempt.subject, T.c.source == attempt.source)


def _change(attempt: Attempt) -> sa.Update:
    return T.update().where(T.c.subject == attempt.subject, T.c.source == attempt.source)


def _whole_seconds(wait: timedelta) -> int:
    return -(-wait // timedelta(seconds=1)) if wait % timedelta(seconds=1) else wait // timedelta(seconds=1)
