"""What a whole session leaves behind: no name, number, token, code or proof in clear in a file or a log line.

The files are read as bytes, so that what a database has deleted but not overwritten counts too.
"""

from __future__ import annotations

import base64
import json
import re

import pytest

from accounts.rights import Right, Role
from cards.parts import Presentation
from cards.proof import sign_proof
from cards.wire import dictionary_of, pack
from edge.strictjson import dumps
from issuer.enrolment.enrolling import make_code
from keys.dpop import build_proof
from keys.jwk import public_jwk
from keys.signer import FileSigner
from keys.wallet_proof import SignedCall, sign_wallet_proof
from tests.verifier.machine import BY, Device, Machine, identifier

pytestmark = pytest.mark.slow

NAME, MASKED, NUMBER, PHONE = "欧阳晓宁", "欧**宁", "44011119800101001X", "13800138000"
NOTE, PIN, PASSWORD = "扫错了欧阳晓宁的卡", "7392640185", "nine wet umbrellas"


class Session:
    """One day at a machine; `secrets` are what it must not leave behind, by what they are."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.secrets = {"name": NAME, "ID number": NUMBER, "phone number": PHONE, "note": NOTE, "PIN": PIN,
                        "password": PASSWORD}  # fmt: skip
        self.answers = []

    def keep(self, what: str, value: str) -> str:
        """Remember a secret."""
        self.secrets[f"{what} {len(self.secrets)}"] = value
        return value

    def play(self) -> None:
        """Everything that people do in a day, and what goes wrong in it."""
        self.holder = self.machine.holder(NAME, number=NUMBER)
        (printed,) = self.machine.printed(self.holder)
        self.keep("printed card", printed)
        self.machine.start()
        self.enrol_tablet()
        self.enrol_phone()
        self.visit(printed)
        self.audit()
        self.integrate(printed)
        self.go_wrong(printed)
        self.machine.stop()

    def enrol_tablet(self) -> None:
        """A code becomes a device; an operator signs in."""
        machine, signer = self.machine, FileSigner.generate()
        rights = frozenset({Right.CHECK_IN, Right.VOID})
        made = machine.accounts.devices.make_code("gym", needs_operator=False, by=BY, at=machine.now(), rights=rights)
        body = dumps({"code": self.keep("device code", made.code), "jwk": public_jwk(signer.public_key)})
        path = "/v1/devices/enrolments"
        proof = self.keep("proof", build_proof(signer, "POST", machine.base + path, body, None, machine.now()))
        found = self.said(201, machine.send("POST", path, headers={"DPoP": proof}, raw=body))
        self.tablet = Device(machine, signer, found["device"], self.keep("device token", found["access_token"]))
        machine.accounts.operators.add("1001", "李静", {"*": rights}, by=BY, at=machine.now(), pin=PIN)
        signed_in = self.tablet.call("POST", "/v1/operators/sessions", {"operator": "1001", "pin": PIN})
        self.tablet.session = self.keep("operator token", self.said(201, signed_in)["session"])

    def enrol_phone(self) -> None:
        """A code and the ID's end become a card on a phone."""
        machine, self.phone = self.machine, FileSigner.generate()
        code = self.keep("wallet code", make_code(machine.desk, self.holder, by=BY, at=machine.now()).code)
        body = {"code": code, "id_last4": NUMBER[-4:], "jwk": public_jwk(self.phone.public_key)}
        found = self.said(201, self.wallet("/v1/wallet/enrolments", body, None))
        self.card = self.keep("phone card", found["card"])
        self.keep("recovery code", found["recovery_code"])
        self.said(200, self.wallet("/v1/wallet/refresh", {"card": self.card}, self.card))
        self.said(200, machine.send("POST", "/v1/cards", {"presentation": self.shown()}))

    def wallet(self, path: str, value: object, card: str | None):
        """Send one of the phone's calls."""
        body = dumps(value)
        proof = sign_wallet_proof(
            self.phone, SignedCall("POST", self.machine.base + path, body, card), self.machine.now()
        )
        return self.machine.send("POST", path, headers={"Wallet-Proof": self.keep("proof", proof)}, raw=body)

    def shown(self, *, packed: bool = False, alone: bool = False) -> str:
        """Return what the phone's QR says now."""
        programme = self.machine.desk.programme
        made = sign_proof(self.phone, card=self.card, audience=programme.audience, proof_id=identifier(),
                          issued_at=self.machine.now().replace(microsecond=0))  # fmt: skip
        self.keep("proof", made)
        presentation = Presentation(None if alone else self.card, made)
        return self.keep("QR", pack(presentation, dictionary_of(programme)) if packed else presentation.text)

    def visit(self, printed: str) -> None:
        """Looked at and confirmed, checked out, re-entered, refused, voided with a note, asked for in public."""
        tablet = self.tablet
        look = self.said(200, tablet.call("POST", "/v1/verifications", {"presentation": self.shown(packed=True)}))
        granted = self.said(201, tablet.call("POST", "/v1/check-ins", {"look": look["id"], "service": "gym-visit"}))
        assert (granted["outcome"], granted["holder"]["name"]) == ("granted", MASKED)
        self.said(201, tablet.call("POST", f"/v1/check-ins/{granted['id']}/check-out", {}))
        again = self.said(201, tablet.check_in(self.shown(alone=True), "gym-visit"))
        self.said(201, tablet.check_in(printed, "gym-visit"))
        void = {"reason": "other", "note": NOTE}
        self.said(201, tablet.call("POST", f"/v1/check-ins/{again['id']}/void", void))
        self.said(200, self.machine.send("POST", "/v1/public-checks", {"presentation": printed}))
        self.said(200, tablet.call("GET", "/v1/points/gym/today"))

    def audit(self) -> None:
        """An auditor signs in and reads."""
        machine = self.machine
        machine.accounts.people.add("auditor.li", PASSWORD, (Role.AUDITOR,), by=BY, at=machine.now())
        asked = {"name": "auditor.li", "password": PASSWORD}
        token = self.keep("person token", self.said(201, machine.send("POST", "/v1/sessions", asked))["token"])
        page = self.said(200, machine.send("GET", "/v1/log/entries", headers={"Authorization": f"Bearer {token}"}))
        assert len(page["entries"]) >= 4
        self.answers.append(json.dumps(page, ensure_ascii=False).encode())

    def integrate(self, printed: str) -> None:
        """A hospital's server checks in."""
        machine, at = self.machine, self.machine.now()
        rights = {"hosp-2": frozenset({Right.CHECK_IN})}
        ends = at.replace(year=at.year + 1, day=1)
        _, token = machine.accounts.integrators.add("HIS", rights, expires_at=ends, by=BY, at=at)
        sent = {"Authorization": f"Bearer {self.keep('integrator token', token)}", "Idempotency-Key": identifier()}
        body = {"presentation": printed, "service": "hospital-registration", "id_checked": True}
        self.said(201, machine.send("POST", "/v1/check-ins", body, sent))

    def go_wrong(self, printed: str) -> None:
        """Secrets where none belong: in paths, queries, headers, wrong fields, broken bodies, the command line."""
        send, quoted = self.machine.send, "%E6%AC%A7%E9%98%B3%E6%99%93%E5%AE%81"
        token, words = self.tablet.token, self.shown()
        assert send("GET", f"/v1/{token}").status == 404
        assert send("GET", f"/v1/points/gym?name={quoted}&token={token}&id={NUMBER}").status == 200
        assert send("GET", f"/v1/log/entries/{NUMBER}", headers={"Authorization": f"Bearer {token}"}).status == 401
        assert send("POST", "/v1/sessions", {"name": NAME, "password": PASSWORD}).status == 401
        assert send("POST", "/v1/public-checks", {"presentation": NAME + words}).status == 422
        assert send("POST", "/v1/public-checks", {words: NAME, "id": NUMBER}).status == 422
        assert send("POST", "/v1/check-ins", raw=f'{{"{printed}": "{NAME}'.encode()).status in {400, 401, 422}
        assert self.tablet.call("POST", "/v1/check-ins", {"presentation": printed, "service": NAME}).status == 422
        wrong = {"presentation": printed, "service": "gym-visit", "reference": NAME + NUMBER}
        assert self.tablet.call("POST", "/v1/check-ins", wrong).status == 422
        command = self.machine.command
        assert command("verifier", "check", words).returncode == 0
        assert command("verifier", "decide", "--point", "gym", "--service", "gym-visit", words).returncode == 0
        assert command("verifier", "ledger", "check").returncode == 0

    def said(self, status: int, answer):
        """Return an answer's document; it must have this status."""
        assert answer.status == status, answer.body.decode()
        return answer.json


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A day that is over."""
    machine = Machine(tmp_path_factory.mktemp("machine"), workers=2)
    played = Session(machine)
    try:
        played.play()
    finally:
        machine.close()
    return played


def forms(secret: str) -> set[bytes]:
    """Return the ways in which a text may lie in a file."""
    found = {secret.encode(), secret.encode("utf-16-le"), json.dumps(secret).strip('"').encode()}
    found |= {base64.b64encode(secret.encode())[:-4], base64.urlsafe_b64encode(secret.encode())[:-4]}
    return found | {secret.encode().hex().encode(), secret.encode("gb18030")}


def findings(secrets: dict[str, str], content: bytes) -> list[str]:
    """Return what of the secrets lies in some bytes."""
    return [what for what, secret in secrets.items() if any(form in content for form in forms(secret))]


def test_no_file_holds_a_secret_in_clear(session):
    """Databases, their write-ahead logs, keys' folder, published documents, notes: read byte by byte."""
    files = [path for path in session.machine.var.rglob("*") if path.is_file()]
    assert {"ledger.db", "register.db", "accounts.db", "verifier.db"} <= {path.name for path in files}
    left = {str(path.relative_to(session.machine.var)): findings(session.secrets, path.read_bytes()) for path in files}
    assert {name: found for name, found in left.items() if found} == {}


