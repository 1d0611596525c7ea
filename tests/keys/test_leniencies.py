"""Everything that PyJWT accepts when called the plain way and this project must not: one test each, truly signed."""

import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448

from edge.encoding import b64u, unb64u
from edge.strictjson import dumps
from keys.errors import BadKey
from keys.jwk import key_from_jwk, public_jwk
from keys.keyset import KeySet, Purpose
from keys.tokens import (
    BadClaims,
    BadSignature,
    MalformedToken,
    TokenError,
    parse_unverified,
    verify_with_key,
    verify_with_keys,
)
from tests.keys.builders import AT, DAY, FORM, IAT, claims, forge, header, key, key_set, signer

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def verify(text):
    """Verify as a counter would."""
    return verify_with_keys(text, FORM, key_set(), Purpose.CARD, AT)


def test_the_honest_token_passes():
    """What the attacks below change is accepted when unchanged: the refusals are not for another reason."""
    assert verify(forge()).claims == claims()


def test_missing_expiry_is_refused():
    """A token without `exp` would live for ever."""
    with pytest.raises(BadClaims, match="missing: exp"):
        verify(forge(body=claims(exp=None)))


@pytest.mark.parametrize(
    "value",
    [str(IAT + 60), " 9_999_999_999 ", "１７９５３２００００", float(IAT + 60), 10**30, True, -1, [IAT], 2**53],
    ids=["text", "underscores", "full-width", "float", "huge", "true", "negative", "list", "2^53"],
)
@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
def test_a_time_is_a_plain_integer(name, value):
    """Texts, floats, truth values and integers past any calendar are no times."""
    with pytest.raises(BadClaims):
        verify(forge(body=claims(**{name: value})))


def test_an_exponent_is_no_integer():
    """1e3 and 1.0 are floats to JSON readers, whatever their value."""
    body = dumps(claims()).replace(str(IAT + 3600).encode(), b"1.7953200e9")
    with pytest.raises(BadClaims):
        verify(forge(body=body))


@pytest.mark.parametrize("typ", [None, "JWT", "Example+JWT", "application/example+jwt", "card+jwt", ""])
def test_another_type_or_none_is_refused(typ):
    """A token of one kind is never taken for another (RFC 8725 §3.11)."""
    with pytest.raises(MalformedToken):
        verify(forge(head=header(typ=typ)))


@pytest.mark.parametrize("member", ["alg", "kid", "typ"])
def test_duplicate_header_members_are_refused(member):
    """Two readers could see two headers in one token."""
    pair = json.dumps(header()[member])
    head = dumps(header())[:-1] + f',"{member}":{pair}}}'.encode()
    with pytest.raises(MalformedToken):
        verify(forge(head=head))


def test_duplicate_claims_are_refused():
    """Two readers could see two claims in one token, also when both say the same."""
    body = dumps(claims())[:-1] + f',"exp":{IAT + 3600}}}'.encode()
    with pytest.raises(BadClaims):
        verify(forge(body=body))


def test_duplicate_nested_members_are_refused():
    """An object inside a claim is read as strictly as the claims."""
    body = dumps(claims())[:-1] + b',"cnf":{"jwk":1,"jwk":2}}'
    with pytest.raises(BadClaims):
        verify(forge(body=body))


def test_a_huge_kid_is_refused():
    """100 kB of key id never reach a look-up, a log line or a cache."""
    with pytest.raises(MalformedToken):
        verify(forge(head=header(kid="A" * 100_000)))


@pytest.mark.parametrize("kid", ["A" * 42, "A" * 44, "A" * 42 + "B", "A" * 42 + "=", 7, "", "é" * 43])
def test_a_kid_is_a_thumbprint(kid):
    """Only canonical base64url of 32 bytes names a key."""
    with pytest.raises(MalformedToken):
        verify(forge(head=header(kid=kid)))


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c", "x5t", "zip", "crit", "b64", "cty", "enc", "nonsense"])
def test_a_header_member_that_the_form_does_not_ask_for_is_refused(member):
    """Members that point at keys or change the meaning of the payload are refused, not ignored."""
    values = {"jwk": public_jwk(signer("attacker").public_key), "crit": ["b64"], "b64": False}
    with pytest.raises(MalformedToken):
        verify(forge(head=header(**{member: values.get(member, "https://attacker.example")})))


