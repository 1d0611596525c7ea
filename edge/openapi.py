"""The OpenAPI 3.1 document, built from the routes and each view's own description. Nothing is described twice.

Every route under /v1 must have a description. The same application always gives the same document.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal, TypeVar

import flask
import msgspec
from werkzeug.routing import Rule

from edge.opening import public, revalidated
from edge.packing import packed
from edge.problems import PROBLEMS

View = TypeVar("View", bound=Callable[..., Any])
Auth = Literal["none", "device", "integrator", "person", "wallet", "caller"]

_REF = "#/components/schemas/{name}"
_ARGUMENT = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
_ANSWERED_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+")
_SECURITY: Mapping[str, list[dict[str, list[str]]]] = {
    "none": [],
    "device": [{"device": []}],
    "integrator": [{"integrator": []}],
    "person": [{"person": []}, {"session": []}],
    "wallet": [{"wallet": []}],
    "caller": [{"device": []}, {"integrator": []}, {"person": []}, {"session": []}],
}
_SCHEMES = {
    "device": {
        "type": "http",
        "scheme": "DPoP",
        "description": "A device's access token (`Authorization: DPoP yd_…`), with its proof in the DPoP header.",
    },
    "integrator": {"type": "http", "scheme": "bearer", "description": "An integrator's token, `yj_…`."},
    "person": {"type": "http", "scheme": "bearer", "description": "A signed-in person's session, for programs."},
    "session": {"type": "apiKey", "in": "cookie", "name": "yunju_session", "description": "The same, for pages."},
    "wallet": {
        "type": "apiKey",
        "in": "header",
        "name": "Wallet-Proof",
        "description": "A `wallet-proof+jwt` by the phone's key, once, over method, address and body.",
    },
}
_OPERATION_ID = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "The operation's id, made before it is first sent and kept over every retry.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{16,64}$"},
}
_OPERATOR = {
    "name": "Yunju-Operator",
    "in": "header",
    "required": False,
    "description": "The session of the operator signed in at the device.",
    "schema": {"type": "string"},
}
_PROOF = {
    "name": "DPoP",
    "in": "header",
    "description": (
        "A proof of the device's P-256 key for this one call (RFC 9449 §4.2): a JWS by ES256 with `typ` = `dpop+jwt` "
        "and the public key as `jwk`; claims `jti` (16 to 128 characters, new each time), `htm` (the method), `htu` "
        "(the address without its query), `iat` (within 60 s of the server's time), and with an access token `ath` = "
        "base64url(SHA-256(token)). Beside the RFC's own claims: **`bh`** = base64url(SHA-256(body)), required where "
        "there is a body, and **`hh`** = base64url(SHA-256(Idempotency-Key + line feed + Yunju-Operator)), each empty "
        "where it is not sent; `hh` may be left out until 2028-01-01. `docs/integrators.md` shows how one is made."
    ),
    "schema": {"type": "string"},
}
_ABOUT = (
    "Tiered benefit cards: looking at a card, checking in, bookings, the log. Every writing call carries an operation "
    "id and may be sent again with it. A refused use is a 201 with `outcome` = `denied`; a call that cannot be served "
    "is a problem document (RFC 9457) whose `type` is an address of this server."
)
_PROBLEM_SCHEMA = {
    "type": "object",
    "description": "A problem document (RFC 9457). `code` is stable; further members depend on it.",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "hint": {"type": "string"},
        "instance": {"type": "string"},
        "message": {
            "type": "object",
            "properties": {"zh": {"type": "string"}, "en": {"type": "string"}},
            "required": ["zh", "en"],
        },
    },
    "required": ["type", "title", "status", "code", "hint", "message"],
}


@dataclass(frozen=True)
class ApiOperation:
    """A view's description of itself."""

    summary: str
    tag: str
    body: Any
    answers: Mapping[int, Any]
    problems: frozenset[str]
    auth: Auth
    query: Any
    writes: bool
    proves: bool


def describe(
    *,
    summary: str,
    tag: str,
    answers: Mapping[int, Any],
    body: Any = None,  # noqa: ANN401 - any type msgspec knows: a Struct, list[Struct], a union
    problems: Iterable[str] = (),
    auth: Auth = "caller",
    query: Any = None,  # noqa: ANN401 - a Struct
    writes: bool = False,
    proves: bool = False,
) -> Callable[[View], View]:
    """Set a view's `__operation__`.

    `proves`: the call carries a proof of a key (the header DPoP) without any access token. `answers` maps a status to a
    type (answered as JSON), to a media type such as `image/jpeg`, to a tuple of such kinds (the caller chooses), or to
    a sentence (no body). The problems that follow from `body`, `query`, `auth` and `writes` are added to `problems`. An
    unknown problem is a ValueError.
    """
    unknown = sorted(set(problems) - set(PROBLEMS))
    if unknown:
        raise ValueError(f"no such problem: {', '.join(unknown)}")
    codes = frozenset(problems) | _implied(body=body, query=query, auth=auth, writes=writes)
    operation = ApiOperation(summary, tag, body, dict(answers), codes, auth, query, writes, proves)

    def mark(view: View) -> View:
        view.__operation__ = operation  # type: ignore[attr-defined]
        return view

    return mark


