"""The Flask frame that every surface shares: request bodies, answers and problem documents, headers, one log line.

Every bad input of a client ends as a 4xx problem document. An unknown exception is a plain 500 with an id. Hooks stay
small, because each request pays for them.
"""

from __future__ import annotations

import errno
import logging
import re
import secrets
from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import datetime
from functools import cache
from io import BytesIO
from time import perf_counter
from typing import IO, Any, TypeVar, cast
from wsgiref.types import StartResponse, WSGIEnvironment

import flask
import msgspec
from flask import current_app, g, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from werkzeug.exceptions import ClientDisconnected, HTTPException, MethodNotAllowed, RequestEntityTooLarge
from werkzeug.routing import MapAdapter
from werkzeug.wrappers import Response as AnyResponse
from werkzeug.wsgi import get_host

from edge.bodies import CONVERTERS, admits_wide_integer, storage_fault
from edge.clock import Clock
from edge.log import ACCESS
from edge.metrics import observe_request
from edge.problems import Problem
from edge.structs import reader

T = TypeVar("T")
View = TypeVar("View", bound=Callable[..., Any])

PAGE_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self' http://127.0.0.1:8765; worker-src 'self'; manifest-src 'self'; media-src 'self'; "
    "base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types yunju"
)
"""Content-Security-Policy of pages and scripts: no inline code, and Trusted Types with the single policy `yunju`.

The only address besides the page's own is the agent's on a counter PC (docs/devices.md).
"""

API = "/v1/"
"""The beginning of all API addresses."""

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_ROOM_SECONDS = 30
_IMAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
_PERMISSIONS = "camera=(self), microphone=(), geolocation=(), payment=(), usb=()"
_ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
_UNLESS_SAID = (
    ("cross-origin-resource-policy", ("Cross-Origin-Resource-Policy", "same-origin")),
    ("referrer-policy", ("Referrer-Policy", "no-referrer")),
    ("cache-control", ("Cache-Control", "no-store")),
)
_STRICT_TRANSPORT = ("Strict-Transport-Security", "max-age=31536000")
_HEADERS = "yunju.headers"
# A worker is held by the policy of its own script, hence the page's policy on scripts too.
_POLICIES = {"text/html": PAGE_POLICY, "text/javascript": PAGE_POLICY, "image/svg+xml": _IMAGE_POLICY}
_CHALLENGE = 'Bearer, DPoP algs="ES256"'
_BEARER_CHALLENGE = 'Bearer error="invalid_token", DPoP error="invalid_token", algs="ES256"'
_PROOF_CHALLENGE = 'DPoP error="invalid_dpop_proof", algs="ES256"'
_CHALLENGES = {
    "bad-token": _BEARER_CHALLENGE, "device-revoked": _BEARER_CHALLENGE,
    "bad-dpop-proof": _PROOF_CHALLENGE, "clock-off": _PROOF_CHALLENGE,
}  # fmt: skip
"""The challenges with more detail (RFC 6750 §3, RFC 9449 §7.1). A standard client reads these, not the document."""
_CODE_OF_STATUS = {
    401: "unauthenticated",
    403: "not-permitted",
    404: "not-found",
    405: "method-not-allowed",
    408: "too-slow",
    413: "too-large",
    415: "unsupported-media-type",
    422: "invalid-field",
    429: "too-many-requests",
    503: "unavailable",
}
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_JSON_TYPE = re.compile(r'application/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?', re.IGNORECASE | re.ASCII)
_OPERATION = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)
_PLACE = re.compile(r"(.*) - at `(.*)`", re.DOTALL)
_FIELD_NAMED = re.compile(r"Object (?:missing required|contains unknown) field `(.*)`", re.DOTALL)
_LONGEST_MESSAGE = 200
_LONG_NUMBER = re.compile(rb"[0-9]{16}")
_ESCAPED_NUL = b"\\u0000"

_REFUSED = frozenset({401, 403})
_errors = logging.getLogger("yunju.error")


class ChunkedInput:
    """A chunked body. The server's error about its framing becomes an OSError, which werkzeug answers with 400."""

    def __init__(self, inner: IO[bytes]) -> None:
        self._inner = inner

    def read(self, size: int = -1) -> bytes:
        """Read as the server's stream does. Raises OSError for any error of that stream."""
        try:
            return self._inner.read(size)
        except TimeoutError:  # An OSError with a meaning of its own: `_too_slow`
            raise
        except Exception as error:
            raise OSError("the chunked body cannot be read") from error


