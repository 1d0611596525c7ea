"""Over a real pcscd: taps to verdicts, tears, restarts of the daemon, two readers, and nothing left behind."""

import os
import signal
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from cards.claims import Form
from devices import pcsc
from devices.agent import Agent
from devices.faults import CardFault, CardGone, PartMissing
from devices.ndef import card_message
from devices.ntag424 import TagMasters
from devices.pcsc import Context, ReaderChange, ReaderEvent, ReaderWatcher
from devices.personalise import write_tag, write_tag424
from devices.profiles import Profile, tap_card
from devices.transport import Tap
from devices.verdict import VerdictKind
from tests.devices.builders import KNOWN, chip_of, token
from tests.devices.builders import tap as direct_tap
from tests.devices.emulators import NdefFile, Ntag424, PivCard, Type2Card, Type4Card
from tests.devices.lab import READERS, present
from tests.devices.test_transport import Garbage
from tests.waiting import until
from verifier.records.tags import TagRecord

MASTERS = TagMasters(bytes(range(16)), bytes(range(16, 32)))


class Watched:
    """A watcher on a thread of its own; the test waits for what it tells."""

    def __init__(self) -> None:
        self.told: list[ReaderEvent] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.changed = threading.Condition()

    def run(self) -> None:
        for event in ReaderWatcher().events(self.stop.is_set):
            with self.changed:
                self.told.append(event)
                self.changed.notify_all()

    def wait(self, change: ReaderChange, reader: str = "", seconds: float = 10) -> None:
        """Wait for a change since the last wait, and forget it and all before it of the same reader."""
        ends = time.monotonic() + seconds
        with self.changed:
            while True:
                for at, event in enumerate(self.told):
                    if event.change is change and event.reader.startswith(reader):
                        before = [other for other in self.told[:at] if other.reader != event.reader]
                        self.told[: at + 1] = before
                        return
                if not self.changed.wait(ends - time.monotonic()):
                    raise AssertionError(f"{change} was not told; {self.told}")


@pytest.fixture
def watched():
    """A watcher that has seen both readers."""
    made = Watched()
    made.thread.start()
    made.wait(ReaderChange.READER_ADDED, READERS[1])
    yield made
    made.stop.set()
    made.thread.join(5)
    assert not made.thread.is_alive()


@contextmanager
def on(reader: str = READERS[0]):
    """A tap on a reader."""
    with Context() as context, context.card(reader) as card:
        yield Tap(card)


def put_on(lab, card, slot: int = 0) -> None:
    """Put a card on and wait until the daemon has seen it."""
    lab.insert(card, slot)
    until(lambda: present(READERS[slot]))


def test_readers_are_listed(lab):
    """Both slots of the virtual reader are there."""
    with Context() as context:
        assert context.readers() == list(READERS)


def test_an_empty_reader_has_no_card(lab):
    """Connecting without a card says so."""
    with pytest.raises(CardGone), on():
        pass


def test_a_watcher_tells_arrivals_and_departures(lab, watched):
    """Each slot's card is told on its own reader."""
    lab.insert(Type4Card(), 1)
    watched.wait(ReaderChange.INSERTED, READERS[1])
    lab.remove(1)
    watched.wait(ReaderChange.REMOVED, READERS[1])


def chip(world):
    """A gold holder's chip."""
    card = world.card("gold", Form.CHIP)
    return chip_of(card)


def clone(world):
    """Its data on a chip with another key."""
    card = world.card("gold", Form.CHIP)
    made = chip_of(card)
    made.new_key()
    return made


def type4(world):
    """A gold holder's Type 4 tag."""
    made = Type4Card()
    made.ndef.put(card_message(world.card("gold", Form.TAG).token))
    return made


def type2(world):
    """A gold holder's Type 2 tag, in wire form."""
    made = Type2Card()
    write_tag(direct_tap(made), world.card("gold", Form.TAG).packed(), lock=False, dictionaries=KNOWN)
    return made


def tag424(world):
    """A gold holder's counting tag, known to the verifier."""
    made = Ntag424()
    written = write_tag424(direct_tap(made), MASTERS, "https://card.example/t", world.card("gold", Form.TAG).token)
    world.verifier.store.tags.add(TagRecord.of(written.record))
    return made


@pytest.fixture
def agent(counter):
    """An agent whose lines are kept."""
    said: list[str] = []
    made = Agent(counter.desk, said.append)
    made.said = said
    return made


def test_a_chip_tapped_is_granted_and_proved(lab, world, agent):
    """Reader, daemon, chip, server: granted without any question, logged as proved."""
    put_on(lab, chip(world))
    verdict = agent.tap(READERS[0])
    assert (verdict.kind, verdict.assurance, verdict.profile) == (VerdictKind.GRANTED, "proved", "chip")
    assert world.log()[-1]["assurance"] == "proved"
    assert "GRANTED" in agent.said[0]
    assert not any("eyJ" in line for line in agent.said)


