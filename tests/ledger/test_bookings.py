"""The contract of bookings: a unit held, posted, given back, moved; each once, in one step, and all told by the log."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from threading import Thread

import pytest

from ledger.bookings import BookingQuery, BookingState, ChangeKind
from ledger.values import Charge, OperationConflict, Query, TargetState
from tests.ledger.builders import (
    A_TRIP,
    FLIGHT,
    HOLDER,
    START,
    a_booking_draft,
    a_change,
    a_charge,
    a_check_in,
    a_choice,
    a_claim,
    a_hold,
    a_use,
    a_void,
    a_window,
    an_end,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NEXT_YEAR = START + 70 * DAY
A_TRIP_NEXT_YEAR = Charge("airport", "2027", 2)


def used(ledger, limit: str = "airport", period: str = "2026", subject: str = HOLDER) -> int:
    """What the holder's counter says."""
    return ledger.usage(subject, START).counters.get((limit, period), 0)


def refusal(write, change) -> str:
    """The code by which a change of a booking is refused."""
    with pytest.raises(TargetState) as raised:
        write(change)
    return raised.value.code


@pytest.fixture
def held(ledger):
    """A booking of tonight's departure."""
    return ledger.hold(a_hold()).entry


def test_a_booking_holds_its_unit_at_once_and_is_named_by_its_entry(ledger):
    """The figure counts it, the booking can be read, the log tells window and charge."""
    outcome = ledger.hold(a_hold())
    assert (outcome.granted, outcome.booking, outcome.figures[0].used) == (True, outcome.entry, 1)
    booking = ledger.booking(outcome.entry)
    assert (booking.state, booking.holds, booking.charges) == (BookingState.HELD, True, (A_TRIP,))
    assert (booking.window, booking.booked_at) == (a_window(FLIGHT), START)
    leaf = ledger.entry(outcome.entry).leaf
    assert (leaf.kind, leaf.window.scheduled_at) == ("booking", int(FLIGHT.timestamp() * 1000))


def test_a_third_booking_of_two_is_refused_logged_and_counts_nothing(ledger):
    """Holds meet the same limit as uses."""
    ledger.hold(a_hold())
    ledger.hold(a_hold())
    third = ledger.hold(a_hold())
    assert (third.granted, third.reason, third.booking) == (False, "quota-spent", None)
    assert used(ledger) == 2
    assert ledger.booking(third.entry) is None
    assert ledger.entry(third.entry).leaf.outcome == "denied"


def test_a_use_posts_the_held_unit_and_counts_nothing_of_its_own(ledger, held, clock):
    """Two of two held: both uses are granted, whatever the clock's year says."""
    ledger.hold(a_hold())
    clock.set(FLIGHT)
    outcome = ledger.check_in(a_use(held))
    assert (outcome.granted, outcome.figures[0].used, used(ledger)) == (True, 2, 2)
    leaf = ledger.entry(outcome.entry).leaf
    assert (leaf.booking, leaf.charges) == (held, ())
    booking = ledger.booking(held)
    assert (booking.state, booking.used_by) == (BookingState.USED, outcome.entry)


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (-4 * HOUR - timedelta(seconds=1), "booking-too-early"),
        (-4 * HOUR, None),
        (6 * HOUR, None),
        (6 * HOUR + timedelta(seconds=1), "booking-missed"),
    ],
)
def test_the_window_holds_both_of_its_bounds(ledger, held, clock, after, reason):
    """From exactly four hours before to exactly six hours after."""
    clock.set(FLIGHT + after)
    assert ledger.check_in(a_use(held, clock.now())).reason == reason


def test_a_booking_is_used_once(ledger, held, clock):
    """The second use is refused and told why."""
    clock.set(FLIGHT)
    ledger.check_in(a_use(held))
    assert ledger.check_in(a_use(held)).reason == "booking-used"


