"""The desk and the agent without hardware: what each kind of card and scan comes to, and what staff are told."""

import pytest

from cards.claims import Form
from devices import identity, server, virtual
from devices.agent import SCANNED, TYPED, Agent, lines
from devices.faults import DeviceFault
from devices.identity import NotEnrolled
from devices.ndef import card_message
from devices.ntag424 import FILE_KEY, META_KEY, TagMasters
from devices.pcsc import ReaderChange, ReaderEvent
from devices.server import ServerRefusedError
from devices.transport import Tap
from devices.verdict import CounterVerdict, VerdictKind, VerdictText
from edge.problems import PROBLEMS
from tests.devices.builders import chip_of, counter, tap
from tests.devices.emulators import Card, Type4Card
from tests.verifier.test_matters import DESK, listed
from tests.verifier.world import BASE
from verifier.records.tags import TagRecord

MASTERS = TagMasters(bytes(16), bytes(range(16)))
UID = bytes.fromhex("04DE5F1EACC040")


@pytest.fixture
def agent(counter):
    """An agent whose lines are kept."""
    made = Agent(counter.desk, (said := []).append)
    made.said = said
    return made


def test_a_phone_scanned_is_granted(agent, world):
    """A look and its confirmation, without a question: the phone proved itself."""
    verdict = agent.scanned(world.card("silver").packed(), SCANNED)
    assert (verdict.kind, verdict.assurance, verdict.profile) == (VerdictKind.GRANTED, "proved", "qr")
    assert verdict.name == "张*明"
    assert len(world.log()) == 1


def test_the_short_code_is_enough_online(agent, world):
    """A phone that is known needs the proof alone."""
    card = world.card("silver")
    agent.scanned(card.packed(), SCANNED)
    assert agent.scanned(card.short(), SCANNED).reason == "already-in"


def test_an_echo_is_taken_once(agent, world):
    """A scanner that reads one code twice in a moment checks in once."""
    text = world.card("silver").packed()
    assert agent.scanned(text, SCANNED).kind is VerdictKind.GRANTED
    assert agent.scanned(text, SCANNED) is None


def test_a_printed_card_waits_for_the_operator(agent, world):
    """Nothing is recorded until the ID was compared; `n` records nothing."""
    text = world.card("gold", Form.PRINT).packed()
    agent.typed(text)
    assert world.log() == []
    agent.typed("n")
    assert world.log() == []
    assert agent.desk.confirm(TYPED, id_checked=True) is None
    agent._last_scan = ("", 0.0)
    agent.typed(text)
    agent.typed("是")
    assert world.log()[-1]["marks"] == ["id-checked"]


def test_the_newest_question_is_answered(agent, world):
    """With two lanes waiting, the operator's word goes to the newer."""
    older, newer = world.card("gold", Form.PRINT), world.card("gold", Form.PRINT)
    agent.scanned(older.packed(), "reader 1")
    agent.scanned(newer.packed(), "reader 2")
    agent.typed("y")
    assert agent.desk.waiting() == ["reader 1"]
    agent.typed("")
    agent.typed("y")
    agent.typed("y")
    assert len(world.log()) == 2


def test_a_page_chooses_and_confirms(agent, world):
    """The service of the next tap, and the operator's word, come from the page."""
    assert agent.chosen("/service", {"service": "gym-visit"}) == {"service": "gym-visit"}
    agent.scanned(world.card("gold", Form.PRINT).packed(), SCANNED)
    assert agent.chosen("/confirm", {"lane": SCANNED, "id_checked": True}) == {"confirmed": True}
    assert agent.chosen("/confirm", {"lane": SCANNED, "id_checked": True}) == {"confirmed": False}
    for path, body in (("/confirm", {"lane": 1}), ("/confirm", {"lane": "x", "id_checked": "yes"}), ("/x", {})):
        assert agent.chosen(path, body) is None
    assert world.log()[-1]["outcome"] == "granted"


def test_a_matter_s_kind_comes_from_the_page_or_the_command(world, tmp_path, monkeypatch):
    """Without a kind the server's sentence names the kinds, and nothing is entered. Each choice opens its matter."""
    card, other = world.card("gold"), world.card("gold")
    made = counter(world, tmp_path, monkeypatch, "green-channel", "gov-green")
    agent = Agent(made.desk, lambda line: None)
    told = agent.scanned(card.shown(), SCANNED)
    assert (told.kind, world.log()) == (VerdictKind.FAULT, [])
    assert told.message.zh == PROBLEMS["invalid-field"].zh
    assert "construction" in told.hint.en
    assert agent.chosen("/service", {"service": "green-channel", "matter": {"kind": "construction", "decides": 7}})
    assert agent.scanned(card.shown(), SCANNED).kind is VerdictKind.GRANTED
    made.desk.choose("green-channel", {"kind": "other"})
    assert agent.scanned(other.shown(), SCANNED).kind is VerdictKind.GRANTED
    kinds = [matter["kind"] for matter in listed(world.device("gov-green", DESK), "gov-green")]
    assert sorted(kinds) == ["construction", "other"]


def test_refusals_carry_the_servers_words(agent, world):
    """What staff see is the server's sentence, its hint and the reason's code."""
    card = world.card("silver")
    agent.desk.service = "airport-dom-departure"
    verdict = agent.scanned(card.shown(), SCANNED)
    assert verdict.kind is VerdictKind.DENIED
    told = lines(verdict)
    assert "REFUSED" in told[0]
    assert verdict.message.zh in told[1]
    assert verdict.reason in told[-1]


