"""The fields of a booking: the guide's nine groups in full, each value in its own form, counts equal to lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cards.programme.load import load_programme
from tests.verifier.booking import HOLDER, arrival, flight
from tests.verifier.world import PROGRAMMES
from verifier.rules.fields import BadFields, Fields, read_fields

BAIYUN = load_programme(PROGRAMMES / "baiyun.toml")
EXAMPLE = load_programme(PROGRAMMES / "example.toml")
WHEN = "2026-11-05 14:00"


def read(service: str, fields: dict, programme=BAIYUN, name: str = "张*明") -> Fields:
    """Read fields for a service by its own rule."""
    asked = programme.services[service]
    return read_fields(programme.booking_rules[asked.booking], asked, fields, programme.zone, name)


def faults(service: str, fields: dict, programme=BAIYUN) -> dict[str, str]:
    """The faults found, by path."""
    with pytest.raises(BadFields) as raised:
        read(service, fields, programme)
    return dict(raised.value.faults)


def test_a_departure_with_all_nine_groups_is_read():
    """The party counts the passengers, the time is the schedule's, and values come back in one spelling."""
    found = read("airport-dom-departure", flight(WHEN, plates=["粤a·12345"]))
    assert (found.party, found.starts_at) == (2, datetime(2026, 11, 5, 6, tzinfo=UTC))
    assert found.values["plates"] == ["粤A12345"]
    assert found.values["scheduled_at"] == "2026-11-05T06:00:00Z"


REQUIRED = sorted(set(arrival(WHEN)) - {"plates"})


@pytest.mark.parametrize("missing", REQUIRED)
def test_each_of_the_guides_fields_is_needed(missing):
    """Left out, the field itself is named; all faults come at once."""
    fields = arrival(WHEN)
    del fields[missing]
    assert f"$.fields.{missing}" in faults("airport-dom-arrival", fields)


def test_a_name_board_is_for_arrivals_alone():
    """A departure has no such field, an arrival needs it."""
    assert "$.fields.name_board" in faults("airport-dom-departure", arrival(WHEN))
    assert "$.fields.name_board" in faults("airport-intl-arrival", flight(WHEN))


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"passenger_count": 3}, "passenger_count"),
        ({"passengers": []}, "passenger_count"),
        ({"escort_count": 1}, "escort_count"),
        ({"vehicle_count": 0}, "vehicle_count"),
        ({"plates": None}, "vehicle_count"),
        ({"travel_date": "2026-11-06"}, "travel_date"),
        ({"holder_name": "李雷"}, "holder_name"),
        ({"passengers": ["李雷", "韩梅梅"]}, "passengers"),
        ({"flight": "the morning one"}, "flight"),
        ({"phone": "please call"}, "phone"),
        ({"plates": ["!!!"]}, "plates"),
        ({"checked_luggage": "yes"}, "checked_luggage"),
        ({"passenger_count": True}, "passenger_count"),
        ({"passenger_count": -1}, "passenger_count"),
        ({"passengers": "张晓明"}, "passengers"),
        ({"passengers": [HOLDER, "李\n雷"]}, "passengers"),
        ({"passengers": [HOLDER, ""]}, "passengers"),
        ({"scheduled_at": "2026-11-05 14:00"}, "scheduled_at"),
        ({"scheduled_at": "2026-11-05T06:00:00Z/2026-11-05T07:00:00Z"}, "scheduled_at"),
        ({"travel_date": "20261105"}, "travel_date"),
        ({"favourite_seat": "1A"}, "favourite_seat"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_own_name(changes, path):
    """Counts and lists, dates and times, the card's own name, forms and types."""
    assert f"$.fields.{path}" in faults("airport-dom-departure", flight(WHEN, **changes))


def test_a_party_is_five_with_the_holder():
    """Five travel, six do not."""
    five = [HOLDER, "一", "二", "三", "四"]
    assert read("airport-dom-departure", flight(WHEN, passengers=five, passenger_count=5)).party == 5
    six = [*five, "五"]
    assert "$.fields" in faults("airport-dom-departure", flight(WHEN, passengers=six, passenger_count=6))


def test_a_seminar_room_is_four_hours_at_most():
    """A beginning alone means the longest slot; longer ones and backward ones are refused."""
    begins = datetime(2026, 11, 5, 6, tzinfo=UTC)
    alone = read("library-room", {"slot": "2026-11-05T06:00:00Z", "people": 20})
    assert (alone.starts_at, alone.ends_at) == (begins, begins + timedelta(hours=4))
    two = read("library-room", {"slot": "2026-11-05T06:00:00Z/2026-11-05T08:00:00Z", "people": 2})
    assert two.ends_at == begins + timedelta(hours=2)
    assert faults("library-room", {"slot": "2026-11-05T06:00:00Z/2026-11-05T10:00:01Z", "people": 2})
    assert faults("library-room", {"slot": "2026-11-05T06:00:00Z/2026-11-05T06:00:00Z", "people": 2})
    assert faults("library-room", {"slot": "2026-11-05T06:00:00Z", "people": 21})
    assert faults("library-room", {"slot": "2026-11-05T06:00:00Z", "people": 0})


def test_a_receipt_names_its_year_and_a_day_in_it():
    """The organiser may set the day later."""
    assert read("union-checkup", {"year": 2026}).year == 2026
    assert read("union-checkup", {"year": 2026, "day": "2026-12-01"}).day.isoformat() == "2026-12-01"
    assert "$.fields.day" in faults("union-checkup", {"year": 2026, "day": "2027-01-01"})
    assert "$.fields.year" in faults("union-checkup", {"year": "2026"})


def test_another_programmes_party_counts_those_who_come_along():
    """Beside the holder: one companion is a party of two, the most there."""
    fields = {"slot": "2026-11-05T06:00:00Z", "phone": "12345678", "company_count": 1, "company": ["Bo Li"]}
    service = next(one.code for one in EXAMPLE.services.values() if one.booking == "appointment")
    assert read(service, fields, EXAMPLE, "A*** L**").party == 2
    more = fields | {"company_count": 2, "company": ["Bo Li", "Cy Wu"]}
    assert "$.fields" in faults(service, more, EXAMPLE)


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.lists(st.text(max_size=10), max_size=4)


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(arrival(WHEN))), VALUES)
def test_any_value_is_read_or_refused(field, value):
    """Total: no other exception, whatever a client sends."""
    try:
        found = read("airport-dom-arrival", arrival(WHEN) | {field: value})
    except BadFields:
        return
    assert 1 <= found.party <= 5
