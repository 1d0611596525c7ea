"""The auditors' list of offline uses, by the time of use as well as by the time of upload."""

import pytest

from tests.verifier.offline_devices import Tablet

DAY = "since=2026-10-31T00:00:00%2B08:00&until=2026-11-01T00:00:00%2B08:00"


@pytest.fixture
def uploaded(world):
    """Uses at 10:00 and 11:00 of 31 October that came in the next day, the later first; and what an auditor is told."""
    gym, library = Tablet.at(world, "gym"), Tablet.at(world, "library")
    silver, gold, other = (world.card(tier) for tier in ("silver", "gold", "gold"))
    world.go("2026-10-31 11:30")
    early = gym.record(silver, when="2026-10-31 10:00")
    late = library.record(gold, "library-facilities", "2026-10-31 11:00")
    world.go("2026-11-01 09:00")
    (second,), (first,) = library.answers([late]), gym.answers([early])
    assert world.device("gym").outcome(other.shown(), "gym-visit")["outcome"] == "granted"
    headers = {"Authorization": f"Bearer {world.auditor()}"}

    def listed(query: str) -> dict:
        response = world.client.get(f"/v1/log/entries?{query}", headers=headers)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.json

    return listed, first["id"], second["id"]


def ids(page: dict) -> list[str]:
    """The entries of a page."""
    return [entry["id"] for entry in page["entries"]]


def test_a_day_of_use_has_what_was_used_that_day_in_its_order(uploaded):
    """By upload the day is empty; by use it has both, the newest use first, page by page; the next day has neither."""
    listed, first, second = uploaded
    assert ids(listed(DAY)) == []
    assert ids(listed(f"{DAY}&by=use")) == [second, first]
    page = listed(f"{DAY}&by=use&limit=1")
    assert (ids(page), page["next"]) == ([second], second)
    last = listed(f"{DAY}&by=use&limit=1&before={second}")
    assert (ids(last), last["next"]) == ([first], None)
    assert ids(listed("by=use&since=2026-11-01T00:00:00%2B08:00")) == []
    assert len(ids(listed("since=2026-11-01T00:00:00%2B08:00"))) == 3


def test_by_use_the_other_filters_hold_and_other_kinds_have_none(uploaded):
    """A point's alone; check-ins on line have no time of use of their own."""
    listed, first, _ = uploaded
    assert ids(listed(f"{DAY}&by=use&point=gym")) == [first]
    assert ids(listed(f"{DAY}&by=use&kind=check-in")) == []
