"""Scenario 9 (docs/guide-coverage.md): the official check-up after the union's, and after the State Council
allowance.
"""

from datetime import timedelta

import pytest

from cards.marks import Mark, MarkKind
from tests.verifier.booking import CLERK, LOUNGE, Phone, lounge, patch
from tests.verifier.world import at

UNION, OFFICIAL = "union-checkup", "official-checkup"


@pytest.fixture
def used(world, diamond):
    """The union's check-up booked for 2026, its day set by the union, and used that day; its entry and its desk."""
    booking = Phone(world, diamond).booked(UNION, {"year": 2026})["booking"]["id"]
    patch(lounge(world, "union", CLERK), booking, delay={"expected_at": at("2026-10-31 00:00").isoformat()})
    desk = lounge(world, "union")
    answer = desk.outcome(diamond.shown(), UNION)
    assert (answer["outcome"], answer["quotas"][0]["limit"]) == ("granted", "annual-health/union")
    return answer["id"], desk


def test_after_the_unions_the_official_one_is_refused_at_the_receipt_naming_it(world, diamond, used):
    """Excluded, told by which service, when and in which entry; the union's own second one is spent instead."""
    phone = Phone(world, diamond)
    refused = phone.booked(OFFICIAL, {"year": 2026})
    assert (refused["outcome"], refused["reason"]) == ("denied", "excluded")
    assert refused["excluded_by"]["service"] == UNION
    assert "工会服务" in refused["message"]["zh"]
    assert phone.booked("union-retreat", {"year": 2026})["reason"] == "quota-spent"
    assert phone.booked(OFFICIAL, {"year": 2027})["outcome"] == "granted"


def test_a_receipt_of_the_unions_excludes_like_its_use(world, diamond):
    """The first hold fixes the member."""
    phone = Phone(world, diamond)
    booking = phone.booked("union-retreat", {"year": 2026})["booking"]["id"]
    assert phone.booked(OFFICIAL, {"year": 2026})["reason"] == "excluded"
    assert phone.cancel(booking).json["quotas"][0]["used"] == 0
    assert phone.booked(OFFICIAL, {"year": 2026})["outcome"] == "granted"


def test_voided_and_given_up_the_official_one_is_allowed(world, diamond, used):
    """A void returns the booking to held; given up, the choice is free again. On the day the desk gives it up."""
    entry, desk = used
    phone = Phone(world, diamond)
    assert desk.call("POST", f"/v1/check-ins/{entry}/void", {"reason": "wrong-person"}).status_code == 201
    (own,) = phone.own()
    assert own["state"] == "held"
    assert phone.booked(OFFICIAL, {"year": 2026})["reason"] == "excluded"
    assert phone.cancel(own["id"]).json["code"] == "too-late-to-cancel"
    assert desk.call("DELETE", f"/v1/bookings/{own['id']}?reason=mistake").json["outcome"] == "granted"
    assert phone.booked(OFFICIAL, {"year": 2026})["outcome"] == "granted"


def test_voided_after_its_day_the_official_one_is_allowed_at_once(world, diamond):
    """The organiser had set the day; when the void comes its grace is over, and nothing is held any more."""
    phone = Phone(world, diamond)
    booking = phone.booked(UNION, {"year": 2026})["booking"]["id"]
    desk = lounge(world, "union", CLERK)
    desk.call("PATCH", f"/v1/bookings/{booking}", {"delay": {"expected_at": "2026-11-01T01:00:00Z"}})
    world.go("2026-11-01 09:05")
    entry = lounge(world, "union", CLERK).outcome(diamond.shown(), UNION)["id"]
    world.go("2026-11-02 10:00")
    assert phone.booked(OFFICIAL, {"year": 2026})["reason"] == "excluded"
    supervisor = lounge(world, "union", LOUNGE)
    void = supervisor.call("POST", f"/v1/check-ins/{entry}/void", {"reason": "wrong-person"})
    assert void.json["quotas"][0]["used"] == 0
    assert phone.booked(OFFICIAL, {"year": 2026})["outcome"] == "granted"


def test_the_state_council_allowance_holds_the_receipt_until_it_is_ruled(world, diamond):
    """Item 11 is referred to the department; item 6 is granted with a note in the log; a ruling opens the receipt."""
    allowance = "state-council-allowance"
    world.marks.append(Mark(diamond.claims.subject, MarkKind.BENEFIT, allowance))
    world.clock.advance(timedelta(seconds=2))
    world.publish()
    phone = Phone(world, diamond)
    held = phone.booked(OFFICIAL, {"year": 2026})
    assert (held["reason"], held["call"]["phone"]) == ("refer-to-department", "35912660")

    noted = world.device("hosp-2").outcome(diamond.shown(), "hospital-registration")
    assert noted["outcome"] == "granted"
    assert world.log()[-1]["marks"] == [f"elsewhere:{allowance}"]

    world.marks.append(Mark(diamond.claims.subject, MarkKind.RULING, f"{allowance}:granted"))
    world.clock.advance(timedelta(seconds=2))
    world.publish()
    assert phone.booked(OFFICIAL, {"year": 2026})["outcome"] == "granted"


def test_gold_is_bound_through_item_10_alone(world):
    """One of the union's two a year; the official one is not gold's."""
    gold = world.card("gold")
    phone = Phone(world, gold)
    assert phone.booked(UNION, {"year": 2026})["outcome"] == "granted"
    assert phone.booked("union-retreat", {"year": 2026})["reason"] == "quota-spent"
    assert phone.booked(OFFICIAL, {"year": 2026})["reason"] in {"excluded", "not-entitled"}


def test_a_receipt_may_be_cancelled_until_the_day_before(world, diamond):
    """On the day itself only staff can."""
    phone = Phone(world, diamond)
    booking = phone.booked(OFFICIAL, {"year": 2026, "day": "2026-11-05"})["booking"]["id"]
    world.go("2026-11-05 08:00")
    refused = phone.cancel(booking)
    assert (refused.status_code, refused.json["code"]) == (409, "too-late-to-cancel")
    desk = world.device("cadre-health", CLERK)
    assert desk.call("DELETE", f"/v1/bookings/{booking}?reason=organiser-cancelled").json["outcome"] == "granted"
