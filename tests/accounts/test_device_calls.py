"""A device's calls: what its proof must say, and what an attacker may try with a stolen part of it."""

import json
from datetime import timedelta

import pytest

from accounts.rights import Right
from edge.encoding import b64u, digest, unb64u
from keys.dpop import DPOP, build_proof
from keys.jwk import public_jwk
from keys.signer import FileSigner
from keys.tokens import sign_token
from tests.accounts.builders import BASE, NOON, Ground, code_of, new_store

BODY = b'{"service":"gym-visit"}'


def test_a_device_is_known_by_its_token_and_a_proof_of_its_key(ground):
    """The caller has the device's id, point and the rights it was enrolled with."""
    device = ground.device()
    answered = device.call()
    assert answered.status_code == 200
    assert answered.json == {
        "kind": "device",
        "id": device.id,
        "rights": {"gym": ["check-in"]},
        "point": "gym",
        "operator": None,
    }


def test_a_call_with_a_body_passes_when_the_proof_covers_it(ground):
    """`bh` is the body's hash, and the body reaches the view untouched."""
    answered = ground.device().call("POST", "/v1/change", BODY)
    assert answered.json["body"] == BODY.decode()


def test_a_query_is_no_part_of_the_proof(ground):
    """RFC 9449 leaves the query out of htu."""
    assert ground.device().call(path="/v1/whoami?on=2026-10-31").status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "DPoP", "Basic", ""])
def test_a_token_without_a_proof_is_refused(ground, scheme):
    """A stolen access token alone opens nothing, under whatever scheme it is shown."""
    token = ground.device().token
    answered = ground.client.get("/v1/whoami", headers={"Authorization": f"{scheme} {token}".strip()})
    refusal = "bad-dpop-proof" if scheme == "DPoP" else "bad-token"
    assert (answered.status_code, code_of(answered)) == (401, refusal)


def test_a_proof_by_another_key_is_refused(ground):
    """The thief of a token has a key too, but not the enrolled one."""
    device = ground.device()
    device.signer = FileSigner.generate()
    assert code_of(device.call()) == "bad-dpop-proof"


def test_a_proof_naming_the_enrolled_key_but_signed_by_another_is_refused(ground):
    """The key in the header decides nothing: the enrolled key verifies."""
    device = ground.device()
    enrolled = public_jwk(device.signer.public_key)
    claims = {"jti": "j" * 22, "htm": "GET", "htu": f"{BASE}/v1/whoami", "iat": int(NOON.timestamp())}
    claims["ath"] = b64u(digest(device.token.encode()))
    forged = sign_token(FileSigner.generate(), DPOP, claims, extra_header={"jwk": enrolled})
    assert code_of(device.call(proof=forged)) == "bad-dpop-proof"


def test_a_proof_naming_another_key_than_the_one_that_signed_is_refused(ground):
    """The enrolled key signed, yet the header names another: RFC 9449 wants them to be one."""
    device = ground.device()
    other = public_jwk(FileSigner.generate().public_key)
    claims = {"jti": "j" * 22, "htm": "GET", "htu": f"{BASE}/v1/whoami", "iat": int(NOON.timestamp())}
    claims["ath"] = b64u(digest(device.token.encode()))
    mixed = sign_token(device.signer, DPOP, claims, extra_header={"jwk": other})
    assert code_of(device.call(proof=mixed)) == "bad-dpop-proof"


def test_a_proof_with_a_private_key_in_its_header_is_refused(ground):
    """A header that gives the key away is no proof of anything."""
    device = ground.device()
    jwk = {**public_jwk(device.signer.public_key), "d": b64u(bytes(32))}
    claims = {"jti": "j" * 22, "htm": "GET", "htu": f"{BASE}/v1/whoami", "iat": int(NOON.timestamp())}
    claims["ath"] = b64u(digest(device.token.encode()))
    assert (
        code_of(device.call(proof=sign_token(device.signer, DPOP, claims, extra_header={"jwk": jwk})))
        == "bad-dpop-proof"
    )