def test_a_key_from_the_header_is_never_used():
    """An attacker's own signature with the attacker's own key beside it proves nothing."""
    head = header(jwk=public_jwk(signer("attacker").public_key))
    with pytest.raises(TokenError):
        verify(forge(head=head, by=signer("attacker")))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_other_encodings_than_utf8_are_refused(encoding):
    """JSON readers guess encodings; a signed text has one."""
    body = dumps(claims()).decode().encode(encoding)
    with pytest.raises(BadClaims):
        verify(forge(body=body))
    with pytest.raises(MalformedToken):
        verify(forge(head=dumps(header()).decode().encode(encoding)))


def test_lone_surrogates_are_refused():
    """A half character can be neither stored nor shown."""
    body = dumps(claims())[:-1] + rb',"name":"\ud800"}'
    with pytest.raises(BadClaims):
        verify(forge(body=body))


@pytest.mark.parametrize("segment", [0, 1, 2])
def test_padding_is_refused(segment):
    """A trailing `=` would give one token many texts."""
    parts = forge().split(".")
    parts[segment] += "="
    with pytest.raises(MalformedToken):
        verify(".".join(parts))


def test_trailing_bits_are_refused():
    """86 characters hold 4 bits more than 64 bytes: they are zero in the one right spelling."""
    text = forge()
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(text[-1])
    other = text[:-1] + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last + 1]
    with pytest.raises(MalformedToken):
        verify(other)


@pytest.mark.parametrize("text", ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "a.b.c.d.e", "{}"])
def test_what_is_not_three_segments_is_refused(text):
    """Neither JWE, nor detached, nor JSON serialisation is read."""
    with pytest.raises(MalformedToken):
        verify(text)


@pytest.mark.parametrize("affix", [" ", "\n", "\t", "\x00", "\ufeff", "é", "Ａ"])
def test_characters_around_a_token_are_refused(affix):
    """Nothing is stripped: the digest of a text is the digest of the token."""
    for text in (affix + forge(), forge() + affix, forge().replace(".", affix + ".", 1)):
        with pytest.raises(MalformedToken):
            verify(text)


def test_a_token_longer_than_its_form_is_refused():
    """The length is looked at before anything is decoded."""
    with pytest.raises(MalformedToken, match="longer"):
        verify(forge(body=claims(name="x" * FORM.max_length)))


@pytest.mark.parametrize(
    "alg", ["none", "None", "HS256", "RS256", "PS256", "ES384", "ES256K", "EdDSA", "es256", None, 256]
)
def test_only_es256_is_accepted(alg):
    """The algorithm is the key's, never the token's to choose."""
    with pytest.raises(MalformedToken):
        verify(forge(head=header(alg=alg)))


def test_an_unsigned_token_is_refused():
    """`none` with an empty signature is no token at all."""
    text = f"{b64u(dumps(header(alg='none')))}.{b64u(dumps(claims()))}."
    with pytest.raises(MalformedToken):
        verify(text)


def test_a_use_of_the_public_key_as_a_secret_is_refused():
    """HS256 keyed with the public PEM: the classic confusion of symmetry."""
    pem = signer().public_key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signing_input = f"{b64u(dumps(header(alg='HS256')))}.{b64u(dumps(claims()))}"
    mac = hmac.digest(pem, signing_input.encode(), hashlib.sha256)
    for signature in (mac, mac + mac):
        with pytest.raises(MalformedToken):
            verify(f"{signing_input}.{b64u(signature)}")


@pytest.mark.parametrize("change", [{"use": "enc"}, {"key_ops": ["sign"]}, {"key_ops": ["encrypt", "verify"]},
                                    {"key_ops": []}, {"alg": "ES384"}, {"alg": "ECDH-ES"}, {"use": None}])  # fmt: skip
def test_a_jwk_for_another_use_is_refused(change):
    """`use`, `key_ops` and `alg` bind, where given."""
    with pytest.raises(BadKey):
        key_from_jwk(public_jwk(signer().public_key) | change)


def test_duplicate_kids_in_a_set_are_refused():
    """Which of two keys of one id is meant must never depend on their order."""
    with pytest.raises(BadKey):
        KeySet([key(), key()])
    with pytest.raises(BadKey):
        KeySet([key(Purpose.CARD, "card"), key(Purpose.STATUS, "card")])


