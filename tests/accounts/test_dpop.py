"""The proof itself: a proof that we build verifies, and two addresses are equal only if a server routes them alike."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.encoding import b64u, digest
from edge.instants import to_epoch
from keys.dpop import (
    DPOP,
    HEADERS_UNSIGNED_UNTIL,
    ClockOff,
    HttpCall,
    ProofKey,
    build_proof,
    normal_url,
    verify_dpop,
    without_query,
)
from keys.errors import BadClaims, TokenError, UnknownKey
from keys.jwk import public_jwk
from keys.signer import FileSigner
from keys.tokens import sign_token
from tests.accounts.builders import NOON

SIGNER = FileSigner.generate()
KEY = ProofKey.of(public_jwk(SIGNER.public_key))
URL = "https://card.example/v1/check-ins"
TOKENS = st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)


def call(method="POST", url=URL, body=b"{}", token="yd_x"):
    """A call as a server sees it."""
    return HttpCall(method, [url], body, token)


@given(st.sampled_from(["GET", "POST", "DELETE"]), st.binary(max_size=50), TOKENS)
def test_what_is_built_for_a_call_verifies_for_it(method, body, token):
    """Whatever method, body and token."""
    proof = build_proof(SIGNER, method, URL, body, token, NOON)
    verified = verify_dpop(proof, KEY, call(method, URL, body, token), NOON)
    assert verified.issued_at == NOON
    assert verified.expires_at == NOON + timedelta(seconds=60)


@given(st.binary(max_size=20), st.binary(max_size=20), TOKENS, TOKENS)
def test_a_proof_for_one_body_and_token_serves_no_other(body, other_body, token, other_token):
    """Any difference is refused."""
    proof = build_proof(SIGNER, "POST", URL, body, token, NOON)
    theirs = call(body=other_body, token=other_token)
    if (body, token) == (other_body, other_token):
        verify_dpop(proof, KEY, theirs, NOON)
    else:
        with pytest.raises(BadClaims):
            verify_dpop(proof, KEY, theirs, NOON)


@given(st.integers(min_value=0, max_value=10**6), st.integers(min_value=0, max_value=255))
def test_any_changed_character_is_refused(at, to):
    """A TokenError or ClockOff, never another exception, never a pass; the signature's two forms aside."""
    proof = build_proof(SIGNER, "POST", URL, b"{}", "yd_x", NOON)
    place = at % len(proof)
    changed = proof[:place] + chr(to) + proof[place + 1 :]
    if changed == proof:
        return
    with pytest.raises((TokenError, ClockOff)):
        verify_dpop(changed, KEY, call(), NOON)


@given(st.text(max_size=300))
def test_any_text_is_refused_in_the_documented_way(text):
    """No text raises anything but a TokenError."""
    with pytest.raises(TokenError):
        verify_dpop(text, KEY, call(), NOON)


def test_another_key_is_told_as_such():
    """The header names the key that signed, and it is not the known one."""
    proof = build_proof(FileSigner.generate(), "POST", URL, b"{}", "yd_x", NOON)
    with pytest.raises(UnknownKey):
        verify_dpop(proof, KEY, call(), NOON)


def test_each_proof_has_an_id_of_its_own():
    """Two proofs of one call at one instant are two."""
    ids = {
        verify_dpop(build_proof(SIGNER, "POST", URL, b"{}", "t", NOON), KEY, call(token="t"), NOON).proof_id
        for _ in range(5)
    }
    assert len(ids) == 5


def test_a_server_known_by_several_addresses_takes_each():
    """And no third."""
    theirs = HttpCall("POST", ["https://a.example/v1/x", "https://b.example/v1/x"], b"", None)
    for host in ("a", "b"):
        proof = build_proof(SIGNER, "POST", f"https://{host}.example/v1/x", b"", None, NOON)
        assert verify_dpop(proof, KEY, theirs, NOON).issued_at == NOON
    with pytest.raises(BadClaims):
        verify_dpop(build_proof(SIGNER, "POST", "https://c.example/v1/x", b"", None, NOON), KEY, theirs, NOON)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://Card.Example:443/v1/x", "https://card.example/v1/x"),
        ("http://h:80", "http://h/"),
        ("http://h:8000/a%2Db", "http://h:8000/a-b"),
        ("http://[::1]:8000/x", "http://[::1]:8000/x"),
        ("http://h/x?q", None),
        ("http://h/x#f", None),
        ("http://h/x?", None),
        ("http://u:p@h/x", None),
        ("h/x", None),
        ("javascript:alert(1)", None),
        ("http://h:99999/x", None),
        ("http:///x", None),
    ],
)
def test_the_normal_form_of_an_address(url, normal):
    """RFC 9449 §4.3 step 9, and nothing that is no address of a call."""
    assert normal_url(url) == normal


def test_a_query_is_left_out_of_what_a_client_signs():
    """And a fragment."""
    assert without_query("https://h/x?a=1&b=2#f") == "https://h/x"


HEADERS = {"operation": "A" * 22, "operator": "yo_session"}


def headed(**named: str) -> HttpCall:
    """A call with the headers Idempotency-Key and Yunju-Operator."""
    return HttpCall("POST", [URL], b"{}", "yd_x", **named)


@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"operation": "A" * 22},
        {"operator": "yo_session"},
        {"operation": "B" * 22, "operator": "yo_session"},
        {"operation": "A" * 22, "operator": "yo_another"},
        {"operation": "yo_session", "operator": "A" * 22},
    ],
)
def test_operation_and_operator_are_under_the_signature(shown):
    """A captured call does not go under another operation id, nor as another operator, nor as none."""
    proof = build_proof(SIGNER, "POST", URL, b"{}", "yd_x", NOON, **HEADERS)
    assert verify_dpop(proof, KEY, headed(**HEADERS), NOON)
    with pytest.raises(BadClaims):
        verify_dpop(proof, KEY, headed(**shown), NOON)


def test_a_call_without_these_headers_gets_none_on_the_way():
    """Their absence is signed too."""
    proof = build_proof(SIGNER, "POST", URL, b"{}", "yd_x", NOON)
    with pytest.raises(BadClaims):
        verify_dpop(proof, KEY, headed(operator="yo_session"), NOON)


def test_a_device_that_was_not_updated_goes_on_until_the_stated_day():
    """A proof without the claim is taken until then, and from then on refused."""
    claims = {"jti": "j" * 22, "htm": "POST", "htu": URL, "bh": b64u(digest(b"{}")), "ath": b64u(digest(b"yd_x"))}
    for at, taken in ((HEADERS_UNSIGNED_UNTIL - timedelta(seconds=1), True), (HEADERS_UNSIGNED_UNTIL, False)):
        header = {"jwk": public_jwk(SIGNER.public_key)}
        proof = sign_token(SIGNER, DPOP, claims | {"iat": to_epoch(at)}, extra_header=header)
        if taken:
            assert verify_dpop(proof, KEY, headed(**HEADERS), at)
            continue
        with pytest.raises(BadClaims):
            verify_dpop(proof, KEY, headed(**HEADERS), at)
