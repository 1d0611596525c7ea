"""Opening hours and free slots: a room at three in the morning is no room, and what is taken is not offered."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from cards.programme.load import load_programme
from cards.programme.types import BookingBasis, OpenHours, Point, Text
from edge.instants import rfc3339
from tests.verifier.booking import Phone
from tests.verifier.world import PROGRAMMES, at
from verifier.rules.fields import Fields
from verifier.rules.slots import free_spans, open_spans, outside_hours

ZONE = ZoneInfo("Asia/Shanghai")
NINE_TO_FIVE = OpenHours("09:00", "17:00", frozenset({1, 2, 3, 4, 5, 6}))


def slot(start: str, end: str) -> dict[str, object]:
    """A room for four from one local time of 5 November to another."""
    return {"slot": f"{rfc3339(at(f'2026-11-05 {start}'))}/{rfc3339(at(f'2026-11-05 {end}'))}", "people": 4}


def test_a_points_day_is_its_hours_of_that_weekday():
    """In the programme's zone, in order; closed on Mondays; a point without hours bounds nothing."""
    point = Point("museum", Text(en="Museum"), "museums", frozenset(), hours=(NINE_TO_FIVE,))
    assert open_spans(point, date(2026, 11, 2), ZONE) == ()
    assert open_spans(point, date(2026, 11, 3), ZONE) == ((at("2026-11-03 09:00"), at("2026-11-03 17:00")),)
    assert open_spans(Point("x", Text(en="X"), "x", frozenset()), date(2026, 11, 3), ZONE) == ()


def test_a_slot_may_begin_and_end_with_the_hours():
    """The first instant is open and the last is none; an end may lie on the last, and a visit without one need not."""
    rule = load_programme(PROGRAMMES / "baiyun.toml").booking_rules["room"]
    morning = replace(NINE_TO_FIVE, closes="12:00")
    point = Point("room", Text(en="Room"), "rooms", frozenset(), hours=(replace(NINE_TO_FIVE, opens="14:00"), morning))
    minute = timedelta(minutes=1)

    def told(starts, ends=None, rule=rule, point=point):
        return outside_hours(rule, point, Fields({}, 1, starts, ends), ZONE)

    nine, noon, two = (at(f"2026-11-03 {clock}") for clock in ("09:00", "12:00", "14:00"))
    said = "on that day the place is open from 09:00 to 12:00, 14:00 to 17:00"
    assert [told(nine, noon), told(nine), told(noon - minute), told(two, two + minute)] == [None] * 4
    assert [told(nine - minute, noon), told(nine, noon + minute), told(noon), told(nine, two + minute)] == [said] * 4
    assert told(at("2026-11-02 10:00")) == "the place is closed on that day"
    assert told(None) is None
    assert told(nine - minute, rule=replace(rule, basis=BookingBasis.JOURNEY)) is None
    assert told(nine - minute, point=replace(point, hours=())) is None


@pytest.mark.parametrize(
    ("taken", "free"),
    [
        ([], ["09:00-17:00"]),
        ([("09:00", "11:00", 1)], ["11:00-17:00"]),
        ([("10:00", "11:00", 1), ("15:00", "17:00", 1)], ["09:00-10:00", "11:00-15:00"]),
        ([("08:00", "18:00", 1)], []),
        ([("10:00", "12:00", 1), ("11:00", "13:00", 1)], ["09:00-10:00", "13:00-17:00"]),
    ],
)
def test_what_is_taken_is_not_free(taken, free):
    """Parts of the day, cut by what is taken: before, after, in between, over the edges."""
    spans = [(at(f"2026-11-03 {since}"), at(f"2026-11-03 {until}"), units) for since, until, units in taken]
    left = free_spans(((at("2026-11-03 09:00"), at("2026-11-03 17:00")),), spans, 1)
    clock = [f"{since.astimezone(ZONE):%H:%M}-{until.astimezone(ZONE):%H:%M}" for since, until in left]
    assert clock == free


def test_two_rooms_are_full_only_when_both_are_taken():
    """Of two units one taken leaves the hour free."""
    spans = [
        (at("2026-11-03 09:00"), at("2026-11-03 12:00"), 1),
        (at("2026-11-03 11:00"), at("2026-11-03 13:00"), 1),
    ]
    left = free_spans(((at("2026-11-03 09:00"), at("2026-11-03 13:00")),), spans, 2)
    assert [(one.astimezone(ZONE).hour, other.astimezone(ZONE).hour) for one, other in left] == [(9, 11), (12, 13)]


@pytest.mark.parametrize(("start", "end"), [("03:00", "05:00"), ("08:00", "10:00"), ("20:00", "22:00")])
def test_a_room_outside_the_hours_is_refused_with_the_hours(world, start, end):
    """At the field, in words that name when the library is open."""
    refused = Phone(world, world.card("silver")).book("library-room", slot(start, end))
    (fault,) = refused.json["fields"]
    assert (refused.status_code, fault["path"]) == (422, "$.fields.slot")
    assert "09:00 to 21:00" in fault["message"]


def test_a_museum_is_not_visited_on_a_monday(world):
    """The 9th of November is one."""
    monday = {"slot": rfc3339(at("2026-11-09 10:00")), "people": 2, "guide": True}
    refused = Phone(world, world.card("gold")).book("museum-visit", monday)
    assert refused.json["fields"][0]["message"] == "the place is closed on that day"


def test_anybody_sees_which_hours_are_free(world):
    """A booked hour is gone and nothing says whose it is; given back, the hour is there again."""
    phone = Phone(world, world.card("silver"))
    booking = phone.booked("library-room", slot("10:00", "12:00"))["booking"]["id"]
    told = world.client.get("/v1/slots?service=library-room&on=2026-11-05").json
    assert [one["starts_at"] for one in told["open"]] == ["2026-11-05T01:00:00Z"]
    assert [(one["starts_at"], one["ends_at"]) for one in told["free"]] == [
        ("2026-11-05T01:00:00Z", "2026-11-05T02:00:00Z"),
        ("2026-11-05T04:00:00Z", "2026-11-05T13:00:00Z"),
    ]
    assert set(told) == {"service", "point", "on", "bounded", "open", "free", "server_time"}
    phone.cancel(booking)
    assert len(world.client.get("/v1/slots?service=library-room&on=2026-11-05").json["free"]) == 1


@pytest.mark.parametrize(
    "query", ["service=gym-visit&on=2026-11-05", "service=library-room&on=2026-13-05", "service=library-room"]
)
def test_what_has_no_slots_is_said_so(world, query):
    """A service without slots, a day that is none, a day that is missing: the field is named."""
    assert world.client.get(f"/v1/slots?{query}").json["code"] == "invalid-field"


def test_a_receipt_is_no_span_of_hours(world):
    """The organiser tells the day; nobody is asked to come from midnight to midnight of a year."""
    booked = Phone(world, world.card("gold")).booked("union-checkup", {"year": 2026})
    assert booked["hint"]["zh"] == "日期由主办单位另行通知。"
    assert "00:00" not in str(booked["hint"])
