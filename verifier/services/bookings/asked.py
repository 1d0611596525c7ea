"""The values of a call about a booking (who asks for what), and the entry drafts and request hashes made from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from accounts.rights import Caller
from cards.claims import CardClaims
from cards.parts import Presentation
from cards.programme.types import Point, Service
from cards.verify import RefusedCard, Verified
from edge.encoding import b64u
from edge.problems import ProblemKind, register_problem
from edge.strictjson import canonical_digest
from ledger.bookings import Booking
from ledger.values import Draft
from verifier.counter.entries import draft_by
from verifier.trust.published import Documents

_KINDS: Final = (
    ProblemKind("booking-was-used", 409, "预约已使用", "The booking was used already", "Void the use first."),
    ProblemKind("booking-was-cancelled", 409, "预约已取消", "The booking was cancelled", "Make a new booking."),
    ProblemKind(
        "booking-was-missed", 409, "预约已作废", "The booking was missed", "Ask a supervisor to reopen the booking."
    ),
    ProblemKind(
        "booking-not-over",
        409,
        "预约时间未过",
        "The time of the booking is not over",
        "Wait until the window of the booking has closed.",
    ),
    ProblemKind(
        "too-late-to-cancel",
        409,
        "已过自行取消时限",
        "It is too late for the holder to cancel",
        "Call the service point.",
    ),
)
for _kind in _KINDS:
    register_problem(_kind)

BOOKING_PROBLEMS = frozenset({"not-found", *(kind.code for kind in _KINDS)})
"""Problem codes of a change or an end of a booking that come from its state."""

TELEPHONE: Final = "telephone"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks. `id` is the scope of the operation, `kind` the kind of caller, and `subject` the holder if a holder
    asks.
    """

    id: str
    kind: str
    channel: str
    operator_id: str | None = None
    subject: str | None = None

    @classmethod
    def staff(cls, caller: Caller, channel: str = "counter") -> Asker:
        """Return a caller with an account, at a counter or on the telephone."""
        return cls(caller.id, caller.kind, channel, caller.operator_id)

    @classmethod
    def wallet(cls, subject: str) -> Asker:
        """Return a holder's own phone."""
        return cls("wallet", "wallet", "wallet", subject=subject)

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks of the channel: a booking by telephone rests on the holder's words and on the call back."""
        channel = f"channel:{self.channel}"
        return ("declared", channel) if self.channel == TELEPHONE else (channel,)


@dataclass(frozen=True, slots=True)
class BookingWish:
    """One intended booking, and the verdict on the card that was shown, named, or used to sign."""

    operation: str
    asker: Asker
    service: Service
    point: Point
    fields: Mapping[str, Any]
    presentation: Presentation
    verdict: Verified | RefusedCard
    call: str | None = None

    @property
    def request(self) -> bytes:
        """Return the hash of the intent: the requester, service, point, fields and card, however the card was shown."""
        return canonical_digest(
            {
                "kind": "booking",
                "device": self.asker.id,
                "service": self.service.code,
                "point": self.point.code,
                "fields": fields_text(self.fields),
                "card": b64u(self.presentation.card_digest),
            }
        )


@dataclass(frozen=True, slots=True)
class BookingAsked:
    """One intended change or end of a booking: the operation id, the requester, and the booking."""

    operation: str
    asker: Asker
    booking: str

    def request(self, kind: str, *values: str) -> bytes:
        """Return the hash of the intent: the kind of change, the requester, the booking and the new values."""
        return canonical_digest({"kind": kind, "device": self.asker.id, "target": self.booking, "values": [*values]})


def fields_text(fields: Mapping[str, Any]) -> str:
    """Return fields as one text, which is the same for the same fields in any order."""
    return msgspec.json.encode(fields, order="deterministic").decode()


def draft_for(documents: Documents, asker: Asker, service: Service, place: Point, **said: Any) -> Draft:  # noqa: ANN401 - the draft's own fields
    """Return the part of an entry about the requester, the service and the place."""
    marks = (*asker.marks, *said.pop("marks", ()))
    return draft_by(asker, documents, place, service.code, marks=marks, **said)


@dataclass(frozen=True, slots=True)
class _FormerPlace:
    """The place of a booking whose point the programme may no longer have."""

    code: str
    department: str


def booking_draft(documents: Documents, asker: Asker, booking: Booking, **extra: object) -> Draft:
    """Return the same part for a booking whose service or point the programme may no longer have."""
    point = documents.programme.points.get(booking.point)
    place = _FormerPlace(booking.point, booking.point if point is None else point.department)
    return draft_by(asker, documents, place, booking.service, marks=asker.marks, extra=extra)


def said_of(card: CardClaims) -> dict[str, str]:
    """Return the part of an entry about a card whose claims were verified."""
    return {"tier": card.tier, "form": card.form.value, "card": card.card_id}


def refused_said(verdict: RefusedCard) -> dict[str, object]:
    """Return the part of an entry about a card that is not valid. Before step 4, this is only the digest of its
    token.
    """
    return {"token": verdict.token_digest} if verdict.card is None else {**said_of(verdict.card)}
