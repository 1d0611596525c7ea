import errno
import logging
import os

import flask
import msgspec
import pytest
from werkzeug.exceptions import Forbidden, HTTPException, ServiceUnavailable

from edge.clock import FixedClock
from edge.http import PAGE_POLICY, answer, create_frame, read_body
from edge.problems import Problem
from tests.edge.builders import NOON, CountingClock, a_client, a_frame


def test_a_good_body_reaches_the_view():
    """Typed, with its defaults."""
    response = a_client().post("/v1/leaves", json={"count": 2, "children": [{"count": 1}]})
    assert response.status_code == 201
    assert response.json == {"count": 2, "label": "", "children": [{"count": 1, "label": "", "children": []}]}


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"']
)
def test_spellings_of_the_json_type_are_accepted(kind):
    """UTF-8 may be said."""
    assert a_client().post("/v1/leaves", data=b'{"count":1}', content_type=kind).status_code == 201


def test_an_instant_is_read_once_a_request():
    """Every rule of a request sees the same instant, the next request another."""
    clock = CountingClock()
    client = a_client(clock=clock)
    first, second = client.get("/v1/instants").json, client.get("/v1/instants").json
    assert first == ["2026-10-31T12:00:01Z"] * 2
    assert second == ["2026-10-31T12:00:02Z"] * 2
    assert clock.asked == 2


def test_a_problem_becomes_its_document():
    """With Retry-After, further members, and the id that the header shows too."""
    response = a_client().get("/v1/away")
    assert response.status_code == 503
    assert response.content_type == "application/problem+json"
    assert response.headers["Retry-After"] == "7"
    assert response.json["detail"] == "The ledger is away."
    assert response.json["store"] == "ledger"
    assert response.json["instance"] == response.headers["X-Request-Id"]


def test_an_unknown_exception_leaks_nothing(caplog):
    """The caller gets an id; the log has the exception under it."""
    response = a_client().get("/v1/fails")
    assert response.status_code == 500
    assert response.json["code"] == "internal"
    assert b"secret" not in response.data
    (record,) = [record for record in caplog.records if record.name == "yunju.error"]
    assert record.levelno == logging.ERROR
    assert record.fields == {"request": response.json["instance"]}
    assert record.exc_info[0] is RuntimeError


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_503_that_the_log_names(caplog, number):
    """Nothing is wrong with the request: it may come again when there is room."""
    app = a_frame()

    @app.get("/write")
    def write():
        raise OSError(number, os.strerror(number))

    response = app.test_client().get("/write")
    assert (response.status_code, response.json["code"]) == (503, "unavailable")
    assert int(response.headers["Retry-After"]) > 0
    (record,) = [record for record in caplog.records if record.name == "yunju.error"]
    assert record.getMessage() == "no room on the disk"
    assert record.fields == {"request": response.json["instance"]}


def test_another_fault_of_the_system_is_a_plain_500():
    """A file that is missing does not come by itself."""
    app = a_frame()

    @app.get("/read")
    def read():
        raise FileNotFoundError(errno.ENOENT, "absent")

    assert app.test_client().get("/read").json["code"] == "internal"


def test_a_failing_error_handler_is_still_a_plain_500():
    """Not even an unserialisable member of a problem shows internals."""
    app = a_frame()

    @app.get("/odd")
    def odd():
        raise Problem("unavailable", extra={"odd": object()})

    response = app.test_client().get("/odd")
    assert response.status_code == 500
    assert response.json["code"] == "internal"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Forbidden(), "not-permitted"),
        (ServiceUnavailable(), "unavailable"),
        (type("Teapot", (HTTPException,), {"code": 418})(), "bad-request"),
        (type("Gateway", (HTTPException,), {"code": 502})(), "internal"),
    ],
)
def test_werkzeugs_exceptions_become_problems(error, code):
    """Whatever status they carry, the code is of the closed set."""
    app = a_frame()

    @app.get("/raise")
    def fail():
        raise error

    assert app.test_client().get("/raise").json["code"] == code


def test_a_redirect_and_a_ready_response_pass():
    """abort(response) answers with that response."""
    app = a_frame()
    app.add_url_rule("/aborts", "aborts", lambda: flask.abort(flask.Response("as it is", 409)))
    app.add_url_rule("/moves", "moves", lambda: flask.redirect("/page"))
    client = app.test_client()
    assert client.get("/aborts").data == b"as it is"
    assert client.get("/moves").headers["Location"] == "/page"


@pytest.mark.parametrize("path", ["/v1/things/a", "/v1/nothing", "/page", "/v1/fails"])
def test_every_answer_carries_the_security_headers(path):
    """Problems and pages as well as data."""
    headers = a_client().get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


