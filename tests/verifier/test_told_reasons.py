"""The reason that a refused visitor gets: first what nobody can mend, then the easiest to mend, also with delays."""

from datetime import timedelta

import pytest

from cards.marks import Mark, MarkKind
from tests.verifier.booking import Phone, flight, lounge, patch
from tests.verifier.world import at
from verifier.rules.reasons import ORDER, first_in_order


@pytest.mark.parametrize(
    ("tier", "point", "service"),
    [
        ("silver", "air-dom", "airport-dom-departure"),
        ("gold", "air-intl", "airport-intl-arrival"),
        ("gold", "cadre-health", "official-checkup"),
        ("silver", "union", "union-checkup"),
        ("silver", "housing", "housing-apartment"),
    ],
)
def test_a_tier_without_the_service_is_told_so_and_sent_to_book_nothing(world, tier, point, service):
    """Nobody books, waits for an opening or looks for another place in vain: the card's tier will never do."""
    answer = world.device(point).outcome(world.card(tier).shown(), service)
    assert answer["reason"] == "not-entitled"
    assert "预约" not in answer["message"]["zh"] + answer["hint"]["zh"]


def test_gold_after_a_union_check_up_is_not_told_to_void_it(world):
    """The official check-up is not gold's, whatever was used before: nothing of the own is to be given up."""
    gold = world.card("gold")
    Phone(world, gold).booked("union-checkup", {"year": 2026})
    answer = lounge(world, "cadre-health").outcome(gold.shown(), "official-checkup")
    assert (answer["reason"], "撤销" in answer["hint"]["zh"]) == ("not-entitled", False)


def test_what_cannot_be_mended_comes_before_what_can():
    """The order of the design: tier, opening, place, beneficiary; then the booking; then what time brings back."""
    mendable = ORDER.index("booking-needed")
    for lasting in ("not-entitled", "service-not-open", "not-offered-here", "not-for-beneficiary", "not-holder"):
        assert ORDER.index(lasting) < mendable
    assert first_in_order(("quota-spent", "booking-needed", "not-entitled")) == "not-entitled"
    assert first_in_order(("refer-to-department", "excluded", "already-in")) == "already-in"


def test_a_delay_recorded_at_the_lounge_never_makes_the_passenger_too_early(world):
    """The aircraft leaves later, the passenger is here by the time on the ticket: the window only grows."""
    card = world.card("diamond")
    world.go("2026-10-31 12:00")
    booking = Phone(world, card).booked("airport-dom-departure", flight("2026-11-01 04:30"))["booking"]
    world.go("2026-11-01 00:35")
    desk = lounge(world)
    look = desk.call("POST", "/v1/verifications", {"presentation": card.shown(), "service": booking["service"]}).json
    moved = patch(desk, booking["id"], delay={"expected_at": at("2026-11-01 05:40").isoformat()})["booking"]
    assert (moved["opens_at"], moved["closes_at"]) == (booking["opens_at"], "2026-11-01T03:40:00Z")
    confirmed = desk.call("POST", "/v1/check-ins", {"look": look["id"], "service": booking["service"]}).json
    assert confirmed["outcome"] == "granted"


def test_a_delay_taken_back_leaves_the_departure_as_it_was(world):
    """A mistaken time is corrected: the window is that of the schedule again."""
    card = world.card("diamond")
    world.go("2026-10-31 12:00")
    booking = Phone(world, card).booked("airport-dom-departure", flight("2026-11-01 04:30"))["booking"]
    desk = lounge(world)
    patch(desk, booking["id"], delay={"expected_at": at("2026-11-01 09:00").isoformat()})
    again = patch(desk, booking["id"], delay={"expected_at": booking["scheduled_at"]})["booking"]
    assert (again["opens_at"], again["closes_at"]) == (booking["opens_at"], booking["closes_at"])


def test_the_number_told_for_a_booking_takes_bookings(world):
    """The guide's booking telephone, not the department's enquiries, wherever another booking mends the refusal."""
    world.go("2026-11-02 12:00")
    diamond = world.card("diamond")
    needed = lounge(world).outcome(diamond.shown(), "airport-dom-departure")
    assert (needed["reason"], needed["call"]["phone"]) == ("booking-needed", "13560135683")
    late = Phone(world, diamond).book("airport-dom-departure", flight("2026-11-02 13:00")).json
    assert (late["reason"], late["call"]["phone"]) == ("booking-too-late", "13560135683")


