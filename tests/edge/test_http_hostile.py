"""Whatever a client sends ends as a 4xx problem document with a stable code, never as a 500."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import create_environ
from werkzeug.wrappers import Request

from edge.problems import PROBLEMS
from tests.edge.builders import a_client, a_frame

CLIENT = a_client()


def assert_problem(response, status=None, code=None):
    """The response is a problem document of the client's making, with that status and code."""
    assert 400 <= response.status_code < 500
    assert response.content_type == "application/problem+json"
    document = response.get_json(force=True)
    assert document["code"] in PROBLEMS
    assert document["status"] == response.status_code == PROBLEMS[document["code"]].status
    if status is not None:
        assert (response.status_code, document["code"]) == (status, code)
    return document


def post(body, kind="application/json", path="/v1/leaves", client=CLIENT, **environ):
    """Send raw bytes."""
    return client.post(path, data=body, content_type=kind, environ_overrides=environ)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'{"count":1,"label":"\xff"}',
        b'{"count":1,"label":"\xed\xa0\x80"}',
        b'{"count":1,"label":"\\ud800"}',
        b'{"count":1,"\\ud800":1}',
        b'{"count":1,"\xff":1}',
        b'\xef\xbb\xbf{"count":1}',
        '{"count":1}'.encode("utf-16"),
        b'{"count":NaN}',
        b'{"count":1} x',
        b'{"count":1,}',
        b"{'count':1}",
    ],
)
def test_what_is_not_json_is_bad_json(body):
    """Bad UTF-8, lone surrogates, a byte order mark, other encodings, other dialects."""
    assert_problem(post(body), 400, "bad-json")


@pytest.mark.parametrize("body", [b'{"count":1,"children":[' * 2000, b'{"count":1,"label":' + b"[" * 40_000])
def test_deep_json_is_refused(body):
    """Nesting beyond the interpreter's stack is the client's fault, not a crash."""
    assert_problem(post(body, client=a_client(max_body=100_000)))


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"[]", "$"),
        (b"null", "$"),
        (b"1", "$"),
        (b"{}", "$.count"),
        (b'{"count":"1"}', "$.count"),
        (b'{"count":true}', "$.count"),
        (b'{"count":1.5}', "$.count"),
        (b'{"count":1e400}', "$.count"),
        (b'{"count":null}', "$.count"),
        (b'{"count":1,"admin":true}', "$.admin"),
        (b'{"count":1,"children":[{"count":1},{"count":[]}]}', "$.children[1].count"),
        (b'{"count":1,"children":[{"count":1,"x":1}]}', "$.children[0].x"),
        (b'{"count":1,"children":[{}]}', "$.children[0].count"),
    ],
)
def test_a_wrong_field_is_named(body, path):
    """Wrong types, missing and unknown fields are told by their path."""
    (field,) = assert_problem(post(body), 422, "invalid-field")["fields"]
    assert field["path"] == path
    assert field["message"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"count":' + b"9" * 500 + b"}",
        b'{"count":9007199254740992}',
        b'{"count":-9007199254740992}',
        b'{"count":1,"children":[{"count":18446744073709551616}]}',
        b'{"count":1,"label":"a\\u0000b"}',
    ],
)
def test_values_that_no_store_keeps_are_refused(body):
    """An integer of 2^53 and a NUL would fail deep inside, with a 500."""
    assert_problem(post(body), 422, "invalid-field")


def test_the_largest_integer_and_an_escaped_backslash_are_fine():
    """The guards take nothing that is harmless."""
    body = b'{"count":9007199254740991,"label":"\\\\u0000"}'
    assert post(body).json["label"] == "\\u0000"


def test_a_bounded_field_keeps_its_own_bound():
    """The field's own message is given."""
    (field,) = assert_problem(post(b'{"count":10}', path="/v1/narrow"), 422, "invalid-field")["fields"]
    assert field == {"path": "$.count", "message": "Expected `int` <= 9"}


def test_a_long_unknown_field_is_not_echoed_whole():
    """What is quoted from the client is cut."""
    (field,) = assert_problem(post(b'{"count":1,"%s":1}' % (b"k" * 3000)), 422, "invalid-field")["fields"]
    assert len(field["path"]) <= 200
    assert len(field["message"]) <= 200


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/jsonx",
        "application/json, text/plain",
        "application/json; charset=utf-8; x=\xff",
        ";",
    ],
)
def test_another_content_type_is_refused(kind):
    """Only JSON in UTF-8, so that no form of another site posts here."""
    assert_problem(post(b'{"count":1}', CONTENT_TYPE=kind), 415, "unsupported-media-type")


def test_a_content_encoding_is_refused():
    """No body is inflated."""
    assert_problem(post(b'{"count":1}', HTTP_CONTENT_ENCODING="gzip"), 415, "unsupported-media-type")


class Endless(io.RawIOBase):
    """A body that never ends, and knows how much of it was read."""

    taken = 0

    def readable(self):
        return True

    def readinto(self, buffer):
        Endless.taken += len(buffer)
        buffer[:] = b" " * len(buffer)
        return len(buffer)


def test_a_huge_body_is_refused_before_it_is_read():
    """By its Content-Length alone."""
    Endless.taken = 0
    environ = {"CONTENT_LENGTH": "1000000000", "wsgi.input": Endless(), "CONTENT_TYPE": "application/json"}
    assert_problem(CLIENT.post("/v1/leaves", environ_overrides=environ), 413, "too-large")
    assert Endless.taken == 0


