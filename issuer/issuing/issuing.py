"""Issuing cards: the tier, the end, the status index, and the signature. Each change is one transaction.

A holder has at most one live card of each form, and all of them have the same tier.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from cards import numbers
from cards.claims import CardClaims, Form, sign_card
from edge.instants import from_epoch, to_epoch
from issuer.publishing.publish import after_change, ensure_pool
from issuer.register import indexes, office_log
from issuer.register.entitlement import Entitlement, entitlement
from issuer.register.errors import RefusedError
from issuer.register.holders import held_grounds, read_holder
from issuer.register.issuer import Issuer
from issuer.register.office_log import OfficeAction
from issuer.register.tables import CARDS, CardState
from keys.errors import BadKey
from keys.jwk import key_from_jwk, public_jwk, thumbprint
from keys.keyset import Purpose

_RANDOM: Final = secrets.SystemRandom()
_NUMBER_TRIES: Final = 20
_OUT_OF_HAND: Final = frozenset({"lost", "stolen"})


@dataclass(frozen=True, slots=True)
class IssuedCard:
    """A card as the register has it. `id` is the token's `jti`. `token` is its last signed text, which no `repr` shows.

    `expires_at` is the token's `exp`. `valid_until` is how long the holder's entitlement allows a refresh.
    """

    id: str
    holder_id: str
    number: str
    form: Form
    tier: str
    ground_id: int
    status_list: int
    status_index: int
    state: CardState
    suspended_by: str | None
    issued_at: datetime
    not_before: datetime
    expires_at: datetime
    valid_until: datetime
    key: Mapping[str, str] | None
    token: str = field(repr=False)
    ended_at: datetime | None
    ended_because: str | None
    replaced_by: str | None


def issue(
    issuer: Issuer, holder_id: str, form: Form, *, by: str, at: datetime, key: Mapping[str, str] | None = None
) -> IssuedCard:
    """Issue a holder's card in a form, of the highest tier that the grounds give, and return it.

    `key`: the public JWK of a chip. A phone's card comes by enrolment. Live cards of the holder in other forms with
    another tier are replaced in the same transaction. Raises RefusedError without a current ground, and if there
    already is a live card of this form (reissue it).
    """
    if form is Form.PHONE:
        raise RefusedError("a phone's card is made when the phone enrols", f"python -m issuer card enrol {holder_id}")
    checked = _checked_key(form, key)
    at = _second(at)
    ensure_pool(issuer, at)
    with issuer.register.change() as connection:
        held = entitled(issuer, connection, holder_id, at)
        others = live_cards(issuer, connection, holder_id)
        for other in others:
            if other.form is form:
                raise RefusedError(
                    f"the holder has a {form} card already", f"python -m issuer card reissue {other.number}"
                )
        card = create_card(issuer, connection, holder_id, held, form=form, key=checked, by=by, at=at)
        for other in others:
            if other.tier != held.tier:
                replace_card(issuer, connection, other, held, because="tier-change", by=by, at=at)
    after_change(issuer, at)
    return card


def reissue(issuer: Issuer, card_id: str, *, because: str, by: str, at: datetime) -> IssuedCard:
    """Replace a live card by a card with a new id, number and index, on today's grounds. The old card is revoked.

    The key of a phone or a chip is kept, so that the phone finds its new card at its next refresh. A lost card must not
    be reissued but enrolled again. If the tier changed, the holder's other live cards follow. Raises RefusedError for
    an ended card.
    """
    at = _second(at)
    ensure_pool(issuer, at)
    with issuer.register.change() as connection:
        card = read_card(issuer, connection, card_id)
        if not card.state.live:
            raise RefusedError(f"the card is {card.state}", "python -m issuer card issue")
        if card.form.holds_key and because in _OUT_OF_HAND:
            raise RefusedError("a lost phone's key is not carried on", "revoke the card and enrol the new phone")
        held = entitled(issuer, connection, card.holder_id, at)
        new = replace_card(issuer, connection, card, held, because=because, by=by, at=at)
        for other in live_cards(issuer, connection, card.holder_id):
            if other.tier != held.tier:
                replace_card(issuer, connection, other, held, because="tier-change", by=by, at=at)
    after_change(issuer, at)
    return new


def find_card(issuer: Issuer, name: str) -> IssuedCard:
    """Return the card with an id, or with a typed card number. Raises RefusedError for an unknown card."""
    with issuer.register.read() as connection:
        return find_card_in(issuer, connection, name)


def find_card_in(issuer: Issuer, connection: Connection, name: str) -> IssuedCard:
    """Return the card with an id or a number inside a transaction. Raises RefusedError for an unknown card."""
    try:
        number = numbers.check(name, issuer.programme.card_prefix)
    except numbers.CardNumberError:
        return read_card(issuer, connection, name)
    row = connection.execute(sa.select(CARDS).where(CARDS.c.number == number)).one_or_none()
    if row is None:
        raise _no_card()
    return _card(issuer, row)


def cards_of(issuer: Issuer, holder_id: str) -> list[IssuedCard]:
    """Return all cards of a holder, also ended cards, oldest first."""
    with issuer.register.read() as connection:
        rows = connection.execute(_cards_asked(holder_id))
        return [_card(issuer, row) for row in rows]


def list_cards(issuer: Issuer, *, after: str = "", limit: int = 100) -> list[IssuedCard]:
    """Return at most `limit` cards in the order of their ids, beginning after the id `after`."""
    with issuer.register.read() as connection:
        rows = connection.execute(sa.select(CARDS).where(CARDS.c.id > after).order_by(CARDS.c.id).limit(limit))
        return [_card(issuer, row) for row in rows]


def live_cards(issuer: Issuer, connection: Connection, holder_id: str) -> list[IssuedCard]:
    """Return a holder's valid and suspended cards, oldest first, inside a transaction."""
    rows = connection.execute(_cards_asked(holder_id).where(CARDS.c.state.in_([CardState.VALID, CardState.SUSPENDED])))
    return [_card(issuer, row) for row in rows]


