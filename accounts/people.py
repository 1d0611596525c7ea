"""People who sign in: officers, reviewers, approvers, auditors, administrators, desks, operators of the system."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from accounts import attempts, journal
from accounts.attempts import Attempt, TooSoon
from accounts.credentials import hash_name, hash_password, hash_token, matches
from accounts.database import AccountsDatabase
from accounts.journal import AccountAction
from accounts.rights import Grant, Role
from accounts.security import SecurityKind, SecurityLog
from accounts.tables import PEOPLE, PERSON_SESSIONS
from edge.ids import new_id

NO_PASSWORD: Final = "!"  # noqa: S105 - a mark, and no hash of anything
"""Replaces the password hash of people who sign in only by single sign-on."""


class NameTaken(ValueError):
    """Somebody already has this name or code."""


class UnknownPerson(LookupError):
    """No active person has this name."""


class LastAdministrator(ValueError):
    """No administrator would be left. The message says what to do first."""

    def __init__(self) -> None:
        super().__init__("this is the last administrator: give somebody else the role first")


class OwnRoles(ValueError):
    """Nobody may take away their own role of administrator."""

    def __init__(self) -> None:
        super().__init__("nobody takes the own role of administrator away: another administrator does")


class WrongCredentials(Exception):
    """The sign-in is refused. The answer never says why."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person with a password. `name` is typed to sign in. The case and width of its letters do not matter."""

    id: str
    name: str
    grants: frozenset[Grant]
    created_at: datetime
    disabled_at: datetime | None


