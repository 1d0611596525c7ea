"""Target: every described call, by whoever may make it, with a body, a path and a query that were spoilt."""

from __future__ import annotations

import atexit
import json
import tempfile
import uuid
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from hypothesis import strategies as st
from werkzeug.test import Client

from tests.fuzz.target import mangled, mangled_json, odd_values, spelled, target
from tests.web.site import Site
from tests.web.test_bad_calls import REQUIRED
from tests.web.test_contract import Signing
from tests.web.test_roles_and_routes import Callers  # noqa: F401 - what `Signing` calls by

METHODS = ("get", "post", "put", "patch", "delete")
ENDS = {("delete", "/v1/sessions"), ("delete", "/v1/operators/sessions")}
"""What would end the session that the other calls go on with."""


@dataclass
class Machine:
    """A whole machine, its description, and what answers were given (status by count)."""

    signing: Signing
    client: Client
    operations: list[tuple[str, str, dict]]
    schemas: dict
    answered: dict[int, int] = field(default_factory=dict)


@cache
def machine() -> Machine:
    """One for all examples of a process."""
    site = Site(Path(tempfile.mkdtemp(prefix="fuzz-site-")))
    atexit.register(site.close)
    signing = Signing(site)
    client = Client(signing)
    described = client.get("/v1/openapi.json").get_json()
    operations = [
        (method, path, told)
        for path, item in described["paths"].items()
        for method, told in item.items()
        if method in METHODS and (method, path) not in ENDS
    ]
    return Machine(signing, client, sorted(operations, key=lambda one: one[:2]), described["components"]["schemas"])


def example_of(schema: dict, depth: int = 0) -> object:
    """A plain value of a schema, so that a spoilt one fails beyond its first field."""
    if "$ref" in schema:
        return example_of(machine().schemas[schema["$ref"].rpartition("/")[2]], depth + 1) if depth < 12 else None
    for one in ("anyOf", "oneOf", "allOf"):
        if one in schema:
            return example_of(schema[one][0], depth + 1)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: example_of(one, depth + 1) for name, one in schema.get("properties", {}).items()}
    if kind == "array":
        return [example_of(schema.get("items", {}), depth + 1)] if depth < 12 else []
    plain = {"integer": schema.get("minimum", 1), "number": 1.5, "boolean": True, "null": None}
    return plain.get(kind, KNOWN_TEXTS.get(schema.get("format", ""), "A" * max(1, schema.get("minLength", 1))))


KNOWN_TEXTS = {"date": "2026-11-10", "date-time": "2026-11-10T01:00:00Z", "uri": "https://example.org/"}
CODES = [
    "gym-visit",
    "gym",
    "airport-lounge",
    "culture-bureau",
    "2026-11",
    "2026",
    "granted",
    "AAAAAAAAAAA",
    "0",
    "1",
    "zh",
    "en",
]
ODD_PATHS = ["%00", "%2e%2e", "%ff", "a%2fb", "😀", "-", "0" * 200, "9" * 30, "'", "1 OR 1=1", "%0d%0aX:1", "٣"]


@dataclass(frozen=True)
class Sent:
    """One call as it is sent."""

    method: str
    path: str
    kind: str
    body: bytes
    query: tuple[tuple[str, str], ...]
    media: str


@st.composite
def _calls(draw) -> Sent:
    """One of the described calls with parts that were never described."""
    method, path, told = draw(st.sampled_from(machine().operations))
    kinds = sorted({name for one in told.get("security", ()) for name in one} - {"session"}) or ["nobody"]
    texts = st.one_of(st.sampled_from(CODES), st.sampled_from(ODD_PATHS), st.text(max_size=12))
    query, where = [], path
    for one in (*told.get("parameters", ()), *({"in": "query", "name": name} for name in ("limit", "after"))):
        if one.get("in") == "path":
            where = where.replace(
                "{" + one["name"] + "}", draw(st.one_of(st.sampled_from(CODES), st.sampled_from(ODD_PATHS)))
            )
        elif one.get("in") == "query" and draw(st.booleans()):
            query.append((one["name"], draw(texts)))
    content = told.get("requestBody", {}).get("content", {})
    media = next(iter(content), "application/json")
    body = b""
    if content and "json" in media:
        whole = example_of(content[media].get("schema", {}))
        body = spelled(draw(st.one_of(mangled_json([whole]), odd_values())))
        body = draw(mangled([body])) if draw(st.integers(0, 5)) == 0 else body
    elif content:
        body = draw(mangled([b"x,y\n1,2\n", b"%PDF-1.4\n%%EOF", b"old 0\n\n"]))
    return Sent(method, where, draw(st.sampled_from([*kinds, *kinds, "nobody"])), body, tuple(query), media)


@target(_calls, examples=40)
def call(sent: Sent) -> None:
    """No call of anybody's makes the server fail; what is refused is refused by a problem document."""
    held = machine()
    held.signing.kind = sent.kind
    answer = held.client.open(
        sent.path,
        method=sent.method.upper(),
        query_string=dict(sent.query),
        data=sent.body or None,
        content_type=sent.media if sent.body else None,
        headers={
            "Idempotency-Key": uuid.uuid4().hex,
            **{name: value for name, value in REQUIRED.items() if name != "Idempotency-Key"},
        }
        if isinstance(REQUIRED, dict)
        else {"Idempotency-Key": uuid.uuid4().hex},
    )
    held.answered[answer.status_code] = held.answered.get(answer.status_code, 0) + 1
    assert answer.status_code < 500, f"{answer.status_code}: {answer.get_data()[:300]!r}"
    if answer.status_code >= 400 and answer.mimetype == "application/problem+json":
        told = json.loads(answer.get_data())
        assert told["status"] == answer.status_code
        assert told["code"] != "internal"
