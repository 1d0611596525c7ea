"""The contract of a check-in: limits, visits, choices, proofs, reasons, operations, the clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from edge.clock import FixedClock
from ledger.leaf import fields_of, leaf_hash
from ledger.values import ClockSkew, Figure, LedgerError, OperationConflict, Outcome, device_subject, partition_of
from tests.ledger.builders import (
    GYM_VISIT,
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
    an_end,
)


def at(clock: FixedClock, minutes: float) -> datetime:
    """Move the clock to so many minutes after the start."""
    clock.set(START + timedelta(minutes=minutes))
    return clock.now()


def test_a_grant_counts_and_tells_what_is_left(ledger):
    """The first gym visit of two leaves one, and its entry is in the log."""
    outcome = ledger.check_in(a_gym_visit())
    assert (outcome.granted, outcome.reason) == (True, None)
    assert outcome.figures == (Figure("gym", "2026-10", 1, 2),)
    assert outcome.figures[0].remaining == 1
    assert outcome.visit is not None
    assert outcome.visit.ends_at == START + timedelta(hours=2)
    entry = ledger.entry(outcome.entry)
    assert entry is not None
    assert entry.leaf.outcome == "granted"
    assert leaf_hash(entry.data) == outcome.leaf_hash


def test_a_gym_day_as_in_scenario_1(ledger, clock):
    """09:00 granted, 10:15 already in, 11:00:00 sharp a new visit, 19:00 refused, next month granted."""
    answers = [
        ledger.check_in(a_gym_visit(at(clock, minutes), charges=(a_charge(period=period),)))
        for minutes, period in ((0, "2026-10"), (75, "2026-10"), (120, "2026-10"), (600, "2026-10"), (1440, "2026-11"))
    ]
    assert [answer.reason for answer in answers] == [None, "already-in", None, "quota-spent", None]
    assert [answer.figures[0].used for answer in answers] == [1, 1, 2, 2, 1]


def test_a_visit_over_midnight_costs_the_next_month_nothing(ledger, clock):
    """Opened at 23:30 and scanned again at 00:30: already in, November untouched."""
    ledger.check_in(a_gym_visit(at(clock, 0)))
    again = ledger.check_in(a_gym_visit(at(clock, 60), charges=(a_charge(period="2026-11"),)))
    assert again.reason == "already-in"
    assert again.visit is not None
    assert again.visit.started_at == START
    assert ledger.usage(HOLDER, clock.now()).counters == {("gym", "2026-10"): 1}


def test_the_last_millisecond_of_a_visit_is_inside_it(ledger, clock):
    """A visit is half-open: a millisecond before its end is still inside."""
    ledger.check_in(a_gym_visit())
    clock.set(START + timedelta(hours=2) - timedelta(milliseconds=1))
    assert ledger.check_in(a_gym_visit(clock.now())).reason == "already-in"


def test_all_limits_or_none_are_counted(ledger):
    """When one of two limits is spent the other is not touched."""
    charges = (a_charge(5, limit="first"), a_charge(0, limit="second"))
    outcome = ledger.check_in(a_check_in(charges=charges))
    assert outcome.reason == "quota-spent"
    assert [figure.used for figure in outcome.figures] == [0, 0]
    assert ledger.usage(HOLDER, START).counters == {}


def test_two_charges_on_one_counter_are_judged_together(ledger):
    """Two units in two charges do not slip past a limit of one."""
    outcome = ledger.check_in(a_check_in(charges=(a_charge(1), a_charge(1))))
    assert outcome.reason == "quota-spent"


def test_several_units_are_counted_at_once(ledger):
    """Three of five, then three more are refused, then two fit."""
    charge = a_charge(5, units=3)
    reasons = [ledger.check_in(a_check_in(charges=(c,))).reason for c in (charge, charge, a_charge(5, units=2))]
    assert reasons == [None, "quota-spent", None]


def test_counters_of_holders_periods_and_limits_are_apart(ledger):
    """Another person, month or limit has units of its own."""
    one = (a_charge(1),)
    ledger.check_in(a_check_in(charges=one))
    assert ledger.check_in(a_check_in(holder="another", charges=one)).granted
    assert ledger.check_in(a_check_in(charges=(a_charge(1, period="2026-11"),))).granted
    assert ledger.check_in(a_check_in(charges=(a_charge(1, limit="pool"),))).granted
    assert not ledger.check_in(a_check_in(charges=one)).granted


def test_a_finding_denies_and_nothing_is_counted(ledger):
    """What the rules found is recorded as a refusal, with the limits' figures as they stand."""
    outcome = ledger.check_in(a_gym_visit(findings=("not-entitled",)))
    assert (outcome.granted, outcome.reason) == (False, "not-entitled")
    assert outcome.visit is None
    usage = ledger.usage(HOLDER, START)
    assert (usage.counters, usage.visits) == ({}, {})


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        (("not-entitled", "service-not-open"), "quota-spent"),
        (("not-entitled", "not-offered-here"), "not-offered-here"),
        (("unheard-of",), "quota-spent"),
    ],
)
def test_of_several_reasons_the_first_in_order_is_given(ledger, findings, expected):
    """The rules' findings and the store's own are ranked together; one without a rank comes last."""
    outcome = ledger.check_in(a_check_in(charges=(a_charge(0),), findings=findings))
    assert outcome.reason == expected