@pytest.mark.parametrize(
    ("made", "expected"),
    [(tag424, ("ntag424", "counted")), (type4, ("type4", "copyable")), (type2, ("type2", "copyable"))],
)
def test_a_tag_tapped_is_granted_once_the_id_is_compared(lab, world, agent, made, expected):
    """The tap asks; the operator's word grants; the log says how far the card proved itself."""
    put_on(lab, made(world))
    asked = agent.tap(READERS[0])
    assert (asked.kind, asked.profile, asked.assurance) == (VerdictKind.ASK, *expected)
    assert world.log() == []
    agent.typed("y")
    assert any("GRANTED" in line for line in agent.said)
    assert world.log()[-1]["assurance"] == expected[1]


def test_a_clone_is_refused(lab, world, agent):
    """The right data on a chip with another key is refused, and the refusal is logged."""
    put_on(lab, clone(world))
    verdict = agent.tap(READERS[0])
    assert (verdict.kind, verdict.reason) == (VerdictKind.DENIED, "bad-proof")
    assert world.log()[-1]["reason"] == "bad-proof"


def test_a_replayed_link_is_refused_after_a_restart(lab, world, agent, counter):
    """A tag's link, copied on a plain tag, is refused, also once the server was restarted."""
    put_on(lab, tag424(world))
    agent.tap(READERS[0])
    agent.typed("y")
    with on() as tap:
        used = tap_card(tap).text
    assert agent.scanned(used, "scanner").reason == "proof-used"
    world.restart()
    world.clock.advance(timedelta(minutes=3))
    world.publish()
    refused = agent.desk.shown(used, "again")
    assert (refused.kind, refused.reason) == (VerdictKind.DENIED, "proof-used")
    assert [entry["outcome"] for entry in world.log()] == ["granted", "denied", "denied"]


def test_a_card_torn_at_every_command_of_a_read(lab):
    """Over the daemon too, a torn card is a card that left; put on again, it reads."""
    card = PivCard()
    card.objects[bytes.fromhex("5FFF59")] = token(Form.CHIP, card.key.public_key()).encode()
    put_on(lab, card)
    with on() as tap:
        tap_card(tap)
        commands = tap.exchanges
    gone(lab)
    for at in range(commands):
        card.torn_at = at
        put_on(lab, card)
        with pytest.raises(CardGone), on() as tap:
            tap_card(tap)
        gone(lab)
    card.torn_at = None
    put_on(lab, card)
    with on() as tap:
        assert tap_card(tap).profile is Profile.CHIP


def gone(lab, slot: int = 0) -> None:
    """Take the card off and wait until the daemon has seen it."""
    lab.remove(slot)
    until(lambda: not present(READERS[slot]))


@pytest.mark.parametrize("at", range(18))
def test_a_card_torn_while_written_is_mended(lab, at):
    """Torn in the middle of a write over the daemon, the tag is written again and reads."""
    text = token()
    put_on(lab, Type4Card(torn_at=at))
    with pytest.raises(CardGone), on() as tap:
        write_tag(tap, text, lock=False, dictionaries=KNOWN)
    torn = lab.card()
    gone(lab)
    put_on(lab, torn)
    with on() as tap:
        write_tag(tap, text, lock=False, dictionaries=KNOWN)
        assert tap_card(tap).text == text


def restarts(lab, watched, times: int) -> None:
    """Kill and start the daemon while a card lies on the reader."""
    lab.insert(Type4Card())
    watched.wait(ReaderChange.INSERTED, READERS[0])
    for _ in range(times):
        lab.restart(signal.SIGKILL)
        watched.wait(ReaderChange.DAEMON_LOST)
        watched.wait(ReaderChange.DAEMON_BACK)
        watched.wait(ReaderChange.STILL_THERE, READERS[0])
    lab.remove()
    watched.wait(ReaderChange.REMOVED, READERS[0])
    card = Type4Card()
    card.ndef.put(card_message("a.b.c"))
    lab.insert(card)
    watched.wait(ReaderChange.INSERTED, READERS[0])
    with on() as tap:
        assert tap_card(tap).text == "a.b.c"


def test_the_watcher_survives_twenty_restarts_of_the_daemon(lab, watched):
    """Killed and started with a card present; the card that stayed is not taken for a new tap; the next one reads."""
    restarts(lab, watched, 20)


def test_a_daemon_that_stays_away_is_told_once(lab, watched):
    """No endless complaints, and connecting names the remedy."""
    lab.ask("stop", signal.SIGTERM)
    try:
        watched.wait(ReaderChange.DAEMON_LOST)
        time.sleep(0.7)
        assert ReaderChange.DAEMON_LOST not in {event.change for event in watched.told}
        with pytest.raises(PartMissing) as told:
            Context()
        assert "apt-get install pcscd" in told.value.hint
    finally:
        lab.ask("start")
    watched.wait(ReaderChange.DAEMON_BACK)


