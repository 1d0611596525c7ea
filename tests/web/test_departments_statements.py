"""`/department/statements` without a script: months, files, and a closed month whose later changes are corrections."""

from __future__ import annotations

import csv
import io

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from accounts.rights import Right
from tests.verifier.offline_devices import Tablet
from tests.web.desks import DeskWorld
from tests.web.staffing import text_of

RIGHTS = frozenset({Right.CHECK_IN, Right.VOID, Right.VOID_ANY})
OCTOBER = "/department/statements?month=2026-10"
FILE = "/department/statements/sports-centre/2026-10"


@pytest.fixture
def desks(tmp_path):
    """A gym with two uses in October and a record that came in December; it is 1 November 2026."""
    made = DeskWorld(tmp_path, "2026-10-30 09:00")
    gym = made.device("gym", RIGHTS)
    cards = [made.card("silver") for _ in range(2)]
    made.go("2026-10-30 09:05")
    made.operator("wang", {"gym": RIGHTS})
    gym.sign_in("wang")
    made.entries = [gym.outcome(card.shown(), "gym-visit")["id"] for card in cards]
    made.tablet = Tablet.at(made, "gym")
    made.tablet.record(made.card("silver"), when="2026-10-30 09:20")
    made.operator("chen", {"gym": RIGHTS})
    made.go("2026-11-02 09:00")
    yield made
    made.close()


def rows(response) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(response.get_data(as_text=True).removeprefix("\ufeff"))))


def close(browser, month: str):
    """Close a month of the sports centre's."""
    path = f"/department/statements/sports-centre/{month}/close"
    return browser.send(path, form=f"/department/statements?month={month}", sure="y")


def supervisor_voids(desks, entry: str) -> None:
    """A supervisor takes a use of a former month back."""
    other = desks.device("gym", RIGHTS, label="Desk 2")
    other.sign_in("chen")
    response = other.call("POST", f"/v1/check-ins/{entry}/void", {"reason": "wrong-person"})
    assert response.status_code == 201, response.get_data(as_text=True)


def test_a_months_files_say_what_the_page_says(desks):
    """CSV, workbook and PDF: two uses paid by the sports centre; no name anywhere."""
    desk = desks.browser("desk:sports-centre")
    page = text_of(desk.get("/department/statements"))  # the month before this
    assert "2026-10" in page
    assert "2 次应付" in page
    assert page.count("月份（如 2026-10）") == 1, "the field's label tells how a month is typed, no list's head does"
    (line,) = rows(desk.get(f"{FILE}.csv"))
    assert (line["paid"], line["held"], line["voided"], line["correction"]) == ("2", "0", "0", "0")
    sheet = load_workbook(io.BytesIO(desk.get(f"{FILE}.xlsx").data)).active
    heads, told = ([cell.value for cell in row] for row in sheet.iter_rows())
    assert dict(zip(heads, told, strict=True))["paid"] == 2
    pdf = desk.get(f"{FILE}.pdf")
    assert pdf.content_type == "application/pdf"
    assert "2026-10" in PdfReader(io.BytesIO(pdf.data)).pages[0].extract_text()
    assert rows(desk.get(f"{FILE}.csv?point=gym")) == [line]
    assert rows(desk.get(f"{FILE}.csv?point=library")) == []
    assert next(one["what"] for one in desks.verifier.store.accesses(kind="statement")).startswith("department sports")


def test_a_closed_month_stays_and_later_changes_are_corrections_of_the_next(desks):
    """A void and a record released after the closing stand in November; October's figures stay, both sums agree."""
    desk = desks.browser("desk:sports-centre")
    assert close(desk, "2026-10").status_code == 303
    assert "已结账" in text_of(desk.get(OCTOBER))
    before = rows(desk.get(f"{FILE}.csv"))
    supervisor_voids(desks, desks.entries[0])
    assert rows(desk.get(f"{FILE}.csv")) == before
    assert "结账后的变化" in text_of(desk.get(OCTOBER))
    november = FILE.replace("2026-10", "2026-11")
    (correction,) = rows(desk.get(f"{november}.csv"))
    told = [correction[name] for name in ("month", "paid", "voided", "correction")]
    assert told == ["2026-10", "-1", "1", "1"]
    desks.go("2026-12-01 09:00")
    desk = desks.browser("desk:sports-centre")
    desks.tablet.answers()  # held: it came too late
    assert close(desk, "2026-11").status_code == 303
    (settled,) = rows(desk.get(f"{november}.csv"))
    assert [settled[name] for name in ("paid", "voided", "held")] == ["-1", "1", "1"]
    assert rows(desk.get(f"{FILE}.csv")) == before
    assert "对已结账月份的更正" not in text_of(desk.get("/department/statements?month=2026-12"))


def test_months_are_closed_once_in_order_and_once_over(desks):
    """The running month, a gap, the same month again: refused in words, nothing kept."""
    desk = desks.browser("desk:sports-centre")
    unticked = desk.send(f"{FILE}/close", form=OCTOBER)
    assert (unticked.status_code, desks.verifier.store.statements.closings("sports-centre")) == (422, ())
    path = "/department/statements/sports-centre/{}/close"
    assert close(desk, "2026-10").status_code == 303
    for month in ("2026-10", "2026-11", "2026-12", "2026-08"):
        refused = desk.send(path.format(month), form="/sign-out", sure="y")
        assert refused.status_code == 303
        assert "note no" in desk.get(refused.headers["Location"]).get_data(as_text=True), month
    assert [one.month for one in desks.verifier.store.statements.closings("sports-centre")] == ["2026-10"]


def test_a_department_reads_and_closes_its_own_statements_alone(desks):
    """Another department's file, page and closing are not there."""
    library, auditor = desks.browser("desk:library"), desks.browser("auditor")
    assert library.get(f"{FILE}.csv").status_code == 404
    assert library.send(f"{FILE}/close", form="/sign-out", sure="y").status_code == 404
    assert "区全民健身活动中心" not in text_of(library.get(f"{OCTOBER}&department=sports-centre"))
    assert auditor.get(OCTOBER).status_code == 403
    assert desks.browser("desk:media").get(OCTOBER).status_code == 403  # no point, no statement
    assert desks.verifier.store.statements.closings("sports-centre") == ()


@pytest.mark.parametrize("month", ["2026-13", "0000-00", "x", "2026-1"])
def test_what_is_no_month_is_not_there(desks, month):
    """Neither a file nor a fault of the server's; the page shows the month before this."""
    desk = desks.browser("desk:sports-centre")
    assert desk.get(f"/department/statements/sports-centre/{month}.csv").status_code == 404
    assert "2026-10" in text_of(desk.get(f"/department/statements?month={month}"))