def test_another_holders_booking_and_another_service_need_a_booking(ledger, held, clock):
    """A booking serves its own holder and service alone."""
    clock.set(FLIGHT)
    assert ledger.check_in(a_use(held, holder="another")).reason == "booking-needed"
    other = a_booking_draft(service="airport-dom-arrival")
    assert ledger.check_in(a_use(held, draft=other)).reason == "booking-needed"
    assert ledger.check_in(a_use("7f-999999")).reason == "booking-needed"
    assert ledger.booking(held).state is BookingState.HELD


def test_a_waiver_lifts_too_early_but_never_a_missing_or_used_booking(ledger, held, clock):
    """A supervisor answers for the hour; a unit that is not held cannot be posted by anybody's word."""
    waived = frozenset({"booking-too-early", "booking-missed", "booking-used", "booking-needed"})
    assert ledger.check_in(a_use(held, START, waived=waived)).granted
    assert ledger.check_in(a_use(held, START, waived=waived)).reason == "booking-used"
    assert ledger.check_in(a_use("7f-999999", START, waived=waived)).reason == "booking-needed"


def test_a_cancellation_gives_the_unit_back_once(ledger, held):
    """The figure says so; what is over stays over."""
    outcome = ledger.end_booking(an_end(held))
    assert (outcome.granted, outcome.figures[0].used, used(ledger)) == (True, 0, 0)
    assert ledger.booking(held).state is BookingState.CANCELLED
    assert refusal(ledger.end_booking, an_end(held)) == "booking-was-cancelled"
    assert refusal(ledger.change_booking, a_change(held)) == "booking-was-cancelled"
    assert ledger.check_in(a_use(held, START)).reason == "booking-needed"


def test_a_cancellation_that_rules_refuse_changes_nothing_but_a_retry_is_answered(ledger, held):
    """What was found before counts for new operations alone."""
    assert refusal(ledger.end_booking, an_end(held, refusal="booking-too-late-to-cancel")) == (
        "booking-too-late-to-cancel"
    )
    assert used(ledger) == 1
    first = an_end(held)
    done = ledger.end_booking(first)
    again = ledger.end_booking(replace(first, refusal="booking-too-late-to-cancel"))
    assert again == replace(done, replayed=True)


def test_only_its_holder_changes_a_booking_where_a_holder_asks(ledger, held):
    """Another holder's booking is not found, neither by cancelling nor by changing."""
    ledger.hold(a_hold(holder="another"))
    assert refusal(ledger.end_booking, an_end(held, subject="another")) == "not-found"
    assert refusal(ledger.change_booking, a_change(held, subject="never seen")) == "not-found"
    assert ledger.end_booking(an_end(held, subject=HOLDER)).granted


def test_what_is_no_booking_is_not_found(ledger):
    """A check-in's id, a denied booking's, one never given, and no id at all."""
    check_in = ledger.check_in(a_check_in())
    denied = ledger.hold(a_hold(findings=("not-entitled",)))
    for target in (check_in.entry, denied.entry, "00-000001", "x"):
        assert refusal(ledger.end_booking, an_end(target)) == "not-found"


def test_a_change_within_the_year_needs_no_free_unit(ledger, held):
    """Two of two held: moving one is no third."""
    ledger.hold(a_hold())
    outcome = ledger.change_booking(a_change(held))
    assert (outcome.granted, outcome.figures[0].used, used(ledger)) == (True, 2, 2)
    booking = ledger.booking(held)
    assert (booking.window.expected_at, booking.held_by) == (FLIGHT + DAY, outcome.entry)


def test_a_change_to_another_year_moves_the_unit_in_one_step(ledger, held):
    """The new year's counter takes it, the old one gets it back."""
    change = a_change(held, window=a_window(NEXT_YEAR), charges=(A_TRIP_NEXT_YEAR,))
    assert ledger.change_booking(change).granted
    assert (used(ledger), used(ledger, period="2027")) == (0, 1)


