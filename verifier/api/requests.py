"""Requests over HTTP: by the holder's own phone, or by staff for a holder. Their department lists and closes them."""

from __future__ import annotations

from datetime import datetime

import msgspec
from flask import Blueprint, Response, request

from accounts.http import Authenticator
from accounts.rights import Caller, Right
from cards.parts import Presentation
from cards.programme.types import Beneficiary, Service
from cards.verify import RefusedCard, Verified
from edge.fields import invalid
from edge.http import answer, idempotency_key, read_body, read_query, request_instant
from edge.instants import rfc3339
from edge.limits import FairLimit
from edge.openapi import describe
from ledger.filtering import name_in
from ledger.values import EntryPage, Query
from verifier.api.asking import Asking
from verifier.api.checkins import PRESENTED, WRITING
from verifier.api.wallet import PROVING, WalletCalls, WalletPage
from verifier.counter.answers import MatterRequest
from verifier.counter.checking_in import ledger_problems
from verifier.counter.phrasing import quotas_left
from verifier.desks.matters import MatterDesk
from verifier.desks.subscribers import subscribers, subscribers_csv
from verifier.desks.telephone import by_number, matter_opened
from verifier.records.matters import MatterTab
from verifier.rules.matters import Matter
from verifier.service import Verifier
from verifier.services.bookings.answers import WalletCard
from verifier.services.bookings.asked import TELEPHONE, Asker
from verifier.services.requests.answers import (
    RequestAnswer,
    RequestList,
    RequestsQuery,
    RequestView,
    StaffRequest,
    Subscribers,
    SubscribersQuery,
    TakenBack,
    WalletRequest,
    request_answer,
    request_view,
)
from verifier.services.requests.service import (
    GIVES_BACK,
    REQUEST_PROBLEMS,
    RequestWish,
    can_be_asked,
    department_for,
    department_place,
)

LISTED_MOST = 500
"""The greatest number of requests in one answer."""


def add_wallet_requests(
    found: Blueprint, verifier: Verifier, asking: Asking, authenticate: Authenticator, limit: FairLimit
) -> None:
    """Add POST /v1/wallet/requests, /list and /<entry>/withdraw."""
    calls = WalletRequests(verifier, asking, authenticate, limit)

    @found.post("/v1/wallet/requests")
    @describe(
        summary="Ask for a service without a counter, by one's own phone",
        tag="wallet",
        body=WalletRequest,
        answers={201: RequestAnswer},
        problems=WRITING | PROVING,
        auth="wallet",
        writes=True,
    )
    def ask_own() -> Response:
        return calls.ask(read_body(WalletRequest), request_instant())

    @found.post("/v1/wallet/requests/list")
    @describe(
        summary="One's own requests, the newest first, and how far each is",
        tag="wallet",
        body=WalletPage,
        answers={200: RequestList},
        problems=PROVING | {"unavailable", "not-trusted"},
        auth="wallet",
    )
    def list_own_requests() -> Response:
        return calls.listed(read_body(WalletPage), request_instant())

    @found.post("/v1/wallet/requests/<entry>/withdraw")
    @describe(
        summary="Take one's own request back before its department is at work: its unit returns",
        tag="wallet",
        body=WalletCard,
        answers={200: TakenBack},
        problems=WRITING | PROVING | REQUEST_PROBLEMS,
        auth="wallet",
        writes=True,
    )
    def withdraw_own(entry: str) -> Response:
        return calls.withdraw(entry, read_body(WalletCard), request_instant())


