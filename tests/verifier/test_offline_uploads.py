"""Offline records end to end: long queues, any order, voids and departures, the signed time, the report."""

from __future__ import annotations

import json
from random import Random

import pytest
from click.testing import CliRunner

from accounts.rights import Right
from cards.claims import Form
from cards.offline_record import verify_time
from cards.parts import Presentation
from ledger.values import Fault
from tests.verifier.offline_devices import Tablet
from tests.verifier.world import SECRET, World
from verifier.__main__ import main
from verifier.offline.answers import BATCH_MOST


@pytest.fixture
def world(tmp_path):
    """A verifier whose gym may grant as often as it likes offline: the limit has tests of its own."""
    made = World(tmp_path, gym_offline='"not-limited"')
    yield made
    made.close()


def counters(world, card) -> dict:
    """What a holder has used."""
    return dict(world.verifier.ledger.usage(card.claims.subject, world.clock.now()).counters)


def test_the_servers_time_is_signed_by_the_receipt_key(world, tablet):
    """Anybody may ask; what it says can be held against the trust bundle."""
    found = world.client.get("/v1/time")
    documents = world.verifier.published(world.clock.now())
    said = verify_time(found.json["time"], documents.trust.keys, world.programme.issuer, world.clock.now())
    assert (said, found.headers["Cache-Control"]) == (world.clock.now(), "no-store")
    world.go("2026-10-31 09:30")
    uploaded = tablet.upload([tablet.record(world.card("silver"))]).json
    assert (
        verify_time(uploaded["time"], documents.trust.keys, world.programme.issuer, world.clock.now())
        == world.clock.now()
    )


