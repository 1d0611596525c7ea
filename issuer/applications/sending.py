"""Sends queued notices by e-mail and by a webhook to the district's SMS gateway. Retries with growing delays.

A notice is sent at least once: it is claimed before it is sent, and marked afterwards. Its address is kept no longer
than needed, and the receipt number is all that a text says of the person.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from edge.clock import Clock
from edge.fetch import FetchAway, OutgoingCall, fetch
from edge.mail import Letter, MailAway, MailRefused, MailServer, server_of
from edge.repeating import Job
from edge.secret import SecretError, read_secret
from edge.settings import Settings, SettingsError
from issuer.applications.notices import MAIL, SMS, NoticeTexts, told_of
from issuer.register.application_tables import APPLICATIONS, NOTICES
from issuer.register.issuer import Issuer

EVERY: Final = 30.0
DELAYS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240, 720, 1440))
"""How long a notice waits after its first failure, after its second, and so on. After one more failure it is given
up.
"""
TOO_LATE: Final = timedelta(days=7)
"""A notice that could not be sent for this long is no longer news."""
ADDRESS_KEPT: Final = timedelta(days=30)
"""How long a given-up notice keeps its address, so that somebody can send it again."""
_AT_ONCE: Final = 200
_SECONDS: Final = 15.0
_ANSWER_MOST: Final = 65_536
_REFUSED_FOR_GOOD: Final = frozenset({400, 410, 422})


class WayAway(Exception):
    """The server behind a way is away or refuses this service: no more notices go this way now."""


class AddressRefused(Exception):
    """No notice can ever reach this address."""


class NoticesAway(Exception):
    """Notices wait, because the server behind a way is away."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A notice for a way of sending: recipient and text. `name` stays the same at every try."""

    to: str = field(repr=False)
    name: str
    told: NoticeTexts
    at: datetime


Way = Callable[[Parcel], None]
"""Sends one notice. Raises WayAway or AddressRefused if it was not accepted."""


def by_mail(server: MailServer) -> Way:
    """Return the way by e-mail."""

    def send(parcel: Parcel) -> None:
        try:
            server.send(Letter(parcel.to, parcel.told.subject, parcel.told.text, parcel.name, parcel.at))
        except MailRefused as error:
            raise AddressRefused(str(error)) from None
        except MailAway as error:
            raise WayAway(f"the mail server: {error}") from None

    return send


def by_webhook(url: str, token: str) -> Way:
    """Return the way to an SMS gateway: JSON with `id`, `to` and `text`. The same `id` means the same message."""

    def send(parcel: Parcel) -> None:
        body = json.dumps({"id": parcel.name, "to": parcel.to, "text": parcel.told.short}, ensure_ascii=False)
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": parcel.name,
        }
        try:
            answered = fetch(OutgoingCall(url, headers, body.encode()), seconds=_SECONDS, most=_ANSWER_MOST)
        except FetchAway as error:
            raise WayAway(f"the SMS gateway: {error}") from None
        if answered.status in _REFUSED_FOR_GOOD:
            raise AddressRefused(f"refused with {answered.status}")
        if not 200 <= answered.status < 300:
            raise WayAway(f"the SMS gateway: answered {answered.status}")

    return send


def ways_of(settings: Settings) -> dict[str, Way]:
    """Return the ways that the settings configure. Raises SettingsError if the secret of a way cannot be read."""
    found: dict[str, Way] = {}
    if (server := server_of(settings)) is not None:
        found[MAIL] = by_mail(server)
    if settings.sms_url is not None:
        found[SMS] = by_webhook(settings.sms_url, _token(settings))
    return found


def _token(settings: Settings) -> str:
    try:
        return read_secret(settings.sms_token_file, 8).decode("utf-8")
    except (SecretError, OSError, UnicodeError) as error:
        raise SettingsError([f"YUNJU_SMS_TOKEN_FILE: {error}"]) from error


