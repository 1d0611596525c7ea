"""Forged, altered, replayed, backdated, borrowed: each record stands or falls for itself, and a use counts once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from accounts.rights import Right
from cards.claims import sign_card
from cards.offline_record import FIRST_PREV, OFFLINE_RECORD, parse_record, sign_time
from cards.parts import Presentation
from cards.status import Status
from edge.encoding import b64u, unb64u
from edge.strictjson import dumps, loads
from keys.signer import FileSigner
from keys.tokens import parse_unverified
from tests.verifier.offline_devices import Tablet
from tests.verifier.world import BY, World, at, identifier

GYM = ("gym", "2026-10")


@pytest.fixture
def world(tmp_path):
    """A verifier whose gym may grant as often as it likes offline: the limit has tests of its own."""
    made = World(tmp_path, gym_offline='"not-limited"')
    yield made
    made.close()


def used(world, card, key=GYM) -> int:
    """Units used."""
    return world.verifier.ledger.usage(card.claims.subject, world.clock.now()).counters.get(key, 0)


def record_of(text):
    """What a record says."""
    return parse_record(parse_unverified(text, OFFLINE_RECORD).claims)


def altered(text: str, **claims: object) -> str:
    """A record with other claims under the old signature."""
    header, payload, signature = text.split(".")
    return f"{header}.{b64u(dumps({**loads(unb64u(payload)), **claims}))}.{signature}"


def incidents(world) -> list[tuple[str, int, int]]:
    """Kind and bounds of what does not add up and is still open."""
    found = world.verifier.store.offline.incidents()
    return sorted((one.kind, one.seq, one.until_seq) for one in found if one.closed_at is None)


def test_a_forged_record_is_refused_alone(world, silver, tablet):
    """Signed by another key: the good ones around it count."""
    tablet.record(silver, when="2026-10-31 09:10")
    honest = tablet.device.signer
    tablet.device.signer = FileSigner.generate()
    forged = tablet.record(silver, when="2026-10-31 12:10")
    tablet.device.signer = honest
    world.go("2026-10-31 20:00")
    answers = tablet.answers()
    assert [answer["status"] for answer in answers] == ["applied", "refused"]
    assert answers[1]["why"] == "forged-record"
    assert used(world, silver) == 1
    assert forged not in str(world.log())
    assert ("forged", 0, 0) in incidents(world)


@pytest.mark.parametrize(
    "change",
    [
        {"iat": 1793408999},
        {"service": "museum-visit"},
        {"outcome": "denied", "reason": "offline-limit"},
        {"operator": "op-somebody-else"},
        {"id_checked": True},
        {"seq": 9},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_altered_record_is_refused(world, silver, tablet, change):
    """Whatever was changed after signing."""
    text = tablet.record(silver, when="2026-10-31 09:10")
    world.go("2026-10-31 20:00")
    [answer] = tablet.answers([altered(text, **change)])
    assert answer["why"] in {"forged-record", "malformed-record"}
    assert used(world, silver) == 0


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "a" * 8000])
def test_what_is_no_record_is_refused_alone(world, silver, tablet, text):
    """Garbage in a batch does no harm to the rest."""
    good = tablet.record(silver, when="2026-10-31 09:10")
    world.go("2026-10-31 20:00")
    answers = tablet.answers([text, good])
    assert [answer["status"] for answer in answers] == ["refused", "applied"]
    assert answers[0]["why"] == "malformed-record"


def test_a_replayed_batch_counts_nothing_more(world, silver, tablet):
    """The same batch again, also after a restart: the same answers."""
    for hour in (9, 12, 15):
        tablet.record(silver, when=f"2026-10-31 {hour:02}:10")
    world.go("2026-10-31 20:00")
    first = tablet.answers()
    world.restart()
    again = tablet.answers()
    assert [answer["id"] for answer in again] == [answer["id"] for answer in first]
    assert all(answer["replayed"] for answer in again)
    assert used(world, silver) == 3
    assert len(world.log()) == 3


def test_a_batch_replayed_after_the_ledger_forgot_its_operations_counts_nothing(world, silver, tablet):
    """A year later the numbering still knows the record."""
    tablet.record(silver, when="2026-10-31 09:10")
    world.go("2026-10-31 20:00")
    tablet.answers()
    world.clock.advance(timedelta(days=300))
    world.publish()
    [again] = tablet.answers()
    assert (again["status"], again["replayed"]) == ("applied", True)
    assert used(world, silver) == 1


def test_a_lost_answer_of_the_upload_is_made_good_by_the_ledger(world, silver, tablet):
    """The process died between the ledger and its notes: the batch again, counted once."""
    tablet.record(silver, when="2026-10-31 09:10")
    world.go("2026-10-31 20:00")
    remember = world.verifier.store.offline.remember
    world.verifier.store.offline.remember = lambda _seen, _at: None
    first = tablet.answers()
    world.verifier.store.offline.remember = remember
    again = tablet.answers()
    assert [answer["id"] for answer in again] == [answer["id"] for answer in first]
    assert used(world, silver) == 1


def test_the_operation_of_a_lost_online_answer_counts_once(world, silver, tablet):
    """Granted online, the answer lost, recorded offline with the same presentation: one unit, one entry."""
    shown, operation = silver.shown(), identifier()
    online = tablet.device.outcome(shown, "gym-visit", operation)
    card, _, proof = shown.partition("~")
    tablet.record(silver, operation=operation, presentation=Presentation(card, proof))
    world.go("2026-10-31 20:00")
    [answer] = tablet.answers()
    assert (answer["id"], answer["replayed"]) == (online["id"], True)
    assert used(world, silver) == 1


def test_a_lost_refusal_is_linked_and_the_use_counted(world, tablet):
    """The server had refused; the device let the visitor in: a second entry, linked and counted."""
    gold = world.card("gold")
    world.set_status(gold, Status.SUSPENDED)
    shown, operation = gold.shown(), identifier()
    refused = tablet.device.outcome(shown, "gym-visit", operation)
    assert refused["reason"] == "suspended"
    card, _, proof = shown.partition("~")
    tablet.record(gold, operation=operation, presentation=Presentation(card, proof))
    world.go("2026-10-31 20:00")
    [answer] = tablet.answers()
    assert (answer["outcome"], answer["linked"]) == ("granted", refused["id"])
    assert used(world, gold) == 1


def test_a_card_revoked_meanwhile_is_refused_and_counted(world, silver, tablet):
    """The list of today refuses it; what happened counts, beside the refusal."""
    tablet.record(silver, when="2026-10-31 09:10")
    world.set_status(silver, Status.REVOKED)
    world.go("2026-10-31 20:00")
    [answer] = tablet.answers()
    refusal, counted = world.log()
    assert (refusal["reason"], counted["linked"], answer["id"]) == ("revoked", refusal["id"], counted["id"])
    assert used(world, silver) == 1


def test_a_proof_is_judged_at_the_time_of_its_use(world, silver, tablet):
    """Fresh then, however old at upload; a screenshot of the day before stays one."""
    tablet.record(silver, when="2026-10-31 09:10")
    card, _, old = silver.shown(at("2026-10-31 09:00")).partition("~")
    tablet.record(silver, when="2026-10-31 12:10", presentation=Presentation(card, old))
    world.go("2026-11-01 08:00")
    fresh, stale = tablet.answers()
    assert "linked" not in fresh
    assert (stale["status"], stale["why"]) == ("held", "stale-proof")
    assert used(world, silver) == 1


def test_one_proof_at_two_offline_devices_counts_once_and_both_are_told(world, silver, tablet):
    """A screenshot used at a second door while both were offline."""
    other = Tablet.at(world, "gym", label="Desk 2")
    card, _, proof = silver.shown(at("2026-10-31 09:10")).partition("~")
    shown = Presentation(card, proof)
    tablet.record(silver, when="2026-10-31 09:10", presentation=shown)
    other.record(silver, when="2026-10-31 09:10", presentation=shown)
    world.go("2026-10-31 20:00")
    tablet.answers()
    [answer] = other.answers()
    assert (answer["status"], answer["why"]) == ("held", "proof-used")
    assert answer["marks"] == ["granted-offline", "held", "replayed"]
    assert used(world, silver) == 1
    auditor = {"Authorization": f"Bearer {world.auditor()}"}
    report = world.client.get("/v1/offline-check-ins/conflicts", headers=auditor).json["conflicts"]
    assert [(one["kind"], one["devices"]) for one in report] == [
        ("held", [other.device.id]),
        ("replayed", [tablet.device.id, other.device.id]),
    ]


def test_a_forged_card_granted_offline_counts_nothing_and_is_told(world, silver, tablet):
    """No claim of it is believed: the entry lies with the device, marked, and in the report."""
    forger = FileSigner.generate()
    forged = sign_card(forger, silver.claims)
    tablet.record(silver, when="2026-10-31 09:10", presentation=Presentation(forged, silver.proof()))
    world.go("2026-10-31 20:00")
    [answer] = tablet.answers()
    assert (answer["outcome"], answer["reason"], answer["marks"]) == ("denied", "unknown-key", ["granted-offline"])
    [leaf] = world.log()
    assert "holder" not in leaf
    assert used(world, silver) == 0


def test_a_time_in_the_future_belongs_to_receipt(world, silver, tablet):
    """A device that says tomorrow's month spends this month's unit, and its clock is doubted."""
    tablet.hold_time()
    tablet.record(silver, when="2026-11-01 08:50")
    world.go("2026-10-31 20:00")
    [answer] = tablet.answers()
    assert (answer["marks"], answer["used_at"]) == (["clock-doubt"], "2026-10-31T12:00:00Z")
    assert used(world, silver) == 1


def test_a_time_before_the_servers_time_held_is_doubted(world, silver, tablet):
    """Backdating into last month fails: the device held a time of this month."""
    world.go("2026-11-01 09:00")
    tablet.hold_time()
    tablet.record(silver, when="2026-10-31 23:00")
    world.go("2026-11-01 10:00")
    [answer] = tablet.answers()
    assert answer["marks"] == ["clock-doubt"]
    assert (used(world, silver), used(world, silver, ("gym", "2026-11"))) == (0, 1)


def test_a_time_long_after_the_servers_time_held_is_doubted(world, silver, tablet):
    """Signed time bounds a device's clock for 24 hours: exactly 24 h is within."""
    tablet.record(silver, when="2026-11-01 09:00")
    tablet.record(silver, when="2026-11-01 09:01")
    world.go("2026-11-01 20:00")
    within, beyond = tablet.answers()
    assert (within.get("marks"), beyond["marks"]) == (None, ["clock-doubt"])


