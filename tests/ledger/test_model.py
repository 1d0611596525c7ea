"""Every order of changes gives the result of the simple model, and the log explains every counter."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from edge.clock import FixedClock
from ledger.bookings import BookingChange, BookingEnd, ChangeKind, Hold
from ledger.offline import OfflineUse
from ledger.values import CheckIn, CheckOut, Fault, Operation, Outcome, TargetState, Void
from tests.ledger.builders import (
    GYM_VISIT,
    START,
    a_booking_draft,
    a_change,
    a_charge,
    a_check_in,
    a_check_out,
    a_choice,
    a_claim,
    a_draft,
    a_hold,
    a_use,
    a_void,
    a_window,
    an_end,
    fresh_id,
)
from tests.ledger.conftest import STORES
from tests.ledger.model import Model
from tests.ledger.offline_builders import a_record, a_refused_record

HOLDERS = ("holder-1", "holder-2")
TRIPS = ("airport-dom-departure", "airport-dom-arrival")
MAXIMUM = 2


def refusal_of(change, write) -> tuple[str | None, Outcome | None]:
    """The code of the refusal that a change met, or its outcome."""
    try:
        return None, write(change)
    except TargetState as refusal:
        return refusal.code, None


class Interleaving(RuleBasedStateMachine):
    """Drives a store and the model side by side."""

    store = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.clock = FixedClock(START)
        self.ledger = STORES[self.store](Path(self.folder.name), self.clock)
        self.model = Model()
        self.answered: list[tuple[object, Outcome]] = []
        self.booked: list[str] = []
        self.contradicted: set[Operation] = set()

    @rule(minutes=st.integers(0, 70))
    def time_passes(self, minutes):
        self.clock.advance(timedelta(minutes=minutes))

    @rule(
        holder=st.sampled_from(HOLDERS),
        device=st.sampled_from(["tablet-1", "tablet-2"]),
        proof=st.none() | st.sampled_from(["p1", "p2"]),
        member=st.none() | st.sampled_from(["union", "official"]),
        units=st.integers(0, 2),
        visits=st.booleans(),
        service=st.sampled_from(["gym-visit", "pool-visit"]),
        findings=st.sampled_from([(), (), (), ("not-entitled",), ("not-offered-here",)]),
        asked=st.booleans(),
    )
    def check_in(self, *, holder, device, proof, member, units, visits, service, findings, asked):
        change = a_check_in(
            self.clock.now(),
            holder=holder,
            device=device,
            draft=a_draft(device=device, service=service),
            claim=None if proof is None else a_claim(proof, card=f"card of {holder}", at=self.clock.now()),
            choice=None if member is None else a_choice(member),
            charges=() if units == 0 else (a_charge(MAXIMUM, units=units),),
            visit=GYM_VISIT if visits else None,
            findings=findings,
            kind="request" if asked and not visits else "check-in",
        )
        outcome = self.ledger.check_in(change)
        self.model.log.append(outcome.entry)
        assert outcome.reason == self.model.check_in(outcome.entry, change)
        for figure in outcome.figures:
            assert figure.used == self.model.used(holder, figure.limit, figure.period)
            # What was granted offline may have overdrawn a limit; a re-entry is not held against it.
            assert figure.used <= MAXIMUM or not outcome.granted or outcome.re_entry
        self.answered.append((change, outcome))

    @rule(
        data=st.data(),
        holder=st.sampled_from(HOLDERS),
        device=st.sampled_from(["tablet-1", "tablet-2"]),
        proof=st.none() | st.sampled_from(["p1", "p2"]),
        member=st.none() | st.sampled_from(["union", "official"]),
        findings=st.sampled_from([(), (), (), ("not-entitled",), ("not-offered-here",)]),
        granted=st.sampled_from([True, True, True, False]),
        minutes=st.integers(0, 300),
    )
    def record_offline(self, *, data, holder, device, proof, member, findings, granted, minutes):
        first = self.refused_online(data)
        if first is not None:
            holder, device, granted = first[0].operation.subject, first[0].operation.device, True
        cost = {
            "claim": None if proof is None else a_claim(proof, card=f"card of {holder}", at=self.clock.now()),
            "choice": None if member is None else a_choice(member),
            "charges": (a_charge(MAXIMUM),),
            "findings": findings,
        }
        make = a_record if granted else a_refused_record
        change = make(
            self.clock.now() - timedelta(minutes=minutes),
            at=self.clock.now(),
            holder=holder,
            device=device,
            visit=None,
            **(cost if granted else {}),
            **({} if first is None else {"operation": first[0].operation.id}),
        )
        outcome = self.ledger.record_offline(change)
        refusal, marks = self.model.record_offline(outcome.entry, change, known=first is not None)
        assert (outcome.granted, set(outcome.marks)) == (granted, marks)
        assert (outcome.linked is not None) == (refusal is not None or first is not None)
        if refusal is not None:
            self.model.log.append(outcome.linked)
            assert self.ledger.entry(outcome.linked).leaf.reason == refusal
        if first is not None:
            assert outcome.linked == first[1].entry
            self.contradicted.add(change.operation)
        self.model.log.append(outcome.entry)
        self.answered.append((change, outcome))

    def refused_online(self, data) -> tuple[CheckIn, Outcome] | None:
        """A check-in that was refused online, whose answer the device may not have heard; or none."""
        refused = [
            (change, outcome)
            for change, outcome in self.answered
            if isinstance(change, CheckIn)
            and change.kind == "check-in"
            and not outcome.granted
            and change.operation not in self.contradicted
        ]
        return data.draw(st.sampled_from(refused)) if refused and data.draw(st.booleans()) else None

    @rule(
        holder=st.sampled_from(HOLDERS),
        service=st.sampled_from(TRIPS),
        hours=st.integers(0, 8),
        member=st.none() | st.sampled_from(["union", "official"]),
        period=st.sampled_from(["2026-10", "2026-11"]),
        findings=st.sampled_from([(), (), (), ("not-entitled",)]),
    )
    def book(self, *, holder, service, hours, member, period, findings):
        change = a_hold(
            self.clock.now(),
            holder=holder,
            draft=a_booking_draft(service=service),
            window=a_window(self.clock.now() + timedelta(hours=hours)),
            choice=None if member is None else a_choice(member),
            charges=(a_charge(MAXIMUM, period=period),),
            findings=findings,
        )
        outcome = self.ledger.hold(change)
        self.model.log.append(outcome.entry)
        assert outcome.reason == self.model.hold(outcome.entry, change)
        self.booked.append(outcome.entry)
        self.answered.append((change, outcome))

    @precondition(lambda self: self.booked)
    @rule(data=st.data(), holder=st.sampled_from(HOLDERS), service=st.sampled_from(TRIPS))
    def use_booking(self, data, holder, service):
        booking = data.draw(st.sampled_from(self.booked))
        draft = a_booking_draft(service=service)
        change = a_use(booking, self.clock.now(), holder=holder, draft=draft)
        outcome = self.ledger.check_in(change)
        self.model.log.append(outcome.entry)
        assert outcome.reason == self.model.check_in(outcome.entry, change)
        self.answered.append((change, outcome))

    @precondition(lambda self: self.booked)
    @rule(
        data=st.data(),
        kind=st.sampled_from(ChangeKind),
        service=st.sampled_from(TRIPS),
        hours=st.integers(0, 8),
        member=st.none() | st.sampled_from(["union", "official"]),
        period=st.sampled_from(["2026-10", "2026-11"]),
        subject=st.none() | st.sampled_from(HOLDERS),
    )
    def change_booking(self, *, data, kind, service, hours, member, period, subject):
        rebooks = kind is ChangeKind.REBOOKED
        change = a_change(
            data.draw(st.sampled_from(self.booked)),
            self.clock.now(),
            kind=kind,
            subject=subject,
            draft=a_booking_draft(service=service, card=None, tier=None, form=None, assurance=None),
            window=a_window(self.clock.now() + timedelta(hours=hours)),
            choice=a_choice(member) if rebooks and member is not None else None,
            charges=(a_charge(MAXIMUM, period=period),) if rebooks else (),
        )
        expected, code = refusal_of(change, self.model.change_booking)[::-1]
        refused, outcome = refusal_of(change, self.ledger.change_booking)
        assert refused == code
        if outcome is not None:
            self.model.log.append(outcome.entry)
            assert outcome.reason == expected
            self.answered.append((change, outcome))

    @precondition(lambda self: self.booked)
    @rule(data=st.data(), missed=st.booleans(), consume=st.booleans(), subject=st.none() | st.sampled_from(HOLDERS))
    def end_booking(self, *, data, missed, consume, subject):
        booking = data.draw(st.sampled_from(self.booked))
        change = an_end(booking, self.clock.now(), missed=missed, consume=consume, subject=subject)
        self.same(change, self.ledger.end_booking, self.model.end_booking)

    @precondition(lambda self: self.answered)
    @rule(data=st.data(), supervised=st.booleans())
    def void(self, data, supervised):
        target = data.draw(st.sampled_from(self.answered))[1].entry
        change = a_void(target, self.clock.now(), after_check_out=supervised)
        self.same(change, self.ledger.void, self.model.void)

    @precondition(lambda self: self.answered)
    @rule(data=st.data(), minutes=st.integers(0, 90), delivers=st.booleans())
    def check_out(self, data, minutes, delivers):
        target = data.draw(st.sampled_from(self.answered))[1].entry
        out_at = self.clock.now() - timedelta(minutes=minutes)
        draft = a_draft(
            card=None, tier=None, form=None, assurance=None, extra={"delivered": ("1",)} if delivers else {}
        )
        change = a_check_out(target, self.clock.now(), out_at=out_at, draft=draft)
        self.same(change, self.ledger.check_out, self.model.check_out)

    def same(self, change, real, model):
        expected, got = refusal_of(change, model), refusal_of(change, real)
        assert got[0] == expected[0]
        if got[1] is not None:
            self.model.log.append(got[1].entry)
            self.answered.append((change, got[1]))

    @precondition(lambda self: self.answered)
    @rule(data=st.data())
    def retry(self, data):
        change, first = data.draw(st.sampled_from(self.answered))
        write = {
            CheckIn: self.ledger.check_in,
            Void: self.ledger.void,
            CheckOut: self.ledger.check_out,
            Hold: self.ledger.hold,
            BookingChange: self.ledger.change_booking,
            BookingEnd: self.ledger.end_booking,
            OfflineUse: self.ledger.record_offline,
        }
        if isinstance(change, Hold):
            later = replace(change, wish=replace(change.wish, at=self.clock.now()))
        else:
            later = replace(change, at=self.clock.now())
        again = write[type(change)](later)
        assert again == replace(first, replayed=True)

    def teardown(self):
        entries = sum(found for found in self.ledger.check() if isinstance(found, int))
        assert [found for found in self.ledger.check() if isinstance(found, Fault)] == []
        assert entries == len(self.model.log)
        for holder in HOLDERS:
            assert self.ledger.usage(holder, self.clock.now()).counters.get(("gym", "2026-10"), 0) == self.model.used(
                holder, "gym", "2026-10"
            )
        self.ledger.close()
        self.folder.cleanup()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(STORES))
def test_a_store_goes_as_the_model_says(name):
    """Random check-ins, voids, departures, retries and time, compared answer by answer."""
    machine = type("Machine", (Interleaving,), {"store": name})
    fresh_id()
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
