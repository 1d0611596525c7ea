"""Traffic of counters: fresh proofs, looks, voids, what must be refused, and a tablet that works offline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import ClassVar

from cards.offline_record import FIRST_PREV, OfflineRecord, record_digest, sign_record
from cards.parts import Presentation
from cards.programme.types import Beneficiary
from tests.soak.journal import Journal, Operation
from tests.soak.town import Phone, Town, subject_of
from tests.verifier.machine import Answer, Device, identifier

SPENT = frozenset({"granted", "already-in", "quota-spent", "stale-proof"})
"""What a good card is told at the gym; a proof grows old while its check-in is tried again."""
PLAIN = frozenset({"granted", "stale-proof"})
VOIDED = frozenset({"done", "granted"})

Step = Callable[[], None]


class Counter:
    """One tablet online. Each step is one thing that a clerk does, or that somebody tries to get by with."""

    SERVICES: ClassVar = {
        "gym": "gym-visit",
        "hosp-2": "hospital-registration",
        "hosp-mch": "hospital-payment",
        "library": "library-facilities",
    }

    def __init__(self, town: Town, journal: Journal, point: str, seed: int) -> None:
        self.town, self.journal, self.point = town, journal, point
        self.device, self.service = town.devices[point], self.SERVICES[point]
        self.random = Random(seed)
        self.expected = SPENT if point == "gym" else PLAIN
        self._granted: list[Operation] = []

    def step(self) -> None:
        """Do one thing, chosen by chance."""
        steps: list[Step] = [self.fresh, self.printed, self.looked, self.voided, self.wrong]
        self.random.choices(steps, weights=(8, 3, 3, 2, 3))[0]()

    def fresh(self) -> None:
        """A phone shows its code."""
        phone = self.random.choice(self.town.phones)
        self._keep(self._ask("fresh", phone.shown(), phone.subject, self.expected))

    def printed(self) -> None:
        """A printed card, and the clerk compares the person's ID."""
        card = self.random.choice(self.town.printed)
        self._keep(self._ask("printed", card, subject_of(card), self.expected, id_checked=True))

    def looked(self) -> None:
        """Look first, then confirm the look."""
        phone = self.random.choice(self.town.phones)
        body = {"presentation": phone.shown()}
        look = self.journal.do(self._post("look", "/v1/verifications", body, frozenset({"done", "stale-proof"})))
        if look.told == "done" and look.answer is not None and look.answer.json["valid"]:
            confirmed = {"look": look.answer.json["id"], "service": self.service}
            expected = self.expected | {"look-over"}
            made = self._post("confirmed", "/v1/check-ins", confirmed, expected)
            made.holder = phone.subject
            self._keep(self.journal.do(made))

    def voided(self) -> None:
        """Take one of the own check-ins back."""
        if not self._granted:
            return
        target = self._granted.pop(self.random.randrange(len(self._granted)))
        assert target.answer is not None
        entry = target.answer.json["id"]
        path = f"/v1/check-ins/{entry}/void"
        expected = VOIDED | ({"void-too-late"} if time.monotonic() - target.began > 600 else frozenset())
        made = self._post("void", path, {"reason": "wrong-service"}, expected)
        made.target, made.holder = entry, target.holder
        self.journal.do(made)

    def wrong(self) -> None:
        """Something that must never be granted."""
        name, shown, more, reasons = self.random.choice(list(self._wrongs()))
        self._ask(f"wrong: {name}", shown, None, reasons, **more)

    def _wrongs(self) -> Iterator[tuple[str, str, dict[str, object], frozenset[str]]]:
        one, other = self.random.sample(self.town.phones, 2)
        card = one.token
        head, claims, signature = card.split(".")
        flipped = f"{head}.{claims}.{('A' if signature[0] != 'A' else 'B') + signature[1:]}"
        yield "stale proof", one.shown(made=90), {}, frozenset({"stale-proof"})
        yield "another's proof", f"{card}~{other.proof()}", {}, frozenset({"bad-proof"})
        yield "no proof", card, {}, frozenset({"proof-missing"})
        yield "changed signature", f"{flipped}~{one.proof()}", {}, frozenset({"bad-signature", "too-many-requests"})
        yield "revoked", self.town.revoked, {"id_checked": True}, frozenset({"revoked"})
        unchecked = self.random.choice(self.town.printed)
        yield "ID not compared", unchecked, {}, frozenset({"id-check-needed"})
        elsewhere = {"service": "steward-certificate", "reference": "ZS-1"}
        yield "another point's service", one.shown(), elsewhere, frozenset({"not-offered-here", "stale-proof"})

    def _ask(self, kind: str, shown: str, holder: str | None, expected: frozenset[str], **more: object) -> Operation:
        body = {"presentation": shown, "service": self.service, **more}
        made = self._post(kind, "/v1/check-ins", body, expected)
        made.holder = holder
        return self.journal.do(made)

    def _post(self, kind: str, path: str, body: object, expected: frozenset[str]) -> Operation:
        def call(operation: str) -> Answer:
            return self.device.call("POST", path, body, operation=operation)

        return Operation(kind, path.replace(path.split("/")[3], "…") if path.endswith("void") else path, call, expected)

    def _keep(self, made: Operation) -> None:
        if made.told == "granted":
            self._granted.append(made)
            del self._granted[:-40]


