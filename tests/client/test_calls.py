"""The client at a real verifier: both kinds of callers, every kind of call, by shapes."""

import stat

import pytest
from yunju_client import OfflineRecords, OfflineUse, errors, new_id, open_device, shapes
from yunju_client.errors import MisuseError

from cards.claims import Form
from tests.client.parties import RIGHTS
from tests.verifier.booking import flight

TALK = {
    "code": "HR-2026-11", "service": "steward-training", "name": shapes.Named(zh="讲座", en="A talk"), "capacity": 1,
    "starts_at": "2026-11-20T14:00:00+08:00", "ends_at": "2026-11-20T16:00:00+08:00",
}  # fmt: skip


def test_a_visitor_is_looked_at_checked_in_voided_and_let_in_again(parties):
    """What a gym's own server does: look, confirm, take back; the unit comes back."""
    gym, card = parties.server(), parties.world.card("silver", Form.PRINT)
    look = gym.look(presentation=card.shown(), service="gym-visit", point="gym")
    assert (look.valid, look.needs, look.services[0].entitled) == (True, ("id_check",), True)
    use = gym.check_in(look=look.id, service="gym-visit", id_checked=True, point="gym")
    assert (use.outcome, use.reason, use.quotas[0].remaining, use.replayed) == ("granted", None, 1, False)
    assert use.message.zh.startswith("可以使用")
    void = gym.void(use.id, reason="wrong-person", note="two people of one name")
    assert (void.kind, void.target, void.quotas[0].remaining) == ("void", use.id, 2)
    assert [one.voided for one in gym.point_today("gym").entries if one.id == use.id] == [True]


def test_a_refused_use_is_an_answer_and_no_error(parties):
    """A silver holder at the airport is denied, with a reason and words for staff."""
    desk = parties.server()
    card = parties.world.card("silver", Form.PRINT)
    use = desk.check_in(
        presentation=card.shown(), service="airport-dom-departure", id_checked=True, point="air-dom", operation=new_id()
    )
    assert (use.outcome, use.reason) == ("denied", "not-entitled")
    assert use.hint.en


def test_a_device_enrols_by_its_own_key_and_checks_in_and_out(parties):
    """The key is made in the folder, for this user alone; each call proves the key, and an operator signs in."""
    turnstile = parties.device(needs_operator=True)
    for name in ("device.key", "device.json"):
        assert stat.S_IMODE((parties.kept.path / name).stat().st_mode) == 0o600
    assert open_device(parties.kept.path).token == parties.kept.token
    card = parties.world.card("gold")
    with pytest.raises(errors.OperatorError) as refused:
        turnstile.check_in(presentation=card.shown(), service="gym-visit")
    assert refused.value.code == "operator-needed"
    parties.world.operator("2001", {"gym": RIGHTS})
    signed = turnstile.sign_operator_in(operator="2001", pin="493817")
    staffed = turnstile.with_operator(signed.session)
    use = staffed.check_in(presentation=card.shown(), service="gym-visit")
    assert use.visit is not None
    out = staffed.check_out(use.id, at=use.at)
    assert (out.kind, out.target) == ("check-out", use.id)
    assert staffed.sign_operator_out() is None


def test_a_flight_is_booked_listed_changed_and_cancelled(parties):
    """The guide's fields go as they are; a refused change keeps the old booking; the list has no more than the day."""
    lounge = parties.server()
    card = parties.world.card("diamond", Form.PRINT)
    made = lounge.book(
        service="airport-dom-departure", fields=flight("2026-11-02 12:00"), presentation=card.shown(),
        id_checked=True, point="air-dom",
    )  # fmt: skip
    assert (made.outcome, made.quotas[0].remaining) == ("granted", 1)
    booking = made.booking
    assert booking is not None
    listed = lounge.list_bookings(point="air-dom", on="2026-11-02").bookings
    assert [one.booking.id for one in listed] == [booking.id]
    later = lounge.change_booking(booking.id, change=shapes.Rebook(fields=flight("2026-11-03 12:00")))
    assert later.booking is not None
    assert later.booking.scheduled_at != booking.scheduled_at
    gone = lounge.cancel_booking(booking.id, reason="by-holder")
    assert gone.quotas[0].remaining == 2
    assert lounge.list_missed().holders == ()


def test_a_request_is_taken_listed_and_given_back(parties):
    """A subscription of the newspaper, taken by the department that answers for it."""
    media = parties.server()
    card = parties.world.card("silver", Form.PRINT)
    asked = media.ask(
        service="steward-newspaper", fields={"recipient": "张晓明", "address": "白云大道1号", "phone": "13800001234"},
        presentation=card.shown(), id_checked=True,
    )  # fmt: skip
    assert asked.outcome == "granted"
    assert [one.id for one in media.list_requests(department="media").requests] == [asked.id]
    back = media.take_back(asked.id, outcome="refused")
    assert back.quotas[0].remaining == 1
    assert media.subscribers_file(service="steward-newspaper", period="2026", format="csv")


