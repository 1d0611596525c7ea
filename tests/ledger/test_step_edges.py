"""Edges of the steps after a check-in, over every store: departures and re-entries, the last instant of a booking."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.bookings import BookingState
from tests.ledger.builders import (
    FLIGHT,
    GYM_VISIT,
    HOLDER,
    START,
    a_change,
    a_charge,
    a_check_in,
    a_check_out,
    a_choice,
    a_gym_visit,
    a_hold,
    a_use,
    a_void,
    an_end,
)

MINUTE = timedelta(minutes=1)
CLOSES = FLIGHT + timedelta(hours=6)


def visit(ledger, clock):
    """The holder's visit at the gym as it stands now."""
    return ledger.usage(HOLDER, clock.now()).visits["gym-visit", "gym"]


def test_the_void_of_a_re_entry_that_was_left_keeps_its_departure(ledger, clock):
    """In, out, in again, out again: without the second time in, the last departure still stands."""
    ledger.check_out(a_check_out(ledger.check_in(a_gym_visit()).entry))
    clock.advance(MINUTE)
    back = ledger.check_in(a_gym_visit(clock.now()))
    clock.advance(MINUTE)
    ledger.check_out(a_check_out(back.entry, clock.now()))
    ledger.void(a_void(back.entry, clock.now(), after_check_out=True))
    left = visit(ledger, clock)
    assert (left.re_entries, left.left_at) == (0, START + 2 * MINUTE)


def test_the_void_of_an_earlier_re_entry_leaves_who_is_inside_inside(ledger, clock):
    """The visitor came back twice: the first time back is taken away, and the visitor is still inside."""
    twice = replace(GYM_VISIT, re_entries=2)
    ledger.check_out(a_check_out(ledger.check_in(a_gym_visit(visit=twice)).entry))
    clock.advance(MINUTE)
    first_back = ledger.check_in(a_gym_visit(clock.now(), visit=twice))
    ledger.check_out(a_check_out(first_back.entry, clock.now()))
    clock.advance(MINUTE)
    second_back = ledger.check_in(a_gym_visit(clock.now(), visit=twice))
    assert second_back.re_entry
    ledger.void(a_void(first_back.entry, clock.now(), after_check_out=True))
    inside = visit(ledger, clock)
    assert (inside.re_entries, inside.left_at) == (1, None)
    assert ledger.check_out(a_check_out(second_back.entry, clock.now())).granted


@pytest.mark.parametrize(
    ("after", "state", "figures"),
    [(timedelta(0), BookingState.HELD, []), (timedelta(milliseconds=1), BookingState.CANCELLED, [0])],
)
def test_a_use_voided_at_the_last_instant_of_its_booking_returns_it(ledger, clock, after, state, figures):
    """The grace holds its end: held again then, over a thousandth of a second later."""
    booking = ledger.hold(a_hold()).entry
    clock.set(FLIGHT)
    use = ledger.check_in(a_use(booking))
    clock.set(CLOSES + after)
    voided = ledger.void(a_void(use.entry, clock.now()))
    kept = ledger.booking(booking)
    assert (kept.state, kept.used_by, kept.holds) == (state, None, state is BookingState.HELD)
    assert [figure.used for figure in voided.figures] == figures


def test_an_answer_names_its_booking_where_there_is_one(ledger, clock):
    """A change and an end of a booking name it; the end of a visit, a void and a plain use do not."""
    booking = ledger.hold(a_hold()).entry
    assert ledger.change_booking(a_change(booking)).booking == booking
    assert ledger.end_booking(an_end(booking)).booking == booking
    visited = ledger.check_in(a_gym_visit())
    assert (visited.booking, ledger.check_out(a_check_out(visited.entry)).booking) == (None, None)
    assert ledger.void(a_void(visited.entry, after_check_out=True)).booking is None


def test_every_unit_of_a_use_is_counted_and_given_back(ledger):
    """Three units of one limit and one of another, and the figures of both."""
    charges = (a_charge(5, units=3), a_charge(2, limit="pool"))
    use = ledger.check_in(a_check_in(charges=charges))
    assert ledger.usage(HOLDER, START).counters == {("gym", "2026-10"): 3, ("pool", "2026-10"): 1}
    other = ledger.check_in(a_check_in(charges=(a_charge(5),)))
    figures = ledger.void(a_void(use.entry)).figures
    assert [(one.limit, one.used, one.maximum) for one in figures] == [("gym", 1, 5), ("pool", 0, 2)]
    assert ledger.usage(HOLDER, START).counters == {("gym", "2026-10"): 1}
    assert ledger.void(a_void(other.entry)).figures[0].used == 0


def test_a_group_stays_with_the_use_that_fixed_it(ledger, clock):
    """A later use of the same member changes neither the instant nor the entry that others are told."""
    first = ledger.check_in(a_check_in(choice=a_choice("union")))
    clock.advance(MINUTE)
    ledger.check_in(a_check_in(clock.now(), choice=a_choice("union")))
    taken = ledger.check_in(a_check_in(clock.now(), choice=a_choice("official"))).taken
    assert (taken.member, taken.at, taken.entry) == ("union", START, first.entry)


def test_a_booking_that_consumed_its_unit_gives_none_back(ledger, clock):
    """The end tells no figure where the unit stays counted, and the unit where it returns."""
    cancelled = ledger.hold(a_hold(charges=(a_charge(limit="lounge"),))).entry
    (figure,) = ledger.end_booking(an_end(cancelled, consume=True)).figures
    assert (figure.limit, figure.used) == ("lounge", 0)  # `consume` is for what was missed
    kept, freed = ledger.hold(a_hold()).entry, ledger.hold(a_hold()).entry
    clock.set(CLOSES + MINUTE)
    assert ledger.end_booking(an_end(kept, clock.now(), missed=True, consume=True)).figures == ()
    (figure,) = ledger.end_booking(an_end(freed, clock.now(), missed=True)).figures
    assert (figure.used, figure.maximum) == (1, 2)
