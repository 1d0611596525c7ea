"""Who is told of what: the webhooks of integrators, each with its address, kinds, points and secrets.

Every change is also written into the account log. A secret is shown once and kept sealed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from accounts import journal
from accounts.integrators import Integrator, Integrators
from accounts.journal import AccountAction
from accounts.rights import EVERYWHERE, Caller, Right
from edge.addresses import Network, lies_in, parsed, public_or_in
from edge.database import Database
from edge.ids import new_id
from edge.sealing import Sealer
from hooks.events import KINDS, OFFICE, USAGE, HookEvent, kinds_of
from hooks.signing import new_secret
from hooks.tables import CURSORS, DELIVERIES, HOOKS

KEPT_SECRET: Final = timedelta(days=1)
"""How long an old secret goes on signing, unless another time is given."""
GONE, BY_HAND = "gone", "by-hand"
"""Why a webhook is stopped: its receiver answered 410, or a person stopped it."""
_URL_MOST: Final = 400
_READS_USAGE: Final = (Right.CHECK_IN, Right.BOOKINGS, Right.STATEMENT, Right.AUDIT)
_READS_OFFICE: Final = (Right.INTAKE,)


class RefusedHook(Exception):
    """A webhook cannot be registered or changed in this way. `hint` names the remedy.

    `code`: `integrator`, `url`, `https`, `private`, `kinds`, `rights`, or `unknown` if there is no such webhook.
    """

    def __init__(self, code: str, message: str, hint: str) -> None:
        """Keep the remedy beside the message."""
        super().__init__(message)
        self.code = code
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook. `points`: the places whose events it gets, or `EVERYWHERE` for all of its integrator's places.

    `failures`: failed calls since the last accepted call. No call is made until `rest_until`.
    """

    id: str
    integrator: str
    url: str
    kinds: tuple[str, ...]
    points: frozenset[str]
    created_at: datetime
    starts_at: datetime
    stopped_at: datetime | None
    stopped_why: str | None
    old_until: datetime | None
    failures: int
    rest_until: datetime | None
    sent_at: datetime | None
    fault_at: datetime | None
    fault: str | None

    def reads(self, log: str) -> bool:
        """Return whether any of its kinds comes from a log."""
        return any(KINDS[kind] == log for kind in self.kinds)

    def wants(self, event: HookEvent) -> bool:
        """Return whether an event is of its kinds, its points and its time."""
        if event.kind not in self.kinds or event.at < self.starts_at:
            return False
        return event.point is None or not self.points.isdisjoint({event.point, EVERYWHERE})


@dataclass(frozen=True, slots=True)
class NewHook:
    """A webhook to register. No `points`: all of the integrator's. `since`: the first instant of its events; otherwise
    now.
    """

    integrator: str
    url: str
    kinds: tuple[str, ...]
    points: frozenset[str] = field(default_factory=frozenset)
    since: datetime | None = None


def may_know(integrator: Integrator, event: HookEvent) -> bool:
    """Return whether an integrator's rights cover an event: a right at its point, or the right `intake` for
    applications.
    """
    caller = Caller("integrator", integrator.id, integrator.rights)
    if event.point is None:
        return any(caller.holds(right) for right in _READS_OFFICE)
    return any(caller.may(right, event.point, event.service) for right in _READS_USAGE)


