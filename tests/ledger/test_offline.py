"""Uses recorded offline, over every store: applied once, counted by the uses that stand, whatever their order."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ledger.leaf import fields_of
from ledger.values import Fault, LedgerError, Operation, OperationConflict, device_subject
from tests.ledger.builders import (
    HOLDER,
    START,
    a_charge,
    a_check_in,
    a_check_out,
    a_choice,
    a_claim,
    a_draft,
    a_gym_visit,
    a_hold,
    a_void,
    a_window,
    an_end,
)
from tests.ledger.offline_builders import UPLOAD, a_record, a_refused_record, an_offline_draft

OCTOBER, NOVEMBER = ("gym", "2026-10"), ("gym", "2026-11")


def used(ledger, key=OCTOBER, holder=HOLDER) -> int:
    """Units used of a limit in a period."""
    return ledger.usage(holder, UPLOAD).counters.get(key, 0)


def fields(ledger, entry) -> dict:
    """An entry's leaf."""
    return fields_of(ledger.entry(entry).leaf)


def later(**delta) -> datetime:
    """An instant after 09:00 of 31 October."""
    return START + timedelta(**delta)


@pytest.fixture
def upload(ledger, clock):
    """Record a use as it comes in, in the afternoon of 1 November or later."""

    def record(change):
        if clock.now() < UPLOAD:
            clock.set(UPLOAD)
        return ledger.record_offline(replace(change, at=clock.now()))

    return record


def test_a_grant_is_counted_in_the_period_of_its_use(ledger, upload):
    """Offline on the 31st, uploaded on the 1st: October's."""
    outcome = upload(a_record())
    assert (outcome.granted, outcome.marks, outcome.joined) == (True, (), None)
    assert (used(ledger), used(ledger, NOVEMBER)) == (1, 0)
    leaf = fields(ledger, outcome.entry)
    assert (leaf["kind"], leaf["used_at"], leaf["outcome"]) == ("offline", 1793408400000, "granted")
    assert outcome.figures[0].used == 1


def test_the_third_of_two_is_kept_and_marked_overdrawn(ledger, upload):
    """What happened is not refused: the quota is overspent, and the entry says so."""
    outcomes = [upload(a_record(later(hours=hours))) for hours in (0, 3, 6)]
    assert [outcome.marks for outcome in outcomes] == [(), (), ("overdrawn",)]
    assert used(ledger) == 3
    assert fields(ledger, outcomes[2].entry)["marks"] == ["overdrawn"]


def test_a_record_is_applied_once(ledger, upload):
    """The same record again gives the first answer and counts nothing."""
    record = a_record()
    first = upload(record)
    assert upload(record) == replace(first, replayed=True)
    assert used(ledger) == 1


def test_the_record_of_an_operation_that_was_granted_online_counts_nothing(ledger, upload):
    """The answer was lost, the device recorded the use offline under the same operation: counted once."""
    online = ledger.check_in(a_gym_visit(START, operation="operation-of-the-lost-answer"))
    again = upload(a_record(operation="operation-of-the-lost-answer"))
    assert again == replace(online, replayed=True)
    assert used(ledger) == 1


def test_an_operation_that_arrives_after_its_record_counts_nothing(ledger, clock, upload):
    """The request that was stuck in the network gets the record's answer."""
    recorded = upload(a_record(operation="operation-stuck-in-the-network"))
    late = ledger.check_in(a_gym_visit(clock.now(), operation="operation-stuck-in-the-network"))
    assert late == replace(recorded, replayed=True)
    assert used(ledger) == 1


def test_another_intent_under_the_same_operation_is_a_conflict(ledger, upload):
    """An operation's id never stands for two changes."""
    upload(a_record(operation="operation-used-for-two"))
    with pytest.raises(OperationConflict):
        upload(a_record(operation="operation-used-for-two", request=b"x" * 32))
    assert used(ledger) == 1


def test_a_use_that_the_server_had_refused_is_counted_in_a_second_linked_entry(ledger, upload):
    """The refusal online was lost, the device let the visitor in: both are told."""
    refused = ledger.check_in(a_gym_visit(START, operation="operation-refused-online", findings=("not-entitled",)))
    counted = upload(a_record(operation="operation-refused-online", findings=("not-entitled",)))
    assert (counted.granted, counted.linked) == (True, refused.entry)
    assert fields(ledger, counted.entry)["linked"] == refused.entry
    assert used(ledger) == 1
    assert upload(a_record(operation="operation-refused-online")) == replace(counted, replayed=True)
    retried = ledger.check_in(a_gym_visit(UPLOAD, operation="operation-refused-online"))
    assert retried == replace(refused, replayed=True)
    assert used(ledger) == 1


