"""Demonstration data for a program that calls the API: a token, and a card for each answer."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Final

from accounts.rights import EVERYWHERE, Right
from accounts.store import AccountStore
from cards.claims import Form
from cards.wire import Dictionary, unpack
from issuer.issuing.issuing import cards_of
from issuer.issuing.lifecycle import revoke, suspend
from issuer.printing.qr import card_text
from issuer.register.holders import set_photo
from issuer.register.issuer import Issuer
from web.seeding import BY, DemoHolder, printed_text, seed_holder
from web.seeding_photos import drawn_photo

RIGHTS: Final = frozenset({Right.CHECK_IN, Right.VOID, Right.BOOKINGS, Right.STATEMENT})
POINT: Final = "gym"
"""The point of the sandbox's device. The token is valid at every point."""
_LIFE: Final = timedelta(days=365)
_REVOKED, _SUSPENDED = 900, 901
"""Numbers of the two invented holders whose cards are out of use."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The stored part: the token of an invented organisation's server, and the texts of cards out of use."""

    token: str = field(repr=False)
    revoked: str
    suspended: str


@dataclass(frozen=True, slots=True)
class Try:
    """One thing to try: a printed card at a service and a point, and the answer: `granted`, or a reason."""

    answer: str
    service: str
    point: str
    card: str
    id_checked: bool = True


def seed_sandbox(issuer: Issuer, accounts: AccountStore, at: datetime) -> Sandbox:
    """Add an organisation's server and two holders whose cards were stopped. The next publication includes them."""
    rights = {EVERYWHERE: RIGHTS}
    _, token = accounts.integrators.add("Sandbox", rights, expires_at=at + _LIFE, by=BY, at=at)
    texts = {}
    for number, stop in ((_REVOKED, revoke), (_SUSPENDED, suspend)):
        holder = seed_holder(issuer, "silver", number, at)
        set_photo(issuer, holder.id, drawn_photo(issuer.programme.photo, number), by=BY, at=at)
        card = next(one for one in cards_of(issuer, holder.id) if one.form is Form.PRINT)
        texts[number] = card_text(card.token, issuer.programme)
        stop(issuer, card.id, because="lost", by=BY, at=at)
    return Sandbox(token, texts[_REVOKED], texts[_SUSPENDED])


def tries(issuer: Issuer, holders: tuple[DemoHolder, ...], sandbox: Sandbox) -> list[Try]:
    """Return a card for each answer that a program at a counter must handle. The spent card is the last holder's."""
    silver, spent = (printed_text(issuer, one) or "" for one in holders[-2:])
    gold = printed_text(issuer, holders[1]) or ""
    return [
        Try("id-check-needed", "gym-visit", "gym", silver, id_checked=False),
        Try("granted", "gym-visit", "gym", silver),
        Try("already-in", "gym-visit", "gym", silver),
        Try("quota-spent", "gym-visit", "gym", spent),
        Try("not-entitled", "airport-dom-departure", "air-dom", silver),
        Try("not-offered-here", "gym-visit", "library", gold),
        Try("booking-needed", "library-room", "library", gold),
        Try("service-not-open", "housing-apartment", "housing", gold),
        Try("suspended", "gym-visit", "gym", sandbox.suspended),
        Try("revoked", "gym-visit", "gym", sandbox.revoked),
    ]


def sandbox_text(server: str, code: str, sandbox: Sandbox, found: list[Try], dictionary: Dictionary) -> str:
    """Return everything that a program needs, as JSON: server, token, a device's one-time code, things to try.

    Each thing to try has the card as a scanner reads it, and its plain token, which an offline record takes.
    """
    told = {
        "server": server,
        "token": sandbox.token,
        "device_code": code,
        "device_point": POINT,
        "tries": [asdict(one) | {"plain": _plain(one.card, dictionary)} for one in found],
    }
    return json.dumps(told, ensure_ascii=False, indent=2)


def _plain(card: str, dictionary: Dictionary) -> str:
    return unpack(card, {dictionary.number: dictionary}).card or ""
