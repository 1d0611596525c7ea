"""A card's claims: each one accounted for, everything else refused."""

from datetime import timedelta

import pytest

from cards.claims import CARD, LIFETIME_CAPS, Form, parse, sign_card
from keys.errors import BadClaims
from keys.jwk import public_jwk
from keys.keyset import Purpose
from keys.tokens import verify_with_keys
from tests.cards.builders import ISSUER_KEY, NOW, PHONE, card, card_claims, key_set


@pytest.mark.parametrize("form", list(Form))
def test_a_signed_card_reads_back_as_its_claims(form):
    """What the issuer wrote is what the verifier reads, for every form."""
    claims = card_claims(form)
    token = verify_with_keys(sign_card(ISSUER_KEY, claims), CARD, key_set(), Purpose.CARD, NOW)
    assert parse(token.claims) == claims
    assert dict(token.header) == {"alg": "ES256", "kid": ISSUER_KEY.kid, "typ": "card+jwt"}


def test_claims_stand_in_one_order():
    """The wire form packs small only if every card is written alike."""
    assert list(card_claims().to_claims()) == [
        "iss", "sub", "jti", "tier", "form", "name", "iat", "nbf", "exp", "cnf", "status",
    ]  # fmt: skip


def test_a_key_names_itself_by_thumbprint():
    """Phones' cards tell which key they name; prints have none."""
    assert card_claims().key_thumbprint == PHONE.kid
    assert card_claims(Form.PRINT).key_thumbprint is None


@pytest.mark.parametrize("claim", ["iss", "sub", "jti", "tier", "form", "name", "iat", "nbf", "exp", "status"])
def test_no_claim_may_be_missing(claim):
    """Every required claim is required."""
    claims = card_claims().to_claims()
    del claims[claim]
    with pytest.raises(BadClaims):
        parse(claims)


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("iss", ""), ("iss", "two words"), ("iss", "x" * 201), ("iss", 7),
        ("sub", "short"), ("sub", "A" * 22 + "="), ("sub", "A" * 21 + "B"), ("sub", "A" * 43), ("jti", "Ä" * 22),
        ("tier", "Gold"), ("tier", "-gold"), ("tier", "g" * 33), ("tier", "gold\n"), ("tier", ""),
        ("form", "paper"), ("form", "PHONE"), ("form", ["phone"]),
        ("name", ""), ("name", "  "), ("name", "x" * 101), ("name", "张\n明"), ("name", "张\u202e明"),
        ("name", "\ue000"),
        ("iat", True), ("iat", "1795335330"), ("iat", 1.5), ("iat", -1), ("exp", 10**30), ("nbf", None),
        ("cnf", {}), ("cnf", {"jwk": {}}), ("cnf", {"jwk": {}, "kid": "x"}), ("cnf", None),
        ("status", {}), ("status", {"status_list": {"idx": 1}}), ("status", {"status_list": {"idx": -1, "uri": "https://a"}}),
        ("status", {"status_list": {"idx": True, "uri": "https://a"}}),
        ("status", {"status_list": {"idx": 1, "uri": "ftp://a"}}),
        ("status", {"status_list": {"idx": 1, "uri": "https://a", "more": 1}}),
        ("surprise", 1),
    ],
)  # fmt: skip
def test_a_claim_of_another_shape_is_refused(claim, value):
    """Wrong types, lengths, alphabets, unknown members: each is a bad claim and no other error."""
    with pytest.raises(BadClaims):
        parse(card_claims().to_claims() | {claim: value})


@pytest.mark.parametrize("form", [Form.PHONE, Form.CHIP])
def test_a_form_with_a_key_must_name_it(form):
    """A phone's or chip's card without `cnf` would be a copyable card in disguise."""
    claims = card_claims(form).to_claims()
    del claims["cnf"]
    with pytest.raises(BadClaims):
        parse(claims)


@pytest.mark.parametrize("form", [Form.PRINT, Form.TAG])
def test_a_form_without_a_key_must_name_none(form):
    """A print or a tag cannot prove a key; one that names a key is a mistake."""
    claims = card_claims(form).to_claims() | {"cnf": {"jwk": public_jwk(PHONE.public_key)}}
    with pytest.raises(BadClaims):
        parse(claims)


def test_a_key_with_a_private_part_or_further_members_is_refused():
    """`cnf.jwk` is kty, crv, x, y and nothing else."""
    jwk = public_jwk(PHONE.public_key)
    for changed in (jwk | {"d": "A" * 43}, jwk | {"use": "sig"}, jwk | {"x": jwk["y"]}):
        with pytest.raises(BadClaims):
            parse(card_claims().to_claims() | {"cnf": {"jwk": changed}})


@pytest.mark.parametrize("form", list(Form))
def test_a_card_lives_no_longer_than_its_form_may(form):
    """The cap is exact: at it accepted, a second beyond it refused, by issuer and verifier alike."""
    cap = LIFETIME_CAPS[form]
    card(form, expires_at=NOW + cap)
    with pytest.raises(BadClaims):
        card(form, expires_at=NOW + cap + timedelta(seconds=1))


def test_a_card_that_ends_before_it_begins_is_refused():
    """`exp` follows `nbf` and `iat`."""
    with pytest.raises(BadClaims):
        card(not_before=NOW + timedelta(days=30))
    with pytest.raises(BadClaims):
        card(expires_at=NOW)
