"""A phone's card after enrolment: refresh with its key, block and unblock with the recovery code."""

from __future__ import annotations

import hmac
import json
import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from accounts.attempts import Policy, TooSoon
from cards import numbers
from cards.claims import CARD, CardClaims, parse
from edge import database
from edge.instants import from_epoch, to_epoch
from issuer.enrolment.enrolling import NEW_PHONE, RECOVERY
from issuer.issuing.issuing import IssuedCard, cards_of, find_card_in, read_card, signed_values, token_end
from issuer.issuing.lifecycle import HOLDER, resume_in, suspend_in
from issuer.issuing.signing_keys import signing_key_id
from issuer.publishing.folder import ROOT_FILE
from issuer.register import office_log
from issuer.register.codes import normal_code
from issuer.register.entitlement import entitlement
from issuer.register.errors import RefusedError
from issuer.register.holders import held_grounds
from issuer.register.issuer import Issuer
from issuer.register.office_log import OfficeAction
from issuer.register.tables import ATTEMPTS, CARDS, PROOFS_SEEN, CardState
from keys.errors import TokenError
from keys.jwk import thumbprint
from keys.tokens import parse_unverified

RECOVERY_TRIES: Final = Policy(ceiling=None, memory=timedelta(days=1))
"""Wrong codes slow down their sender, for one number and from one place. A right code is never refused: it has 80 bits,
so that guessing cannot find it, and a lock would only stop its holder.
"""
_CHAIN_MOST: Final = 20


class NotValid(Exception):
    """The card of a phone that proved its key gets no new token.

    `reason` is revoked, moved (another phone of the holder replaced it), suspended or not-entitled.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The card to show from now on. `anew` is False if the present token is still young."""

    card: IssuedCard
    anew: bool


def claimed_card(issuer: Issuer, token: str) -> IssuedCard | None:
    """Return the register's card that a token names, unverified, or None if it names none.

    The token's own signature is not checked: the caller verifies the call with the register's key for this card.
    """
    try:
        card_id = parse(parse_unverified(token, CARD).claims).card_id
        with issuer.register.read() as connection:
            return read_card(issuer, connection, card_id)
    except (TokenError, RefusedError):
        return None


def first_use_of_proof(issuer: Issuer, key_thumbprint: str, proof_id: str, forget_at: datetime, at: datetime) -> bool:
    """Remember a proof for good, for all processes. Return whether this is the first time."""
    with issuer.register.change() as connection:
        connection.execute(PROOFS_SEEN.delete().where(PROOFS_SEEN.c.forget_at < at))
        named = {"thumbprint": key_thumbprint, "proof_id": proof_id}
        return database.first_use(connection, PROOFS_SEEN, named, forget_at)


def refresh(issuer: Issuer, card_id: str, *, by: str, at: datetime) -> Refreshed:
    """Sign a phone's card again; only its times change. Before the day in the programme, the present token is returned.

    For a card that the office replaced, return its successor, if it is bound to the same key. Raises NotValid for a
    card that is not valid, and for a holder who is no longer entitled to its tier.
    """
    at = from_epoch(to_epoch(at))
    with issuer.register.change() as connection:
        card = _successor(issuer, connection, read_card(issuer, connection, card_id))
        if card.state is not CardState.VALID:
            raise NotValid(_standing(card))
        ends = _entitled_until(issuer, connection, card, at)
        early = at < card.issued_at + issuer.programme.validity.phone_refresh_after
        if (early and _is_trusted(issuer, card, at)) or at <= card.issued_at:
            return Refreshed(card, anew=False)
        claims = _same_but_times(card, at, token_end(issuer, card.form, ends, at))
        connection.execute(CARDS.update().where(CARDS.c.id == card.id).values(signed_values(issuer, claims, at)))
        office_log.append(connection, OfficeAction.CARD_REFRESHED, by=by, at=at, holder=card.holder_id, card=card.id)
        return Refreshed(read_card(issuer, connection, card.id), anew=True)


def _is_trusted(issuer: Issuer, card: IssuedCard, at: datetime) -> bool:
    """Return whether verifiers still know the key that signed a card. A dropped key leaves with the next bundle."""
    return signing_key_id(card) in {key.kid for key in issuer.keys.published(at)}


def _standing(card: IssuedCard) -> str:
    if card.state is CardState.SUSPENDED:
        return "suspended"
    return "moved" if card.ended_because == NEW_PHONE else "revoked"


def took_over(issuer: Issuer, card: IssuedCard) -> bool:
    """Return whether a phone's card replaced the card of an earlier phone."""
    found = (one for one in cards_of(issuer, card.holder_id) if one.replaced_by == card.id)
    return any(one.ended_because == NEW_PHONE for one in found)


def others_of(issuer: Issuer, card: IssuedCard) -> tuple[IssuedCard, ...]:
    """Return the other present cards of the holder: printed, chip, tag."""
    return tuple(one for one in cards_of(issuer, card.holder_id) if one.state.live and one.id != card.id)


