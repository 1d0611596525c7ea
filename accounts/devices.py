"""Devices: enrolled once with a code and their own key, then known by a token bound to this key. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from accounts import journal
from accounts.credentials import DEVICE_TOKEN, hash_code, hash_token, new_code, new_token
from accounts.database import AccountsDatabase
from accounts.journal import AccountAction
from accounts.reports import DeviceReport
from accounts.rights import Right, Rights, narrowed
from accounts.tables import DEVICES, ENROLMENT_CODES
from edge.ids import new_id
from edge.instants import from_epoch, to_epoch
from keys.dpop import ProofKey
from keys.jwk import thumbprint

CODE_LIVES: Final = timedelta(hours=24)
SEEN_EVERY: Final = timedelta(hours=1)
"""`last_seen_at` is not more precise than this: enough to find a lost tablet, too little to observe who works when."""


class CodeRefused(Exception):
    """The enrolment code is unknown, used or too old. The answer is the same for all three."""


class UnknownDevice(LookupError):
    """No live device has this id."""


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A one-time code, for the person who sets up a device. `code` is shown once and not kept."""

    id: str
    code: str = field(repr=False)
    point: str
    label: str
    rights: frozenset[Right]
    expires_at: datetime
    needs_operator: bool
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PendingCode:
    """A code that waits for its device. The code itself is not kept."""

    id: str
    point: str
    label: str
    expires_at: datetime


@dataclass(frozen=True)
class Device:
    """An enrolled device. `jwk` is its public key. `last_seen_at` is coarse (`SEEN_EVERY`).

    `needs_operator`: it has no right while nobody is signed in. `services`: the only services that it serves; empty for
    all. `report`: its last report about itself. `former`: its earlier points, each with the instant of the move.
    """

    id: str
    point: str
    label: str
    rights: frozenset[Right]
    jwk: Mapping[str, object]
    thumbprint: str
    enrolled_at: datetime
    last_seen_at: datetime
    revoked_at: datetime | None
    needs_operator: bool = False
    services: tuple[str, ...] = ()
    report: DeviceReport | None = None
    former: tuple[tuple[str, datetime], ...] = ()

    @property
    def heard_at(self) -> datetime:
        """Return when the device was last heard of: its last report, otherwise its coarse last use."""
        return self.last_seen_at if self.report is None else max(self.last_seen_at, self.report.at)

    def stood_at(self, point: str, at: datetime) -> bool:
        """Return whether the device belonged to a point at an instant."""
        return point == self.point or any(place == point and at <= until for place, until in self.former)

    @cached_property
    def scope(self) -> Rights:
        """Return its rights at its point, limited to its services."""
        return narrowed(self.rights, self.point, self.services)

    @cached_property
    def key(self) -> ProofKey:
        """Return the enrolled key, the only key with which its proofs are verified."""
        return ProofKey.of(self.jwk)


