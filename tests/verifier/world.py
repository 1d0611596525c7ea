"""A whole verifier in a temporary folder: signed documents, accounts, ledger, application, and people to try it."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from accounts.http import OPERATOR_HEADER, Authenticator
from accounts.http import blueprint as accounts_blueprint
from accounts.rights import Right, Role
from accounts.store import AccountStore
from cards.binding import BindingList, SignedBindingList, card_binding, pool_binding, sign_binding_list
from cards.claims import CardClaims, Form, sign_card
from cards.marks import HolderMarks, Mark, sign_marks
from cards.parts import Presentation
from cards.programme.types import BookingBasis, Programme
from cards.proof import sign_proof
from cards.status import LIST_SIZE, SignedStatusList, Status, build, sign_status_list
from cards.wire import dictionary_of, pack
from edge.clock import FixedClock
from edge.encoding import b64u
from edge.explaining import problems_blueprint
from edge.health import health_blueprint
from edge.http import create_frame
from edge.openapi import openapi_blueprint
from keys.bundle import ProgrammePin, TrustBundle, sign_bundle
from keys.dpop import DPOP, build_proof
from keys.jwk import public_jwk
from keys.keyset import KeySet, Purpose, VerificationKey
from keys.signer import FileSigner
from keys.tokens import parse_unverified, sign_token
from ledger.interface import Ledger
from ledger.leaf import fields_of
from ledger.sqlite import SqliteLedger
from tests.migrated import lay_out, programme_of, store_with
from verifier.api.surface import blueprint, readiness
from verifier.counter.answering import Answering
from verifier.records.store import VerifierStore
from verifier.rules.notices import Notice
from verifier.service import assemble
from verifier.trust.published import PublishedFolder

PROGRAMMES = Path(__file__).parents[2] / "cards" / "programmes"
BASE = "http://localhost"
SECRET = b"a secret of thirty-two characters"
SHANGHAI = ZoneInfo("Asia/Shanghai")
BY = "cli:admin"
NOTICED_AT = datetime(2026, 1, 1, tzinfo=UTC)


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    """Return a local time such as `2026-10-31 09:00` as an instant."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def keep_notices(store: VerifierStore, programme: Programme, *years: int) -> None:
    """Keep each year's notice of every service that has one, its receipts taken from the year before on."""
    rules = programme.booking_rules
    for one in programme.services.values():
        if one.booking is not None and rules[one.booking].basis is BookingBasis.NOTICE:
            for year in years:
                whole = date(year, 1, 1), date(year, 12, 31)
                store.notices.keep(Notice(one.code, year, date(year - 1, 1, 1), whole[1], *whole), BY, NOTICED_AT)


@cache
def _noticed_store(file: Path, years: tuple[int, ...]) -> Path:
    """A store with these years' notices of a programme: written once a process, copied for each world."""
    return store_with(lambda store: keep_notices(store, programme_of(file), *years))


def identifier() -> str:
    """Return a fresh 128-bit identifier."""
    return b64u(os.urandom(16))


class Signers:
    """The issuer's keys, made once: making them costs more than any test."""

    root = FileSigner.generate()
    card = FileSigner.generate()
    status = FileSigner.generate()
    receipt = FileSigner.generate()
    log = FileSigner.generate()


