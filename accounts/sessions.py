"""Sessions of people. A sign-in opens a session. A sign-out ends it, or 30 idle minutes, or 12 hours, or an
administrator.

Each request reads its session again, so that its end counts at once in every process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from accounts import journal
from accounts.credentials import PERSON_TOKEN, hash_name, hash_token, new_token
from accounts.database import AccountsDatabase
from accounts.journal import AccountAction
from accounts.people import Person, person_of
from accounts.security import SecurityKind, SecurityLog
from accounts.tables import PEOPLE, PERSON_SESSIONS
from edge.ids import new_id

SESSION_LIVES: Final = timedelta(hours=12)
SESSION_IDLE: Final = timedelta(minutes=30)
NOTED_EVERY: Final = timedelta(minutes=1)
KEPT: Final = timedelta(days=30)
_SYSTEMS: Final = ("Windows", "Android", "iPhone", "iPad", "Mac OS", "Linux")
_BROWSERS: Final = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))


@dataclass(frozen=True, slots=True)
class PersonSession:
    """A signed-in person. `factor_at` is the time of the second step, or None for a password alone.

    `place` is a coarse network, `agent` is the browser and the system. `new_place`: the person had not signed in from
    there within 30 days.
    """

    id: str
    person: Person
    opened_at: datetime
    used_at: datetime
    confirmed_at: datetime
    factor_at: datetime | None
    expires_at: datetime
    ended_at: datetime | None
    place: str
    agent: str
    new_place: bool

    def alive(self, at: datetime) -> bool:
        """Return whether the session is in force at `at`."""
        in_time = at < self.expires_at and at - self.used_at < SESSION_IDLE
        return in_time and self.ended_at is None and self.person.disabled_at is None


@dataclass(frozen=True, slots=True)
class OpenedPersonSession:
    """A new session with its token, which is given only this once."""

    session: PersonSession
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Arrival:
    """The origin of a sign-in: `source` is an address, `agent` is the browser's description of itself."""

    source: str
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Since:
    """What the page shows a person at sign-in: events since the last sign-in."""

    last: PersonSession | None
    failures: int
    new_places: Sequence[PersonSession]


class Sessions:
    """The sessions of the people of one store."""

    def __init__(self, database: AccountsDatabase, security: SecurityLog) -> None:
        self._database = database
        self._security = security

    def open(self, person: Person, arrival: Arrival, *, factor: bool, at: datetime) -> OpenedPersonSession:
        """Open a session for a person who has proved their identity. `factor`: also by a second step."""
        token, hashed = new_token(PERSON_TOKEN), hash_name("place", person.id, arrival.source)
        with self._database.write() as connection:
            made = PersonSession(
                new_id(), person, at, at, at, at if factor else None, at + SESSION_LIVES, None,
                arrival_place(arrival.source), agent_of(arrival.agent), _is_new(connection, person.id, hashed, at),
            )  # fmt: skip
            row = _row(made) | {"token_hash": hash_token(token), "place_hash": hashed}
            connection.execute(PERSON_SESSIONS.delete().where(PERSON_SESSIONS.c.expires_at < at - KEPT))
            connection.execute(PERSON_SESSIONS.insert().values(row))
            journal.append(connection, AccountAction.PERSON_SIGNED_IN, person.id, by=f"person:{person.id}", at=at)
        if made.new_place:
            self._security.note(SecurityKind.NEW_PLACE, at=at, who=("person", person.name), place=arrival.source)
        return OpenedPersonSession(made, token)

    def by_token_hash(self, token_hash: str) -> PersonSession | None:
        """Return the session whose token has this hash, alive or not, or None."""
        with self._database.read() as connection:
            row = connection.execute(_all().where(PERSON_SESSIONS.c.token_hash == token_hash)).one_or_none()
        return None if row is None else _session(row)

    def of(self, person_id: str) -> Sequence[PersonSession]:
        """Return a person's sessions of the last 30 days, newest first."""
        mine = _all().where(PERSON_SESSIONS.c.person_id == person_id)
        with self._database.read() as connection:
            return [_session(row) for row in connection.execute(mine.order_by(PERSON_SESSIONS.c.opened_at.desc()))]

    def since_last(self, session: PersonSession) -> Since:
        """Return the events at a person's account between the last sign-in and this one."""
        all_ = self.of(session.person.id)
        others = [one for one in all_ if one.id != session.id and one.opened_at <= session.opened_at]
        last = others[0] if others else None
        begin = session.opened_at - KEPT if last is None else last.opened_at
        failures = self._security.failures(session.person.name, begin)
        return Since(last, failures, [one for one in others if one.new_place and one.opened_at >= begin])

    def used(self, session: PersonSession, at: datetime) -> None:
        """Record that a session is in use. Callers do this once in `NOTED_EVERY`."""
        self._change(session.id, used_at=at)

    def confirmed(self, session: PersonSession, *, factor: bool, at: datetime) -> str:
        """Record that a session's holder has signed in again. Return its new token; the old token ends."""
        token = new_token(PERSON_TOKEN)
        values: dict[str, object] = {"confirmed_at": at, "used_at": at, "token_hash": hash_token(token)}
        self._change(session.id, **values, **({"factor_at": at} if factor else {}))
        return token

    def sign_out(self, token: str, *, at: datetime) -> None:
        """End a session by its token. An unknown token is ignored."""
        with self._database.write() as connection:
            _end(connection, PERSON_SESSIONS.c.token_hash == hash_token(token), at)

    def end(self, person_id: str, session_id: str, *, by: str, at: datetime) -> bool:
        """End one of a person's sessions. Return False for an unknown or ended session."""
        return self._end_some(person_id, PERSON_SESSIONS.c.id == session_id, by=by, at=at) > 0

    def end_others(self, session: PersonSession, *, by: str, at: datetime) -> int:
        """End all sessions of a person except this one. Return their number."""
        return self._end_some(session.person.id, PERSON_SESSIONS.c.id != session.id, by=by, at=at)

    def end_all(self, person_id: str, *, by: str, at: datetime) -> int:
        """End all sessions of a person. Return their number."""
        return self._end_some(person_id, sa.true(), by=by, at=at)

    def _end_some(self, person_id: str, which: sa.ColumnElement[bool], *, by: str, at: datetime) -> int:
        with self._database.write() as connection:
            ended = _end(connection, sa.and_(PERSON_SESSIONS.c.person_id == person_id, which), at)
            if ended:
                journal.append(connection, AccountAction.PERSON_SESSION_ENDED, person_id, by=by, at=at)
        return ended

    def _change(self, session_id: str, **values: object) -> None:
        with self._database.write() as connection:
            connection.execute(PERSON_SESSIONS.update().where(PERSON_SESSIONS.c.id == session_id).values(values))


