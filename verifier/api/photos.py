"""The photo of a look's holder, for the device that looked, while its look lasts."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, request

from accounts.rights import Right
from cards.verify import RefusedCard
from edge.http import request_instant
from edge.limits import RateLimit
from edge.openapi import describe
from edge.problems import Problem
from verifier.api.asking import LOOK_OVER, Asking
from verifier.counter.checking_in import ledger_problems
from verifier.records.store import Access
from verifier.service import Verifier

JPEG: Final = "image/jpeg"


def add_photos(found: Blueprint, verifier: Verifier, asking: Asking, limit: RateLimit) -> None:
    """Add GET /v1/looks/<id>/photo, with a limit for each device."""

    @found.get("/v1/looks/<look>/photo")
    @describe(
        summary="The photo of the holder looked at, relayed from the issuer; not found where the issuer is away",
        tag="check-ins",
        answers={200: JPEG},
        problems={
            "not-permitted",
            "not-found",
            LOOK_OVER.code,
            "invalid-field",
            "not-trusted",
            "unavailable",
            "too-many-requests",
        },
    )
    def look_photo(look: str) -> Response:
        caller, at = asking.authenticate(request), request_instant()
        point = asking.point(caller, Right.CHECK_IN)
        limit.require(caller.id)
        kept = verifier.store.look(look, caller.id, at)
        if kept is None or kept.presentation.card is None:
            raise Problem(LOOK_OVER.code)
        # The look may have been at a forged card that names another person, whose photo nobody may see.
        verdict = verifier.bookings.declared(kept.presentation.card, at)
        photo = None if isinstance(verdict, RefusedCard) else verifier.photo_of(verdict.card.card_id, at)
        with ledger_problems():
            holder = None if verdict.card is None else verifier.ledger.pseudonym(verdict.card.subject)
        what = "absent" if photo is None else "shown"
        verifier.store.record(Access("photo", caller.id, what, caller.operator_id, point.code, holder), at)
        if photo is None:
            raise Problem("not-found", "there is no photo to show")
        return Response(photo, content_type=JPEG)
