"""Look, then confirm: a look consumes nothing, belongs to one device, and ends after 120 seconds."""

from dataclasses import replace
from datetime import timedelta

from cards.claims import Form
from tests.verifier.booking import Phone, flight, lounge
from verifier.api.points import point_view


def look(device, presentation, **rest):
    """Look at a presentation."""
    response = device.call("POST", "/v1/verifications", {"presentation": presentation, **rest})
    assert response.status_code == 200, response.get_data(as_text=True)
    return response.json


def confirm(device, look_id, service, **rest):
    """Confirm a look."""
    return device.call("POST", "/v1/check-ins", {"look": look_id, "service": service, **rest})


def test_a_look_consumes_nothing_and_is_confirmed(world):
    """The look tells what is left; the confirming check-in counts once, though the proof is old by then."""
    silver, gym = world.card("silver"), world.device("gym")
    seen = look(gym, silver.shown())
    assert (seen["valid"], seen["holder"]["name"], seen["tier"]) == (True, "张*明", "silver")
    (service,) = seen["services"]
    assert (service["code"], service["entitled"], service["quotas"][0]["remaining"]) == ("gym-visit", True, 2)
    assert world.log() == []
    world.clock.advance(timedelta(seconds=100))
    granted = confirm(gym, seen["id"], "gym-visit").json
    assert (granted["outcome"], granted["quotas"][0]["remaining"]) == ("granted", 1)


def test_a_look_is_its_devices_own_and_ends(world):
    """Another device cannot confirm it, and after 120 seconds nobody can."""
    silver, gym, other = world.card("silver"), world.device("gym"), world.device("gym", label="Desk 2")
    seen = look(gym, silver.shown())
    assert confirm(other, seen["id"], "gym-visit").json["code"] == "look-over"
    world.clock.advance(timedelta(seconds=120))
    assert confirm(gym, seen["id"], "gym-visit").json["code"] == "look-over"
    assert world.log() == []


def test_a_look_claims_the_proof(world):
    """The same code on a second device is used, though the first only looked."""
    silver, gym, other = world.card("silver"), world.device("gym"), world.device("gym", label="Desk 2")
    shown = silver.shown()
    look(gym, shown)
    assert other.outcome(shown, "gym-visit")["reason"] == "proof-used"
    assert look(other, shown)["reason"] == "proof-used"


def test_a_printed_card_asks_for_the_id_check(world):
    """Step 6 passes provisionally and says what the confirming call must bring."""
    printed, gym = world.card("silver", Form.PRINT), world.device("gym")
    seen = look(gym, printed.shown())
    assert (seen["valid"], seen["needs"]) == (True, ["id_check"])
    assert confirm(gym, seen["id"], "gym-visit").json["reason"] == "id-check-needed"
    assert confirm(gym, seen["id"], "gym-visit", id_checked=True).json["outcome"] == "granted"


def test_a_look_says_what_would_be_refused(world):
    """Already in, by the same judgement as the check-in's; the figures are as they stand."""
    silver, gym = world.card("silver"), world.device("gym")
    gym.outcome(silver.shown(), "gym-visit")
    (service,) = look(gym, silver.shown())["services"]
    assert (service["entitled"], service["reason"], service["quotas"][0]["used"]) == (False, "already-in", 1)


def test_looks_are_kept_in_the_access_log_without_names(world):
    """Who looked where and when; the holder by the log's name alone."""
    silver, gym = world.card("silver"), world.device("gym")
    look(gym, silver.shown())
    (line,) = world.verifier.store.accesses()
    assert (line["kind"], line["caller"], line["point"]) == ("look", gym.id, "gym")
    assert silver.claims.subject not in str(line)
    assert "张" not in str(line)


def test_looks_are_rate_limited(world):
    """A device that looks all the time is slowed down; check-ins go on."""
    silver, gym = world.card("silver"), world.device("gym")
    shown = silver.shown()
    codes = [gym.call("POST", "/v1/verifications", {"presentation": shown}).status_code for _ in range(61)]
    assert codes.count(429) == 1
    assert gym.outcome(shown, "gym-visit")["outcome"] == "granted"


def test_a_look_at_a_printed_card_is_one_use(world):
    """Confirmed twice under two operation ids, by a double tap, it counts once; a denial leaves it to be confirmed."""
    printed, desk = world.card("gold", Form.PRINT), world.device("hosp-2")
    world.clock.advance(timedelta(seconds=2))
    seen = look(desk, printed.token)
    assert confirm(desk, seen["id"], "hospital-registration").json["reason"] == "id-check-needed"
    told = [confirm(desk, seen["id"], "hospital-registration", id_checked=True).json["reason"] for _ in range(2)]
    assert told == [None, "proof-used"]
    assert [entry["outcome"] for entry in world.log()] == ["denied", "granted", "denied"]


def test_a_look_says_in_words_why_a_service_would_be_refused(world):
    """The sentence of the check-in's answer, with its times, so that staff can say it before anybody compares an ID."""
    silver, gym = world.card("silver"), world.device("gym")
    gym.outcome(silver.shown(), "gym-visit")
    (service,) = look(gym, silver.shown())["services"]
    refused = gym.outcome(silver.shown(), "gym-visit")
    assert (service["message"], service["hint"]) == (refused["message"], refused["hint"])


def test_a_look_tells_of_every_booking_that_can_be_named(world):
    """Two flights held: the nearer is the one that would be used, both can be chosen; a cancelled one is not there."""
    phone = Phone(world, world.card("diamond"))
    service = "airport-dom-departure"
    first = phone.booked(service, flight("2026-11-01 14:00"))["booking"]["id"]
    gone = phone.booked(service, flight("2026-11-01 16:00", flight="CZ3103"))["booking"]["id"]
    assert phone.cancel(gone).status_code == 200
    second = phone.booked(service, flight("2026-11-01 17:00", flight="CZ3105"))["booking"]["id"]
    world.go("2026-11-01 13:30")
    (seen,) = look(lounge(world), phone.card.shown(), service=service)["services"]
    assert seen["booking"]["id"] == first
    assert [booking["id"] for booking in seen["bookings"]] == [first, second]
    assert "message" not in seen


def test_a_point_tells_its_counter_what_it_must_ask(world):
    """Choices of a reference, looking first, companions, the checklist, the names of a booking's fields."""
    gym = world.client.get("/v1/points/gym").json["services"][0]
    assert gym["reference_choices"]["swimming"]["zh"] == "游泳"
    assert "look_first" not in gym
    services = {service["code"]: service for service in world.client.get("/v1/points/air-dom").json["services"]}
    departure, arrival = services["airport-dom-departure"], services["airport-dom-arrival"]
    assert (departure["look_first"], departure["companions_most"], len(departure["includes"])) == (True, 4, 7)
    assert departure["own_expense"]
    assert [len(service["booking_fields"]) for service in (departure, arrival)] == [12, 13]
    assert {"code": "plates", "kind": "plates"}.items() <= departure["booking_fields"][10].items()


def test_a_point_may_ask_for_digits_alone(world):
    """Its scanners' letters do not survive: the counter is told, by the programme's word."""
    gym = world.programme.points["gym"]
    assert not point_view(world.programme, gym).digits_only
    assert point_view(world.programme, replace(gym, digits_only=True)).digits_only
