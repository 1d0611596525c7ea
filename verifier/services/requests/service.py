"""Requests: services without a counter, requested by phone or telephone, and matters that an office opens itself.

A request is an entry of its own kind, counted on the one path of step 10. It opens a matter, and later steps are stages
of this matter (0101, 0140). A request belongs to a department, whose place in rights and entries is `dept-` and its
code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from accounts.rights import DEPARTMENT
from cards.claims import CardClaims
from cards.parts import Presentation
from cards.periods import period_of
from cards.programme.types import Beneficiary, Mode, Point, Programme, RequestRule, Service
from cards.verify import RefusedCard, Verified
from edge.encoding import b64u, digest
from edge.fields import invalid, invalid_fields
from edge.instants import to_epoch
from edge.problems import Problem, ProblemKind, register_problem
from edge.strictjson import canonical_digest
from ledger.interface import Ledger
from ledger.values import CheckIn, Draft, Operation, Outcome, Void
from verifier.counter.checking_in import LATE_WINDOW, ledger_problems, logged_subject, proof_claim, refusal
from verifier.records.bookings import BookingDetails
from verifier.records.store import VerifierStore
from verifier.rules.entitlement import Wish, intended, reference_fault
from verifier.rules.fields import BadFields, Fields, read_fields
from verifier.rules.matters import CLOSED, Matter
from verifier.rules.reasons import ORDER
from verifier.services.bookings.asked import TELEPHONE, Asker, draft_for, fields_text, refused_said, said_of
from verifier.services.bookings.service import booking_problems
from verifier.services.matters.service import MatterService
from verifier.trust.published import Documents

PLACE: Final = DEPARTMENT
OPEN_MOST: Final = timedelta(days=400)
"""How long the personal data of a request is kept while the request is open."""
GIVES_BACK: Final = frozenset({"refused", "withdrawn"})
"""Outcomes that give back the unit of a counted request."""

for _kind in (
    ProblemKind(
        "request-under-way",
        409,
        "主管部门已在办理",
        "The department is working on this request",
        "Call the department.",
    ),
    ProblemKind(
        "no-notes", 422, "本项不记录内容", "The content of this service is not recorded", "Leave out the note."
    ),
):
    register_problem(_kind)

REQUEST_PROBLEMS: Final = frozenset(
    {"not-found", "request-under-way", "matter-closed", "already-voided", "not-granted", "checked-out"}
)


@dataclass(frozen=True, slots=True)
class RequestWish:
    """One intended request, and the verdict on the card that was shown, named, or used to sign.

    `confirmed`: the holder made the declaration that the service asks for. `matter`: the entry's fields about the
    opened matter.
    """

    operation: str
    asker: Asker
    service: Service
    department: str
    fields: Mapping[str, Any]
    presentation: Presentation
    verdict: Verified | RefusedCard
    reference: str | None = None
    confirmed: bool = False
    beneficiary: Beneficiary | None = None
    matter: Mapping[str, str] | None = None
    call: str | None = None

    @property
    def request(self) -> bytes:
        """Return the hash of the intent, however the card was shown."""
        return canonical_digest(
            {
                "kind": "request",
                "device": self.asker.id,
                "service": self.service.code,
                "department": self.department,
                "beneficiary": self.whom.value,
                "fields": fields_text(self.fields),
                "reference": self.reference or "",
                "confirmed": self.confirmed,
                "matter": dict(self.matter or {}),
                "card": b64u(self.presentation.card_digest),
            }
        )

    @property
    def whom(self) -> Beneficiary:
        """The named beneficiary, otherwise the holder, otherwise the service's only beneficiary."""
        if self.beneficiary is not None:
            return self.beneficiary
        allowed = self.service.beneficiaries
        return next(iter(allowed)) if len(allowed) == 1 else Beneficiary.HOLDER


@dataclass(frozen=True, slots=True)
class Requested:
    """The outcome of a wish, the matter with its present details, and the card if it was verified."""

    outcome: Outcome
    service: Service
    documents: Documents
    matter: Matter | None = None
    details: BookingDetails | None = None
    card: CardClaims | None = None


def department_place(department: str) -> str:
    """Return the place of a department in rights, devices and entries: requests belong to no counter."""
    return f"{PLACE}{department}"


def department_at(programme: Programme, place: str) -> str | None:
    """Return the department of a place, or None for any other text."""
    code = place.removeprefix(PLACE)
    return code if place.startswith(PLACE) and code in programme.departments else None


