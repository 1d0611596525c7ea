"""Places that several holders compete for: a room at an hour, the seats of an event."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.rights import Right
from edge.instants import rfc3339
from ledger.values import LedgerUnavailable, Operation
from tests.verifier.booking import CLERK, Phone
from tests.verifier.world import at, identifier
from verifier.records.places import BookedPlace, peak, room_of

ROOM = "library-room"
MINUTE = timedelta(minutes=1)


def slot(start: str, end: str, people: int = 4) -> dict[str, object]:
    """A room from one local time to another."""
    return {"slot": f"{rfc3339(at(start))}/{rfc3339(at(end))}", "people": people}


MORNING = slot("2026-11-05 09:00", "2026-11-05 11:00")


@pytest.fixture
def phones(world):
    """Three holders' phones."""
    return [Phone(world, world.card("silver")) for _ in range(3)]


def test_two_holders_never_share_a_room(world, phones):
    """The second is refused with what to do, and logged; another hour, another place are free."""
    first, second, third = phones
    assert first.booked(ROOM, MORNING)["outcome"] == "granted"
    answer = second.booked(ROOM, slot("2026-11-05 10:30", "2026-11-05 12:00"))
    assert (answer["outcome"], answer["reason"]) == ("denied", "slot-taken")
    assert "约满" in answer["message"]["zh"]
    assert [leaf["reason"] for leaf in world.log() if leaf["outcome"] == "denied"] == ["slot-taken"]
    assert second.booked(ROOM, slot("2026-11-05 11:00", "2026-11-05 12:00"))["outcome"] == "granted"
    assert third.booked("culture-room", MORNING)["outcome"] == "granted"


def test_what_is_given_back_is_free_again(phones):
    """Cancelled, the hour is somebody else's."""
    first, second, _ = phones
    held = first.booked(ROOM, MORNING)["booking"]["id"]
    assert second.booked(ROOM, MORNING)["reason"] == "slot-taken"
    first.cancel(held)
    assert second.booked(ROOM, MORNING)["outcome"] == "granted"


def test_a_changed_booking_takes_the_new_hour_before_it_gives_up_the_old(phones):
    """Its own hour never stands in its way; refused, the old one stays."""
    first, second, third = phones
    held = first.booked(ROOM, MORNING)["booking"]["id"]
    second.booked(ROOM, slot("2026-11-05 13:00", "2026-11-05 14:00"))
    refused = first.change(held, slot("2026-11-05 12:30", "2026-11-05 14:00"))
    assert refused["reason"] == "slot-taken"
    assert third.booked(ROOM, MORNING)["reason"] == "slot-taken"
    moved = first.change(held, slot("2026-11-05 10:00", "2026-11-05 12:00"))
    assert moved["outcome"] == "granted"
    assert third.booked(ROOM, slot("2026-11-05 09:00", "2026-11-05 10:00"))["outcome"] == "granted"
    assert third.booked(ROOM, slot("2026-11-05 11:00", "2026-11-05 12:00"))["reason"] == "slot-taken"


def test_the_same_operation_takes_one_place(world, phones):
    """A retry, a refusal for something else, a conflict: none leaves a place behind."""
    first, second, _ = phones
    operation = identifier()
    one = first.book(ROOM, MORNING, operation=operation).json
    assert first.book(ROOM, MORNING, operation=operation).json["id"] == one["id"]
    conflict = first.book(ROOM, slot("2026-11-05 13:00", "2026-11-05 14:00"), operation=operation)
    assert conflict.json["code"] == "operation-conflict"
    late = first.booked(ROOM, slot("2026-10-31 13:00", "2026-10-31 14:00"))
    assert late["reason"] == "booking-too-late"
    assert world.verifier.store.places.taken(room_of(ROOM, "library")) == 1
    assert second.booked(ROOM, slot("2026-11-05 13:00", "2026-11-05 14:00"))["outcome"] == "granted"


def test_a_retry_after_a_cancellation_takes_no_place(world, phones):
    """The first answer is given again; the booking that it speaks of holds nothing any more."""
    first, second, _ = phones
    operation = identifier()
    held = first.book(ROOM, MORNING, operation=operation).json["booking"]["id"]
    first.cancel(held)
    assert first.book(ROOM, MORNING, operation=operation).json["replayed"]
    assert second.booked(ROOM, MORNING)["outcome"] == "granted"