def test_another_devices_proof_does_not_serve_this_token(ground):
    """Two honest devices cannot be mixed: a token is bound to its own key."""
    first, second = ground.device(), ground.device()
    ath = b64u(digest(first.token.encode()))
    assert code_of(first.call(proof=second.proof(ath=ath))) == "bad-dpop-proof"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"bh": None}, "bh is not base64url(SHA-256(body))"),
        ({"ath": None}, "ath is not base64url(SHA-256(access token))"),
        ({"htm": "GET"}, "htm is not this call's method"),
        ({"htu": f"{BASE}/v1/other"}, "htu is not this call's address"),
        ({"jti": "short"}, "jti has 16 to 128 characters"),
        ({"iat": None}, "missing: iat"),
        ({"hh": b64u(digest(b""))}, "hh is not base64url(SHA-256(Idempotency-Key"),
        ({"proof": ""}, "there is no DPoP header"),
    ],
)
def test_a_client_is_told_which_part_of_its_proof_is_wrong(ground, changes, named):
    """A standard client knows no `bh`: the challenge says that the proof is at fault, the detail which claim."""
    answered = ground.device().call("POST", "/v1/change", BODY, **changes)
    assert (answered.status_code, code_of(answered)) == (401, "bad-dpop-proof")
    assert answered.headers["WWW-Authenticate"] == 'DPoP error="invalid_dpop_proof", algs="ES256"'
    assert named in answered.json["detail"]


def test_a_token_that_is_nobodys_is_told_by_the_challenge(ground):
    """Standard clients read `error="invalid_token"` and ask for a new token."""
    answered = ground.client.get("/v1/whoami", headers={"Authorization": f"Bearer yj_{'A' * 43}"})
    assert 'Bearer error="invalid_token"' in answered.headers["WWW-Authenticate"]


def test_a_proof_is_good_once(ground):
    """A replayed jti is refused; a new proof for the same call is not."""
    device = ground.device()
    proof = device.proof()
    assert device.call(proof=proof).status_code == 200
    assert code_of(device.call(proof=proof)) == "bad-dpop-proof"
    assert device.call().status_code == 200


def test_an_altered_signature_does_not_make_a_replay_new(ground):
    """ECDSA's second signature (s and n - s) verifies too, so replays are told by jti, not by text."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    device = ground.device()
    proof = device.proof()
    head, _, signature = proof.rpartition(".")
    raw = unb64u(signature)
    other = raw[:32] + (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    assert device.call(proof=proof).status_code == 200
    assert code_of(device.call(proof=f"{head}.{b64u(other)}")) == "bad-dpop-proof"


def test_one_jti_of_two_devices_is_no_replay(ground):
    """Devices choose their own jti; one cannot use up another's."""
    first, second = ground.device(), ground.device()
    assert first.call(jti="same-jti-of-two-devices").status_code == 200
    assert second.call(jti="same-jti-of-two-devices").status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"htm": "POST"},
        {"htm": "get"},
        {"htu": f"{BASE}/v1/other"},
        {"htu": f"{BASE}/v1/whoami?x=1"},
        {"htu": f"{BASE}/v1/whoami#x"},
        {"htu": f"{BASE}/v1/whoami/"},
        {"htu": "https://localhost/v1/whoami"},
        {"htu": "http://localhost:8000/v1/whoami"},
        {"htu": "http://evil.example/v1/whoami"},
        {"htu": "http://user@localhost/v1/whoami"},
        {"htu": "//localhost/v1/whoami"},
        {"htu": "/v1/whoami"},
        {"htu": "http://[::1/v1/whoami"},
        {"htu": "http://localhost:port/v1/whoami"},
        {"htu": "ftp://localhost/v1/whoami"},
        {"ath": None},
        {"ath": b64u(bytes(32))},
        {"bh": b64u(bytes(32))},
        {"jti": None},
        {"jti": "short"},
        {"jti": "j" * 129},
        {"iat": None},
        {"nonce": "unknown-claim"},
    ],
)
def test_a_proof_about_anything_else_is_refused(ground, claims):
    """Method, address, token, body and id are all held to this very call."""
    answered = ground.device().call(**claims)
    assert (answered.status_code, code_of(answered)) == (401, "bad-dpop-proof")


@pytest.mark.parametrize("htu", ["HTTP://LOCALHOST/v1/whoami", "http://localhost:80/v1/whoami", f"{BASE}/v1/who%61mi"])
def test_addresses_are_compared_in_their_normal_form(ground, htu):
    """Case of the host, default port and percent-encoding do not make another address (RFC 9449 §4.3)."""
    assert ground.device().call(htu=htu).status_code == 200


