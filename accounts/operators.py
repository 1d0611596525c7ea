"""Operators: staff who sign in at a device, and their sessions, which are bound to this device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from accounts import attempts, journal
from accounts.attempts import Attempt, TooSoon
from accounts.credentials import OPERATOR_TOKEN, WeakSecret, hash_pin, hash_token, matches, new_token
from accounts.database import AccountsDatabase
from accounts.devices import Device
from accounts.journal import AccountAction
from accounts.people import NameTaken, WrongCredentials
from accounts.rights import EVERYWHERE, SUPERVISING, Rights, load_rights, save_rights
from accounts.security import SecurityKind, SecurityLog
from accounts.tables import OPERATOR_SESSIONS, OPERATORS
from cards import typed
from edge.ids import new_id

SESSION_LIVES: Final = timedelta(hours=12)
SESSIONS_KEPT: Final = timedelta(days=100)
"""How long after its end a session is remembered: offline records of devices are compared with it."""


class UnknownOperator(LookupError):
    """No active operator has this code."""


@dataclass(frozen=True, slots=True)
class OperatorRecord:
    """An operator in the store. `code` is typed at the counter. `has_pin`: whether there is a PIN, as the point
    wishes.
    """

    id: str
    code: str
    name: str
    has_pin: bool
    rights: Rights
    created_at: datetime
    disabled_at: datetime | None

    def works_at(self, point: str) -> bool:
        """Return whether the operator has any right at `point`, for at least one service."""
        places = (key.partition("/")[0] for key, held in self.rights.items() if held)
        return any(place in {point, EVERYWHERE} for place in places)

    @property
    def effective(self) -> Rights:
        """Return the rights in force: without a PIN, nobody supervises, whatever was granted."""
        if self.has_pin:
            return self.rights
        return {key: held - SUPERVISING for key, held in self.rights.items()}


@dataclass(frozen=True, slots=True)
class OperatorSession:
    """An operator at a device, until `expires_at`, the end of the session or of the operator."""

    operator: OperatorRecord
    device_id: str
    expires_at: datetime
    ended_at: datetime | None

    def alive(self, at: datetime) -> bool:
        """Return whether the session is in force at `at`."""
        return self.ended_at is None and self.operator.disabled_at is None and at < self.expires_at


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A new session with its token, which is given only this once."""

    session: OperatorSession
    token: str = field(repr=False)