def arrival_place(source: str) -> str:
    """Return the coarse network of an address: enough for its owner to recognise, too little to find a desk."""
    try:
        network = ip_network(source, strict=False)
    except ValueError:
        return "?"
    return str(network.supernet(new_prefix=min(network.prefixlen, 24 if network.version == 4 else 48)))


def agent_of(text: str) -> str:
    """Return browser and system, from closed sets, as the browser names itself, or `?` if they are unknown."""
    browser = next((name for sign, name in _BROWSERS if sign in text), "?")
    system = next((name for name in _SYSTEMS if name in text), "?")
    return f"{browser} · {system}"


def _is_new(connection: Connection, person_id: str, hashed: str, at: datetime) -> bool:
    held = PERSON_SESSIONS.c
    seen = sa.and_(held.person_id == person_id, held.place_hash == hashed, held.opened_at > at - KEPT)
    return connection.execute(sa.select(held.id).where(seen).limit(1)).one_or_none() is None


def _end(connection: Connection, which: sa.ColumnElement[bool], at: datetime) -> int:
    live = sa.and_(which, PERSON_SESSIONS.c.ended_at.is_(None), PERSON_SESSIONS.c.expires_at > at)
    return connection.execute(PERSON_SESSIONS.update().where(live).values(ended_at=at)).rowcount


def _row(made: PersonSession) -> dict[str, object]:
    return {
        "id": made.id,
        "person_id": made.person.id,
        "opened_at": made.opened_at,
        "used_at": made.used_at,
        "confirmed_at": made.confirmed_at,
        "factor_at": made.factor_at,
        "expires_at": made.expires_at,
        "place": made.place,
        "agent": made.agent,
        "new_place": made.new_place,
    }


def _all() -> sa.Select[Any]:
    held = PERSON_SESSIONS.c
    names = (
        "opened_at", "used_at", "confirmed_at", "factor_at", "expires_at", "ended_at", "place", "agent", "new_place",
    )  # fmt: skip
    both = sa.join(PERSON_SESSIONS, PEOPLE, PEOPLE.c.id == held.person_id)
    return sa.select(PEOPLE, held.id.label("session_id"), *(held[name] for name in names)).select_from(both)


def _session(row: Row[Any]) -> PersonSession:
    return PersonSession(
        row.session_id, person_of(row), row.opened_at, row.used_at, row.confirmed_at, row.factor_at, row.expires_at,
        row.ended_at, row.place, row.agent, row.new_place,
    )  # fmt: skip