def test_two_readers_check_in_at_once(lab, world, agent):
    """Two taps at the same time are two check-ins, each told on its reader."""
    first, second = chip(world), chip(world)
    put_on(lab, first, 0)
    put_on(lab, second, 1)
    threads = [threading.Thread(target=agent.tap, args=(reader,)) for reader in READERS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [entry["outcome"] for entry in world.log()] == ["granted", "granted"]


def test_the_agent_checks_in_what_it_watches(lab, world, agent):
    """From the watcher to the log: put on, granted; a restart of the daemon checks nothing in twice."""
    first, second = chip(world), chip(world)
    thread = threading.Thread(target=agent.watch, args=(ReaderWatcher(),))
    thread.start()
    try:
        lab.insert(first)
        until(lambda: len(world.log()) == 1)
        lab.restart()
        until(lambda: any("take it off" in line for line in agent.said))
        assert len(world.log()) == 1
        gone(lab)
        lab.insert(second)
        until(lambda: len(world.log()) == 2)
    finally:
        agent.stop.set()
        thread.join(10)
    assert not thread.is_alive()


def resources() -> tuple[int, int]:
    """Open files and threads of this process."""
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()


def grown(before: tuple[int, int]) -> tuple[int, int]:
    """What this process holds more than before, once a leak would still be there: closing takes a moment."""
    for _ in range(50):
        more = tuple(max(0, now - then) for now, then in zip(resources(), before, strict=True))
        if more == (0, 0):
            break
        time.sleep(0.1)
    return more


def test_two_hundred_connections_leave_nothing_behind(lab):
    """Connect, read, disconnect, two hundred times: as many open files and threads as before."""
    card = Type4Card()
    card.ndef.put(card_message("a.b.c"))
    put_on(lab, card)
    before = resources()
    for _ in range(200):
        with on() as tap:
            assert tap_card(tap).text == "a.b.c"
    assert grown(before) == (0, 0)


@pytest.mark.parametrize("rounds", [12, pytest.param(100, marks=pytest.mark.soak)])
def test_many_taps_leave_nothing_behind(lab, watched, rounds):
    """Cards put on and taken off again and again, on two readers in turn: every tap is told, nothing is left.

    One file or thread left by any tap after the second round fails it, so that few rounds show what many show.
    """
    card = Type4Card()
    card.ndef.put(card_message("a.b.c"))
    before = None
    for number in range(rounds):
        for slot in (0, 1):
            lab.insert(card, slot)
        for reader in READERS:
            watched.wait(ReaderChange.INSERTED, reader)
            with on(reader) as tap:
                assert tap_card(tap).text == "a.b.c"
        for slot in (0, 1):
            lab.remove(slot)
        for reader in READERS:
            watched.wait(ReaderChange.REMOVED, reader)
        before = resources() if number == 1 else before
    assert grown(before) == (0, 0)


@pytest.mark.parametrize(
    "card",
    [
        Garbage([os.urandom(40) + b"\x90\x00"]),
        Garbage([b"\x61\x10"]),
        Garbage([b"x" * 16 + b"\x61\x10"]),
        Type4Card(ndef=NdefFile(content=bytearray(b"\xff\xfe" + bytes(60_000)))),
        PivCard(objects={bytes.fromhex("5FFF59"): bytes(60_000)}),
    ],
)
def test_bad_cards_are_refused_in_time(lab, agent, world, card):
    """Garbage, endless answers, giant content: a fault for staff within a second, and nothing in the log."""
    put_on(lab, card)
    began = time.monotonic()
    verdict = agent.tap(READERS[0])
    assert verdict.kind is VerdictKind.FAULT
    assert time.monotonic() - began < 2
    assert world.log() == []


def test_a_swap_between_two_looks_is_told(lab):
    """The daemon's counter shows a card that was exchanged: departure and arrival are both told."""
    watcher = ReaderWatcher()
    watcher._states = {READERS[0]: 0x0001_0020}
    told = list(watcher._compare(READERS[0], 0x0003_0022))
    assert [event.change for event in told] == [ReaderChange.REMOVED, ReaderChange.INSERTED]


def test_a_mute_card_is_told_as_mute():
    """A card that does not power up is no tap."""
    watcher = ReaderWatcher()
    watcher._states = {READERS[0]: 0}
    assert [event.change for event in watcher._compare(READERS[0], 0x0222)] == [ReaderChange.MUTE]


def test_without_pyscard_the_remedy_is_named(monkeypatch):
    """Without the package every other part works, and the missing one is named with its command."""
    monkeypatch.setattr(pcsc, "scard", None)
    with pytest.raises(PartMissing) as told:
        Context()
    assert "apt-get install" in told.value.hint
    with pytest.raises(PartMissing):
        next(iter(ReaderWatcher().events(lambda: False)))


@pytest.mark.parametrize("code", sorted(pcsc._GONE))
def test_every_way_to_leave_is_a_card_that_left(code):
    """Each of the daemon's codes for a card that is gone is one fault."""
    with pytest.raises(CardGone):
        pcsc._check(code - 2**32, "talk")
    with pytest.raises(CardFault):
        pcsc._check(0x80100066, "talk")
