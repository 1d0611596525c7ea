"""`/desk` without a script: the day, bookings by telephone, changed and ended; two desks never take one hour twice."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest

from ledger.bookings import BookingQuery, BookingState
from ledger.values import Fault
from tests.verifier.booking import HOLDER
from tests.web.desks import DeskWorld
from tests.web.staffing import text_of

DOMESTIC = "/desk/new/air-dom/airport-dom-departure"
ROOM = "/desk/new/library/library-room"
FLIGHT = {
    "f-holder_name": HOLDER,
    "f-flight": "CZ3101",
    "f-scheduled_at": "2026-10-23T14:30",
    "f-passenger_count": "2",
    "f-passengers": f"{HOLDER}、李雷",
    "f-phone": "13800001234",
    "f-escort_count": "0",
    "f-vehicle_count": "1",
    "f-plates": "粤A12345",
    "f-checked_luggage": "yes",
}


@pytest.fixture
def desks(tmp_path):
    """A verifier with the pages, on Friday 23 October 2026 at ten; holders of each tier, known by their numbers."""
    made = DeskWorld(tmp_path, "2026-10-23 10:00")
    made.diamond, made.silver, made.gold = (made.numbered(tier) for tier in ("diamond", "silver", "gold"))
    made.go("2026-10-23 10:01")
    yield made
    made.close()


@pytest.fixture
def lounge(desks):
    """A browser at the lounges' desk."""
    return desks.browser("desk:investment")


def book(browser, path: str, number: str, **fields):
    """Book by telephone, the holder called back."""
    return browser.send(path, card_number=number, called_back="y", **fields)


def booked(browser, path: str, number: str, **fields) -> str:
    """Book and return the booking's page."""
    response = book(browser, path, number, **fields)
    assert response.status_code == 303, text_of(response)
    return response.headers["Location"]


def act(browser, page: str, name: str, **values):
    """Send one act of a booking's page, its fields under the act's prefix."""
    sent = {f"{name}-{field}": value for field, value in values.items()}
    return browser.send(f"{page}/{name}", form="/sign-out", **sent)


def day(browser, query: str = "") -> str:
    """What the day says."""
    response = browser.get(f"/desk?{query}")
    assert response.status_code == 200
    return text_of(response)


def booking_of(desks, page: str):
    """The booking behind a page."""
    return desks.verifier.bookings.booking(page.rpartition("/")[2])


def test_a_booking_by_telephone_stands_in_the_day_and_is_found(desks, lounge):
    """With the guide's fields; looked into before, then found by flight, plate and card number, and printed."""
    checked = book(lounge, DOMESTIC, desks.diamond, do="check", **FLIGHT)
    told = text_of(checked)
    assert "最迟 2026-10-23 12:30 提交" in told
    assert "还可约 2 次" in told
    assert desks.log() == []
    page = booked(lounge, DOMESTIC, desks.diamond, **FLIGHT)
    assert "还可约" not in text_of(lounge.get(page))
    assert "粤A12345" in text_of(lounge.get(page))
    today = day(lounge, "point=air-dom&day=2026-10-23")
    for said in ("14:30", "CZ3101", HOLDER, "粤A12345", "已预约"):
        assert said in today
    for sought in ("cz3101", "粤A·12345", "A12345", desks.diamond, HOLDER):
        wanted = sought.replace("·", "")
        assert "找到 1 个预约" in day(lounge, f"point=air-dom&day=2026-10-20&sought={wanted}"), sought
    assert "找到 0 个预约" in day(lounge, "point=air-dom&sought=CZ9999")
    searched = lounge.get("/desk?point=air-dom&day=2026-10-20&sought=CZ3101").get_data(as_text=True)
    assert 'id="day-list"' not in searched  # what was found stands in place of the day, with a way back to the day
    assert 'href="/desk?point=air-dom&amp;day=2026-10-20"' in searched
    assert "2026-10-23 14:30" in searched, "bookings of several days stand together: each tells its day"
    assert HOLDER in text_of(lounge.get("/desk/print?point=air-dom&day=2026-10-23"))
    marks = desks.log()[-1]["marks"]
    assert marks == ["declared", "channel:telephone"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"f-passengers": HOLDER}, "f-passenger_count"),
        ({"f-holder_name": "王小红"}, "f-holder_name"),
        ({"f-flight": "CZ"}, "f-flight"),
        ({"f-phone": "12"}, "f-phone"),
        ({"f-plates": "x"}, "f-plates"),
        ({"f-scheduled_at": "soon"}, "f-scheduled_at"),
        ({"f-scheduled_at": ""}, "f-scheduled_at"),
        ({"f-checked_luggage": None}, "f-checked_luggage"),
        ({"called_back": None}, "called_back"),
        ({"card_number": "BY 0000 0000 0000"}, "card_number"),
        ({"f-passenger_count": "many"}, "f-passenger_count"),
    ],
)
def test_a_fault_stands_at_its_field_and_nothing_is_booked(desks, lounge, changes, field):
    """Whatever the services refuse comes back at the field it is about, what was typed kept."""
    values = {"card_number": desks.diamond, "called_back": "y", **FLIGHT, **changes}
    response = lounge.send(DOMESTIC, **values)
    assert response.status_code == 422
    page = response.get_data(as_text=True)
    assert f'id="{field}-fault"' in page or f'aria-describedby="{field}-fault"' in page
    assert "CZ3101" in page or field == "f-flight"
    assert desks.log() == []


