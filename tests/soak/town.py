"""The machine of a soak and its people: holders with phones and printed cards, tablets, an auditor, an office."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

from accounts.rights import EVERYWHERE, Right, Role
from cards.claims import Form
from cards.proof import sign_proof
from issuer.enrolment.enrolling import make_code
from issuer.issuing.issuing import issue
from issuer.issuing.lifecycle import revoke
from issuer.publishing.publish import publish
from keys.jwk import public_jwk
from keys.signer import FileSigner
from keys.wallet_proof import SignedCall, sign_wallet_proof
from tests.accounts.builders import opened
from tests.issuer.builders import resident_id
from tests.verifier.machine import BY, Answer, Device, Machine, identifier
from tests.waiting import until

PASSWORD = "correct horse battery"


@dataclass
class Phone:
    """A holder's phone, enrolled over HTTP."""

    town: Town
    signer: FileSigner
    token: str = ""

    @property
    def subject(self) -> str:
        """The holder's `sub`, as the card's own claims tell it."""
        return subject_of(self.token)

    def proof(self, made: float = 0.0) -> str:
        """Return a proof made now, or so many seconds ago."""
        return sign_proof(
            self.signer, card=self.token, audience=self.town.audience, proof_id=identifier(),
            issued_at=(self.town.machine.now() - timedelta(seconds=made)).replace(microsecond=0),
        )  # fmt: skip

    def shown(self, made: float = 0.0) -> str:
        """Return what the phone shows."""
        return f"{self.token}~{self.proof(made)}"

    def call(self, method: str, path: str, body: dict[str, object], operation: str, *, bare: bool = False) -> Answer:
        """Send one signed call of the wallet; `bare`: before the phone has a card."""
        data = json.dumps(body if bare else {"card": self.token, **body}).encode()
        signed = SignedCall(method, self.town.machine.base + path, data, None if bare else self.token)
        proof = sign_wallet_proof(self.signer, signed, self.town.machine.now())
        headers = {"Wallet-Proof": proof, "Idempotency-Key": operation}
        return self.town.machine.send(method, path, headers=headers, raw=data)


def identity_of(number: int) -> str:
    """Return the resident ID of one of 90,000 people, who do not exist."""
    return resident_id(birth=f"19{number // 900 % 100:02d}0307", sequence=number % 900 + 1)


def subject_of(token: str) -> str:
    """Return the `sub` that a card's token names."""
    from edge.encoding import unb64u

    return str(json.loads(unb64u(token.split(".")[1]))["sub"])


class Town:
    """A served machine with people. `phones` and `printed` belong to different holders, `kept_apart` to tablets alone.

    Devices: one for each point of `POINTS`; the last one works offline.
    """

    POINTS = ("gym", "hosp-2", "hosp-mch", "library", "air-dom")

    def __init__(self, folder: Path, more: dict[str, str], *, holders: int, seed: int) -> None:
        self.random = Random(seed)
        self.machine = Machine(folder, workers=2, works=True, more=more)
        self.audience = self.machine.desk.programme.audience
        self.printed: list[str] = []
        self.phones: list[Phone] = []
        self.kept_apart: list[Phone] = []
        self.revoked = ""
        self._holders = holders

    def open(self) -> None:
        """Register the holders, serve, enrol the phones over HTTP, and wait until a first entry is in the log."""
        machine, half = self.machine, self._holders // 2
        numbers = iter(range(1, 90_000))
        made = [self._holder(next(numbers)) for _ in range(half)]
        self.printed = [self._print(holder) for holder in made]
        self.revoked = self._revoked(next(numbers))
        publish(machine.desk, machine.now())
        self._accounts()
        machine.start()
        enrolled = [self._enrol(next(numbers)) for _ in range(half)]
        self.kept_apart, self.phones = enrolled[: half // 4], enrolled[half // 4 :]
        self._numbers = numbers
        time.sleep(2.5)  # a verifier looks at the published folder once a second
        device, self.first = self.machine.device("culture", Right.CHECK_IN), identifier()
        first = device.check_in(self.phones[0].shown(), "culture-facilities", operation=self.first)
        assert first.status == 201, first.body
        until(lambda: self.machine.send("GET", "/v1/log/checkpoint").status == 200)

    def _holder(self, number: int) -> str:
        tier = ("silver", "gold", "diamond")[number % 3]
        return self.machine.holder(tier=tier, number=identity_of(number))

    def _print(self, holder: str) -> str:
        return issue(self.machine.desk.quiet(), holder, Form.PRINT, by=BY, at=self.machine.now()).token

    def _revoked(self, number: int) -> str:
        holder = self._holder(number)
        card = issue(self.machine.desk.quiet(), holder, Form.PRINT, by=BY, at=self.machine.now())
        revoke(self.machine.desk, card.id, because="lost", by=BY, at=self.machine.now())
        return card.token

    def _enrol(self, number: int) -> Phone:
        holder = self._holder(number)
        code = make_code(self.machine.desk, holder, by=BY, at=self.machine.now()).code
        phone = Phone(self, FileSigner.generate())
        body = {"code": code, "id_last4": identity_of(number)[-4:], "jwk": public_jwk(phone.signer.public_key)}
        answer = phone.call("POST", "/v1/wallet/enrolments", body, identifier(), bare=True)
        assert answer.status == 201, answer.body
        phone.token = answer.json["card"]
        return phone

    def new_number(self) -> int:
        """Return the number of an identity that nobody has yet."""
        return next(self._numbers)

    def _accounts(self) -> None:
        accounts, at = self.machine.accounts, self.machine.now()
        for name, role in (("auditor", Role.AUDITOR), ("officer", Role.REVIEWER), ("approver", Role.APPROVER)):
            accounts.people.add(name, PASSWORD, (role,), by=BY, at=at)
        rights = {EVERYWHERE: frozenset({Right.INTAKE})}
        _, self.platform = accounts.integrators.add("platform", rights, expires_at=at + timedelta(days=9), by=BY, at=at)
        self.devices: dict[str, Device] = {
            point: self.machine.device(point, Right.CHECK_IN, Right.VOID) for point in self.POINTS
        }

    def session(self, name: str) -> str:
        """Return the token of a person's session, the second step taken."""
        return opened(self.machine.accounts, name, self.machine.now()).token

    def close(self) -> None:
        """End everything that was started."""
        self.machine.close()