def test_a_receipt_without_a_day_is_used_on_none(world):
    """Told as waiting for the organiser, with its number, at the look and at the check-in; on its day it is granted."""
    gold = world.card("gold")
    booking = Phone(world, gold).booked("union-checkup", {"year": 2026})["booking"]["id"]
    desk = lounge(world, "union")
    look = desk.call("POST", "/v1/verifications", {"presentation": gold.shown(), "service": "union-checkup"}).json
    refused = desk.outcome(gold.shown(), "union-checkup")
    assert (refused["outcome"], refused["reason"]) == ("denied", "booking-too-early")
    assert (refused["message"]["zh"], refused["call"]["phone"]) == ("主办单位还没有安排这张回执的日期。", "86385035")
    assert [seen["message"] for seen in look["services"]] == [refused["message"]]
    assert refused["quotas"] == look["services"][0]["quotas"]  # the unit stays held
    patch(desk, booking, delay={"expected_at": at("2026-11-02 00:00").isoformat()})
    early = desk.outcome(gold.shown(), "union-checkup")
    assert (early["reason"], "11月2日" in early["message"]["zh"]) == ("booking-too-early", True)
    world.go("2026-11-02 09:00")
    assert lounge(world, "union").outcome(gold.shown(), "union-checkup")["outcome"] == "granted"


def test_a_supervisor_may_admit_a_receipt_without_a_day(world):
    """The organiser has called this holder in, and nobody recorded the day: the override and its note are logged."""
    gold = world.card("gold")
    Phone(world, gold).booked("union-checkup", {"year": 2026})
    override = {"reason": "came-early", "note": "called in by the union"}
    answer = lounge(world, "union").outcome(gold.shown(), "union-checkup", override=override)
    assert answer["outcome"] == "granted"
    assert "override:came-early" in world.log()[-1]["marks"]


def test_too_far_ahead_is_told_as_a_day_from_which_to_book(world):
    """91 days ahead nobody is told to come to the lounge: it is the time to book that is not here yet."""
    world.go("2026-11-02 12:00")
    told = Phone(world, world.card("diamond")).book("airport-dom-departure", flight("2027-02-15 12:00")).json
    assert told["reason"] == "booking-too-early"
    assert "可约" in told["message"]["zh"]
    assert "到时再来" not in told["hint"]["zh"]


def test_a_second_certificate_is_told_to_be_spent_for_ever(world):
    """There is no day from which it begins anew, and none is named."""
    desk, gold = world.device("hrss"), world.card("gold")
    desk.outcome(gold.shown(), "steward-certificate", reference="RC-0001")
    world.clock.advance(timedelta(seconds=15))
    told = desk.outcome(gold.shown(), "steward-certificate", reference="RC-0002")
    assert told["reason"] == "quota-spent"
    assert "—" not in told["message"]["zh"] + told["message"]["en"]
    assert "起可再次使用" not in told["message"]["zh"]


def test_a_re_entry_too_many_after_a_check_out_is_not_told_to_check_out(world):
    """The visit was left: what helps is to wait for its end, and that is told."""
    gym, silver = world.device("gym"), world.card("silver")
    entered = gym.outcome(silver.shown(), "gym-visit")
    for _ in range(6):
        world.clock.advance(timedelta(minutes=2))
        gym.call("POST", f"/v1/check-ins/{entered['id']}/check-out", {})
        world.clock.advance(timedelta(minutes=2))
        told = gym.outcome(silver.shown(), "gym-visit")
    assert (told["outcome"], told["reason"]) == ("denied", "already-in")
    assert "尚未离场" not in told["message"]["zh"]
    assert "先登记离场" not in told["hint"]["zh"]


def test_a_ruling_that_refuses_is_told_as_decided(world):
    """Nobody is sent to have decided again what was decided."""
    diamond, allowance = world.card("diamond"), "state-council-allowance"
    phone = Phone(world, diamond)
    world.marks.append(Mark(diamond.claims.subject, MarkKind.BENEFIT, allowance))
    world.clock.advance(timedelta(seconds=2))
    world.publish()
    waiting = phone.booked("official-checkup", {"year": 2026})
    world.marks.append(Mark(diamond.claims.subject, MarkKind.RULING, f"{allowance}:refused"))
    world.clock.advance(timedelta(seconds=2))
    world.publish()
    decided = phone.booked("official-checkup", {"year": 2026})
    assert {waiting["reason"], decided["reason"]} == {"refer-to-department"}
    assert "认定后" in waiting["message"]["zh"] + waiting["hint"]["zh"]
    assert "已认定" in decided["message"]["zh"]
    assert "认定后" not in decided["message"]["zh"] + decided["hint"]["zh"]


def test_an_expired_look_says_that_the_look_is_over(world):
    """The remedy is to scan again, not to check an address."""
    gym, silver = world.device("gym"), world.card("silver")
    look = gym.call("POST", "/v1/verifications", {"presentation": silver.shown(), "service": "gym-visit"}).json
    world.clock.advance(timedelta(seconds=121))
    over = gym.call("POST", "/v1/check-ins", {"look": look["id"], "service": "gym-visit"})
    assert (over.status_code, over.json["code"]) == (404, "look-over")
    assert "Scan" in over.json["hint"]