def test_free_hours_are_those_in_which_the_point_is_open(desks):
    """The programme opens the library from nine to nine: no hour before, none after."""
    page = desks.browser("desk:library").get("/desk?point=library&day=2026-10-26").get_data(as_text=True)
    shown = re.findall(r'<b class="mono">([0-9:]+)</b> *<svg', page)
    assert shown == [f"{hour:02}:00" for hour in range(9, 21)]


@pytest.mark.parametrize(
    ("typed", "faults", "said"),
    [
        ({}, set(), set()),
        ({"card_number": "BY 0000"}, {"card_number"}, set()),
        ({"f-flight": "CZ", "f-phone": "12"}, {"f-flight", "f-phone"}, set()),
        ({"f-scheduled_at": "2026-10-23T11:59"}, set(), {"最迟 2026-10-23 09:59"}),
        ({"f-passenger_count": "9"}, {"f-passenger_count"}, set()),
        ({"f-passengers": "李雷", "f-passenger_count": "2"}, {"f-passenger_count"}, set()),
        ({"f-holder_name": "王小红", "card": "diamond"}, {"f-holder_name"}, {"可享受此项服务"}),
        ({"card": "silver", "f-scheduled_at": "2026-10-23T14:30"}, set(), {"不享受此项服务", "还可约 2 次"}),
    ],
    ids=["nothing", "card", "flight and telephone", "lead", "party", "count", "name", "quota"],
)
def test_what_is_typed_so_far_is_looked_into_and_nothing_is_recorded(desks, lounge, typed, faults, said):
    """Faults stand at the fields that are filled in alone; what is still missing is none; the log stays empty."""
    typed = dict(typed)
    if "card" in typed:
        typed["card_number"] = getattr(desks, typed.pop("card"))
    response = lounge.send(DOMESTIC, do="typing", **typed)
    page = response.get_data(as_text=True)
    assert response.status_code == 200
    assert set(re.findall(r'id="([^"]+)-fault"', page)) == faults
    assert {one for one in said if one not in text_of(response)} == set()
    assert ("核对结果" in text_of(response)) == bool(said)
    assert desks.log() == []


def test_a_full_hour_is_told_before_it_is_booked(desks):
    """The room is free, is booked by another desk, and is full when looked into again; outside the hours is a fault."""
    library = desks.browser("desk:library")
    slot = {"f-slot": "2026-10-26T09:00", "f-slot-ends": "2026-10-26T11:00", "f-people": "4"}
    assert "此时段有空" in text_of(library.send(ROOM, do="typing", **slot))
    booked(library, ROOM, desks.silver, **slot)
    checked = library.send(ROOM, do="check", card_number=desks.gold, called_back="y", **slot)
    assert (checked.status_code, "此时段已满" in text_of(checked)) == (200, True)
    night = {**slot, "f-slot": "2026-10-26T03:00", "f-slot-ends": "2026-10-26T04:00"}
    assert 'id="f-slot-fault"' in library.send(ROOM, do="typing", **night).get_data(as_text=True)
    assert len(desks.log()) == 1