def test_a_change_that_finds_no_unit_keeps_the_old_booking(ledger, held):
    """Refused, logged, and everything as before."""
    for _ in range(2):
        ledger.hold(a_hold(window=a_window(NEXT_YEAR), charges=(A_TRIP_NEXT_YEAR,)))
    change = a_change(held, window=a_window(NEXT_YEAR), charges=(A_TRIP_NEXT_YEAR,))
    outcome = ledger.change_booking(change)
    assert (outcome.granted, outcome.reason) == (False, "quota-spent")
    assert (used(ledger), used(ledger, period="2027")) == (1, 2)
    booking = ledger.booking(held)
    assert (booking.state, booking.window) == (BookingState.HELD, a_window(FLIGHT))
    assert ledger.change_booking(change) == replace(outcome, replayed=True)


def test_a_change_that_rules_refuse_keeps_the_old_booking(ledger, held):
    """A lead that is too short is found by the rules and recorded by the ledger."""
    outcome = ledger.change_booking(a_change(held, findings=("booking-too-late",)))
    assert outcome.reason == "booking-too-late"
    assert ledger.booking(held).window == a_window(FLIGHT)


def test_a_change_may_move_to_another_service_and_point(ledger, held, clock):
    """From the domestic lounge to the international one: from now on only that."""
    draft = a_booking_draft(service="airport-intl-departure", point="air-intl")
    ledger.change_booking(a_change(held, draft=draft, window=a_window(FLIGHT)))
    clock.set(FLIGHT)
    assert ledger.check_in(a_use(held)).reason == "booking-needed"
    assert ledger.check_in(a_use(held, draft=draft)).granted


def test_a_delay_moves_the_window_and_never_the_unit(ledger, held, clock):
    """Scheduled on the last day, flown in the next year: 2026 is charged."""
    late = a_window(FLIGHT, expected_at=NEXT_YEAR, opens_at=NEXT_YEAR - HOUR, closes_at=NEXT_YEAR + HOUR)
    outcome = ledger.change_booking(a_change(held, kind=ChangeKind.DELAYED, window=late))
    assert ledger.entry(outcome.entry).leaf.charges == ()
    clock.set(NEXT_YEAR)
    assert ledger.check_in(a_use(held, NEXT_YEAR)).granted
    assert (used(ledger), used(ledger, period="2027")) == (1, 0)


def test_missed_is_said_only_when_the_window_is_over(ledger, held, clock):
    """At the very end it can still be used."""
    clock.set(FLIGHT + 6 * HOUR)
    assert refusal(ledger.end_booking, an_end(held, clock.now(), missed=True)) == "booking-not-over"
    clock.advance(timedelta(milliseconds=1))
    outcome = ledger.end_booking(an_end(held, clock.now(), missed=True))
    assert ledger.entry(outcome.entry).leaf.reason == "released"
    assert (ledger.booking(held).state, used(ledger)) == (BookingState.MISSED, 0)
    assert ledger.check_in(a_use(held, clock.now())).reason == "booking-missed"


def test_missed_can_consume_the_unit(ledger, held, clock):
    """Where the programme says so it stays counted."""
    clock.set(FLIGHT + 7 * HOUR)
    ledger.end_booking(an_end(held, clock.now(), missed=True, consume=True))
    booking = ledger.booking(held)
    assert (booking.state, booking.holds, used(ledger)) == (BookingState.MISSED, True, 1)


@pytest.mark.parametrize("consume", [True, False])
def test_reopening_holds_the_unit_again(ledger, held, clock, consume):
    """Taken anew if it was given back, else still held; used then like any other."""
    clock.set(FLIGHT + 7 * HOUR)
    ledger.end_booking(an_end(held, clock.now(), missed=True, consume=consume))
    window = a_window(FLIGHT, closes_at=clock.now() + HOUR)
    outcome = ledger.change_booking(a_change(held, clock.now(), kind=ChangeKind.REOPENED, window=window))
    assert (outcome.granted, used(ledger)) == (True, 1)
    assert ledger.check_in(a_use(held, clock.now())).granted
    assert used(ledger) == 1