def root_thumbprint(issuer: Issuer) -> str | None:
    """Return the thumbprint of the published root key, or None if no root key can be read."""
    try:
        return thumbprint(json.loads((issuer.published / ROOT_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Recovery:
    """A card's number and its recovery code, as typed, and the place of the call."""

    number: str
    code: str = field(repr=False)
    place: str = ""


class CodedChange(Protocol):
    """Block or unblock: the change of a card by its number and its recovery code."""

    def __call__(self, issuer: Issuer, asked: Recovery, *, by: str, at: datetime) -> IssuedCard | None:
        """Return the card after the change, or None if number and code do not belong together."""


def entitled_until(issuer: Issuer, card_id: str, at: datetime) -> datetime | None:
    """Return until when the holder of a card is entitled to its tier, or None if no ground holds or the card is
    unknown.
    """
    try:
        with issuer.register.read() as connection:
            return _entitled_until(issuer, connection, read_card(issuer, connection, card_id), at)
    except (RefusedError, NotValid):
        return None


def block(issuer: Issuer, asked: Recovery, *, by: str, at: datetime) -> IssuedCard | None:
    """Suspend a phone's card by its number and recovery code. Return None if they do not belong together.

    A suspended or ended card stays as it is.
    """
    with issuer.register.change() as connection:
        card = _recovered(issuer, connection, asked)
        if card is None or card.state is not CardState.VALID:
            return card
        suspend_in(connection, card, who=HOLDER, because="blocked-by-holder", by=by, at=at)
        return read_card(issuer, connection, card.id)


def unblock(issuer: Issuer, asked: Recovery, *, by: str, at: datetime) -> IssuedCard | None:
    """Remove a holder's own block. Return None if number and code do not belong together.

    A card that the office suspended or ended stays as it is.
    """
    with issuer.register.change() as connection:
        card = _recovered(issuer, connection, asked)
        if card is None or card.state is not CardState.SUSPENDED or card.suspended_by != HOLDER:
            return card
        resume_in(connection, card, by=by, at=at)
        return read_card(issuer, connection, card.id)


def _successor(issuer: Issuer, connection: Connection, card: IssuedCard) -> IssuedCard:
    """Return the present card of a phone whose card was replaced under the same key."""
    for _ in range(_CHAIN_MOST):
        if card.state is not CardState.REPLACED or card.replaced_by is None or card.key is None:
            return card
        after = read_card(issuer, connection, card.replaced_by)
        if after.key is None or thumbprint(after.key) != thumbprint(card.key):
            return card
        card = after
    return card


def _entitled_until(issuer: Issuer, connection: Connection, card: IssuedCard, at: datetime) -> datetime:
    held = entitlement(held_grounds(connection, card.holder_id), issuer.programme, at)
    ranks = {code: tier.rank for code, tier in issuer.programme.tiers.items()}
    if held is None or ranks[held.tier] < ranks.get(card.tier, 0) or at >= card.valid_until:
        raise NotValid("not-entitled")
    return min(held.valid_until, card.valid_until)


def _same_but_times(card: IssuedCard, at: datetime, expires_at: datetime) -> CardClaims:
    old = parse(parse_unverified(card.token, CARD).claims)
    return CardClaims(
        issuer=old.issuer,
        subject=old.subject,
        card_id=old.card_id,
        tier=old.tier,
        form=old.form,
        name=old.name,
        issued_at=at,
        not_before=at,
        expires_at=expires_at,
        key=old.key,
        status_uri=old.status_uri,
        status_index=old.status_index,
    )


def count_wrong_code(issuer: Issuer, asked: Recovery, at: datetime) -> None:
    """Count a wrong code against number and place together. Raises TooSoon after many, and then counts nothing.

    Unknown numbers are counted in the same way, so that the answer tells nothing about them.
    """
    subject = issuer.register.hash(RECOVERY, f"{normal_code(asked.number)}\n{asked.place}")
    with issuer.register.change() as connection:
        _count_wrong(connection, subject, at)


def _recovered(issuer: Issuer, connection: Connection, asked: Recovery) -> IssuedCard | None:
    """Return the card of a number and its recovery code. Only the code is checked, so no guess can stop the holder."""
    card = _numbered(issuer, connection, asked.number)
    if card is None:
        return None
    kept = connection.execute(sa.select(CARDS.c.recovery_hash).where(CARDS.c.id == card.id)).scalar_one()
    if kept is None or not hmac.compare_digest(kept, issuer.register.code_hash(RECOVERY, asked.code)):
        return None
    return _successor(issuer, connection, card)


def _numbered(issuer: Issuer, connection: Connection, number: str) -> IssuedCard | None:
    try:
        return find_card_in(issuer, connection, numbers.check(number, issuer.programme.card_prefix))
    except (numbers.CardNumberError, RefusedError):
        return None


def _count_wrong(connection: Connection, subject: str, at: datetime) -> None:
    """Count a wrong code, or raise TooSoon while its place has to wait. Then nothing is counted."""
    connection.execute(ATTEMPTS.delete().where(ATTEMPTS.c.since <= at - RECOVERY_TRIES.memory))
    row = connection.execute(sa.select(ATTEMPTS).where(ATTEMPTS.c.subject == subject)).one_or_none()
    if row is None:
        connection.execute(ATTEMPTS.insert().values(subject=subject, failures=1, since=at))
        return
    wait = row.since + RECOVERY_TRIES.lock(row.failures) - at
    if wait > timedelta():
        raise TooSoon(math.ceil(wait / timedelta(seconds=1)))
    counted = ATTEMPTS.update().where(ATTEMPTS.c.subject == subject)
    connection.execute(counted.values(failures=row.failures + 1, since=at))