class OfflineTablet:
    """A tablet of the library that records while it is offline and uploads now and then; it keeps its queue."""

    POINT, SERVICE = "library", "library-facilities"

    def __init__(self, town: Town, journal: Journal, device: Device, seed: int) -> None:
        self.town, self.journal, self.device = town, journal, device
        self.random = Random(seed)
        self.records: list[str] = []
        self.by_operation: dict[str, str] = {}
        self._waiting: list[str] = []
        self._seq, self._prev, self._prev_at = 0, FIRST_PREV, None
        self._time: str | None = None
        self.answers: dict[str, dict[str, object]] = {}

    def step(self) -> None:
        """Record one use; upload when some have come together."""
        if self._time is None or self.random.random() < 0.1:
            self._hold_time()
        if self._time is not None:
            self._record(self.random.choice(self.town.kept_apart))
        if len(self._waiting) >= 5:
            self.upload()

    def _hold_time(self) -> None:
        made = Operation("time", "/v1/time", lambda _: self.town.machine.send("GET", "/v1/time"), frozenset({"done"}))
        if self.journal.do(made).told == "done" and made.answer is not None:
            self._time = made.answer.json["time"]

    def _record(self, phone: Phone) -> None:
        made_at = self.town.machine.now().replace(microsecond=0)
        record = OfflineRecord(
            seq=self._seq + 1, prev=self._prev, prev_at=self._prev_at, device=self.device.id, made_at=made_at,
            server_time=self._time, operation=identifier(), service=self.SERVICE, point=self.POINT,
            beneficiary=Beneficiary.HOLDER, presentation=Presentation(phone.token, phone.proof()), granted=True,
        )  # fmt: skip
        text = sign_record(self.device.signer, replace(record))
        self._seq, self._prev, self._prev_at = record.seq, record_digest(text), made_at
        self.records.append(text)
        self.by_operation[record.operation] = phone.subject
        self._waiting.append(text)

    def upload(self) -> None:
        """Send what waits; what is not answered waits on."""
        if not self._waiting:
            return
        sent = list(self._waiting)

        def call(operation: str) -> Answer:
            return self.device.call("POST", "/v1/offline-check-ins", {"records": sent}, operation=operation)

        done = self.journal.do(Operation("upload", "/v1/offline-check-ins", call, frozenset({"done"})))
        if done.told == "done" and done.answer is not None:
            for one in done.answer.json["answers"]:
                self.answers[one["operation"]] = one
            self._waiting = self._waiting[len(sent) :]
