"""Offline records: chained, signed and durable, and what a desk grants while the server is away."""

import errno
import itertools
import json
import os
from datetime import timedelta

import pytest

from accounts.rights import Right
from cards.claims import Form
from cards.offline_record import FIRST_PREV, record_digest, verify_record
from cards.parts import Presentation
from cards.status import Status
from cards.verify import REASONS
from devices import offline
from devices.documents import NoDocuments, read_rules
from devices.faults import DeviceFault
from devices.offline import LocalUse, OfflineQueue, QueueBroken
from devices.server import AgentState, Away, ServerRefusedError
from devices.upload import upload
from devices.verdict import VerdictKind
from devices.words import OFFLINE_WORDS
from keys.signer import FileSigner
from tests.devices.builders import AT, chip_of, signed_in, tap, token
from tests.devices.builders import counter as built_counter
from tests.verifier.minting import MINTED, bound_world, mint

SIGNER = FileSigner.generate()


def queue(folder, signer=SIGNER) -> OfflineQueue:
    """The queue of a folder."""
    return OfflineQueue(folder, signer, "device-1", "gym")


CARD = Presentation(token(), None)


def entry(number: int = 1) -> LocalUse:
    """What a desk records."""
    return LocalUse(f"operation-{number:08d}", "gym-visit", CARD, None, id_checked=True)


def test_records_are_chained_and_signed(tmp_path):
    """Each names its number and the digest of the one before, and verifies under the device's key."""
    kept = [queue(tmp_path).append(entry(number), AT) for number in (1, 2, 3)]
    assert [one.record.seq for one in kept] == [1, 2, 3]
    assert kept[0].record.prev == FIRST_PREV
    for before, after in itertools.pairwise(kept):
        assert after.record.prev == record_digest(before.text)
    for one in kept:
        assert verify_record(one.text, SIGNER.public_key) == one


def test_records_outlive_the_process(tmp_path):
    """Another process reads what was appended and goes on with the next number."""
    queue(tmp_path).append(entry(), AT)
    again = queue(tmp_path)
    assert [one.record.seq for one in again.waiting()] == [1]
    assert again.append(entry(2), AT).record.seq == 2
    assert again.has("operation-00000001")


def test_what_was_taken_waits_no_longer(tmp_path):
    """The pointer is durable and never passes the records."""
    made = queue(tmp_path)
    for number in (1, 2):
        made.append(entry(number), AT)
    made.taken(1)
    assert [one.record.seq for one in queue(tmp_path).waiting()] == [2]
    (tmp_path / "offline-sent").write_text("7")
    with pytest.raises(QueueBroken):
        queue(tmp_path)


def lines(folder) -> list[str]:
    """The records on disk."""
    return (folder / "offline-records.txt").read_text().splitlines()


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: [rows[1], rows[0], rows[2]],
        lambda rows: [rows[0], rows[2]],
        lambda rows: rows[1:],
        lambda rows: [rows[0], rows[0], *rows[1:]],
        lambda rows: [rows[0][:-9] + ("B" if rows[0][-9] == "A" else "A") + rows[0][-8:], *rows[1:]],
        lambda rows: ["", *rows],
    ],
)
def test_a_changed_file_is_noticed(tmp_path, change):
    """Swapped, removed, repeated, altered, foreign lines: the queue does not open."""
    made = queue(tmp_path)
    for number in (1, 2, 3):
        made.append(entry(number), AT)
    (tmp_path / "offline-records.txt").write_text("\n".join(change(lines(tmp_path))) + "\n")
    with pytest.raises(QueueBroken):
        queue(tmp_path)


def test_another_devices_records_are_refused(tmp_path):
    """Records under another key, or naming another device, are none of ours."""
    queue(tmp_path).append(entry(), AT)
    with pytest.raises(QueueBroken):
        queue(tmp_path, FileSigner.generate())
    with pytest.raises(QueueBroken):
        OfflineQueue(tmp_path, SIGNER, "device-2", "gym")


def test_a_half_written_line_goes(tmp_path):
    """A crash in the middle of a record loses that record alone, of which nobody was told."""
    queue(tmp_path).append(entry(), AT)
    with (tmp_path / "offline-records.txt").open("a") as file:
        file.write("eyJhbGciOi")
    again = queue(tmp_path)
    assert again.append(entry(2), AT).record.seq == 2
    assert len(queue(tmp_path).waiting()) == 2


