"""The holder's own bookings and remaining uses. The phone's key signs each call (`wallet-proof+jwt`, docs/design.md
§9).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote

from flask import Blueprint, Response, request
from msgspec import Meta

from accounts.http import Authenticator
from cards.claims import CardClaims
from cards.parts import Presentation, PresentationError
from cards.programme.types import Assurance, BookingBasis
from cards.verify import RefusedCard, Verified
from edge.fields import instant_asked, invalid
from edge.http import answer, idempotency_key, read_body, request_instant
from edge.instants import rfc3339
from edge.limits import FairLimit
from edge.openapi import describe
from edge.problems import Problem
from keys.dpop import ClockOff
from keys.errors import TokenError
from keys.jwk import key_from_jwk, thumbprint
from keys.wallet_proof import (
    BAD_WALLET_PROOF,
    PROOF_HEADER,
    PROOF_USED,
    SignedCall,
    WalletProof,
    fault_told,
    verify_wallet_proof,
)
from ledger.bookings import BookingQuery
from ledger.values import EntryPage, Query
from verifier.api.asking import Asking
from verifier.api.checkins import WRITING
from verifier.counter.booking_views import booking_view
from verifier.counter.checking_in import ledger_problems
from verifier.counter.phrasing import card_refused_words
from verifier.rules.bookings import TOLD, tells_of
from verifier.service import Verifier
from verifier.services.bookings.answers import (
    BookingAnswer,
    Instant,
    OwnBookings,
    WalletBooking,
    WalletCard,
    WalletChange,
    booking_answer,
)
from verifier.services.bookings.asked import BOOKING_PROBLEMS, Asker, BookingAsked, BookingWish
from verifier.services.bookings.service import Booked, point_of, rule_of
from verifier.wallet.history import OwnHistory, history_of
from verifier.wallet.usage import WalletUsage, usage_of

DELAY_MOST: Final = timedelta(days=1)
"""The greatest delay of a carrier that the traveller may report. A longer delay is a change, or is told to the
point.
"""

PAGE: Final = 20
PROVING: Final = frozenset({"bad-token", BAD_WALLET_PROOF, "clock-off", "malformed", "too-many-requests"})


class WalletPage(WalletCard, frozen=True, forbid_unknown_fields=True):
    """Which page of the holder's history: `before` is `next` of the page before."""

    before: Annotated[str, Meta(max_length=64)] | None = None
    limit: Annotated[int, Meta(ge=1, le=50)] = PAGE


class WalletDelay(WalletCard, frozen=True, forbid_unknown_fields=True):
    """The carrier's new time."""

    expected_at: Instant


def add_wallet(found: Blueprint, wallet: WalletCalls) -> None:
    """Add POST /v1/wallet/bookings and /v1/wallet/bookings/list; PATCH and POST …/cancel for a booking."""

    @found.post("/v1/wallet/bookings")
    @describe(
        summary="Book by one's own phone",
        tag="wallet",
        body=WalletBooking,
        answers={201: BookingAnswer},
        problems=WRITING | PROVING,
        auth="wallet",
        writes=True,
    )
    def book_own() -> Response:
        return wallet.book(read_body(WalletBooking), request_instant())

    @found.post("/v1/wallet/bookings/list")
    @describe(
        summary="One's own bookings: those held and those just over",
        tag="wallet",
        body=WalletCard,
        answers={200: OwnBookings},
        problems=PROVING | {"unavailable", "not-trusted"},
        auth="wallet",
    )
    def list_own() -> Response:
        return wallet.own(read_body(WalletCard), request_instant())

    @found.patch("/v1/wallet/bookings/<booking>")
    @describe(
        summary="Change one's own booking",
        tag="wallet",
        body=WalletChange,
        answers={200: BookingAnswer},
        problems=WRITING | PROVING | BOOKING_PROBLEMS,
        auth="wallet",
        writes=True,
    )
    def change_own(booking: str) -> Response:
        return wallet.change(booking, read_body(WalletChange), request_instant())

    @found.post("/v1/wallet/bookings/<booking>/cancel")
    @describe(
        summary="Cancel one's own booking",
        tag="wallet",
        body=WalletCard,
        answers={200: BookingAnswer},
        problems=WRITING | PROVING | BOOKING_PROBLEMS,
        auth="wallet",
        writes=True,
    )
    def cancel_own(booking: str) -> Response:
        return wallet.cancel(booking, read_body(WalletCard), request_instant())


