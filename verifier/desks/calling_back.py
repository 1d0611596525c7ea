"""Whom a desk calls back: the number that the register has, beside the card number that was read out.

Shown to a caller with the right to names alone. Each asking is a line of the access log here, each showing a line of
the register's log.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from accounts.rights import Caller, Right
from cards.verify import RefusedCard
from edge.fields import invalid
from verifier.counter.checking_in import ledger_problems
from verifier.desks.telephone import by_number
from verifier.records.store import Access
from verifier.service import Verifier

READING: Final = "telephone"


@dataclass(frozen=True, slots=True)
class CallBack:
    """Whom to call back. `name`: masked. `phone`: None where the register does not answer, empty where it has none."""

    name: str
    phone: str | None = field(repr=False)


def call_back(verifier: Verifier, caller: Caller, place: str, typed: str, at: datetime) -> CallBack:
    """Return the number registered for the holder of a card number. `place`: a point or a department's own place.

    Problems: not-permitted without the rights to bookings and names there, invalid-field, card-unknown.
    """
    if not caller.may_some(Right.BOOKINGS, place):
        raise caller.refusal(Right.BOOKINGS, place)
    caller.require(Right.NAMES, place)
    _, verdict = by_number(verifier, typed, called_back=True, at=at)
    if isinstance(verdict, RefusedCard):
        raise invalid("$.card_number", "card-refused")
    phone = verifier.phone_of(verdict.card.card_id, at)
    with ledger_problems():
        holder = verifier.ledger.pseudonym(verdict.card.subject)
    what = "shown" if phone else "absent"
    verifier.store.record(Access(READING, caller.id, what, caller.operator_id, place, holder), at)
    return CallBack(verdict.card.name, phone)
