"""Scenario 4 (docs/guide-coverage.md): diamond, phone dead, booked at the domestic lounge."""

import pytest

from cards.claims import Form
from tests.verifier.booking import Phone, day_list, flight, lounge
from tests.verifier.test_chips_and_tags import Chip

SERVICE = "airport-dom-departure"


@pytest.fixture
def diamond(world):
    """A diamond phone card; its departure is booked for 1 November, 14:00."""
    card = world.card("diamond")
    assert Phone(world, card).booked(SERVICE, flight("2026-11-01 14:00"))["outcome"] == "granted"
    world.go("2026-11-01 12:00")
    return card


@pytest.fixture
def desk(world):
    """The domestic lounge, with a supervisor signed in."""
    return lounge(world)


def test_the_printed_card_and_an_id_check_serve(world, diamond, desk):
    """Found by holder and service without a word of the booking; the answer shows party and cars, names masked."""
    printed = world.card("diamond", Form.PRINT, subject=diamond.claims.subject)
    assert desk.outcome(printed.shown(), SERVICE)["reason"] == "id-check-needed"
    answer = desk.outcome(printed.shown(), SERVICE, id_checked=True, companions=1)
    assert (answer["outcome"], answer["quotas"][0]["used"]) == ("granted", 1)
    booking = answer["booking"]
    assert (booking["state"], booking["party"], booking["vehicles"]) == ("used", 2, 1)
    assert booking["details"]["passengers"] == ["张*明", "李*"]
    assert booking["details"]["plates"] == ["粤A12345"]
    assert world.log()[-1]["companions"] == 1


def test_with_nothing_the_supervisor_finds_the_booking_in_the_days_list(world, diamond, desk):
    """The list, the original ID, a reason and a note: used once, and marked in the log as an override."""
    (listed,) = day_list(desk, "air-dom", "2026-11-01")
    assert (listed["holder_name"], listed["booking"]["state"]) == ("张*明", "held")
    override = {"reason": "phone-dead", "note": "compared with the original ID card"}
    asked = {"service": SERVICE, "booking": listed["booking"]["id"], "override": override}
    unchecked = desk.call("POST", "/v1/check-ins", asked).json
    assert unchecked["reason"] == "id-check-needed"
    answer = desk.call("POST", "/v1/check-ins", {**asked, "id_checked": True}).json
    assert (answer["outcome"], answer["booking"]["state"]) == ("granted", "used")
    leaf = world.log()[-1]
    assert set(leaf["marks"]) == {"id-checked", "override:phone-dead"}
    assert leaf["operator"]
    assert leaf["note"]
    assert world.verifier.store.note(leaf["id"]).endswith(".compared with the original ID card")


def test_used_once_also_when_the_phone_revives(world, diamond, desk):
    """The unit was posted; the live code meets a used booking, and nothing more is counted."""
    (listed,) = day_list(desk, "air-dom", "2026-11-01")
    override = {"reason": "phone-dead", "note": "compared with the original ID card"}
    asked = {"service": SERVICE, "booking": listed["booking"]["id"], "override": override, "id_checked": True}
    assert desk.call("POST", "/v1/check-ins", asked).json["outcome"] == "granted"
    again = desk.outcome(diamond.shown(), SERVICE)
    assert (again["reason"], again["quotas"][0]["used"]) == ("booking-used", 1)
    assert "已经使用" in again["message"]["zh"]


def test_only_a_supervisor_overrides(world, diamond, desk):
    """A device with the right and nobody signed in may not; nor may an operator without the right."""
    (listed,) = day_list(desk, "air-dom", "2026-11-01")
    override = {"reason": "phone-dead", "note": "nobody in charge"}
    asked = {"service": SERVICE, "booking": listed["booking"]["id"], "override": override, "id_checked": True}
    desk.session = None
    response = desk.call("POST", "/v1/check-ins", asked)
    assert (response.status_code, response.json["code"]) == (403, "not-permitted")
    assert [leaf["kind"] for leaf in world.log()] == ["booking"]


def test_a_chip_card_needs_no_id_check(world, diamond, desk):
    """It answers the reader's challenge: proved, and the booking is found."""
    chip = Chip(world.card("diamond", Form.CHIP, subject=diamond.claims.subject), desk)
    answer = desk.outcome(chip.tapped(), SERVICE)
    assert (answer["outcome"], answer["assurance"], answer["booking"]["state"]) == ("granted", "proved", "used")


def test_any_card_of_the_holder_shows_the_booking(world, diamond, desk):
    """A booking is the person's: the look tells what is to be prepared, and its confirmation uses it."""
    printed = world.card("diamond", Form.PRINT, subject=diamond.claims.subject)
    look = desk.call("POST", "/v1/verifications", {"presentation": printed.shown(), "service": SERVICE}).json
    (service,) = look["services"]
    assert (service["entitled"], service["booking"]["kind"], service["booking"]["party"]) == (True, "journey", 2)
    assert len(service["includes"]) == 7
    confirmed = desk.call("POST", "/v1/check-ins", {"service": SERVICE, "look": look["id"], "id_checked": True})
    assert confirmed.json["booking"]["state"] == "used"