@pytest.mark.parametrize("bh", [None, b64u(digest(b"{}")), b64u(digest(b""))])
def test_a_body_that_the_proof_does_not_cover_is_refused(ground, bh):
    """Without `bh` a captured proof could carry another body."""
    assert code_of(ground.device().call("POST", "/v1/change", BODY, bh=bh)) == "bad-dpop-proof"


def test_without_a_body_the_hash_of_nothing_is_accepted(ground):
    """A client that always sends `bh` is right too."""
    assert ground.device().call(bh=b64u(digest(b""))).status_code == 200


@pytest.mark.parametrize("seconds", [-61, -3600, 61, 10**9])
def test_a_clock_that_is_off_is_told_so_and_the_right_time(ground, seconds):
    """The answer says clock, not card, and carries the server's time."""
    iat = int(NOON.timestamp()) + seconds
    answered = ground.device().call(iat=iat)
    assert (answered.status_code, code_of(answered)) == (401, "clock-off")
    assert answered.json["server_time"] == "2026-10-31T12:00:00Z"


@pytest.mark.parametrize("seconds", [-60, 60])
def test_a_clock_within_a_minute_is_good(ground, seconds):
    """Sixty seconds either way are inside the window."""
    assert ground.device().call(iat=int(NOON.timestamp()) + seconds).status_code == 200


def test_a_forged_proof_learns_nothing_from_its_clock(ground):
    """Only a genuine proof is told that its clock is off."""
    device = ground.device()
    device.signer = FileSigner.generate()
    assert code_of(device.call(iat=0)) == "bad-dpop-proof"


def test_a_replay_within_the_window_is_refused_to_its_end(ground):
    """A proof dated ahead stays remembered until its own time is over, when the clock refuses it."""
    device = ground.device()
    proof = device.proof(iat=int(NOON.timestamp()) + 60)
    assert device.call(proof=proof).status_code == 200
    ground.clock.advance(timedelta(seconds=119))
    assert code_of(device.call(proof=proof)) == "bad-dpop-proof"
    ground.clock.advance(timedelta(seconds=2))
    assert code_of(device.call(proof=proof)) == "clock-off"


def segment(value):
    """A token's segment."""
    return b64u(json.dumps(value).encode())


@pytest.mark.parametrize(
    "header",
    [{"alg": "none"}, {"alg": "HS256"}, {"alg": "ES384"}, {"typ": "JWT"}, {"typ": "card-proof+jwt"}, {"kid": "x"}],
)
def test_a_header_of_another_kind_is_refused(ground, header):
    """Algorithm none, another algorithm, another kind of token, an unknown member."""
    device = ground.device()
    whole = {"alg": "ES256", "typ": "dpop+jwt", "jwk": public_jwk(device.signer.public_key), **header}
    payload = device.proof().split(".")[1]
    signing_input = f"{segment(whole)}.{payload}"
    signature = b64u(device.signer.sign(signing_input.encode()))
    assert code_of(device.call(proof=f"{signing_input}.{signature}")) == "bad-dpop-proof"


def test_an_unsigned_proof_is_refused(ground):
    """Algorithm none with an empty signature."""
    device = ground.device()
    header = segment({"alg": "none", "typ": "dpop+jwt", "jwk": public_jwk(device.signer.public_key)})
    assert code_of(device.call(proof=f"{header}.{device.proof().split('.')[1]}.")) == "bad-dpop-proof"


@pytest.mark.parametrize("proof", ["", "x", "a.b.c", "x" * 5000, "é.b.c", "e30.e30." + "A" * 86])
def test_text_that_is_no_proof_is_refused(ground, proof):
    """Whatever stands in the header ends as one answer, never an error of ours."""
    assert code_of(ground.device().call(proof=proof)) == "bad-dpop-proof"


def test_two_proofs_in_one_request_are_refused(ground):
    """RFC 9449 §4.3: exactly one."""
    device = ground.device()
    assert code_of(device.call(proof=f"{device.proof()}, {device.proof()}")) == "bad-dpop-proof"


@pytest.mark.parametrize(
    "token", ["", "yd_short", "yd_" + "A" * 43, "yj_" + "A" * 43, "yd_" + "é" * 43, "yd_ " + "A" * 42]
)
def test_a_token_that_is_nobodys_is_refused(ground, token):
    """Unknown, misshapen and other kinds of tokens are one answer."""
    device = ground.device()
    device.token = token
    assert code_of(device.call(headers={"Authorization": f"DPoP {token}".encode().decode("latin-1")})) == "bad-token"