class People:
    """The people of one store and their sessions."""

    def __init__(self, database: AccountsDatabase, security: SecurityLog) -> None:
        self._database = database
        self._security = security

    def add(self, name: str, password: str | None, roles: Iterable[Role | Grant], *, by: str, at: datetime) -> Person:
        """Add a person. Raises NameTaken, WeakSecret, or ValueError without any role. A role without scope holds
        everywhere.

        Without a password, the person signs in only by single sign-on.
        """
        made = Person(new_id(), name, _grants(roles), at, None)
        if not made.grants or not name.strip():
            raise ValueError("a person needs a name and a role")
        row: dict[str, object] = {
            "id": made.id,
            "name": name,
            "name_key": hash_name(name),
            "password": NO_PASSWORD if password is None else hash_password(password, name),
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
        """Set another password and end the person's sessions. Raises UnknownPerson or WeakSecret."""
        kept = hash_password(password, name)
        with self._database.write() as connection:
            row = _active(connection, name)
            connection.execute(PEOPLE.update().where(PEOPLE.c.id == row.id).values(password=kept))
            _end_sessions(connection, row.id, at)
            journal.append(connection, AccountAction.PERSON_PASSWORD_CHANGED, row.id, by=by, at=at)
        self._database.revision += 1

    def disable(self, name: str, *, by: str, at: datetime) -> None:
        """Take a person out of use, sessions included. Raises UnknownPerson, LastAdministrator or OwnRoles."""
        with self._database.write() as connection:
            row = _active(connection, name)
            _keep_administrator(connection, row, frozenset(), by)
            connection.execute(PEOPLE.update().where(PEOPLE.c.id == row.id).values(disabled_at=at))
            _end_sessions(connection, row.id, at)
            journal.append(connection, AccountAction.PERSON_DISABLED, row.id, by=by, at=at)
        self._database.revision += 1

    def enable(self, person_id: str, *, by: str, at: datetime) -> None:
        """Allow a disabled person to sign in again. Raises UnknownPerson for anybody else."""
        gone = sa.and_(PEOPLE.c.id == person_id, PEOPLE.c.disabled_at.is_not(None))
        with self._database.write() as connection:
            if connection.execute(PEOPLE.update().where(gone).values(disabled_at=None)).rowcount != 1:
                raise UnknownPerson(person_id)
            journal.append(connection, AccountAction.PERSON_ENABLED, person_id, by=by, at=at)

    def list(self) -> Sequence[Person]:
        """Return all people by name."""
        with self._database.read() as connection:
            return [person_of(row) for row in connection.execute(sa.select(PEOPLE).order_by(PEOPLE.c.name))]

    def check(self, name: str, password: str, *, source: str, at: datetime) -> Person:
        """Return the person with a name and password. `source` is the address of the request.

        WrongCredentials is always the same, after the same work: for an unknown name, a disabled person and a wrong
        password. TooSoon is raised after several failures from there. Both are in the security log.
        """
        attempt, who = Attempt.of("person", name, source), ("person", name)
        try:
            with self._database.write() as connection:
                attempts.admit(connection, attempt, at, attempts.SIGN_IN)
                row = connection.execute(sa.select(PEOPLE).where(PEOPLE.c.name_key == hash_name(name))).one_or_none()
        except TooSoon:
            self._security.note(SecurityKind.SIGN_IN_LOCKED, at=at, who=who, place=source)
            raise
        # The slow hash runs outside any transaction, and also if there is nothing to compare with.
        kept = None if row is None or row.password == NO_PASSWORD else row.password
        if not matches(password, kept) or row is None or row.disabled_at is not None:
            self._security.note(SecurityKind.SIGN_IN_FAILED, at=at, who=who, place=source)
            raise WrongCredentials
        with self._database.write() as connection:
            attempts.succeeded(connection, attempt, at)
        return person_of(row)

    def knows_password(self, person: Person, password: str) -> bool:
        """Return whether a password is the person's, when a signed-in person signs in again."""
        with self._database.read() as connection:
            kept = connection.execute(sa.select(PEOPLE.c.password).where(PEOPLE.c.id == person.id)).scalar_one_or_none()
        return matches(password, None if kept == NO_PASSWORD else kept)

    def has_password(self, person: Person) -> bool:
        """Return whether the person can sign in with a password; otherwise only by single sign-on."""
        with self._database.read() as connection:
            kept = connection.execute(sa.select(PEOPLE.c.password).where(PEOPLE.c.id == person.id)).scalar_one_or_none()
        return kept not in {None, NO_PASSWORD}

    def get(self, person_id: str) -> Person:
        """Return a person by id. Raises UnknownPerson."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(PEOPLE).where(PEOPLE.c.id == person_id)).one_or_none()
        if row is None:
            raise UnknownPerson(person_id)
        return person_of(row)

    def named(self, name: str) -> Person:
        """Return an active person by the typed name. Raises UnknownPerson."""
        with self._database.read() as connection:
            return person_of(_active(connection, name))

    def link(self, name: str, issuer: str, subject: str, *, by: str, at: datetime) -> None:
        """Allow a person to sign in by single sign-on as `subject` of `issuer`. Raises UnknownPerson, or NameTaken if
        another person does.
        """
        with self._database.write() as connection:
            row = _active(connection, name)
            try:
                linked = hash_link(issuer, subject)
                connection.execute(PEOPLE.update().where(PEOPLE.c.id == row.id).values(linked=linked))
            except IntegrityError:
                raise NameTaken from None
            journal.append(connection, AccountAction.PERSON_LINKED, row.id, by=by, at=at)

    def linked(self, issuer: str, subject: str) -> Person | None:
        """Return the active person who signs in as `subject` of `issuer`, or None."""
        mine = sa.and_(PEOPLE.c.linked == hash_link(issuer, subject), PEOPLE.c.disabled_at.is_(None))
        with self._database.read() as connection:
            row = connection.execute(sa.select(PEOPLE).where(mine)).one_or_none()
        return None if row is None else person_of(row)

    def is_linked(self, person: Person) -> bool:
        """Return whether the person already signs in by single sign-on."""
        with self._database.read() as connection:
            kept = connection.execute(sa.select(PEOPLE.c.linked).where(PEOPLE.c.id == person.id)).scalar_one_or_none()
        return kept is not None

    def set_roles(self, name: str, roles: Iterable[Role | Grant], *, by: str, at: datetime) -> None:
        """Give a person these roles, in force at the next request. Raises UnknownPerson, ValueError for none.

        Raises LastAdministrator if no administrator would be left, OwnRoles if a person would take away their own role
        of administrator.
        """
        granted = _grants(roles)
        kept = saved_grants(granted)
        if not kept:
            raise ValueError("a person needs a role")
        with self._database.write() as connection:
            row = _active(connection, name)
            _keep_administrator(connection, row, granted, by)
            connection.execute(PEOPLE.update().where(PEOPLE.c.id == row.id).values(roles=kept))
            detail = {"roles": kept}
            journal.append(connection, AccountAction.PERSON_ROLES_CHANGED, row.id, by=by, at=at, detail=detail)


def hash_link(issuer: str, subject: str) -> str:
    """Return the name under which an account at an identity provider is known. Exact letters count there."""
    return hash_token(f"{issuer}\0{subject}")


def saved_grants(grants: Iterable[Grant]) -> list[str]:
    """Return grants in the form of the store and of an answer: sorted texts."""
    return sorted(map(str, grants))


def _grants(roles: Iterable[Role | Grant]) -> frozenset[Grant]:
    return frozenset(role if isinstance(role, Grant) else Grant(role) for role in roles)


def _keep_administrator(connection: Connection, row: Row[Any], granted: frozenset[Grant], by: str) -> None:
    """Refuse a change that leaves no administrator, or by which a person removes their own role of administrator."""
    if not _administers(row.roles) or _administers(saved_grants(granted)):
        return
    if by == f"person:{row.id}":
        raise OwnRoles
    others = sa.select(PEOPLE.c.roles).where(PEOPLE.c.id != row.id, PEOPLE.c.disabled_at.is_(None))
    if not any(_administers(roles) for roles in connection.execute(others.with_for_update()).scalars()):
        raise LastAdministrator


def _administers(roles: Iterable[str]) -> bool:
    return any(Grant.parse(text).role is Role.ADMINISTRATOR for text in roles)


def _active(connection: Connection, name: str) -> Row[Any]:
    mine = sa.and_(PEOPLE.c.name_key == hash_name(name), PEOPLE.c.disabled_at.is_(None))
    row = connection.execute(sa.select(PEOPLE).where(mine)).one_or_none()
    if row is None:
        raise UnknownPerson(name)
    return row


def _end_sessions(connection: Connection, person_id: str, at: datetime) -> None:
    live = sa.and_(PERSON_SESSIONS.c.person_id == person_id, PERSON_SESSIONS.c.ended_at.is_(None))
    connection.execute(PERSON_SESSIONS.update().where(live).values(ended_at=at))


def person_of(row: Row[Any]) -> Person:
    """Return the person of a row of PEOPLE."""
    return Person(row.id, row.name, frozenset(map(Grant.parse, row.roles)), row.created_at, row.disabled_at)
