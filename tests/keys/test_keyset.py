"""JWK reading and writing, thumbprints, signers and key sets."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from keys.errors import BadKey, UnknownKey
from keys.jwk import is_thumbprint, key_from_jwk, key_thumbprint, public_jwk, thumbprint
from keys.keyset import Purpose, VerificationKey
from keys.signer import FileSigner
from keys.tokens import signature_holds
from tests.keys.builders import AT, DAY, key, key_set, signer

JWK = public_jwk(signer().public_key)


def test_a_jwk_reads_back_as_its_key():
    """Four members, in one order."""
    assert list(JWK) == ["kty", "crv", "x", "y"]
    assert key_from_jwk(JWK) == signer().public_key


def test_coordinates_keep_their_leading_zeros():
    """A coordinate is 32 bytes, also when its number is small (RFC 7518 §6.2.1.2)."""
    for scalar in range(1, 400):
        made = public_jwk(ec.derive_private_key(scalar, ec.SECP256R1()).public_key())
        assert (len(made["x"]), len(made["y"])) == (43, 43)
        assert public_jwk(key_from_jwk(made)) == made


@pytest.mark.parametrize(
    "change",
    [
        {"d": "A" * 43},
        {"kty": "RSA"},
        {"crv": "P-384"},
        {"crv": "secp256k1"},
        {"x": JWK["y"]},
        {"x": "A" * 43},
        {"x": JWK["x"] + "="},
        {"x": JWK["x"][:-1]},
        {"x": 7},
        {"y": None},
        {"kid": ""},
        {"kid": 7},
        {"kid": "k" * 129},
        {"x5c": ["…"]},
        {"ext": True},
    ],
)
def test_a_spoilt_jwk_is_refused(change):
    """Private halves, other curves, points off the curve, padding, strangers among the members."""
    with pytest.raises(BadKey):
        key_from_jwk(JWK | change)


@pytest.mark.parametrize("missing", ["kty", "crv", "x", "y"])
def test_a_jwk_without_a_member_is_refused(missing):
    """All four or no key."""
    with pytest.raises(BadKey):
        key_from_jwk({name: value for name, value in JWK.items() if name != missing})


@pytest.mark.parametrize("value", [None, [], "x", 7])
def test_what_is_no_object_is_no_jwk(value):
    """Whatever a claim holds in a key's place."""
    with pytest.raises(BadKey):
        key_from_jwk(value)


@given(
    st.dictionaries(
        st.sampled_from([*JWK, "use", "alg", "key_ops", "d"]),
        st.none() | st.text() | st.integers() | st.lists(st.text()),
    )
)
def test_reading_a_jwk_raises_nothing_but_bad_key(changes):
    """Any values in any members."""
    try:
        key_from_jwk(JWK | changes)
    except BadKey:
        return


def test_a_jwk_may_say_what_it_is_for():
    """What a JWK set publishes is read back."""
    published = {"use": "sig", "alg": "ES256", "kid": thumbprint(JWK), "key_ops": ["verify"]}
    assert key_from_jwk(JWK | published) == signer().public_key


def test_the_thumbprint_ignores_what_is_not_the_key():
    """RFC 7638: required members alone, in any order."""
    assert (
        thumbprint(dict(reversed(JWK.items())) | {"use": "sig"}) == signer().kid == key_thumbprint(signer().public_key)
    )
    assert is_thumbprint(signer().kid)
    for other in ("", "A" * 42, "A" * 44, "A" * 42 + "B", None, 7):
        assert not is_thumbprint(other)


def test_a_signer_signs_64_bytes_that_hold():
    """Raw r and s, never DER; no key material in its `repr`."""
    signature = signer().sign(b"message")
    assert len(signature) == 64
    assert signature_holds(b"message", signature, signer().public_key)
    assert not signature_holds(b"other", signature, signer().public_key)
    assert repr(signer()) == f"FileSigner(kid={signer().kid!r})"


def test_a_signer_on_another_curve_cannot_be_made():
    """ES256 is P-256."""
    with pytest.raises(BadKey):
        FileSigner(ec.generate_private_key(ec.SECP384R1()))


def test_a_key_survives_its_json():
    """What the bundle carries of a key is the key."""
    assert VerificationKey.from_json(key().to_json()) == key()


@pytest.mark.parametrize(
    "change",
    [
        {"kid": "A" * 43},
        {"purpose": "everything"},
        {"purpose": ["card"]},
        {"nbf": "2026"},
        {"exp": True},
        {"exp": 10**18},
        {"exp": 0},
        {"jwk": None},
        {"jwk": {}},
        {"extra": 1},
    ],
)
def test_a_spoilt_description_of_a_key_is_refused(change):
    """A kid that is not the key's own, a purpose nobody knows, a validity that is none."""
    with pytest.raises(BadKey):
        VerificationKey.from_json(key().to_json() | change)


@pytest.mark.parametrize("value", [None, [], {}, "x"])
def test_what_is_no_description_of_a_key_is_refused(value):
    """Whatever a list of keys holds."""
    with pytest.raises(BadKey):
        VerificationKey.from_json(value)


def test_a_naive_validity_is_refused():
    """Instants know their zone."""
    with pytest.raises(BadKey):
        key(not_before=AT.replace(tzinfo=None))


def test_a_set_finds_by_id_purpose_and_instant():
    """All three must fit."""
    keys = key_set()
    assert keys.find(signer().kid, Purpose.CARD, AT).key == signer().public_key
    for kid, purpose, at in (
        ("?", Purpose.CARD, AT),
        (signer().kid, Purpose.STATUS, AT),
        (signer().kid, Purpose.CARD, AT + 200 * DAY),
    ):
        with pytest.raises(UnknownKey):
            keys.find(kid, purpose, at)
    assert len(keys) == 2
    assert [found.purpose for found in keys.of_purpose(Purpose.STATUS)] == [Purpose.STATUS]


def test_the_jwk_set_is_public_and_complete():
    """Public halves with kid, use and alg (RFC 7517 §5)."""
    published = key_set().jwks()["keys"]
    assert [jwk["kid"] for jwk in published] == [signer().kid, signer("status").kid]
    assert all(jwk["use"] == "sig" and jwk["alg"] == "ES256" and "d" not in jwk for jwk in published)
