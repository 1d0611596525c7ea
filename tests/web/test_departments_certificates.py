"""`/department/certificates`: who was given a certificate, and its PDF with the whole name that is typed."""

from __future__ import annotations

import io

import pytest
from pypdf import PdfReader

from accounts.rights import Right
from tests.papers import assert_fonts_inside
from tests.web.desks import DeskWorld
from tests.web.staffing import text_of

RIGHTS = frozenset({Right.CHECK_IN, Right.VOID})


@pytest.fixture
def desks(tmp_path):
    """Two certificates handed out in October, the second voided."""
    made = DeskWorld(tmp_path, "2026-10-23 10:00")
    cards = [made.card("gold"), made.card("silver")]
    made.go("2026-10-23 10:05")
    counter = made.device("hrss", RIGHTS)
    made.entries = [
        counter.outcome(card.shown(), "steward-certificate", reference=f"BY-2026-{number:03d}")["id"]
        for number, card in enumerate(cards, 1)
    ]
    voided = counter.call("POST", f"/v1/check-ins/{made.entries[1]}/void", {"reason": "wrong-person"})
    assert voided.status_code == 201
    made.verifier.known.close()  # what was seen is written by a thread of its own
    yield made
    made.close()


def test_a_certificate_is_listed_and_printed_with_the_name_that_is_typed(desks):
    """Number, tier and masked name; the PDF has the whole name, which must fit the card's and is kept nowhere."""
    hrss = desks.browser("desk:hrss")
    listed = text_of(hrss.get("/department/certificates"))
    assert ("BY-2026-001" in listed, "张*明" in listed, "BY-2026-002" in listed) == (True, True, False)
    assert "/department/certificates" in hrss.get("/department").get_data(as_text=True)
    path = f"/department/certificates/{desks.entries[0]}"
    for wrong in ("王小红", "", "张晓明" * 21):
        assert hrss.send(path, name=wrong).status_code == 422
    printed = hrss.send(path, name="张晓明")
    (page,) = PdfReader(io.BytesIO(printed.data)).pages
    text = page.extract_text()
    assert [one for one in ("张晓明", "金卡", "BY-2026-001", "荣誉证书") if one not in text] == []
    assert_fonts_inside(printed.data)
    assert "BY-2026-001" not in text_of(hrss.get("/department/certificates?year=2025"))
    told = desks.verifier.store.accesses(kind="certificates")
    assert [line["what"] for line in told][:2] == ["2025", f"printed {desks.entries[0]}"]
    assert not [line for line in told if "张晓明" in str(line)]


def test_certificates_are_their_departments_alone(desks):
    """Role by route: no other department's desk, and not by one step; a voided one and another entry are not there."""
    path = f"/department/certificates/{desks.entries[0]}"
    for grants, factor, status in (
        (["desk:media"], True, 404),
        (["auditor"], True, 403),
        (["desk:hrss"], False, 403),
    ):
        browser = desks.browser(*grants, factor=factor)
        assert browser.get(path).status_code == status, grants
        assert browser.send(path, form="/sign-out", name="张晓明").status_code == status, grants
        assert browser.get("/department/certificates").status_code == 403, grants
    hrss = desks.browser("desk:hrss")
    for entry in (desks.entries[1], "00-999999", "x"):
        assert hrss.get(f"/department/certificates/{entry}").status_code == 404, entry