def test_a_use_that_the_server_would_refuse_gets_the_refusal_and_the_linked_entry(ledger, upload):
    """Two entries at upload: what the server says, and what happened."""
    counted = upload(a_record(findings=("not-entitled", "not-offered-here")))
    refusal = fields(ledger, counted.linked)
    assert (refusal["outcome"], refusal["reason"]) == ("denied", "not-offered-here")
    assert refusal["marks"] == ["granted-offline"]
    assert used(ledger) == 1


def test_another_member_than_the_group_is_fixed_to_is_counted_and_linked_to_its_refusal(ledger, upload):
    """The choice stays with the first; what happened is counted all the same."""
    ledger.check_in(a_check_in(START, choice=a_choice("union")))
    charge = a_charge(1, limit="annual-health/official", period="2026")
    counted = upload(a_record(choice=a_choice("official"), charges=(charge,), visit=None))
    assert fields(ledger, counted.linked)["reason"] == "excluded"
    assert counted.taken.member == "union"
    assert used(ledger, ("annual-health/official", "2026")) == 1
    usage = ledger.usage(HOLDER, UPLOAD)
    assert usage.choices["annual-health", "2026"].member == "union"


def test_a_choice_made_offline_fixes_the_group(ledger, clock, upload):
    """As online: another member is excluded from then on."""
    upload(a_record(choice=a_choice("official"), visit=None))
    assert ledger.check_in(a_check_in(clock.now(), choice=a_choice("union"))).reason == "excluded"


def test_what_the_device_refused_counts_nothing(ledger, upload):
    """Refused offline: an entry, no unit, no visit, no proof."""
    outcome = upload(a_refused_record())
    assert (outcome.granted, outcome.reason) == (False, "offline-limit")
    assert used(ledger) == 0
    assert fields(ledger, outcome.entry)["outcome"] == "denied"


def test_a_refusal_of_what_had_been_granted_online_is_told(ledger, upload):
    """The unit was counted and the visitor turned away: linked and marked, so that somebody puts it right."""
    online = ledger.check_in(a_gym_visit(START, operation="operation-granted-unseen"))
    refused = upload(a_refused_record(operation="operation-granted-unseen"))
    assert (refused.granted, refused.linked, refused.marks) == (False, online.entry, ("granted-online",))
    assert used(ledger) == 1


def test_a_used_proof_is_kept_charged_and_names_both_devices(ledger, upload):
    """Shown at two devices that could not know of one another."""
    upload(a_record(claim=a_claim(at=UPLOAD)))
    replayed = upload(a_record(later(hours=5), device="tablet-2", claim=a_claim(at=UPLOAD)))
    assert replayed.marks == ("replayed",)
    leaf = fields(ledger, replayed.entry)
    assert (leaf["device"], leaf["rival"]) == ("tablet-2", "tablet-1")
    assert used(ledger) == 2


def test_a_proof_used_twice_at_one_device_is_replayed_too(ledger, upload):
    """Two operations with one proof are two uses."""
    upload(a_record(claim=a_claim(at=UPLOAD)))
    again = upload(a_record(later(hours=5), claim=a_claim(at=UPLOAD)))
    assert (again.marks, fields(ledger, again.entry)["rival"]) == (("replayed",), "tablet-1")


def test_a_proof_recorded_offline_is_spent_online(ledger, clock, upload):
    """A screenshot of it is worthless afterwards."""
    upload(a_record(claim=a_claim(at=UPLOAD), visit=None))
    assert ledger.check_in(a_gym_visit(clock.now(), claim=a_claim(at=UPLOAD))).reason == "proof-used"


def test_a_use_inside_another_visit_joins_it(ledger, upload):
    """Two doors of one gym, both offline: one visit, one unit."""
    first = upload(a_record(START))
    second = upload(a_record(later(minutes=119), device="tablet-2"))
    assert (second.joined, second.granted) == (first.entry, True)
    assert second.visit.entry == first.entry
    assert used(ledger) == 1


