"""Enrolling a device: a code works once, and only for the device that holds the key."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from accounts.attempts import ENROLMENT
from accounts.rights import Right
from keys.dpop import build_proof
from keys.jwk import public_jwk
from keys.signer import FileSigner
from tests.accounts.builders import BASE, NOON, Ground, TestDevice, code_of

URL = f"{BASE}/v1/devices/enrolments"


def test_a_code_and_a_key_make_a_device(ground):
    """The answer carries what a device keeps, and its token works."""
    signer = FileSigner.generate()
    answered = ground.enrol(ground.code(rights=frozenset({Right.CHECK_IN, Right.VOID})), signer)
    assert answered.status_code == 201
    told = answered.json
    assert told["token_type"] == "DPoP"
    assert (told["point"], told["label"], told["rights"]) == ("gym", "Desk 1", ["check-in", "void"])
    assert told["server_time"] == "2026-10-31T12:00:00Z"
    assert "root" not in told
    assert TestDevice(ground, signer, told["device"], told["access_token"]).call().json["id"] == told["device"]


def test_the_root_is_told_where_it_is_known(store):
    """A tablet pins what its enrolment told it."""
    ground = Ground(store, root="r" * 43)
    assert ground.enrol(ground.code(), FileSigner.generate()).json["root"] == "r" * 43


def test_a_code_is_read_as_it_is_meant(ground):
    """Small letters, missing hyphens, O for 0 and I for 1 are what people type."""
    code = ground.code()
    typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "i")
    assert ground.enrol(typed, FileSigner.generate()).status_code == 201


def test_a_device_may_name_itself(ground):
    """The label given at the device replaces the one given with the code."""
    assert ground.enrol(ground.code(), FileSigner.generate(), label="Front desk").json["label"] == "Front desk"


def test_a_code_works_once(ground):
    """The second to use it is refused, like any wrong code."""
    code = ground.code()
    assert ground.enrol(code, FileSigner.generate()).status_code == 201
    again = ground.enrol(code, FileSigner.generate())
    assert (again.status_code, code_of(again)) == (403, "code-refused")


def test_a_code_used_by_many_at_once_enrols_one(ground):
    """Threads that race with one code: one device, the others refused, on every one of five rounds."""
    for _ in range(5):
        code, gate = ground.code(), Barrier(4)

        def race(code=code, gate=gate):
            signer = FileSigner.generate()
            gate.wait()
            return ground.enrol(code, signer).status_code

        with ThreadPoolExecutor(4) as pool:
            answers = sorted(future.result() for future in [pool.submit(race) for _ in range(4)])
        assert answers == [201, 403, 403, 403]
        ground.clock.advance(timedelta(hours=1))
    assert len(ground.store.devices.list()) == 5


def test_unknown_used_and_expired_codes_are_one_answer(ground):
    """Nobody learns which codes exist."""
    used, old = ground.code(), ground.code()
    ground.enrol(used, FileSigner.generate())
    ground.clock.advance(timedelta(hours=24))
    answers = [ground.enrol(code, FileSigner.generate()).json for code in (used, old, "AAAA-AAAA-AAAA")]
    assert [{**one, "instance": ""} for one in answers] == [{**answers[0], "instance": ""}] * 3
    assert answers[0]["code"] == "code-refused"


def test_a_code_is_good_until_its_last_second(ground):
    """Twenty-four hours, half-open."""
    code = ground.code()
    ground.clock.advance(timedelta(hours=24, seconds=-1))
    assert ground.enrol(code, FileSigner.generate()).status_code == 201


def test_guessing_codes_is_slowed_and_stops_no_right_code(ground):
    """After a few failures a place waits, longer and longer; the right code is taken there at once."""
    code = ground.code()
    answers = [ground.enrol("AAAA-AAAA-AAAA", FileSigner.generate()) for _ in range(ENROLMENT.free + 1)]
    assert {code_of(one) for one in answers[:-1]} == {"code-refused"}
    assert (answers[-1].status_code, code_of(answers[-1])) == (429, "too-many-requests")
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert ground.enrol("AAAA-AAAA-AAAA", FileSigner.generate()).status_code == 429
    assert ground.enrol(code, FileSigner.generate()).status_code == 201


def test_junk_from_an_address_stops_no_device_behind_it(ground):
    """A hundred misshapen and unsigned enrolments; the device that is set up beside them gets in."""
    statuses = {ground.client.post("/v1/devices/enrolments", json={}).status_code for _ in range(100)}
    assert statuses == {422, 429}
    assert ground.enrol(ground.code(), FileSigner.generate()).status_code == 201


def test_a_flood_is_cut_before_any_work(ground):
    """The limit in front holds even where every request is misshapen."""
    answers = [ground.client.post("/v1/devices/enrolments", json={}).status_code for _ in range(31)]
    assert answers[:30] == [422] * 30
    assert answers[30] == 429


def test_a_code_is_not_used_up_without_the_key(ground):
    """Whoever cannot sign with the key it names gets nothing, and the code stays good."""
    code, owner, thief = ground.code(), FileSigner.generate(), FileSigner.generate()
    body = json.dumps({"code": code, "jwk": public_jwk(owner.public_key)}).encode()
    stolen = build_proof(thief, "POST", URL, body, None, NOON)
    for proof in (stolen, "x", build_proof(owner, "POST", URL, b"{}", None, NOON)):
        assert code_of(ground.enrol(code, owner, proof=proof)) == "bad-dpop-proof"
    assert ground.enrol(code, owner).status_code == 201


def test_a_proof_of_enrolment_is_good_once(ground):
    """A captured enrolment cannot be sent again with its proof."""
    code, signer = ground.code(), FileSigner.generate()
    body = json.dumps({"code": code, "jwk": public_jwk(signer.public_key)}).encode()
    proof = build_proof(signer, "POST", URL, body, None, NOON)
    assert ground.enrol(code, signer, proof=proof).status_code == 201
    assert code_of(ground.enrol(code, signer, proof=proof)) == "bad-dpop-proof"


def test_a_tablet_with_a_wrong_clock_is_told_so(ground):
    """Clock, not code: the code stays good."""
    code, signer = ground.code(), FileSigner.generate()
    body = json.dumps({"code": code, "jwk": public_jwk(signer.public_key)}).encode()
    late = build_proof(signer, "POST", URL, body, None, NOON + timedelta(minutes=5))
    assert code_of(ground.enrol(code, signer, proof=late)) == "clock-off"
    assert ground.enrol(code, signer).status_code == 201


@pytest.mark.parametrize(
    "change",
    [
        {"jwk": {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}},
        {"jwk": {"kty": "RSA", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}},
        {"jwk": {"kty": "EC", "crv": "P-256", "x": "short", "y": "A" * 43}},
        {"jwk": {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43, "d": "A" * 43}},
        {"jwk": "text"},
        {"jwk": None},
        {"code": ""},
        {"code": "A" * 101},
        {"code": 7},
        {"label": ""},
        {"rights": ["void-any"]},
        {"point": "museum"},
    ],
)
def test_a_misshapen_enrolment_is_refused(ground, change):
    """Bad keys and unknown fields are 422; nobody names their own rights or point."""
    answered = ground.enrol(ground.code(), FileSigner.generate(), **change)
    assert (answered.status_code, code_of(answered)) == (422, "invalid-field")
    assert ground.store.devices.list() == []


def test_codes_and_tokens_are_kept_as_hashes_alone(ground, tmp_path):
    """Whoever reads the file learns no code, token, password or PIN."""
    code = ground.code()
    token = ground.enrol(code, FileSigner.generate()).json["access_token"]
    ground.operator(pin="493817")
    ground.person()
    _, bearer = ground.integrator()
    ground.store.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("accounts.db*"))
    for secret in (code, code.replace("-", ""), token, "493817", "correct horse battery", bearer):
        assert secret.encode() not in kept
