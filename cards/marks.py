"""Holder marks: what a verifier must know about a holder beyond the card. For servers only, never on a tablet or a
card.

The document `holder-marks+jwt` (docs/design.md §3), signed with a status key. It names holders by `sub` alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from cards.claims import claim_instant, identifier
from edge.instants import to_epoch
from keys.errors import BadClaims, TokenError
from keys.keyset import KeySet, Purpose
from keys.signer import Signer
from keys.tokens import LEEWAY, TokenForm, sign_token, verify_with_keys

MARKS_MOST: Final = 20_000
HOLDER_MARKS: Final = TokenForm(
    typ="holder-marks+jwt",
    headers=frozenset({"alg", "kid", "typ"}),
    required={"iss": str, "iat": int, "exp": int, "serial": int, "marks": list},
    optional={},
    max_length=4 << 20,
    max_lifetime=timedelta(days=7),
)
"""The form of the document."""

_VALUE: Final = re.compile(r"[a-z0-9][a-z0-9:./-]{0,63}", re.ASCII)


class MarkKind(StrEnum):
    """What a mark says: a benefit granted elsewhere, a ruling on a benefit, a holder's erasure, or a refused
    renewal.
    """

    BENEFIT = "benefit"
    RULING = "ruling"
    ERASURE = "erasure"
    ENDED = "ended"


class MarksError(Exception):
    """A document is refused. `reason` gives the reason in one word; the text gives details to an operator.

    The reasons: `malformed`, `unknown-key`, `bad-signature`, `bad-claims`, `not-yet-valid`, `expired`, `rolled-back`.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark on the holder `subject`. `value` is a code of the programme, such as `state-council-allowance`.

    The value of a ruling is `<benefit>:granted` or `<benefit>:refused`. The value of an erasure is the day of its
    request. The value of `ended` is the day on which a renewal was refused: bookings made until then are released.
    """

    subject: str
    kind: MarkKind
    value: str


@dataclass(frozen=True, slots=True)
class HolderMarks:
    """All marks of an issuer's holders. `serial` rises with every document and never goes back. Instants are aware
    UTC.
    """

    issuer: str
    issued_at: datetime
    expires_at: datetime
    serial: int
    marks: tuple[Mark, ...]

    def of(self, subject: str) -> tuple[Mark, ...]:
        """Return the marks on one holder. This looks through all marks: for many questions, build an index first."""
        return tuple(mark for mark in self.marks if mark.subject == subject)


def sign_marks(signer: Signer, marks: HolderMarks) -> str:
    """Return the signed document. Raises BadClaims for values that would be refused."""
    claims = {
        "iss": marks.issuer,
        "iat": to_epoch(marks.issued_at),
        "exp": to_epoch(marks.expires_at),
        "serial": marks.serial,
        "marks": [{"sub": mark.subject, "kind": mark.kind.value, "value": mark.value} for mark in marks.marks],
    }
    _from_claims(claims)
    return sign_token(signer, HOLDER_MARKS, claims)


def verify_marks(text: str, keys: KeySet, at: datetime, *, issuer: str, seen_serial: int = 0) -> HolderMarks:
    """Return the marks of a document that a status key signed, of this issuer, valid at `at`. Raises MarksError
    otherwise.

    `seen_serial` is the greatest serial accepted so far. The same serial may be read again.
    """
    try:
        marks = _from_claims(verify_with_keys(text, HOLDER_MARKS, keys, Purpose.STATUS, at).claims)
    except TokenError as error:
        raise MarksError(error.reason, str(error)) from None
    if marks.issuer != issuer:
        raise MarksError("bad-claims", "another issuer's marks")
    if at < marks.issued_at - LEEWAY:
        raise MarksError("not-yet-valid", "the marks are from the future: is this clock right?")
    if at >= marks.expires_at:
        raise MarksError("expired", "the marks have expired: fetch or publish their successor")
    if marks.serial < seen_serial:
        raise MarksError("rolled-back", f"serial {marks.serial} is older than serial {seen_serial} seen before")
    return marks


def _from_claims(claims: Mapping[str, object]) -> HolderMarks:
    HOLDER_MARKS.check_claims(claims)
    listed, serial = claims["marks"], claims["serial"]
    if not isinstance(listed, list) or len(listed) > MARKS_MOST or not isinstance(serial, int) or serial < 1:
        raise BadClaims(f"serial counts from 1, and there are at most {MARKS_MOST} marks")
    marks = tuple(_mark(entry) for entry in listed)
    issued_at, expires_at = claim_instant(claims["iat"], "iat"), claim_instant(claims["exp"], "exp")
    return HolderMarks(str(claims["iss"]), issued_at, expires_at, serial, marks)


def _mark(entry: object) -> Mark:
    match entry:
        case {"sub": str(subject), "kind": str(kind), "value": str(value), **others} if not others:
            pass
        case _:
            raise BadClaims("a mark is sub, kind and value")
    if kind not in set(MarkKind) or not _VALUE.fullmatch(value):
        raise BadClaims("a mark of an unknown kind, or with a value that is no code")
    return Mark(identifier(subject, "sub"), MarkKind(kind), value)