def read_card(issuer: Issuer, connection: Connection, card_id: str) -> IssuedCard:
    """Return the card with an id inside a transaction. Raises RefusedError for an unknown id."""
    row = connection.execute(sa.select(CARDS).where(CARDS.c.id == card_id)).one_or_none()
    if row is None:
        raise _no_card()
    return _card(issuer, row)


def entitled(issuer: Issuer, connection: Connection, holder_id: str, at: datetime) -> Entitlement:
    """Return what a holder's grounds give at `at`. Raises RefusedError if they give nothing."""
    read_holder(issuer, connection, holder_id)
    held = entitlement(held_grounds(connection, holder_id), issuer.programme, at)
    if held is None:
        raise RefusedError(
            "the holder has no ground that holds today", f"python -m issuer holder ground {holder_id} CODE"
        )
    return held


def create_card(
    issuer: Issuer,
    connection: Connection,
    holder_id: str,
    held: Entitlement,
    *,
    form: Form,
    key: Mapping[str, str] | None,
    by: str,
    at: datetime,
) -> IssuedCard:
    """Take an index, then sign and record a new card, inside a transaction. Raises PoolEmpty if no index is ready."""
    drawn = indexes.draw(connection, held.valid_until + issuer.programme.validity.grace)
    card_id = drawn.card_id
    claims = CardClaims(
        issuer=issuer.programme.issuer,
        subject=holder_id,
        card_id=card_id,
        tier=held.tier,
        form=form,
        name=read_holder(issuer, connection, holder_id).masked_name,
        issued_at=at,
        not_before=at,
        expires_at=token_end(issuer, form, held.valid_until, at),
        key=key,
        status_uri=status_uri(issuer, drawn.list),
        status_index=drawn.index,
    )
    indexes.bind(connection, claims)
    values = {
        "id": card_id,
        "holder_id": holder_id,
        "number": _new_number(issuer, connection),
        "form": form.value,
        "tier": held.tier,
        "ground_id": held.ground.id,
        "status_list": drawn.list,
        "status_index": drawn.index,
        "state": CardState.VALID.value,
        "not_before": at,
        "valid_until": held.valid_until,
        "key": key,
        "key_thumbprint": None if key is None else thumbprint(key),
    }
    connection.execute(CARDS.insert().values(values | signed_values(issuer, claims, at)))
    office_log.append(
        connection,
        OfficeAction.CARD_ISSUED,
        by=by,
        at=at,
        holder=holder_id,
        card=card_id,
        form=form.value,
        tier=held.tier,
        ground=held.ground.code,
    )
    return read_card(issuer, connection, card_id)


def replace_card(
    issuer: Issuer, connection: Connection, old: IssuedCard, held: Entitlement, *, because: str, by: str, at: datetime
) -> IssuedCard:
    """Issue a card in place of a live card, and end the old card, inside a transaction. A suspension is carried
    over.
    """
    new = create_card(issuer, connection, old.holder_id, held, form=old.form, key=old.key, by=by, at=at)
    carried: dict[str, object] = {"recovery_hash": connection.execute(_recovery_of(old.id)).scalar_one()}
    if old.state is CardState.SUSPENDED:
        carried |= {"state": old.state.value, "suspended_by": old.suspended_by}
    connection.execute(CARDS.update().where(CARDS.c.id == new.id).values(carried))
    end_card(issuer, connection, old, CardState.REPLACED, because=because, by=by, at=at, replaced_by=new.id)
    return read_card(issuer, connection, new.id)