def document(app: flask.Flask, *, title: str, version: str) -> dict[str, Any]:
    """Return the document of an application's described routes. Raises ValueError with each /v1 route without a
    description.
    """
    described, bare = _described(app)
    if bare:
        raise ValueError(f"not described: {', '.join(bare)}")
    schemas = _Schemas(operation for _, _, operation in described)
    paths: dict[str, dict[str, Any]] = {}
    for rule, method, operation in described:
        path = _ARGUMENT.sub(r"{\1}", rule.rule)
        paths.setdefault(path, {})[method.lower()] = _operation_object(rule, method, operation, schemas)
    found = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": _ABOUT},
        "servers": [{"url": "/", "description": "The server that this document comes from."}],
        "tags": [{"name": tag} for tag in sorted({operation.tag for _, _, operation in described})],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": schemas.components(), "securitySchemes": _SCHEMES},
    }
    plain: dict[str, Any] = _plain(found)
    return plain


def openapi_blueprint(*, title: str, version: str) -> flask.Blueprint:
    """Return `GET /v1/openapi.json`, which builds the document at its first call."""
    blueprint = flask.Blueprint("openapi", __name__)
    made: list[bytes] = []

    @blueprint.get("/v1/openapi.json")
    @describe(summary="This document", tag="about", answers={200: dict[str, Any]}, auth="none")
    @public
    def openapi_document() -> flask.Response:
        if not made:
            made.append(msgspec.json.encode(document(flask.current_app, title=title, version=version)))
        headers = {"Cache-Control": "public, max-age=300"}
        return packed(revalidated(flask.Response(made[0], 200, headers, content_type="application/json")))

    return blueprint


class _Schemas:
    """The schemas of all types in operations, and references to them."""

    def __init__(self, operations: Iterable[ApiOperation]) -> None:
        self._types: list[Any] = []
        for operation in operations:
            named = [operation.body, operation.query]
            named += [kind for answer in operation.answers.values() for kind in _kinds(answer)]
            self._types += [kind for kind in named if kind is not None and not isinstance(kind, str)]
        found, self._components = msgspec.json.schema_components(self._types, ref_template=_REF)
        self._found = list(found)

    def of(self, kind: Any) -> dict[str, Any]:  # noqa: ANN401 - any type msgspec knows
        """Return the schema of a type: a reference if it has a name."""
        return self._found[self._types.index(kind)]

    def parameters(self, query: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a Struct
        """Return the query parameters that a Struct describes."""
        schema = self._components[self.of(query)["$ref"].rpartition("/")[2]]
        needed = schema.get("required", ())
        return [
            {"name": name, "in": "query", "required": name in needed, "schema": part}
            for name, part in schema["properties"].items()
        ]

    def components(self) -> dict[str, Any]:
        """Return all named schemas, sorted."""
        return dict(sorted({**self._components, "Problem": _PROBLEM_SCHEMA}.items()))


def _plain(value: Any, *, inside: str = "") -> Any:  # noqa: ANN401 - any part of a document
    """Return a part of the document in a form that every reader understands.

    A pattern ends in `$`, which is the very end in ECMA-262 (JSON Schema's language); RE2 refuses Python's endings. The
    default of a member that may be absent is given only in words: client generators treat a member with `default` as
    always present, and so as required.
    """
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {name: _plain(one, inside=name) for name, one in value.items()}
    if isinstance(found.get("pattern"), str):
        found["pattern"] = found["pattern"].replace(r"$(?!\n)", "$").replace(r"\Z", "$")
    needed = found.get("required")
    if inside != "properties" and isinstance(found.get("properties"), dict) and found.get("type") == "object":
        optional = found["properties"].keys() - set(needed or ())
        found["properties"] = {
            name: _without_default(one) if name in optional else one for name, one in found["properties"].items()
        }
    return found


def _without_default(schema: dict[str, Any]) -> dict[str, Any]:
    kept = {name: one for name, one in schema.items() if name != "default"}
    if schema.get("default"):
        told = msgspec.json.encode(schema["default"]).decode()
        kept["description"] = f"{kept.get('description', '')} Left out: {told}.".strip()
    return kept


def _described(app: flask.Flask) -> tuple[list[tuple[Rule, str, ApiOperation]], list[str]]:
    described: list[tuple[Rule, str, ApiOperation]] = []
    bare: list[str] = []
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint)):
        operation = getattr(app.view_functions.get(rule.endpoint), "__operation__", None)
        if operation is not None:
            methods = [method for method in _ANSWERED_METHODS if method in (rule.methods or ())]
            described += [(rule, method, operation) for method in methods]
        elif rule.rule == "/v1" or rule.rule.startswith("/v1/"):
            bare.append(rule.rule)
    return described, bare


