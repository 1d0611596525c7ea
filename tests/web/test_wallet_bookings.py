"""The wallet's bookings in a real browser: every kind, faults at their field, changes, late carriers, lost answers."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from cards.programme.types import Text
from tests.web.phone import Phone
from tests.web.test_accessibility import LOOKS, violations
from verifier.records.events import Event
from verifier.records.store import VerifierStore

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("another_minute")]
LIST = "/v1/wallet/bookings"
HOUR = timedelta(hours=1)


def bookings(phone):
    """Open the tab; returns the page once it is known what can be booked."""
    phone.page.click("#tab-bookings")
    expect(phone.page.locator("#bookings-new .door").first).to_be_visible()
    return phone.page


def day(site, days: int) -> str:
    """A local date some days from the machine's today."""
    return (site.clock.now() + timedelta(days=days, hours=8)).date().isoformat()


def fill_flight(page, date: str, time: str = "20:30") -> None:
    """Fill a flight in, without those who see off and without a car."""
    page.fill("#f-scheduled_at", date)
    page.fill("#f-scheduled_at-from", time)
    page.fill("#f-flight", "cz 3101")
    page.fill("#f-holder_name", "张小明")
    page.fill("#f-phone", "13800001234")
    page.locator("[data-field=checked_luggage] label").first.click()


def book_flight(phone, date: str, time: str = "20:30"):
    """Book a domestic departure; returns the page with the list."""
    page = bookings(phone)
    page.click("[data-open=airport-dom-departure]")
    fill_flight(page, date, time)
    page.click("#form-do")
    expect(page.locator("[data-one]").first).to_be_visible()
    return page


def held(phone) -> list:
    """The bookings that the verifier holds for the phone's holder."""
    return phone.page.evaluate(
        """async () => {
          const { Phone } = await import('/static/js/wallet/phone.js');
          return (await Phone.load()).bookings();
        }"""
    )


def test_an_airport_transfer_is_booked_with_all_its_fields(opened, site):
    """Party, telephone, escorts, cars, luggage, name board; the last time to submit is worked out; the unit is held."""
    phone = Phone(opened, site)
    page, date = bookings(phone), day(site, 2)
    page.click("[data-open=airport-dom-departure]")
    expect(page.locator("#booking-form .note").first).to_contain_text("还可约 2 次")
    page.locator("#booking-form label", has_text="国内航班接机").click()
    fill_flight(page, date)
    expect(page.locator("#f-scheduled_at-hint")).to_contain_text("18:30 提交")
    page.click("#f-passengers")
    page.locator("[data-field=passengers] .rows input").fill("李雷")
    page.click("#f-escorts")
    page.locator("[data-field=escorts] .rows input").fill("许国强")
    page.click("#f-plates")
    page.locator("[data-field=plates] .rows input").fill("粤a·12345")
    page.locator("[data-field=name_board] label").last.click()
    page.click("#form-do")
    expect(page.locator("#bookings-note")).to_contain_text("已预约")
    (booking,) = held(phone)
    assert booking["service"] == "airport-dom-arrival"
    assert booking["details"] == {
        "holder_name": "张小明", "travel_date": date, "flight": "CZ3101", "scheduled_at": f"{date}T12:30:00Z",
        "passenger_count": 2, "passengers": ["张小明", "李雷"], "phone": "13800001234", "escort_count": 1,
        "escorts": ["许国强"], "vehicle_count": 1, "plates": ["粤A12345"], "checked_luggage": True, "name_board": False,
    }  # fmt: skip
    page.click("#tab-benefits")
    expect(page.locator("#benefit-13 .quota")).to_contain_text("重新计算")
    expect(page.locator("#benefit-13 .left")).to_contain_text("1 / 2")


def test_a_phone_abroad_books_by_the_programmes_clock(opened, site):
    """20:30 in Guangzhou is 20:30 in the form, the list and the booking, whatever the phone's zone."""
    phone, date = Phone(opened, site, timezone_id="America/New_York"), day(site, 2)
    page = book_flight(phone, date)
    assert held(phone)[0]["scheduled_at"] == f"{date}T12:30:00Z"
    expect(page.locator("[data-one] summary")).to_contain_text("20:30")
    page.click("[data-one] summary")
    page.click("[data-act=change]")
    expect(page.locator("#f-scheduled_at")).to_have_value(date)
    expect(page.locator("#f-scheduled_at-from")).to_have_value("20:30")