def test_a_time_before_the_record_before_is_doubted(world, silver, tablet):
    """A clock set back between two uses says nothing."""
    tablet.record(silver, when="2026-10-31 15:00")
    tablet.record(silver, when="2026-10-31 12:00")
    world.go("2026-10-31 20:00")
    assert [answer.get("marks") for answer in tablet.answers()] == [None, ["clock-doubt"]]


@pytest.mark.parametrize("forger", ["nobody", "another-key", "another-issuer"])
def test_a_servers_time_that_no_server_signed_is_worth_nothing(world, silver, tablet, forger):
    """Missing, self-made, or of another issuer: the clock is doubted."""
    made_at, issuer = world.clock.now(), world.programme.issuer
    times = {
        "nobody": None,
        "another-key": sign_time(FileSigner.generate(), issuer, made_at),
        "another-issuer": sign_time(FileSigner.generate(), "https://elsewhere.example", made_at),
    }
    tablet.record(silver, when="2026-10-31 09:10", server_time=times[forger])
    world.go("2026-10-31 20:00")
    [answer] = tablet.answers()
    assert answer["marks"] == ["clock-doubt"]


def test_a_gap_is_an_incident_until_it_is_filled(world, silver, tablet):
    """A record that never came is told; one that comes late closes the gap."""
    first, second, third = (tablet.record(silver, when=f"2026-10-31 {hour:02}:10") for hour in (9, 12, 15))
    world.go("2026-10-31 20:00")
    response = tablet.upload([first, third])
    assert response.json["progress"]["missing"] == [{"first": 2, "last": 2}]
    assert incidents(world) == [("gap", 2, 2)]
    assert tablet.upload([second]).json["progress"] == {"highest": 3, "missing": [], "held": 0}
    assert incidents(world) == []


