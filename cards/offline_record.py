"""The record of a check-in that a device made while it was offline, and the signed time that the device holds
(docs/offline.md).

Each record is a JWS by the device's own key. It has a number and names the record before it. This module reads no clock
and judges no use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from cards.claims import URI_MOST, claim_instant
from cards.parts import Presentation, PresentationError, from_tokens
from cards.programme.types import Beneficiary
from edge.encoding import b64u, digest
from edge.instants import to_epoch
from keys.errors import BadClaims
from keys.keyset import KeySet, Purpose
from keys.signer import Signer
from keys.tokens import LEEWAY, TokenForm, parse_unverified, sign_token, verify_with_key, verify_with_keys

OFFLINE_RECORD: Final = TokenForm(
    typ="offline-check-in+jwt",
    headers=frozenset({"alg", "typ"}),
    required={
        "seq": int,
        "prev": str,
        "device": str,
        "iat": int,
        "operation": str,
        "service": str,
        "point": str,
        "beneficiary": str,
        "shown": list,
        "outcome": str,
    },
    optional={
        "prev_at": int,
        "server_time": str,
        "reason": str,
        "operator": str,
        "reference": str,
        "booking": str,
        "companions": int,
        "id_checked": bool,
        "not_holder": bool,
    },
    max_length=6000,
    max_lifetime=None,
)
"""The form of a record. It has no `kid`: `device` names the key that was enrolled."""

SERVER_TIME: Final = TokenForm(
    typ="time+jwt",
    headers=frozenset({"alg", "kid", "typ"}),
    required={"iss": str, "iat": int},
    optional={},
    max_length=500,
    max_lifetime=None,
)
"""The server's time, signed by its receipt key. An offline device compares its own clock with it."""

FIRST_PREV: Final = b64u(bytes(32))
"""The hash that a device's first record names, because there is no earlier record."""

TIME_HELD_MOST: Final = timedelta(hours=24)
"""The greatest age of the last server-signed time at which a device's clock is believed (docs/design.md §6,
Offline).
"""

SEQ_MOST: Final = 2**31 - 1
COMPANIONS_MOST: Final = 500

_DIGEST = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", re.ASCII)
_OPERATION = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_.:@-]{1,64}", re.ASCII)
_REFERENCE = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_REASON = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_SHOWN_MOST: Final = 2


@dataclass(frozen=True, slots=True)
class OfflineRecord:
    """A device's account of a use. `digest` (SHA-256 of the signing input) is what the next record's `prev` names.

    `made_at`: the device's time. `prev_at`: the time of the record before, or None for the first. `server_time`: the
    last signed time that the device holds, as text. `granted`: what the device told the people in front of it;
    `reason`: why not. `operation`: the id made before the check-in was first sent, which identifies it again if the
    online answer was lost.
    """

    seq: int
    prev: str
    prev_at: datetime | None
    device: str
    made_at: datetime
    server_time: str | None
    operation: str
    service: str
    point: str
    beneficiary: Beneficiary
    presentation: Presentation
    granted: bool
    reason: str | None = None
    operator: str | None = None
    reference: str | None = None
    booking: str | None = None
    companions: int = 0
    id_checked: bool = False
    not_holder: bool = False

    def to_claims(self) -> dict[str, object]:
        """Return the JSON claims in the order in which devices write them. Absent and false values are left out."""
        shown = [part for part in (self.presentation.card, self.presentation.proof) if part is not None]
        claims: dict[str, object] = {"seq": self.seq, "prev": self.prev}
        if self.prev_at is not None:
            claims["prev_at"] = to_epoch(self.prev_at)
        claims |= {"device": self.device, "iat": to_epoch(self.made_at)}
        claims |= {"operation": self.operation, "service": self.service, "point": self.point}
        claims |= {"beneficiary": self.beneficiary.value, "shown": shown}
        claims |= {"outcome": "granted" if self.granted else "denied"}
        rest: dict[str, object] = {
            "server_time": self.server_time,
            "reason": self.reason,
            "operator": self.operator,
            "reference": self.reference,
            "booking": self.booking,
            "companions": self.companions,
            "id_checked": self.id_checked,
            "not_holder": self.not_holder,
        }
        return claims | {name: value for name, value in rest.items() if value}


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """A record with a valid signature, its text, and the digest of its signing input (43 characters of base64url)."""

    record: OfflineRecord
    text: str
    digest: str


def record_digest(text: str) -> str:
    """Return the value for the next record's `prev`: SHA-256 of header and claims, base64url.

    The signature is not included, because an ECDSA signature can be changed into another valid signature.
    """
    return b64u(digest(text.rpartition(".")[0].encode("ascii")))


def sign_record(signer: Signer, record: OfflineRecord) -> str:
    """Return a record signed by the device's key. Raises BadClaims for values that no reader would accept."""
    claims = record.to_claims()
    parse_record(claims)
    return sign_token(signer, OFFLINE_RECORD, claims)


def unverified_device(text: str) -> str:
    """Return the device that a record names, unverified, to look up its key. Raises TokenError if the text is no
    record.
    """
    return parse_record(parse_unverified(text, OFFLINE_RECORD).claims).device


