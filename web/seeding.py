"""Demonstration data: an issuer's keys, a holder of each tier with a printed card, accounts, one-time codes.

All people are invented. Their passwords are random and shown once. Nothing here changes existing data.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from accounts.factors import new_totp_secret
from accounts.rights import EVERYWHERE, Right, Role, needs_factor
from accounts.store import AccountStore
from cards.claims import Form
from cards.programme.types import Programme
from issuer.enrolment.enrolling import make_code
from issuer.issuing.issuing import cards_of, issue
from issuer.printing.qr import card_text
from issuer.publishing.setup import set_up
from issuer.register.errors import RefusedError
from issuer.register.holders import NewGround, NewHolder, add_ground, add_holder
from issuer.register.identity import IdType, check_identity
from issuer.register.issuer import Issuer

BY: Final = "demo"
DEVICE_RIGHTS: Final = frozenset({Right.CHECK_IN, Right.VOID})
SUPERVISOR_RIGHTS: Final = frozenset({Right.CHECK_IN, Right.VOID, Right.VOID_ANY, Right.OVERRIDE})
COUNTER_RIGHTS: Final = SUPERVISOR_RIGHTS | {Right.BOOKINGS, Right.NAMES}
"""The rights of a demonstration's tablet, and of its one operator, who is a supervisor."""
POINTS_MOST: Final = 3
_PREFERRED: Final = ("gym", "hosp-baiyun", "air-dom")
_NAMES: Final = ("周晓宁", "王岚", "张小明", "陈思远", "李书航")
_PHONES: Final = ("13800000001", "13800000002", "13800000003", "13800000004", "13800000005")
_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK: Final = "10X98765432"
_BASIS: Final = timedelta(days=3 * 365)


@dataclass(frozen=True, slots=True)
class DemoHolder:
    """An invented holder. `id` is the register's, `id_last4` is for the enrolment of a phone, and `told` says what is
    special.
    """

    id: str
    name: str
    tier: str
    id_last4: str
    told: str = ""


@dataclass(frozen=True, slots=True)
class DemoAccounts:
    """Sign-ins of the demonstration: person to password, operator's code to PIN, person to the secret of codes."""

    people: dict[str, str]
    operators: dict[str, str]
    second_steps: dict[str, str] = field(default_factory=dict)


def seed_issuer(desk: Issuer, at: datetime) -> list[DemoHolder]:
    """Make the issuer's keys, publish, and register a holder of every tier with a printed card."""
    set_up(desk, at)
    tiers = sorted(desk.programme.tiers.values(), key=lambda tier: -tier.rank)
    return [seed_holder(desk, tier.code, number, at) for number, tier in enumerate(tiers)]


def seed_holder(desk: Issuer, tier: str, number: int, at: datetime) -> DemoHolder:
    """Register the invented person with a number, with a ground of a tier and a printed card."""
    name = _NAMES[number % len(_NAMES)]
    identity = check_identity(IdType.RESIDENT_ID, _resident_id(number), today=at.date())
    holder = add_holder(desk, NewHolder(name, identity, _PHONES[number % len(_PHONES)]), by=BY, at=at)
    add_ground(desk, holder.id, _ground(desk.programme, tier, at.date()), by=BY, at=at)
    issue(desk, holder.id, Form.PRINT, by=BY, at=at)
    return DemoHolder(holder.id, name, tier, identity.last_four)


def _ground(programme: Programme, tier: str, today: date) -> NewGround:
    """Return the simplest ground of a tier: if possible, one that does not end by itself and brings no benefit granted
    elsewhere.
    """
    found = [ground for ground in programme.grounds.values() if ground.tier == tier]
    chosen = min(found, key=lambda ground: (ground.basis_ends, bool(ground.raises), ground.by_list_only))
    limb = chosen.limbs[0].code if chosen.limbs else None
    return NewGround(chosen.code, limb, basis_ends=today + _BASIS if chosen.basis_ends else None)


def demo_identity(number: int) -> str:
    """Return a well-formed resident ID of no real person, different for each number."""
    return _resident_id(number)


def _resident_id(number: int) -> str:
    """Return a well-formed resident ID of no real person, born on 1 January 1980 in Baiyun."""
    body = f"44011119800101{number:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True))
    return body + _CHECK[total % 11]


def seed_accounts(store: AccountStore, at: datetime) -> DemoAccounts:
    """Add people of several roles, and an operator with a PIN, who may supervise at every point."""
    roles = {
        "officer.chen": (Role.OFFICER, Role.REVIEWER),
        "approver.lin": (Role.APPROVER,),
        "auditor.li": (Role.AUDITOR,),
        "auditor.zhao": (Role.NAME_AUDITOR,),
        "admin.wu": (Role.ADMINISTRATOR,),
        "system.huang": (Role.SYSTEM_OPERATOR,),
    }
    people = {name: secrets.token_urlsafe(12) for name in roles}
    second_steps: dict[str, str] = {}
    for name, given in roles.items():
        made = store.people.add(name, people[name], given, by=BY, at=at)
        if needs_factor(made.grants):
            second_steps[name] = new_totp_secret()
            store.factors.add_totp(made.id, second_steps[name], None, "demo", by=BY, at=at)
    pin = f"{secrets.randbelow(10**6):06d}"
    store.operators.add("1001", "李静", {EVERYWHERE: COUNTER_RIGHTS}, by=BY, at=at, pin=pin)
    return DemoAccounts(people, {"1001": pin}, second_steps)


def demo_points(programme: Programme) -> tuple[str, ...]:
    """Return the points where the demonstration sets up a tablet: well-known points, otherwise the programme's
    first.
    """
    known = [code for code in _PREFERRED if code in programme.points]
    rest = [code for code, point in programme.points.items() if point.desk and point.services and code not in known]
    return tuple((known + rest)[:POINTS_MOST])


def device_code(store: AccountStore, point: str, at: datetime) -> str:
    """Return a one-time code for a tablet at a point. The gym's tablet shows what a tablet without its operator cannot
    do.
    """
    staffed = point == _PREFERRED[0]
    return store.devices.make_code(point, needs_operator=staffed, by=BY, at=at, label="1", rights=COUNTER_RIGHTS).code


def wallet_link(desk: Issuer, holder: DemoHolder, at: datetime) -> str | None:
    """Return the link that makes a phone this holder's card, or None if the holder enrolled too many phones."""
    try:
        return make_code(desk, holder.id, by=BY, at=at).link
    except RefusedError:
        return None


def printed_text(desk: Issuer, holder: DemoHolder) -> str | None:
    """Return the content of the QR code on a holder's printed card, or None if the card has ended."""
    live = (card for card in cards_of(desk, holder.id) if card.form is Form.PRINT and card.state.live)
    card = next(live, None)
    return None if card is None else card_text(card.token, desk.programme)