def add_wallet_usage(found: Blueprint, wallet: WalletCalls) -> None:
    """Add POST /v1/wallet/usage, /history and /bookings/<id>/delay. The card travels in the body and never in an
    address.
    """

    @found.post("/v1/wallet/usage")
    @describe(
        summary="What one's own card gives: what is left of each service, and how it is used",
        tag="wallet",
        body=WalletCard,
        answers={200: WalletUsage},
        problems=PROVING | {"unavailable", "not-trusted"},
        auth="wallet",
    )
    def usage_own() -> Response:
        return wallet.usage(read_body(WalletCard), request_instant())

    @found.post("/v1/wallet/history")
    @describe(
        summary="One's own history, newest first: granted, refused, booked, taken back",
        tag="wallet",
        body=WalletPage,
        answers={200: OwnHistory},
        problems=PROVING | {"unavailable", "not-trusted"},
        auth="wallet",
    )
    def history_own() -> Response:
        return wallet.history(read_body(WalletPage), request_instant())

    @found.post("/v1/wallet/bookings/<booking>/delay")
    @describe(
        summary="Move one's own booking by its carrier's delay: its window moves, its unit stays",
        tag="wallet",
        body=WalletDelay,
        answers={200: BookingAnswer},
        problems=WRITING | PROVING | BOOKING_PROBLEMS,
        auth="wallet",
        writes=True,
    )
    def delay_own(booking: str) -> Response:
        return wallet.delay(booking, read_body(WalletDelay), request_instant())