def test_nonsense_is_a_fault_with_its_remedy(agent, world):
    """A text that is no presentation is no entry."""
    verdict = agent.scanned("hello", SCANNED)
    assert (verdict.kind, verdict.reason) == (VerdictKind.FAULT, "ServerRefusedError")
    assert world.log() == []


def test_a_revoked_device_is_told(agent, world, counter):
    """The server's refusal of the device itself is no verdict on the card."""
    world.accounts.devices.revoke(counter.identity.device, by="cli:admin", at=world.clock.now())
    assert agent.scanned(world.card("silver").shown(), SCANNED).kind is VerdictKind.FAULT


def test_no_verdict_shows_a_token(agent, world):
    """Lines and page values carry names and words, never a token or a proof."""
    phone, printed = world.card("silver"), world.card("gold", Form.PRINT)
    for verdict in (agent.scanned(phone.shown(), "a"), agent.scanned(printed.token, "b")):
        said = str(verdict.to_json()) + "".join(lines(verdict))
        assert "eyJ" not in said


@pytest.mark.slow
def test_virtual_cards_are_read_like_real_ones(counter, world):
    """Chip, counting tag, Type 4 and Type 2 of the simulation end as real ones do."""
    chip, tag = world.card("gold", Form.CHIP), world.card("gold", Form.TAG)
    texts = [world.card("gold", Form.TAG).packed() for _ in range(2)]
    verdict = counter.desk.tapped(Tap(virtual.VirtualChip(chip.token, chip.signer._key)), "r")
    assert (verdict.kind, verdict.assurance) == (VerdictKind.GRANTED, "proved")
    record = {"uid": UID.hex(), "card": tag.token}
    record |= {"file_key": MASTERS.key_of(UID, FILE_KEY).hex(), "meta_key": MASTERS.key_of(UID, META_KEY).hex()}
    world.verifier.store.tags.add(TagRecord.of(record))
    for count, kind in ((3, VerdictKind.ASK), (2, VerdictKind.DENIED), (4, VerdictKind.ASK)):
        card = virtual.counting_tag(MASTERS, UID, count, "https://card.example/t")
        assert counter.desk.tapped(Tap(card), "r").kind is kind
    for made, text in zip(("type4", "type2"), texts, strict=True):
        assert counter.desk.tapped(Tap(virtual.tag_with(text, made)), made).profile == made
        assert counter.desk.confirm(made, id_checked=True).assurance == "copyable"


def test_a_chip_with_a_tags_token_is_not_proved(counter, world):
    """A tag's token on a chip cannot be raised to proved."""
    chip = chip_of(world.card("gold", Form.CHIP))
    chip.objects[bytes.fromhex("5FFF59")] = world.card("gold", Form.TAG).token.encode()
    verdict = counter.desk.tapped(tap(chip), "r")
    assert (verdict.kind, verdict.reason) == (VerdictKind.DENIED, "bad-proof")


def test_faults_of_cards_are_verdicts(counter):
    """Unknown and empty cards are told with what to do."""
    for card in (Card(), Type4Card()):
        verdict = counter.desk.tapped(tap(card), "r")
        assert verdict.kind is VerdictKind.FAULT
        assert verdict.hint.en


class Tells:
    """A watcher that tells a list."""

    def __init__(self, *changes: ReaderChange) -> None:
        self.changes = changes

    def events(self, stop):
        return [ReaderEvent(change, "reader") for change in self.changes]


def test_what_happens_to_readers_is_told(agent):
    """Lost and found daemons and readers are lines for staff; arrivals and departures are not."""
    agent.watch(Tells(*(change for change in ReaderChange if change is not ReaderChange.INSERTED)))
    assert len(agent.said) == 6


def test_an_enrolment_is_kept_privately(tmp_path, world, monkeypatch, counter):
    """Key and token lie in files of their owner's alone; the code serves once."""
    for name in ("device.key", "device.json"):
        assert (counter.folder / name).stat().st_mode & 0o077 == 0
    assert identity.load(counter.folder).device == counter.identity.device
    assert counter.identity.access_token not in repr(counter.identity)
    with pytest.raises(ServerRefusedError):
        server.enrol(BASE, "WRONG-CODE", identity.device_key(tmp_path / "other"), world.clock)


def test_without_enrolment_the_remedy_is_named(tmp_path):
    """A PC that was not enrolled says how to."""
    with pytest.raises(NotEnrolled) as told:
        identity.load(tmp_path / "none")
    assert "--code" in told.value.hint
    folder = tmp_path / "broken"
    identity.device_key(folder)
    (folder / "device.json").write_text("{}")
    (folder / "device.json").chmod(0o600)
    with pytest.raises(NotEnrolled):
        identity.load(folder)


def test_a_server_that_is_not_there_is_away():
    """A refused connection, and an answer that is none, are the network's fault."""
    with pytest.raises(DeviceFault):
        server._sent("http://127.0.0.1:9", "GET", "/", b"", {})
    with pytest.raises(server.Away):
        server._answered(200, b"<html>")
    with pytest.raises(server.Away):
        server._answered(503, b"{}")


def test_a_verdict_is_whole_without_an_answer():
    """Its defaults serve terminal and page."""
    verdict = CounterVerdict(VerdictKind.FAULT, VerdictText("坏", "bad"))
    assert lines(verdict)[0].startswith("==")
    assert verdict.to_json()["reason"] is None


def test_a_message_of_another_tag_is_refused(counter):
    """A tag with somebody's NDEF text is unknown."""
    card = Type4Card()
    card.ndef.put(card_message("http://evil.example"))
    assert counter.desk.tapped(tap(card), "r").kind is VerdictKind.FAULT