class World:
    """One verifier whose clock the test moves."""

    def __init__(
        self,
        folder: Path,
        start: str = "2026-10-31 09:00",
        programme: str = "baiyun.toml",
        *,
        gym_offline: str | None = None,
        noticed: tuple[int, ...] = (2026, 2027),
    ) -> None:
        """`gym_offline`: another `offline_limit` of the gym's than the shipped programme's; `noticed`: the years whose
        notices of check-ups are out.
        """
        self.folder = folder
        self.file = PROGRAMMES / programme
        if gym_offline is not None:
            self.file = gym_limited(folder, self.file, gym_offline)
        self.programme = programme_of(self.file)
        self.clock = FixedClock(at(start, self.programme.zone))
        self.version = 0
        self.statuses: dict[int, Status] = {}
        self.issued: list[Card] = []
        self.bindings: dict[int, bytes] | None = None
        self.marks: list[Mark] = []
        self.serial = 0
        self.publish()
        if noticed and not (folder / "verifier.db").exists():
            shutil.copy(_noticed_store(PROGRAMMES / programme, noticed), folder / "verifier.db")
        self._open()

    def _open(self) -> None:
        lay_out(self.folder)
        self.accounts = AccountStore.open(f"sqlite:///{self.folder}/accounts.db")
        self.verifier = self._verifier()
        points = self.programme.points
        departments = {
            code: {point for point, one in points.items() if one.department == code}
            for code in self.programme.departments
        }
        self.authenticate = Authenticator(self.accounts, self.clock, (BASE,), departments=departments)
        self.app = create_frame("world", clock=self.clock)
        self.app.register_blueprint(blueprint(self.verifier, self.authenticate))
        self.app.register_blueprint(accounts_blueprint(self.authenticate, root=Signers.root.kid))
        self.app.register_blueprint(health_blueprint(readiness(self.verifier, self.clock)))
        self.app.register_blueprint(problems_blueprint())
        self.app.register_blueprint(openapi_blueprint(title="Yunju", version="test"))
        self.client = self.app.test_client()

    def _verifier(self):
        folder = self.folder
        published = PublishedFolder(self.published, self.programme, Signers.root.kid, folder / "seen.json")
        ledger = self._ledger()
        store = VerifierStore.open(f"sqlite:///{folder}/verifier.db", SECRET)
        answering = Answering(SECRET, self.programme.issuer, Signers.receipt)
        return assemble(self.programme, published, ledger, store, answering)

    def _ledger(self) -> Ledger:
        return SqliteLedger(self.folder / "ledger.db", self.clock)

    @property
    def published(self) -> Path:
        return self.folder / "published"

    def close(self) -> None:
        self.verifier.close()
        self.accounts.close()

    def restart(self) -> None:
        """Close the verifier and open it again on the same files, as a new process would."""
        self.close()
        self._open()

    def publish(self) -> None:
        """Publish everything as it stands, one version on."""
        now = self.clock.now()
        self.version += 1
        (self.published / "status-lists").mkdir(parents=True, exist_ok=True)
        self._write("trust-bundle.jwt", sign_bundle(self._bundle(now), Signers.root))
        if self.bindings is not None:
            (self.published / "binding-lists").mkdir(exist_ok=True)
            self._write("binding-lists/0.jwt", self._binding_list(now))
        self._write("status-lists/0.jwt", sign_status_list(Signers.status, self._status_list(now)))
        self.serial += 1
        marks = HolderMarks(self.programme.issuer, now, now + timedelta(days=1), self.serial, tuple(self.marks))
        self._write("holder-marks.jwt", sign_marks(Signers.status, marks))
        self._write("jwks.json", json.dumps(KeySet(self._keys(now)).jwks()))
        self._write("root.jwk", json.dumps(public_jwk(Signers.root.public_key)))

    def _write(self, name: str, content: str) -> None:
        path = self.published / name
        draft = path.with_suffix(".draft")
        draft.write_text(content)
        draft.replace(path)

    def _keys(self, now: datetime) -> list[VerificationKey]:
        purposes = (
            (Signers.card, Purpose.CARD),
            (Signers.status, Purpose.STATUS),
            (Signers.receipt, Purpose.RECEIPT),
            (Signers.log, Purpose.LOG),
        )
        bounds = now - timedelta(days=400), now + timedelta(days=400)
        return [VerificationKey.of(signer.public_key, purpose, *bounds) for signer, purpose in purposes]

    def _bundle(self, now: datetime) -> TrustBundle:
        pin = ProgrammePin(self.programme.version, self.programme.sha256, now - timedelta(days=400))
        lists = (f"{self.programme.status_base}0",)
        return TrustBundle(
            self.version, self.programme.issuer, now, now + timedelta(days=90), tuple(self._keys(now)), lists, pin
        )

    def _status_list(self, now: datetime) -> SignedStatusList:
        return SignedStatusList(
            uri=f"{self.programme.status_base}0",
            issuer=self.programme.issuer,
            issued_at=now,
            expires_at=now + timedelta(days=1),
            ttl=timedelta(seconds=300),
            bundle=1,
            statuses=build(self.statuses),
        )

    def _binding_list(self, now: datetime) -> str:
        listed = BindingList.of(self.bindings, LIST_SIZE)
        uri, issuer = f"{self.programme.status_base}0", self.programme.issuer
        return sign_binding_list(Signers.status, SignedBindingList(uri, issuer, now, now + timedelta(days=1), listed))

    def bind(self, *pool: str) -> None:
        """Bind every card issued so far to its index, and the indexes after them to ids that no card has yet."""
        self.bindings = {card.claims.status_index: card_binding(card.claims) for card in self.issued}
        for card_id in pool:
            index = len(self.statuses)
            self.statuses[index] = Status.VALID
            self.bindings[index] = pool_binding(f"{self.programme.status_base}0", index, card_id)
        self.clock.advance(timedelta(seconds=2))
        self.publish()

    def set_status(self, card: Card, status: Status) -> None:
        """Change a card's status and publish, a second later so that the list is newer."""
        self.statuses[card.claims.status_index] = status
        self.clock.advance(timedelta(seconds=2))
        self.publish()

    def go(self, text: str) -> None:
        """Move to a local time and publish anew, as an issuer that is up would have."""
        self.clock.set(at(text, self.programme.zone))
        self.publish()

    def card(self, tier: str, form: Form = Form.PHONE, **changes: object) -> Card:
        """Issue a card; assigned indexes are published as valid."""
        now = self.clock.now()
        signer = FileSigner.generate() if form.holds_key else None
        index = len(self.statuses)
        claims = CardClaims(
            issuer=self.programme.issuer,
            subject=identifier(),
            card_id=identifier(),
            tier=tier,
            form=form,
            name="张*明",
            issued_at=now,
            not_before=now,
            expires_at=now + timedelta(days=30 if form is Form.PHONE else 365),
            key=None if signer is None else public_jwk(signer.public_key),
            status_uri=f"{self.programme.status_base}0",
            status_index=index,
        )
        claims = replace(claims, **changes)
        made = Card(self, claims, sign_card(Signers.card, claims), signer)
        self.issued.append(made)
        self.statuses[index] = Status.VALID
        self.publish()
        return made

    def device(
        self,
        point: str,
        rights: frozenset[Right] | None = None,
        label: str = "Desk 1",
        *,
        needs_operator: bool = False,
        services: tuple[str, ...] = (),
    ) -> Device:
        """Enrol a device at a point; one that works without an operator unless the test says otherwise."""
        now, signer = self.clock.now(), FileSigner.generate()
        made = self.accounts.devices.make_code(
            point, needs_operator=needs_operator, by=BY, at=now, rights=rights, label=label, services=services
        )
        code = made.code
        enrolled, token = self.accounts.devices.enrol(code, public_jwk(signer.public_key), at=now)
        return Device(self, signer, enrolled.id, token)

    def operator(self, code: str, grant: dict[str, frozenset[Right]], pin: str = "493817"):
        """Add an operator."""
        return self.accounts.operators.add(code, "陈小明", grant, by=BY, at=self.clock.now(), pin=pin)

    def auditor(self) -> str:
        """Add an auditor and return a bearer token."""
        self.accounts.people.add("auditor.li", "correct horse battery", (Role.AUDITOR,), by=BY, at=self.clock.now())
        asked = {"name": "auditor.li", "password": "correct horse battery"}
        return self.client.post("/v1/sessions", json=asked).json["token"]

    def log(self, **filters: str) -> list[dict[str, object]]:
        """Read the log's leaves, oldest first, straight from the ledger."""
        from ledger.values import Query

        page = self.verifier.ledger.entries(Query(limit=200, **filters))
        return [fields_of(entry.leaf) for entry in reversed(page.entries)]