def test_pages_carry_the_strict_policy():
    """No inline code, no framing, Trusted Types."""
    policy = a_client().get("/page").headers["Content-Security-Policy"]
    assert policy == PAGE_POLICY
    assert "unsafe-inline" not in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "frame-ancestors 'none'" in policy


def test_a_view_may_say_how_long_its_answer_lasts():
    """Its own Cache-Control stays the only one."""
    assert a_client().get("/cached").headers.getlist("Cache-Control") == ["public, max-age=60"]


def test_https_is_kept_to_once_used():
    """And plain http promises nothing."""
    client = a_client()
    assert client.get("/page", base_url="https://card.example").headers["Strict-Transport-Security"]
    assert "Strict-Transport-Security" not in client.get("/visited").headers


def test_nothing_is_added_about_the_server():
    """No Server, no X-Powered-By."""
    headers = a_client().get("/page").headers
    assert "Server" not in headers
    assert "X-Powered-By" not in headers


def test_each_request_has_an_id_of_its_own():
    """Made here; what the client sends in its place is not taken over."""
    client = a_client()
    ids = {client.get("/page", headers={"X-Request-Id": "mine"}).headers["X-Request-Id"] for _ in range(5)}
    assert len(ids) == 5
    assert "mine" not in ids


@pytest.mark.parametrize("key", ["a" * 16, "A-_9" * 16])
def test_a_good_operation_id_is_taken(key):
    """16 to 64 characters."""
    response = a_client().post("/v1/operations", headers={"Idempotency-Key": key})
    assert response.json == {"operation": key}


@pytest.mark.parametrize("key", [None, "", "a" * 15, "a" * 65, "a" * 15 + " ", "a" * 16 + ",b", "ä" * 16, "१" * 16])
def test_a_bad_operation_id_is_a_bad_request(key):
    """Without a usable operation id nothing is done."""
    environ = {} if key is None else {"HTTP_IDEMPOTENCY_KEY": key.encode().decode("latin-1")}
    response = a_client().post("/v1/operations", environ_overrides=environ)
    assert (response.status_code, response.json["code"]) == (400, "bad-request")


def test_a_401_carries_a_challenge():
    """RFC 9110 §15.5.2 asks for one, and none that makes a browser ask for a password."""
    app = a_frame()

    @app.get("/closed")
    def closed():
        raise Problem("unauthenticated")

    challenge = app.test_client().get("/closed").headers["WWW-Authenticate"]
    assert "DPoP" in challenge
    assert "Basic" not in challenge


def test_a_lenient_body_type_is_a_fault_of_ours():
    """A Struct that lets unknown fields pass, or no Struct, is refused at the first call."""

    class Lenient(msgspec.Struct):
        count: int

    app = a_frame()
    app.config["TESTING"] = True
    for kind in (Lenient, dict):
        with (
            app.test_request_context("/", method="POST", data=b"{}", content_type="application/json"),
            pytest.raises(TypeError, match="forbid_unknown_fields"),
        ):
            read_body(kind)


def test_a_view_may_take_a_larger_body():
    """body_limit raises one view's bound and no other's."""
    body = {"count": 1, "label": "x" * 50_000}
    client = a_client()
    assert client.post("/v1/large", json=body).status_code == 201
    assert client.post("/v1/leaves", json=body).status_code == 413
    assert client.post("/v1/large", json={"count": 1, "label": "x" * 100_000}).status_code == 413


def test_one_request_may_take_a_larger_body():
    """Werkzeug's own way, for a view that knows more than its route."""
    app = a_frame()

    @app.post("/uploads")
    def upload():
        request = flask.request
        request.max_content_length = 10_000
        return {"length": len(request.get_data())}

    assert app.test_client().post("/uploads", data=b"x" * 10_000).json == {"length": 10_000}
    assert app.test_client().post("/uploads", data=b"x" * 10_001).status_code == 413


def test_a_query_is_typed():
    """Values are converted from text."""
    assert a_client().get("/v1/pages?on=2026-10-31&most=5").json == {"on": "2026-10-31", "most": 5}


def test_https_is_told_by_the_address_that_clients_know():
    """Behind a front that says nothing of the scheme too; never where clients come by http."""
    for https in (True, False):
        client = create_frame("told", clock=FixedClock(NOON), https=https).test_client()
        told = client.get("/nothing").headers.get("Strict-Transport-Security")
        assert (told is not None) is https


def test_a_call_of_the_api_has_no_session():
    """Pages keep a signed cookie; a call of the API neither reads one nor may write to one."""
    app = a_frame()
    app.secret_key = "a secret of thirty-two characters"

    def visited():
        flask.session["seen"] = True
        return answer({})

    app.add_url_rule("/visited", view_func=visited, endpoint="visited page")
    app.add_url_rule("/v1/call", view_func=visited, endpoint="visited call")
    client = app.test_client()
    assert "Set-Cookie" in client.get("/visited").headers
    assert client.get("/v1/call").status_code == 500