def test_a_rooms_hour_is_not_delayed(world, phones):
    """It may be another's: it is changed instead."""
    held = phones[0].booked(ROOM, MORNING)["booking"]["id"]
    desk = world.device("library", CLERK)
    response = desk.call("PATCH", f"/v1/bookings/{held}", {"delay": {"expected_at": rfc3339(at("2026-11-05 12:00"))}})
    assert response.json["fields"][0]["path"] == "$.delay"


class Silent:
    """A ledger that writes and never answers, then is itself again."""

    def __init__(self, ledger, *, writes: bool) -> None:
        self._ledger, self._writes = ledger, writes

    def __getattr__(self, name):
        return getattr(self._ledger, name)

    def hold(self, change):
        if self._writes:
            self._ledger.hold(change)
        raise LedgerUnavailable("no answer")


@pytest.mark.parametrize("writes", [True, False])
def test_a_place_nobody_heard_about_is_asked_for_a_minute_later(world, phones, writes):
    """The ledger knows: its booking keeps the place; where nothing was written the place is free."""
    first, second, _ = phones
    desk, ledger = world.verifier.bookings, world.verifier.ledger
    desk._ledger = Silent(ledger, writes=writes)
    assert first.book(ROOM, MORNING).json["code"] == "unavailable"
    desk._ledger = ledger
    assert second.booked(ROOM, MORNING)["reason"] == "slot-taken"
    world.clock.advance(MINUTE)
    assert second.booked(ROOM, MORNING)["outcome"] == ("denied" if writes else "granted")
    assert len(world.verifier.store.places.bookings(room_of(ROOM, "library"))) == 1


def test_a_sweep_asks_too(world, phones):
    """Nobody need meet the place that was left."""
    desk, ledger = world.verifier.bookings, world.verifier.ledger
    desk._ledger = Silent(ledger, writes=False)
    phones[0].book(ROOM, MORNING)
    desk._ledger = ledger
    places = world.verifier.store.places
    assert places.taken(room_of(ROOM, "library")) == 1
    world.clock.advance(MINUTE)
    world.verifier.upkeep.sweep(world.clock.now())
    assert places.taken(room_of(ROOM, "library")) == 0


def test_spans_that_touch_do_not_meet():
    """What ends when another begins leaves room for it; three at once count three."""
    assert peak([(0, 10, 1), (10, 20, 1)], 0) == 1
    assert peak([(0, 10, 1), (5, 20, 2), (9, 12, 1)], 0) == 4
    assert peak([(0, 10, 1), (11, 20, 1)], 9) == 1
    assert peak([], 0) == 0


def test_a_resource_with_more_than_one_place_fills_up(world):
    """Three units of a room with three: the fourth is refused, and fits again between others."""
    places, now = world.verifier.store.places, world.clock.now()

    def take(name: str, start: int, end: int, units: int = 1) -> bool:
        place = BookedPlace("rooms", now + start * MINUTE, now + end * MINUTE, 3, units)
        return places.take(place, Operation(name, "d", "o", b"r"), now, lambda _: None) is not None

    assert take("a", 0, 10, 2)
    assert take("b", 5, 15)
    assert not take("c", 9, 12)
    assert take("c", 10, 15, 2)
    assert not take("d", 14, 16)
    assert take("d", 15, 16, 3)
    assert not take("e", 15, 16)
    assert take("a", 0, 10, 2)


# Events ------------------------------------------------------------------------------------------------------------

TALK = {
    "code": "HR-2026-11",
    "name": {"zh": "政策宣讲会", "en": "Talk on policies"},
    "service": "steward-training",
    "starts_at": rfc3339(at("2026-11-12 14:00")),
    "ends_at": rfc3339(at("2026-11-12 16:00")),
    "capacity": 2,
}
SIGN_UP = {"event": "HR-2026-11"}


@pytest.fixture
def organiser(world):
    """The office that runs events."""
    return world.device("events", CLERK)


def kept(organiser, **changes):
    """Keep an event; the response."""
    return organiser.call("POST", "/v1/events", TALK | changes)


