"""Proofs of phones and chips: who signs, what they bind."""

import hashlib
from dataclasses import replace

import pytest

from cards.claims import Form
from cards.proof import (
    CHIP_PROOF,
    PROOF,
    ChipProofClaims,
    card_digest,
    chip_signing_input,
    complete_chip_proof,
    parse_chip_proof,
    parse_proof,
    sign_proof,
    verify_chip_proof,
    verify_proof,
    verify_read_chip_proof,
    verify_read_proof,
)
from edge.encoding import b64u, digest
from keys.errors import BadClaims, BadSignature, MalformedToken
from keys.signer import FileSigner
from keys.tokens import parse_unverified, read_unverified
from tests.cards.builders import AUDIENCE, NONCE, NOW, PHONE, READER, card, chip_proof, proof


def test_a_proof_binds_audience_time_and_the_exact_card():
    """What the phone signed is what verification reads."""
    token = card()
    read = verify_proof(proof(token), PHONE.public_key)
    assert (read.audience, read.issued_at) == (AUDIENCE, NOW)
    assert read.card_digest == hashlib.sha256(token.encode()).digest()


def test_a_proof_has_no_kid():
    """The card names the key: a header that could name another is refused."""
    header = parse_unverified(proof(card()), PROOF).header
    assert dict(header) == {"alg": "ES256", "typ": "card-proof+jwt"}


def test_a_proof_by_another_key_is_refused():
    """Somebody else's phone proves nothing for this card."""
    with pytest.raises(BadSignature):
        verify_proof(proof(card(), FileSigner.generate()), PHONE.public_key)


def test_one_kind_of_proof_never_serves_as_the_other():
    """A phone's proof is no chip's answer and the reverse: the `typ` keeps them apart."""
    token = card()
    with pytest.raises(MalformedToken):
        verify_chip_proof(proof(token), PHONE.public_key)
    with pytest.raises(MalformedToken):
        verify_proof(chip_proof(token), PHONE.public_key)


@pytest.mark.parametrize(
    ("claim", "value"),
    [("jti", "x"), ("jti", "A" * 43), ("ath", "A" * 22), ("ath", "-"), ("aud", "a" * 201), ("iat", "1"), ("exp", 1)],
)
def test_a_proof_of_another_shape_is_refused(claim, value):
    """Identifiers and digests have one length; no claim is added."""
    claims = parse_unverified(proof(card()), PROOF).claims
    with pytest.raises(BadClaims, match=f"^{claim} |does not know"):
        parse_proof({**claims, claim: value})


def test_an_issuer_of_proofs_refuses_a_bad_identifier():
    """The phone's side would rather fail than sign what no counter accepts."""
    with pytest.raises(BadClaims):
        sign_proof(PHONE, card=card(), audience=AUDIENCE, proof_id="1", issued_at=NOW)


def test_a_chip_signs_what_the_reader_wrote():
    """Reader writes the signing input, chip signs its SHA-256, the token verifies with the card's key."""
    token = card(Form.CHIP)
    claims = ChipProofClaims(AUDIENCE, READER, NONCE, NOW, card_digest(token))
    written = chip_signing_input(claims)
    answer = complete_chip_proof(written, PHONE.sign(written.encode()), PHONE.public_key)
    assert verify_chip_proof(answer, PHONE.public_key) == claims


def test_a_chip_with_another_key_is_noticed_at_the_reader():
    """A cloned card on another chip fails before it is sent."""
    written = chip_signing_input(ChipProofClaims(AUDIENCE, READER, NONCE, NOW, card_digest(card(Form.CHIP))))
    with pytest.raises(BadSignature):
        complete_chip_proof(written, FileSigner.generate().sign(written.encode()), PHONE.public_key)
    with pytest.raises(ValueError, match="32 bytes"):
        complete_chip_proof(written, b"\x30" * 70, PHONE.public_key)


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("rdr", "a b"),
        ("rdr", "r" * 65),
        ("nonce", b64u(bytes(16))),
        ("nonce", "!"),
        ("ath", ""),
        ("ath", "A" * 42),
        ("jti", "A" * 22),
    ],
)
def test_a_chip_answer_of_another_shape_is_refused(claim, value):
    """Reader's id, nonce and digest have one shape."""
    claims = parse_unverified(chip_proof(card(Form.CHIP)), CHIP_PROOF).claims
    with pytest.raises(BadClaims, match=f"^{claim} |does not know"):
        parse_chip_proof({**claims, claim: value})


def test_the_digest_is_of_the_text_not_of_what_it_says():
    """Two texts of one card have two digests: a proof serves one text alone."""
    token = card()
    assert card_digest(token) == digest(token.encode())
    assert card_digest(token) != card_digest(token[:-1])


def test_a_token_read_as_another_form_is_no_proof():
    """Whoever reads first and verifies later cannot hand one kind to the other's reader."""
    token = card()
    phone, chip = read_unverified(proof(token), PROOF), read_unverified(chip_proof(token), CHIP_PROOF)
    with pytest.raises(MalformedToken, match="no"):
        verify_read_proof(chip, PHONE.public_key)
    with pytest.raises(MalformedToken, match="no"):
        verify_read_chip_proof(phone, PHONE.public_key)
    assert verify_read_proof(phone, PHONE.public_key).card_digest == card_digest(token)
    assert verify_read_chip_proof(chip, PHONE.public_key).card_digest == card_digest(token)


def test_an_audience_of_two_hundred_characters_is_the_longest():
    """The bound itself is allowed, on both kinds of proof."""
    longest = "a" * 200
    assert verify_proof(proof(card(), audience=longest), PHONE.public_key).audience == longest
    claims = parse_unverified(chip_proof(card(Form.CHIP)), CHIP_PROOF).claims
    assert parse_chip_proof({**claims, "aud": longest}).audience == longest
    with pytest.raises(BadClaims):
        parse_chip_proof({**claims, "aud": longest + "a"})


def test_a_reader_writes_no_challenge_that_a_counter_refuses():
    """A reader's id or a nonce of another shape is told before the chip signs."""
    good = ChipProofClaims(AUDIENCE, READER, NONCE, NOW, card_digest(card(Form.CHIP)))
    for bad in (replace(good, reader="a b"), replace(good, nonce=bytes(31)), replace(good, audience="a" * 201)):
        with pytest.raises(BadClaims):
            chip_signing_input(bad)
