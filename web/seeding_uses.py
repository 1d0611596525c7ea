"""Demonstration data: a day at the counters, so that every page has something to show.

Photos, used-up visits, a flight of today, an event, a request: all by the calls of a department's server, through the
rules, with a clock of earlier hours of this day.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final

from flask import Flask

from accounts.http import Authenticator
from accounts.rights import EVERYWHERE, Right
from accounts.store import AccountStore
from audit.tree.sequencing import log_sequencing
from cards.claims import Form
from cards.programme.types import BookingBasis, Programme
from edge.clock import FixedClock
from edge.http import create_frame
from edge.instants import rfc3339
from edge.settings import Settings
from issuer.api.servers import token_of_number
from issuer.issuing.issuing import cards_of
from issuer.publishing.publish import publish
from issuer.register.holders import set_photo
from issuer.register.issuer import Issuer
from verifier.api.surface import blueprint as verifier_blueprint
from verifier.rules.notices import Notice
from verifier.service import Verifier, open_verifier
from web.seeding import BY, DemoHolder, printed_text, seed_holder
from web.seeding_photos import drawn_photo

BEFORE: Final = timedelta(hours=5)
"""How long before the demonstration is made its day begins."""
_VISIT: Final = timedelta(hours=2, minutes=5)
_AHEAD: Final = timedelta(hours=3)
_SECONDS: Final = timedelta(seconds=5)
_DAY_AFTER: Final = timedelta(days=7)
_RIGHTS: Final = {EVERYWHERE: frozenset({Right.CHECK_IN, Right.BOOKINGS, Right.NAMES})}
_PHONE: Final = "13800000001"


class Desk:
    """A department's own server for the demonstration: it checks in, makes bookings and takes requests.

    `sequence` takes the entries into the tree, by the same clock: an entry that waits for hours would be an incident.
    """

    def __init__(self, app: Flask, token: str, base: str, sequence: Callable[[], object]) -> None:
        self._client, self._token, self._base = app.test_client(), token, base
        self.sequence = sequence

    def post(self, path: str, body: dict[str, object]) -> dict[str, object]:
        """Send a call. Raises RuntimeError, with the answer, if the call was refused."""
        headers = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": secrets.token_hex(16)}
        answer = self._client.post(path, json=body, headers=headers, base_url=self._base)
        if answer.status_code != 201:
            raise RuntimeError(f"the demonstration's {path} was answered {answer.status_code}: {answer.text}")
        return dict(answer.json or {})


def seed_uses(
    settings: Settings, issuer: Issuer, accounts: AccountStore, holders: tuple[DemoHolder, ...], at: datetime
) -> tuple[DemoHolder, ...]:
    """Make the day up to `at` for the holders and for a further holder with used-up visits. Return all of them."""
    began = at - BEFORE
    times = visits_of_this_month(issuer.programme, at)
    spent = seed_holder(issuer, holders[-1].tier, len(holders), began)
    told = {1: "one gym visit of this month is used", 2: "both gym visits of this month are used"}.get(len(times), "")
    everybody = (*holders, replace(spent, told=told))
    for number, holder in enumerate(everybody):
        set_photo(issuer, holder.id, drawn_photo(issuer.programme.photo, number), by=BY, at=began)
    publish(issuer, began)
    clock = FixedClock(began)
    with _desk(settings, issuer, accounts, clock, at) as desk:
        _fly(desk, issuer, everybody[0], at)
        _ask(desk, issuer, everybody[1])
        _keep_event(desk, issuer.programme, at)
        desk.sequence()
        for time in times:
            clock.set(time)
            body = {"presentation": printed_text(issuer, spent), "service": "gym-visit", "point": "gym"}
            desk.post("/v1/check-ins", body | {"id_checked": True})
            desk.sequence()
    return everybody


def visits_of_this_month(programme: Programme, at: datetime) -> list[datetime]:
    """Return the starts of two visits of this month that have ended; fewer in a month's first hours."""
    local = at.astimezone(programme.zone)
    month = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return [begun for begun in (at - 2 * _VISIT, at - _VISIT) if begun >= month]


