"""`/desk` and `/department` as clumsy and as hostile people use them: sessions that end, odd spellings, wrong ids."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest

from ledger.bookings import BookingState
from ledger.values import LedgerUnavailable
from tests.verifier.booking import HOLDER, Phone
from tests.web.desks import DeskWorld
from tests.web.staffing import Browser, text_of
from tests.web.test_desks import DOMESTIC, FLIGHT, act, book, booked, booking_of, day

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


@pytest.fixture
def desks(tmp_path):
    """A verifier with the pages, on Friday 23 October 2026 at ten; a diamond holder known by card number."""
    made = DeskWorld(tmp_path, "2026-10-23 10:00")
    made.diamond = made.numbered("diamond")
    made.go("2026-10-23 10:01")
    yield made
    made.close()


@pytest.fixture
def lounge(desks):
    """A browser at the lounges' desk."""
    return desks.browser("desk:investment")


def test_what_was_typed_outlives_the_session_and_is_sent_after_signing_in_again(desks, lounge):
    """The page that comes back holds every field but the token; sent again it books, once. A stranger gets no page."""
    typed = {"operation": "operation-0000000001", "card_number": desks.diamond, "called_back": "y", **FLIGHT}
    token = lounge.token(DOMESTIC)
    desks.go("2026-10-23 10:50")
    ended = lounge.send(DOMESTIC, csrf_token=token, form="/sign-in", **typed)
    assert ended.status_code == 401
    kept = {name: unescape(value) for name, value in HIDDEN.findall(ended.get_data(as_text=True))}
    assert {name: kept.get(name) for name in typed} == typed
    assert booking_of_none(desks)
    again = desks.browser("desk:investment")
    lounge.client.set_cookie(desks.authenticate.cookie, again.client.get_cookie(desks.authenticate.cookie).value)
    for _ in range(2):
        sent = lounge.send(DOMESTIC, form="/sign-out", **kept)
        assert sent.status_code == 303, text_of(sent)
    assert len(desks.log()) == 1
    stranger = Browser(desks.app, "http://localhost", "198.51.100.77")
    assert stranger.send(DOMESTIC, form="/sign-in", **typed).headers["Location"].startswith("/sign-in?next=")


def booking_of_none(desks) -> bool:
    """Whether nothing is logged yet."""
    return desks.log() == []


@pytest.mark.parametrize("role", ["desk:investment", "desk:media"])
def test_what_was_typed_outlives_a_ledger_that_is_away(desks, role, monkeypatch):
    """The form comes back filled in, with the same operation: sent again, it is done once."""
    paper = {"f-recipient": HOLDER, "f-address": "白云大道南118号", "f-phone": "13800001234"}
    path, typed = {
        "desk:investment": (DOMESTIC, FLIGHT), "desk:media": ("/department/new/steward-newspaper/media", paper)
    }[role]  # fmt: skip
    browser, ledger = desks.browser(role), type(desks.verifier.ledger)
    sent = {"operation": "operation-0000000001", "card_number": desks.diamond, "called_back": "y", **typed}

    def away(*_):
        raise LedgerUnavailable("away")

    with monkeypatch.context() as patch:
        for name in ("hold", "check_in"):
            patch.setattr(ledger, name, away)
        response = browser.send(path, **sent)
    page = response.get_data(as_text=True)
    assert (response.status_code, 'class="note no"' in page) == (503, True)
    assert [value for value in sent.values() if value not in unescape(page)] == []
    assert browser.send(path, **sent).status_code == 303
    assert len(desks.log()) == 1


LONG = "Wolfeschlegelsteinhausenbergerdorff Hubertina"