def add_requests(found: Blueprint, verifier: Verifier, asking: Asking) -> None:
    """Add POST and GET /v1/requests, POST /v1/requests/<entry>/take-back, GET /v1/requests/subscribers."""
    staff = StaffRequests(verifier, asking)

    @found.post("/v1/requests")
    @describe(
        summary="Take a request for a holder, or open a matter that no counter opens",
        tag="requests",
        body=StaffRequest,
        answers={201: RequestAnswer},
        problems=WRITING | PRESENTED,
        writes=True,
    )
    def ask_for_holder() -> Response:
        return staff.ask(read_body(StaffRequest), request_instant())

    @found.get("/v1/requests")
    @describe(
        summary="A department's requests: open, overdue or closed",
        tag="requests",
        query=RequestsQuery,
        answers={200: RequestList},
        problems={"not-permitted", "invalid-field"},
    )
    def list_requests() -> Response:
        return answer(staff.listed(read_query(RequestsQuery), request_instant()))

    @found.post("/v1/requests/<entry>/take-back")
    @describe(
        summary="Close a request as refused or withdrawn: its unit returns",
        tag="requests",
        body=TakeBack,
        answers={200: TakenBack},
        problems=WRITING | REQUEST_PROBLEMS,
        writes=True,
    )
    def take_back(entry: str) -> Response:
        return staff.take_back(entry, read_body(TakeBack), request_instant())

    @found.get("/v1/requests/subscribers")
    @describe(
        summary="Who asked for a counted service in a period, with names and addresses",
        tag="requests",
        query=SubscribersQuery,
        answers={200: (Subscribers, "text/csv")},
        problems={"not-permitted", "invalid-field"},
    )
    def subscribers() -> Response:
        return staff.subscribers(read_query(SubscribersQuery), request_instant())


class TakeBack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a request is closed."""

    outcome: str

    def __post_init__(self) -> None:
        """Refuse other outcomes, which close a request by a stage of its matter."""
        if self.outcome not in GIVES_BACK:
            raise ValueError("refused or withdrawn is expected")


class WalletRequests(WalletCalls):
    """Answers the phone's calls about requests."""

    def ask(self, body: WalletRequest, at: datetime) -> Response:
        """Make a request. A card that is no longer valid is refused and logged like any other."""
        presentation, verdict, card = self._proved(body.card, at)
        service = requested_service(self._verifier, body.service, by_office=False)
        wish = _wish(body, Asker.wallet(card.subject), service, presentation, verdict)
        requested = self._verifier.requests.ask(wish, at)
        return answer(request_answer(self._verifier.answering, requested, at, names=True), 201)

    def listed(self, body: WalletPage, at: datetime) -> Response:
        """Return a page of the holder's own accepted requests. Refused requests are in the history, and hide no
        accepted one.
        """
        _, _, card = self._proved(body.card, at)
        with ledger_problems():
            name = self._verifier.ledger.pseudonym(card.subject)
            query = Query(holder=name, kind="request", outcome="granted", before=body.before, limit=body.limit)
            page = EntryPage((), None) if name is None else self._verifier.ledger.entries(query)
        found = [self._verifier.matters.find(entry.id) for entry in page.entries]
        views = tuple(self._view(matter, at) for matter in found if matter is not None)
        return answer(RequestList(views, rfc3339(at), page.next))

    def withdraw(self, entry: str, body: WalletCard, at: datetime) -> Response:
        """Withdraw a request of the holder."""
        _, _, card = self._proved(body.card, at)
        matter = self._verifier.requests.own(card.subject, entry)
        asker = Asker.wallet(card.subject)
        after, outcome = self._verifier.requests.take_back(
            asker, idempotency_key(), matter, "withdrawn", at, by_holder=True
        )
        figures = quotas_left(self._verifier.programme, outcome.figures)
        said = TakenBack(outcome.entry, self._view(after, at), figures, outcome.replayed, rfc3339(at))
        return answer(said)

    def _view(self, matter: Matter, at: datetime) -> RequestView:
        details = self._verifier.requests.details(matter.id)
        return request_view(self._verifier.programme, matter, details, at, names=True)