def test_an_event_is_kept_changed_and_cancelled(parties):
    """Its day and its seats; who wants to sign up finds it without a credential."""
    organiser = parties.server()
    event = organiser.keep_event(**TALK)
    assert (event.left, [one.code for one in organiser.open_events(service="steward-training").events]) == (
        1,
        ["HR-2026-11"],
    )
    moved = organiser.change_event("HR-2026-11", capacity=5)
    assert moved.event.capacity == 5
    assert organiser.cancel_event("HR-2026-11").event.cancelled_at is not None


def test_a_statement_comes_as_lines_and_as_files(parties):
    """What a point is paid for, as values, as CSV and as PDF."""
    gym = parties.server()
    card = parties.world.card("silver", Form.PRINT)
    gym.check_in(presentation=card.shown(), service="gym-visit", id_checked=True, point="gym")
    span = {"point": "gym", "since": "2026-10", "until": "2026-10"}
    assert [(one.service, one.paid) for one in gym.point_statement(**span).lines] == [("gym-visit", 1)]
    assert b"gym-visit" in gym.point_statement_file(**span, format="csv")
    assert gym.point_statement_file(**span, format="pdf").startswith(b"%PDF")


def test_what_is_public_is_asked_without_the_credential(parties):
    """No token goes where none is needed; documents come as they are signed."""
    gym = parties.server()
    assert gym.programme()["services"]["gym-visit"]["name"]["zh"]
    assert gym.point("gym").services
    assert gym.trust_bundle().count(".") >= 2
    assert gym.public_check(presentation=parties.world.card("gold", Form.PRINT).shown()).valid
    assert all("authorization" not in one.headers for one in parties.wire.sent)


def test_uses_recorded_while_the_server_was_away_are_uploaded_once(parties):
    """Each is on disk before anybody is told; the chain outlives the program; the server enters each once."""
    turnstile = parties.device()
    records = OfflineRecords(parties.kept)
    records.hold_time(turnstile)
    first, second = parties.world.card("gold"), parties.world.card("silver")
    made = []
    for card in (first, second):
        now = parties.world.clock.now()
        use = OfflineUse(service="gym-visit", shown=card.shown(now).split("~"))
        made.append(records.append(use, now.timestamp()))
    again = OfflineRecords(open_device(parties.kept.path))
    assert [one.text for one in again.waiting()] == [one.text for one in made]
    answers = again.upload(turnstile)
    assert [(one.status, one.outcome, one.operation) for one in answers] == [
        ("applied", "granted", one.operation) for one in made
    ]
    assert OfflineRecords(parties.kept).waiting() == []
    assert [one.status for one in records.upload(turnstile)] == ["applied", "applied"]
    assert len(parties.entries()) == 2


def test_a_use_tried_online_and_recorded_offline_counts_once(parties):
    """The record carries the operation of the call whose answer was lost."""
    turnstile = parties.device()
    card, operation = parties.world.card("gold"), new_id()
    shown = card.shown()
    turnstile.check_in(presentation=shown, service="gym-visit", operation=operation)
    records = OfflineRecords(parties.kept)
    use = OfflineUse(service="gym-visit", shown=shown.split("~"), operation=operation)
    records.append(use, parties.world.clock.now().timestamp())
    (answer,) = records.upload(turnstile)
    assert (answer.status, answer.replayed) == ("applied", True)
    assert len(parties.entries()) == 1


@pytest.mark.parametrize("fault", ["altered", "foreign", "dropped"])
def test_records_that_this_device_did_not_write_are_not_sent(parties, fault):
    """A changed line, another device's, a line taken out of the middle; half a line of a crash goes by itself."""
    parties.device()
    records = OfflineRecords(parties.kept)
    now = parties.world.clock.now().timestamp()
    for _ in range(3):
        records.append(OfflineUse(service="gym-visit", shown=["a.b.c"], reason="expired"), now)
    path = parties.kept.path / "records.txt"
    lines = path.read_text().splitlines()
    lines[1] = {"altered": lines[1][:-2] + "AA", "foreign": "x" + lines[1], "dropped": ""}[fault]
    with path.open("a") as file:
        file.write("half a li")
    assert len(OfflineRecords(parties.kept).waiting()) == 3
    path.write_text("".join(f"{line}\n" for line in lines if line))
    with pytest.raises(MisuseError, match="record 2 was not written by this device"):
        OfflineRecords(parties.kept)


def test_a_full_disk_keeps_no_half_record(parties, monkeypatch):
    """Nobody may be told an outcome, and the next record does not hang on what was half written."""
    parties.device()
    records, now = OfflineRecords(parties.kept), parties.world.clock.now().timestamp()
    use = OfflineUse(service="gym-visit", shown=["a.b.c"], reason="expired")
    with monkeypatch.context() as patched:
        patched.setattr("yunju_client.offline.os.fsync", fail)
        with pytest.raises(OSError, match="No space"):
            records.append(use, now)
    assert records.append(use, now).seq == 1
    assert len(OfflineRecords(parties.kept).waiting()) == 1


def fail(*_):
    """A disk that is full."""
    raise OSError(28, "No space left on device")
