"""A tablet that is offline: numbers, chains and signs its records, and holds the server's signed time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from cards.offline_record import FIRST_PREV, OfflineRecord, record_digest, sign_record, sign_time
from cards.parts import Presentation
from cards.programme.types import Beneficiary
from tests.verifier.world import Card, Device, Signers, at, identifier


@dataclass
class Tablet:
    """An enrolled device without a network."""

    device: Device
    point: str
    server_time: str | None = None
    seq: int = 0
    prev: str = FIRST_PREV
    prev_at: datetime | None = None
    queue: list[str] = field(default_factory=list)

    @classmethod
    def at(cls, world, point: str, **changes: object) -> Tablet:
        """Enrol a tablet at a point; it holds the server's time of now."""
        tablet = cls(world.device(point, **changes), point)
        tablet.hold_time()
        return tablet

    def hold_time(self) -> None:
        """Take the server's signed time, as a device does with every answer."""
        world = self.device.world
        self.server_time = sign_time(Signers.receipt, world.programme.issuer, world.clock.now())

    def record(self, card: Card, service: str = "gym-visit", when: str | None = None, **changes: object) -> str:
        """Sign a record of a use at a local time, or now, and put it in the queue."""
        made_at = self.device.world.clock.now() if when is None else at(when)
        card_token, _, proof = card.shown(made_at).partition("~")
        record = OfflineRecord(
            seq=self.seq + 1,
            prev=self.prev,
            prev_at=self.prev_at,
            device=self.device.id,
            made_at=made_at,
            server_time=self.server_time,
            operation=identifier(),
            service=service,
            point=self.point,
            beneficiary=Beneficiary.HOLDER,
            presentation=Presentation(card_token, proof or None),
            granted=True,
        )
        return self.sign(replace(record, **changes))

    def sign(self, record: OfflineRecord) -> str:
        """Sign a record as it stands; the next one follows it."""
        text = sign_record(self.device.signer, record)
        self.seq, self.prev, self.prev_at = record.seq, record_digest(text), record.made_at
        self.queue.append(text)
        return text

    def upload(self, texts=None, **headers: str):
        """Upload records, by default the queue; returns the response."""
        body = {"records": self.queue if texts is None else list(texts)}
        return self.device.call("POST", "/v1/offline-check-ins", body, **headers)

    def answers(self, texts=None) -> list[dict]:
        """Upload and return the answers."""
        response = self.upload(texts)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.json["answers"]