def test_reopening_a_released_booking_fails_when_the_unit_is_gone(ledger, held, clock):
    """Two others were booked meanwhile."""
    clock.set(FLIGHT + 7 * HOUR)
    ledger.end_booking(an_end(held, clock.now(), missed=True))
    for _ in range(2):
        ledger.hold(a_hold(clock.now(), window=a_window(FLIGHT + 2 * DAY)))
    window = a_window(FLIGHT, closes_at=clock.now() + HOUR)
    outcome = ledger.change_booking(a_change(held, clock.now(), kind=ChangeKind.REOPENED, window=window))
    assert outcome.reason == "quota-spent"
    assert ledger.booking(held).state is BookingState.MISSED


def test_reopening_a_booking_that_nobody_has_noted_as_missed_counts_nothing(ledger, held, clock):
    """Past its window but still held."""
    clock.set(FLIGHT + 7 * HOUR)
    window = a_window(FLIGHT, closes_at=clock.now() + HOUR)
    ledger.change_booking(a_change(held, clock.now(), kind=ChangeKind.REOPENED, window=window))
    assert used(ledger) == 1
    assert ledger.check_in(a_use(held, clock.now())).granted


def test_only_missed_or_held_bookings_are_reopened(ledger, held, clock):
    """Not a used one; and only held ones are delayed."""
    clock.set(FLIGHT)
    ledger.check_in(a_use(held))
    for kind in ChangeKind:
        assert refusal(ledger.change_booking, a_change(held, FLIGHT, kind=kind)) == "booking-was-used"
    assert refusal(ledger.end_booking, an_end(held, FLIGHT)) == "booking-was-used"


def test_a_voided_use_returns_the_booking_to_held(ledger, held, clock):
    """Until its grace ends: then it can be used again, and the unit never left."""
    clock.set(FLIGHT)
    use = ledger.check_in(a_use(held))
    ledger.void(a_void(use.entry, FLIGHT))
    booking = ledger.booking(held)
    assert (booking.state, booking.used_by, used(ledger)) == (BookingState.HELD, None, 1)
    assert ledger.check_in(a_use(held)).granted


def test_a_use_voided_after_the_grace_gives_the_unit_back(ledger, held, clock):
    """The booking is over; no one is said to have missed it."""
    clock.set(FLIGHT)
    use = ledger.check_in(a_use(held))
    clock.set(FLIGHT + 7 * HOUR)
    figures = ledger.void(a_void(use.entry, clock.now())).figures
    assert (figures[0].used, used(ledger)) == (0, 0)
    assert ledger.booking(held).state is BookingState.CANCELLED


def test_a_hold_fixes_the_choice_and_its_end_frees_it(ledger, held):
    """The union's booked: the official one is excluded, by hold as by use, until the booking is cancelled."""
    union = ledger.hold(a_hold(charges=(a_charge(1, limit="annual-health/union", period="2026"),), choice=a_choice()))
    official = {"charges": (a_charge(1, limit="annual-health/official", period="2026"),)}
    refused = ledger.hold(a_hold(choice=a_choice("official"), **official))
    assert (refused.reason, refused.taken.entry) == ("excluded", union.entry)
    assert ledger.check_in(a_check_in(choice=a_choice("official"))).reason == "excluded"
    ledger.end_booking(an_end(union.entry))
    assert ledger.hold(a_hold(choice=a_choice("official"), **official)).granted


def test_a_use_first_excludes_a_hold_and_a_void_frees_it(ledger):
    """The other order."""
    use = ledger.check_in(a_check_in(choice=a_choice()))
    assert ledger.hold(a_hold(choice=a_choice("official"))).reason == "excluded"
    ledger.void(a_void(use.entry))
    assert ledger.hold(a_hold(choice=a_choice("official"))).granted


def test_a_change_may_choose_the_other_member_when_nothing_else_holds_the_first(ledger):
    """Its own hold does not stand in its way; another of the same member does."""
    first = ledger.hold(a_hold(charges=(), choice=a_choice())).entry
    change = {"charges": (), "choice": a_choice("official")}
    assert ledger.change_booking(a_change(first, **change)).granted
    assert ledger.hold(a_hold(charges=(), choice=a_choice())).reason == "excluded"
    ledger.hold(a_hold(charges=(), choice=a_choice("official")))
    refused = ledger.change_booking(a_change(first, charges=(), choice=a_choice()))
    assert (refused.reason, refused.taken.member) == ("excluded", "official")