def gym_limited(folder: Path, file: Path, limit: str) -> Path:
    """Write a programme in which the gym may grant so often offline; return its file."""
    before, service, rest = file.read_text("utf-8").partition("[services.gym-visit]")
    assert "offline_limit = 1\n" in rest
    written = folder / "programme.toml"
    written.write_text(before + service + rest.replace("offline_limit = 1\n", f"offline_limit = {limit}\n", 1), "utf-8")
    return written


@dataclass
class Card:
    """A card in somebody's hand; a phone card signs its own proofs."""

    world: World
    claims: CardClaims
    token: str
    signer: FileSigner | None

    def proof(self, made_at: datetime | None = None) -> str:
        """Return a fresh proof."""
        return sign_proof(
            self.signer,
            card=self.token,
            audience=self.world.programme.audience,
            proof_id=identifier(),
            issued_at=made_at or self.world.clock.now(),
        )

    def shown(self, made_at: datetime | None = None) -> str:
        """Return what the card shows: the token, with a fresh proof where it has a key."""
        return self.token if self.signer is None else f"{self.token}~{self.proof(made_at)}"

    def short(self) -> str:
        """Return the proof alone, packed as the phone's first QR."""
        return pack(Presentation(None, self.proof()), dictionary_of(self.world.programme))

    def packed(self, *, digits: bool = False) -> str:
        """Return the wire form of what the card shows."""
        proof = None if self.signer is None else self.proof()
        return pack(Presentation(self.token, proof), dictionary_of(self.world.programme), digits=digits)