@pytest.mark.parametrize(
    "changes",
    [
        {"f-flight": "ｃｚ３１０１"},
        {"f-flight": "cz 3101"},
        {"f-phone": "（020）86132888转8001"},
        {"f-phone": "１３８００００１２３４"},
        {"f-plates": "粤Ａ•１２３４５"},
        {"f-passenger_count": "２"},
        {"f-passengers": f"{HOLDER}，{LONG}"},
        {"f-passengers": f" {HOLDER} \r\n 李雷 "},
        {"f-scheduled_at": "2026-10-24T03:00"},
        {"f-scheduled_at": "2027-01-21T10:01"},
    ],
    ids=lambda changes: "".join(changes.values())[:24],
)
def test_what_people_write_is_understood(desks, lounge, changes):
    """Full-width letters and digits, a telephone as the guide writes it, 45 letters, 3 a.m., 90 days ahead."""
    page = booked(lounge, DOMESTIC, desks.diamond, **{**FLIGHT, **changes})
    assert booking_of(desks, page).state is BookingState.HELD


def test_a_card_number_is_understood_however_it_is_typed(desks, lounge):
    """Full width, small letters, dashes: the same card; a search by it finds its bookings."""
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in desks.diamond)
    booked(lounge, DOMESTIC, wide, **FLIGHT)
    for typed in (wide, desks.diamond.lower(), f"{desks.diamond[:6]}－{desks.diamond[6:]}"):
        assert "找到 1 个预约" in day(lounge, f"point=air-dom&sought={typed}"), typed


@pytest.mark.parametrize(
    ("when", "reason"), [("2027-01-22T10:02", "booking-too-early"), ("2026-10-23T12:00", "booking-too-late")]
)
def test_a_day_too_far_and_a_minute_too_late_are_refused_in_words(desks, lounge, when, reason):
    """91 days ahead; an hour and 59 minutes before."""
    refused = book(lounge, DOMESTIC, desks.diamond, **{**FLIGHT, "f-scheduled_at": when})
    assert (refused.status_code, desks.log()[-1]["reason"]) == (409, reason)


def test_two_tabs_on_one_booking_tell_the_second_what_became_of_it(desks, lounge):
    """Cancelled in one tab; the other's change, delay and cancellation are refused in words, and change nothing."""
    page = booked(lounge, DOMESTIC, desks.diamond, **FLIGHT)
    assert act(lounge, page, "cancel", reason="by-holder", sure="y").status_code == 303
    assert act(lounge, page, "delay", expected="2026-10-23T18:00").status_code == 303
    assert 'class="note no"' in lounge.get(page).get_data(as_text=True)
    changed = lounge.send(f"{page}/change", form="/sign-out", **{**FLIGHT, "f-flight": "CZ9999"})
    assert (changed.status_code, 'class="note no"' in changed.get_data(as_text=True)) == (409, True)
    assert booking_of(desks, page).state is BookingState.CANCELLED


def test_a_formula_in_what_was_asked_for_stays_a_text_in_files(desks):
    """A subscriber's address that begins with = is no formula in the list for whoever delivers."""
    phone, media = Phone(desks, desks.card("diamond")), desks.browser("desk:media")
    fields = {"recipient": "=HYPERLINK(1)", "address": "＝1+1", "phone": "13800001234"}
    asked = phone.call("POST", "/v1/wallet/requests", {"service": "steward-newspaper", "fields": fields})
    assert asked.json["outcome"] == "granted"
    file = media.get("/department/subscribers/steward-newspaper/2026.csv").get_data(as_text=True)
    (row,) = csv.DictReader(io.StringIO(file.removeprefix("\ufeff")))
    assert (row["recipient"], row["address"]) == ("'=HYPERLINK(1)", "'＝1+1")


@pytest.mark.parametrize(
    "path",
    [
        "/desk?point=library&day=2026-10-23&sought=13800001234",
        "/desk?point=air-dom&day=9999-12-31&sought=x",
        "/desk?point=air-dom&day=0001-01-01&sought=x",
        "/desk?day=%00&sought=%00",
        "/desk/bookings/00-999999",
        "/desk/bookings/%2e%2e",
        "/department/requests/00-000001",
        "/department/statements?month=9999-99",
        "/department/certificates?year=0000",
        "/desk/receipts?year=99999",
        "/desk/missed?x=1",
    ],
)
def test_no_address_is_answered_with_a_fault_of_the_servers(desks, lounge, path):
    """Days at the ends of the calendar, control characters, another department's ids: a page, or none, never 500."""
    assert lounge.get(path).status_code in {200, 403, 404}, path
