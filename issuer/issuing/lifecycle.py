"""Changes of a card after it was issued: suspend, resume, revoke. Lists are published again at once."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy.engine import Connection

from issuer.issuing.issuing import IssuedCard, end_card, read_card
from issuer.issuing.settling import NOT_ENTITLED, end_all
from issuer.publishing.publish import after_change
from issuer.register import office_log
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer
from issuer.register.office_log import OfficeAction
from issuer.register.tables import CARDS, CardState

OFFICE: Final = "office"
HOLDER: Final = "holder"
"""Who suspended a card. The holder may remove only the holder's own block, the office only its own suspension."""


def suspend(issuer: Issuer, card_id: str, *, because: str, by: str, at: datetime) -> IssuedCard:
    """Suspend a valid card, or take over a holder's own block. Raises RefusedError for an ended or suspended card."""
    with issuer.register.change() as connection:
        card = read_card(issuer, connection, card_id)
        if card.state is CardState.SUSPENDED and card.suspended_by == OFFICE:
            raise RefusedError("the card is suspended already", f"python -m issuer card resume {card.number}")
        suspend_in(connection, card, who=OFFICE, because=because, by=by, at=at)
    after_change(issuer, at)
    return _read(issuer, card_id)


def suspend_in(connection: Connection, card: IssuedCard, *, who: str, because: str, by: str, at: datetime) -> None:
    """Suspend a live card inside a transaction."""
    _refuse_ended(card)
    values = {"state": CardState.SUSPENDED.value, "suspended_by": who}
    connection.execute(CARDS.update().where(CARDS.c.id == card.id).values(values))
    office_log.append(
        connection, OfficeAction.CARD_SUSPENDED, by=by, at=at, holder=card.holder_id, card=card.id, because=because
    )


def resume(issuer: Issuer, card_id: str, *, by: str, at: datetime) -> IssuedCard:
    """Make a suspended card valid again. Raises RefusedError for any other card."""
    with issuer.register.change() as connection:
        card = read_card(issuer, connection, card_id)
        resume_in(connection, card, by=by, at=at)
    after_change(issuer, at)
    return _read(issuer, card_id)


def resume_in(connection: Connection, card: IssuedCard, *, by: str, at: datetime) -> None:
    """Resume a suspended card inside a transaction."""
    _refuse_ended(card)
    if card.state is not CardState.SUSPENDED:
        raise RefusedError("the card is not suspended", f"python -m issuer card show {card.number}")
    values = {"state": CardState.VALID.value, "suspended_by": None}
    connection.execute(CARDS.update().where(CARDS.c.id == card.id).values(values))
    office_log.append(connection, OfficeAction.CARD_RESUMED, by=by, at=at, holder=card.holder_id, card=card.id)


def revoke(issuer: Issuer, card_id: str, *, because: str, by: str, at: datetime) -> IssuedCard:
    """Revoke a live card for good. Raises RefusedError for an ended card.

    If the reason is that its holder is no longer entitled, every live card of the holder ends with it, in every form,
    and verifiers are told to release the bookings (docs/guide-coverage.md, scenario 10).
    """
    with issuer.register.change() as connection:
        card = read_card(issuer, connection, card_id)
        _refuse_ended(card)
        if because == NOT_ENTITLED:
            end_all(issuer, connection, card.holder_id, because=because, by=by, at=at)
        else:
            end_card(issuer, connection, card, CardState.REVOKED, because=because, by=by, at=at)
    after_change(issuer, at)
    return _read(issuer, card_id)


def _read(issuer: Issuer, card_id: str) -> IssuedCard:
    with issuer.register.read() as connection:
        return read_card(issuer, connection, card_id)


def _refuse_ended(card: IssuedCard) -> None:
    if not card.state.live:
        raise RefusedError(f"the card is {card.state}, for good", "python -m issuer card issue")
