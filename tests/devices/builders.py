"""Builders for the tests of this room: taps without a daemon, tokens, a desk beside a whole verifier."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from accounts.rights import Right
from cards.claims import CardClaims, Form, sign_card
from cards.wire import dictionary_of
from devices import identity, server
from devices.desk import AgentCounter
from devices.documents import DocumentFolder
from devices.faults import CardGone
from devices.offline import OfflineQueue
from devices.server import Away, Server
from devices.transport import Tap
from keys.jwk import public_jwk
from keys.signer import FileSigner
from tests.devices.emulators import Card, PivCard, Torn
from tests.migrated import programme_of
from tests.verifier.world import BASE, BY, PROGRAMMES, identifier

AT = datetime(2026, 10, 31, 1, 0, tzinfo=UTC)
SIGNER = FileSigner.generate()


class Direct:
    """A transport straight to an emulated card: no daemon, no reader."""

    def __init__(self, card: Card) -> None:
        card.power_on()
        self.card = card

    def transmit(self, command: bytes) -> bytes:
        try:
            return self.card.transmit(command)
        except Torn:
            self.card.torn_at = None  # put on again, it answers
            raise CardGone("torn away") from None


def tap(card: Card) -> Tap:
    """A tap of an emulated card."""
    return Tap(Direct(card))


def token(form: Form = Form.TAG, key: object = None) -> str:
    """A card token that no verifier knows."""
    claims = CardClaims(
        issuer="https://yunju.baiyun.example",
        subject=identifier(),
        card_id=identifier(),
        tier="gold",
        form=form,
        name="张*明",
        issued_at=AT,
        not_before=AT,
        expires_at=AT + timedelta(days=30),
        key=None if key is None else public_jwk(key),
        status_uri="https://yunju.baiyun.example/v1/status-lists/0",
        status_index=1,
    )
    return sign_card(SIGNER, claims)


def chip_of(card) -> PivCard:
    """The chip in which a world's chip card lies: its key, its token."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    der = card.signer._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return PivCard(key_der=der, objects={bytes.fromhex("5FFF59"): card.token.encode()})


@dataclass
class Counter:
    """A desk at a point of a world's verifier, whose network the test can cut."""

    world: object
    folder: Path
    desk: AgentCounter
    queue: OfflineQueue
    documents: DocumentFolder
    server: Server
    identity: identity.DeviceIdentity


def counter(
    world, folder: Path, monkeypatch, service: str = "gym-visit", point: str = "gym", *, needs_operator: bool = False
) -> Counter:
    """Enrol an agent at a world's verifier; its HTTP goes straight to the application."""
    line = Line(world)
    monkeypatch.setattr(server, "_sent", line.sent)
    code = world.accounts.devices.make_code(
        point, needs_operator=needs_operator, by=BY, at=world.clock.now(), label="PC"
    ).code
    answered = server.enrol(BASE, code, identity.device_key(folder), world.clock)
    kept = identity.keep(folder, BASE, answered)
    calls = Server(kept, world.clock)
    documents = DocumentFolder(folder, kept.root)
    queue = OfflineQueue(folder, kept.signer, kept.device, kept.point)
    made = Counter(
        world, folder, AgentCounter(calls, documents, queue, world.clock, service), queue, documents, calls, kept
    )
    made.line = line
    return made


def signed_in(agent: Counter) -> str:
    """Sign an operator in at the agent's desk while the network is there; returns the operator's id."""
    cut, agent.line.cut = agent.line.cut, False
    made = agent.world.operator("wang", {agent.identity.point: frozenset({Right.CHECK_IN})})
    agent.desk._server = agent.server.sign_in("wang", "493817")
    agent.line.cut = cut
    return made.id


class Line:
    """The network between agent and verifier. `cut`: nothing passes. `lost`: the answer is lost, the call arrived."""

    def __init__(self, world) -> None:
        self.world = world
        self.cut = False
        self.lost = 0

    def sent(self, base, method, path, data, headers):
        if self.cut:
            raise Away("the network is cut")
        rest = {"data": data, "content_type": "application/json"} if data else {}
        response = self.world.client.open(path, method=method, headers=dict(headers), **rest)
        if self.lost and path == "/v1/check-ins":
            self.lost -= 1
            raise Away("the answer was lost")
        return response.status_code, response.get_data(), response.headers.get("Date", "")


_PROGRAMME = programme_of(PROGRAMMES / "baiyun.toml")
KNOWN = {_PROGRAMME.wire_dictionary: dictionary_of(_PROGRAMME)}
"""The dictionary of the shipped programme, by its number."""