def test_another_member_of_a_group_is_excluded(ledger):
    """The first use fixes the member; the refusal names which, by which service, when and in which entry."""
    first = ledger.check_in(a_check_in(choice=a_choice("union"), draft=a_draft(service="union-retreat")))
    other = ledger.check_in(a_check_in(choice=a_choice("official")))
    assert other.reason == "excluded"
    assert other.taken is not None
    assert (other.taken.member, other.taken.service) == ("union", "union-retreat")
    assert (other.taken.at, other.taken.entry) == (START, first.entry)
    assert ledger.check_in(a_check_in(choice=a_choice("official", period="2027"))).granted


def test_the_same_member_meets_its_own_quota_instead(ledger):
    """A second use of the chosen member is not excluded, but may be spent."""
    charges = (a_charge(1, limit="annual-health/union", period="2026"),)
    ledger.check_in(a_check_in(choice=a_choice(), charges=charges))
    again = ledger.check_in(a_check_in(choice=a_choice(), charges=charges))
    assert (again.reason, again.taken) == ("quota-spent", None)


def test_a_denied_use_fixes_no_choice(ledger):
    """Only a use that was granted chooses."""
    ledger.check_in(a_check_in(choice=a_choice("union"), findings=("not-entitled",)))
    assert ledger.check_in(a_check_in(choice=a_choice("official"))).granted


def test_re_entry_after_leaving_is_free_up_to_the_cap(ledger, clock):
    """Left and back: granted without a unit, once; the second time it is already-in."""
    first = ledger.check_in(a_gym_visit())
    ledger.check_out(a_check_out(first.entry, at(clock, 20)))
    back = ledger.check_in(a_gym_visit(at(clock, 30)))
    assert (back.granted, back.re_entry) == (True, True)
    assert back.figures == (Figure("gym", "2026-10", 1, 2),)
    assert back.visit is not None
    assert (back.visit.entry, back.visit.re_entries, back.visit.left_at) == (first.entry, 1, None)
    ledger.check_out(a_check_out(back.entry, at(clock, 40)))
    assert ledger.check_in(a_gym_visit(at(clock, 50))).reason == "already-in"


def test_re_entry_is_granted_though_the_quota_is_spent(ledger, clock):
    """The unit was paid at the door: with none left the visitor may still come back."""
    first = ledger.check_in(a_gym_visit(charges=(a_charge(1),)))
    ledger.check_out(a_check_out(first.entry, at(clock, 20)))
    assert ledger.check_in(a_gym_visit(at(clock, 30), charges=(a_charge(1),))).granted


def test_re_entry_does_not_pass_a_finding(ledger, clock):
    """A holder no longer entitled does not come in again."""
    first = ledger.check_in(a_gym_visit())
    ledger.check_out(a_check_out(first.entry, at(clock, 20)))
    refused = ledger.check_in(a_gym_visit(at(clock, 30), findings=("not-entitled",)))
    assert (refused.reason, refused.re_entry) == ("not-entitled", False)