class Registry:
    """The webhooks of one server."""

    def __init__(
        self, database: Database, integrators: Integrators, secret: bytes, networks: tuple[Network, ...] = ()
    ) -> None:
        """Keep the database. Secrets of webhooks are sealed under the server's secret."""
        self._networks = networks
        self._database = database
        self._integrators = integrators
        self._sealer = Sealer(secret, "hooks")

    def add(self, new: NewHook, *, by: str, at: datetime) -> tuple[Hook, str]:
        """Register a webhook. Return it and its secret, which is shown only this once. Raises RefusedHook with the
        fault.
        """
        integrator = self._integrator(new.integrator, at)
        _check_url(new.url, self._networks)
        kinds = _kinds(new.kinds)
        _check_rights(integrator, kinds, new.points)
        hook_id, secret = new_id(), new_secret()
        row = {
            "id": hook_id,
            "integrator": integrator.id,
            "url": new.url,
            "kinds": list(kinds),
            "points": sorted(new.points or {EVERYWHERE}),
            "secret": self._sealer.seal(secret.encode(), hook_id),
            "created_at": at,
            "starts_at": at if new.since is None else new.since,
            "failures": 0,
        }
        detail = {"integrator": integrator.id, "kinds": row["kinds"], "points": row["points"]}
        with self._database.write() as connection:
            connection.execute(HOOKS.insert().values(row))
            journal.append(connection, AccountAction.HOOK_ADDED, hook_id, by=by, at=at, detail=detail)
        return self.find(hook_id), secret

    def listed(self) -> list[Hook]:
        """Return all webhooks, oldest first."""
        with self._database.read() as connection:
            return [_hook(row) for row in connection.execute(sa.select(HOOKS).order_by(HOOKS.c.created_at, HOOKS.c.id))]

    def live(self, at: datetime) -> list[tuple[Hook, Integrator]]:
        """Return the webhooks that are not stopped and whose integrators' tokens are still valid, with their
        integrators.
        """
        known = {one.id: one for one in self._integrators.list() if one.alive(at)}
        found = ((hook, known.get(hook.integrator)) for hook in self.listed() if hook.stopped_at is None)
        return [(hook, integrator) for hook, integrator in found if integrator is not None]

    def find(self, hook_id: str) -> Hook:
        """Return one webhook. Raises RefusedHook for an unknown one."""
        with self._database.read() as connection:
            return _hook(_row(connection, hook_id))

    def secrets(self, hook_id: str, at: datetime) -> tuple[str, ...]:
        """Return the signing secrets: the present one, and the earlier one while it is still kept."""
        with self._database.read() as connection:
            row = _row(connection, hook_id)
        sealed = [row.secret, *([row.old_secret] if row.old_until is not None and at < row.old_until else [])]
        return tuple(self._sealer.open(one, hook_id).decode() for one in sealed)

    def rotate(self, hook_id: str, *, by: str, at: datetime, keep: timedelta = KEPT_SECRET) -> str:
        """Give a webhook another secret, which is shown only this once. The earlier secret signs too for the time
        `keep`.
        """
        secret = new_secret()
        with self._database.write() as connection:
            values = {"secret": self._sealer.seal(secret.encode(), hook_id), "old_until": at + keep}
            self._change(connection, hook_id, {**values, "old_secret": _row(connection, hook_id).secret})
            journal.append(connection, AccountAction.HOOK_ROTATED, hook_id, by=by, at=at)
        return secret

    def stop(self, hook_id: str, *, by: str, at: datetime, why: str = BY_HAND) -> None:
        """Stop a webhook. Waiting deliveries are kept, and its logs are read on from there after it is resumed."""
        with self._database.write() as connection:
            if _row(connection, hook_id).stopped_at is None:
                self._change(connection, hook_id, {"stopped_at": at, "stopped_why": why})
                detail = {"why": why}
                journal.append(connection, AccountAction.HOOK_STOPPED, hook_id, by=by, at=at, detail=detail)

    def resume(self, hook_id: str, *, by: str, at: datetime, since: datetime | None = None) -> None:
        """Continue a webhook where it stood, or with events since an instant. Waiting deliveries are due at once."""
        values: dict[str, object] = {"stopped_at": None, "stopped_why": None, "failures": 0, "rest_until": None}
        with self._database.write() as connection:
            _row(connection, hook_id)
            mine = DELIVERIES.c.hook == hook_id, DELIVERIES.c.next_at.is_not(None)
            if since is not None:
                values["starts_at"] = since
                connection.execute(CURSORS.delete().where(CURSORS.c.hook == hook_id))
            connection.execute(DELIVERIES.update().where(*mine).values(next_at=at))
            self._change(connection, hook_id, values)
            journal.append(connection, AccountAction.HOOK_RESUMED, hook_id, by=by, at=at)

    def remove(self, hook_id: str, *, by: str, at: datetime) -> None:
        """Delete a webhook and everything that waits for it."""
        with self._database.write() as connection:
            _row(connection, hook_id)
            for table in (DELIVERIES, CURSORS):
                connection.execute(table.delete().where(table.c.hook == hook_id))
            connection.execute(HOOKS.delete().where(HOOKS.c.id == hook_id))
            journal.append(connection, AccountAction.HOOK_REMOVED, hook_id, by=by, at=at)

    def _change(self, connection: Connection, hook_id: str, values: Mapping[str, object]) -> None:
        connection.execute(HOOKS.update().where(HOOKS.c.id == hook_id).values(**values))

    def _integrator(self, integrator_id: str, at: datetime) -> Integrator:
        for one in self._integrators.list():
            if one.id == integrator_id and one.alive(at):
                return one
        raise RefusedHook(
            "integrator", "no integrator in use has this id", "`python -m accounts integrator list` shows them"
        )


