"""Independent vectors (Wycheproof, RFC 7515, RFC 7638, RFC 8037), read from the folder that VECTORS names."""

import functools
import json
import os
from pathlib import Path

import pytest

from edge.encoding import EncodingError, b64u, digest, unb64u
from edge.strictjson import JsonError, dumps, loads
from keys import tokens
from keys.errors import BadKey
from keys.jwk import key_from_jwk, public_jwk
from keys.keyset import KeySet, VerificationKey
from keys.tokens import TokenError, signature_holds, verify_with_key, verify_with_keys
from tests.keys.builders import AT, DAY, FORM, KIDLESS, Purpose, signer

pytestmark = pytest.mark.skipif("VECTORS" not in os.environ, reason="VECTORS names no folder of independent vectors")

# Faults of the vectors themselves, each with what this project does instead of what the file says.
KNOWN_FAULTS = {
    346: "a PS256 key with an RS256 token: neither is ES256, both are refused",
    347: "an ES521 name where the RFC says ES512: not P-256, refused",
    350: "as 346, with key_ops",
    351: "as 347, with key_ops",
    367: "marked invalid, yet byte-identical to 357, which is marked valid: HS256, refused either way",
    370: "as 367",
    372: "marked valid with a `?` inside a segment: refused, the alphabet is exact",
    373: "as 372",
}


@functools.cache
def read(name):
    """Return a vector file; a missing one fails, since VECTORS promised it."""
    return json.loads((Path(os.environ["VECTORS"]) / name).read_bytes())


def cases(name):
    """Yield (group, case) of a Wycheproof file, after holding the count to what the file says of itself."""
    content = read(name)
    found = [(group, case) for group in content["testGroups"] for case in group["tests"]]
    assert len(found) == content["numberOfTests"]
    return found


def group_keys(group):
    """Return the keys of a group that this project would use at all: P-256 for ES256 signatures."""
    published = group.get("public") or group["private"]
    usable = []
    for jwk in published.get("keys", [published]):
        try:
            usable.append(key_from_jwk({name: value for name, value in jwk.items() if name != "d"}))
        except BadKey:
            continue
    return usable


def layer_accepts(text, key):
    """Tell whether a JWS holds below this project's own rules of header and claims: segments, alg, signature."""
    parts = tokens._COMPACT.fullmatch(text)
    try:
        if parts is None or loads(unb64u(parts[1])).get("alg") != "ES256":
            return False
        return signature_holds(text.rpartition(".")[0].encode("ascii"), unb64u(parts[3]), key)
    except (EncodingError, JsonError):
        return False


def signed_texts():
    """Return every JWS text of both Wycheproof files with its group."""
    both = cases("wycheproof/json_web_signature_test.json") + cases("wycheproof/json_web_key_test.json")
    return [(group, case) for group, case in both if isinstance(case["jws"], str)]


def test_no_wycheproof_token_is_one_of_ours_and_none_raises_anything_else():
    """Valid or not, none has our header and claims: each is a TokenError, known faults included."""
    seen = set()
    for group, case in signed_texts():
        for key in [*group_keys(group), signer().public_key]:
            for form in (FORM, KIDLESS):
                with pytest.raises(TokenError):
                    verify_with_key(case["jws"], form, key)
        seen.add(case["tcId"])
    assert seen >= KNOWN_FAULTS.keys()


def test_wycheproof_tokens_are_refused_against_a_key_set_too():
    """The set's way in is as strict as the single key's."""
    keys = KeySet([VerificationKey.of(signer().public_key, Purpose.CARD, AT - DAY, AT + DAY)])
    for _, case in signed_texts():
        with pytest.raises(TokenError):
            verify_with_keys(case["jws"], FORM, keys, Purpose.CARD, AT)


def test_the_signature_layer_agrees_with_wycheproof_on_p256():
    """All of the file's tokens that hold under a usable P-256 key, and no other, hold at the layer of signatures."""
    accepted, expected = set(), set()
    for group, case in cases("wycheproof/json_web_signature_test.json"):
        keys = group_keys(group)
        accepted |= {case["tcId"] for key in keys if layer_accepts(case["jws"], key)}
        if keys and case["result"] == "valid":
            expected.add(case["tcId"])
    assert accepted == expected == {18, 378}


def test_the_alphabet_is_exact_on_wycheproofs_base64_group():
    """Spoilt base64url is refused and good is read, exactly, save for the file's own known faults."""
    group = next(g for g in read("wycheproof/json_web_signature_test.json")["testGroups"] if g["comment"] == "base64")
    for case in group["tests"]:
        try:
            spelt = [unb64u(segment) for segment in case["jws"].split(".")]
        except EncodingError:
            spelt = []
        says = case["result"] == "valid"
        # Where the file is at fault, the truth is the opposite of what it says.
        truth = not says if case["tcId"] in KNOWN_FAULTS else says
        assert (len(spelt) == 3) is truth, (case["tcId"], case["comment"])


def test_wycheproofs_bad_jwks_are_refused():
    """Wrong use, algorithm, curve, type or point: no key comes of it; nothing but BadKey is raised."""
    for group, case in cases("wycheproof/json_web_key_test.json"):
        if case["result"] == "invalid":
            assert not any(layer_accepts(case["jws"], key) for key in group_keys(group)), case["tcId"]
    for group in read("wycheproof/json_web_key_test.json")["testGroups"]:
        if group["comment"] in {"wrong_algorithm", "invalid_algorithm", "invalid_use", "invalid_point", "wrong_curve",
                                "wrong_kty"}:  # fmt: skip
            assert group_keys(group) == [], group["comment"]


def test_wycheproofs_p1363_signatures():
    """ES256 over raw r and s: all 262 as the file says."""
    for group, case in cases("wycheproof/ecdsa_secp256r1_sha256_p1363_test.json"):
        point = bytes.fromhex(group["publicKey"]["uncompressed"])
        key = key_from_jwk({"kty": "EC", "crv": "P-256", "x": b64u(point[1:33]), "y": b64u(point[33:])})
        holds = signature_holds(bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]), key)
        assert holds is (case["result"] == "valid"), (case["tcId"], case["comment"])


def test_rfc7515_a3_holds_as_a_signature_and_is_no_token_of_ours():
    """The RFC's example verifies below, and is refused above: no `typ`, a claim that nobody knows."""
    vector = read("rfc/rfc7515_rfc8037.json")[0]
    key = key_from_jwk(vector["key"])
    assert layer_accepts(vector["token"], key)
    with pytest.raises(TokenError):
        verify_with_key(vector["token"], KIDLESS, key)


def test_rfc8037_ed25519_is_refused():
    """EdDSA is a good algorithm, and not ours."""
    vector = read("rfc/rfc7515_rfc8037.json")[1]
    with pytest.raises(BadKey):
        key_from_jwk(vector["key"])
    with pytest.raises(TokenError):
        verify_with_key(vector["token"], KIDLESS, signer().public_key)


def test_rfc7638_thumbprint_of_rfc8037():
    """The recipe (required members, sorted, no white space, SHA-256) gives the RFC's thumbprint."""
    vector = read("rfc/rfc7515_rfc8037.json")[2]
    members = {name: vector["key"][name] for name in ("crv", "kty", "x")}
    assert b64u(digest(dumps(members))) == vector["thumbprint"]


def test_rfc7515_key_survives_a_round_trip():
    """A JWK read and written again is the same."""
    jwk = read("rfc/rfc7515_rfc8037.json")[0]["key"]
    assert public_jwk(key_from_jwk(jwk)) == jwk