def test_visits_of_points_are_apart(ledger):
    """Inside at one point says nothing about another."""
    ledger.check_in(a_gym_visit())
    assert ledger.check_in(a_gym_visit(draft=a_draft(point="pool"))).granted


def test_a_spent_proof_is_refused_even_to_its_own_device(ledger):
    """A proof serves one grant: a screenshot shown again is proof-used before any other reason."""
    ledger.check_in(a_check_in(claim=a_claim()))
    again = ledger.check_in(a_check_in(claim=a_claim(), findings=("not-offered-here",)))
    assert again.reason == "proof-used"


def test_a_proof_claimed_by_one_device_is_refused_to_another(ledger):
    """The first device to present a proof holds it, though its own check-in was denied."""
    denied = ledger.check_in(a_check_in(claim=a_claim(), findings=("not-entitled",)))
    assert denied.reason == "not-entitled"
    assert ledger.check_in(a_check_in(claim=a_claim(), device="tablet-2")).reason == "proof-used"
    assert ledger.check_in(a_check_in(claim=a_claim())).granted


def test_a_look_claims_the_proof_for_its_device(ledger):
    """A look takes the claim and writes no entry; the device that looked may check in with it."""
    assert ledger.claim(HOLDER, "tablet-1", a_claim(), START)
    assert ledger.claim(HOLDER, "tablet-1", a_claim(), START)
    assert not ledger.claim(HOLDER, "tablet-2", a_claim(), START)
    assert ledger.check_in(a_check_in(claim=a_claim(), device="tablet-2")).reason == "proof-used"
    granted = ledger.check_in(a_check_in(claim=a_claim()))
    assert granted.granted
    assert not ledger.claim(HOLDER, "tablet-1", a_claim(), START)
    assert granted.entry.endswith("-000002")


def test_proofs_of_two_cards_are_apart(ledger):
    """The marker is the card's and the proof's together."""
    ledger.check_in(a_check_in(claim=a_claim()))
    assert ledger.check_in(a_check_in(claim=a_claim(card="another-card"))).granted


@pytest.mark.parametrize("findings", [(), ("not-entitled",)])
def test_an_operation_sent_again_gets_its_first_answer(ledger, clock, findings):
    """Grant or denial: the same values again, whatever happened since, and no second entry."""
    change = a_gym_visit(operation="the-operation-1", claim=a_claim(), findings=findings)
    first = ledger.check_in(change)
    ledger.check_in(a_check_in(charges=(a_charge(),)))
    later = at(clock, 30)
    again = ledger.check_in(replace(change, at=later))
    assert again == replace(first, replayed=True)
    assert ledger.replay(change.operation) == again
    assert not first.replayed
    assert ledger.usage(HOLDER, later).counters[("gym", "2026-10")] == (1 if findings else 2)


def test_an_excluded_answer_is_kept_whole(ledger):
    """What excluded, the visit and the figures come back as they were."""
    ledger.check_in(a_check_in(choice=a_choice("union")))
    change = a_gym_visit(choice=a_choice("official"), operation="the-operation-2")
    assert ledger.check_in(change) == replace(ledger.check_in(change), replayed=False)
    assert ledger.check_in(change).taken is not None


def test_an_operation_id_of_another_request_is_a_conflict(ledger):
    """The id is bound to one intended change; nothing is written for another."""
    ledger.check_in(a_check_in(operation="the-operation-3"))
    other = a_check_in(operation="the-operation-3", request=b"x" * 32)
    with pytest.raises(OperationConflict):
        ledger.check_in(other)
    with pytest.raises(OperationConflict):
        ledger.replay(other.operation)
    assert ledger.check_in(a_check_in()).entry.endswith("-000002")


def test_an_operation_id_is_its_devices_own(ledger):
    """The same id from another device is another operation; with another holder's card it is a conflict."""
    assert not ledger.check_in(a_check_in(operation="the-operation-4")).replayed
    assert not ledger.check_in(a_check_in(operation="the-operation-4", device="tablet-2")).replayed
    another = a_check_in(operation="the-operation-4", holder="another", request=b"x" * 32)
    for ask in (lambda: ledger.replay(another.operation), lambda: ledger.check_in(another)):
        with pytest.raises(OperationConflict):
            ask()
    assert ledger.usage("another", START).counters == {}
    assert ledger.kept(another.operation) is None


