"""The deliveries that wait for each webhook. They are queued together with the place in the log, sent later, and kept
if they are given up.

At least once: a delivery is claimed for its next try before it is sent, and settled afterwards. If a process dies
between the two, the delivery is sent again under the same name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from accounts import journal
from accounts.journal import AccountAction
from edge.database import Database
from edge.ids import new_id
from hooks.events import TEST, written
from hooks.tables import CURSORS, DELIVERIES, HOOKS

DELAYS: Final = tuple(
    timedelta(seconds=seconds) for seconds in (10, 60, 300, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 86_400)
)
"""How long a delivery waits after its first failure, after its second, and so on: three days in all. Then it is given
up.
"""
JITTER: Final = 0.25
"""A delay is lengthened by up to this share of itself, so that deliveries that failed together do not return
together.
"""
REST_AFTER: Final = 3
RESTS: Final = tuple(timedelta(seconds=seconds) for seconds in (30, 120, 600, 1800))
"""From the third failure in a row on, the whole webhook rests: this long, then longer, before the next try."""
SENT_KEPT: Final = timedelta(days=7)
DEAD_KEPT: Final = timedelta(days=90)
_FAULT_MOST: Final = 60


class ReadElsewhere(Exception):
    """Another process read on in the log meanwhile. Nothing was queued."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one webhook. `name` is its webhook-id. `next_at` None: it was sent or given up."""

    id: int
    hook: str
    name: str
    kind: str
    payload: str
    queued_at: datetime
    next_at: datetime | None
    tries: int
    fault: str | None
    sent_at: datetime | None
    dead_at: datetime | None


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a webhook has read a log: the last number in each partition. `version` grows with each change."""

    places: Mapping[int, int]
    version: int


@dataclass(frozen=True, slots=True)
class WebhookStanding:
    """The state of a webhook's queue: waiting deliveries, the age of the oldest, and those given up."""

    waiting: int
    oldest: datetime | None
    dead: int


def delay(name: str, tries: int) -> timedelta:
    """Return how long a delivery waits after its `tries`-th failure. The jitter follows from its name alone."""
    drawn = int.from_bytes(sha256(f"{name}.{tries}".encode()).digest()[:4]) / 2**32
    return DELAYS[min(tries, len(DELAYS)) - 1] * (1 + JITTER * drawn)