class FrameRequest(flask.Request):
    """A request with its id, its beginning, and the greatest body of its view."""

    def __init__(self, environ: WSGIEnvironment, populate_request: bool = True, shallow: bool = False) -> None:  # noqa: FBT001, FBT002 - werkzeug's signature
        if "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = ChunkedInput(environ["wsgi.input"])
        super().__init__(environ, populate_request, shallow)
        self.started = perf_counter()
        self.request_id = secrets.token_hex(8)
        self._limit: int | None = None
        self._limit_of: str | None = None

    @property
    def body_limit(self) -> int:
        """The greatest size of a body in bytes: the value set for this request, otherwise the view's own
        (`body_limit`), otherwise the frame's.
        """
        endpoint = self.endpoint or ""
        if self._limit is None or self._limit_of not in {None, endpoint}:
            frame = cast("Frame", current_app)
            view = frame.view_functions.get(endpoint)
            self._limit, self._limit_of = cast("int", getattr(view, "__body_limit__", frame.max_body)), endpoint
        return self._limit

    @property
    def max_content_length(self) -> int | None:
        """The limit to which werkzeug reads.

        werkzeug silently cuts a body of unknown length there. With one more byte, get_data sees that the body was too
        long.
        """
        return self.body_limit if self.content_length is not None else self.body_limit + 1

    @max_content_length.setter
    def max_content_length(self, value: int | None) -> None:
        self._limit, self._limit_of = value, None

    def _get_file_stream(self, *_args: object, **_named: object) -> IO[bytes]:
        """Keep uploads in memory, bounded by `body_limit`, so that no paper lies unsealed in a temporary folder."""
        return BytesIO()

    def get_data(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - werkzeug's overloads
        """Return the body as werkzeug does. Raises RequestEntityTooLarge also for a body of unknown length beyond the
        limit.
        """
        data = super().get_data(*args, **kwargs)
        if len(data) > self.body_limit:
            raise RequestEntityTooLarge
        return data


class PageSessions(SecureCookieSessionInterface):
    """Sessions for pages alone. A call of the API has none, and does not pay for one."""

    def open_session(self, app: flask.Flask, request: flask.Request) -> SecureCookieSession | None:
        """Return a page's session, or a read-only empty session for a call of the API."""
        return self.make_null_session(app) if request.path.startswith(API) else super().open_session(app, request)


class Frame(flask.Flask):
    """A Flask application with the shared error map, headers and log line. create_frame makes it."""

    request_class = FrameRequest
    session_interface = PageSessions()
    clock: Clock
    max_body: int
    https: bool
    on_refusal: list[Callable[[int], None]]
    """Called with the status of a 401 or 403 answer, before the answer is sent."""
    draw: Callable[[Problem], flask.Response] | None = None
    """Draws the page of a problem for a browser. Without it, everybody gets the document."""

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as Flask does, with the headers that every answer has put in last.

        They are constants of ours: werkzeug would look at each for line ends, twice.
        """

        def start(status: str, headers: list[tuple[str, str]], *fault: Any) -> Callable[[bytes], object]:  # noqa: ANN401 - WSGI's exc_info
            return start_response(status, headers + environ.pop(_HEADERS, []), *fault)

        return super().wsgi_app(environ, start)

    def create_url_adapter(self, request: flask.Request | None) -> MapAdapter | None:
        """Return what finds a request's view, without the hosts and subdomains that no route of ours tells apart.

        Flask reads the Host header twice for them. SecurityError for a host that is none.
        """
        if request is None or self.config["SERVER_NAME"] is not None or self.config["TRUSTED_HOSTS"] is not None:
            return super().create_url_adapter(request)
        environ = request.environ
        request.host = get_host(environ)
        return MapAdapter(
            self.url_map,
            server_name=request.host.lower(),
            script_name=f"{request.root_path}/",
            subdomain="",
            url_scheme=request.scheme,
            path_info=request.path,
            default_method=request.method,
            query_args=environ.get("QUERY_STRING", ""),
        )

    def process_response(self, response: flask.Response) -> flask.Response:
        """Complete the answer's headers and write the access line."""
        response = super().process_response(response)
        if response.status_code in _REFUSED:
            for tell in self.on_refusal:
                tell(response.status_code)
        asked = current_request()
        secure = self.https or asked.scheme == "https"
        asked.environ[_HEADERS] = _lacking_headers(response, asked.request_id, secure=secure)
        _record(asked, response.status_code)
        return response


def create_frame(name: str, *, clock: Clock, max_body: int = 65536, https: bool = False) -> flask.Flask:
    """Return an application named `name` (an import name) without routes. `max_body` is in bytes.

    `https`: clients know this server only by https, whatever a proxy says about the scheme.
    """
    frame = Frame(name, static_folder=None)
    frame.clock = clock
    frame.max_body = max_body
    frame.https = https
    frame.on_refusal = []
    # A path has one spelling. Other spellings get 404, not a redirect built from the client's Host header.
    frame.url_map.merge_slashes = False
    frame.url_map.converters.update(CONVERTERS)
    frame.url_map.redirect_defaults = False
    frame.register_error_handler(Problem, answer_problem)
    frame.register_error_handler(HTTPException, _on_http_exception)
    frame.register_error_handler(OSError, _on_system_error)
    frame.register_error_handler(Exception, _on_unknown)
    return frame


def draw_problems(app: flask.Flask, draw: Callable[[Problem], flask.Response]) -> None:
    """Let `draw` make the page of a problem for browsers outside the API (`asks_for_page`)."""
    cast("Frame", app).draw = draw


def current_request() -> FrameRequest:
    """Return the request itself. Flask's proxy would look it up again for every attribute."""
    return cast("FrameRequest", request._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001 - Flask's own way


def request_instant() -> datetime:
    """Return the request's single instant, aware UTC. The injected clock is read at the first call."""
    if "instant" not in g:
        g.instant = cast("Frame", current_app).clock.now()
    return cast("datetime", g.instant)


def request_id() -> str:
    """Return the request's id in the log and in problem documents."""
    return cast("FrameRequest", request).request_id


def body_limit(most: int) -> Callable[[View], View]:
    """Let one view accept bodies of up to `most` bytes instead of the frame's limit."""

    def mark(view: View) -> View:
        view.__body_limit__ = most  # type: ignore[attr-defined]
        return view

    return mark


def read_body(kind: type[T]) -> T:
    """Return the request's JSON body as a `kind`, a msgspec.Struct that forbids unknown fields.

    Problems: unsupported-media-type, too-large (before the whole body is read), bad-json, invalid-field with the
    field's path.
    """
    asked = current_request()
    content_type = asked.environ.get("CONTENT_TYPE", "")
    if content_type != "application/json" and not _JSON_TYPE.fullmatch(content_type):
        raise Problem("unsupported-media-type")
    if asked.environ.get("HTTP_CONTENT_ENCODING", "identity") != "identity":
        raise Problem("unsupported-media-type", "Send the body without a content encoding.")
    data = asked.get_data()
    decoder, wide = _reader(cast("Hashable", kind))
    try:
        value = decoder.decode(data)
    except msgspec.ValidationError as error:
        raise _invalid_field(str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Problem("bad-json") from None
    if (wide and _LONG_NUMBER.search(data)) or _ESCAPED_NUL in data:
        _require_storable(value)
    return cast("T", value)


def read_query(kind: type[T]) -> T:
    """Return the query string as a `kind` (a Struct, with values converted from text). Problem invalid-field."""
    fields: dict[str, str] = {}
    for name, value in request.args.items(multi=True):
        if name in fields:
            raise _invalid_field(f"Given twice - at `$.{name}`")
        fields[name] = value
    try:
        found = msgspec.convert(fields, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid_field(str(error)) from None
    _require_storable(found)
    return found


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> flask.Response:
    """Return `value` (Structs, dataclasses, plain values) as JSON. Convert times to text first, with
    `instants.rfc3339`.
    """
    return flask.Response(msgspec.json.encode(value), status, headers, content_type="application/json")


def problem_response(problem: Problem) -> flask.Response:
    """Return the RFC 9457 document of a problem. Its `instance` is the request's id, if there is one."""
    instance = request_id() if flask.has_request_context() else None
    response = flask.Response(
        msgspec.json.encode(problem.document(instance)), problem.status, content_type="application/problem+json"
    )
    return _with_headers(response, problem)


def _with_headers(response: flask.Response, problem: Problem) -> flask.Response:
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(max(0, problem.retry_after))
    if problem.status == 401:  # RFC 9110 §15.5.2 requires a challenge
        response.headers["WWW-Authenticate"] = _CHALLENGES.get(problem.code, _CHALLENGE)
    for name, value in problem.headers.items():
        response.headers[name] = value
    return response


def idempotency_key() -> str:
    """Return the operation id of a writing call, 16 to 64 of `A-Za-z0-9_-`. Problem bad-request without a valid id."""
    key = request.headers.get("Idempotency-Key", "")
    if not _OPERATION.fullmatch(key):
        raise Problem("bad-request", "Idempotency-Key must be 16 to 64 characters of A-Z, a-z, 0-9, _ and -.")
    return key


@cache
def _reader(struct: Hashable) -> tuple[msgspec.json.Decoder[object], bool]:
    kind = cast("type[object]", struct)
    config = getattr(kind, "__struct_config__", None)
    if config is None or not config.forbid_unknown_fields:
        raise TypeError(f"{kind.__name__} must be a Struct with forbid_unknown_fields=True")
    return reader(kind), admits_wide_integer(kind)


def _require_storable(value: object) -> None:
    fault = storage_fault(value)
    if fault is not None:
        raise _invalid_field(fault)


def _invalid_field(text: str) -> Problem:
    """Turn msgspec's message, which ends with the place, into the problem. The text may quote the client's."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    placed = _PLACE.fullmatch(text)
    message, path = (placed[1], placed[2]) if placed else (text, "$")
    named = _FIELD_NAMED.fullmatch(message)
    if named:
        path = f"{path}.{named[1]}"
    field = {"path": path[:_LONGEST_MESSAGE], "message": message[:_LONGEST_MESSAGE]}
    return Problem("invalid-field", extra={"fields": [field]})


def asks_for_page() -> bool:
    """Return whether the request comes from a browser that would show the answer: outside the API, HTML before JSON."""
    asked = current_request()
    kinds = ("application/problem+json", "application/json", "text/html")
    return not asked.path.startswith(API) and asked.accept_mimetypes.best_match(kinds) == "text/html"


def answer_problem(problem: Problem) -> flask.Response:
    """Return a problem's answer: a page for browsers outside the API, the document for all others."""
    g.problem = problem.code
    draw = cast("Frame", current_app).draw
    if draw is None or not asks_for_page():
        return problem_response(problem)
    return _with_headers(draw(problem), problem)


def _on_http_exception(error: HTTPException) -> AnyResponse:
    status = error.code or 500
    if status < 400 or error.response is not None:
        return error.get_response()
    if _too_slow(error):
        return answer_problem(Problem("too-slow"))
    code = _CODE_OF_STATUS.get(status, "bad-request" if status < 500 else "internal")
    headers: dict[str, str] = {}
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer_problem(Problem(code, headers=headers))


def _on_system_error(error: OSError) -> flask.Response:
    """Answer 503 while a disk is full: there is nothing wrong with the request, and later it will be done."""
    if error.errno not in _NO_ROOM:
        return _on_unknown(error)
    _errors.error("no room on the disk", exc_info=error, extra={"fields": {"request": request_id()}})
    return answer_problem(Problem("unavailable", retry_after=_ROOM_SECONDS))


def _too_slow(error: HTTPException) -> bool:
    """Return whether the body broke off because its client kept no pace (`edge.pace`). werkzeug tells no more than that
    it broke off.
    """
    return isinstance(error, ClientDisconnected) and isinstance(error.__context__, TimeoutError)


def _on_unknown(error: Exception) -> flask.Response:
    _errors.error("unexpected exception", exc_info=error, extra={"fields": {"request": request_id()}})
    return answer_problem(Problem("internal"))


def _lacking_headers(response: flask.Response, name: str, *, secure: bool) -> list[tuple[str, str]]:
    """Return the headers that every answer has, where the answer does not say otherwise itself."""
    policy = _POLICIES.get(response.mimetype or "")
    own = {header.lower() for header, _ in response.headers}
    headers = [
        *_ALWAYS,
        *(pair for key, pair in _UNLESS_SAID if key not in own),
        ("X-Request-Id", name),
    ]
    if secure:
        headers.append(_STRICT_TRANSPORT)
    if policy is not None:
        said = (("content-security-policy", policy), ("permissions-policy", _PERMISSIONS))
        headers += [(key.title(), value) for key, value in said if key not in own]
    return headers


def _record(asked: FrameRequest, status: int) -> None:
    elapsed = perf_counter() - asked.started
    method = asked.method if asked.method in _METHODS else "other"
    rule = asked.url_rule
    route = "unmatched" if rule is None else rule.rule
    observe_request(method, route, status, elapsed)
    if not ACCESS.is_open:
        return
    fields: dict[str, object] = {
        "method": method,
        "route": route,
        "status": status,
        "ms": round(elapsed * 1000, 2),
        "request": asked.request_id,
    }
    caller = getattr(g.get("caller"), "id", None)
    if caller is not None:
        fields["caller"] = str(caller)
    ACCESS.write(fields)