def test_a_retry_finds_an_early_refusal_under_the_holder_that_it_names(ledger):
    """What was refused before the card was believed lies in the device's partition, and is found from the holder's."""
    subject = device_subject("tablet-1")
    draft = a_draft(card=None, tier=None, form=None, token=b"t" * 32)
    refused = a_check_in(holder=subject, operation="the-operation-5", findings=("unknown-key",), draft=draft)
    outcome = ledger.check_in(refused)
    assert ledger.replay(replace(refused.operation, subject="holder-1")) == replace(outcome, replayed=True)


def test_an_unknown_operation_has_no_answer(ledger):
    """Neither for a holder never seen nor for one seen."""
    change = a_check_in()
    assert ledger.replay(change.operation) is None
    ledger.check_in(a_check_in())
    assert ledger.replay(change.operation) is None


def test_a_refusal_before_any_holder_lies_in_the_devices_partition(ledger):
    """Without a verified card: the token's digest, no holder, and its retry is answered."""
    subject = device_subject("tablet-1")
    change = a_check_in(
        holder=subject, findings=("bad-signature",), draft=a_draft(card=None, tier=None, form=None, token=b"t" * 32)
    )
    outcome = ledger.check_in(change)
    entry = ledger.entry(outcome.entry)
    assert entry is not None
    assert (entry.partition, outcome.reason) == (partition_of(subject), "bad-signature")
    assert entry.leaf.holder is None
    assert entry.leaf.token == "dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHQ"
    assert ledger.check_in(change).replayed
    assert ledger.replay(change.operation) is not None
    assert ledger.pseudonym(subject) is None
    assert ledger.usage(subject, START).counters == {}


@pytest.mark.parametrize(
    "change",
    [
        {"findings": ()},
        {"findings": ("bad-signature",), "charges": (a_charge(),)},
        {"findings": ("bad-signature",), "draft": a_draft()},
    ],
)
def test_nothing_is_granted_or_counted_without_a_holder(ledger, change):
    """A device's own subject holds refusals alone."""
    without = a_check_in(**{"holder": device_subject("tablet-1"), "draft": a_draft(card=None), **change})
    with pytest.raises(LedgerError):
        ledger.check_in(without)
    assert ledger.replay(without.operation) is None


@pytest.mark.parametrize("seconds", [-3600, -30.001, 2.001, 3600])
def test_an_instant_off_the_hosts_clock_is_refused(ledger, clock, seconds):
    """More than 2 s ahead, or older than a request may be: nothing written; the operation works with the right one."""
    change = a_gym_visit(START + timedelta(seconds=seconds))
    with pytest.raises(ClockSkew):
        ledger.check_in(change)
    assert ledger.check_in(replace(change, at=clock.now())).entry.endswith("-000001")


@pytest.mark.parametrize("seconds", [2.001, 15, 30])
def test_a_request_that_took_long_is_recorded_as_it_began(ledger, clock, seconds):
    """Under load a request ages before its step: no clock is wrong, and its own instant and period stand."""
    change = a_gym_visit()
    clock.advance(timedelta(seconds=seconds))
    first = ledger.check_in(change)
    assert (first.granted, first.at) == (True, START)
    assert ledger.check_out(a_check_out(first.entry, START)).at == START
    late = ledger.hold(a_hold(START))
    assert (late.granted, ledger.end_booking(an_end(late.booking, START)).at) == (True, START)
    assert ledger.claim(HOLDER, "tablet-1", a_claim("another"), START)


def test_a_retry_is_answered_before_the_clock_is_looked_at(ledger):
    """A device whose server's clock went off meanwhile still learns what happened."""
    change = a_gym_visit()
    ledger.check_in(change)
    assert ledger.check_in(replace(change, at=START + timedelta(hours=1))).replayed


def test_the_instant_of_a_partition_never_goes_back(ledger):
    """Of two servers a second apart the later one's time stands for both."""
    first = ledger.check_in(a_check_in(START + timedelta(seconds=1)))
    second = ledger.check_in(a_check_in(START - timedelta(seconds=0.5)))
    assert second.at == first.at == START + timedelta(seconds=1)


