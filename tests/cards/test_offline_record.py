"""The record that an offline device signs, and the server's time that it holds (docs/offline.md)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cards.offline_record import (
    FIRST_PREV,
    OFFLINE_RECORD,
    SERVER_TIME,
    OfflineRecord,
    parse_record,
    record_digest,
    sign_record,
    sign_time,
    time_is_believed,
    unverified_device,
    verify_record,
    verify_time,
)
from cards.parts import Presentation
from cards.programme.types import Beneficiary
from cards.proof import sign_proof
from edge.encoding import b64u
from keys.errors import BadClaims, BadSignature, TokenError
from keys.keyset import KeySet, Purpose, VerificationKey
from keys.signer import FileSigner
from keys.tokens import sign_token
from tests.cards.builders import AUDIENCE, ISSUER, NOW, PHONE, card, identifier

DEVICE = FileSigner.generate()
RECEIPT = FileSigner.generate()
DOCUMENT = (Path(__file__).parents[2] / "docs" / "offline.md").read_text(encoding="utf-8")


def a_presentation() -> Presentation:
    """A phone card with a proof of NOW."""
    token = card()
    return Presentation(token, sign_proof(PHONE, card=token, audience=AUDIENCE, proof_id=identifier(), issued_at=NOW))


def a_record(**changes) -> OfflineRecord:
    """The first record of a device, a grant."""
    record = OfflineRecord(
        seq=1,
        prev=FIRST_PREV,
        prev_at=None,
        device="tablet-1",
        made_at=NOW,
        server_time=sign_time(RECEIPT, ISSUER, NOW),
        operation=identifier(),
        service="gym-visit",
        point="gym",
        beneficiary=Beneficiary.HOLDER,
        presentation=a_presentation(),
        granted=True,
    )
    return replace(record, **changes)


def receipt_keys() -> KeySet:
    """The receipt key in its validity."""
    bounds = NOW - timedelta(days=30), NOW + timedelta(days=30)
    return KeySet([VerificationKey.of(RECEIPT.public_key, Purpose.RECEIPT, *bounds)])


@pytest.mark.parametrize(
    "record",
    [
        a_record(),
        a_record(seq=2, prev=b64u(bytes(range(32))), prev_at=NOW - timedelta(hours=1)),
        a_record(granted=False, reason="revoked"),
        a_record(operator="op-1", reference="2026-17", booking="7f-000012", companions=3),
        a_record(id_checked=True, not_holder=True, server_time=None),
    ],
)
def test_a_record_reads_back_as_it_was_written(record):
    """Signed, verified, the same; its digest covers header and claims."""
    text = sign_record(DEVICE, record)
    signed = verify_record(text, DEVICE.public_key)
    assert (signed.record, signed.digest) == (record, record_digest(text))
    assert unverified_device(text) == record.device


def test_the_documents_table_names_every_claim():
    """docs/offline.md tells of each claim, and of no other."""
    named = {name for row in re.findall(r"^\| (`[^|]+`) \| .*\|$", DOCUMENT, re.MULTILINE) for name in row.split(", ")}
    claims = {f"`{name}`" for name in {*OFFLINE_RECORD.required, *OFFLINE_RECORD.optional}}
    assert claims <= named


def test_the_longest_record_fits():
    """Every claim at its longest stays within the form's length."""
    record = a_record(
        seq=2**31 - 1,
        prev=b64u(bytes(range(32))),
        prev_at=NOW,
        operator="o" * 64,
        reference="字" * 200,
        booking="7f-000012",
        companions=500,
        id_checked=True,
        not_holder=True,
    )
    assert len(sign_record(DEVICE, record)) < OFFLINE_RECORD.max_length


