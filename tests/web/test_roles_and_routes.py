"""Each described call by each kind of caller: whom its description does not name is refused, and nobody else is."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from accounts.rights import EVERYWHERE, Role
from edge.strictjson import dumps
from issuer.enrolment.enrolling import Enrolment, enrol
from keys.dpop import build_proof
from keys.jwk import public_jwk
from keys.signer import FileSigner
from keys.wallet_proof import SignedCall, sign_wallet_proof
from tests.accounts.builders import EVERY_DEVICE_RIGHT, opened
from tests.web.site import BY, Site
from tests.web.test_bad_calls import REQUIRED

REFUSED = {401, 403}
PHONES = ("wallet", "stolen card")
"""A holder's phone, and whoever read its card and signs with another key."""
PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine with every surface."""
    made = Site(tmp_path_factory.mktemp("roles"))
    yield made
    made.close()


class Callers:
    """One caller of each kind, with every right that its kind can have."""

    def __init__(self, site: Site) -> None:
        self.site, self.signer = site, FileSigner.generate()
        at, accounts = site.clock.now(), site.office.accounts
        code = site.device_code("gym", EVERY_DEVICE_RIGHT)
        _, self.device_token = accounts.devices.enrol(code, public_jwk(self.signer.public_key), at=at)
        until = at + timedelta(days=90)
        everything = {EVERYWHERE: EVERY_DEVICE_RIGHT}
        self.integrator_token = accounts.integrators.add("all", everything, expires_at=until, by=BY, at=at)[1]
        accounts.people.add("auditor.roles", PASSWORD, (Role.AUDITOR,), by=BY, at=at)
        self.person_token = opened(accounts, "auditor.roles", at).token
        self.phone, self.thief = FileSigner.generate(), FileSigner.generate()
        asked = Enrolment(site.wallet_code("diamond"), site.last_four, public_jwk(self.phone.public_key))
        enrolled = enrol(site.office.desk, asked, by=BY, at=at)
        assert enrolled is not None
        self.card = enrolled.card.token
        site.publish()

    def headers(self, kind: str, method: str, path: str, body: bytes, operation: str) -> dict[str, str]:
        """Return what proves this kind of caller."""
        if kind == "nobody":
            return {}
        if kind == "device":
            url, at = self.site.base + path.partition("?")[0], self.site.clock.now()
            proof = build_proof(self.signer, method, url, body, self.device_token, at, operation=operation)
            return {"Authorization": f"DPoP {self.device_token}", "DPoP": proof}
        if kind in PHONES:
            call = SignedCall(method, self.site.base + path.partition("?")[0], body, self.card)
            signer = self.phone if kind == "wallet" else self.thief
            return {"Wallet-Proof": sign_wallet_proof(signer, call, self.site.clock.now())}
        if kind == "wrong token":
            return {"Authorization": "Bearer yi_" + "A" * 43}
        token = self.integrator_token if kind == "integrator" else self.person_token
        return {"Authorization": f"Bearer {token}"}

    def status(self, kind: str, method: str, path: str, *, has_body: bool) -> int:
        """Call with an empty body where one is taken; the status."""
        self.site.clock.advance(timedelta(seconds=3))  # so that no rate limit hides what is tried
        said = {"card": self.card} if kind in PHONES and path.startswith("/v1/wallet/") else {}
        body, operation = (dumps(said) if has_body else b""), uuid.uuid4().hex
        headers = self.headers(kind, method, path, body, operation) | {"Idempotency-Key": operation}
        sent = {"data": body, "content_type": "application/json"} if has_body else {}
        return self.site.app.test_client().open(path, method=method, headers=headers, **sent).status_code


@pytest.fixture(scope="module")
def callers(site):
    """One of each kind."""
    return Callers(site)


@pytest.fixture(scope="module")
def operations(site) -> list[tuple[str, str, set[str], bool]]:
    """Every described call: method, path, who may make it (empty: anyone), whether it takes a body."""
    paths = site.app.test_client().get("/v1/openapi.json").json["paths"]
    return [
        (
            method.upper(),
            re.sub(r"{\w+}", "00-000001", path) + _needed(told),
            {name for one in told.get("security", ()) for name in one},
            "requestBody" in told,
        )
        for path, methods in paths.items()
        for method, told in methods.items()
    ]


def _needed(told: dict) -> str:
    """The query that a call cannot do without."""
    names = [one["name"] for one in told.get("parameters", ()) if one["in"] == "query" and one.get("required")]
    return f"?{urlencode({name: REQUIRED[name] for name in names})}" if names else ""


@pytest.mark.parametrize("kind", ["nobody", "wrong token", "device", "integrator", "person", *PHONES])
def test_a_caller_that_a_call_does_not_name_is_refused(callers, operations, kind):
    """401 or 403 before anything is told or done, whatever rights the caller has elsewhere."""
    tried = 0
    for method, path, who, has_body in operations:
        if not who or kind in who:
            continue
        status = callers.status(kind, method, path, has_body=has_body)
        # A body's form may be refused before the caller is asked about: that tells nothing but the description.
        allowed = REFUSED | ({422} if has_body else set())
        assert status in allowed, (kind, method, path, status)
        tried += 1
    assert tried > 3 or kind in {"device", "integrator", "person"}


@pytest.mark.parametrize("kind", ["device", "integrator", "person", "wallet"])
def test_a_caller_that_a_call_names_is_known_to_it(callers, operations, kind):
    """Never 401: the description is not wider than what the call takes."""
    named = [one for one in operations if kind in one[2]]
    for method, path, _, has_body in named:
        if (method, path) in {("DELETE", "/v1/sessions"), ("DELETE", "/v1/operators/sessions")}:
            continue  # these end the very session that the test goes on with
        assert callers.status(kind, method, path, has_body=has_body) != 401, (kind, method, path)
    assert len(named) >= 2
