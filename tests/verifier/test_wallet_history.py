"""A holder's own history and delays: told to the holder's own phone, page by page, and to nobody else."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from accounts.rights import Right
from cards.status import Status
from edge.encoding import unb64u
from keys.signer import FileSigner
from keys.wallet_proof import SignedCall, sign_wallet_proof
from tests.verifier.booking import Phone, flight, lounge
from tests.verifier.world import BASE

PATH = "/v1/wallet/history"


@pytest.fixture
def other(world):
    """Another holder's phone."""
    return Phone(world, world.card("diamond"))


@pytest.fixture
def phone(world, other, diamond):
    """The phone that holds it."""
    return Phone(world, diamond)


def told(phone, **asked) -> dict:
    """What the phone is told."""
    response = phone.call("POST", PATH, asked)
    assert response.status_code == 200, response.get_data(as_text=True)
    assert response.headers["Cache-Control"] == "no-store"
    return response.json


def test_uses_granted_refused_and_voided_are_told_with_time_point_and_quota(world, phone, diamond):
    """Newest first; a void marks what it took back."""
    gym = world.device("gym", frozenset({Right.CHECK_IN, Right.VOID}))
    granted = gym.check_in(diamond.shown(), "gym-visit").json
    world.go("2026-10-31 09:05")
    refused = gym.check_in(diamond.shown(), "gym-visit").json
    gym.call("POST", f"/v1/check-ins/{granted['id']}/void", {"reason": "wrong-service"})
    void, second, first = told(phone)["entries"]
    assert (first["id"], first["outcome"], first["voided"]) == (granted["id"], "granted", True)
    assert (first["at"], first["point"]) == ("2026-10-31T01:00:00Z", "gym")
    assert first["counted"][0]["resets_at"] == "2026-10-31T16:00:00Z"
    assert first["service_name"]["zh"]
    assert (second["id"], second["outcome"], second["reason"]) == (refused["id"], "denied", "already-in")
    assert (void["kind"], void["target"], void["reason"]) == ("void", granted["id"], "wrong-service")


def test_the_leaf_hash_is_that_of_the_promise(world, phone, diamond):
    """So the holder can hold the log to what the counter was promised."""
    promised = world.device("gym").check_in(diamond.shown(), "gym-visit").json["promise"]
    (entry,) = told(phone)["entries"]
    assert entry["leaf_hash"] in unb64u(promised.split(".")[1]).decode()
    assert unb64u(entry["promise"].split(".")[1]) == unb64u(promised.split(".")[1])


def test_bookings_and_their_ends_are_part_of_it(phone):
    """Booked and cancelled, each with its entry."""
    booked = phone.booked("airport-dom-departure", flight("2026-11-01 14:00"))
    phone.cancel(booked["id"])
    cancelled, first = told(phone)["entries"]
    assert (first["kind"], first["id"], first["counted"][0]["period"]) == ("booking", booked["id"], "2026")
    assert (cancelled["kind"], cancelled["target"]) == ("booking-cancel", booked["id"])


def test_it_comes_in_pages_without_gap_or_twice(world, phone, diamond):
    """Seven entries in pages of three."""
    gym = world.device("gym")
    for minute in range(7):
        world.go(f"2026-10-31 09:{minute:02d}")
        gym.check_in(diamond.shown(), "gym-visit")
    seen, before = [], {}
    for _ in range(3):
        page = told(phone, limit=3, **before)
        seen += page["entries"]
        before = {"before": page.get("next")}
    assert before == {"before": None}
    assert len({entry["id"] for entry in seen}) == 7
    assert all(one["at"] >= other["at"] for one, other in pairwise(seen))


def test_another_holders_phone_sees_nothing_of_it(world, phone, diamond, other):
    """Neither with its own card, nor by signing for this card, nor by another's entry as a cursor."""
    world.device("gym").check_in(diamond.shown(), "gym-visit")
    assert told(other) == {"valid": True, "server_time": "2026-10-31T01:00:00Z"}
    (entry,) = told(phone)["entries"]
    assert "entries" not in told(other, before=entry["id"])
    body = json.dumps({"card": diamond.token}).encode()
    for signer in (other.card.signer, FileSigner.generate()):
        call = SignedCall("POST", BASE + PATH, body, diamond.token)
        response = phone.call("POST", PATH, proof=sign_wallet_proof(signer, call, world.clock.now()))
        assert (response.status_code, response.json["code"]) == (401, "bad-wallet-proof")


