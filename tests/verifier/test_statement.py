"""A point's statement: what the point is paid for, without voided, re-entered or refused uses and without other points'
uses.
"""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta

import pytest
from openpyxl import load_workbook

from accounts.rights import Right
from cards.programme.text import Text
from tests.papers import assert_fonts_inside
from tests.verifier.booking import CLERK, Phone, flight
from tests.verifier.world import at
from verifier.services.statements.lines import (
    DepartmentLine,
    StatementLine,
    as_csv,
    month_span,
    payer_of,
    settled_csv,
)
from verifier.services.statements.xlsx import department_xlsx

BOOKS = frozenset({Right.CHECK_IN, Right.VOID, Right.STATEMENT})


def statement(device, point: str, since: str, until: str, **more: str):
    """Ask for a statement."""
    query = "&".join(f"{name}={value}" for name, value in more.items())
    return device.call("GET", f"/v1/statements?point={point}&since={since}&until={until}&{query}".rstrip("&"))


def rows(response) -> list[dict[str, str]]:
    """The rows of a CSV answer."""
    assert response.status_code == 200, response.get_data(as_text=True)
    return list(csv.DictReader(io.StringIO(response.get_data(as_text=True).removeprefix("\ufeff"))))


def test_no_cell_of_a_statement_is_a_formula(world):
    """Whatever a programme's file calls a service, a point or a department: as CSV and as a workbook."""
    shipped, wicked = world.programme, Text("=HYPERLINK(1)", "＝1+1")
    made = replace(
        shipped,
        services=shipped.services | {"gym-visit": replace(shipped.services["gym-visit"], name=wicked)},
        points=shipped.points | {"gym": replace(shipped.points["gym"], name=wicked)},
        departments={code: replace(one, name=wicked) for code, one in shipped.departments.items()},
    )
    line = StatementLine("2026-10", "gym-visit")
    told = [DepartmentLine("gym", payer_of(made, "gym-visit"), line)]
    for text, wicked_cells in ((as_csv([line], made, "gym"), 2), (settled_csv(told, made), 4)):
        [_, row] = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
        assert sum(cell.startswith("'") for cell in row) == wicked_cells
        assert not any(cell[:1] in set("=+-@＝＋－＠") for cell in row if cell)
    for row in load_workbook(io.BytesIO(department_xlsx(told, made))).worksheets[0].iter_rows():
        assert {cell.data_type for cell in row} <= {"s", "n"}


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
    lounge.outcome(card.shown(), "airport-dom-departure", companions=1)
    (row,) = rows(statement(lounge, "air-dom", "2026-10", "2026-10"))
    assert (row["paid"], row["companions"]) == ("1", "1")


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
    assert_fonts_inside(answer.data)
    assert statement(gym, "gym", "2026-10", "2026-10", format="pdf").data == answer.data
    gym.outcome(world.card("gold").shown(), "gym-visit")
    world.clock.advance(timedelta(seconds=2))
    gym.outcome(world.card("gold").shown(), "gym-visit")
    assert statement(gym, "gym", "2026-10", "2026-10", format="pdf").data != answer.data


# A department's -----------------------------------------------------------------------------------------------------

LOUNGES = {point: frozenset({Right.STATEMENT}) for point in ("air-dom", "air-intl")}


def of_department(caller, department: str, **more: str):
    """Ask for a department's statement of October and November."""
    query = "&".join(f"{name}={value}" for name, value in more.items())
    path = f"/v1/statements/department?department={department}&since=2026-10&until=2026-11&{query}"
    return caller.call("GET", path.rstrip("&"))


@pytest.fixture
def bureau(world):
    """The integrator of the Investment Promotion Bureau, which answers for both lounges."""
    return integrator(world, LOUNGES)


class Bearer:
    """Calls with a bearer token."""

    def __init__(self, world, token: str) -> None:
        self.world, self.token = world, token

    def call(self, method: str, path: str):
        return self.world.client.open(path, method=method, headers={"Authorization": f"Bearer {self.token}"})


def integrator(world, rights) -> Bearer:
    """An integrator with these rights, for a year."""
    now = world.clock.now()
    _, token = world.accounts.integrators.add("结算", rights, expires_at=now + timedelta(days=365), by="test", at=now)
    return Bearer(world, token)


def flights_used(world) -> None:
    """Two trips from the domestic lounge, one of them voided, and one from the international one."""
    trips = [("air-dom", "departure", world.card("diamond")) for _ in range(2)]
    trips = [*trips, ("air-intl", "departure", world.card("diamond"))]
    world.clock.advance(timedelta(seconds=2))
    world.publish()
    for point, way, card in trips:
        assert Phone(world, card).booked(f"airport-{point[4:]}-{way}", flight("2026-11-01 14:00"))["booking"]
    world.go("2026-11-01 12:00")
    desks = {point: world.device(point, BOOKS) for point in ("air-dom", "air-intl")}
    entries = [desks[point].outcome(card.shown(), f"airport-{point[4:]}-{way}") for point, way, card in trips]
    assert {one["outcome"] for one in entries} == {"granted"}
    desks["air-dom"].call("POST", f"/v1/check-ins/{entries[1]['id']}/void", {"reason": "left-unused"})