def test_the_search_finds_what_is_there(session):
    """What may lie in the open is found where it lies: the search itself works."""
    register = (session.machine.var / "register.db").read_bytes()
    assert findings({"masked": MASKED, "holder": session.holder}, register) == ["masked", "holder"]
    for form in forms(NAME):
        assert findings(session.secrets, b"\0" + form) == ["name"]


def test_no_log_line_holds_a_secret(session):
    """The processes' own lines tell methods, routes and ids; and each is JSON but for the server's own greeting."""
    stream = session.machine.stream.read_bytes()
    assert findings(session.secrets, stream) == []
    lines = [line for line in stream.decode().splitlines() if not re.match(r"\[\d{4}-", line)]
    assert len([json.loads(line) for line in lines]) > 20
    assert not any(json.loads(line)["level"] == "error" for line in lines)


def test_the_log_names_nobody(session):
    """What an auditor reads has no name, masked or not, no subject and no card id: pseudonyms alone."""
    (page,) = session.answers
    assert MASKED.encode() not in page
    assert findings(session.secrets, page) == []
    for member in ("sub", "jti"):
        part = session.card.split(".")[1]
        claimed = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))[member]
        assert claimed.encode() not in page


def test_only_their_owner_reads_the_files(session):
    """Databases, keys and the server's secret are closed to other users of the machine."""
    var = session.machine.var
    private = [var / "secret", *var.glob("*.db*"), *(path for path in (var / "keys").rglob("*") if path.is_file())]
    assert len(private) >= 10
    open_to_others = {path.name: oct(path.stat().st_mode & 0o777) for path in private if path.stat().st_mode & 0o077}
    assert open_to_others == {}