def can_be_asked(service: Service, *, by_office: bool) -> bool:
    """Return whether a service can be requested: anybody may request a requested service, its office a kept service.

    A silent service can never be requested.
    """
    if service.mode is Mode.REQUESTED:
        return True
    return by_office and service.mode is Mode.KEPT and not service.log_silent


def department_for(service: Service, named: str | None) -> str:
    """Return the department that takes a request: the named department, otherwise the service's first.

    Problem invalid-field.
    """
    if named is not None and named not in service.departments:
        raise invalid("$.department", "one of the departments that answer for this service is expected")
    return named or service.departments[0]


class RequestService:
    """Takes requests. Personal details go to the erasable store; the entry holds a commitment to them."""

    def __init__(
        self, documents: Callable[[datetime], Documents], ledger: Ledger, store: VerifierStore, matters: MatterService
    ) -> None:
        """Keep what every request needs."""
        self._documents = documents
        self._ledger = ledger
        self._store = store
        self._matters = matters

    def ask(self, wish: RequestWish, at: datetime) -> Requested:
        """Judge and record a request. Problems: `invalid-field`, and those of the ledger."""
        documents, verdict, asker = self._documents(at), wish.verdict, wish.asker
        programme = documents.programme
        operation = Operation(
            logged_subject(wish.presentation, verdict, asker.id), asker.id, wish.operation, wish.request
        )
        place = _place(programme, wish)
        if isinstance(verdict, RefusedCard):
            draft = draft_for(documents, asker, wish.service, place, **refused_said(verdict))
            return self._refused(wish, refusal(operation, verdict, at, draft, "request"), verdict, documents)
        card = verdict.card
        details = self._details(wish, card, _valid(wish, programme, card.name))
        asked = Wish(wish.service, place, card.tier, wish.whom, elsewhere=documents.benefits.get(card.subject, ()))
        judged = intended(programme, asked, at)
        change = CheckIn(
            operation,
            at,
            at + LATE_WINDOW,
            _draft(wish, place, verdict, details, documents, marks=judged.marks),
            findings=judged.findings,
            order=ORDER,
            claim=proof_claim(verdict, at, call=wish.call),
            choice=judged.cost.choice,
            charges=judged.cost.charges,
            kind="request",
        )
        with ledger_problems():
            outcome = self._ledger.check_in(change)
        if outcome.granted and self._store.bookings.find(outcome.entry) is None:
            self._store.bookings.keep(outcome.entry, details, at + OPEN_MOST)
        matter = self._matters.see(outcome.entry) if outcome.granted else None
        return Requested(outcome, wish.service, documents, matter, details if outcome.granted else None, card)

    def _refused(self, wish: RequestWish, change: CheckIn, verdict: RefusedCard, documents: Documents) -> Requested:
        with ledger_problems():
            outcome = self._ledger.check_in(change)
        return Requested(outcome, wish.service, documents, card=verdict.card)

    def _details(self, wish: RequestWish, card: CardClaims, fields: Fields) -> BookingDetails:
        salt = self._store.bookings.salt(wish.asker.id, wish.operation, card.subject)
        return BookingDetails(
            subject=card.subject,
            card=wish.presentation.card or "",
            tier=card.tier,
            name=card.name,
            card_issued_at=to_epoch(card.issued_at),
            channel=wish.asker.channel,
            fields=fields.values,
            opened=f"{b64u(salt)}.{fields_text(fields.values)}",
            party=1,
        )

    def details(self, request: str) -> BookingDetails | None:
        """Return the personal details of a request, or None if they are erased."""
        return self._store.bookings.find(request)

    def own(self, subject: str, request: str) -> Matter:
        """Return a holder's own request; Problem not-found for any other request."""
        with ledger_problems():
            name, entry = self._ledger.pseudonym(subject), self._ledger.entry(request)
        if name is None or entry is None or entry.leaf.kind != "request":
            raise Problem("not-found")
        matter = self._matters.find(request) if entry.leaf.holder == name else None
        if matter is None:
            raise Problem("not-found")
        return matter

    def take_back(
        self, asker: Asker, operation: str, matter: Matter, outcome: str, at: datetime, *, by_holder: bool
    ) -> tuple[Matter, Outcome]:
        """Close a request as refused or withdrawn, so that its unit returns. A holder may do this until the department
        is at work.
        """
        documents = self._documents(at)
        refusal = _against_taking_back(matter, by_holder=by_holder)
        service = documents.programme.services.get(matter.service)
        if service is None:
            raise Problem("not-found")
        void = Void(
            device=asker.id,
            id=operation,
            request=canonical_digest(
                {"kind": "take-back", "device": asker.id, "target": matter.id, "values": [outcome]}
            ),
            at=at,
            keep_until=at + LATE_WINDOW,
            target=matter.id,
            draft=draft_for(documents, asker, service, _point(documents.programme, matter.department, service)),
            reason=outcome,
            refusal=refusal,
        )
        with ledger_problems(), booking_problems():
            done = self._ledger.void(void)
        self._store.bookings.erase_after(matter.id, at)
        return self._matters.see(done.entry) or matter, done

    def closed(self, matter: Matter, at: datetime) -> None:
        """Set when a closed request's details are erased. A counted request keeps them until its year ends."""
        service = self._documents(at).programme.services.get(matter.service)
        ends_at = None if service is None else period_end(self._documents(at).programme, service, matter.opened_at)
        self._store.bookings.erase_after(matter.id, max(at, ends_at) if ends_at is not None else at)