def test_a_department_settles_all_its_points_and_services(world, bureau):
    """By month, point and service, with who pays; what was voided is not paid."""
    flights_used(world)
    found = rows(of_department(bureau, "investment"))
    assert [(row["point"], row["service"], row["paid"], row["voided"], row["payer"]) for row in found] == [
        ("air-dom", "airport-dom-departure", "1", "1", "investment"),
        ("air-intl", "airport-intl-departure", "1", "0", "investment"),
    ]
    assert found[0]["point_zh"] == world.programme.points["air-dom"].name.zh
    assert found[0]["payer_zh"] == world.programme.departments["investment"].name.zh
    said = of_department(bureau, "investment", format="json").json["lines"]
    assert [(one["point"], one["payer"], one["paid"]) for one in said] == [
        ("air-dom", "investment", 1),
        ("air-intl", "investment", 1),
    ]
    pages = of_department(bureau, "investment", format="pdf")
    assert pages.content_type == "application/pdf"
    assert pages.data == of_department(bureau, "investment", format="pdf").data
    assert pages.data.startswith(b"%PDF-")
    assert_fonts_inside(pages.data)
    reads = [access["what"] for access in world.verifier.store.accesses() if access["kind"] == "statement"]
    assert reads[0] == "department investment 2026-10..2026-11"


def test_a_departments_statement_needs_the_right_at_each_of_its_points(world, bureau):
    """One point short is not enough; a department without points, or none, tells nothing."""
    half = integrator(world, {"air-dom": LOUNGES["air-dom"]})
    for caller, department in ((half, "investment"), (bureau, "health"), (bureau, "justice"), (bureau, "nobody")):
        response = of_department(caller, department)
        assert (response.status_code, response.json["code"]) == (403, "not-permitted"), department
    long = bureau.call("GET", "/v1/statements/department?department=investment&since=2025-01&until=2026-11")
    assert long.json["code"] == "invalid-field"


def test_a_month_is_read_and_closed_by_call_and_a_retry_closes_nothing_twice(world, bureau):
    """In order and once over; the figures stay, a use voided afterwards stands as a correction of the next month."""
    flights_used(world)
    path = "/v1/statements/months?department=investment&month=2026-11"

    def close(caller, month: str = "2026-11", department: str = "investment"):
        headers = {"Authorization": f"Bearer {caller.token}", "Idempotency-Key": f"closing-{month}-000000"}
        body = {"department": department, "month": month}
        return world.client.post("/v1/statements/months", json=body, headers=headers)

    assert close(bureau).json["code"] == "month-not-next"
    assert bureau.call("GET", path).json["may_close"] is False
    world.go("2026-12-01 00:00")
    assert bureau.call("GET", path).json["may_close"] is True
    half = integrator(world, {"air-dom": LOUNGES["air-dom"]})
    assert [close(half).status_code, half.call("GET", path).status_code] == [403, 403]
    first = close(bureau)
    assert (first.status_code, first.json["closed_at"]) == (200, "2026-11-30T16:00:00Z")
    world.clock.advance(timedelta(seconds=5))
    again = close(bureau)
    assert {**again.json, "server_time": ""} == {**first.json, "server_time": ""}
    assert close(integrator(world, LOUNGES)).json["code"] == "month-closed"
    assert close(bureau, "2026-10").json["code"] == "month-not-next"
    assert [one["paid"] for one in again.json["lines"]] == [1, 1]
    book = bureau.call("GET", f"{path}&format=xlsx")
    heads, *told = load_workbook(io.BytesIO(book.data)).worksheets[0].iter_rows(values_only=True)
    assert [dict(zip(heads, row, strict=True))["paid"] for row in told] == [1, 1]
    assert bureau.call("GET", f"{path}&format=pdf").data.startswith(b"%PDF-")
    assert rows(bureau.call("GET", f"{path}&format=csv"))[0]["point"] == "air-dom"
    assert bureau.call("GET", path.replace("11", "13")).json["code"] == "invalid-field"


@pytest.mark.parametrize("path", ["?point=air-dom", "/department?department=investment"])
def test_a_statement_is_a_workbook_too(world, bureau, path):
    """The same lines as its CSV, figures as numbers."""
    flights_used(world)
    asked = f"/v1/statements{path}&since=2026-11&until=2026-11"
    table = load_workbook(io.BytesIO(bureau.call("GET", f"{asked}&format=xlsx").data)).worksheets[0]
    heads, *told = table.iter_rows(values_only=True)
    texts = [{name: str(cell or 0) for name, cell in zip(heads, row, strict=True)} for row in told]
    wanted = [{name: cell or "0" for name, cell in row.items()} for row in rows(bureau.call("GET", asked))]
    assert (texts, len(texts) > 0) == (wanted, True)