def test_too_late_is_refused_in_words_and_logged(desks, lounge):
    """A minute after the lead no booking is made; the page says until when it was possible."""
    response = book(lounge, DOMESTIC, desks.diamond, **{**FLIGHT, "f-scheduled_at": "2026-10-23T11:59"})
    assert response.status_code == 409
    assert 'class="note no"' in response.get_data(as_text=True)
    assert desks.log()[-1]["reason"] == "booking-too-late"
    desks.clock.advance(timedelta(seconds=2))
    silver = book(lounge, DOMESTIC, desks.silver, **FLIGHT)
    assert (silver.status_code, desks.log()[-1]["reason"]) == (409, "not-entitled")


def test_a_booking_is_changed_delayed_and_cancelled(desks, lounge):
    """The form holds what was booked; a delay shows old and new time; a cancelled booking stays visible."""
    page = booked(lounge, DOMESTIC, desks.diamond, **FLIGHT)
    assert 'value="2026-10-23T14:30"' in lounge.get(page).get_data(as_text=True)
    changed = lounge.send(f"{page}/change", form=page, **{**FLIGHT, "f-scheduled_at": "2026-10-23T16:30"})
    assert changed.status_code == 303
    assert "16:30" in day(lounge, "point=air-dom")
    act(lounge, page, "delay", expected="2026-10-23T18:10")
    told = day(lounge, "point=air-dom")
    assert "18:10" in told
    assert "原定 16:30" in told
    assert act(lounge, page, "delay", expected="late").status_code == 422
    assert act(lounge, page, "cancel", reason="by-holder").status_code == 422  # not ticked
    assert act(lounge, page, "cancel", reason="by-holder", sure="y").status_code == 303
    assert booking_of(desks, page).state is BookingState.CANCELLED
    assert "已取消" in day(lounge, "point=air-dom")
    assert act(lounge, page, "cancel", reason="by-holder", sure="y").status_code == 303
    assert 'class="note no"' in lounge.get(page).get_data(as_text=True)


def test_a_missed_booking_is_noted_and_opened_again_by_a_supervisor(desks, lounge):
    """Not before its window is over; a desk cannot open it, a supervisor of the department can, with a reason."""
    page = booked(lounge, DOMESTIC, desks.diamond, **FLIGHT)
    early = lounge.send(f"{page}/missed", form=page)
    assert early.status_code == 303
    assert booking_of(desks, page).state is BookingState.HELD
    desks.go("2026-10-23 21:00")
    lounge, supervisor = desks.browser("desk:investment"), desks.browser("supervisor:investment")
    assert "过时未到" in day(lounge, "point=air-dom")
    lounge.send(f"{page}/missed", form=page)
    assert booking_of(desks, page).state is BookingState.MISSED
    until = {"until": "2026-10-23T23:30", "note": "航班备降"}
    assert act(lounge, page, "reopen", **until).status_code == 403
    assert act(supervisor, page, "reopen", until="2026-10-29T23:30", note="太久").status_code == 303
    assert booking_of(desks, page).state is BookingState.MISSED
    assert act(supervisor, page, "reopen", **until).status_code == 303
    assert booking_of(desks, page).state is BookingState.HELD
    assert desks.log()[-1]["device"] == desks.accounts.people.named("person.3").id


def test_two_desks_never_take_one_hour_twice_and_see_each_other(desks):
    """A room of one: the second is refused, the free hours and the version that pages ask for change at once."""
    first, second = desks.browser("desk:library"), desks.browser("desk:library")
    slot = {"f-slot": "2026-10-26T09:00", "f-slot-ends": "2026-10-26T11:00", "f-people": "4"}
    state = "/desk/state?point=library&day=2026-10-26"
    before = [browser.get(state).json["version"] for browser in (first, second)]
    page = booked(first, ROOM, desks.silver, **slot)
    after = second.get(state).json["version"]
    assert (before[0] == before[1], after != before[0]) == (True, True)
    assert "空 0 / 1" in day(second, "point=library&day=2026-10-26")
    refused = book(second, ROOM, desks.gold, **{**slot, "f-slot": "2026-10-26T10:00"})
    reasons = [leaf["reason"] for leaf in desks.log() if "reason" in leaf]
    assert (refused.status_code, reasons) == (409, ["slot-taken"])
    assert booked(second, ROOM, desks.gold, **{**slot, "f-slot": "2026-10-26T11:00", "f-slot-ends": "2026-10-26T12:00"})
    act(first, page, "cancel", reason="by-holder", sure="y")
    assert second.get(state).json["version"] != after
    found = desks.verifier.bookings.find(BookingQuery(point="library", states=frozenset({BookingState.HELD})))
    assert len(found) == 1
    assert not [found for found in desks.verifier.ledger.check() if isinstance(found, Fault)]