def test_no_credentials_at_all_is_another_answer(ground):
    """Nobody signed in: unauthenticated, with a challenge."""
    answered = ground.client.get("/v1/whoami")
    assert (answered.status_code, code_of(answered)) == (401, "unauthenticated")
    assert "DPoP" in answered.headers["WWW-Authenticate"]


def test_a_device_may_do_nothing_at_another_point(ground):
    """A token of another point, and a point that does not exist, get one and the same answer."""
    device = ground.device()
    assert device.call(path="/v1/may/check-in/gym").status_code == 200
    other = device.call(path="/v1/may/check-in/museum")
    unknown = device.call(path="/v1/may/check-in/nowhere")
    assert other.status_code == unknown.status_code == 403
    assert {**other.json, "instance": ""} == {**unknown.json, "instance": ""}


def test_a_device_gets_the_smallest_right_when_none_is_named(ground):
    """Check-in alone."""
    device = ground.device()
    granted = [right for right in Right if device.call(path=f"/v1/may/{right}/gym").status_code == 200]
    assert granted == [Right.CHECK_IN]


def test_a_device_revoked_by_another_process_is_out_within_five_seconds(tmp_path):
    """The remembered row is believed for less than five seconds; then the device is told."""
    here, elsewhere = new_store(tmp_path), new_store(tmp_path)
    ground = Ground(here)
    device = ground.device()
    assert device.call().status_code == 200
    elsewhere.devices.revoke(device.id, by="cli:admin", at=NOON)
    ground.clock.advance(timedelta(seconds=5))
    assert code_of(device.call()) == "device-revoked"
    here.close()
    elsewhere.close()


def test_a_device_revoked_by_this_process_is_out_at_once(ground):
    """This process's own change is not waited for."""
    device = ground.device()
    assert device.call().status_code == 200
    ground.store.devices.revoke(device.id, by="cli:admin", at=NOON)
    assert code_of(device.call()) == "device-revoked"


def test_revocation_is_told_only_to_who_holds_the_key(ground):
    """A stolen token does not even learn whether it was revoked."""
    device = ground.device()
    ground.store.devices.revoke(device.id, by="cli:admin", at=NOON)
    device.signer = FileSigner.generate()
    assert code_of(device.call()) == "bad-dpop-proof"


def test_a_device_enrolled_again_leaves_its_older_token(ground):
    """One key is one device: a tablet moved to another point loses the rights of the first."""
    device = ground.device(point="gym")
    again = ground.enrol(ground.code(point="museum"), device.signer)
    assert again.status_code == 201
    assert code_of(device.call()) == "device-revoked"
    device.token = again.json["access_token"]
    assert device.call().json["point"] == "museum"


def test_the_last_use_is_kept_no_finer_than_an_hour(ground):
    """Enough to find a lost tablet, too little to watch who works when."""
    device = ground.device()
    ground.clock.advance(timedelta(minutes=59))
    device.call()
    assert ground.store.devices.list()[0].last_seen_at == NOON
    ground.clock.advance(timedelta(minutes=1))
    device.call()
    assert ground.store.devices.list()[0].last_seen_at == NOON + timedelta(hours=1)


def test_the_last_use_is_tried_once_an_hour_even_while_the_row_is_remembered(ground, monkeypatch):
    """Otherwise each request of five seconds would write."""
    device, tried = ground.device(), []
    device.call()
    monkeypatch.setattr(type(ground.store.devices), "seen", lambda _, seen, at: tried.append(at))
    ground.clock.advance(timedelta(hours=1))
    for _ in range(3):
        assert device.call().status_code == 200
    assert len(tried) == 1


def test_behind_a_proxy_the_address_that_clients_know_counts(store):
    """The server listens elsewhere; the proof names the public address."""
    ground = Ground(store, base_urls=("https://card.example",))
    device = ground.device()
    assert device.call(htu="https://card.example/v1/whoami").status_code == 200
    assert code_of(device.call()) == "bad-dpop-proof"


def test_a_proof_built_for_a_client_passes(ground):
    """The builder that devices use makes what the server asks for."""
    device = ground.device()
    url = f"{BASE}/v1/change?x=1"
    proof = build_proof(device.signer, "post", url, BODY, device.token, ground.clock.now())
    assert device.call("POST", "/v1/change", BODY, proof=proof).status_code == 200
