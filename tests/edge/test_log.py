import io
import json
import logging

import pytest

from edge.log import ACCESS, BLOT, JsonFormatter, configure_logging, describe_error, redact
from tests.edge.builders import a_frame

TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


@pytest.fixture
def log():
    """A stream under the whole logging configuration, which is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging("info", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    ACCESS.open(None)


def lines(stream):
    """The lines written, as objects."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    "secret",
    [
        TOKEN,
        f"{TOKEN}~{TOKEN}",
        "eyJhbGciOiJFUzI1NiJ9.eyJzdWIi",
        "yj_0123456789abcdef",
        "Bearer abc",
        "DPoP x.y.z",
        "basic dXNlcjpwYXNz",
        "YJ01:6BF0 0D%T$2*+/-.:XY0123456789",
        "a" * 43,
        "0123456789abcdef" * 4,
        "44010419900101123X",
        "440104199001011234",
        "930112345678901234567",
        "postgresql://user:word@host/db",
    ],
)
def test_what_looks_like_a_secret_is_blotted_out(secret):
    """Tokens, credentials, wire forms, keys, identity numbers, passwords in addresses."""
    found = redact(f"before {secret} after")
    assert BLOT in found
    assert found.startswith("before ")
    assert secret not in found
    for part in ("eyJ", "abc", "dXNl", "1990", "word"):
        assert part not in found


@pytest.mark.parametrize(
    "text", ["check-in 2026-10-31 at gym", "http://127.0.0.1:8000/v1/log", "0123456789abcdef", "13560135683"]
)
def test_ordinary_words_stay(text):
    """Dates, addresses, request ids and telephone numbers are legible."""
    assert redact(text) == text


def test_a_line_is_one_json_object(log):
    """With time, level, logger, event and the record's own fields, secrets blotted out everywhere."""
    logging.getLogger("yunju.test").warning(
        "token %s\nnext", TOKEN, extra={"fields": {"n": 1, "t": TOKEN, "level": "x"}}
    )
    (line,) = lines(log)
    assert line["time"].endswith("Z")
    assert (line["level"], line["logger"], line["n"]) == ("warning", "yunju.test", 1)
    assert line["event"] == f"token {BLOT}\nnext"
    assert line["t"] == BLOT


@pytest.mark.parametrize("name", ["fields", "safe_fields"])
def test_what_a_room_adds_to_an_incident_is_in_its_line_without_secrets(log, name):
    """An operator reads what went wrong and where; a token in it is blotted out under either name."""
    logging.getLogger("yunju.test").error("incident", extra={name: {"kind": "contradicted", "detail": f"at {TOKEN}"}})
    (line,) = lines(log)
    assert (line["event"], line["kind"], line["detail"]) == ("incident", "contradicted", f"at {BLOT}")


def test_an_exceptions_words_stay_out(log):
    """Type and place of it and of its causes are told, never the message."""
    try:
        {}["Zhang San"]
    except KeyError:
        logging.getLogger("yunju.test").exception("failed")
    (line,) = lines(log)
    assert [item["type"] for item in line["error"]] == ["builtins.KeyError"]
    assert "test_an_exceptions_words_stay_out" in line["error"][0]["stack"][0]
    assert "Zhang" not in log.getvalue()


def test_a_chain_of_exceptions_that_bites_its_tail_ends():
    """Each exception is told once."""
    one, other = RuntimeError(), KeyError()
    one.__cause__, other.__cause__ = other, one
    assert [item["type"] for item in describe_error(one)] == ["builtins.RuntimeError", "builtins.KeyError"]


def test_odd_text_cannot_break_the_line(log):
    """A lone surrogate becomes a question mark."""
    logging.getLogger("yunju.test").info("odd", extra={"fields": {"text": "\ud800"}})
    assert lines(log)[0]["text"] == "?"


def test_odd_events_cannot_break_the_line():
    """Not even in the message itself."""
    record = logging.LogRecord("x", logging.INFO, "", 0, "odd \ud800", (), None)
    assert json.loads(JsonFormatter().format(record))["event"] == "odd ?"


def test_each_request_is_one_line_without_secrets(log):
    """Method, rule, status, time taken, id: neither the path's values nor the query nor a header."""
    client = a_frame().test_client()
    response = client.get(f"/v1/things/{TOKEN}?name=Zhang", headers={"Authorization": "Bearer hidden"})
    (line,) = lines(log)
    assert line.pop("time")
    assert line.pop("ms") >= 0
    assert line == {
        "level": "info",
        "logger": "yunju.access",
        "event": "request",
        "method": "GET",
        "route": "/v1/things/<code>",
        "status": 200,
        "request": response.headers["X-Request-Id"],
    }


def test_junk_of_a_client_reaches_no_line(log):
    """Unknown paths and methods have fixed names."""
    client = a_frame().test_client()
    client.get("/zhang-san")
    client.open("/page", method="ZHANGSAN")
    assert [(line["method"], line["route"], line["status"]) for line in lines(log)] == [
        ("GET", "unmatched", 404),
        ("other", "unmatched", 405),
    ]


def test_the_caller_is_told_by_id(log):
    """What the authenticator leaves in `g.caller` gives its id and nothing else."""
    import flask

    class Caller:
        id = "device-7"
        label = "Zhang's tablet"

    app = a_frame()

    @app.before_request
    def sign_in():
        flask.g.caller = Caller()

    app.test_client().get("/page")
    assert lines(log)[0]["caller"] == "device-7"
    assert "Zhang" not in log.getvalue()


def test_an_unknown_exception_is_logged_without_its_words(log):
    """Under the id that the caller got."""
    response = a_frame().test_client().get("/v1/fails")
    error, request = lines(log)
    assert error["request"] == request["request"] == response.json["instance"]
    assert error["error"][0]["type"] == "builtins.RuntimeError"
    assert "the-inner-secret" not in log.getvalue()


def test_the_access_log_follows_the_level(log):
    """At warning it is silent."""
    configure_logging("warning", log)
    a_frame().test_client().get("/page")
    assert log.getvalue() == ""
    ACCESS.write({"x": 1})
    assert log.getvalue() == ""


@pytest.mark.parametrize("wrong", ["closed", "full"])
@pytest.mark.usefixtures("log")
def test_a_log_that_cannot_be_written_loses_the_line_and_not_the_answer(wrong):
    """The stream was closed, or its disk is full: what was granted is durable by now, and is answered."""
    stream = io.StringIO()
    ACCESS.open(stream)
    if wrong == "closed":
        stream.close()
    else:
        stream.write = _no_room
    app = a_frame()
    app.get("/x")(lambda: "ok")
    assert app.test_client().get("/x").status_code == 200


def _no_room(_):
    raise OSError(28, "No space left on device")
