"""Small stores, devices and calls for the tests of accounts."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import flask

from accounts.http import OPERATOR_HEADER, Authenticator, blueprint
from accounts.rights import PEOPLE_ONLY, Right, Role, save_rights
from accounts.sessions import Arrival
from accounts.store import AccountStore
from edge.clock import FixedClock
from edge.encoding import b64u, digest
from edge.http import answer, create_frame
from edge.instants import to_epoch
from edge.openapi import describe
from keys.dpop import build_proof
from keys.jwk import public_jwk
from keys.signer import FileSigner
from tests.migrated import lay_out

NOON = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
BASE = "http://localhost"
PASSWORD = "correct horse battery"
ADMIN = "cli:admin"
EVERY_DEVICE_RIGHT = frozenset(Right) - PEOPLE_ONLY


def new_store(folder):
    """A store in a file of `folder`: a fresh one, unless it is there already."""
    lay_out(folder, "accounts.db")
    return AccountStore.open(f"sqlite:///{folder}/accounts.db", b"s" * 32)


class Ground:
    """A store, a clock, and an application that shows who called. Most tests use it."""

    def __init__(self, store, *, base_urls=(BASE,), root=None):
        self.clock = FixedClock(NOON)
        self.store = store
        self.authenticator = Authenticator(store, self.clock, base_urls)
        self.app = application(self.authenticator, root)
        self.client = self.app.test_client()

    def code(self, point="gym", rights=None, label="Desk 1", *, needs_operator=False, services=()):
        """A one-time code; its device works without an operator unless the test says otherwise."""
        made = self.store.devices.make_code(
            point,
            needs_operator=needs_operator,
            by=ADMIN,
            at=self.clock.now(),
            rights=rights,
            label=label,
            services=services,
        )
        return made.code

    def device(self, point="gym", rights=None, **chosen):
        """An enrolled device that can call."""
        signer = FileSigner.generate()
        enrolled, token = self.store.devices.enrol(
            self.code(point, rights, **chosen), public_jwk(signer.public_key), at=self.clock.now()
        )
        return TestDevice(self, signer, enrolled.id, token)

    def operator(self, code="0417", pin="493817", grant=None):
        """An operator who may check in at the gym, or what `grant` says."""
        rights = {"gym": frozenset({Right.CHECK_IN})} if grant is None else grant
        return self.store.operators.add(code, "陈小明", rights, by=ADMIN, at=self.clock.now(), pin=pin)

    def person(self, name="auditor.li", roles=(Role.AUDITOR,)):
        """Somebody with PASSWORD."""
        return self.store.people.add(name, PASSWORD, roles, by=ADMIN, at=self.clock.now())

    def integrator(self, grant=None, lives=timedelta(days=30)):
        """An integrator's record and token."""
        at = self.clock.now()
        rights = {"hosp-2": frozenset({Right.CHECK_IN})} if grant is None else grant
        return self.store.integrators.add("Hospital 2", rights, expires_at=at + lives, by=ADMIN, at=at)

    def enrol(self, code, signer, /, **changes):
        """Ask to enrol over HTTP; `changes` alter the body, `proof` the proof."""
        proof = changes.pop("proof", None)
        body = json.dumps({"code": code, "jwk": public_jwk(signer.public_key), **changes}).encode()
        at = self.clock.now()
        made = proof or build_proof(signer, "POST", f"{BASE}/v1/devices/enrolments", body, None, at)
        return self.app.test_client().post(
            "/v1/devices/enrolments", data=body, content_type="application/json", headers={"DPoP": made}
        )

    def sign_in(self, name="auditor.li", password=PASSWORD, address="198.51.100.7", **rest):
        """Ask for a person's session from an address."""
        return self.app.test_client().post(
            "/v1/sessions",
            json={"name": name, "password": password, **rest},
            environ_base={"REMOTE_ADDR": address},
        )

    def bearer(self, token, path="/v1/whoami", method="GET", **headers):
        """Call with a bearer token."""
        return self.client.open(path, method=method, headers={"Authorization": f"Bearer {token}", **headers})