class WalletCalls:
    """Checks each call's proof with the key that its card names, then answers."""

    def __init__(self, verifier: Verifier, asking: Asking, authenticate: Authenticator, limit: FairLimit) -> None:
        """Accept calls under the addresses that `authenticate` knows. `limit` counts keys, and failures by place."""
        self._source, self._limit = authenticate.source, limit
        self._verifier = verifier
        self._asking = asking
        self._bases = authenticate.bases

    def book(self, body: WalletBooking, at: datetime) -> Response:
        """Make a booking. A card that is no longer valid is refused and logged like any other."""
        presentation, verdict, _ = self._proved(body.card, at)
        service = self._asking.service(body.service)
        rule_of(self._verifier.programme, service)
        point = point_of(self._verifier.programme, service, "")
        asker = Asker.wallet(_card(verdict).subject)
        wish = BookingWish(idempotency_key(), asker, service, point, body.fields, presentation, verdict)
        return self._answer(self._verifier.bookings.book(wish, at), "booked", at, status=201)

    def own(self, body: WalletCard, at: datetime) -> Response:
        """List the holder's bookings. Bookings that a newer card no longer covers are released first, and the answer
        says so.
        """
        _, verdict, card = self._proved(body.card, at)
        if isinstance(verdict, Verified):
            self._verifier.upkeep.release(verdict.card, at)
        found = self._verifier.bookings.find(BookingQuery(subject=card.subject, since=at - TOLD))
        programme = self._verifier.programme
        views = tuple(
            booking_view(programme, booking, details, names=True) for booking, details in found if tells_of(booking, at)
        )
        return answer(OwnBookings(views, rfc3339(at)))

    def usage(self, body: WalletCard, at: datetime) -> Response:
        """Return the remaining uses. For an invalid card, return only the reason, and nothing about the holder."""
        _, verdict, card = self._proved(body.card, at)
        if isinstance(verdict, RefusedCard):
            return answer(WalletUsage(**self._stopped(verdict, at)))
        with ledger_problems():
            used = self._verifier.ledger.usage(card.subject, at)
        until = self._verifier.entitled_until(card.card_id, at)
        programme, notices = self._verifier.programme, self._verifier.store.notices.of_service
        return answer(usage_of(programme, card, used, at, entitled_until=until, notices=notices))

    def history(self, body: WalletPage, at: datetime) -> Response:
        """Return a page of this holder's log. For an invalid card, return only the reason."""
        _, verdict, card = self._proved(body.card, at)
        if isinstance(verdict, RefusedCard):
            return answer(OwnHistory(**self._stopped(verdict, at)))
        with ledger_problems():
            name = self._verifier.ledger.pseudonym(card.subject)
            query = Query(holder=name, before=body.before, limit=body.limit)
            page = EntryPage((), None) if name is None else self._verifier.ledger.entries(query)
        return answer(
            history_of(
                self._verifier.programme,
                self._verifier.answering,
                page,
                self._verifier.store.offline.waiting_entries,
                at,
            )
        )

    def _stopped(self, verdict: RefusedCard, at: datetime) -> dict[str, Any]:
        """Return the answer to the phone of an invalid card. The person with the phone may be a finder."""
        message = card_refused_words(self._verifier.programme, verdict.reason, verdict.card, at)
        return {"valid": False, "server_time": rfc3339(at), "reason": verdict.reason, "message": message}

    def delay(self, booking: str, body: WalletDelay, at: datetime) -> Response:
        """Move a booking of the holder to its carrier's new time, within a day of the schedule."""
        _, _, card = self._proved(body.card, at)
        held = self._verifier.bookings.booking(booking)
        if held is None or self._verifier.ledger.pseudonym(card.subject) != held.holder:
            raise Problem("not-found")
        rule = rule_of(self._verifier.programme, self._asking.service(held.service))
        expected = instant_asked("$.expected_at", body.expected_at)
        scheduled = held.window.scheduled_at
        if rule.basis is not BookingBasis.JOURNEY:
            raise invalid("$.expected_at", "only a carrier's times are late; change the booking instead")
        if not scheduled <= expected <= scheduled + DELAY_MOST:
            raise invalid("$.expected_at", "a delay is later than the schedule, by a day at most")
        if at > held.window.closes_at:
            raise Problem("booking-was-missed")
        asked = BookingAsked(idempotency_key(), Asker.wallet(card.subject), booking)
        return self._answer(self._verifier.bookings.delay(asked, expected, at), "delayed", at)

    def change(self, booking: str, body: WalletChange, at: datetime) -> Response:
        """Change a booking of the holder."""
        _, _, card = self._proved(body.card, at)
        service = None if body.service is None else self._asking.service(body.service)
        asked = BookingAsked(idempotency_key(), Asker.wallet(card.subject), booking)
        return self._answer(self._verifier.bookings.change(asked, service, body.fields, at), "changed", at)

    def cancel(self, booking: str, body: WalletCard, at: datetime) -> Response:
        """Cancel a booking of the holder."""
        _, _, card = self._proved(body.card, at)
        asked = BookingAsked(idempotency_key(), Asker.wallet(card.subject), booking)
        return self._answer(self._verifier.bookings.cancel(asked, "by-holder", at), "cancelled", at)

    def holder(self, card: str, at: datetime) -> str:
        """Return the `sub` of the holder whose phone signed this call. Problem bad-token for any other call."""
        return self._proved(card, at)[2].subject

    def _proved(self, text: str, at: datetime) -> tuple[Presentation, Verified | RefusedCard, CardClaims]:
        """Return the card of a call whose proof holds, and use up the proof. Problem bad-token for any other call.

        An expired or revoked card still names its key: its holder may look and cancel.
        """
        try:
            presentation = Presentation(text, None)
        except PresentationError:
            raise Problem("malformed") from None
        with self._limit.judging(self._source(request)):
            verdict, card, proof = self._signed(text, at)
        self._limit.admit(thumbprint(card.key or {}))
        if not self._verifier.store.bookings.first_use(thumbprint(card.key or {}), proof.proof_id, proof.forget_at):
            raise Problem(BAD_WALLET_PROOF, PROOF_USED)
        if isinstance(verdict, Verified):
            # The phone's key has just signed for this very card, so nothing here is a copy.
            verdict = replace(verdict, assurance=Assurance.PROVED)
        return presentation, verdict, card

    def _signed(self, text: str, at: datetime) -> tuple[Verified | RefusedCard, CardClaims, WalletProof]:
        """Verify the two cheap parts: the card, and this call's proof by the card's key."""
        verdict = self._verifier.bookings.declared(text, at)
        card = verdict.card
        if card is None or card.key is None:
            raise Problem("bad-token")
        return verdict, card, self._proof(text, card, at)

    def _proof(self, token: str, card: CardClaims, at: datetime) -> WalletProof:
        shown, key = request.headers.get(PROOF_HEADER, ""), key_from_jwk(card.key or {})
        url, *also = (base + quote(request.path) for base in self._bases)
        call = SignedCall(request.method, url, request.get_data(), token, also)
        try:
            return verify_wallet_proof(shown, key, call, at)
        except TokenError as error:
            raise Problem(BAD_WALLET_PROOF, fault_told(error, shown)) from None
        except ClockOff as error:
            raise Problem("clock-off", f"iat lies {error}.", extra={"server_time": rfc3339(at)}) from None

    def _answer(self, booked: Booked, done: str, at: datetime, *, status: int = 200) -> Response:
        said = booking_answer(self._verifier.answering, booked, done, at, names=True)
        return answer(said, status)


def _card(verdict: Verified | RefusedCard) -> CardClaims:
    if verdict.card is None:
        raise Problem("bad-token")
    return verdict.card