@pytest.mark.parametrize("status", [Status.REVOKED, Status.SUSPENDED])
def test_a_card_that_was_stopped_learns_why_and_no_history(world, phone, diamond, status):
    """Whoever holds a blocked phone may be a finder."""
    world.device("gym").check_in(diamond.shown(), "gym-visit")
    world.set_status(diamond, status)
    answer = told(phone)
    assert (answer["valid"], answer["reason"], "entries" in answer) == (False, status.name.lower(), False)


@pytest.mark.parametrize("asked", [{"before": "x" * 65}, {"limit": 0}, {"limit": 51}, {"limit": "3"}, {"holder": "x"}])
def test_what_is_no_page_is_a_problem(phone, asked):
    """Never a failure of the server; a holder cannot be named."""
    assert phone.call("POST", PATH, asked).status_code in {400, 422}


def test_a_cursor_that_is_none_is_a_problem_or_an_end(phone):
    """Whatever was typed."""
    assert phone.call("POST", PATH, {"before": "nonsense"}).status_code in {200, 422}


def delay(phone, booking: str, expected: str):
    """Tell of a late carrier."""
    return phone.call("POST", f"/v1/wallet/bookings/{booking}/delay", {"expected_at": expected})


def test_a_late_carrier_moves_the_window_and_never_the_unit(world):
    """Told by the holder, seen at the lounge; the flight of 31 December stays 2026's."""
    world.go("2026-12-30 09:00")
    phone = Phone(world, world.card("diamond"))
    booked = phone.booked("airport-dom-departure", flight("2026-12-31 23:00"))
    answer = delay(phone, booked["id"], "2026-12-31T18:30:00Z")
    assert (answer.status_code, answer.json["outcome"]) == (200, "granted"), answer.json
    (own,) = phone.own()
    assert (own["expected_at"], own["scheduled_at"]) == ("2026-12-31T18:30:00Z", "2026-12-31T15:00:00Z")
    assert told(phone)["entries"][0]["kind"] == "booking-change"
    world.go("2027-01-01 06:00")
    used = lounge(world).outcome(phone.card.shown(), "airport-dom-departure", booking=booked["id"])
    assert used["outcome"] == "granted"
    quotas = phone.call("POST", "/v1/wallet/usage").json["services"]
    (airport,) = next(one["quotas"] for one in quotas if one["code"] == "airport-dom-departure")
    assert (airport["period"], airport["used"]) == ("2027", 0)


@pytest.mark.parametrize("expected", ["2026-11-01T05:59:59Z", "2026-11-02T06:00:01Z", "soon"])
def test_a_delay_is_later_by_a_day_at_most(phone, expected):
    """Anything else is a change, under its rules."""
    booked = phone.booked("airport-dom-departure", flight("2026-11-01 14:00"))
    answer = delay(phone, booked["id"], expected)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid-field")


def test_a_delay_of_anothers_booking_or_of_a_room_is_refused(world, phone, other):
    """Another's sounds like none; a room has no carrier; one that is over is not revived."""
    booked = phone.booked("airport-dom-departure", flight("2026-11-01 14:00"))
    assert delay(other, booked["id"], "2026-11-01T08:00:00Z").json["code"] == "not-found"
    assert delay(phone, "00-000999", "2026-11-01T08:00:00Z").json["code"] == "not-found"
    room = phone.booked("library-room", {"slot": "2026-11-02T06:00:00Z/2026-11-02T08:00:00Z", "people": 3})
    assert delay(phone, room["id"], "2026-11-02T07:00:00Z").json["code"] == "invalid-field"
    world.go("2026-11-01 20:01")
    assert delay(phone, booked["id"], "2026-11-01T13:00:00Z").json["code"] == "booking-was-missed"