def test_an_event_has_its_own_day_and_its_seats(world, phones, organiser):
    """Two seats, three holders; the window is the event's: from an hour before to four hours after its start."""
    assert kept(organiser).status_code == 201
    first, second, third = phones
    booking = first.booked("steward-training", SIGN_UP)["booking"]
    assert booking["scheduled_at"] == TALK["starts_at"]
    assert (booking["opens_at"], booking["closes_at"]) == ("2026-11-12T05:00:00Z", "2026-11-12T10:00:00Z")
    assert second.booked("steward-training", SIGN_UP)["outcome"] == "granted"
    assert third.booked("steward-training", SIGN_UP)["reason"] == "slot-taken"
    (open_,) = world.client.get("/v1/events/open?service=steward-training").json["events"]
    assert (open_["code"], open_["name"]["zh"], open_["left"]) == ("HR-2026-11", "政策宣讲会", 0)
    first.cancel(booking["id"])
    assert third.booked("steward-training", SIGN_UP)["outcome"] == "granted"
    (listed,) = organiser.call("GET", "/v1/events?point=events").json["events"]
    assert (listed["capacity"], listed["taken"]) == (2, 2)


def test_an_event_that_is_none_takes_nobody(world, phones, organiser):
    """A code that nobody keeps, before any event and beside one; a cancelled event; an event that is over."""
    made_up = phones[0].book("steward-training", {"event": "EVT-01"})
    assert (made_up.status_code, made_up.json["fields"][0]["path"]) == (422, "$.fields.event")
    kept(organiser)
    wrong = phones[0].book("steward-training", {"event": "HR-2026-12"})
    assert wrong.json["fields"][0]["path"] == "$.fields.event"
    organiser.call("POST", "/v1/events/HR-2026-11/cancel")
    assert "cancelled" in phones[0].book("steward-training", SIGN_UP).json["fields"][0]["message"]
    assert world.client.get("/v1/events/open?service=steward-training").json["events"] == []
    kept(organiser, code="HR-OVER", starts_at=rfc3339(at("2026-10-31 08:00")), ends_at=rfc3339(at("2026-10-31 08:30")))
    assert phones[0].booked("steward-training", {"event": "HR-OVER"})["reason"] == "booking-too-late"


def test_a_moved_event_moves_its_bookings_and_a_cancelled_one_ends_them(world, phones, organiser):
    """Each by an entry of its own; sent again it changes nothing more; fewer seats throw nobody out."""
    kept(organiser)
    booking = phones[0].booked("steward-training", SIGN_UP)["booking"]["id"]
    phones[1].booked("steward-training", SIGN_UP)
    later = {"starts_at": rfc3339(at("2026-11-13 14:00")), "ends_at": rfc3339(at("2026-11-13 16:00"))}
    moved = organiser.call("PATCH", "/v1/events/HR-2026-11", {**later, "capacity": 1})
    assert (moved.status_code, moved.json["moved"]) == (200, 2)
    assert phones[0].own()[0]["expected_at"] == later["starts_at"]
    assert organiser.call("PATCH", "/v1/events/HR-2026-11", later).json["moved"] == 0
    assert phones[2].booked("steward-training", SIGN_UP)["reason"] == "slot-taken"
    world.go("2026-11-13 13:30")
    used = world.device("events").outcome(phones[0].card.shown(), "steward-training")
    assert (used["outcome"], used["booking"]["id"]) == ("granted", booking)
    ended = organiser.call("POST", "/v1/events/HR-2026-11/cancel").json
    assert ended["ended"] == 1
    assert [one["reason"] for one in world.log() if one["kind"] == "booking-cancel"] == ["organiser-cancelled"]
    assert phones[1].own()[0]["state"] == "cancelled"


def test_who_keeps_events(world, organiser):
    """The right to bookings at the event's point; a code is taken once; times and seats that make sense."""
    assert world.device("events", frozenset({Right.CHECK_IN})).call("POST", "/v1/events", TALK).status_code == 403
    assert world.device("library", CLERK).call("POST", "/v1/events", TALK).status_code == 403
    assert kept(organiser).status_code == 201
    assert kept(organiser).status_code == 201
    assert kept(organiser, capacity=3).json["code"] == "event-exists"
    for wrong in (
        {"ends_at": TALK["starts_at"]},
        {"starts_at": "tomorrow"},
        {"capacity": 0},
        {"service": "gym-visit"},
        {"code": "hr"},
    ):
        assert kept(organiser, **wrong).json["code"] == "invalid-field", wrong
    assert organiser.call("PATCH", "/v1/events/NONE", {"capacity": 5}).status_code == 404
    stranger = world.device("library", CLERK)
    assert stranger.call("PATCH", "/v1/events/HR-2026-11", {"capacity": 5}).status_code == 404
    organiser.call("POST", "/v1/events/HR-2026-11/cancel")
    assert organiser.call("PATCH", "/v1/events/HR-2026-11", {"capacity": 5}).json["code"] == "event-cancelled"
