"""Forms, signing, the order of verification and what each step refuses."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from edge.encoding import digest, unb64u
from edge.strictjson import loads
from keys.jwk import public_jwk
from keys.keyset import KeySet, Purpose
from keys.tokens import (
    LEEWAY,
    BadClaims,
    BadSignature,
    MalformedToken,
    TokenForm,
    UnknownKey,
    check_signature,
    parse_unverified,
    read_unverified,
    sign_token,
    signature_holds,
    verify_with_key,
    verify_with_keys,
)
from tests.keys.builders import AT, DAY, FORM, IAT, KIDLESS, claims, forge, header, key, key_set, signer

WITH_JWK = TokenForm("dpop+jwt", frozenset({"alg", "typ", "jwk"}), {"iat": int}, {}, 2048, None)


def head_of(text):
    """Return a token's header as its bytes say."""
    return unb64u(text.split(".")[0])


def test_a_token_is_written_in_one_order():
    """`alg`, `kid`, `typ`, then the claims as given; compact, UTF-8, not escaped: the wire form relies on it."""
    text = sign_token(signer(), FORM, claims(name="张*明"))
    assert head_of(text) == f'{{"alg":"ES256","kid":"{signer().kid}","typ":"example+jwt"}}'.encode()
    payload = unb64u(text.split(".")[1])
    assert payload == f'{{"iss":"https://issuer.example","iat":{IAT},"exp":{IAT + 3600},"name":"张*明"}}'.encode()


def test_a_form_without_kid_signs_none():
    """A proof's header is its two members alone."""
    assert head_of(sign_token(signer(), KIDLESS, {"iat": IAT})) == b'{"alg":"ES256","typ":"proof+jwt"}'


def test_an_extra_header_stands_last_and_only_if_the_form_asks_for_it():
    """DPoP carries its key; nothing else may carry one."""
    jwk = public_jwk(signer().public_key)
    text = sign_token(signer(), WITH_JWK, {"iat": IAT}, extra_header={"jwk": jwk})
    assert list(loads(head_of(text))) == ["alg", "typ", "jwk"]
    assert verify_with_key(text, WITH_JWK, signer().public_key).header["jwk"] == jwk
    for form, extra in (
        (FORM, {"jwk": jwk}),
        (WITH_JWK, None),
        (WITH_JWK, {"jwk": "text"}),
        (WITH_JWK, {"alg": "none"}),
    ):
        with pytest.raises(MalformedToken):
            sign_token(signer(), form, {"iat": IAT} if form is WITH_JWK else claims(), extra_header=extra)


@pytest.mark.parametrize(
    "change",
    [
        {"exp": None},
        {"exp": "soon"},
        {"extra": 1},
        {"name": ""},
        {"name": "x" * 513},
        {"name": "\ud800"},
        {"iat": True},
        {"exp": IAT + 31 * 86400},
        {"items": [float("nan")]},
        {"items": [[[[[[[[[]]]]]]]]]},
    ],
)
def test_signing_refuses_what_verifying_would_refuse(change):
    """Nothing leaves that comes back refused."""
    with pytest.raises(BadClaims):
        sign_token(signer(), FORM, claims(**change))


def test_signing_refuses_a_token_too_long_for_its_form():
    """A list of a thousand entries does not become a token of 2,048 characters."""
    with pytest.raises(MalformedToken, match="longer"):
        sign_token(signer(), FORM, claims(items=["x" * 10] * 1000))


def test_a_verified_token_tells_its_digest():
    """SHA-256 of the ASCII text: what a proof's `ath` names."""
    text = forge()
    assert verify_with_key(text, FORM, signer().public_key).digest == digest(text.encode())


def test_a_kept_header_cannot_be_changed():
    """Headers are kept between tokens: nobody who holds one may alter it for the next."""
    with pytest.raises(TypeError):
        parse_unverified(forge(), FORM).header["alg"] = "none"


def test_a_header_accepted_in_one_form_is_not_accepted_in_another():
    """What is kept is kept for its form alone."""
    other = TokenForm("other+jwt", FORM.headers, FORM.required, FORM.optional, FORM.max_length, None)
    assert verify_with_key(forge(), FORM, signer().public_key)
    with pytest.raises(MalformedToken):
        verify_with_key(forge(), other, signer().public_key)


def test_the_key_is_looked_up_before_the_signature_is_checked():
    """Step 2 before step 3: a strange key id is unknown, whoever signed."""
    text = forge(head=header(kid=signer("stranger").kid), by=signer("stranger"))
    with pytest.raises(UnknownKey):
        verify_with_keys(text, FORM, key_set(), Purpose.CARD, AT)
    with pytest.raises(UnknownKey):
        verify_with_key(text, FORM, signer().public_key)