def post_chunked(stream):
    """Send a body without a Content-Length, as a server hands it on."""
    environ = create_environ("/v1/leaves", method="POST", content_type="application/json")
    environ.pop("CONTENT_LENGTH", None)
    environ |= {"wsgi.input": stream, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    return CLIENT.open(Request(environ))


def test_an_endless_chunked_body_is_cut_off():
    """Without a Content-Length no more than the bound, and a buffer, is read."""
    Endless.taken = 0
    assert_problem(post_chunked(Endless()), 413, "too-large")
    assert Endless.taken < 100_000


def test_a_chunked_body_just_over_the_limit_is_not_cut_short():
    """Its beginning is a whole JSON value, and is not taken for all of it."""
    body = b'{"count":1}'
    assert post_chunked(io.BytesIO(body + b" " * (4096 - len(body)))).status_code == 201
    assert_problem(post_chunked(io.BytesIO(body + b" " * (4097 - len(body)))), 413, "too-large")


class BrokenFraming(Exception):
    """What a server raises when a chunk has no proper size."""


class Broken:
    """A body whose chunks cannot be told apart."""

    def read(self, size=-1):
        raise BrokenFraming


def test_broken_chunks_are_a_bad_request():
    """Whatever exception the server has for them."""
    assert_problem(post_chunked(Broken()), 400, "bad-request")


@pytest.mark.parametrize("length", ["junk", "-5", "", "1e3", "9" * 5000])
def test_a_junk_content_length_is_harmless(length):
    """It counts as none, or as too much."""
    assert_problem(
        CLIENT.post("/v1/leaves", environ_overrides={"CONTENT_LENGTH": length, "CONTENT_TYPE": "application/json"})
    )


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/leaves"), ("DELETE", "/page"), ("BREW", "/page"), ("x" * 99, "/page")]
)
def test_a_wrong_method_is_405_with_allow(method, path):
    """And the answer says what is allowed."""
    response = CLIENT.open(path, method=method)
    assert_problem(response, 405, "method-not-allowed")
    assert "OPTIONS" in response.headers["Allow"].split(", ")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/",
        "/v1/page/",
        "//v1/things/a",
        "/v1//things/a",
        "/v1/things/a/",
        "/v1/things/",
        "/v1/things/a%2fb",
        "/v1/things/a%00b",
        "/v1/numbers/-1",
        "/v1/numbers/1.0",
        "/v1/numbers/" + "9" * 5000,
        "/v1/numbers/%D9%A3",
        "/../etc/passwd",
        "/%",
        "/%zz",
        "/" + "a" * 10_000,
        "/static/x",
    ],
)
def test_an_unknown_path_is_404(path):
    """One spelling a path; numbers that no store keeps are no paths."""
    assert_problem(CLIENT.get(path), 404, "not-found")


def test_a_path_of_bad_utf_8_does_not_fail():
    """It is read with replacement characters, which no code contains."""
    response = CLIENT.get("/v1/things/x", environ_overrides={"PATH_INFO": "/v1/things/\xff\xfe"})
    assert response.status_code == 200
    assert response.json == {"code": "\ufffd\ufffd"}


@pytest.mark.parametrize(
    "host", ["", "[::1", "a b", "\xff\xfe", "x:99999", "x:y", "a" * 5000, "..", "evil.example/..", "[", "@", "a,b"]
)
def test_an_odd_host_never_fails(host):
    """It is served, or refused as the client's."""
    response = CLIENT.get("/page", environ_overrides={"HTTP_HOST": host})
    assert response.status_code < 500


@pytest.mark.parametrize(
    "name",
    [
        "HTTP_COOKIE",
        "HTTP_AUTHORIZATION",
        "HTTP_RANGE",
        "HTTP_IF_NONE_MATCH",
        "HTTP_ACCEPT",
        "QUERY_STRING",
        "HTTP_IF_MODIFIED_SINCE",
    ],
)
@pytest.mark.parametrize("value", ["\xff\xfe", "=;=;,,", "a" * 8000, "bytes=9-1,x", "%", "\x00"])
def test_header_junk_never_fails(name, value):
    """Headers that nobody asked for are nobody's fault."""
    assert CLIENT.get("/page", environ_overrides={name: value}).status_code < 500


@pytest.mark.parametrize(
    "query",
    [
        "",
        "on=1&on=2",
        "on=1&most=x",
        "on=1&most=" + "9" * 400,
        "on=1&most=99999999999999999",
        "on=1&x=1",
        "on=a%00b",
        "%ff=%ff",
        "=",
        "&&&",
    ],
)
def test_a_bad_query_is_an_invalid_field(query):
    """Missing, repeated, unknown, of the wrong type, or beyond what is stored."""
    assert_problem(CLIENT.get(f"/v1/pages?{query}"), 422, "invalid-field")


NAMES = st.sampled_from(["count", "label", "children", "x"])
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=8,
)  # fmt: skip


@given(st.binary(max_size=300))
def test_any_bytes_get_a_4xx_problem(body):
    """Random bytes are never a body."""
    assert_problem(post(body))


@given(JSON)
def test_any_json_is_accepted_or_a_4xx_problem(value):
    """Random JSON of about the right shape never fails inside."""
    response = CLIENT.post("/v1/leaves", json=value)
    if response.status_code != 201:
        assert_problem(response)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_path_and_query_stay_below_500(path, query):
    """Whatever bytes arrive as path and query."""
    environ = {"PATH_INFO": "/" + path.decode("latin-1"), "QUERY_STRING": query.decode("latin-1")}
    assert CLIENT.get("/", environ_overrides=environ).status_code < 500


def test_nothing_of_an_error_depends_on_debug():
    """With Flask's debug switched on the answer stays plain."""
    app = a_frame()
    app.debug = True
    response = app.test_client().get("/v1/fails")
    assert response.status_code == 500
    assert b"RuntimeError" not in response.data