class Devices:
    """The devices of one store. Every change is one transaction and one line of the account log."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database

    def make_code(
        self,
        point: str,
        *,
        needs_operator: bool,
        by: str,
        at: datetime,
        label: str = "",
        rights: frozenset[Right] | None = None,
        services: Iterable[str] = (),
    ) -> DeviceCode:
        """Make a one-time code for a new device at `point`, valid for `CODE_LIVES`. Without `rights`, the device gets
        the fewest rights.

        `needs_operator`: the device has no right while nobody is signed in there. `services`: the only services that it
        serves.
        """
        granted, served = frozenset({Right.CHECK_IN}) if rights is None else rights, tuple(sorted(services))
        made = DeviceCode(new_id(), new_code(), point, label, granted, at + CODE_LIVES, needs_operator, served)
        row: dict[str, object] = {"id": made.id, "code_hash": hash_code(made.code), "point": point, "label": label}
        row |= {"rights": sorted(granted), "created_at": at, "expires_at": made.expires_at}
        row |= {"needs_operator": needs_operator, "services": list(served)}
        with self._database.write() as connection:
            connection.execute(ENROLMENT_CODES.insert().values(row))
            detail = {"point": point, "rights": sorted(granted), "needs_operator": needs_operator}
            detail |= {"services": list(served)} if served else {}
            journal.append(connection, AccountAction.CODE_MADE, made.id, by=by, at=at, detail=detail)
        return made

    def enrol(
        self, code: str, jwk: Mapping[str, object], *, at: datetime, label: str | None = None
    ) -> tuple[Device, str]:
        """Use up a code and keep the device's key. Return the device and its access token, which is given only this
        once.

        If several ask at once with one code, one is served and the others get CodeRefused. A key that was enrolled
        before leaves its older enrolment: one key is one device. The caller has checked that the device holds the
        private key. Raises BadKey if `jwk` is no P-256 key.
        """
        name, token = thumbprint(jwk), new_token(DEVICE_TOKEN)
        with self._database.write() as connection:
            found = _use_code(connection, hash_code(code), at)
            actor = f"code:{found.id}"
            for older in connection.execute(_live().where(DEVICES.c.thumbprint == name)).all():
                _revoke(connection, older.id, by=actor, at=at)
            row: dict[str, object] = {"id": new_id(), "point": found.point, "label": label or found.label}
            row |= {"rights": found.rights, "jwk": dict(jwk), "thumbprint": name, "token_hash": hash_token(token)}
            row |= {"enrolled_at": at, "last_seen_at": at, "revoked_at": None}
            row |= {"needs_operator": found.needs_operator, "services": found.services}
            try:
                connection.execute(DEVICES.insert().values(row))
            except IntegrityError:  # The same key was enrolled with another code at this very moment
                raise CodeRefused from None
            detail = {"point": found.point, "rights": found.rights}
            journal.append(connection, AccountAction.DEVICE_ENROLLED, str(row["id"]), by=actor, at=at, detail=detail)
            device = _device(connection.execute(sa.select(DEVICES).where(DEVICES.c.id == row["id"])).one())
        self._database.revision += 1
        return device, token

    def by_token_hash(self, token_hash: str) -> Device | None:
        """Return the device whose access token has this hash, revoked or not, or None. This is one look-up by index."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(DEVICES).where(DEVICES.c.token_hash == token_hash)).one_or_none()
        return None if row is None else _device(row)

    def find(self, device_id: str) -> Device | None:
        """Return the device with this id, revoked or not, or None."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(DEVICES).where(DEVICES.c.id == device_id)).one_or_none()
        return None if row is None else _device(row)

    def seen(self, device: Device, at: datetime) -> None:
        """Record that the device is in use. Callers do this once in `SEEN_EVERY`."""
        with self._database.write() as connection:
            connection.execute(DEVICES.update().where(DEVICES.c.id == device.id).values(last_seen_at=at))

    def told(self, device_id: str, report: DeviceReport) -> None:
        """Keep a device's report about itself. Callers do this when the report is due (`accounts.reports.is_due`)."""
        values = {"reported_at": report.at, "version": report.version}
        values |= {"queued": report.queued, "clock_seconds": report.clock_seconds}
        with self._database.write() as connection:
            connection.execute(DEVICES.update().where(DEVICES.c.id == device_id).values(values))

    def move(self, device_id: str, point: str, *, services: Iterable[str], by: str, at: datetime) -> None:
        """Move a device to another point. Raises UnknownDevice for a device that is not in use.

        `services`: the only services that it serves there; empty for all. Its records from the earlier point stay
        valid.
        """
        live, served = sa.and_(DEVICES.c.id == device_id, DEVICES.c.revoked_at.is_(None)), sorted(services)
        with self._database.write() as connection:
            row = connection.execute(sa.select(DEVICES).where(live)).one_or_none()
            if row is None:
                raise UnknownDevice(device_id)
            former = [*row.former, [row.point, to_epoch(at)]]
            connection.execute(DEVICES.update().where(live).values(point=point, services=served, former=former))
            detail = {"from": row.point, "to": point} | ({"services": served} if served else {})
            journal.append(connection, AccountAction.DEVICE_MOVED, device_id, by=by, at=at, detail=detail)
        self._database.revision += 1

    def codes(self, at: datetime) -> Sequence[PendingCode]:
        """Return the codes that are still valid and not used, newest first."""
        t = ENROLMENT_CODES.c
        waits = sa.select(ENROLMENT_CODES).where(t.used_at.is_(None), t.expires_at > at).order_by(t.created_at.desc())
        with self._database.read() as connection:
            return [PendingCode(row.id, row.point, row.label, row.expires_at) for row in connection.execute(waits)]

    def withdraw(self, code_id: str, *, by: str, at: datetime) -> bool:
        """End a code before it is used. Return False for a used or expired code."""
        t = ENROLMENT_CODES.c
        unused = sa.and_(t.id == code_id, t.used_at.is_(None), t.expires_at > at)
        with self._database.write() as connection:
            if connection.execute(ENROLMENT_CODES.update().where(unused).values(expires_at=at)).rowcount != 1:
                return False
            journal.append(connection, AccountAction.CODE_WITHDRAWN, code_id, by=by, at=at)
        return True

    def set_operator(self, device_id: str, *, needs_operator: bool, by: str, at: datetime) -> None:
        """Set whether a device needs an operator. Raises UnknownDevice for a device that is not in use."""
        mine = sa.and_(DEVICES.c.id == device_id, DEVICES.c.revoked_at.is_(None))
        with self._database.write() as connection:
            change = DEVICES.update().where(mine).values(needs_operator=needs_operator)
            if connection.execute(change).rowcount != 1:
                raise UnknownDevice(device_id)
            detail, action = {"needs_operator": needs_operator}, AccountAction.DEVICE_OPERATOR_CHANGED
            journal.append(connection, action, device_id, by=by, at=at, detail=detail)
        self._database.revision += 1

    def revoke(self, device_id: str, *, by: str, at: datetime) -> None:
        """Take a device out of use. Raises UnknownDevice for an unknown or revoked device."""
        with self._database.write() as connection:
            if not _revoke(connection, device_id, by=by, at=at):
                raise UnknownDevice(device_id)
        self._database.revision += 1

    def list(self, *, point: str | None = None) -> Sequence[Device]:
        """Return all devices, also revoked ones, oldest first; with a point, only the devices of this point."""
        query = sa.select(DEVICES).order_by(DEVICES.c.enrolled_at, DEVICES.c.id)
        with self._database.read() as connection:
            rows = connection.execute(query if point is None else query.where(DEVICES.c.point == point))
            return [_device(row) for row in rows]

    def queues(self) -> tuple[int, int]:
        """Return how many records wait in live devices by their last reports, and in how many devices any waits."""
        waiting = sa.select(sa.func.coalesce(sa.func.sum(DEVICES.c.queued), 0), sa.func.count()).where(
            DEVICES.c.revoked_at.is_(None), DEVICES.c.queued > 0
        )
        with self._database.read() as connection:
            records, devices = connection.execute(waiting).one()
        return int(records), int(devices)