@pytest.mark.slow
def test_a_day_of_two_devices_comes_to_the_same_in_any_order(tmp_path):
    """Both queues shuffled into small calls, some sent twice: always the same counters."""
    found = set()
    for seed in range(3):
        folder = tmp_path / str(seed)
        folder.mkdir()
        world = World(folder, gym_offline='"not-limited"')
        cards = [world.card("silver") for _ in range(3)]
        tablets = [Tablet.at(world, "gym", label=f"Desk {number}") for number in (1, 2)]
        for minute in range(10, 600, 45):
            for number, tablet in enumerate(tablets):
                when = f"2026-10-31 {9 + (minute + 20 * number) // 60:02}:{(minute + 20 * number) % 60:02}"
                tablet.record(cards[(minute // 45 + number) % 3], when=when)
        world.go("2026-11-01 08:00")
        random = Random(seed)
        texts = [(tablet, text) for tablet in tablets for text in tablet.queue]
        random.shuffle(texts)
        for tablet, text in texts:
            assert tablet.answers([text] * random.choice((1, 2)))[0]["status"] == "applied"
        found.add(tuple(tuple(counters(world, card).items()) for card in cards))
        assert [fault for fault in world.verifier.ledger.check() if isinstance(fault, Fault)] == []
        world.close()
    assert len(found) == 1


def test_an_offline_use_is_voided_like_any_other(world, silver, tablet):
    """By the point's staff, within 15 minutes of its receipt; the unit returns to its period."""
    tablet.record(silver, when="2026-10-31 09:10")
    world.go("2026-11-01 08:00")
    [answer] = tablet.answers()
    desk = world.device("gym", frozenset({Right.CHECK_IN, Right.VOID}))
    voided = desk.call("POST", f"/v1/check-ins/{answer['id']}/void", {"reason": "wrong-person"})
    assert voided.status_code == 201, voided.get_data(as_text=True)
    assert voided.json["quotas"][0]["used"] == 0
    assert counters(world, silver) == {}


def test_a_visit_recorded_offline_can_be_left(world, silver, tablet):
    """Uploaded while it runs, checked out, entered again."""
    tablet.record(silver, when="2026-10-31 09:10")
    world.go("2026-10-31 09:40")
    [answer] = tablet.answers()
    assert tablet.device.outcome(silver.shown(), "gym-visit")["reason"] == "already-in"
    left = tablet.device.call("POST", f"/v1/check-ins/{answer['id']}/check-out", {})
    assert left.status_code == 201, left.get_data(as_text=True)
    assert tablet.device.outcome(silver.shown(), "gym-visit")["outcome"] == "granted"
    assert counters(world, silver) == {("gym", "2026-10"): 1}


def test_todays_list_shows_what_was_uploaded(world, silver, tablet):
    """Staff see the record among the day's entries."""
    tablet.record(silver)
    world.go("2026-10-31 09:40")
    tablet.answers()
    today = tablet.device.call("GET", "/v1/points/gym/today").json
    assert [(entry["kind"], entry["outcome"]) for entry in today["entries"]] == [("offline", "granted")]


def test_a_printed_card_needs_the_operators_word_in_the_record_too(world, tablet):
    """Copyable cards: with the ID compared by somebody signed in there it is a plain grant, without it waits."""
    printed = world.card("silver", Form.PRINT)
    shown = Presentation(printed.token, None)
    operator = world.operator("wang", {"gym": frozenset({Right.CHECK_IN})})
    tablet.device.sign_in("wang")
    checked = {"presentation": shown, "id_checked": True, "operator": operator.id}
    tablet.record(printed, when="2026-10-31 09:10", **checked)
    tablet.record(printed, when="2026-10-31 12:10", presentation=shown)
    world.go("2026-10-31 20:00")
    counted, unchecked = tablet.answers()
    assert (counted["status"], counted["outcome"]) == ("applied", "granted")
    assert "linked" not in counted
    assert (unchecked["status"], unchecked["why"]) == ("held", "id-check-needed")


def test_the_command_line_reports_conflicts_and_gaps(world, silver, tablet, monkeypatch):
    """`python -m verifier offline conflicts`: holder, devices, times; and the number that is missing."""
    for hour in (9, 12, 15, 18):
        tablet.record(silver, when=f"2026-10-31 {hour:02}:10")
    world.go("2026-11-01 08:00")
    tablet.answers([tablet.queue[0], *tablet.queue[2:]])
    monkeypatch.setenv("YUNJU_LEDGER_URL", f"sqlite:///{world.folder}/ledger.db")
    monkeypatch.setenv("YUNJU_VERIFIER_URL", f"sqlite:///{world.folder}/verifier.db")
    secret = world.folder / "secret"
    secret.write_bytes(SECRET)
    secret.chmod(0o600)
    monkeypatch.setenv("YUNJU_SECRET_FILE", str(secret))
    said = json.loads(CliRunner().invoke(main, ["offline", "conflicts", "--json"], catch_exceptions=False).stdout)
    [conflict] = said["conflicts"]
    assert (conflict["kind"], conflict["devices"], len(conflict["uses"])) == ("overdrawn", [tablet.device.id], 3)
    [incident] = said["incidents"]
    assert (incident["kind"], incident["first"], incident["last"]) == ("gap", 2, 2)
    text = CliRunner().invoke(main, ["offline", "conflicts"], catch_exceptions=False).stdout
    assert f"holder {world.verifier.ledger.pseudonym(silver.claims.subject)}" in text
    assert "gap" in text
    waiting = CliRunner().invoke(main, ["offline", "held"], catch_exceptions=False)
    assert waiting.stdout.strip() == "nothing waits"


def test_the_report_is_for_auditors(world, silver, tablet):
    """A counter does not read it; a reading is itself kept."""
    assert tablet.device.call("GET", "/v1/offline-check-ins/conflicts").status_code == 403
    auditor = {"Authorization": f"Bearer {world.auditor()}"}
    assert world.client.get("/v1/offline-check-ins/conflicts?since=nonsense", headers=auditor).status_code == 422
    found = world.client.get("/v1/offline-check-ins/conflicts?point=gym", headers=auditor)
    assert found.status_code == 200
    assert "offline conflicts" in str(world.verifier.store.accesses(1)[0]["what"])


@pytest.mark.slow
@pytest.mark.parametrize("records", [1_000, pytest.param(10_000, marks=pytest.mark.soak)])
def test_a_long_queue_goes_in_calls_of_two_hundred(world, tablet, records):
    """A long queue, cut off in the middle and sent again from the start: all there, once, nothing missing."""
    cards = [world.card("silver") for _ in range(20)]
    shown = [card.shown() for card in cards]
    for number in range(records):
        minute = number // 60
        token, _, proof = shown[number % 20].partition("~")
        when = f"2026-10-31 {9 + minute // 60:02}:{minute % 60:02}:{number % 60:02}"
        shown_then = Presentation(token, proof)
        tablet.record(cards[number % 20], when=when, presentation=shown_then, granted=False, reason="stale-proof")
    world.go("2026-10-31 20:00")
    calls = [tablet.queue[start : start + BATCH_MOST] for start in range(0, records, BATCH_MOST)]
    for call in calls[: len(calls) // 5] + calls:
        response = tablet.upload(call)
        assert response.status_code == 200
        last = response.json["progress"]
    assert last == {"highest": records, "missing": [], "held": 0}
    assert sum(world.verifier.ledger.heads().values()) == records