def _check_url(url: str, networks: tuple[Network, ...]) -> None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise RefusedHook("url", "this is no address", "write it as https://host.example/path") from None
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= _URL_MOST
    if not plain or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise RefusedHook(
            "url", "this is no address", f"write it as https://host.example/path, {_URL_MOST} letters at most"
        )
    if parts.fragment or "@" in parts.netloc:
        raise RefusedHook("url", "the address holds a user, a password or a fragment", "the signature tells who sends")
    if parts.scheme == "http" and not networks:
        raise RefusedHook(
            "https", "plain http is for networks of this house alone", "use https, or set YUNJU_HOOK_NETWORKS"
        )
    try:
        address = parsed(parts.hostname)
    except ValueError:
        return  # A name: each call checks its address
    if not (public_or_in(networks)(address) if parts.scheme == "https" else lies_in(address, networks)):
        raise RefusedHook(
            "private", "the address is not in the public network", "YUNJU_HOOK_NETWORKS opens networks of this house"
        )


def _kinds(asked: Iterable[str]) -> tuple[str, ...]:
    try:
        kinds = kinds_of(asked)
    except ValueError as error:
        raise RefusedHook("kinds", f"no events are of the kind {error}", f"choose from {', '.join(KINDS)}") from None
    if not kinds:
        raise RefusedHook("kinds", "a webhook needs a kind of events", f"choose from {', '.join(KINDS)}")
    return kinds


def _check_rights(integrator: Integrator, kinds: tuple[str, ...], points: frozenset[str]) -> None:
    caller = Caller("integrator", integrator.id, integrator.rights)
    logs = {KINDS[kind] for kind in kinds}
    if OFFICE in logs and not any(caller.holds(right) for right in _READS_OFFICE):
        raise RefusedHook(
            "rights", "the integrator hands in no applications", "events of applications need the right intake"
        )
    if USAGE not in logs:
        return
    for point in points - {EVERYWHERE}:
        if not any(caller.may_some(right, point) for right in _READS_USAGE):
            names = ", ".join(right.value for right in _READS_USAGE)
            raise RefusedHook("rights", f"the integrator has no right at {point}", f"one of {names} is needed there")
    if not any(caller.holds(right) for right in _READS_USAGE):
        raise RefusedHook(
            "rights", "the integrator has no right at any point", "such events need a right at their point"
        )


def _row(connection: Connection, hook_id: str) -> Row[Any]:
    row = connection.execute(sa.select(HOOKS).where(HOOKS.c.id == hook_id)).one_or_none()
    if row is None:
        raise RefusedHook("unknown", "there is no such webhook", "`python -m verifier hooks list` shows them")
    return row


def _hook(row: Row[Any]) -> Hook:
    told = {name: getattr(row, name) for name in Hook.__slots__}
    return Hook(**told | {"kinds": tuple(row.kinds), "points": frozenset(row.points)})