class DeliveryQueue:
    """The deliveries of all webhooks of one server."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def cursor(self, hook: str, log: str) -> Cursor | None:
        """Return how far a webhook has read a log, or None before it began."""
        mine = CURSORS.c.hook == hook, CURSORS.c.log == log
        with self._database.read() as connection:
            row = connection.execute(sa.select(CURSORS).where(*mine)).one_or_none()
        return None if row is None else Cursor({int(key): at for key, at in row.places.items()}, row.version)

    def keep(
        self, hook: str, log: str, cursor: Cursor, found: Sequence[tuple[str, str, str]], *, at: datetime
    ) -> Cursor:
        """Queue events (name, kind, payload) and move the cursor, in one transaction. Return the new cursor.

        An event whose name is already queued stays as it is. Raises ReadElsewhere if the cursor has changed meanwhile.
        """
        moved = Cursor(cursor.places, cursor.version + 1)
        try:
            self._keep(hook, log, moved, found, at)
        except IntegrityError:  # PostgreSQL reports this if two processes began together
            raise ReadElsewhere(hook) from None
        return moved

    def _keep(self, hook: str, log: str, moved: Cursor, found: Sequence[tuple[str, str, str]], at: datetime) -> None:
        with self._database.write() as connection:
            _move(connection, hook, log, moved)
            known = _known(connection, [name for name, _, _ in found])
            rows = [
                {"hook": hook, "name": name, "kind": kind, "payload": text, "queued_at": at, "next_at": at, "tries": 0}
                for name, kind, text in found
                if name not in known
            ]
            if rows:
                connection.execute(DELIVERIES.insert(), rows)

    def try_out(self, hook: str, *, at: datetime) -> str:
        """Queue an event without data, to test whether a receiver accepts it. Return its name."""
        name = f"msg_{hook}_{new_id()}"
        row = {"hook": hook, "name": name, "kind": TEST, "payload": written(TEST, at, {}), "queued_at": at}
        with self._database.write() as connection:
            connection.execute(DELIVERIES.insert().values(**row, next_at=at, tries=0))
        return name

    def due(self, at: datetime) -> frozenset[str]:
        """Return the webhooks with due deliveries that are neither stopped nor at rest."""
        t = DELIVERIES
        awake = sa.or_(HOOKS.c.rest_until.is_(None), HOOKS.c.rest_until <= at)
        asked = sa.select(t.c.hook).distinct().join(HOOKS, HOOKS.c.id == t.c.hook)
        with self._database.read() as connection:
            found = connection.execute(asked.where(t.c.next_at <= at, HOOKS.c.stopped_at.is_(None), awake))
            return frozenset(found.scalars())

    def claim(self, hook: str, at: datetime) -> Delivery | None:
        """Take the first due delivery, and defer its next try as after a failure. Return None if none is due."""
        t = DELIVERIES
        asked = sa.select(t).where(t.c.hook == hook, t.c.next_at <= at).order_by(t.c.id).limit(1)
        with self._database.write() as connection:
            row = connection.execute(asked).one_or_none()
            if row is None:
                return None
            taken = {"tries": row.tries + 1, "next_at": at + delay(row.name, row.tries + 1)}
            changed = t.update().where(t.c.id == row.id, t.c.next_at == row.next_at).values(taken)
            if connection.execute(changed).rowcount != 1:
                return None
        return _delivery(row, **taken)

    def sent(self, one: Delivery, at: datetime) -> None:
        """Record that a delivery was accepted. After failures in a row, all waiting deliveries become due again at
        once.
        """
        t, mine = DELIVERIES, HOOKS.c.id == one.hook
        with self._database.write() as connection:
            connection.execute(t.update().where(t.c.id == one.id).values(next_at=None, sent_at=at, fault=None))
            failures = connection.execute(sa.select(HOOKS.c.failures).where(mine)).scalar_one_or_none()
            connection.execute(HOOKS.update().where(mine).values(failures=0, rest_until=None, sent_at=at))
            if failures is not None and failures >= REST_AFTER:
                connection.execute(t.update().where(t.c.hook == one.hook, t.c.next_at > at).values(next_at=at))

    def failed(self, one: Delivery, fault: str, at: datetime, *, not_before: datetime | None = None) -> None:
        """Record that a delivery was not accepted. After the last try it is given up. `not_before`: the receiver's
        wish.
        """
        t, mine, said = DELIVERIES, HOOKS.c.id == one.hook, fault[:_FAULT_MOST]
        ended: dict[str, object] = {"next_at": None, "dead_at": at} if one.tries > len(DELAYS) else {}
        if not ended and not_before is not None and one.next_at is not None:
            ended = {"next_at": max(one.next_at, not_before)}
        with self._database.write() as connection:
            connection.execute(t.update().where(t.c.id == one.id).values(fault=said, **ended))
            failures = (connection.execute(sa.select(HOOKS.c.failures).where(mine)).scalar_one_or_none() or 0) + 1
            rests = {"failures": failures, "fault": said, "fault_at": at, "rest_until": _rest(failures, at, not_before)}
            connection.execute(HOOKS.update().where(mine).values(**rests))

    def standing(self) -> dict[str, WebhookStanding]:
        """Return the state of each webhook's queue."""
        t = DELIVERIES
        waits, dead = t.c.next_at.is_not(None), t.c.dead_at.is_not(None)
        waiting, given_up = (sa.func.sum(sa.case((one, 1), else_=0)) for one in (waits, dead))
        oldest = sa.type_coerce(sa.func.min(sa.case((waits, t.c.queued_at))), t.c.queued_at.type)
        asked = sa.select(t.c.hook, waiting, oldest, given_up).where(sa.or_(waits, dead)).group_by(t.c.hook)
        with self._database.read() as connection:
            rows = connection.execute(asked).all()
        return {hook: WebhookStanding(int(number), since, int(ended)) for hook, number, since, ended in rows}

    def dead(self, hook: str | None = None, *, limit: int = 50, offset: int = 0) -> list[Delivery]:
        """Return the given-up deliveries, newest first."""
        t = DELIVERIES
        asked = sa.select(t).where(t.c.dead_at.is_not(None)).order_by(t.c.dead_at.desc(), t.c.id.desc())
        asked = asked if hook is None else asked.where(t.c.hook == hook)
        with self._database.read() as connection:
            return [_delivery(row) for row in connection.execute(asked.limit(limit).offset(offset))]

    def again(self, *, hook: str | None = None, names: Collection[str] | None = None, by: str, at: datetime) -> int:
        """Send given-up deliveries again: those of a webhook, those with some names, or all. Return their number."""
        t = DELIVERIES
        wanted: list[sa.ColumnElement[bool]] = [t.c.dead_at.is_not(None)]
        wanted += [] if hook is None else [t.c.hook == hook]
        wanted += [] if names is None else [t.c.name.in_(names)]
        values = {"next_at": at, "tries": 0, "dead_at": None}
        with self._database.write() as connection:
            rows = connection.execute(sa.select(t.c.hook, sa.func.count()).where(*wanted).group_by(t.c.hook)).all()
            connection.execute(t.update().where(*wanted).values(values))
            for found, number in rows:
                connection.execute(HOOKS.update().where(HOOKS.c.id == found).values(failures=0, rest_until=None))
                detail = {"deliveries": number}
                journal.append(connection, AccountAction.HOOK_SENT_AGAIN, found, by=by, at=at, detail=detail)
        return sum(number for _, number in rows)

    def tidy(self, at: datetime) -> int:
        """Delete deliveries that were sent a week ago or given up ninety days ago. Return their number."""
        t = DELIVERIES
        over = sa.or_(t.c.sent_at < at - SENT_KEPT, t.c.dead_at < at - DEAD_KEPT)
        with self._database.write() as connection:
            return connection.execute(t.delete().where(over)).rowcount


def _rest(failures: int, at: datetime, not_before: datetime | None) -> datetime | None:
    if failures < REST_AFTER:
        return not_before
    rested = at + RESTS[min(failures - REST_AFTER, len(RESTS) - 1)]
    return rested if not_before is None else max(rested, not_before)


def _move(connection: Connection, hook: str, log: str, moved: Cursor) -> None:
    values = {"places": {str(key): at for key, at in moved.places.items()}, "version": moved.version}
    mine = CURSORS.c.hook == hook, CURSORS.c.log == log
    if moved.version == 1:
        if connection.execute(sa.select(CURSORS.c.version).where(*mine)).first() is not None:
            raise ReadElsewhere(hook)
        connection.execute(CURSORS.insert().values(hook=hook, log=log, **values))
        return
    before = CURSORS.c.version == moved.version - 1
    if connection.execute(CURSORS.update().where(*mine, before).values(**values)).rowcount != 1:
        raise ReadElsewhere(hook)


def _known(connection: Connection, names: Iterable[str]) -> frozenset[str]:
    asked = sa.select(DELIVERIES.c.name).where(DELIVERIES.c.name.in_(list(names)))
    return frozenset(connection.execute(asked).scalars())


def _delivery(row: Row[Any], **changed: object) -> Delivery:
    return Delivery(**{name: getattr(row, name) for name in Delivery.__slots__} | changed)