def _implied(*, body: object, query: object, auth: Auth, writes: bool) -> frozenset[str]:
    codes = {"internal", "bad-request"} if writes else {"internal"}
    if body is not None:
        codes |= {"bad-json", "too-slow", "too-large", "unsupported-media-type", "invalid-field"}
    if query is not None:
        codes.add("invalid-field")
    if auth != "none":
        # A proof may cover the body. So the body is read, with a limit, even if the call itself uses none.
        codes |= {"unauthenticated", "bad-token", "not-permitted", "too-slow", "too-large"}
    if auth in {"device", "caller"}:
        codes |= {"bad-dpop-proof", "clock-off", "device-revoked"}
        codes |= {"operator-needed", "operator-signed-out"} & PROBLEMS.keys()
    return frozenset(codes)


def _operation_object(rule: Rule, method: str, operation: ApiOperation, schemas: _Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": f"{rule.endpoint}.{method.lower()}",
        "summary": operation.summary,
        "tags": [operation.tag],
        "security": _SECURITY[operation.auth],
        "parameters": _parameters(rule, operation, schemas),
        "responses": _responses(operation, schemas),
    }
    if operation.body is not None:
        found["requestBody"] = {"required": True, "content": _json(schemas.of(operation.body))}
    return found


def _parameters(rule: Rule, operation: ApiOperation, schemas: _Schemas) -> list[dict[str, Any]]:
    names = _ARGUMENT.findall(rule.rule)
    found = [{"name": name, "in": "path", "required": True, "schema": _path_schema(rule, name)} for name in names]
    if operation.query is not None:
        found += schemas.parameters(operation.query)
    if operation.writes:
        found.append(_OPERATION_ID)
    if operation.auth in {"device", "caller"}:
        found.append(_OPERATOR)
    if operation.proves or operation.auth in {"device", "caller"}:  # Of `caller`: only those that are devices
        found.append({**_PROOF, "required": operation.auth != "caller"})
    return found


def _path_schema(rule: Rule, name: str) -> dict[str, Any]:
    kind = type(rule._converters[name]).__name__  # noqa: SLF001 - werkzeug offers no public way to it
    schemas: dict[str, dict[str, Any]] = {
        "WholeNumberConverter": {"type": "integer", "minimum": 0},
        "FloatConverter": {"type": "number", "minimum": 0},
        "UUIDConverter": {"type": "string", "format": "uuid"},
    }
    return schemas.get(kind, {"type": "string"})


def _responses(operation: ApiOperation, schemas: _Schemas) -> dict[str, Any]:
    found = {str(status): _answer(status, kind, schemas) for status, kind in operation.answers.items()}
    by_status: dict[int, list[str]] = {}
    for code in sorted(operation.problems):
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    for status, codes in by_status.items():
        found[str(status)] = _problem(codes)
    return dict(sorted(found.items()))


def _answer(status: int, kind: Any, schemas: _Schemas) -> dict[str, Any]:  # noqa: ANN401 - a type or a text
    phrase = HTTPStatus(status).phrase
    if isinstance(kind, str) and not _MEDIA_TYPE.fullmatch(kind):
        return {"description": kind}
    content: dict[str, Any] = {}
    for one in _kinds(kind):
        content |= {one: {}} if isinstance(one, str) else _json(schemas.of(one))
    return {"description": phrase, "content": content}


def _kinds(answer: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a kind of answer, or several
    return answer if isinstance(answer, tuple) else (answer,)


def _problem(codes: list[str]) -> dict[str, Any]:
    schema = {
        "allOf": [{"$ref": _REF.format(name="Problem")}, {"properties": {"code": {"enum": codes}}}],
    }
    words = "; ".join(f"`{code}`: {PROBLEMS[code].en}" for code in codes)
    return {"description": words, "content": {"application/problem+json": {"schema": schema}}}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