def test_a_form_sent_twice_books_once(desks, lounge):
    """A second click carries the same operation: one booking, one unit."""
    sent = {"operation": "operation-0000000001", **FLIGHT}
    pages = {booked(lounge, DOMESTIC, desks.diamond, **sent) for _ in range(2)}
    assert len(pages) == 1
    assert len(desks.log()) == 1


def test_each_desk_has_its_own_points_alone(desks, lounge):
    """Role by route: another department's day, state, list, booking and form are not there; nor is its navigation."""
    page = booked(lounge, DOMESTIC, desks.diamond, **FLIGHT)
    others = {"library": ["desk:library"], "media": ["desk:media"], "auditor": ["auditor"], "officer": ["officer"]}
    for name, grants in others.items():
        browser = desks.browser(*grants)
        for path in ("/desk/state?point=air-dom", "/desk/print?point=air-dom", DOMESTIC):
            assert browser.get(path).status_code == 403, (name, path)
        assert browser.get(page).status_code == (404 if name in {"library", "media"} else 403), name
        for act_ in ("change", "delay", "cancel", "reopen", "missed"):
            sent = browser.send(f"{page}/{act_}", form="/sign-out", **{"cancel-sure": "y"})
            assert sent.status_code in {403, 404}, (name, act_)
        shown = browser.get("/desk?point=air-dom")
        assert "CZ3101" not in shown.get_data(as_text=True), name
    assert booking_of(desks, page).state is BookingState.HELD
    stranger = desks.app.test_client()
    assert stranger.get("/desk").headers["Location"].startswith("/sign-in")


def test_without_the_second_step_names_are_masked_and_fields_not_changed(desks, lounge):
    """The right to names waits for it: day and booking mask, no form of fields is drawn."""
    page = booked(lounge, DOMESTIC, desks.diamond, **FLIGHT)
    single = desks.browser("desk:investment", factor=False)
    for path in ("/desk?point=air-dom", page, "/desk/print?point=air-dom"):
        text = text_of(single.get(path))
        assert HOLDER not in text, path
        assert "张*明" in text, path
    assert single.send(f"{page}/change", form=page, **FLIGHT).status_code == 403
    assert "找到 0 个预约" in day(single, f"point=air-dom&sought={HOLDER}")
    assert "航班号、车牌、卡号、姓名" not in day(single, "point=air-dom")


def test_a_holder_is_found_by_name_where_a_booking_asks_for_no_name(desks):
    """A room's booking knows its holder by the card's masked name; with the right to names the whole name finds it."""
    library = desks.browser("desk:library")
    gold = desks.numbered("gold", name="李**君")
    desks.go("2026-10-23 10:02")
    slot = {"f-slot": "2026-10-26T09:00", "f-slot-ends": "2026-10-26T10:00", "f-people": "2"}
    booked(library, ROOM, gold, **slot)
    assert "航班号、车牌、卡号、姓名" in day(library, "point=library")
    for sought, count in (("李婉怡君", 1), (" 李婉怡君 ", 1), ("李怡君", 0), ("王婉怡君", 0), ("君", 0)):
        assert f"找到 {count} 个预约" in day(library, f"point=library&day=2026-10-24&sought={sought}"), sought
    masked = desks.browser("desk:library", factor=False)
    assert "找到 0 个预约" in day(masked, "point=library&day=2026-10-24&sought=李婉怡君")


def test_the_days_reading_stands_in_the_access_log(desks, lounge):
    """Whoever opened a day or a booking is named there, with the day, without a name."""
    page = booked(lounge, DOMESTIC, desks.diamond, **FLIGHT)
    desks.clock.advance(timedelta(seconds=1))
    day(lounge, "point=air-dom")
    lounge.get(page)
    told = [line["what"] for line in desks.verifier.store.accesses(kind="bookings")]
    assert told[:2] == [f"opened {page.rpartition('/')[2]}", "2026-10-23"]