@dataclass
class Device:
    """An enrolled device and its calls."""

    world: World
    signer: FileSigner
    id: str
    token: str
    session: str | None = field(default=None)

    def call(self, method: str, path: str, body: object = None, *, operation: str | None = None, **headers: str):
        """Send a signed call; a writing call gets an operation id unless one is given."""
        return self.world.client.open(path, method=method, **self.signed(method, path, body, operation, **headers))

    def signed(
        self,
        method: str,
        path: str,
        body: object = None,
        operation: str | None = None,
        *,
        names: bool = True,
        **headers: str,
    ):
        """Return what a signed call sends, for a call that is sent more than once or altered on the way.

        `names`: the signature names operation and operator; a device that was not updated leaves both out.
        """
        data = b"" if body is None else json.dumps(body).encode()
        bare = path.partition("?")[0]
        named = headers.get("Idempotency-Key") or (None if method == "GET" else operation or identifier())
        operator = headers.get(OPERATOR_HEADER) or self.session
        proof = build_proof(
            self.signer,
            method,
            f"{BASE}{bare}",
            data,
            self.token,
            self.world.clock.now(),
            operation=named,
            operator=operator,
        )
        if not names:
            claims = {name: value for name, value in parse_unverified(proof, DPOP).claims.items() if name != "hh"}
            proof = sign_token(self.signer, DPOP, claims, extra_header={"jwk": public_jwk(self.signer.public_key)})
        sent = {"Authorization": f"DPoP {self.token}", "DPoP": proof, **headers}
        if operator:
            sent[OPERATOR_HEADER] = operator
        if named:
            sent["Idempotency-Key"] = named
        rest = {"data": data, "content_type": "application/json"} if data else {}
        return {"headers": sent, **rest}

    def check_in(self, presentation: str, service: str, operation: str | None = None, **rest: object):
        """Check in; returns the response."""
        body = {"presentation": presentation, "service": service, **rest}
        return self.call("POST", "/v1/check-ins", body, operation=operation)

    def outcome(self, presentation: str, service: str, operation: str | None = None, **rest: object):
        """Check in and return the answer, which must be an entry."""
        response = self.check_in(presentation, service, operation, **rest)
        assert response.status_code == 201, response.get_data(as_text=True)
        return response.json

    def sign_in(self, operator: str, pin: str = "493817") -> None:
        """Sign an operator in at this device."""
        self.session = None
        response = self.call("POST", "/v1/operators/sessions", {"operator": operator, "pin": pin})
        assert response.status_code == 201, response.get_data(as_text=True)
        self.session = response.json["session"]