def sending(issuer: Issuer, ways: Mapping[str, Way], clock: Clock) -> Job:
    """Return the job that sends due notices. It fails with the reason while a way's server is away."""

    def once() -> None:
        away = send_due(issuer, ways, clock.now())
        if away:
            raise NoticesAway("; ".join(away))

    return Job("notices", EVERY, once, plain=(NoticesAway,))


def send_due(issuer: Issuer, ways: Mapping[str, Way], at: datetime) -> list[str]:
    """Send every notice that is due at `at`. Return why ways accepted no notice, or an empty list if all went well."""
    _give_up_late(issuer, at)
    away: dict[str, str] = {}
    for row in _due(issuer, ways, at):
        if row.transport in away or not _claimed(issuer, row.id, row.next_at, row.tries, at):
            continue
        try:
            ways[row.transport](_parcel(issuer, row, at))
        except AddressRefused as error:
            _settle(issuer, [row.id], next_at=None, given_up_at=at, fault=str(error)[:40])
        except WayAway as error:
            away[row.transport] = str(error)
            _put_off(issuer, row.id, row.tries, str(error), at)
        else:
            _settle(issuer, [row.id], next_at=None, sent_at=at, fault=None, address=b"")
    return list(away.values())


def _due(issuer: Issuer, ways: Iterable[str], at: datetime) -> list[sa.Row[tuple[object, ...]]]:
    t = NOTICES
    asked = (
        sa.select(t, APPLICATIONS.c.receipt)
        .outerjoin(APPLICATIONS, APPLICATIONS.c.id == t.c.application_id)
        .where(t.c.next_at <= at, t.c.transport.in_(sorted(ways)))
        .order_by(t.c.next_at, t.c.id)
        .limit(_AT_ONCE)
    )
    with issuer.register.read() as connection:
        return list(connection.execute(asked))


def _claimed(issuer: Issuer, notice: int, next_at: datetime, tries: int, at: datetime) -> bool:
    """Claim a notice for this process. For other processes, the notice is now due later, as after a failure."""
    t = NOTICES
    values = {"tries": tries + 1, "next_at": at + DELAYS[min(tries, len(DELAYS) - 1)]}
    with issuer.register.change() as connection:
        found = connection.execute(t.update().where(t.c.id == notice, t.c.next_at == next_at).values(values))
        return found.rowcount == 1


def _put_off(issuer: Issuer, notice: int, tries: int, fault: str, at: datetime) -> None:
    """Record a failed try. The claim has already set the next try. After the last try, the notice is given up."""
    ended = {"next_at": None, "given_up_at": at} if tries >= len(DELAYS) else {}
    _settle(issuer, [notice], fault=fault[:40], **ended)


def _settle(issuer: Issuer, notices: list[int], **values: object) -> None:
    with issuer.register.change() as connection:
        connection.execute(NOTICES.update().where(NOTICES.c.id.in_(notices)).values(values))


def _give_up_late(issuer: Issuer, at: datetime) -> None:
    """Give up notices that waited too long, and delete addresses that nobody needs any more."""
    t = NOTICES
    late = sa.and_(t.c.next_at.is_not(None), t.c.created_at < at - TOO_LATE)
    old = sa.and_(t.c.given_up_at < at - ADDRESS_KEPT, t.c.address != b"")
    with issuer.register.read() as connection:
        if connection.execute(sa.select(t.c.id).where(sa.or_(late, old)).limit(1)).first() is None:
            return
    with issuer.register.change() as connection:
        connection.execute(t.update().where(late).values(next_at=None, given_up_at=at, fault="too late"))
        connection.execute(t.update().where(old).values(address=b""))


def _parcel(issuer: Issuer, row: sa.Row[tuple[object, ...]], at: datetime) -> Parcel:
    place = f"notices.address:{row.application_id or row.holder_id}"
    address = issuer.register.unseal(row.address, place).decode()
    told = told_of(issuer, row.kind, row.receipt, row.language)
    return Parcel(address, f"notice-{row.id}-{row.receipt or 'renewal'}", told, at)
