"""What is asked about a booking and by whom, and the drafts and request hashes made of it. Values alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from accounts.rights import Caller
from cards.parts import Presentation
from cards.programme.types import Point, Service
from cards.verify import RefusedCard, Verified
from edge.encoding import b64u, digest
from edge.problems import ProblemKind, register_problem
from edge.strictjson import canonical
from ledger.bookings import Booking
from ledger.values import Draft
from verifier.trust.published import Documents

_KINDS: Final = (
    ProblemKind("booking-was-used", 409, "预约已使用", "The booking was used", "Void that use first."),
    ProblemKind("booking-was-cancelled", 409, "预约已取消", "The booking was cancelled", "Book again."),
    ProblemKind("booking-was-missed", 409, "预约已作废", "The booking was missed", "A supervisor can reopen it."),
    ProblemKind(
        "booking-not-over", 409, "预约时间未过", "The booking is not over", "Wait until its window has closed."
    ),
    ProblemKind(
        "too-late-to-cancel", 409, "已过自行取消时限", "It is too late to cancel by oneself", "Telephone the point."
    ),
)
for _kind in _KINDS:
    register_problem(_kind)

BOOKING_PROBLEMS = frozenset({"not-found", *(kind.code for kind in _KINDS)})
"""Problem codes that a change or the end of a booking may answer with because of its state."""

TELEPHONE: Final = "telephone"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: the scope of the operation, the kind of caller, the channel; `subject` where a holder asks."""

    device: str
    kind: str
    channel: str
    operator: str | None = None
    subject: str | None = None

    @classmethod
    def staff(cls, caller: Caller, channel: str = "counter") -> Asker:
        """Return a caller of the accounts, at a counter or on the telephone."""
        return cls(caller.id, caller.kind, channel, caller.operator_id)

    @classmethod
    def wallet(cls, subject: str) -> Asker:
        """Return a holder's own phone."""
        return cls("wallet", "wallet", "wallet", subject=subject)

    @property
    def marks(self) -> tuple[str, ...]:
        """What the log says of the channel: a booking by telephone rests on what was declared and called back."""
        channel = f"channel:{self.channel}"
        return ("declared", channel) if self.channel == TELEPHONE else (channel,)


@dataclass(frozen=True, slots=True)
class BookingWish:
    """One intended booking, and what the card shown, named or signed with came to."""

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
        """Bind the operation id to what is intended: who asks, service, point, fields, card; not how that is shown."""
        shown = b64u(digest((self.presentation.card or "").encode()))
        return hashed("booking", self.asker.device, self.service.code, self.point.code, text_of(self.fields), shown)


@dataclass(frozen=True, slots=True)
class BookingAsked:
    """One intended change or end of a booking: the operation id, who asks, which booking."""

    operation: str
    asker: Asker
    booking: str

    def request(self, kind: str, *values: str) -> bytes:
        """Bind the operation id to what is intended."""
        return hashed(kind, self.asker.device, self.booking, *values)


def hashed(*values: str) -> bytes:
    """Return the hash of a request's values, in their order."""
    return digest(canonical({"values": [*values]}))


def text_of(fields: Mapping[str, Any]) -> str:
    """Return fields as one text, the same for the same fields in any order."""
    return msgspec.json.encode(fields, order="deterministic").decode()


def draft_for(documents: Documents, asker: Asker, service: Service, point: Point, **extra: object) -> Draft:
    """Return what an entry about a booking says of who asked, for what and where."""
    return Draft(
        point=point.code,
        department=point.department,
        service=service.code,
        device=asker.device,
        caller=asker.kind,
        programme=documents.programme.version,
        bundle=documents.bundle.version,
        operator=asker.operator,
        marks=asker.marks,
        extra=extra,
    )


def draft_of(documents: Documents, asker: Asker, booking: Booking) -> Draft:
    """Return the same for a booking whose service or point the programme may no longer have."""
    point = documents.programme.points.get(booking.point)
    return Draft(
        point=booking.point,
        department=booking.point if point is None else point.department,
        service=booking.service,
        device=asker.device,
        caller=asker.kind,
        programme=documents.programme.version,
        bundle=documents.bundle.version,
        operator=asker.operator,
        marks=asker.marks,
    )