class StaffRequests:
    """Reads and answers a department's calls."""

    def __init__(self, verifier: Verifier, asking: Asking) -> None:
        """Ask `asking` for the caller."""
        self._verifier = verifier
        self._asking = asking
        self._desk = MatterDesk(verifier)

    def ask(self, body: StaffRequest, at: datetime) -> Response:
        """Take a request for a card that was shown, or for a card number given on the telephone."""
        caller = self._asking.authenticate(request)
        service = requested_service(self._verifier, body.service, by_office=True)
        department = department_for(service, body.department)
        caller.require(Right.BOOKINGS, department_place(department), service.code)
        number = body.card_number
        if (number is None) is (body.presentation is None):
            raise invalid("$.presentation", "give either a presentation or a card number")
        if number is None:
            presentation, verdict = self._shown(caller, service, body, at)
        else:
            presentation, verdict = by_number(self._verifier, number, called_back=body.called_back, at=at)
        asker = Asker.staff(caller, "counter" if number is None else TELEPHONE)
        wish = _wish(body, asker, service, presentation, verdict, matter=body.matter, call=caller.call)
        requested = self._verifier.requests.ask(wish, at)
        names = caller.may(Right.NAMES, department_place(department))
        return answer(request_answer(self._verifier.answering, requested, at, names=names), 201)

    def _shown(
        self, caller: Caller, service: Service, body: StaffRequest, at: datetime
    ) -> tuple[Presentation, Verified | RefusedCard]:
        shown = self._asking.shown(body.presentation or "", at)
        if shown.delegation is not None:
            raise invalid("$.presentation", "a delegation code serves at a counter alone")
        return self._asking.verified(shown, caller, service, at, vouched=body.id_checked)

    def listed(self, asked: RequestsQuery, at: datetime) -> RequestList:
        """List a department's requests, including those handed to it. The reading is recorded in the access log."""
        caller, department = self._asking.authenticate(request), asked.department
        tab = MatterTab(asked.state)
        lines = self._desk.requests(caller, department, tab, at, limit=LISTED_MOST)
        names = caller.may(Right.NAMES, department_place(department))
        return RequestList(tuple(self._view(one.matter, at, department, names=names) for one in lines), rfc3339(at))

    def take_back(self, entry: str, body: TakeBack, at: datetime) -> Response:
        """Close a request as refused or withdrawn."""
        caller = self._asking.authenticate(request)
        after, outcome = self._desk.take_back(caller, idempotency_key(), name_in("id", entry), body.outcome, at)
        names = caller.may(Right.NAMES, after.point)
        figures = quotas_left(self._verifier.programme, outcome.figures)
        view = self._view(after, at, after.department, names=names)
        return answer(TakenBack(outcome.entry, view, figures, outcome.replayed, rfc3339(at)))

    def subscribers(self, asked: SubscribersQuery, at: datetime) -> Response:
        """List the subscribers. Only callers with the right to names may do this, and the access log records it."""
        caller = self._asking.authenticate(request)
        service = requested_service(self._verifier, asked.service, by_office=False)
        found = subscribers(self._verifier, caller, service, asked.period, at)
        if asked.format == "csv":
            named = f"attachment; filename={asked.service}-{asked.period}.csv"
            body, kind = subscribers_csv(service, found), "text/csv; charset=utf-8"
            return Response(body, 200, {"Content-Disposition": named}, content_type=kind)
        views = tuple(self._view(one.matter, at, one.matter.department, names=True) for one in found)
        return answer(Subscribers(asked.service, asked.period, views, rfc3339(at)))

    def _view(self, matter: Matter, at: datetime, viewer: str, *, names: bool) -> RequestView:
        """Return a request as a department sees it. The holder's reference is the one of the `viewer` department."""
        details = self._verifier.requests.details(matter.id)
        view = request_view(self._verifier.programme, matter, details, at, names=names)
        if details is None:
            return view
        reference = self._verifier.answering.reference(viewer, details.subject)
        return msgspec.structs.replace(view, holder_ref=reference, holder_name=details.name)


def requested_service(verifier: Verifier, code: str, *, by_office: bool) -> Service:
    """Return a service that is requested without a counter. Problem invalid-field for any other service."""
    service = verifier.programme.services.get(code)
    if service is None or not can_be_asked(service, by_office=by_office):
        raise invalid("$.service", "this service is not asked for without a counter")
    return service


def _wish(
    body: WalletRequest | StaffRequest,
    asker: Asker,
    service: Service,
    presentation: Presentation,
    verdict: Verified | RefusedCard,
    *,
    matter: MatterRequest | None = None,
    call: str | None = None,
) -> RequestWish:
    named = body.beneficiary
    kind, decides = (None, None) if matter is None else (matter.kind, matter.decides)
    return RequestWish(
        operation=idempotency_key(),
        asker=asker,
        service=service,
        department=department_for(service, body.department),
        fields=body.fields,
        presentation=presentation,
        verdict=verdict,
        reference=body.reference,
        confirmed=body.confirmed,
        beneficiary=None if named is None else Beneficiary(named),
        matter=matter_opened(service, kind, decides),
        call=call,
    )
