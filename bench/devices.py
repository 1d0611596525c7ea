"""The time from a tap to the verdict over a real pcscd, for each kind of card, beside the same raw commands."""

from __future__ import annotations

import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.rows import Row
from cards.claims import Form
from devices import identity, server
from devices.desk import AgentCounter
from devices.documents import DocumentFolder
from devices.ndef import card_message
from devices.ntag424 import TagMasters
from devices.offline import OfflineQueue
from devices.pcsc import Context
from devices.personalise import write_tag, write_tag424
from devices.transport import Tap, Transport
from tests.devices.builders import KNOWN, Line, chip_of, tap
from tests.devices.emulators import Card, Ntag424, Type2Card, Type4Card
from tests.devices.lab import READERS, Lab, missing, present
from tests.verifier.world import BASE, BY, World
from tests.waiting import until
from verifier.records.tags import TagRecord

TAPS, TAPS_FULL = 20, 200
MASTERS = TagMasters(bytes(range(16)), bytes(range(16, 32)))


class Timed(Line):
    """The way to the server. It records how long all calls took, so that the counter's own time can be told apart."""

    seconds = 0.0

    def sent(self, base: str, method: str, path: str, data: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Pass one call on."""
        start = time.perf_counter()
        try:
            answer: tuple[int, bytes] = super().sent(base, method, path, data, headers)
            return answer
        finally:
            self.seconds += time.perf_counter() - start


class Recording:
    """A transport that keeps every command that was sent."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.commands: list[bytes] = []

    def transmit(self, command: bytes) -> bytes:
        """Send one command on."""
        self.commands.append(command)
        return self._transport.transmit(command)


def run(full: bool) -> list[Row]:  # noqa: FBT001 - as every part of the bench
    """Measure each profile; nothing where the virtual reader or pyscard is missing, which is said."""
    lacks = missing()
    if lacks is not None:
        print(f"note: no figures of card readers: {lacks}")
        return []
    lab = Lab(Path(tempfile.mkdtemp(prefix="yunju-lab-")))
    os.environ["PCSCLITE_CSOCK_NAME"] = lab.socket
    try:
        with TemporaryDirectory() as folder:
            world = World(Path(folder))
            try:
                return [row for name, card in cards(world) for row in measured(lab, world, name, card, full=full)]
            finally:
                world.close()
    finally:
        lab.close()


def cards(world: World) -> Iterator[tuple[str, Card]]:
    """One card of each profile, each of a holder of its own."""
    chip, sun, plain, small = (world.card("gold", form) for form in (Form.CHIP, Form.TAG, Form.TAG, Form.TAG))
    yield "chip", chip_of(chip)
    tag = Ntag424()
    record = write_tag424(tap(tag), MASTERS, "https://card.example/t", sun.token).record
    world.verifier.store.tags.add(TagRecord.of(record))
    yield "ntag424", tag
    type4 = Type4Card()
    type4.ndef.put(card_message(plain.token))
    yield "type4", type4
    type2 = Type2Card()
    write_tag(tap(type2), small.packed(), lock=False, dictionaries=KNOWN)
    yield "type2", type2


def measured(lab: Lab, world: World, name: str, card: Card, *, full: bool) -> Iterator[Row]:
    """Tap a card again and again; a look or a check-in each, granted or not: the way is as long."""
    lab.insert(card)
    until(lambda: present(READERS[0]))
    line = Timed(world)
    desk = _desk(world, line)
    whole: list[float] = []
    own: list[float] = []
    raw: list[float] = []
    commands: list[bytes] = []
    for _ in range(TAPS_FULL if full else TAPS):
        line.seconds = 0.0
        start = time.perf_counter()
        with _connected() as transport:
            recording = Recording(transport)
            desk.tapped(Tap(recording), "bench")
        whole.append(time.perf_counter() - start)
        own.append(whole[-1] - line.seconds)
        commands = recording.commands
        start = time.perf_counter()
        with _connected() as transport:
            for command in commands:
                transport.transmit(command)
        raw.append(time.perf_counter() - start)
    lab.remove()
    until(lambda: not present(READERS[0]))
    floor = f"the same {len(commands)} APDUs sent raw"
    yield Row(f"tap to verdict, {name}", _median(whole), "ms", _median(raw), floor)
    yield Row(f"  of it without the server, {name}", _median(own), "ms", _median(raw), floor, 2.0)
    yield Row(f"APDUs a tap, {name}", len(commands), "APDUs")


@contextmanager
def _connected() -> Iterator[Transport]:
    with Context() as context, context.card(READERS[0]) as card:
        yield card


def _desk(world: World, line: Timed) -> AgentCounter:
    """A desk whose calls go straight into the application: what is measured is the counter's own way."""
    folder = world.folder / f"agent-{secrets.token_hex(8)}"
    server._sent = line.sent  # type: ignore[assignment]  # noqa: SLF001 - no socket in between
    code = world.accounts.devices.make_code("gym", needs_operator=False, by=BY, at=world.clock.now()).code
    kept = identity.keep(folder, BASE, server.enrol(BASE, code, identity.device_key(folder), world.clock))
    queue = OfflineQueue(folder, kept.signer, kept.device, kept.point)
    documents = DocumentFolder(folder, kept.root)
    return AgentCounter(server.Server(kept, world.clock), documents, queue, world.clock, "gym-visit")


def _median(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1000
