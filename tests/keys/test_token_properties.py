"""Whatever arrives, verification gives the signed token or a TokenError, and signing gives what verifies."""

import json

from hypothesis import given
from hypothesis import strategies as st

from edge.encoding import b64u
from keys.keyset import Purpose
from keys.tokens import TokenError, parse_unverified, sign_token, verify_with_key, verify_with_keys
from tests.keys.builders import AT, FORM, IAT, KIDLESS, claims, forge, header, key_set, signer

HONEST = forge()
KEYS = key_set()

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
member_names = st.sampled_from(["alg", "kid", "typ", "iss", "iat", "exp", "nbf", "cnf", "jwk", "crit"]) | st.text(
    max_size=4
)


def outcome(text):
    """Return the claims of a token, or None when it is refused; any other exception fails the test."""
    try:
        return verify_with_keys(text, FORM, KEYS, Purpose.CARD, AT).claims
    except TokenError:
        return None


@given(st.text(max_size=300) | st.from_regex(r"[A-Za-z0-9_=-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]{80,90}", fullmatch=True))
def test_any_text_is_refused(text):
    """Nothing that was not signed is accepted, and nothing raises another exception."""
    assert outcome(text) is None


@given(st.integers(0, len(HONEST) - 1), st.characters(max_codepoint=0x2FF))
def test_a_changed_character_is_refused(place, character):
    """Any one character changed: refused, or it was not changed at all."""
    changed = HONEST[:place] + character + HONEST[place + 1 :]
    assert changed == HONEST or outcome(changed) is None


@given(st.integers(0, len(HONEST)), st.integers(0, len(HONEST)), st.text(max_size=3))
def test_a_cut_or_an_insertion_is_refused(start, end, inserted):
    """Any piece replaced by any text: refused, or it was the same text."""
    changed = HONEST[:start] + inserted + HONEST[end:]
    assert changed == HONEST or outcome(changed) is None


@given(st.dictionaries(member_names, json_values, max_size=4))
def test_a_signed_header_is_refused_unless_it_is_the_forms(changes):
    """Even the issuer's own key cannot make a header count that the form does not ask for."""
    head = header() | changes
    text = forge(head=_json(head))
    assert outcome(text) is None or head == header()


@given(st.dictionaries(member_names, json_values, max_size=4))
def test_signed_claims_are_accepted_only_when_the_form_admits_them(changes):
    """What is accepted has every required claim, of its very type, and none that is unknown."""
    accepted = outcome(forge(body=_json(claims() | changes)))
    if accepted is not None:
        kinds = {**FORM.required, **FORM.optional}
        assert accepted.keys() >= FORM.required.keys()
        assert all(type(value) is kinds[name] for name, value in accepted.items())
        assert accepted["iat"] < accepted["exp"]


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_signed_bytes_of_any_kind_raise_nothing_else(head, body):
    """Header and payload of any bytes, truly signed."""
    assert outcome(forge(head=head or b" ", body=body or b" ")) is None


@given(st.text(min_size=1, max_size=40), st.integers(1, 30 * 86400), st.booleans())
def test_what_is_signed_verifies_to_the_same_claims(name, lifetime, flag):
    """Signing and verifying are inverse, or signing refuses."""
    made = claims(name=name, exp=IAT + lifetime, flag=flag)
    try:
        text = sign_token(signer(), FORM, made)
    except TokenError:
        assert any(0xD800 <= ord(character) <= 0xDFFF for character in name)
        return
    assert outcome(text) == made
    assert parse_unverified(text, FORM).claims == made


@given(st.binary(min_size=64, max_size=64))
def test_a_random_signature_is_refused(signature):
    """Sixty-four bytes of anything are nobody's signature."""
    assert outcome(f"{HONEST.rpartition('.')[0]}.{b64u(signature)}") is None


@given(st.text(max_size=120))
def test_the_single_key_way_is_as_safe(text):
    """Also without a key id, any text is a TokenError."""
    try:
        verify_with_key(text, KIDLESS, signer().public_key)
    except TokenError:
        return
    raise AssertionError(text)


def _json(value):
    # The library's own writer: ours would refuse what an attacker sends.
    return json.dumps(value).encode()
