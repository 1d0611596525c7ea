"""A nonce for a chip, given to the device that reads the chip."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response, request

from edge.encoding import b64u
from edge.http import answer, request_instant
from edge.instants import rfc3339, to_epoch
from edge.limits import RateLimit
from edge.openapi import describe
from edge.problems import Problem
from verifier.api.asking import Asking
from verifier.service import Verifier


class ChallengeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the device writes into the `chip-proof+jwt` that the chip signs (docs/design.md §4).

    `issued_at` is the token's `iat`, by the server's clock. So a device with a wrong clock can still read chips.
    """

    nonce: str
    reader: str
    audience: str
    issued_at: int
    expires_at: str
    server_time: str


def add_challenges(found: Blueprint, verifier: Verifier, asking: Asking, limit: RateLimit) -> None:
    """Add POST /v1/challenges."""

    @found.post("/v1/challenges")
    @describe(
        summary="A nonce that one chip may answer at this device, once, within 30 s",
        tag="check-ins",
        answers={201: ChallengeAnswer},
        problems={"not-permitted", "too-many-requests"},
        auth="device",
    )
    def challenge() -> Response:
        at = request_instant()
        caller = asking.authenticate(request)
        if caller.kind != "device" or not caller.may_look(caller.point or ""):
            raise Problem("not-permitted", "only a device that checks in reads chips")
        limit.require(caller.id)
        made = verifier.store.challenges.make(caller.id, at)
        given = ChallengeAnswer(
            nonce=b64u(made.nonce),
            reader=caller.id,
            audience=verifier.programme.audience,
            issued_at=to_epoch(at),
            expires_at=rfc3339(made.expires_at),
            server_time=rfc3339(at),
        )
        return answer(given, 201)