def test_a_use_at_exactly_the_end_opens_a_visit(ledger, upload):
    """11:00:00 is no longer inside the visit that began at 09:00."""
    upload(a_record(START))
    assert upload(a_record(later(hours=2))).joined is None
    assert used(ledger) == 2


def test_an_earlier_use_takes_a_later_one_in_and_its_surplus_unit_returns(ledger, clock, upload):
    """The later record came first; when the earlier comes, one visit and one unit remain."""
    clock.set(later(hours=1))
    online = ledger.check_in(a_gym_visit(later(hours=1)))
    earlier = upload(a_record(START, device="tablet-2"))
    assert used(ledger) == 1
    assert fields(ledger, earlier.entry)["moved"] == [{"entry": online.entry, "into": earlier.entry}]


def test_a_use_that_lost_its_visit_opens_one(ledger, upload):
    """09:00 takes 10:30 in; 12:00, which had lain in 10:30's visit, then stands by itself: two units, not one."""
    middle, last = upload(a_record(later(minutes=90))), upload(a_record(later(hours=3)))
    assert last.joined == middle.entry
    first = upload(a_record(START))
    assert used(ledger) == 2
    assert fields(ledger, first.entry)["moved"] == [
        {"entry": middle.entry, "into": first.entry},
        {"entry": last.entry},
    ]


def test_a_visit_over_midnight_belongs_to_its_start(ledger, upload):
    """Opened at 23:30, scanned again at 00:30: costs November nothing, in either order."""
    half_past_eleven, half_past_midnight = later(hours=14, minutes=30), later(hours=15, minutes=30)
    upload(a_record(half_past_midnight))
    assert (used(ledger), used(ledger, NOVEMBER)) == (0, 1)
    upload(a_record(half_past_eleven))
    assert (used(ledger), used(ledger, NOVEMBER)) == (1, 0)


def test_visits_at_other_points_and_services_are_not_joined(ledger, upload):
    """A visit is of one service at one point."""
    upload(a_record(START))
    draft = an_offline_draft("elsewhere", point="pool")
    assert upload(a_record(later(hours=1), draft=draft)).joined is None
    assert used(ledger) == 2


def test_a_visit_recorded_offline_runs_on_online(ledger, clock):
    """Uploaded while the visit still runs: a second scan is already in."""
    clock.set(later(hours=1))
    recorded = ledger.record_offline(a_record(later(minutes=10), clock.now()))
    again = ledger.check_in(a_gym_visit(clock.now()))
    assert (again.reason, again.visit.entry) == ("already-in", recorded.entry)


def test_without_a_visit_a_use_stands_by_itself(ledger, upload):
    """A clock in doubt says nothing of when it was: no visit takes it in, and it takes none in."""
    upload(a_record(START))
    assert upload(a_record(later(minutes=1), visit=None)).joined is None
    assert used(ledger) == 2


def test_a_void_takes_an_offline_use_back(ledger, clock, upload):
    """Once, with its unit, to its period."""
    recorded = upload(a_record())
    voided = ledger.void(a_void(recorded.entry, clock.now()))
    assert (used(ledger), voided.figures[0].used) == (0, 0)


def test_voiding_a_joined_use_returns_nothing(ledger, clock, upload):
    """It had cost nothing."""
    upload(a_record(START))
    joined = upload(a_record(later(hours=1)))
    ledger.void(a_void(joined.entry, clock.now()))
    assert used(ledger) == 1


def test_voiding_an_opening_lets_the_joined_use_open_a_visit(ledger, clock, upload):
    """The other use stands, and now it costs its unit."""
    opening = upload(a_record(START))
    joined = upload(a_record(later(hours=1)))
    voided = ledger.void(a_void(opening.entry, clock.now()))
    assert used(ledger) == 1
    assert fields(ledger, voided.entry)["moved"] == [{"entry": joined.entry}]
    ledger.void(a_void(joined.entry, clock.now()))
    assert used(ledger) == 0


def test_a_check_out_closes_a_visit_recorded_offline(ledger, clock):
    """Also as of a time before the upload."""
    clock.set(later(hours=1))
    recorded = ledger.record_offline(a_record(START, clock.now()))
    left = ledger.check_out(a_check_out(recorded.entry, clock.now(), out_at=later(minutes=30)))
    assert left.visit.left_at == later(minutes=30)
    assert ledger.check_in(a_gym_visit(clock.now())).re_entry


