"""Adapts all cards of a holder to what the grounds give: nobody is served on a ground or a tier that has ended."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy.engine import Connection

from cards.claims import Form
from edge.instants import from_epoch, to_epoch
from issuer.issuing.issuing import IssuedCard, create_card, end_card, live_cards, replace_card
from issuer.publishing.publish import after_change, ensure_pool
from issuer.register.entitlement import entitlement
from issuer.register.holders import held_grounds, withdraw_ground_in
from issuer.register.issuer import Issuer
from issuer.register.marks import mark_ended
from issuer.register.tables import CardState

NOT_ENTITLED: Final = "not-entitled"


def settle_cards(
    issuer: Issuer, connection: Connection, holder_id: str, *, form: Form | None, because: str, by: str, at: datetime
) -> list[IssuedCard]:
    """Adapt a holder's live cards to what the grounds give now, inside a transaction. Return the new cards.

    A card of another tier or with another end is replaced. A card of `form` is made if there is none. Without an
    entitlement, every live card ends, and verifiers are told to release the bookings.
    """
    held = entitlement(held_grounds(connection, holder_id), issuer.programme, at)
    if held is None:
        end_all(issuer, connection, holder_id, because=NOT_ENTITLED, by=by, at=at)
        return []
    live, made = live_cards(issuer, connection, holder_id), []
    for card in live:
        if (card.tier, card.valid_until) != (held.tier, held.valid_until):
            why = because if card.tier == held.tier else "tier-change"
            made.append(replace_card(issuer, connection, card, held, because=why, by=by, at=at))
    if form is not None and not any(card.form is form for card in live):
        made.append(create_card(issuer, connection, holder_id, held, form=form, key=None, by=by, at=at))
    return made


def end_all(issuer: Issuer, connection: Connection, holder_id: str, *, because: str, by: str, at: datetime) -> int:
    """End every live card of a holder inside a transaction, and release the bookings. Return how many cards ended."""
    live = live_cards(issuer, connection, holder_id)
    for card in live:
        end_card(issuer, connection, card, CardState.REVOKED, because=because, by=by, at=at)
    mark_ended(connection, holder_id, at.astimezone(issuer.programme.zone).date(), by=by, at=at)
    return len(live)


def withdraw(issuer: Issuer, holder_id: str, ground_id: int, *, by: str, at: datetime) -> list[IssuedCard]:
    """Withdraw a ground, and adapt every live card of the holder to the remaining grounds. Return the holder's live
    cards.
    """
    ensure_pool(issuer, at)
    at = from_epoch(to_epoch(at))
    with issuer.register.change() as connection:
        withdraw_ground_in(connection, holder_id, ground_id, by=by, at=at)
        settle_cards(issuer, connection, holder_id, form=None, because="other", by=by, at=at)
        live = live_cards(issuer, connection, holder_id)
    after_change(issuer, at)
    return live