@pytest.mark.parametrize(
    "other",
    [
        ec.generate_private_key(ec.SECP256K1()).public_key(),
        ec.generate_private_key(ec.SECP384R1()).public_key(),
        ec.generate_private_key(ec.BrainpoolP256R1()).public_key(),
    ],
    ids=lambda other: other.curve.name,
)
def test_a_key_on_another_curve_verifies_nothing(other):
    """Also on curves whose signatures are as long as P-256's."""
    with pytest.raises(TokenError):
        verify_with_key(forge(), FORM, other)
    with pytest.raises(BadKey):
        public_jwk(other)


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "OKP", "crv": "Ed448", "x": b64u(ed448.Ed448PrivateKey.generate().public_key().public_bytes_raw())},
        {"kty": "OKP", "crv": "Ed25519", "x": b64u(b"x" * 32)},
        {"kty": "oct", "k": b64u(b"k" * 32)},
        {"kty": "RSA", "e": "AQAB", "n": b64u(b"n" * 256)},
    ],
    ids=["Ed448", "Ed25519", "oct", "RSA"],
)
def test_other_kinds_of_keys_are_refused(jwk):
    """One algorithm, one kind of key: PyJWT's EdDSA would admit Ed448 as well."""
    with pytest.raises(BadKey):
        key_from_jwk(jwk)


def test_reading_without_verifying_still_checks_every_claim():
    """PyJWT's verify_signature=False switches `exp` off as well; here no option does."""
    with pytest.raises(BadClaims):
        parse_unverified(forge(body=claims(exp=None)), FORM)
    with pytest.raises(BadClaims):
        parse_unverified(forge(body=claims(exp=IAT)), FORM)


def test_two_texts_can_carry_one_signature():
    """(r, n - s) holds too, under another digest: why replay guards are keyed on `jti`, never on the text."""
    text = forge()
    head, _, signature = text.rpartition(".")
    raw = unb64u(signature)
    twin = f"{head}.{b64u(raw[:32] + (ORDER - int.from_bytes(raw[32:])).to_bytes(32))}"
    assert verify(twin).claims == verify(text).claims
    assert verify(twin).digest != verify(text).digest


@pytest.mark.parametrize("unknown", ["admin", "aud", "exp ", "EXP", "", "__proto__"])
def test_an_unknown_claim_is_refused(unknown):
    """Every claim is accounted for: what nobody reads, nobody signed for."""
    with pytest.raises(BadClaims):
        verify(forge(body=claims(**{unknown: "x"})))


def test_a_lifetime_beyond_the_cap_is_refused():
    """A stolen issuer key cannot make a card for ever."""
    cap = int(FORM.max_lifetime.total_seconds())
    assert verify(forge(body=claims(exp=IAT + cap)))
    with pytest.raises(BadClaims, match="lives longer"):
        verify(forge(body=claims(exp=IAT + cap + 1)))


@pytest.mark.parametrize("change", [{"exp": IAT}, {"exp": IAT - 1}, {"nbf": IAT + 3600}, {"nbf": IAT + 4000}])
def test_times_in_the_wrong_order_are_refused(change):
    """A token that ends before it begins was not made by an honest issuer."""
    with pytest.raises(BadClaims, match="exp is not after"):
        verify(forge(body=claims(**change)))


def test_claims_that_are_no_object_are_refused():
    """A list, a number or nothing is no set of claims."""
    for body in (b"[]", b"7", b"null", b'"text"', b"{", b"{}{}", b" ", b'{"a":NaN}', b"[" * 900):
        with pytest.raises(BadClaims):
            verify(forge(body=body))


@pytest.mark.parametrize("place", [0, 1])
def test_a_signature_over_other_bytes_is_refused(place):
    """Header and payload are both under the signature."""
    parts, others = forge().split("."), forge(body=claims(name="other")).split(".")
    assert parts[0] == others[0]
    mixed = [parts[0], others[1], parts[2]] if place else [parts[0], parts[1], others[2]]
    with pytest.raises(BadSignature):
        verify(".".join(mixed))


def test_a_key_of_another_purpose_or_out_of_its_validity_is_unknown():
    """A status key signs no card; a card key signs none before or after its days."""
    by_status = forge(head=header(kid=signer("status").kid), by=signer("status"))
    for text, at in ((by_status, AT), (forge(), AT - 2 * DAY), (forge(), AT + 100 * DAY)):
        with pytest.raises(TokenError) as refusal:
            verify_with_keys(text, FORM, key_set(), Purpose.CARD, at)
        assert refusal.value.reason == "unknown-key"