def test_another_key_or_a_changed_byte_is_refused():
    """Only the device's key, only what it signed."""
    text = sign_record(DEVICE, a_record())
    with pytest.raises(BadSignature):
        verify_record(text, FileSigner.generate().public_key)
    head, _, signature = text.rpartition(".")
    with pytest.raises(TokenError):
        verify_record(f"{head[:-1]}{'A' if head[-1] != 'A' else 'B'}.{signature}", DEVICE.public_key)


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 0},
        {"seq": 2**31},
        {"prev": "A" * 42},
        {"prev": b64u(bytes(range(32)))},
        {"prev_at": 1795335330},
        {"seq": 2},
        {"operation": "short"},
        {"operation": "offline:x-x-x-x-x-x"},
        {"service": "gym visit"},
        {"point": ""},
        {"beneficiary": "friend"},
        {"outcome": "maybe"},
        {"outcome": "denied"},
        {"reason": "revoked"},
        {"shown": []},
        {"shown": ["x"]},
        {"shown": ["a", "b", "c"]},
        {"shown": [1]},
        {"companions": -1},
        {"companions": 501},
        {"reference": "line\nbreak"},
        {"device": "no spaces please"},
        {"iat": -1},
        {"unknown": "claim"},
    ],
    ids=lambda change: "-".join(f"{name}={str(value)[:12]!r}" for name, value in change.items()),
)
def test_a_record_that_says_something_else_is_refused(change):
    """Each claim in its form, none unknown, and what belongs together together."""
    with pytest.raises(BadClaims):
        parse_record({**a_record().to_claims(), **change})


def test_a_proof_without_its_card_is_refused():
    """Offline a device knows the card: the record carries it."""
    proof = a_presentation().proof
    with pytest.raises(BadClaims):
        parse_record({**a_record().to_claims(), "shown": [proof]})


def test_a_record_is_no_card_and_no_card_a_record():
    """`typ` keeps the tokens apart."""
    with pytest.raises(TokenError):
        verify_record(sign_time(RECEIPT, ISSUER, NOW), RECEIPT.public_key)
    with pytest.raises(TokenError):
        unverified_device(card())


def test_the_servers_time_is_read_back():
    """By the receipt key, of this issuer."""
    assert verify_time(sign_time(RECEIPT, ISSUER, NOW), receipt_keys(), ISSUER, NOW) == NOW


def test_another_issuers_time_is_refused():
    """A server of another programme vouches for nothing here."""
    with pytest.raises(BadClaims):
        verify_time(sign_time(RECEIPT, "https://elsewhere.example", NOW), receipt_keys(), ISSUER, NOW)


def test_a_time_by_a_key_of_another_purpose_is_refused():
    """A card key signs no time."""
    bounds = NOW - timedelta(days=30), NOW + timedelta(days=30)
    keys = KeySet([VerificationKey.of(RECEIPT.public_key, Purpose.CARD, *bounds)])
    with pytest.raises(TokenError):
        verify_time(sign_time(RECEIPT, ISSUER, NOW), keys, ISSUER, NOW)


def test_a_time_with_more_claims_is_refused():
    """The form is closed."""
    longer = replace(SERVER_TIME, optional={"exp": int})
    text = sign_token(RECEIPT, longer, {"iss": ISSUER, "iat": 1, "exp": 2})
    with pytest.raises(BadClaims):
        verify_time(text, receipt_keys(), ISSUER, NOW)


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("prev", "server", "made", "received", "believed"),
    [
        (None, -HOUR, 0 * HOUR, HOUR, True),
        (-HOUR, -2 * HOUR, 0 * HOUR, HOUR, True),
        (0 * HOUR, -HOUR, 0 * HOUR, HOUR, True),
        (timedelta(seconds=1), -HOUR, 0 * HOUR, HOUR, False),
        (None, None, 0 * HOUR, HOUR, False),
        (None, -24 * HOUR, 0 * HOUR, HOUR, True),
        (None, -24 * HOUR - timedelta(seconds=1), 0 * HOUR, HOUR, False),
        (None, timedelta(seconds=5), 0 * HOUR, HOUR, True),
        (None, timedelta(seconds=6), 0 * HOUR, HOUR, False),
        (None, -HOUR, 0 * HOUR, timedelta(seconds=-5), True),
        (None, -HOUR, 0 * HOUR, timedelta(seconds=-6), False),
    ],
)
def test_a_devices_time_is_believed_within_its_bounds(prev, server, made, received, believed):
    """Not before the record before, nor the server's time; at most 24 h after that; not after receipt."""
    if prev is None:
        record = a_record(made_at=NOW + made)
    else:
        record = a_record(seq=2, prev=b64u(bytes(range(32))), prev_at=NOW + prev, made_at=NOW + made)
    held = None if server is None else NOW + server
    assert time_is_believed(record, held, NOW + received) is believed