def _against_taking_back(matter: Matter, *, by_holder: bool) -> str | None:
    """Return why a unit cannot return: the work was done, or the request was taken back before."""
    if matter.stage == CLOSED:
        return "matter-closed"
    return "request-under-way" if by_holder and matter.stage != "opened" else None


def period_end(programme: Programme, service: Service, at: datetime) -> datetime | None:
    """Return the end of the period in which a request made at `at` counts.

    None if the service is not counted, or is counted without a period.
    """
    quota = programme.quotas.get(service.quota or "")
    return None if quota is None else period_of(quota.unit, at, programme.zone).ends_at


def _place(programme: Programme, wish: RequestWish) -> Point:
    return _point(programme, wish.department, wish.service)


def _point(programme: Programme, department: str, service: Service) -> Point:
    """Return a department's place as a point without a counter that offers this service."""
    return Point(
        code=department_place(department),
        name=programme.departments[department].name,
        department=department,
        services=frozenset({service.code}),
        desk=False,
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request's fields as a rule for `read_fields`: no party and no slot."""

    rule: RequestRule
    party_most: int = 1
    slot_most: timedelta | None = None

    @property
    def fields(self) -> tuple[Any, ...]:
        return self.rule.fields


def _valid(wish: RequestWish, programme: Programme, card_name: str) -> Fields:
    """Return the valid fields. Problem invalid-field with every fault, also of the reference and the declaration."""
    faults: list[tuple[str, str]] = []
    fault = reference_fault(wish.service, wish.reference)
    if fault is not None:
        faults.append(("$.reference", fault))
    if wish.service.declarations and not wish.confirmed:
        faults.append(("$.confirmed", "the holder confirms what the service asks to be declared"))
    fields, wrong = _fields(wish, programme, card_name)
    faults += wrong
    if fields is None or faults:
        raise invalid_fields(faults)
    return fields


def _fields(wish: RequestWish, programme: Programme, card_name: str) -> tuple[Fields | None, list[tuple[str, str]]]:
    """Return the fields, or what is wrong with them."""
    rule = _Asked(wish.service.request or RequestRule())
    try:
        return read_fields(rule, wish.service, wish.fields, programme.zone, card_name), []
    except BadFields as error:
        return None, error.faults


def _draft(
    wish: RequestWish,
    place: Point,
    verdict: Verified,
    details: BookingDetails,
    documents: Documents,
    *,
    marks: tuple[str, ...],
) -> Draft:
    """Return the entry's draft: the card behind the request, the beneficiary, the matter. It says nothing of the
    request's content.
    """
    declared = ("declaration",) if wish.confirmed and wish.service.declarations else ()
    return draft_for(
        documents,
        wish.asker,
        wish.service,
        place,
        **said_of(verdict.card),
        assurance=None if wish.asker.channel == TELEPHONE else verdict.assurance.word,
        beneficiary=wish.whom.value,
        reference=wish.reference,
        marks=(*declared, *marks),
        extra={
            "matter": wish.service.code,
            **(wish.matter or {}),
            "details": b64u(digest(details.opened.encode())),
        },
    )