def end_card(
    issuer: Issuer,
    connection: Connection,
    card: IssuedCard,
    state: CardState,
    *,
    because: str,
    by: str,
    at: datetime,
    replaced_by: str | None = None,
) -> None:
    """End a live card for good inside a transaction. Its index rests until its last token and the grace period are
    over.
    """
    ended = {"state": state.value, "ended_at": at, "ended_because": because, "replaced_by": replaced_by}
    connection.execute(CARDS.update().where(CARDS.c.id == card.id).values(ended | {"suspended_by": None}))
    indexes.retire(connection, card.id, card.expires_at + issuer.programme.validity.grace)
    action = OfficeAction.CARD_REPLACED if state is CardState.REPLACED else OfficeAction.CARD_REVOKED
    office_log.append(connection, action, by=by, at=at, holder=card.holder_id, card=card.id, because=because)


def signed_values(issuer: Issuer, claims: CardClaims, at: datetime) -> dict[str, object]:
    """Sign a card. Return the columns that hold the signed text and its times."""
    token = sign_card(issuer.keys.signer(Purpose.CARD, at), claims)
    sealed = issuer.register.seal(token.encode("ascii"), f"cards.token:{claims.card_id}")
    return {"issued_at": claims.issued_at, "expires_at": claims.expires_at, "token": sealed}


def token_end(issuer: Issuer, form: Form, valid_until: datetime, at: datetime) -> datetime:
    """Return a token's `exp`: soon for a phone, which refreshes; otherwise as long as the holder is entitled."""
    if form is Form.PHONE:
        return min(valid_until, at + issuer.programme.validity.phone_token)
    return valid_until


def status_uri(issuer: Issuer, number: int) -> str:
    """Return the name of status list `number`."""
    return f"{issuer.programme.status_base}{number}"


def _checked_key(form: Form, key: Mapping[str, str] | None) -> Mapping[str, str] | None:
    if (key is not None) != form.holds_key:
        raise RefusedError(
            f"a card of form {form} " + ("names a key" if form.holds_key else "names no key"), "see --help"
        )
    if key is None:
        return None
    try:
        return public_jwk(key_from_jwk(key))
    except BadKey as error:
        raise RefusedError(str(error), "give the public key as a JWK on P-256") from None


def _new_number(issuer: Issuer, connection: Connection) -> str:
    for _ in range(_NUMBER_TRIES):
        number = numbers.generate(issuer.programme.card_prefix, _RANDOM)
        if connection.execute(sa.select(CARDS.c.id).where(CARDS.c.number == number)).first() is None:
            return number
    raise RefusedError("no free card number was found", "give the programme another card_prefix")


def _recovery_of(card_id: str) -> sa.Select[tuple[str | None]]:
    return sa.select(CARDS.c.recovery_hash).where(CARDS.c.id == card_id)


def _cards_asked(holder_id: str) -> sa.Select[tuple[object, ...]]:
    return sa.select(CARDS).where(CARDS.c.holder_id == holder_id).order_by(CARDS.c.not_before, CARDS.c.id)


def _card(issuer: Issuer, row: Row[tuple[object, ...]]) -> IssuedCard:
    return IssuedCard(
        id=row.id,
        holder_id=row.holder_id,
        number=row.number,
        form=Form(row.form),
        tier=row.tier,
        ground_id=row.ground_id,
        status_list=row.status_list,
        status_index=row.status_index,
        state=CardState(row.state),
        suspended_by=row.suspended_by,
        issued_at=row.issued_at,
        not_before=row.not_before,
        expires_at=row.expires_at,
        valid_until=row.valid_until,
        key=row.key,
        token=issuer.register.unseal(row.token, f"cards.token:{row.id}").decode("ascii") if row.token else "",
        ended_at=row.ended_at,
        ended_because=row.ended_because,
        replaced_by=row.replaced_by,
    )


def _no_card() -> RefusedError:
    return RefusedError("there is no such card", "give a card number or an id; python -m issuer card list")


def _second(at: datetime) -> datetime:
    """Cut an instant to whole seconds, the precision of a token."""
    return from_epoch(to_epoch(at))