EVENT = {
    "place": "steward-training@events",
    "code": "HR-2026-11",
    "name_zh": "人才政策培训",
    "name_en": "Training",
    "starts_at": "2026-11-05T14:00",
    "ends_at": "2026-11-05T16:00",
    "capacity": "1",
}


def test_an_event_is_kept_moved_and_cancelled_with_its_sign_ups(desks):
    """Seats are counted, the list says who comes, a sign-up moves with the day and ends with the event."""
    hrss = desks.browser("desk:hrss")
    assert hrss.send("/desk/events", **EVENT).headers["Location"] == "/desk/events/HR-2026-11"
    page = booked(hrss, "/desk/new/events/steward-training", desks.silver, **{"f-event": "HR-2026-11"})
    assert "1 / 1" in text_of(hrss.get("/desk/events"))
    assert book(hrss, "/desk/new/events/steward-training", desks.gold, **{"f-event": "HR-2026-11"}).status_code == 409
    one = "/desk/events/HR-2026-11"
    assert page.rpartition("/")[2] in hrss.get(one).get_data(as_text=True)
    moved = {name: EVENT[name] for name in ("name_zh", "name_en", "capacity")}
    moved |= {"starts_at": "2026-11-06T14:00", "ends_at": "2026-11-06T16:00"}
    assert hrss.send(one, **moved).status_code == 303
    assert "2026-11-06 14:00" in text_of(hrss.get(page))
    assert hrss.send(f"{one}/cancel", form=one).status_code == 303  # not ticked
    assert booking_of(desks, page).state is BookingState.HELD
    hrss.send(f"{one}/cancel", form=one, **{"cancel-sure": "y"})
    assert booking_of(desks, page).state is BookingState.CANCELLED
    assert desks.browser("desk:library").get(one).status_code == 404
    assert desks.browser("desk:library").get("/desk/events").status_code == 403


@pytest.mark.parametrize(
    ("field", "typed"),
    [("code", "a b"), ("capacity", "0"), ("ends_at", "2026-11-05T13:00"), ("starts_at", "soon"), ("name_zh", "")],
)
def test_an_event_that_cannot_be_is_told_at_its_field(desks, field, typed):
    """Nothing is kept."""
    response = desks.browser("desk:hrss").send("/desk/events", **{**EVENT, field: typed})
    assert response.status_code == 422
    assert f'id="{field}-fault"' in response.get_data(as_text=True)
    assert desks.verifier.store.events.find("HR-2026-11") is None


def test_receipts_of_a_year_get_their_day_and_the_hospital_its_list(desks):
    """Two answered; the day is set for the one that is ticked, the file tells it, another department has none of it."""
    union = desks.browser("desk:union")
    pages = [booked(union, "/desk/new/union/union-checkup", number, **{"f-year": "2026"})
             for number in (desks.gold, desks.diamond)]  # fmt: skip
    first = pages[0].rpartition("/")[2]
    path = "/desk/receipts?point=union&year=2026"
    assert text_of(union.get(path)).count("待安排") == 2
    assert union.send(path, day="2026-12-01").status_code == 422  # none ticked
    assert union.send(path, receipt=first, day="soon").status_code == 422
    assert union.send(path, receipt=first, day="2026-12-01").status_code == 303
    assert text_of(union.get(path)).count("待安排") == 1
    rows = list(
        csv.DictReader(io.StringIO(union.get("/desk/receipts.csv?point=union&year=2026").text.lstrip("\ufeff")))
    )
    assert sorted(row["day"] for row in rows) == ["", "2026-12-01"]
    assert {row["holder_name"] for row in rows} == {"张*明"}
    assert "2026-12-01" in text_of(union.get(pages[0]))
    library = desks.browser("desk:library")
    assert library.get(path).status_code == 403
    assert library.get("/desk/receipts.csv?point=union").status_code == 403


NOTICE = {
    "service": "union-checkup", "year": "2028", "reference": "云工〔2028〕3号", "receipts_from": "2028-03-01",
    "receipts_until": "2028-05-31", "held_from": "2028-04-01", "held_until": "2028-09-30",
}  # fmt: skip