def test_the_signature_is_checked_before_the_claims():
    """Step 3 before step 4: what nobody signed has no claims to speak of."""
    spoilt = forge(body=b"not json", by=signer("stranger"))
    with pytest.raises(BadSignature):
        verify_with_keys(spoilt, FORM, key_set(), Purpose.CARD, AT)


def test_a_kid_cannot_be_borrowed():
    """Another's key id over one's own signature is a bad signature."""
    with pytest.raises(BadSignature):
        verify_with_keys(forge(by=signer("stranger")), FORM, key_set(), Purpose.CARD, AT)


def test_an_empty_key_set_knows_nobody():
    """No keys is no trust, not any trust."""
    with pytest.raises(UnknownKey):
        verify_with_keys(forge(), FORM, KeySet([]), Purpose.CARD, AT)


def test_a_key_is_valid_from_its_first_instant_until_before_its_last():
    """Half-open, to the microsecond."""
    keys = KeySet([key(not_before=AT, not_after=AT + DAY)])
    tick = timedelta(microseconds=1)
    assert verify_with_keys(forge(), FORM, keys, Purpose.CARD, AT)
    assert verify_with_keys(forge(), FORM, keys, Purpose.CARD, AT + DAY - tick)
    for at in (AT - tick, AT + DAY):
        with pytest.raises(UnknownKey):
            verify_with_keys(forge(), FORM, keys, Purpose.CARD, at)


def test_a_parsed_token_is_verified_without_parsing_again():
    """The two steps together say what the one says, and no more."""
    unverified = parse_unverified(forge(), FORM)
    at_once = verify_with_key(unverified.text, FORM, signer().public_key)
    assert check_signature(unverified, signer().public_key) == at_once
    with pytest.raises(UnknownKey):
        check_signature(unverified, signer("stranger").public_key)
    with pytest.raises(BadSignature):
        check_signature(parse_unverified(forge(by=signer("stranger")), FORM), signer().public_key)


def test_a_token_is_read_as_the_form_that_its_type_names():
    """Of several forms the header's `typ` decides, and a token of none of them is malformed."""
    assert read_unverified(forge(), KIDLESS, FORM).form is FORM
    other = TokenForm(
        typ="other+jwt", headers=FORM.headers, required={}, optional={}, max_length=600, max_lifetime=None
    )
    with pytest.raises(MalformedToken):
        read_unverified(forge(), other, KIDLESS)
    short = TokenForm(typ=FORM.typ, headers=FORM.headers, required={}, optional={}, max_length=60, max_lifetime=None)
    with pytest.raises(MalformedToken):
        read_unverified(forge(), KIDLESS, short)


def test_claims_are_refused_when_they_are_asked_for():
    """Reading judges the outer shape alone; a token with bad claims says so to whoever wants them, every time."""
    token = read_unverified(forge(body=claims(exp=None)), FORM)
    for _ in range(2):
        with pytest.raises(BadClaims):
            token.claims  # noqa: B018 - reading them is what is refused


def test_a_form_without_kid_cannot_choose_among_keys():
    """The caller's mistake is told at once, not as a fault of the token."""
    with pytest.raises(ValueError, match="without kid"):
        verify_with_keys(forge(), KIDLESS, key_set(), Purpose.CARD, AT)


@pytest.mark.parametrize(
    "change",
    [
        {"headers": frozenset({"alg", "kid"})},
        {"headers": frozenset({"alg", "typ", "crit"})},
        {"typ": ""},
        {"required": {"iat": int}},
        {"required": {"iat": int, "exp": float}},
        {"required": {"iat": int, "exp": str}},
        {"optional": {"iat": int}},
    ],
)
def test_a_form_that_contradicts_itself_is_refused(change):
    """A cap without `exp`, a header that is never allowed, a time that is text: found when the program starts."""
    whole = {"typ": "a+jwt", "headers": frozenset({"alg", "typ"}), "required": {"iat": int, "exp": int}, "optional": {},
             "max_length": 100, "max_lifetime": DAY}  # fmt: skip
    assert TokenForm(**whole)
    with pytest.raises(ValueError, match=r"."):
        TokenForm(**(whole | change))


@pytest.mark.parametrize("text", [None, b"a.b.c", 7])
def test_what_is_no_text_is_malformed(text):
    """Also a value that slipped through another reader is a TokenError."""
    with pytest.raises(MalformedToken):
        verify_with_key(text, FORM, signer().public_key)


def test_no_message_quotes_a_token_or_a_claim():
    """Errors end in logs: they name what is wrong, never its value."""
    for text in (forge(body=claims(name="secret-name" * 60)), forge(body=claims(secretclaim="x")), "secret." * 3):
        with pytest.raises((BadClaims, MalformedToken)) as refusal:
            verify_with_keys(text, FORM, key_set(), Purpose.CARD, AT)
        assert "secret" not in str(refusal.value)