class Operators:
    """The operators of one store and their sessions."""

    def __init__(self, database: AccountsDatabase, security: SecurityLog) -> None:
        self._database = database
        self._security = security

    def add(
        self, code: str, name: str, rights: Rights, *, by: str, at: datetime, pin: str | None = None
    ) -> OperatorRecord:
        """Add an operator. Raises NameTaken if the code is in use, WeakSecret for a bad PIN, ValueError without any
        right.

        An operator who may decide about other people's acts needs a PIN: WeakSecret without one.
        """
        if not any(rights.values()):
            raise ValueError("an operator needs a right at a point")
        _refuse_open_supervisor(rights, has_pin=pin is not None)
        made = OperatorRecord(new_id(), code, name, pin is not None, rights, at, None)
        row: dict[str, object] = {
            "id": made.id,
            "code": code,
            "name": name,
            "pin": None if pin is None else hash_pin(pin),
        }
        row |= {"rights": save_rights(rights), "created_at": at}
        with self._database.write() as connection:
            try:
                connection.execute(OPERATORS.insert().values(row))
            except IntegrityError:
                raise NameTaken from None
            detail = {"rights": save_rights(rights), "pin": pin is not None}
            journal.append(connection, AccountAction.OPERATOR_ADDED, made.id, by=by, at=at, detail=detail)
        return made

    def disable(self, code: str, *, by: str, at: datetime) -> None:
        """Take an operator out of use, sessions included. Raises UnknownOperator for an unknown operator."""
        self._change(code, {"disabled_at": at}, AccountAction.OPERATOR_DISABLED, by=by, at=at)

    def set_pin(self, code: str, pin: str | None, *, by: str, at: datetime) -> None:
        """Give an operator another PIN, None for none. Raises UnknownOperator or WeakSecret.

        The operator's sessions end, and failures with the old PIN are deleted.
        """
        kept = None if pin is None else hash_pin(pin)
        changed = self._change(
            code, {"pin": kept}, AccountAction.OPERATOR_PIN_CHANGED, by=by, at=at, pin=pin is not None
        )
        self._end_sessions(changed, at)
        with self._database.write() as connection:
            attempts.forget(connection, "operator", typed.plain(code))

    def set_rights(self, code: str, rights: Rights, *, by: str, at: datetime) -> None:
        """Give an operator these rights instead of the old. Raises UnknownOperator, ValueError for none, WeakSecret."""
        if not any(rights.values()):
            raise ValueError("an operator needs a right at a point")
        kept = save_rights(rights)
        self._change(code, {"rights": kept}, AccountAction.OPERATOR_RIGHTS_CHANGED, by=by, at=at, rights=kept)

    def _change(
        self, code: str, values: dict[str, Any], action: AccountAction, *, by: str, at: datetime, **detail: object
    ) -> str:
        """Change an active operator's row and write the log. Return the operator's id."""
        active = sa.and_(OPERATORS.c.code == code, OPERATORS.c.disabled_at.is_(None))
        with self._database.write() as connection:
            row = connection.execute(sa.select(OPERATORS).where(active)).one_or_none()
            if row is None:
                raise UnknownOperator(code)
            _refuse_open_supervisor(
                load_rights(values.get("rights", row.rights)), has_pin=values.get("pin", row.pin) is not None
            )
            connection.execute(OPERATORS.update().where(active).values(values))
            journal.append(connection, action, row.id, by=by, at=at, detail=detail)
        self._database.revision += 1
        return str(row.id)

    def _end_sessions(self, operator_id: str, at: datetime) -> None:
        held = OPERATOR_SESSIONS.c
        theirs = sa.and_(held.operator_id == operator_id, held.ended_at.is_(None))
        with self._database.write() as connection:
            connection.execute(OPERATOR_SESSIONS.update().where(theirs).values(ended_at=at))
        self._database.revision += 1

    def list(self) -> Sequence[OperatorRecord]:
        """Return all operators by code."""
        with self._database.read() as connection:
            return [_operator(row) for row in connection.execute(sa.select(OPERATORS).order_by(OPERATORS.c.code))]

    def last_sign_ins(self) -> Mapping[str, datetime]:
        """Return, by operator's id, when the last remembered session began."""
        held = OPERATOR_SESSIONS.c
        query = sa.select(held.operator_id, sa.func.max(held.opened_at).label("last")).group_by(held.operator_id)
        with self._database.read() as connection:
            return {row.operator_id: row.last for row in connection.execute(query)}

    def locked(self, at: datetime) -> frozenset[str]:
        """Return the codes of operators who must wait at some device after wrong PINs."""
        codes = {one.code: typed.plain(one.code) for one in self.list()}
        with self._database.read() as connection:
            waiting = attempts.locked(connection, "operator", codes.values(), at)
        return frozenset(code for code, plain in codes.items() if plain in waiting)

    def sign_in(self, device: Device, code: str, pin: str | None, *, at: datetime) -> OpenedSession:
        """Open a session of an operator at a device.

        WrongCredentials is always the same, after the same work: for an unknown or disabled operator, an operator
        without any right at the device's point, and a wrong PIN. TooSoon is raised after several failures at this
        device.
        """
        code, pin = typed.plain(code), None if pin is None else typed.digits(pin)
        attempt = Attempt.of("operator", code, device.id)
        row, everybody = self._admitted(attempt, device, code, at)
        # The slow hash runs outside any transaction, and also if there is nothing to compare with.
        right = matches(pin or "", None if row is None else row.pin)
        free = row is not None and row.pin is None and pin is None
        operator = None if row is None or row.disabled_at is not None or not (right or free) else _operator(row)
        if operator is None or not operator.works_at(device.point):
            self._security.note(SecurityKind.PIN_FAILED, at=at, who=("operator", code), place=device.id)
            raise WrongCredentials
        if everybody is not None:
            with self._database.write() as connection:
                attempts.take_back(connection, everybody)
        return self._open(operator, device, attempt, at)

    def _admitted(
        self, attempt: Attempt, device: Device, code: str, at: datetime
    ) -> tuple[Row[Any] | None, Attempt | None]:
        """Count the attempt at this operator and, unless this operator is known here, at the whole device."""
        everybody: Attempt | None = Attempt.of("device", device.id, device.id)
        try:
            with self._database.write() as connection:
                attempts.admit(connection, attempt, at, attempts.SIGN_IN)
                if attempts.is_known(connection, attempt, at, attempts.SIGN_IN):
                    everybody = None
                if everybody is not None:
                    attempts.admit(connection, everybody, at, attempts.DEVICE)
                row = connection.execute(sa.select(OPERATORS).where(OPERATORS.c.code == code)).one_or_none()
                return row, everybody
        except TooSoon:
            self._security.note(SecurityKind.PIN_LOCKED, at=at, who=("operator", code), place=device.id)
            raise

    def _open(self, operator: OperatorRecord, device: Device, attempt: Attempt, at: datetime) -> OpenedSession:
        token, session = new_token(OPERATOR_TOKEN), OperatorSession(operator, device.id, at + SESSION_LIVES, None)
        row: dict[str, object] = {"token_hash": hash_token(token), "operator_id": operator.id, "device_id": device.id}
        row |= {"opened_at": at, "expires_at": session.expires_at}
        with self._database.write() as connection:
            attempts.succeeded(connection, attempt, at)
            connection.execute(OPERATOR_SESSIONS.delete().where(OPERATOR_SESSIONS.c.expires_at < at - SESSIONS_KEPT))
            connection.execute(OPERATOR_SESSIONS.insert().values(row))
            journal.append(connection, AccountAction.OPERATOR_SIGNED_IN, operator.id, by=f"device:{device.id}", at=at)
        return OpenedSession(session, token)

    def session(self, token_hash: str) -> OperatorSession | None:
        """Return the session whose token has this hash, alive or not, or None."""
        both = sa.join(OPERATOR_SESSIONS, OPERATORS, OPERATORS.c.id == OPERATOR_SESSIONS.c.operator_id)
        held = OPERATOR_SESSIONS.c
        query = sa.select(OPERATORS, held.device_id, held.expires_at, held.ended_at).select_from(both)
        with self._database.read() as connection:
            row = connection.execute(query.where(held.token_hash == token_hash)).one_or_none()
        return None if row is None else OperatorSession(_operator(row), row.device_id, row.expires_at, row.ended_at)

    def on_duty(self, operator_id: str, device_id: str, at: datetime, leeway: timedelta) -> OperatorRecord | None:
        """Return the operator if signed in at this device at `at`, within the `leeway` between two clocks, or None.

        Sessions are known for `SESSIONS_KEPT` after their end. A disabled operator counts as signed out from then on.
        """
        held, who = OPERATOR_SESSIONS.c, OPERATORS.c
        theirs = sa.and_(held.operator_id == operator_id, held.device_id == device_id)
        open_then = sa.and_(
            held.opened_at <= at + leeway,
            held.expires_at > at - leeway,
            sa.or_(held.ended_at.is_(None), held.ended_at > at - leeway),
            sa.or_(who.disabled_at.is_(None), who.disabled_at > at - leeway),
        )
        both = sa.join(OPERATOR_SESSIONS, OPERATORS, who.id == held.operator_id)
        with self._database.read() as connection:
            query = sa.select(OPERATORS).select_from(both).where(theirs, open_then).limit(1)
            row = connection.execute(query).one_or_none()
        return None if row is None else _operator(row)

    def sign_out(self, token: str, device: Device, *, at: datetime) -> None:
        """End a session of this device. An unknown session is ignored."""
        held = OPERATOR_SESSIONS.c
        mine = sa.and_(held.token_hash == hash_token(token), held.device_id == device.id, held.ended_at.is_(None))
        with self._database.write() as connection:
            connection.execute(OPERATOR_SESSIONS.update().where(mine).values(ended_at=at))
        self._database.revision += 1


def _refuse_open_supervisor(rights: Rights, *, has_pin: bool) -> None:
    """Raise WeakSecret for an operator with a supervisor's rights but without a PIN."""
    if not has_pin and any(held & SUPERVISING for held in rights.values()):
        raise WeakSecret("a supervisor needs a PIN: void-any and override answer for what others did")


def _operator(row: Row[Any]) -> OperatorRecord:
    rights = load_rights(row.rights)
    return OperatorRecord(row.id, row.code, row.name, row.pin is not None, rights, row.created_at, row.disabled_at)