def test_every_change_of_a_booking_is_answered_again_and_happens_once(ledger, clock):
    """Retries of hold, change and end; another request under the same id is a conflict."""
    hold = a_hold()
    booked = ledger.hold(hold)
    assert ledger.hold(hold) == replace(booked, replayed=True)
    change = a_change(booked.entry)
    changed = ledger.change_booking(change)
    assert ledger.change_booking(change) == replace(changed, replayed=True)
    end = an_end(booked.entry)
    ended = ledger.end_booking(end)
    assert ledger.end_booking(end) == replace(ended, replayed=True)
    assert ledger.change_booking(change) == replace(changed, replayed=True)
    with pytest.raises(OperationConflict):
        ledger.end_booking(replace(end, request=b"x" * 32))
    assert used(ledger) == 0


def test_a_proof_books_once_for_one_device(ledger):
    """Another device's claim on the same proof is refused, as at a check-in."""
    assert ledger.hold(a_hold(claim=a_claim())).granted
    assert ledger.hold(a_hold(claim=a_claim(), device="tablet-2")).reason == "proof-used"


def test_a_refusal_before_any_holder_is_kept_in_the_devices_partition(ledger):
    """A forged card books nothing and names nobody."""
    draft = a_booking_draft(card=None, token=b"t" * 32, tier=None)
    hold = a_hold(holder="device:tablet-1", draft=draft, findings=("bad-signature",), charges=())
    outcome = ledger.hold(hold)
    assert (outcome.granted, ledger.entry(outcome.entry).leaf.holder) == (False, None)


def test_bookings_are_found_by_holder_point_time_and_state(ledger, held):
    """The point's day in the order of expected times; a holder's own; those whose window is over."""
    later = ledger.hold(a_hold(holder="another", window=a_window(FLIGHT + HOUR))).entry
    intl = ledger.hold(a_hold(holder="third", draft=a_booking_draft(point="air-intl"))).entry
    ledger.end_booking(an_end(later))

    def found(**query) -> list[str]:
        asked = BookingQuery(**query)
        whole = [(booking.id, booking.window.expected_at) for booking in ledger.bookings(asked)]
        assert list(ledger.booking_times(asked)) == whole
        return [one for one, _ in whole]

    assert found(point="air-dom") == [held, later]
    assert found(point="air-dom", states=frozenset({BookingState.HELD})) == [held]
    assert found(point="air-dom", since=FLIGHT, until=FLIGHT + HOUR) == [held]
    assert found(subject="third") == [intl]
    assert found(subject="never seen") == []
    assert found(over_at=FLIGHT + 6 * HOUR) == []
    wanted = [intl, "no id", "00-999999", held, later]
    assert ledger.bookings_of(wanted) == tuple(ledger.booking(one) for one in (intl, held, later))
    assert ledger.bookings_of([]) == ()
    assert set(found(over_at=FLIGHT + 6 * HOUR + timedelta(seconds=1))) == {held, intl}
    assert len(found(limit=1)) == 1


def test_bookings_are_no_check_ins_in_the_counts(ledger, held):
    """A point's figures count uses."""
    assert ledger.counts(Query()) == {"granted": 0, "denied": 0}
    assert [entry.id for entry in ledger.entries(Query(kind="booking")).entries] == [held]


def test_of_many_uses_at_once_one_posts_the_unit(ledger, held, clock):
    """Eight devices with the same booking: one is granted."""
    clock.set(FLIGHT)
    reasons: list[str | None] = []

    def use(number: int) -> None:
        reasons.append(ledger.check_in(a_use(held, device=f"tablet-{number}")).reason)

    threads = [Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(reasons, key=str) == [None] + ["booking-used"] * 7
    assert used(ledger) == 1
