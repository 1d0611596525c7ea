"""A phone becomes a card: one-time codes, the ID's last four characters, one phone for each holder, a recovery code.

All failures whose reason a stranger must not learn have the same answer, None. Every guess is counted durably. A person
who has proved both the code and the ID's characters learns the reason (NoCardGiven).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from cards.claims import Form
from issuer.issuing.issuing import IssuedCard, create_card, end_card, live_cards, read_card, replace_card
from issuer.register import office_log
from issuer.register.codes import new_code
from issuer.register.entitlement import Entitlement, entitlement
from issuer.register.errors import RefusedError
from issuer.register.holders import held_grounds, read_holder
from issuer.register.identity import last_four
from issuer.register.issuer import Issuer
from issuer.register.office_log import OfficeAction
from issuer.register.tables import CARDS, ENROLMENT_CODES, CardState
from keys.jwk import thumbprint

CODE_LIVES: Final = timedelta(days=7)
ATTEMPTS_MOST: Final = 5
"""How many wrong last characters one code allows. After that, it is cancelled."""
ACTIVATIONS_MOST: Final = 6
"""How many different phones one holder may enrol in a year. More means that somebody passes codes around, and the
holder must go to the office.
"""
ACTIVATIONS_IN: Final = timedelta(days=365)
REPEAT_WITHIN: Final = timedelta(minutes=10)
"""Within this time, a phone whose answer was lost may send the same enrolment again, with the same key."""
CODE: Final = "enrolment"
RECOVERY: Final = "recovery"
PHONE: Final = "phone"
NEW_PHONE: Final = "new-phone"
"""Why the card of an earlier phone ended."""

REPLACED, USED, OVER, NOT_ENTITLED, TOO_MANY = "replaced", "used", "over", "not-entitled", "too-many"
"""Why a phone that proved code and ID gets no card: there is a newer code, this code was used or has expired, the
ground ended, or the holder enrolled too many phones.
"""

T = ENROLMENT_CODES


class NoCardGiven(Exception):
    """The code belongs to the holder, but gives no card. `reason` is one of the reasons above."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class EnrolmentCode:
    """A code as it is shown, once. `link` opens the wallet page with the code in the fragment, so that no server logs
    it.
    """

    code: str = field(repr=False)
    link: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A phone's new card, and the recovery code, which is shown only this once."""

    card: IssuedCard
    recovery_code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The values that a phone sends: the code, the ID's last four characters as typed, and its checked public key.

    `phone`: the mark in its browser, which identifies the same phone after its key was lost; None without a mark.
    """

    code: str = field(repr=False)
    id_last4: str = field(repr=False)
    key: Mapping[str, str]
    phone: str | None = field(default=None, repr=False)


def make_code(issuer: Issuer, holder_id: str, *, by: str, at: datetime) -> EnrolmentCode:
    """Make a one-time code for a holder's phone. An earlier unused code is cancelled.

    Raises RefusedError if no ground holds, or if the holder enrolled too many phones within a year.
    """
    code = new_code()
    with issuer.register.change() as connection:
        read_holder(issuer, connection, holder_id)
        if entitlement(held_grounds(connection, holder_id), issuer.programme, at) is None:
            raise RefusedError(
                "the holder has no ground that holds today", f"python -m issuer holder ground {holder_id}"
            )
        if _activations(connection, holder_id, at) >= ACTIVATIONS_MOST:
            raise RefusedError(
                f"the holder enrolled {ACTIVATIONS_MOST} phones within a year", "issue a printed card, and ask why"
            )
        _cancel_open(connection, holder_id, by=by, at=at)
        values = {"code_hash": issuer.register.code_hash(CODE, code), "holder_id": holder_id, "created_at": at}
        connection.execute(T.insert().values(values | {"expires_at": at + CODE_LIVES, "attempts": 0}))
        office_log.append(connection, OfficeAction.CODE_MADE, by=by, at=at, holder=holder_id)
    return EnrolmentCode(code, f"{issuer.base_url}/wallet#enrol={code}", at + CODE_LIVES)


def is_open_code(issuer: Issuer, code: str) -> bool:
    """Return whether a code is known at all. Guesses end here, before anything is locked or written."""
    with issuer.register.read() as connection:
        return _row(issuer, connection, code) is not None


def enrol(issuer: Issuer, enrolment: Enrolment, *, by: str, at: datetime) -> Enrolled | None:
    """Use up a code and return the phone's card. The card of an earlier phone ends in the same transaction.

    Return None if the code is unknown or was guessed at too often, if the last characters are wrong (this is counted),
    or if the key is another holder's. Raises NoCardGiven if both are right but there is no card.
    """
    with issuer.register.change() as connection:
        row = _row(issuer, connection, enrolment.code)
        if row is None or row.attempts >= ATTEMPTS_MOST:
            return None
        if not _last_four_right(issuer, connection, row, enrolment, by=by, at=at):
            return None
        if row.used_at is not None:
            return _again(issuer, connection, row, enrolment, at)
        if _anothers_key(connection, row.holder_id, enrolment.key):
            return None
        phone = None if enrolment.phone is None else issuer.register.hash(PHONE, enrolment.phone)
        held = _entitled(issuer, connection, row, phone, at)
        card = _new_phone(issuer, connection, row.holder_id, held, enrolment.key, by=by, at=at)
        connection.execute(_this(row).values(used_at=at, card_id=card.id, phone_hash=phone))
        return Enrolled(card, _new_recovery(issuer, connection, card.id))


def _entitled(
    issuer: Issuer, connection: Connection, row: Row[tuple[object, ...]], phone: str | None, at: datetime
) -> Entitlement:
    """Return what the holder of a proved code is entitled to now. Raises NoCardGiven if the code or the holder allows
    no card.
    """
    if row.cancelled_at is not None:
        raise NoCardGiven(REPLACED if _has_newer(connection, row) else OVER)
    if at >= row.expires_at:
        raise NoCardGiven(OVER)
    held = entitlement(held_grounds(connection, row.holder_id), issuer.programme, at)
    if held is None:
        raise NoCardGiven(NOT_ENTITLED)
    if _activations(connection, row.holder_id, at, besides=phone) >= ACTIVATIONS_MOST:
        raise NoCardGiven(TOO_MANY)
    return held


def _has_newer(connection: Connection, row: Row[tuple[object, ...]]) -> bool:
    newer = sa.select(T.c.code_hash).where(T.c.holder_id == row.holder_id, T.c.created_at > row.created_at)
    same_time = sa.select(T.c.code_hash).where(
        T.c.holder_id == row.holder_id, T.c.created_at == row.created_at, T.c.cancelled_at.is_(None)
    )
    return connection.execute(newer.union(same_time)).first() is not None


def _new_phone(
    issuer: Issuer,
    connection: Connection,
    holder_id: str,
    held: Entitlement,
    key: Mapping[str, str],
    *,
    by: str,
    at: datetime,
) -> IssuedCard:
    """Issue the phone's card. The earlier phone's card ends, and cards of another tier are replaced."""
    others = live_cards(issuer, connection, holder_id)
    card = create_card(issuer, connection, holder_id, held, form=Form.PHONE, key=key, by=by, at=at)
    for other in others:
        if other.form is Form.PHONE:
            end_card(
                issuer, connection, other, CardState.REPLACED, because=NEW_PHONE, by=by, at=at, replaced_by=card.id
            )
        elif other.tier != held.tier:
            replace_card(issuer, connection, other, held, because="tier-change", by=by, at=at)
    return card


def _again(
    issuer: Issuer, connection: Connection, row: Row[tuple[object, ...]], enrolment: Enrolment, at: datetime
) -> Enrolled:
    """Answer a phone that enrolled with this code and got no answer: its card, and a new recovery code."""
    card = read_card(issuer, connection, str(row.card_id))
    same = card.key is not None and thumbprint(card.key) == thumbprint(enrolment.key)
    if not same or card.state is not CardState.VALID or at > row.used_at + REPEAT_WITHIN:
        raise NoCardGiven(USED)
    return Enrolled(card, _new_recovery(issuer, connection, card.id))


def _last_four_right(
    issuer: Issuer,
    connection: Connection,
    row: Row[tuple[object, ...]],
    enrolment: Enrolment,
    *,
    by: str,
    at: datetime,
) -> bool:
    known = read_holder(issuer, connection, row.holder_id).identity.last_four
    if hmac.compare_digest(last_four(enrolment.id_last4).encode(), known.encode()):
        return True
    spent = row.attempts + 1
    connection.execute(_this(row).values(attempts=spent))
    if spent >= ATTEMPTS_MOST and row.used_at is None and row.cancelled_at is None:
        connection.execute(_this(row).values(cancelled_at=at))
        office_log.append(
            connection, OfficeAction.CODE_CANCELLED, by=by, at=at, holder=row.holder_id, because="guessed"
        )
    return False


def _new_recovery(issuer: Issuer, connection: Connection, card_id: str) -> str:
    code = new_code()
    hashed = issuer.register.code_hash(RECOVERY, code)
    connection.execute(CARDS.update().where(CARDS.c.id == card_id).values(recovery_hash=hashed))
    return code


def _cancel_open(connection: Connection, holder_id: str, *, by: str, at: datetime) -> None:
    still_open = sa.and_(T.c.holder_id == holder_id, T.c.used_at.is_(None), T.c.cancelled_at.is_(None))
    if connection.execute(T.update().where(still_open).values(cancelled_at=at)).rowcount:
        office_log.append(connection, OfficeAction.CODE_CANCELLED, by=by, at=at, holder=holder_id, because="new-code")


def _activations(connection: Connection, holder_id: str, at: datetime, *, besides: str | None = None) -> int:
    """Return how many other phones a holder enrolled within a year. An unknown phone counts as another phone."""
    used = sa.select(T.c.phone_hash).where(T.c.holder_id == holder_id, T.c.used_at > at - ACTIVATIONS_IN)
    phones = connection.execute(used).scalars().all()
    return phones.count(None) + len({phone for phone in phones if phone is not None and phone != besides})


def _anothers_key(connection: Connection, holder_id: str, key: Mapping[str, str]) -> bool:
    asked = sa.select(CARDS.c.id).where(CARDS.c.key_thumbprint == thumbprint(key), CARDS.c.holder_id != holder_id)
    return connection.execute(asked).first() is not None


def _row(issuer: Issuer, connection: Connection, code: str) -> Row[tuple[object, ...]] | None:
    hashed = issuer.register.code_hash(CODE, code)
    return connection.execute(sa.select(T).where(T.c.code_hash == hashed)).one_or_none()


def _this(row: Row[tuple[object, ...]]) -> sa.Update:
    return T.update().where(T.c.code_hash == row.code_hash)