@dataclass
class TestDevice:
    """The side of a device: its key, its token, and its calls. A test can have a call signed wrongly on purpose."""

    __test__ = False

    ground: Ground
    signer: FileSigner
    id: str
    token: str
    session: str | None = field(default=None)

    def proof(self, method="GET", path="/v1/whoami", body=b"", **claims):
        """A proof for a call; `claims` replace some, None leaves one out."""
        stated = {"jti": b64u(digest(repr((method, path, body, claims, Counter.next())).encode())[:16])}
        stated |= {"htm": method, "htu": f"{BASE}{path}", "iat": to_epoch(self.ground.clock.now())}
        stated["ath"] = b64u(digest(self.token.encode()))
        if body:
            stated["bh"] = b64u(digest(body))
        stated = {name: value for name, value in {**stated, **claims}.items() if value is not None}
        header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": public_jwk(self.signer.public_key)}
        return signed(self.signer, header, stated)

    def call(self, method="GET", path="/v1/whoami", body=b"", *, proof=None, headers=None, **claims):
        """Send a call, with `proof` in place of a right one."""
        made = self.proof(method, path.partition("?")[0], body, **claims) if proof is None else proof
        sent = {"Authorization": f"DPoP {self.token}", "DPoP": made, **(headers or {})}
        if self.session is not None:
            sent.setdefault(OPERATOR_HEADER, self.session)
        rest = {"data": body, "content_type": "application/json"} if body else {}
        return self.ground.app.test_client().open(path, method=method, headers=sent, **rest)

    def sign_operator_in(self, operator="0417", pin="493817"):
        """Open an operator's session; keep it if granted."""
        asked = {"operator": operator} if pin is None else {"operator": operator, "pin": pin}
        session, self.session = self.session, None
        answered = self.call("POST", "/v1/operators/sessions", json.dumps(asked).encode())
        self.session = answered.json["session"] if answered.status_code == 201 else session
        return answered


def signed(signer, header, claims):
    """A token signed as it stands: `sign_token` would refuse to make a wrong one."""
    signing_input = ".".join(b64u(json.dumps(part).encode()) for part in (header, claims))
    return f"{signing_input}.{b64u(signer.sign(signing_input.encode()))}"


def opened(store, name, at, *, factor=True):
    """A session of somebody with PASSWORD, opened behind the sign-in's back; with the second step taken."""
    return store.sessions.open(store.people.named(name), Arrival("198.51.100.7"), factor=factor, at=at)


class Counter:
    """Makes each proof different from the proof before."""

    value = 0

    @classmethod
    def next(cls):
        cls.value += 1
        return cls.value


def application(authenticator, root=None):
    """A frame with the room's calls and three of its own: who am I, may I, and one that takes a body."""
    app = create_frame(__name__, clock=authenticator.clock)
    app.register_blueprint(blueprint(authenticator, root=root))

    @app.get("/v1/whoami")
    @describe(summary="Who", tag="test", answers={200: dict})
    def whoami():
        caller = authenticator(flask.request)
        operator = None if caller.operator is None else caller.operator.id
        return answer(
            {
                "kind": caller.kind,
                "id": caller.id,
                "rights": save_rights(caller.rights),
                "point": caller.point,
                "operator": operator,
            }
        )

    @app.get("/v1/may/<right>/<point>")
    @describe(summary="May I", tag="test", answers={200: dict})
    def may(right, point):
        authenticator(flask.request).require(Right(right), point)
        return answer({"may": True})

    @app.post("/v1/change")
    @describe(summary="A writing call", tag="test", answers={200: dict})
    def change():
        return answer({"by": authenticator(flask.request).id, "body": flask.request.get_data().decode()})

    return app


def code_of(response):
    """The problem's code."""
    return response.json["code"]