def _use_code(connection: Connection, code_hash: str, at: datetime) -> Row[Any]:
    # One conditional UPDATE decides: of two at once, one changes a row and the other none, in either database.
    unused = sa.and_(
        ENROLMENT_CODES.c.code_hash == code_hash,
        ENROLMENT_CODES.c.used_at.is_(None),
        ENROLMENT_CODES.c.expires_at > at,
    )
    if connection.execute(ENROLMENT_CODES.update().where(unused).values(used_at=at)).rowcount != 1:
        raise CodeRefused
    return connection.execute(sa.select(ENROLMENT_CODES).where(ENROLMENT_CODES.c.code_hash == code_hash)).one()


def _live() -> sa.Select[Any]:
    return sa.select(DEVICES).where(DEVICES.c.revoked_at.is_(None))


def _revoke(connection: Connection, device_id: str, *, by: str, at: datetime) -> bool:
    live = sa.and_(DEVICES.c.id == device_id, DEVICES.c.revoked_at.is_(None))
    if connection.execute(DEVICES.update().where(live).values(revoked_at=at)).rowcount != 1:
        return False
    journal.append(connection, AccountAction.DEVICE_REVOKED, device_id, by=by, at=at)
    return True


def _device(row: Row[Any]) -> Device:
    rights = frozenset(Right(name) for name in row.rights)
    return Device(
        row.id,
        row.point,
        row.label,
        rights,
        row.jwk,
        row.thumbprint,
        row.enrolled_at,
        row.last_seen_at,
        row.revoked_at,
        row.needs_operator,
        tuple(row.services),
        _report(row),
        tuple((place, from_epoch(until)) for place, until in row.former),
    )


def _report(row: Row[Any]) -> DeviceReport | None:
    if row.reported_at is None:
        return None
    return DeviceReport(row.reported_at, row.version, row.queued, row.clock_seconds)
