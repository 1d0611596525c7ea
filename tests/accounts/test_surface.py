"""The calls as a surface: described, held to their methods, silent in the log."""

import io
import logging

import pytest

from edge.log import configure_logging
from edge.openapi import document
from edge.problems import PROBLEMS
from keys.signer import FileSigner
from tests.accounts.builders import PASSWORD, code_of

PATHS = ("/v1/devices/enrolments", "/v1/operators/sessions", "/v1/sessions")


def test_every_call_is_described(ground):
    """With its answers and its problems."""
    paths = document(ground.app, title="Yunju", version="1")["paths"]
    assert set(PATHS) <= set(paths)
    assert set(paths["/v1/operators/sessions"]) == {"post", "delete"}
    refusals = paths["/v1/devices/enrolments"]["post"]["responses"]
    assert {"201", "401", "403", "422", "429"} <= set(refusals)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH"])
def test_another_method_is_refused(ground, path, method):
    """405, as a problem document."""
    answered = ground.client.open(path, method=method)
    assert (answered.status_code, code_of(answered)) == (405, "method-not-allowed")


@pytest.mark.parametrize("path", ["/v1/devices/enrolments", "/v1/sessions"])
@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[" * 5000, "application/json", 400),
        (b'{"name":"\xff","password":"x"}', "application/json", 400),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b"{}", "text/plain", 415),
        (b" " * 70_000, "application/json", 413),
    ],
)
def test_a_bad_body_is_a_problem_and_never_an_error_of_ours(ground, path, body, kind, status):
    """4xx with a stable code; nothing is written."""
    answered = ground.client.post(path, data=body, content_type=kind)
    # A decoder may meet the unknown field before the bad byte.
    assert answered.status_code in ({400, 422} if status == 400 else {status})
    assert code_of(answered) in PROBLEMS
    assert list(ground.store.log()) == []


def test_no_name_token_code_or_password_reaches_the_log(ground):
    """Everything a request carries stays out of every line, whatever came of it."""
    stream = io.StringIO()
    before = logging.getLogger().handlers[:], logging.getLogger().level
    configure_logging("debug", stream)
    try:
        ground.person()
        operator, code = ground.operator(), ground.code()
        enrolled = ground.enrol(code, FileSigner.generate()).json
        device = ground.device()
        device.sign_operator_in()
        device.sign_operator_in(pin="000000")
        device.call("POST", "/v1/change", b'{"x":1}')
        device.call(proof="broken")
        token = ground.sign_in().json["token"]
        ground.sign_in(password="wrong password")
        ground.bearer(token)
    finally:
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)
    told = stream.getvalue()
    assert told.count("\n") >= 8
    assert f'"caller":"{device.id}"' in told
    secrets = [code, enrolled["access_token"], device.token, device.session, token, PASSWORD, "wrong password"]
    for secret in [*secrets, "493817", "000000", "auditor.li", operator.name, "broken"]:
        assert secret not in told


def test_asking_twice_in_one_request_is_one_proof(ground):
    """A page's guard and its view may both ask who calls; the proof is used up once."""
    device = ground.device()

    @ground.app.before_request
    def guard():
        from flask import request

        ground.authenticator(request)

    assert device.call().status_code == 200


def test_a_guard_before_a_sign_in_does_not_spoil_it(ground):
    """The device stays known for the rest of the request."""
    ground.operator()
    device = ground.device()

    @ground.app.before_request
    def guard():
        from flask import request

        ground.authenticator(request)

    assert device.sign_operator_in().status_code == 201


def test_an_operators_sign_ins_are_limited(ground):
    """A flood from one device is cut, successes included."""
    ground.operator(pin=None)
    device = ground.device()
    statuses = [device.sign_operator_in(pin=None).status_code for _ in range(31)]
    assert statuses == [201] * 30 + [429]