def test_records_lost_at_the_start_are_a_gap(world, silver, tablet):
    """The first that arrives has number 3: one and two are missing."""
    for hour in (9, 12, 15):
        tablet.record(silver, when=f"2026-10-31 {hour:02}:10")
    world.go("2026-10-31 20:00")
    tablet.answers([tablet.queue[2]])
    assert incidents(world) == [("gap", 1, 2)]


def test_two_records_of_one_number_are_kept_and_told(world, silver, tablet):
    """A device that forgot its queue, or lies: both uses happened, and the fork is an incident."""
    tablet.record(silver, when="2026-10-31 09:10")
    tablet.seq, tablet.prev, tablet.prev_at = 0, FIRST_PREV, None
    tablet.record(silver, when="2026-10-31 12:10")
    world.go("2026-10-31 20:00")
    assert [answer["status"] for answer in tablet.answers()] == ["applied", "applied"]
    assert used(world, silver) == 2
    assert incidents(world) == [("fork", 1, 1)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_chain_that_does_not_hold_is_told_in_either_order(world, silver, tablet, order):
    """The second names another record before it than the one that came."""
    tablet.record(silver, when="2026-10-31 09:10")
    tablet.prev = b64u(bytes(range(32)))
    tablet.record(silver, when="2026-10-31 12:10")
    world.go("2026-10-31 20:00")
    for place in order:
        assert tablet.answers([tablet.queue[place]])[0]["status"] == "applied"
    assert incidents(world)[0] == ("broken-chain", 2, 2)


def test_another_devices_record_is_refused(world, silver, tablet):
    """Only the device itself uploads its records, or a supervisor."""
    tablet.record(silver, when="2026-10-31 09:10")
    other = Tablet.at(world, "gym", label="Desk 2")
    world.go("2026-10-31 20:00")
    [answer] = other.answers(tablet.queue)
    assert (answer["status"], answer["why"]) == ("refused", "not-yours")
    assert used(world, silver) == 0


def test_a_record_that_names_another_device_is_forged(world, silver, tablet):
    """Signed by one device in another's name."""
    other = Tablet.at(world, "gym", label="Desk 2")
    tablet.record(silver, when="2026-10-31 09:10", device=other.device.id)
    tablet.record(silver, when="2026-10-31 12:10", device="nobody-was-enrolled")
    world.go("2026-10-31 20:00")
    assert [answer["why"] for answer in tablet.answers()] == ["forged-record", "unknown-device"]


def test_a_record_of_another_point_is_refused(world, silver, tablet):
    """A tablet of the gym grants nothing at the library."""
    tablet.record(silver, "library-facilities", when="2026-10-31 09:10", point="library")
    tablet.record(silver, "no-such-service", when="2026-10-31 12:10")
    world.go("2026-10-31 20:00")
    assert [answer["why"] for answer in tablet.answers()] == ["wrong-point", "unknown-service"]


def test_only_devices_upload(world, silver, tablet):
    """An integrator or an auditor with a token does not."""
    tablet.record(silver, when="2026-10-31 09:10")
    auditor = {"Authorization": f"Bearer {world.auditor()}"}
    response = world.client.post("/v1/offline-check-ins", json={"records": tablet.queue}, headers=auditor)
    assert (response.status_code, response.json["code"]) == (403, "not-permitted")


def test_a_revoked_device_cannot_upload_and_a_supervisor_brings_its_records_which_wait(world, silver, tablet):
    """Nothing of it counts until somebody answers for it."""
    tablet.record(silver, when="2026-10-31 09:10")
    world.accounts.devices.revoke(tablet.device.id, by=BY, at=world.clock.now())
    world.go("2026-10-31 20:00")
    assert tablet.upload().json["code"] == "device-revoked"
    rights = frozenset({Right.CHECK_IN, Right.OVERRIDE})
    world.operator("chen", {"gym": rights})
    other = world.device("gym", rights)
    body = {"records": tablet.queue}
    assert other.call("POST", "/v1/offline-check-ins", body).json["answers"][0]["why"] == "not-yours"
    other.sign_in("chen")
    [answer] = other.call("POST", "/v1/offline-check-ins", body).json["answers"]
    assert (answer["status"], answer["why"]) == ("held", "revoked-device")
    assert used(world, silver) == 0


@pytest.mark.parametrize("count", [0, 201])
def test_a_batch_is_bounded(tablet, count):
    """None, or more than 200, is no batch."""
    response = tablet.upload(["x"] * count)
    assert (response.status_code, response.json["code"]) == (422, "invalid-field")


@pytest.mark.slow
def test_a_flood_is_turned_away(world, tablet):
    """A device that uploads without end is told to wait; a body without end is not read."""
    codes = [tablet.upload(["x"]).status_code for _ in range(125)]
    assert codes.count(200) == 120
    assert codes[-1] == 429
    world.clock.advance(timedelta(seconds=10))
    assert tablet.upload(["y" * 8000] * 200).status_code == 200
    assert tablet.upload(["y" * 12000] * 200).status_code == 413


def test_a_forged_flood_leaves_one_line(world, silver, tablet):
    """Forgeries are counted, not kept."""
    good = tablet.record(silver, when="2026-10-31 09:10")
    world.go("2026-10-31 20:00")
    for number in range(2, 42):
        tablet.answers([altered(good, seq=number, prev=FIRST_PREV[:-1] + "E", prev_at=1793408000)])
    [incident] = world.verifier.store.offline.incidents()
    assert (incident.kind, incident.count) == ("forged", 40)
    assert world.log() == []


def test_a_refusal_counts_nothing_and_cannot_be_turned_into_a_grant(world, silver, tablet):
    """What the device refused stays refused, with its reason."""
    tablet.record(silver, when="2026-10-31 09:10", granted=False, reason="revoked")
    tablet.record(silver, when="2026-10-31 12:10", granted=False, reason="made-up")
    world.go("2026-10-31 20:00")
    assert [answer["reason"] for answer in tablet.answers()] == ["revoked", "refused-offline"]
    assert used(world, silver) == 0


def test_the_same_operation_for_another_intent_is_refused_alone(world, silver, tablet):
    """An operation's id never stands for two changes."""
    first = record_of(tablet.record(silver, when="2026-10-31 09:10"))
    tablet.record(silver, when="2026-10-31 12:10", operation=first.operation)
    world.go("2026-10-31 20:00")
    assert [answer.get("why") for answer in tablet.answers()] == [None, "operation-conflict"]
    assert used(world, silver) == 1


def test_a_reference_that_might_name_a_person_is_not_logged(world, silver, tablet):
    """The programme gives references a form; what has another is left out, and the use counts."""
    tablet.record(silver, when="2026-10-31 09:10", reference="王小明 13800000000")
    world.go("2026-10-31 20:00")
    [answer] = tablet.answers()
    assert answer["marks"] == ["reference-dropped"]
    assert "13800000000" not in str(world.log())


def test_a_signature_altered_into_its_twin_is_the_same_record(world, silver, tablet):
    """An ECDSA signature has a second form that holds too: it makes no second record, and breaks no chain."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    text = tablet.record(silver, when="2026-10-31 09:10")
    tablet.record(silver, when="2026-10-31 12:10")
    head, _, signature = text.rpartition(".")
    raw = unb64u(signature)
    twin = raw[:32] + (order - int.from_bytes(raw[32:])).to_bytes(32)
    world.go("2026-10-31 20:00")
    first = tablet.answers()
    [again] = tablet.answers([f"{head}.{b64u(twin)}"])
    assert (again["id"], again["replayed"]) == (first[0]["id"], True)
    assert incidents(world) == []
    assert used(world, silver) == 2


def test_records_say_nothing_of_another_holder(world, silver, tablet):
    """An answer holds no name and no token."""
    tablet.record(replace(silver), when="2026-10-31 09:10")
    world.go("2026-10-31 20:00")
    text = tablet.upload().get_data(as_text=True)
    assert silver.claims.name not in text
    assert silver.claims.subject not in text