def verify_record(text: str, key: ec.EllipticCurvePublicKey) -> SignedRecord:
    """Return the content of a record, verified with the device's key. Raises TokenError otherwise."""
    token = verify_with_key(text, OFFLINE_RECORD, key)
    return SignedRecord(parse_record(token.claims), text, record_digest(text))


def parse_record(claims: Mapping[str, object]) -> OfflineRecord:
    """Return the typed claims of a record, or raise BadClaims."""
    OFFLINE_RECORD.check_claims(claims)
    seq, granted = _seq(claims["seq"]), _outcome(claims["outcome"])
    reason = _matched(claims, "reason", _REASON)
    if granted and reason is not None:
        raise BadClaims("a grant has no reason")
    if not granted and reason is None:
        raise BadClaims("a refusal has a reason")
    prev = _text(claims["prev"], "prev", _DIGEST)
    if (seq == 1) != (prev == FIRST_PREV) or (seq == 1) != ("prev_at" not in claims):
        raise BadClaims("the first record follows none, every other names the one before and its time")
    return OfflineRecord(
        seq=seq,
        prev=prev,
        prev_at=claim_instant(claims["prev_at"], "prev_at") if "prev_at" in claims else None,
        device=_text(claims["device"], "device", _NAME),
        made_at=claim_instant(claims["iat"], "iat"),
        server_time=str(claims["server_time"]) if "server_time" in claims else None,
        operation=_text(claims["operation"], "operation", _OPERATION),
        service=_text(claims["service"], "service", _NAME),
        point=_text(claims["point"], "point", _NAME),
        beneficiary=_beneficiary(claims["beneficiary"]),
        presentation=_shown(claims["shown"]),
        granted=granted,
        reason=reason,
        operator=_matched(claims, "operator", _NAME),
        reference=_matched(claims, "reference", _REFERENCE),
        booking=_matched(claims, "booking", _NAME),
        companions=_companions(claims.get("companions", 0)),
        id_checked=claims.get("id_checked") is True,
        not_holder=claims.get("not_holder") is True,
    )


def sign_time(signer: Signer, issuer: str, at: datetime) -> str:
    """Return the server's time, signed by its receipt key."""
    return sign_token(signer, SERVER_TIME, {"iss": issuer, "iat": to_epoch(at)})


def verify_time(text: str, keys: KeySet, issuer: str, at: datetime) -> datetime:
    """Return the time that a server signed. Raises TokenError unless a receipt key that is valid at `at` signed it for
    `issuer`.
    """
    claims = verify_with_keys(text, SERVER_TIME, keys, Purpose.RECEIPT, at).claims
    if claims["iss"] != issuer or len(issuer) > URI_MOST:
        raise BadClaims("another issuer's time")
    return claim_instant(claims["iat"], "iat")


def time_is_believed(record: OfflineRecord, server_time: datetime | None, received_at: datetime) -> bool:
    """Return whether a use's period follows the device's time (docs/design.md §6, Offline).

    The device's time is believed if it lies after the earlier record, after the last server-signed time (at most 24 h
    after it), and before receipt. The comparison with the server's instants allows the leeway between two clocks.
    """
    if server_time is None or not server_time - LEEWAY <= record.made_at <= received_at + LEEWAY:
        return False
    if record.made_at - server_time > TIME_HELD_MOST:
        return False
    return record.prev_at is None or record.prev_at <= record.made_at


def _seq(value: object) -> int:
    if type(value) is not int or not 1 <= value <= SEQ_MOST:
        raise BadClaims("seq is not a number from 1")
    return value


def _companions(value: object) -> int:
    if type(value) is not int or not 0 <= value <= COMPANIONS_MOST:
        raise BadClaims("companions is not a number of people")
    return value


def _outcome(value: object) -> bool:
    if value not in ("granted", "denied"):
        raise BadClaims("outcome is neither granted nor denied")
    return value == "granted"


def _beneficiary(value: object) -> Beneficiary:
    try:
        return Beneficiary(str(value))
    except ValueError:
        raise BadClaims("beneficiary is none that the programme knows") from None


def _shown(value: object) -> Presentation:
    """The card token, with the phone's proof or the chip's answer if present."""
    tokens = [token for token in value if type(token) is str] if isinstance(value, list) else []
    if not 1 <= len(tokens) <= _SHOWN_MOST or tokens != value:
        raise BadClaims("shown is a card token, or a card token and its proof")
    try:
        presentation = from_tokens(tokens)
    except PresentationError:
        raise BadClaims("shown is no presentation") from None
    if presentation.card is None:
        raise BadClaims("shown lacks the card: a device offline grants to cards that it knows alone")
    return presentation


def _matched(claims: Mapping[str, object], name: str, pattern: re.Pattern[str]) -> str | None:
    return _text(claims[name], name, pattern) if name in claims else None


def _text(value: object, claim: str, pattern: re.Pattern[str]) -> str:
    if type(value) is not str or not pattern.fullmatch(value):
        raise BadClaims(f"{claim} is not written as it should be")
    return value