@contextmanager
def _desk(
    settings: Settings, issuer: Issuer, accounts: AccountStore, clock: FixedClock, until: datetime
) -> Iterator[Desk]:
    """Open a verifier of these settings with its own clock, and a department's server that calls it."""
    verifier = _with_cards(open_verifier(settings, clock), issuer)
    try:
        _keep_notices(verifier, until)
        app = create_frame("demo", clock=clock)
        app.register_blueprint(verifier_blueprint(verifier, Authenticator(accounts, clock, (settings.base_url,))))
        _, token = accounts.integrators.add("demo", _RIGHTS, expires_at=until, by=BY, at=clock.now())
        yield Desk(app, token, settings.base_url, partial(_sequence, settings, verifier, clock))
    finally:
        verifier.close()


def _sequence(settings: Settings, verifier: Verifier, clock: FixedClock) -> None:
    """Take the entries into the tree some seconds later, as the background work would have done."""
    clock.advance(_SECONDS)
    if (sequencing := log_sequencing(settings, verifier.programme.issuer, verifier.ledger, clock)) is not None:
        sequencing.once()


def _keep_notices(verifier: Verifier, at: datetime) -> None:
    """Keep this year's notice of every check-up and retreat, so that a receipt can be sent. The next notice is
    awaited.
    """
    programme, year = verifier.programme, at.astimezone(verifier.programme.zone).year
    whole = date(year, 1, 1), date(year, 12, 31)
    for one in programme.services.values():
        rule = programme.booking_rules.get(one.booking or "")
        if rule is not None and rule.basis is BookingBasis.NOTICE:
            verifier.store.notices.keep(Notice(one.code, year, *whole, *whole), BY, at)


def _with_cards(verifier: Verifier, issuer: Issuer) -> Verifier:
    return replace(verifier, card_by_number=partial(token_of_number, issuer))


def _number_of(issuer: Issuer, holder: DemoHolder) -> str:
    return next(card.number for card in cards_of(issuer, holder.id) if card.form is Form.PRINT)


def _fly(desk: Desk, issuer: Issuer, holder: DemoHolder, at: datetime) -> None:
    """Book a departure of today by telephone. The lounge finds the passenger by one scan, or in the day's list."""
    zone = issuer.programme.zone
    end = at.astimezone(zone).replace(hour=23, minute=55, second=0, microsecond=0)
    leaves = min((at + _AHEAD).astimezone(zone).replace(second=0, microsecond=0), end)
    fields = {
        "holder_name": holder.name,
        "travel_date": leaves.date().isoformat(),
        "flight": "CZ3101",
        "scheduled_at": rfc3339(leaves),
        "passenger_count": 1,
        "passengers": [holder.name],
        "phone": _PHONE,
        "escort_count": 0,
        "vehicle_count": 1,
        "plates": ["粤AD1234"],
        "checked_luggage": True,
    }
    body = {"service": "airport-dom-departure", "card_number": _number_of(issuer, holder), "called_back": True}
    desk.post("/v1/bookings", {**body, "fields": fields})


def _ask(desk: Desk, issuer: Issuer, holder: DemoHolder) -> None:
    """Request help with a matter, as by telephone."""
    fields = {"phone": _PHONE, "case": "子女入学手续需要协调，请回电。"}
    body = {"service": "steward-case", "card_number": _number_of(issuer, holder), "called_back": True}
    desk.post("/v1/requests", {**body, "fields": fields})


def _keep_event(desk: Desk, programme: Programme, at: datetime) -> None:
    """Keep an event of next week, for holders to sign up."""
    starts = (at + _DAY_AFTER).astimezone(programme.zone).replace(hour=14, minute=30, second=0, microsecond=0)
    desk.post("/v1/events", {
        "code": f"HR-{starts:%Y-%m}",
        "service": "steward-training",
        "name": {"zh": "人才政策交流会", "en": "Talk on policies for talents"},
        "starts_at": rfc3339(starts),
        "ends_at": rfc3339(starts + timedelta(hours=2)),
        "capacity": 30,
    })  # fmt: skip