def test_a_clock_set_back_is_refused_until_it_has_caught_up(ledger, clock):
    """An entry is never dated more than 2 s from the store's clock, even to keep the order."""
    ledger.check_in(a_check_in())
    with pytest.raises(ClockSkew):
        ledger.check_in(a_check_in(at(clock, -5)))
    assert ledger.check_in(a_check_in(at(clock, 0))).granted


def test_entries_are_dense_and_chained(ledger):
    """Denials too: seq from 1 without a gap, each naming the hash of the one before."""
    outcomes: list[Outcome] = [ledger.check_in(a_gym_visit()) for _ in range(4)]
    entries = [ledger.entry(outcome.entry) for outcome in outcomes]
    assert [entry.seq for entry in entries if entry] == [1, 2, 3, 4]
    assert {entry.partition for entry in entries if entry} == {partition_of(HOLDER)}
    assert entries[0] is not None
    assert entries[0].leaf.prev == "A" * 43


def test_the_log_names_nobody(ledger):
    """Neither `sub` nor `jti` stands in a leaf; the pseudonym is the holder's everywhere."""
    change = a_gym_visit(claim=a_claim())
    entry = ledger.entry(ledger.check_in(change).entry)
    assert entry is not None
    assert HOLDER.encode() not in entry.data
    assert b"Y2FyZC1vZi10aGUtaG9sZA" not in entry.data
    assert entry.leaf.holder == ledger.pseudonym(HOLDER)
    assert ledger.pseudonym("another") is None


def test_what_the_draft_says_stands_in_the_leaf(ledger):
    """Each value under its own name, absent ones left out."""
    draft = a_draft(
        operator="op-7",
        beneficiary="spouse",
        reference="粤A-2026-0001",
        client_time=1793408400123,
        marks=("represented",),
        extra={"companions": 2, "id_checked": True},
    )
    entry = ledger.entry(ledger.check_in(a_check_in(draft=draft)).entry)
    assert entry is not None
    said = {"operator": "op-7", "beneficiary": "spouse", "reference": "粤A-2026-0001", "client_time": 1793408400123}
    said |= {"marks": ["represented"], "companions": 2, "id_checked": True}
    told = fields_of(entry.leaf)
    assert {name: told[name] for name in said} == said
    assert not {"token", "target", "visit", "charges"} & told.keys()


@pytest.mark.parametrize(
    "draft",
    [
        a_draft(point=""),
        a_draft(reference="line\nbreak"),
        a_draft(reference="lone \ud800 surrogate"),
        a_draft(bundle=-1),
        a_draft(extra={"seq": 9}),
        a_draft(extra={"colour": "red"}),
        a_draft(extra={"companions": "two"}),
    ],
)
def test_a_draft_that_makes_no_leaf_is_refused_whole(ledger, draft):
    """Neither entry nor holder, counter or operation is left of it."""
    change = a_gym_visit(draft=draft)
    with pytest.raises(LedgerError):
        ledger.check_in(change)
    assert ledger.usage(HOLDER, START).counters == {}
    assert ledger.replay(change.operation) is None
    assert ledger.pseudonym(HOLDER) is None


def test_usage_tells_counters_choices_and_running_visits(ledger, clock):
    """As of the instant asked: a visit that is over is not among them."""
    outcome = ledger.check_in(a_gym_visit(choice=a_choice()))
    usage = ledger.usage(HOLDER, at(clock, 119))
    assert usage.counters == {("gym", "2026-10"): 1}
    assert usage.choices[("annual-health", "2026")].entry == outcome.entry
    assert usage.visits == {("gym-visit", "gym"): outcome.visit}
    assert ledger.usage(HOLDER, at(clock, 120)).visits == {}


def test_a_void_makes_room_for_another_visit(ledger):
    """The visit is closed and its unit is back."""
    first = ledger.check_in(a_gym_visit(charges=(a_charge(1),)))
    ledger.void(a_void(first.entry))
    again = ledger.check_in(a_gym_visit(charges=(a_charge(1),), visit=GYM_VISIT))
    assert again.granted
    assert not again.re_entry
