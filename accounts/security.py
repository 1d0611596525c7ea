"""The security log: failed attempts, locks, refused rights. It is append-only, without names, addresses, tokens or
codes in clear text.

The subject and the place of an attempt are keyed hashes. Equal hashes in the log belong together. They tell something
only to a reader with the server's secret and a name.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from threading import Lock
from typing import Any, Final, NotRequired, TypedDict, Unpack

import sqlalchemy as sa
from sqlalchemy.engine import Row
from sqlalchemy.exc import OperationalError

from accounts.credentials import folded
from accounts.database import AccountsDatabase
from accounts.tables import SECURITY_EVENTS as T
from edge.encoding import b64u
from edge.metrics import count_security_event, show_security_events
from edge.sealing import derive, keyed_hash

_log = logging.getLogger("yunju.accounts")

SAME_MOST: Final = 20
"""How many events of one kind, subject and place one process writes in an hour. All events are counted in /metrics."""
_WINDOW: Final = timedelta(hours=1)
_REMEMBERED: Final = 10_000


class SecurityKind(StrEnum):
    """All kinds in the security log. Grammar: `<what>-<how it ended>`."""

    SIGN_IN_FAILED = "sign-in-failed"
    SIGN_IN_LOCKED = "sign-in-locked"
    FACTOR_FAILED = "factor-failed"
    FACTOR_LOCKED = "factor-locked"
    NEW_PLACE = "sign-in-new-place"
    PIN_FAILED = "pin-failed"
    PIN_LOCKED = "pin-locked"
    DEVICE_CODE_REFUSED = "device-code-refused"
    DEVICE_CODE_LOCKED = "device-code-locked"
    ENROLMENT_REFUSED = "enrolment-refused"
    ENROLMENT_LOCKED = "enrolment-locked"
    RECOVERY_REFUSED = "recovery-refused"
    RECOVERY_LOCKED = "recovery-locked"
    DELEGATION_REFUSED = "delegation-refused"
    RIGHT_REFUSED = "right-refused"
    TOKEN_REFUSED = "token-refused"  # noqa: S105 - an event's name
    SINGLE_SIGN_ON_REFUSED = "single-sign-on-refused"


show_security_events(kind.value for kind in SecurityKind)


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """One line. `subject` and `place` are keyed hashes, or None if there is none; `detail` holds codes alone.

    `more`: how many further events of this kind, subject and place within the hour were counted but not written.
    """

    id: int
    at: datetime
    kind: SecurityKind
    subject: str | None
    place: str | None
    detail: Mapping[str, object]
    more: bool


class EventFacts(TypedDict):
    """The facts of an event to record.

    `who` is a kind of subject and its name, such as `("person", "hrss-017")`, `("device", id)` or `("card", number)`.
    `place` is the address of the request. `detail` holds codes of this product, never a client's text.
    """

    at: datetime
    who: NotRequired[tuple[str, str] | None]
    place: NotRequired[str | None]
    detail: NotRequired[Mapping[str, object] | None]


class SecurityLog:
    """The security log of one store. `secret` is the server's. After a change of the secret, old and new hashes no
    longer match.
    """

    def __init__(self, database: AccountsDatabase, secret: bytes) -> None:
        self._database = database
        self._key = derive(secret, "security-log")
        self._written: dict[tuple[str, str | None, str | None], tuple[datetime, int]] = {}
        self._lock = Lock()

    def note(self, kind: SecurityKind, **facts: Unpack[EventFacts]) -> None:
        """Count and write one event."""
        count_security_event(kind.value)
        at, who, place = facts["at"], facts.get("who"), facts.get("place")
        subject = None if who is None else self.subject(*who)
        hashed = None if place is None else self.subject("place", place)
        turn = self._turn((kind.value, subject, hashed), at)
        if turn > SAME_MOST:
            return
        detail = dict(facts.get("detail") or {})
        row = {"at": at, "kind": kind.value, "subject": subject, "place": hashed, "detail": detail}
        with self._database.write() as connection:
            connection.execute(T.insert().values(row | {"more": turn == SAME_MOST}))

    def tell(self, kind: SecurityKind, **facts: Unpack[EventFacts]) -> None:
        """Record an event as `note` does. A busy store must not turn a refusal into an outage: the event is then only
        counted.
        """
        try:
            self.note(kind, **facts)
        except OperationalError:
            _log.warning("a security event was counted and not written", extra={"safe_fields": {"kind": kind.value}})

    def subject(self, kind: str, name: str) -> str:
        """Return the hash under which the log names a subject, to find the events of a person or a device."""
        return b64u(keyed_hash(self._key, kind, folded(name)))[:22]

    def _turn(self, key: tuple[str, str | None, str | None], at: datetime) -> int:
        with self._lock:
            begun, count = self._written.get(key, (at, 0))
            if not timedelta() <= at - begun < _WINDOW:
                begun, count = at, 0
            if len(self._written) >= _REMEMBERED:
                self._written.clear()
            self._written[key] = (begun, count + 1)
            return count + 1

    def page(
        self,
        limit: int,
        offset: int = 0,
        *,
        kinds: Iterable[SecurityKind] = (),
        subject: str | None = None,
        span: tuple[datetime, datetime] | None = None,
    ) -> Sequence[SecurityEvent]:
        """Return events, newest first. `offset` reaches all events, however many are newer.

        `span`: from the first instant on, and before the second.
        """
        query = sa.select(T).order_by(T.c.id.desc()).limit(limit).offset(offset)
        if wanted := [kind.value for kind in kinds]:
            query = query.where(T.c.kind.in_(wanted))
        if subject is not None:
            query = query.where(T.c.subject == subject)
        if span is not None:
            query = query.where(T.c.at >= span[0], T.c.at < span[1])
        with self._database.read() as connection:
            return [_event(row) for row in connection.execute(query)]

    def failures(self, name: str, since: datetime) -> int:
        """Return the number of failed sign-ins at a person's name since an instant."""
        failed = [SecurityKind.SIGN_IN_FAILED.value, SecurityKind.FACTOR_FAILED.value]
        mine = sa.and_(T.c.subject == self.subject("person", name), T.c.kind.in_(failed), T.c.at >= since)
        with self._database.read() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(T).where(mine)).scalar_one()


def _event(row: Row[Any]) -> SecurityEvent:
    return SecurityEvent(row.id, row.at, SecurityKind(row.kind), row.subject, row.place, row.detail, row.more)
