"""People who sign in with a password: officers, approvers, auditors, administrators; and their sessions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from accounts import attempts, journal
from accounts.attempts import Attempt
from accounts.credentials import PERSON_TOKEN, hash_name, hash_password, hash_token, matches, new_token
from accounts.database import AccountsDatabase
from accounts.journal import AccountAction
from accounts.rights import Grant, Role
from accounts.tables import PEOPLE, PERSON_SESSIONS
from edge.ids import new_id

SESSION_LIVES: Final = timedelta(hours=12)


class NameTaken(ValueError):
    """Somebody has this name or code already."""


class UnknownPerson(LookupError):
    """No active person has this name."""


class WrongCredentials(Exception):
    """The sign-in is refused; why is told to nobody."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person with a password. `name` is what is typed to sign in; case and width of its letters do not matter."""

    id: str
    name: str
    grants: frozenset[Grant]
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class PersonSession:
    """A person signed in, until `expires_at`, the end of the session or of the person."""

    person: Person
    expires_at: datetime
    ended_at: datetime | None

    def alive(self, at: datetime) -> bool:
        """Tell whether the session is in force at `at`."""
        return self.ended_at is None and self.person.disabled_at is None and at < self.expires_at


@dataclass(frozen=True, slots=True)
class OpenedPersonSession:
    """A session just opened, with its token, told this once."""

    session: PersonSession
    token: str = field(repr=False)


class People:
    """The people of one store and their sessions."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database

    def add(self, name: str, password: str, roles: Iterable[Role | Grant], *, by: str, at: datetime) -> Person:
        """Add a person; NameTaken, WeakSecret, or ValueError without any role. A bare role holds everywhere."""
        made = Person(new_id(), name, _grants(roles), at, None)
        if not made.grants or not name.strip():
            raise ValueError("a person needs a name and a role")
        row: dict[str, object] = {
            "id": made.id,
            "name": name,
            "name_key": hash_name(name),
            "password": hash_password(password),
        }
        row |= {"roles": saved_grants(made.grants), "created_at": at}
        with self._database.write() as connection:
            try:
                connection.execute(PEOPLE.insert().values(row))
            except IntegrityError:
                raise NameTaken from None
            detail = {"roles": saved_grants(made.grants)}
            journal.append(connection, AccountAction.PERSON_ADDED, made.id, by=by, at=at, detail=detail)
        return made

    def change_password(self, name: str, password: str, *, by: str, at: datetime) -> None:
        """Set another password and end the person's sessions; UnknownPerson, WeakSecret."""
        kept = hash_password(password)
        with self._database.write() as connection:
            row = _active(connection, name)
            connection.execute(PEOPLE.update().where(PEOPLE.c.id == row.id).values(password=kept))
            _end_sessions(connection, row.id, at)
            journal.append(connection, AccountAction.PERSON_PASSWORD_CHANGED, row.id, by=by, at=at)
        self._database.revision += 1

    def disable(self, name: str, *, by: str, at: datetime) -> None:
        """Take a person out of use, sessions included; UnknownPerson if there is none."""
        with self._database.write() as connection:
            row = _active(connection, name)
            connection.execute(PEOPLE.update().where(PEOPLE.c.id == row.id).values(disabled_at=at))
            _end_sessions(connection, row.id, at)
            journal.append(connection, AccountAction.PERSON_DISABLED, row.id, by=by, at=at)
        self._database.revision += 1

    def list(self) -> Sequence[Person]:
        """Return all people by name."""
        with self._database.read() as connection:
            return [_person(row) for row in connection.execute(sa.select(PEOPLE).order_by(PEOPLE.c.name))]

    def sign_in(self, name: str, password: str, *, source: str, at: datetime) -> OpenedPersonSession:
        """Open a session; `source` is where the request comes from (an address).

        WrongCredentials, always the same and after the same work, for an unknown name, a disabled person and a wrong
        password; TooSoon after several failures from there.
        """
        attempt = Attempt.of("person", name, source)
        with self._database.write() as connection:
            attempts.admit(connection, attempt, at, attempts.SIGN_IN)
            row = connection.execute(sa.select(PEOPLE).where(PEOPLE.c.name_key == hash_name(name))).one_or_none()
        # The slow hash runs outside any transaction, and also when there is nothing to compare with.
        if not matches(password, None if row is None else row.password) or row is None or row.disabled_at is not None:
            raise WrongCredentials
        return self._open(_person(row), attempt, at)

    def _open(self, person: Person, attempt: Attempt, at: datetime) -> OpenedPersonSession:
        token, session = new_token(PERSON_TOKEN), PersonSession(person, at + SESSION_LIVES, None)
        row = {"token_hash": hash_token(token), "person_id": person.id, "opened_at": at}
        row |= {"expires_at": session.expires_at}
        with self._database.write() as connection:
            attempts.succeeded(connection, attempt, at)
            connection.execute(PERSON_SESSIONS.delete().where(PERSON_SESSIONS.c.expires_at < at - SESSION_LIVES))
            connection.execute(PERSON_SESSIONS.insert().values(row))
            journal.append(connection, AccountAction.PERSON_SIGNED_IN, person.id, by=f"person:{person.id}", at=at)
        return OpenedPersonSession(session, token)

    def session(self, token_hash: str) -> PersonSession | None:
        """Return the session whose token has this hash, alive or not."""
        both = sa.join(PERSON_SESSIONS, PEOPLE, PEOPLE.c.id == PERSON_SESSIONS.c.person_id)
        query = sa.select(PEOPLE, PERSON_SESSIONS.c.expires_at, PERSON_SESSIONS.c.ended_at).select_from(both)
        with self._database.read() as connection:
            row = connection.execute(query.where(PERSON_SESSIONS.c.token_hash == token_hash)).one_or_none()
        return None if row is None else PersonSession(_person(row), row.expires_at, row.ended_at)

    def sign_out(self, token: str, *, at: datetime) -> None:
        """End a session; nothing happens if there is none."""
        live = sa.and_(PERSON_SESSIONS.c.token_hash == hash_token(token), PERSON_SESSIONS.c.ended_at.is_(None))
        with self._database.write() as connection:
            connection.execute(PERSON_SESSIONS.update().where(live).values(ended_at=at))
        self._database.revision += 1


def saved_grants(grants: Iterable[Grant]) -> list[str]:
    """Return grants as the store and an answer hold them: texts, sorted."""
    return sorted(map(str, grants))


def _grants(roles: Iterable[Role | Grant]) -> frozenset[Grant]:
    return frozenset(role if isinstance(role, Grant) else Grant(role) for role in roles)


def _active(connection: Connection, name: str) -> Row[Any]:
    mine = sa.and_(PEOPLE.c.name_key == hash_name(name), PEOPLE.c.disabled_at.is_(None))
    row = connection.execute(sa.select(PEOPLE).where(mine)).one_or_none()
    if row is None:
        raise UnknownPerson(name)
    return row


def _end_sessions(connection: Connection, person_id: str, at: datetime) -> None:
    live = sa.and_(PERSON_SESSIONS.c.person_id == person_id, PERSON_SESSIONS.c.ended_at.is_(None))
    connection.execute(PERSON_SESSIONS.update().where(live).values(ended_at=at))


def _person(row: Row[Any]) -> Person:
    return Person(row.id, row.name, frozenset(map(Grant.parse, row.roles)), row.created_at, row.disabled_at)