def test_faults_stand_at_their_fields_and_at_the_button(opened, site):
    """Nothing is sent; the first fault has the focus; what the server alone can find is led to its field too."""
    phone = Phone(opened, site)
    page = bookings(phone)
    page.click("[data-open=airport-dom-departure]")
    page.click("#form-do")
    expect(page.locator("#form-fault")).to_contain_text("还有 5 处要改")
    assert page.evaluate("() => document.activeElement.id") == "f-scheduled_at"
    fill_flight(page, day(site, 2))
    page.click("#f-plates")
    page.locator("[data-field=plates] .rows input").fill("粤A1")
    page.fill("#f-holder_name", "李雷")
    page.click("#form-do")
    expect(page.locator("#f-plates-fault")).to_contain_text("车牌号不完整")
    expect(page.locator("#form-fault")).to_have_text("还有 1 处要改：车牌号")
    page.locator("[data-field=plates] .rows button").click()
    page.click("#form-do")
    expect(page.locator("#f-holder_name-fault")).to_contain_text("张*明")
    expect(page.locator("#f-holder_name")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#form-fault")).to_contain_text("持卡人姓名")
    assert held(phone) == []


def test_it_is_said_that_it_is_too_late_before_it_is_sent(opened, site):
    """At the time, as soon as it is typed; and from when on a far date can be booked."""
    phone = Phone(opened, site)
    page = bookings(phone)
    page.click("[data-open=airport-dom-departure]")
    page.fill("#f-scheduled_at", day(site, 0))
    page.fill("#f-scheduled_at-from", "00:01")
    expect(page.locator("#f-scheduled_at-fault")).to_have_text("已过提交时间。")
    page.fill("#f-scheduled_at", day(site, 120))
    expect(page.locator("#f-scheduled_at-hint")).to_contain_text("起可提交")
    page.fill("#f-scheduled_at", day(site, 3))
    expect(page.locator("#f-scheduled_at-fault")).to_be_hidden()


@pytest.fixture
def kept(site):
    """Keep an event of the machine's office, five days from now, by its code."""
    store = VerifierStore.open(site.settings.verifier_url, site.settings.secret())

    def keep(code: str) -> None:
        starts = site.clock.now().replace(microsecond=0) + timedelta(days=5)
        event = Event(code, "steward-training", "events", Text(zh="人才沙龙", en="Salon"), starts, starts + HOUR, 9)
        if store.events.find(code) is None:  # A second try of the test finds the event of the first
            store.events.add(event)

    yield keep
    store.close()


def test_rooms_museum_check_up_and_event_are_booked(opened, site, kept):
    """Each with its own fields, by its own rule."""
    kept("HR-2026-21")
    phone = Phone(opened, site)
    page = bookings(phone)
    page.click("[data-open=library-room]")
    room = site.day_of_its_own(3).isoformat()
    for field, value in (("slot", room), ("slot-from", "14:00"), ("slot-to", "19:00"), ("people", "21")):
        page.fill(f"#f-{field}", value)
    page.click("#form-do")
    expect(page.locator("#f-slot-fault")).to_contain_text("最长 4 小时")
    expect(page.locator("#f-people-fault")).to_contain_text("1 至 20")
    page.fill("#f-slot-to", "16:00")
    page.fill("#f-people", "6")
    page.click("#form-do")
    page.click("[data-open=museum-visit]")
    visit = site.day_of_its_own(3, "museum").isoformat()
    for field, value in (("slot", visit), ("slot-from", "10:00"), ("people", "3")):
        page.fill(f"#f-{field}", value)
    page.locator("[data-field=guide] label").first.click()
    page.click("#form-do")
    page.click("[data-open=union-checkup]")
    expect(page.locator("#f-year")).to_have_value(day(site, 0)[:4])
    page.click("#form-do")
    page.click("[data-open=steward-training]")
    page.locator("[data-field=event] label", has_text="人才沙龙").first.click()
    page.click("#form-do")
    expect(page.locator("[data-one]")).to_have_count(4)
    found = {booking["service"]: booking["details"] for booking in held(phone)}
    assert found["library-room"]["people"] == 6
    assert found["museum-visit"]["guide"] is True
    assert found["steward-training"]["event"].startswith("HR-")
    assert "union-checkup" in found


def test_an_event_is_chosen_from_those_that_are_open(opened, site, kept):
    """By name, day and seats left; a full one is not offered."""
    kept("HR-2026-12")
    phone = Phone(opened, site, "silver")
    page, starts = bookings(phone), f"{day(site, 5)}T06:00:00Z"
    event = {"service": "steward-training", "point": "events", "starts_at": starts, "ends_at": starts, "capacity": 9}
    listed = [
        event | {"code": "HR-2026-12", "name": {"zh": "人才沙龙", "en": "Salon"}, "taken": 2, "left": 7},
        event | {"code": "HR-2026-13", "name": {"zh": "满座", "en": "Full"}, "taken": 9, "left": 0},
    ]
    page.route("**/v1/events/open?service=steward-training", lambda route: route.fulfill(json={"events": listed}))
    page.click("[data-open=steward-training]")
    expect(page.locator("[data-field=event] label")).to_have_count(1)
    expect(page.locator("[data-field=event]")).to_contain_text("余 7 名额")
    page.click("#form-do")
    expect(page.locator("#f-event-fault")).to_be_visible()
    page.click("[data-field=event] label")
    page.click("#form-do")
    expect(page.locator("#bookings-note")).to_contain_text("已预约")
    assert held(phone)[0]["details"] == {"event": "HR-2026-12"}


def test_a_place_says_when_it_is_open_and_what_is_free(opened, site):
    """Hours and free hours of the chosen day; outside, closed or taken is said at the time before anything is sent."""
    date, phone, other = site.day_of_its_own(4).isoformat(), Phone(opened, site, "silver"), Phone(opened, site, "gold")
    for each, start, end in ((other, "10:00", "12:00"), (phone, "03:00", "05:00")):
        page = bookings(each)
        page.click("[data-open=library-room]")
        for field, value in (("slot", date), ("slot-from", start), ("slot-to", end), ("people", "x")):
            page.fill(f"#f-{field}", value)
        expect(page.locator("#f-day")).to_contain_text("当天开放 09:00–21:00")
        if each is other:
            page.click("#form-do")
            expect(page.locator("#f-people-fault")).to_have_text("请填写数字。")
            page.fill("#f-people", "4")
            page.click("#form-do")
            expect(page.locator("#bookings-note")).to_contain_text("已预约")
    expect(page.locator("#f-day")).to_contain_text("可约：09:00–10:00、12:00–21:00")
    expect(page.locator("#f-slot-fault")).to_contain_text("不在开放时间内")
    page.fill("#f-slot-from", "11:00")
    page.fill("#f-slot-to", "13:00")
    expect(page.locator("#f-slot-fault")).to_contain_text("已有人预约")
    page.fill("#f-slot-from", "14:00")
    page.fill("#f-slot-to", "16:00")
    expect(page.locator("#f-slot-fault")).to_be_hidden()
    for field in ("slot", "slot-from", "slot-to"):
        box = page.locator(f"#f-{field}").evaluate("(e) => [e.scrollWidth - e.clientWidth, e.clientWidth]")
        assert box[0] <= 0, (field, box)
        assert box[1] >= (140 if field == "slot" else 100), (field, box)


@pytest.fixture
def awaited(site):
    """The union's notices of this year begin in five days; afterwards they are out again."""
    store = VerifierStore.open(site.settings.verifier_url, site.settings.secret())
    starts = site.clock.now().date() + timedelta(days=5)
    kept = [store.notices.find(code, starts.year) for code in ("union-checkup", "union-retreat")]
    for notice in kept:
        store.notices.keep(replace(notice, receipts_from=starts), "test", site.clock.now())
    yield starts
    for notice in kept:
        store.notices.keep(notice, "test", site.clock.now())
    store.close()


def test_a_receipt_waits_for_its_notice_and_says_from_when(opened, site, awaited):
    """Before the first day the door is shut with the day, in bookings and benefits; no button leads there."""
    page = bookings(Phone(opened, site))
    said = f"{awaited.month}月{awaited.day}日起填报回执"
    expect(page.locator("[data-shut=union-checkup], [data-shut=union-retreat]").first).to_contain_text(said)
    expect(page.locator("[data-open^=union]")).to_have_count(0)
    page.click("[data-open=official-checkup]")
    expect(page.locator("#book-notice")).to_contain_text("通知已发布，回执填报至12月31日")
    page.click("#tab-benefits")
    page.click("#benefit-10 summary")
    expect(page.locator("#benefit-10 [data-notice]").first).to_contain_text(said)
    expect(page.locator("#benefit-10 [data-go=bookings]")).to_have_count(0)


def test_what_another_choice_excludes_is_shut_and_says_why(opened, site):
    """After the official check-up the union's is neither counted as left nor offered; all used is shut too."""
    phone = Phone(opened, site)
    page = bookings(phone)
    page.click("[data-open=official-checkup]")
    page.click("#form-do")
    expect(page.locator("#bookings-note")).to_contain_text("日期由主办单位另行通知")
    expect(page.locator("#bookings-note")).not_to_contain_text("00:00")
    expect(page.locator("[data-shut=union-checkup], [data-shut=union-retreat]").first).to_contain_text("已选“免费体检")
    expect(page.locator("[data-shut=official-checkup]")).to_contain_text("次数已用完")
    expect(page.locator("[data-open^=union]")).to_have_count(0)
    page.click("#tab-benefits")
    expect(page.locator("#benefit-10 summary")).to_contain_text("已选另一项")
    expect(page.locator("#benefit-10 .left")).to_have_count(0)
    page.click("#benefit-10 summary")
    expect(page.locator("#benefit-10 [data-go=bookings]")).to_have_count(0)
    page.click("#tab-bookings")
    expect(page.locator("#bookings-note")).to_be_empty()


def test_a_form_calls_things_as_the_chosen_service_does(opened, site):
    """A departure asks for take-off, an arrival for landing; a change takes no further unit and says so."""
    phone = Phone(opened, site)
    page = bookings(phone)
    page.click("[data-open=airport-dom-departure]")
    form = page.locator("#booking-form")
    expect(form).to_contain_text("起飞时间")
    expect(form).to_contain_text("送机人员姓名")
    page.locator("#booking-form label", has_text="国内航班接机").click()
    expect(form).to_contain_text("抵达时间")
    expect(form).not_to_contain_text("起飞")
    page.locator(".back:visible").click()
    book_flight(phone, day(site, 2))
    page.click("[data-one] summary")
    page.click("[data-act=change]")
    expect(form).to_contain_text("更改不另占次数和名额")
    expect(form).not_to_contain_text("占用 1 次")


def test_no_event_is_a_sentence_and_not_a_code_to_be_guessed(opened, site):
    """Nothing open: no field, no button; all full likewise."""
    phone = Phone(opened, site, "silver")
    page, listed = bookings(phone), []
    page.route("**/v1/events/open?service=steward-training", lambda route: route.fulfill(json={"events": listed}))
    page.click("[data-open=steward-training]")
    expect(page.locator("#booking-form")).to_contain_text("目前没有可报名的活动")
    expect(page.locator("#form-do")).to_have_count(0)


def test_a_booking_is_changed_moved_by_its_carrier_and_cancelled(opened, site):
    """Each in place, with its state; cancelling asks twice."""
    phone = Phone(opened, site)
    page = book_flight(phone, day(site, 2))
    page.click("[data-one] summary")
    page.click("[data-act=change]")
    expect(page.locator("#f-flight")).to_have_value("CZ3101")
    page.fill("#f-scheduled_at-from", "21:00")
    page.click("#form-do")
    expect(page.locator("#bookings-note")).to_contain_text("预约已更改")
    page.click("[data-one] summary")
    page.click("[data-act=late]")
    page.fill("#late-time", "20:00")
    page.click("text=提交新时间")
    expect(page.locator("[data-one] .fault")).to_contain_text("晚于原定时间")
    page.fill("#late-time", "23:50")
    page.click("text=提交新时间")
    expect(page.locator("[data-one] summary")).to_contain_text("23:50")
    page.click("[data-one] summary")
    expect(page.locator("[data-one]")).to_contain_text("原定 21:00")
    page.click("[data-act=cancel]")
    assert held(phone)[0]["state"] == "held"
    page.click("[data-act=cancel]")
    expect(page.locator("[data-one] .pill")).to_have_text("已取消")
    expect(page.locator("#bookings-note")).to_contain_text("名额已退回")


def test_a_booking_whose_answer_was_lost_is_the_same_one_after_a_reload(opened, site):
    """The operation's id was kept before it was sent: one entry, one unit."""
    phone = Phone(opened, site)
    page, sent = bookings(phone), []

    def lose(route):
        sent.append(route.request.headers["idempotency-key"])
        route.fetch()
        route.abort()

    page.route(re.compile(f"{LIST}$"), lose)
    page.click("[data-open=airport-dom-departure]")
    fill_flight(page, day(site, 2))
    page.click("#form-do")
    expect(page.locator("[data-unconfirmed]")).to_be_visible()
    page.unroute(re.compile(f"{LIST}$"))
    page.on("request", lambda request: request.url.endswith(LIST) and sent.append(request.headers["idempotency-key"]))
    page.reload()
    page.click("#tab-bookings")
    expect(page.locator("#bookings-new .door")).to_have_count(0)
    page.click("[data-act=again]")
    expect(page.locator("#bookings-note")).to_contain_text("已预约")
    assert len(sent) > 2
    assert len(set(sent)) == 1
    assert len(held(phone)) == 1


def test_what_the_rules_refuse_is_said_at_the_button(opened, site):
    """The third of two, with whom to call; what was typed stays."""
    phone = Phone(opened, site)
    for days in (2, 3):
        book_flight(phone, day(site, days))
    page = bookings(phone)
    page.click("[data-open=airport-dom-departure]")
    fill_flight(page, day(site, 4))
    page.click("#form-do")
    expect(page.locator("#form-fault")).to_contain_text("2")
    expect(page.locator("#form-fault a[href^='tel:']")).to_be_visible()
    expect(page.locator("#f-flight")).to_have_value("cz 3101")
    assert len(held(phone)) == 2


def test_bookings_are_seen_without_a_network_and_the_next_one_stands_on_the_card(opened, site):
    """As last seen, and said so."""
    phone = Phone(opened, site)
    page = book_flight(phone, day(site, 1))
    page.context.set_offline(True)
    page.click("#tab-card")
    expect(page.locator("#next-booking")).to_contain_text("20:30")
    page.click("#next-booking")
    expect(page.locator("#bookings-away")).to_be_visible()
    expect(page.locator("[data-one]")).to_have_count(1)


@pytest.mark.parametrize("look", LOOKS, ids=["-".join(look) for look in LOOKS])
def test_every_screen_of_bookings_is_accessible(opened, site, look):
    """Doors, form, faults, list, late carrier, unconfirmed; nothing scrolls sideways on a phone."""
    language, scheme = look
    phone = Phone(opened, site, color_scheme=scheme)
    phone.page.click(f"[data-language={language}]")
    page = bookings(phone)
    found = {"doors": violations(page)}
    page.click("[data-open=airport-dom-departure]")
    page.click("#f-passengers")
    page.click("#f-plates")
    page.click("#form-do")
    found["faults"] = violations(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    page.locator("[data-field=passengers] .rows button").click()
    page.locator("[data-field=plates] .rows button").click()
    fill_flight(page, day(site, 2))
    page.click("#form-do")
    page.click("[data-one] summary")
    page.click("[data-act=late]")
    found["list"] = violations(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    page.route(re.compile(f"{LIST}/.*/cancel$"), lambda route: route.abort())
    page.click("[data-act=cancel]")
    page.click("[data-act=cancel]")
    expect(page.locator("[data-unconfirmed]")).to_be_visible()
    found["unconfirmed"] = violations(page)
    assert {name: list_ for name, list_ in found.items() if list_} == {}