def test_a_full_disk_grants_nothing(tmp_path, monkeypatch):
    """What cannot be kept is a fault, leaves no half line, and the next record follows the last whole one."""
    made = queue(tmp_path)
    made.append(entry(), AT)
    real = os.write

    def full(handle, data):
        real(handle, data[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(offline.os, "write", full)
    with pytest.raises(DeviceFault, match="No space"):
        made.append(entry(2), AT)
    monkeypatch.setattr(offline.os, "write", real)
    assert made.append(entry(3), AT).record.seq == 2
    assert len(queue(tmp_path).waiting()) == 2


@pytest.fixture
def away(counter, world):
    """A counter that has its documents, and then loses the server."""
    assert counter.documents.refresh(counter.server, world.clock.now())
    counter.line.cut = True
    return counter


def test_a_chip_is_granted_offline_and_recorded(away, world):
    """The reader's own nonce; the transcript goes into the signed record."""
    card = chip_of(world.card("gold", Form.CHIP))
    world.publish()
    away.line.cut = False
    away.documents.refresh(away.server, world.clock.now())
    away.line.cut = True
    verdict = away.desk.tapped(tap(card), "reader")
    assert (verdict.kind, verdict.offline, verdict.assurance) == (VerdictKind.GRANTED, True, "proved")
    (record,) = away.queue.waiting()
    assert record.record.granted
    assert record.record.presentation.proof is not None


def card_known(away, world, form=Form.PHONE, tier="gold"):
    """A card whose status list the counter has."""
    card = world.card(tier, form)
    away.line.cut = False
    assert away.documents.refresh(away.server, world.clock.now())
    away.line.cut = True
    return card


def test_the_offline_limit_holds_for_a_holder(away, world):
    """One visit a month offline at this device; the second is refused and recorded too; next month is free again."""
    card = card_known(away, world)
    assert away.desk.shown(card.shown(), "scanner").kind is VerdictKind.GRANTED
    assert away.desk.shown(card.shown(), "scanner").reason == "offline-limit"
    assert [one.record.granted for one in away.queue.waiting()] == [True, False]
    world.go("2026-11-01 09:00")
    away.line.cut = False
    assert away.documents.refresh(away.server, world.clock.now())
    away.line.cut = True
    assert away.desk.shown(card.shown(), "scanner").kind is VerdictKind.GRANTED


@pytest.mark.slow
def test_one_code_serves_once_offline(away, world):
    """The same proof again is refused, for services without an offline limit too."""
    card = card_known(away, world)
    shown = card.shown()
    assert away.desk.shown(shown, "scanner").kind is VerdictKind.GRANTED
    assert away.desk.shown(shown, "scanner").reason == "proof-used"


def test_an_id_is_compared_by_somebody_who_is_signed_in(away, world):
    """Offline nobody else's word counts at the server: the agent says so in words, and records a refusal."""
    card = card_known(away, world, Form.TAG)
    verdict = away.desk.shown(card.token, "reader")
    assert (verdict.kind, verdict.reason) == (VerdictKind.DENIED, "operator-unproved")
    assert "已登录的工作人员" in verdict.message.zh
    signed_in(away)
    world.clock.advance(timedelta(hours=12))
    away.documents.refresh(away.server, world.clock.now())
    assert away.desk.shown(card.token, "reader").reason in {"operator-unproved", "status-unknown"}


def test_an_agent_that_needs_its_operator_grants_nothing_without(world, tmp_path, monkeypatch):
    """Neither online nor offline; with the operator both."""
    made = built_counter(world, tmp_path / "staffed", monkeypatch, needs_operator=True)
    card = card_known(made, world)
    assert made.desk.shown(card.shown(), "scanner").reason == "operator-unproved"
    made.line.cut = False
    refused = made.desk.shown(card.shown(), "scanner")
    assert (refused.kind, "signed in" in refused.message.en) == (VerdictKind.FAULT, True)
    signed_in(made)
    assert made.desk.shown(card.shown(), "scanner").kind is VerdictKind.GRANTED


@pytest.mark.parametrize(
    ("service", "reason"), [("library-facilities", "not-offered-here"), ("school-place", "not-offered-here")]
)
def test_what_the_point_does_not_offer_is_refused_offline(away, world, service, reason):
    """A gym's agent grants the gym's services alone, and says so in words."""
    card = card_known(away, world)
    away.desk.service = service
    verdict = away.desk.shown(card.shown(), "scanner")
    assert (verdict.kind, verdict.reason) == (VerdictKind.DENIED, reason)
    assert verdict.message.zh == "本服务点不办理此服务。"


def test_what_is_not_for_the_holder_is_refused_offline(world, tmp_path, monkeypatch):
    """An agent records no other beneficiary than the holder."""
    made = built_counter(world, tmp_path / "school", monkeypatch, "school-place", "edu-centres")
    assert made.desk.shown(card_known(made, world).shown(), "scanner").reason == "not-for-beneficiary"


def test_every_reason_has_words():
    """No code is ever shown to staff in the place of a sentence."""
    assert set(REASONS) <= set(OFFLINE_WORDS)
    for said in OFFLINE_WORDS.values():
        assert said.en.endswith(".")
        assert said.zh.endswith("。")


def test_a_tag_offline_needs_the_id(away, world):
    """The desk asks; without the word nothing is recorded, with it the record says so and by whom."""
    operator = signed_in(away)
    card = card_known(away, world, Form.TAG)
    assert away.desk.shown(card.token, "reader").kind is VerdictKind.ASK
    assert away.desk.confirm("reader", id_checked=False) is None
    assert away.queue.waiting() == []
    away.desk.shown(card.token, "reader")
    assert away.desk.confirm("reader", id_checked=True).kind is VerdictKind.GRANTED
    [record] = away.queue.waiting()
    assert (record.record.id_checked, record.record.operator) == (True, operator)


def test_revoked_and_stale_are_refused_offline(away, world):
    """What the last status list says holds; after its end nothing is known and nothing granted."""
    card = card_known(away, world)
    other = card_known(away, world)
    away.line.cut = False
    world.set_status(card, Status.REVOKED)
    away.documents.refresh(away.server, world.clock.now())
    away.line.cut = True
    assert away.desk.shown(card.shown(), "scanner").reason == "revoked"
    world.clock.advance(timedelta(hours=25))
    assert away.desk.shown(other.shown(), "scanner").reason == "status-unknown"


@pytest.mark.parametrize("way", MINTED)
def test_a_minted_card_is_dead_at_the_agent(counter, world, way):
    """The bindings came with the lists: whatever the thief copied is revoked, and the holder's own card is not."""
    _, victim, pool, _ = bound_world(world)
    assert counter.documents.refresh(counter.server, world.clock.now())
    counter.line.cut = True
    verdict = counter.desk.shown(mint(world, victim, pool, way).shown(), "scanner")
    assert (verdict.kind, verdict.reason) == (VerdictKind.DENIED, "revoked")
    assert not any(kept.record.granted for kept in counter.queue.waiting())
    assert counter.desk.shown(victim.shown(), "scanner").kind is VerdictKind.GRANTED


def test_online_only_services_are_refused_offline(world, tmp_path, monkeypatch):
    """Bookings and services with an offline limit of nought need the server."""
    made = built_counter(world, tmp_path / "hrss", monkeypatch, "steward-certificate", "hrss")
    card = card_known(made, world)
    assert made.desk.shown(card.shown(), "scanner").reason == "online-only"


def test_a_link_or_a_short_code_needs_the_server(away, world):
    """Neither can be judged here: a fault that says so, and no record."""
    card = card_known(away, world)
    link = "https://card.example/t?p=" + "0" * 32 + "&c=" + "0" * 16
    for text in (link, card.short(), "nonsense"):
        assert away.desk.shown(text, "scanner").kind is VerdictKind.FAULT
    assert away.queue.waiting() == []


def test_without_documents_nothing_is_granted(counter, world):
    """A PC that was never connected grants nothing."""
    counter.line.cut = True
    verdict = counter.desk.shown(world.card("gold").shown(), "scanner")
    assert (verdict.kind, verdict.reason) == (VerdictKind.FAULT, "NoDocuments")


def test_a_lost_answer_is_asked_for_again(counter, world):
    """The same operation is sent once more: one entry, one unit."""
    counter.line.lost = 1
    verdict = counter.desk.shown(world.card("gold").shown(), "scanner")
    assert (verdict.kind, verdict.offline) == (VerdictKind.GRANTED, False)
    assert len(world.log()) == 1


def test_an_operation_that_was_lost_twice_keeps_its_id(counter, world):
    """What the server may have recorded is kept offline under the same operation, so that it is never counted twice."""
    card = world.card("gold")
    assert counter.documents.refresh(counter.server, world.clock.now())
    counter.line.lost = 2
    verdict = counter.desk.shown(card.shown(), "scanner")
    assert (verdict.kind, verdict.offline) == (VerdictKind.GRANTED, True)
    (record,) = counter.queue.waiting()
    assert len(world.log()) == 1
    assert counter.queue.has(record.record.operation)


class Answers:
    """A server that answers uploads as it is told."""

    def __init__(self, answer) -> None:
        self.answer = answer
        self.state = AgentState()

    def call(self, *_, **__):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_records_that_are_not_taken_wait(away, world):
    """A server without the call, away, or without sense loses none."""
    away.desk.shown(card_known(away, world).shown(), "scanner")
    for answer in (ServerRefusedError(404, {"code": "not-found", "title": "no"}), Away("cut"), {"answers": []}):
        assert "1 offline records wait" in upload(away.queue, Answers(answer), away.documents, world.clock.now())
        assert len(away.queue.waiting()) == 1


def test_records_are_uploaded_once(away, world):
    """Back online, the server judges every record again: a chip, a tag, a phone and a refusal are in its log."""
    chip, phone, tag = world.card("gold", Form.CHIP), card_known(away, world), card_known(away, world, Form.TAG)
    signed_in(away)
    away.desk.tapped(tap(chip_of(chip)), "reader")
    away.desk.shown(phone.shown(), "scanner")
    assert away.desk.shown(phone.shown(), "scanner").reason == "offline-limit"
    away.desk.shown(tag.token, "reader")
    away.desk.confirm("reader", id_checked=True)
    world.clock.advance(timedelta(hours=1))
    world.publish()
    away.line.cut = False
    told = upload(away.queue, away.server, away.documents, world.clock.now())
    assert told == "note: 4 offline records sent (4 applied)"
    assert away.queue.waiting() == []
    assert upload(away.queue, away.server, away.documents, world.clock.now()) == ""
    entries = world.log()
    assert sorted(entry["outcome"] for entry in entries) == ["denied", "granted", "granted", "granted"]
    granted = sorted((entry["form"], entry["assurance"]) for entry in entries if entry["outcome"] == "granted")
    assert granted == [("chip", "proved"), ("phone", "proved"), ("tag", "copyable")]
    assert not any("clock-doubt" in entry.get("marks", ()) for entry in entries)


def test_a_lost_answer_and_its_record_are_one_use(counter, world):
    """Granted online without the answer arriving, granted again offline, uploaded: one use."""
    card = world.card("gold")
    assert counter.documents.refresh(counter.server, world.clock.now())
    counter.line.lost = 2
    counter.desk.shown(card.shown(), "scanner")
    upload(counter.queue, counter.server, counter.documents, world.clock.now())
    assert [entry["outcome"] for entry in world.log()].count("granted") == 1


def test_forged_documents_are_not_kept(counter, world, monkeypatch):
    """A bundle by another root, or an older one, changes nothing."""
    assert counter.documents.refresh(counter.server, world.clock.now())
    before = counter.documents.held(world.clock.now()).trust.version
    stranger = FileSigner.generate()
    monkeypatch.setattr(counter.documents, "_root", stranger.kid)
    assert not counter.documents.refresh(counter.server, world.clock.now())
    monkeypatch.undo()
    assert before == world.version


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"audience":1}', json.dumps({"services": 1}).encode()])
def test_a_programme_that_is_none_is_told(content):
    """Anything else than a programme's JSON is no rules."""
    with pytest.raises(NoDocuments):
        read_rules(content)


def test_documents_never_go_back(counter, world):
    """An older bundle or status list than the one kept is refused, also by a process that just started."""
    from devices.documents import DocumentFolder

    published = world.published
    old = {name: (published / name).read_bytes() for name in ("trust-bundle.jwt", "status-lists/0.jwt")}
    world.clock.advance(timedelta(seconds=5))
    world.publish()
    assert counter.documents.refresh(counter.server, world.clock.now())
    version = counter.documents.held(world.clock.now()).trust.version
    for name, content in old.items():
        new = (published / name).read_bytes()
        (published / name).write_bytes(content)
        fresh = DocumentFolder(counter.folder, counter.identity.root)
        assert not refreshed_from(fresh, counter, published, world)
        (published / name).write_bytes(new)
        assert fresh.held(world.clock.now()).trust.version == version


def refreshed_from(documents, counter, published, world) -> bool:
    """Refresh from a server that hands out the folder's files as they stand."""
    names = {"/v1/trust-bundle": "trust-bundle.jwt", "/v1/status-lists/0": "status-lists/0.jwt"}

    class Hands:
        def document(self, path):
            return (published / names[path]).read_bytes() if path in names else counter.server.document(path)

    return documents.refresh(Hands(), world.clock.now())


def test_the_operator_stands_in_log_and_record(counter, world):
    """Signed in at the agent, the operator is named online and offline."""
    from devices.desk import AgentCounter

    made = world.operator("li", {"gym": frozenset({Right.CHECK_IN})})
    signed = counter.server.sign_in("li", "493817")
    desk = AgentCounter(signed, counter.documents, counter.queue, world.clock, "gym-visit")
    first, second = world.card("gold"), world.card("gold")
    desk.shown(first.shown(), "scanner")
    assert world.log()[-1]["operator"] == made.id
    counter.documents.refresh(counter.server, world.clock.now())
    counter.line.cut = True
    assert desk.shown(second.shown(), "scanner").kind is VerdictKind.GRANTED
    assert counter.queue.waiting()[-1].record.operator == made.id
    assert signed.operator_session not in repr(signed)