@pytest.fixture
def a_booked_room(ledger):
    """A study room held for the evening of the 31st, one unit of one a month."""
    charge = a_charge(1, limit="room")
    draft = a_draft(service="library-room", point="library")
    return ledger.hold(a_hold(START, draft=draft, charges=(charge,), window=a_window(later(hours=10)))).entry


def a_room_record(booking, used_at=START, **changes):
    """A record of a room's use with a booking."""
    draft = an_offline_draft(f"room at {used_at}", service="library-room", point="library")
    charge = a_charge(1, limit="room")
    return a_record(used_at, draft=draft, booking=booking, visit=None, charges=(charge,), **changes)


def test_a_booking_used_offline_is_posted(ledger, upload, a_booked_room):
    """It holds the unit already: the use counts nothing more."""
    outcome = upload(a_room_record(a_booked_room, later(hours=10)))
    assert (outcome.booking, outcome.linked, outcome.marks) == (a_booked_room, None, ())
    assert ledger.booking(a_booked_room).state == "used"
    assert used(ledger, ("room", "2026-10")) == 1


def test_a_booking_used_twice_offline_costs_the_second_use(ledger, upload, a_booked_room):
    """Two uses of one booking are two units, whichever comes first; the second stands beside its refusal."""
    upload(a_room_record(a_booked_room, later(hours=11)))
    second = upload(a_room_record(a_booked_room, later(hours=10), device="tablet-2"))
    assert (second.booking, second.marks) == (None, ("overdrawn",))
    assert fields(ledger, second.linked)["reason"] == "booking-used"
    assert used(ledger, ("room", "2026-10")) == 2


def test_a_booking_noted_as_missed_before_the_upload_costs_its_use(ledger, clock, upload, a_booked_room):
    """The sweeper had given the unit back; the record shows that the room was used."""
    clock.set(UPLOAD)
    ledger.end_booking(an_end(a_booked_room, clock.now(), missed=True, reason="released"))
    outcome = upload(a_room_record(a_booked_room, later(hours=10)))
    assert fields(ledger, outcome.linked)["reason"] == "booking-missed"
    assert used(ledger, ("room", "2026-10")) == 1


def test_a_missed_booking_whose_unit_stayed_counted_costs_no_second_one(ledger, clock, upload, a_booked_room):
    """Consumed when missed, used after all: one unit."""
    clock.set(UPLOAD)
    ledger.end_booking(an_end(a_booked_room, clock.now(), missed=True, consume=True, reason="consumed"))
    upload(a_room_record(a_booked_room, later(hours=10)))
    assert used(ledger, ("room", "2026-10")) == 1


def test_a_card_that_could_not_be_believed_counts_nothing(ledger, upload):
    """There is nobody to count it for: the refusal lies with the device, marked as granted, once."""
    draft = replace(an_offline_draft("forged"), card=None, tier=None, form=None, assurance=None, token=b"t" * 32)
    record = a_record(draft=draft, findings=("bad-signature",), charges=(), visit=None)
    record = replace(
        record, operation=Operation(device_subject("tablet-1"), "tablet-1", "forged-one-000000", b"r" * 32)
    )
    outcome = upload(record)
    assert (outcome.granted, outcome.reason, outcome.marks) == (False, "bad-signature", ("granted-offline",))
    assert "holder" not in fields(ledger, outcome.entry)
    assert upload(record) == replace(outcome, replayed=True)


def test_a_use_in_the_future_is_refused(ledger, clock):
    """The instant that a use belongs to is never after receipt; whoever hands in another has a fault."""
    with pytest.raises(LedgerError):
        ledger.record_offline(a_record(later(hours=1), clock.now()))
    assert used(ledger) == 0


def test_a_record_of_a_holder_never_seen_makes_the_holder(ledger, upload):
    """A first use can be offline."""
    upload(a_record(holder="a-holder-never-seen-00"))
    assert ledger.pseudonym("a-holder-never-seen-00") is not None


def test_the_draft_of_an_online_use_makes_no_offline_entry(ledger, upload):
    """An entry of a record names the record."""
    with pytest.raises(LedgerError):
        upload(a_record(draft=a_draft()))
    assert used(ledger) == 0


