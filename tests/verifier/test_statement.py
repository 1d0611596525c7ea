"""A point's statement: what it is paid for, and nothing that was voided, re-entered, refused or somebody else's."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from accounts.rights import Right
from tests.verifier.booking import CLERK, Phone, flight
from tests.verifier.world import at
from verifier.statement import month_span

BOOKS = frozenset({Right.CHECK_IN, Right.VOID, Right.STATEMENT})


def statement(device, point: str, since: str, until: str, **more: str):
    """Ask for a statement."""
    query = "&".join(f"{name}={value}" for name, value in more.items())
    return device.call("GET", f"/v1/statements?point={point}&since={since}&until={until}&{query}".rstrip("&"))


def rows(response) -> list[dict[str, str]]:
    """The rows of a CSV answer."""
    assert response.status_code == 200, response.get_data(as_text=True)
    return list(csv.DictReader(io.StringIO(response.get_data(as_text=True).removeprefix("\ufeff"))))


@pytest.fixture
def gym(world):
    """A gym that reads its own statement."""
    return world.device("gym", BOOKS)


def test_uses_are_counted_by_service_and_local_month(world, gym):
    """Two in October, one in November by Shanghai's clock; a refusal and a re-entry are none."""
    silver = world.card("silver")
    first = gym.outcome(silver.shown(), "gym-visit")
    world.go("2026-10-31 09:30")
    gym.call("POST", f"/v1/check-ins/{first['id']}/check-out", {})
    world.go("2026-10-31 09:40")
    assert gym.outcome(silver.shown(), "gym-visit")["visit"]["re_entry"]
    world.go("2026-10-31 23:59")
    gym.outcome(silver.shown(), "gym-visit")
    world.go("2026-11-01 00:30")
    assert gym.outcome(silver.shown(), "gym-visit")["reason"] == "already-in"
    world.go("2026-11-01 09:00")
    gym.outcome(silver.shown(), "gym-visit")
    found = rows(statement(gym, "gym", "2026-10", "2026-11"))
    assert [(row["month"], row["paid"], row["re_entries"]) for row in found] == [
        ("2026-10", "2", "1"),
        ("2026-11", "1", "0"),
    ]
    assert found[0]["service_zh"] == world.programme.services["gym-visit"].name.zh
    assert [row["month"] for row in rows(statement(gym, "gym", "2026-11", "2026-11"))] == ["2026-11"]


def test_voided_uses_are_not_paid(world, gym):
    """They stand in a column of their own."""
    entry = gym.outcome(world.card("silver").shown(), "gym-visit")["id"]
    gym.call("POST", f"/v1/check-ins/{entry}/void", {"reason": "left-unused"})
    (line,) = statement(gym, "gym", "2026-10", "2026-10", format="json").json["lines"]
    assert (line["paid"], line["voided"]) == (0, 1)


def test_bookings_are_paid_when_used_with_their_companions(world):
    """A hold alone is no use."""
    lounge = world.device("air-dom", BOOKS | CLERK)
    card = world.card("diamond")
    Phone(world, card).booked("airport-dom-departure", flight("2026-10-31 14:00"))
    assert rows(statement(lounge, "air-dom", "2026-10", "2026-10")) == []
    world.go("2026-10-31 12:00")
    lounge.outcome(card.shown(), "airport-dom-departure", companions=2)
    (row,) = rows(statement(lounge, "air-dom", "2026-10", "2026-10"))
    assert (row["paid"], row["companions"]) == ("1", "2")


def test_a_statement_needs_its_right_at_the_point_and_is_kept_in_the_access_log(world, gym):
    """Another point's is refused, and so is a counter without the right."""
    assert statement(gym, "library", "2026-10", "2026-10").status_code == 403
    assert statement(world.device("gym"), "gym", "2026-10", "2026-10").status_code == 403
    assert statement(gym, "gym", "2026-10", "2026-10").status_code == 200
    assert [access["kind"] for access in world.verifier.store.accesses()] == ["statement"]


@pytest.mark.parametrize(("since", "until"), [("2026-11", "2026-10"), ("2025-10", "2026-10"), ("2026-13", "2026-13")])
def test_a_statement_covers_one_month_to_twelve(gym, since, until):
    """Backward, longer, and no month at all."""
    assert statement(gym, "gym", since, until).json["code"] == "invalid-field"


def test_months_are_the_programmes_own(world):
    """December ends where the year does."""
    assert month_span(("2026-12", "2026-12"), world.programme.zone) == (at("2026-12-01 00:00"), at("2027-01-01 00:00"))


def test_on_paper_it_says_the_same(world, gym):
    """A PDF of the month, the same bytes at the same instant, with the point, the service and the sum."""
    gym.outcome(world.card("silver").shown(), "gym-visit")
    answer = statement(gym, "gym", "2026-10", "2026-10", format="pdf")
    assert (answer.content_type, answer.data[:5]) == ("application/pdf", b"%PDF-")
    assert answer.headers["Content-Disposition"].endswith("statement-gym-2026-10-2026-10.pdf")
    assert statement(gym, "gym", "2026-10", "2026-10", format="pdf").data == answer.data
    gym.outcome(world.card("gold").shown(), "gym-visit")
    world.clock.advance(timedelta(seconds=2))
    gym.outcome(world.card("gold").shown(), "gym-visit")
    assert statement(gym, "gym", "2026-10", "2026-10", format="pdf").data != answer.data