def test_the_organiser_keeps_the_notice_that_receipts_answer(desks):
    """Kept, shown beside its receipts, corrected by keeping it again; a day outside it is not set; no other desk's."""
    union = desks.browser("desk:union")
    assert "2028 年度的通知尚未登记" in text_of(union.get("/desk/receipts?point=union&year=2028"))
    assert union.send("/desk/notices", **NOTICE).status_code == 303
    for told in ("2028-03-01 – 2028-05-31", "云工〔2028〕3号", "2028-04-01 – 2028-09-30"):
        assert told in text_of(union.get("/desk/notices"))
    assert "回执填报 2028-03-01" in text_of(union.get("/desk/receipts?point=union&year=2028"))
    assert union.send("/desk/notices", **{**NOTICE, "receipts_until": "2028-06-30"}).status_code == 303
    page = text_of(union.get("/desk/notices"))
    assert ("2028-05-31" in page, "2028-06-30" in page) == (False, True)
    assert union.send("/desk/notices", **{**NOTICE, "service": "official-checkup"}).status_code == 422
    assert desks.browser("desk:library").get("/desk/notices").status_code == 403
    first = booked(union, "/desk/new/union/union-checkup", desks.gold, **{"f-year": "2026"}).rpartition("/")[2]
    outside = union.send("/desk/receipts?point=union&year=2026", receipt=first, day="2027-01-05")
    assert outside.status_code == 422
    assert "日期须在通知的时间内（2026-01-01 至 2026-12-31）" in text_of(outside)


@pytest.mark.parametrize(
    ("field", "typed"),
    [("year", "28"), ("held_from", "soon"), ("receipts_until", "2028-02-01"), ("held_until", "2028-03-31")],
)
def test_a_notice_that_cannot_be_is_told_at_its_field(desks, field, typed):
    """Nothing is kept."""
    response = desks.browser("desk:union").send("/desk/notices", **{**NOTICE, field: typed})
    assert response.status_code == 422
    assert f'id="{field}-fault"' in response.get_data(as_text=True)
    assert desks.verifier.store.notices.find("union-checkup", 2028) is None


def test_who_missed_often_is_listed_by_name_for_the_department_that_calls(desks, lounge):
    """Two flights missed in a year: name and count, what the programme says; nobody else's desk, nor one step alone."""
    for hour in ("14:30", "16:30"):
        booked(lounge, DOMESTIC, desks.diamond, **{**FLIGHT, "f-scheduled_at": f"2026-10-23T{hour}"})
    assert "没有多次未到场的持卡人" in text_of(lounge.get("/desk/missed"))
    desks.go("2026-10-24 09:00")
    assert desks.verifier.upkeep.sweep(desks.clock.now()).missed == 2
    page = desks.browser("desk:investment").get("/desk/missed")
    for said in (HOLDER, "国内航班送机", "次数退回", "一年 2 次起列入本页"):
        assert said in text_of(page), said
    assert "/desk/missed" in desks.browser("desk:investment").get("/desk?point=air-dom").get_data(as_text=True)
    assert HOLDER not in text_of(desks.browser("desk:library").get("/desk/missed"))
    for grants, factor in ((["desk:investment"], False), (["auditor"], True)):
        assert desks.browser(*grants, factor=factor).get("/desk/missed").status_code == 403
    read = [line["point"] for line in desks.verifier.store.accesses(kind="bookings") if line["what"] == "missed often"]
    assert {"air-dom", "air-intl"} <= set(read)


def test_full_width_figures_and_dashes_are_taken_wherever_a_desk_types_them(desks):
    """A notice, an event and a booking's number as an input method leaves them."""
    union = desks.browser("desk:union")
    typed = {"year": "２０２９", "receipts_from": "２０２９-０３-０１", "receipts_until": "2029－05－31"}
    days = {"held_from": "2029—04—01", "held_until": "2029-09-30"}
    assert union.send("/desk/notices", service="union-checkup", **typed, **days).status_code == 303
    assert "2029-03-01 – 2029-05-31" in text_of(union.get("/desk/notices"))
    events = desks.browser("desk:hrss")
    assert events.send("/desk/events", **{**EVENT, "capacity": "３０", "code": "ｈｒ－2026－12"}).status_code == 303
    assert desks.verifier.store.events.find("HR-2026-12").capacity == 30
    assert booked(union, "/desk/new/union/union-checkup", desks.gold, **{"f-year": "２０２６"})