def test_a_grant_that_does_not_stand_by_itself_is_held_and_counts_nothing(ledger, upload):
    """In the log with why it waits, neither counted nor claiming its proof; sent again it gets the same answer."""
    record = a_record(hold="proof-missing", claim=a_claim(at=UPLOAD))
    held = upload(record)
    assert (held.granted, held.reason, held.marks) == (False, "proof-missing", ("granted-offline", "held"))
    assert upload(record) == replace(held, replayed=True)
    assert used(ledger) == 0
    assert ledger.entry(held.entry).leaf.visit is None
    assert upload(a_record(later(hours=5), device="tablet-2", claim=a_claim(at=UPLOAD))).marks == ()


def test_a_held_grant_counts_once_it_is_released(ledger, upload):
    """A second entry, linked to the held one, in the period of the use; released again it is the same."""
    record = a_record(hold="proof-missing", findings=("proof-missing",))
    held = upload(record)
    released = replace(record, hold=None)
    counted = upload(released)
    assert (counted.granted, counted.linked) == (True, held.entry)
    assert upload(released) == replace(counted, replayed=True)
    assert (used(ledger), used(ledger, NOVEMBER)) == (1, 0)


def test_a_held_grant_that_is_dismissed_counts_nothing_for_good(ledger, upload):
    """A third word in the log, linked to the held entry, once."""
    record = a_record(hold="not-offered-here")
    held = upload(record)
    no = replace(record, hold=None, granted=False, reason="not-offered-here", visit=None, charges=(), dismissed=True)
    dismissed = upload(no)
    assert (dismissed.granted, dismissed.linked, dismissed.marks) == (False, held.entry, ())
    assert upload(no) == replace(dismissed, replayed=True)
    assert used(ledger) == 0


def test_a_used_proof_is_held_where_the_record_has_to_stand_by_itself(ledger, upload):
    """Nothing counted, both devices named; released it counts with the mark."""
    upload(a_record(claim=a_claim(at=UPLOAD)))
    record = a_record(later(hours=5), device="tablet-2", claim=a_claim(at=UPLOAD), hold_used_proof=True)
    held = upload(record)
    assert (held.reason, held.marks) == ("proof-used", ("granted-offline", "held", "replayed"))
    leaf = fields(ledger, held.entry)
    assert (leaf["device"], leaf["rival"]) == ("tablet-2", "tablet-1")
    assert used(ledger) == 1
    counted = upload(replace(record, hold_used_proof=False))
    assert (counted.marks, counted.linked) == (("replayed",), held.entry)
    assert used(ledger) == 2


def test_a_use_beyond_what_a_device_may_is_held_unless_it_costs_nothing(ledger, upload):
    """Within a visit that another use opened nothing is moved; outside it waits."""
    upload(a_record(START, device="tablet-2"))
    within = upload(a_record(later(minutes=30), hold_if_counted="offline-limit"))
    assert (within.granted, within.marks) == (True, ())
    beyond = upload(a_record(later(hours=3), hold_if_counted="offline-limit"))
    assert (beyond.reason, "held" in beyond.marks) == ("offline-limit", True)
    assert used(ledger) == 1


def test_a_held_record_of_what_was_refused_online_is_linked_to_that_refusal(ledger, upload):
    """Both refusals stand; the grant that a supervisor releases follows the held one."""
    refused = ledger.check_in(a_gym_visit(START, operation="operation-refused-then-held", findings=("proof-missing",)))
    record = a_record(operation="operation-refused-then-held", hold="proof-missing")
    held = upload(record)
    assert held.linked == refused.entry
    assert upload(replace(record, hold=None)).linked == held.entry
    assert used(ledger) == 1


def test_a_held_record_of_what_was_granted_online_is_answered_by_that_grant(ledger, upload):
    """Counted once, with nothing to decide."""
    online = ledger.check_in(a_gym_visit(START, operation="operation-granted-then-held"))
    again = upload(a_record(operation="operation-granted-then-held", hold="proof-missing"))
    assert again == replace(online, replayed=True)


def test_held_released_and_dismissed_entries_give_the_counters_of_the_log(ledger, upload):
    """The check recomputes them from the entries alone."""
    for number, hold in enumerate(("proof-missing", "not-offered-here", "offline-limit")):
        record = a_record(later(hours=3 * number), hold=hold)
        upload(record)
        if number:
            upload(replace(record, hold=None))
    assert used(ledger) == 2
    assert [fault for fault in ledger.check() if isinstance(fault, Fault)] == []
