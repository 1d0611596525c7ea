"""Every call of the whole application, the issuer's, the auditors' and the pages' among them: never a plain 500."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from accounts.rights import EVERYWHERE, Right
from edge.limits import Forwarding
from tests.verifier.test_bad_input import BODIES
from tests.web.site import BY, Site
from web.app import create_application

pytestmark = pytest.mark.slow
NAMES = ("x", "%00", "a%0Ab", "00-000001%0A", "zz-000001", "00-999999999999999", "1" * 300, "..%2F..", "9" * 19)
VALUES = (
    "",
    "\n",
    "9" * 40,
    "-1",
    "2026-02-30",
    "0001-01",
    "9999-12",
    "9999-12-31",
    "0001-01-01T00:00:00+14:00",
    "２０２６-11",
)
REQUIRED = {
    "on": "2026-11-12",
    "since": "2026-11-10",
    "until": "2026-11-10",
    "month": "2026-11",
    "period": "2026",
    "point": "gym",
    "service": "steward-newspaper",
    "department": "media",
    "format": "csv",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine with every surface."""
    made = Site(tmp_path_factory.mktemp("bad-calls"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def token(site):
    """Of an integrator who may do everything: no missing right hides what is tried."""
    at, everything = site.clock.now(), {EVERYWHERE: frozenset(Right)}
    return site.office.accounts.integrators.add("all", everything, expires_at=at + timedelta(days=90), by=BY, at=at)[1]


@pytest.fixture(scope="module")
def calls(site) -> list[tuple[str, str, dict]]:
    """Every described call: method, path, description."""
    paths = site.app.test_client().get("/v1/openapi.json").json["paths"]
    return [(method.upper(), path, told) for path, methods in paths.items() for method, told in methods.items()]


def test_a_proxy_that_nobody_named_is_told_at_start_and_by_readiness(site, caplog, monkeypatch):
    """An https address without a named proxy, before any request; and X-Forwarded-For from a peer that is not named."""
    fresh = Forwarding()
    for module in ("web.app", "edge.limits"):
        monkeypatch.setattr(f"{module}.FORWARDING", fresh)
    https = replace(site.settings, base_url="https://card.example")
    unnamed = create_application(https, site.clock).test_client()
    assert "YUNJU_TRUSTED_PROXIES names none" in caplog.text
    assert "YUNJU_TRUSTED_PROXIES" in unnamed.get("/readyz").json["warnings"]["proxies"]
    named = replace(https, trusted_proxies=(ip_network("127.0.0.1/32"),))
    served = create_application(named, site.clock).test_client()
    assert "proxies" not in served.get("/readyz").json.get("warnings", {})
    served.get("/v1/time", headers={"X-Forwarded-For": "203.0.113.9"}, environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert "does not name" in served.get("/readyz").json["warnings"]["proxies"]
    assert "YUNJU_TRUSTED_PROXIES does not name" in caplog.text


def answered(site, token, method: str, path: str, **sent) -> int:
    """Send one; the status, which is the caller's fault or an outage that says so."""
    site.clock.advance(timedelta(seconds=3))  # so that no rate limit hides what is tried
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid.uuid4().hex, "Origin": site.base}
    response = site.app.test_client().open(path, method=method, headers=headers, **sent)
    assert response.status_code < 500 or response.status_code == 503, (method, path, sent, response.get_data())
    return response.status_code


def asked(told: dict) -> Iterator[dict[str, str]]:
    """Queries of which one value cannot be right."""
    parameters = [one for one in told.get("parameters", ()) if one["in"] == "query"]
    rest = {one["name"]: REQUIRED.get(one["name"], "x") for one in parameters if one.get("required")}
    for one in parameters:
        for value in VALUES:
            yield rest | {one["name"]: value}


def test_no_body_breaks_a_call_of_the_whole_application(site, token, calls):
    """Each body that cannot be right, to each call that takes one."""
    taking = [(method, path) for method, path, told in calls if "requestBody" in told]
    for method, path in taking:
        for body in BODIES.values():
            placed = re.sub(r"{\w+}", "00-000001", path)
            status = answered(site, token, method, placed, data=body, content_type="application/json")
            assert status >= 400, (method, path, body[:80])
    assert len(taking) > 30


def test_no_name_in_a_path_breaks_a_call(site, token, calls):
    """NUL, new lines, numbers beyond every store's, ways up."""
    named = [(method, path, told) for method, path, told in calls if "{" in path]
    for method, path, told in named:
        for name in NAMES:
            sent = {"json": {}} if "requestBody" in told else {}
            answered(site, token, method, re.sub(r"{\w+}", name, path), **sent)
    assert len(named) > 15


def test_no_query_breaks_a_call(site, token, calls):
    """Years without neighbours, digits of other scripts, empty values."""
    tried = 0
    for method, path, told in calls:
        for query in asked(told):
            answered(site, token, method, re.sub(r"{\w+}", "00-000001", path), query_string=query)
            tried += 1
    assert tried > 100


CHARACTERS = ("\0", "\x01", "\x7f", "\ud800", "\udcff", "\u202e", "\ufeff", "\uffff", "\U0010ffff", "\n", "\r\n")
SENT_HEADERS = (
    "Authorization",
    "DPoP",
    "Wallet-Proof",
    "Idempotency-Key",
    "Yunju-Operator",
    "Cookie",
    "Origin",
    "Accept-Language",
    "X-Forwarded-For",
    "If-None-Match",
    "Content-Type",
    "Range",
)


def rules(site) -> list[tuple[str, str]]:
    """Every route there is, described or not: a method and the rule."""
    found = []
    for rule in site.app.url_map.iter_rules():
        methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        found += [(method, rule.rule) for method in methods]
    return found


def raw(site, method: str, path: str, headers: dict[str, str]) -> int:
    """Call the application as a server does, with any octets in path and headers; the status."""
    site.clock.advance(timedelta(seconds=3))
    environ = EnvironBuilder(method=method, path="/", base_url=site.base).get_environ()
    environ["PATH_INFO"] = path.encode("utf-8", "surrogatepass").decode("latin-1")
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value.encode("utf-8", "surrogatepass").decode(
            "latin-1"
        )
    return run_wsgi_app(site.app.wsgi_app, environ, buffered=True)[1].split()[0]


def test_no_character_in_any_path_breaks_a_route(site, token):
    """In each argument, at the end, behind a file's name: of every route, the pages' files among them."""
    bearer = {"Authorization": f"Bearer {token}"}
    known = rules(site)
    for method, rule in known:
        for odd in CHARACTERS:
            filled = re.sub(r"<[^>]+>", f"a{odd}b", rule)
            for path in {filled, re.sub(r"<[^>]+>", "x", rule) + odd}:
                assert not raw(site, method, path, bearer).startswith("5"), (method, path)
    for odd in CHARACTERS:
        assert raw(site, "GET", f"/static/css/base.css{odd}.js", {}) == "404"
    assert len(known) > 80


def test_no_character_in_any_header_breaks_a_route(site, token):
    """Of one call of each method and kind, in every header that is read."""
    for method, rule in rules(site)[::5]:
        path = re.sub(r"<[^>]+>", "x", rule)
        for name in SENT_HEADERS:
            for odd in CHARACTERS[:8]:
                headers = {"Authorization": f"Bearer {token}"} | {name: f"a{odd}b"}
                assert not raw(site, method, path, headers).startswith("500"), (method, path, name, odd)