def test_two_honest_clocks_differ_by_five_seconds_at_most():
    """The one figure of docs/design.md for every comparison with an instant."""
    assert timedelta(seconds=5) == LEEWAY


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a_time_ends_with_the_year_9999_also_where_nothing_expires(name):
    """No instant could follow: the last second is taken, the next is out of bounds."""
    form = TokenForm("timed+jwt", frozenset({"alg", "typ"}), {}, {"iat": int, "nbf": int}, 500, None)
    form.check_claims({name: LAST_SECOND})
    with pytest.raises(BadClaims, match="out of bounds"):
        form.check_claims({name: LAST_SECOND + 1})


LAST_SECOND = 253_402_300_799


@pytest.mark.parametrize(("deep", "taken"), [(7, True), (8, False)])
def test_claims_nest_eight_deep_and_no_deeper(deep, taken):
    """The object of the claims is the first level."""
    nested = []
    for _ in range(deep - 1):
        nested = [nested]
    text = forge(body=claims(items=nested))
    if taken:
        assert verify_with_key(text, FORM, signer().public_key).claims["items"] == nested
    else:
        with pytest.raises(BadClaims):
            verify_with_key(text, FORM, signer().public_key)


@pytest.mark.parametrize("member", ["crit", "jku", "x5u", "x5c", "zip", "b64", "cty"])
def test_a_form_asks_for_no_member_that_names_a_key_s_place_or_a_coding(member):
    """Four members and no other; all four together are a form."""
    with pytest.raises(ValueError, match="headers"):
        TokenForm("f+jwt", frozenset({"alg", "typ", member}), {}, {}, 500, None)
    assert TokenForm("f+jwt", frozenset({"alg", "typ", "kid", "jwk"}), {}, {}, 500, None).typ == "f+jwt"


@pytest.mark.parametrize("claims_of_form", [{"x": float}, {"iat": str}, {"exp": bool}])
def test_a_form_knows_five_kinds_of_claims_and_times_are_integers(claims_of_form):
    """A form that says otherwise is a fault of its author, told where it is made."""
    with pytest.raises(ValueError, match="a time is an int"):
        TokenForm("f+jwt", frozenset({"alg", "typ"}), claims_of_form, {}, 500, None)


def test_of_several_forms_each_has_its_own_length():
    """A text too long for one form may be of another; what is too long for its own is refused."""
    short = TokenForm("short+jwt", frozenset({"alg", "typ", "kid"}), {"iat": int}, {}, 250, None)
    text = forge(body=claims(name="A" * 100))
    assert len(text) > short.max_length
    assert read_unverified(text, short, FORM).form is FORM
    with pytest.raises(MalformedToken, match="longer than 250"):
        read_unverified(forge(header(typ=short.typ), claims(name="A" * 100)), short, FORM)


def test_neither_a_token_read_nor_one_verified_shows_itself():
    """A log line that holds one by mistake holds its kind alone."""
    text = forge()
    for token in (parse_unverified(text, FORM), verify_with_key(text, FORM, signer().public_key)):
        assert text.split(".")[2] not in repr(token)
        assert claims()["iss"] not in repr(token)
    assert repr(parse_unverified(text, FORM)) == "UnverifiedToken(typ='example+jwt')"


def test_a_token_of_exactly_its_form_s_length_is_taken_and_a_longer_one_never_signed():
    """The bound is inclusive, and nothing leaves that comes back refused."""
    text = sign_token(signer(), FORM, claims(name="A"))
    exact = TokenForm(FORM.typ, FORM.headers, FORM.required, FORM.optional, len(text), FORM.max_lifetime)
    assert verify_with_key(text, exact, signer().public_key).text == text
    with pytest.raises(MalformedToken, match="longer than"):
        sign_token(signer(), exact, claims(name="A" * 10))


def test_a_signature_by_a_key_on_another_curve_never_holds():
    """secp256k1's signatures are as long as P-256's."""
    other = ec.generate_private_key(ec.SECP256K1())
    r, s = decode_dss_signature(other.sign(b"message", ec.ECDSA(hashes.SHA256())))
    assert signature_holds(b"message", r.to_bytes(32, "big") + s.to_bytes(32, "big"), other.public_key()) is False


def test_a_header_that_json_cannot_write_is_refused_by_name():
    """A number that is none has no place in a key."""
    with pytest.raises(BadClaims, match="no JSON"):
        sign_token(signer(), WITH_JWK, {"iat": IAT}, extra_header={"jwk": {"x": float("nan")}})
