"""The API against its own description, by schemathesis: calls and what their answers must be follow from the document.

The same in each run: the coverage cases (each boundary, each missing or misshapen part) and a few drawn ones a call.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from itertools import cycle
from urllib.parse import quote

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig
from schemathesis.core.failures import AcceptedNegativeData, FailureGroup
from schemathesis.openapi import from_wsgi
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.web.site import Site
from tests.web.test_roles_and_routes import Callers

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
)
"""Left out: that every valid value is taken. A 422 tells what no schema can: a date that is none, an unknown code."""
DRAWN = 4
CARD_MOST = 4096
TOO_LARGE = 413
"""Refuses what is too long as plainly as a 422 does."""
ENDS = {"DELETE /v1/sessions", "DELETE /v1/operators/sessions"}
LACKS_PROOF = re.compile("Missing `(Authorization|DPoP|Wallet-Proof)`")
MODES = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]


class Signing:
    """Stands before the application and proves each call as its caller would, over the very octets that are sent."""

    def __init__(self, site: Site) -> None:
        self.site, self.callers = site, Callers(site)
        self.kind, self.answered = "nobody", Counter()

    def __call__(self, environ, start_response):
        """Send a call on, signed by the caller of the moment."""
        self.site.clock.advance(timedelta(seconds=3))  # so that no rate limit hides what is tried
        environ.pop("HTTP_ACCEPT_ENCODING", None)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        path = quote(environ["PATH_INFO"].encode("latin-1"))
        body = self._with_card(body) if self.kind == "wallet" else body
        operation = environ.get("HTTP_IDEMPOTENCY_KEY")
        proved = self.callers.headers(self.kind, environ["REQUEST_METHOD"], path, body, operation)
        environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in proved.items()}
        environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return self.site.app.wsgi_app(environ, start_response)

    def _with_card(self, body: bytes) -> bytes:
        """Name the phone's card where a body names some card; one that is misshapen stays."""
        try:
            said = json.loads(body)
        except ValueError:
            return body
        named = said.get("card") if isinstance(said, dict) else None
        if not isinstance(named, str) or not 1 <= len(named) <= CARD_MOST:
            return body
        return json.dumps(said | {"card": self.callers.card}).encode()


@pytest.fixture(scope="module")
def signing(tmp_path_factory):
    """A machine with every surface, behind what signs."""
    site = Site(tmp_path_factory.mktemp("contract"))
    yield Signing(site)
    site.close()


def cases_of(operation) -> Iterator[schemathesis.Case]:
    """Every coverage case of an operation, then a few drawn ones: the same in each run."""
    yield from operation.schema.iter_coverage_cases(
        operation, generation_modes=MODES, generation_config=GenerationConfig()
    )
    drawn: list[schemathesis.Case] = []

    @hypothesis.settings(
        max_examples=DRAWN,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(operation.as_strategy())
    def draw(case):
        drawn.append(case)

    draw()
    yield from drawn


def kinds_of(operation) -> list[str]:
    """Who may make a call, in the words of its description."""
    named = {name for one in operation.definition.raw.get("security", ()) for name in one} - {"session"}
    return sorted(named) or ["nobody"]


def calls_of(app) -> list:
    """Every described call; those that end the session that others go on with come last."""
    found = [one.ok() for one in from_wsgi("/v1/openapi.json", app).get_all_operations()]
    return sorted(found, key=lambda one: one.label in ENDS)


def faults_of(case, signing: Signing) -> Iterator[str]:
    """Send a case; what its answer says against the description."""
    if LACKS_PROOF.search(getattr(case.meta.phase.data, "description", None) or ""):
        signing.kind = "nobody"
    if case.meta.generation.mode is MODES[0] and "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = uuid.uuid4().hex  # drawn alike, all would be one operation
    answer = case.call()
    signing.answered[answer.status_code] += 1
    try:
        case.validate_response(answer, checks=CHECKS)
    except FailureGroup as group:
        for one in group.exceptions:
            if not (isinstance(one, AcceptedNegativeData) and answer.status_code == TOO_LARGE):
                yield f"{case.operation.label} by {signing.kind}: {answer.status_code}, {one}"


@pytest.mark.slow
def test_every_answer_is_as_described(signing):
    """No 5xx, no status, header, media type or body that the document does not name; nothing misshapen is taken."""
    faults, sent = [], Counter()
    for operation in calls_of(signing):
        kinds = cycle(kinds_of(operation))
        for case in cases_of(operation):
            signing.kind = next(kinds)
            sent[operation.label] += 1
            faults += faults_of(case, signing)
    assert not faults, "\n".join(faults)
    assert len(sent) > 80
    assert min(sent.values()) >= DRAWN
    assert {200, 201, 401, 403, 404, 422} <= signing.answered.keys()
