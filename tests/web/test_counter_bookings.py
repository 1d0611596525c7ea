"""Bookings at the counter: found by a scan, listed for the day, delayed, missed, and used without phone or card."""

import re
import secrets
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from accounts.rights import EVERYWHERE, Right
from tests.web.lounge import ARRIVAL, DEPARTURE, RIGHTS, Flyer, Lounge

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def telephone(site):
    """Book by telephone: an integrator's call to the API, as the lounge's own system would make it."""
    at = site.clock.now()
    rights = {EVERYWHERE: frozenset({Right.BOOKINGS, Right.NAMES})}
    until = at + timedelta(days=90)
    _, token = site.office.accounts.integrators.add("telephone", rights, expires_at=until, by="test", at=at)

    def book(body):
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": secrets.token_urlsafe(16)}
        response = site.app.test_client().post("/v1/bookings", json=body, headers=headers, base_url=site.base)
        assert response.status_code == 201, response.get_data(as_text=True)
        assert response.json["outcome"] == "granted", response.json
        return response.json["booking"]

    return book


@pytest.fixture
def lounge(opened, site):
    """A tablet at the domestic lounge, with every right that an operator may then have there."""
    return Lounge(opened, site)


def test_a_scan_finds_the_booking_and_one_tap_uses_it(lounge, site, telephone):
    """Nobody chooses a service: flight, people, plate, checklist; counted only by the tap; then the list to tick."""
    flyer = Flyer(site)
    booking = flyer.book(telephone)
    page = lounge.page
    lounge.paste(flyer.shown)
    lounge.shows("look")
    look = page.locator("[data-view=look]")
    expect(look.locator(".word")).to_have_text("预约已找到")
    expect(look.locator(".flight").first).to_have_text(re.sub(r"^CZ", "CZ ", booking["details"]["flight"]))
    expect(look.locator(".people")).to_contain_text("周以宁")
    expect(look.locator(".people li").first).to_contain_text("持卡人，须到场")
    expect(look.locator(".plate")).to_have_text("粤AD1234")
    expect(look.locator(".checklist li")).to_have_count(7)
    expect(look.locator(".own")).to_contain_text("须自理")
    expect(page.locator("#arrived")).to_have_value("1")
    page.click("#look-confirm")
    assert lounge.outcome() == ("granted", "")
    ticks = page.locator("[data-view=outcome] .checklist input")
    ticks.nth(0).check()
    expect(page.locator("[data-view=outcome] .checklist")).to_contain_text("1 / 7")
    expect(page.locator("#next")).to_have_text("下一位")


def test_of_two_bookings_staff_choose_the_one_that_is_meant(lounge, site, telephone):
    """The nearer stands first; the other is one tap away and is the one used."""
    flyer = Flyer(site)
    first, second = flyer.book(telephone, hours=2.5), flyer.book(telephone, hours=3.5)
    lounge.paste(flyer.shown)
    page = lounge.page
    expect(page.locator(".segment input").first).to_be_checked()
    page.locator(".segment").nth(1).click()
    expect(page.locator("[data-view=look] .flight").first).to_have_text(
        second["details"]["flight"].replace("CZ", "CZ ")
    )
    with page.expect_request("**/v1/check-ins") as sent:
        page.click("#look-confirm")
    assert sent.value.post_data_json["booking"] == second["id"] != first["id"]
    assert lounge.outcome() == ("granted", "")


def test_other_people_than_booked_are_turned_away_and_logged(lounge, site, telephone):
    """The refusal is an entry; the booking stays."""
    flyer = Flyer(site)
    flyer.book(telephone)
    lounge.paste(flyer.shown)
    lounge.page.click("#look-refuse")
    assert lounge.outcome() == ("denied", "id-check-needed")
    lounge.next()
    lounge.page.click("#show-bookings")
    expect(lounge.page.locator("#bookings-list")).to_contain_text("待到场")


def test_a_delayed_arrival_is_moved_and_shown_with_both_times(lounge, site, telephone):
    """The list shows planned and expected; after midnight is the next day; the unit does not move."""
    flyer = Flyer(site)
    booking = flyer.book(telephone, ARRIVAL, hours=2.2)
    page = lounge.page
    page.click("#show-bookings")
    row = page.locator("#bookings-list > li", has_text=booking["details"]["flight"].replace("CZ", "CZ "))
    expect(row).to_contain_text("须举牌")
    row.locator("button").first.click()
    row.get_by_text("航班延误").click()
    expect(page.locator("#delay-heading")).to_contain_text("抵达时间")
    page.fill("#delay-at", "23:50")
    page.click("#delay-form [type=submit]")
    expect(page.locator("#delay")).not_to_be_visible()
    expect(row.locator(".time")).to_contain_text("23:50")
    expect(row.locator("s")).to_have_count(1)
    expect(row).to_contain_text("延误")
    expect(row).to_contain_text("现预计 23:50")


def test_a_delay_recorded_while_the_passenger_stands_there_keeps_the_look(lounge, site, telephone):
    """The look stays on the screen with both times, opens no later, and the same tap lets the passenger in."""
    flyer = Flyer(site)
    flyer.book(telephone, hours=3)
    page = lounge.page
    lounge.paste(flyer.shown)
    look = page.locator("[data-view=look]")
    expect(look.locator(".journey")).to_contain_text("起飞前报到")
    page.click("#look-delay")
    page.fill("#delay-at", "23:50")
    page.click("#delay-form [type=submit]")
    expect(page.locator("#delay")).not_to_be_visible()
    expect(look.locator(".journey")).to_contain_text("现预计 23:50")
    expect(look.locator(".people")).to_contain_text("林晓雯")
    expect(page.locator("#arrived")).to_have_value("1")
    with page.expect_request("**/v1/check-ins") as sent:
        page.click("#look-confirm")
    assert sent.value.post_data_json["look"]
    assert lounge.outcome() == ("granted", "")


def test_the_day_list_is_searched_and_turned_to_other_days(lounge, site, telephone):
    """By flight however it is typed, by plate, by name; a day of next week is one choice away; the button counts."""
    flyer, other = Flyer(site), Flyer(site, "李晓雯")
    booking = flyer.book(telephone, hours=3)
    other.book(telephone, ARRIVAL, hours=3, plates=["粤B99887"])
    later = flyer.book(telephone, hours=3 + 5 * 24)
    page, rows = lounge.page, lounge.page.locator("#bookings-list > li")
    page.reload()
    expect(page.locator("#bookings-waiting")).to_contain_text(re.compile(r"待到 \d+"))
    page.click("#show-bookings")
    page.fill("#bookings-search", booking["details"]["flight"].lower().replace("cz", "cz "))
    expect(rows).to_have_count(1)
    page.fill("#bookings-search", "b998")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("李*雯")
    page.fill("#bookings-search", "ZZ999")
    expect(rows).to_have_text("没有符合的预约。")
    page.fill("#bookings-search", "")
    page.fill("#bookings-day", (site.clock.now() + timedelta(days=5, hours=11)).date().isoformat())
    expect(page.locator("#bookings-list")).to_contain_text(later["details"]["flight"].replace("CZ", "CZ "))
    page.click("#bookings-before")
    expect(page.locator("#bookings-heading")).not_to_have_text("今日预约")


def test_a_booking_is_taken_and_given_up_at_the_desk(lounge, site, telephone):
    """By the number that a caller reads out, after the call back; faults at their fields; cancelled with a reason."""
    flyer, page = Flyer(site), lounge.page
    page.click("#show-bookings")
    page.click("#bookings-book")
    date = (site.clock.now() + timedelta(days=3, hours=8)).date().isoformat()
    for field, value in (("scheduled_at", date), ("scheduled_at-from", "20:30"), ("flight", "cz 3190"),
                         ("holder_name", flyer.name), ("phone", "13800001234")):  # fmt: skip
        page.fill(f"#f-{field}", value)
    page.locator("[data-field=checked_luggage] label").first.click()
    page.click("#form-do")
    expect(page.locator("#book-fault")).to_have_text("请输入卡号，或扫描卡码。")
    page.fill("#book-card", flyer.number)
    page.click("#form-do")
    expect(page.locator("#book-fault")).to_have_text("请先按登记电话回拨，再勾选。")
    page.check("#book-sure")
    with page.expect_request("**/v1/bookings") as sent:
        page.click("#form-do")
    assert sent.value.post_data_json["called_back"] is True
    row = page.locator("#bookings-list > li", has_text="CZ 3190")
    expect(row).to_contain_text("待到场")
    row.locator("button").first.click()
    row.locator("[data-act=cancel]").click()
    page.click("#cancel-form [type=submit]")
    expect(page.locator("#cancel-fault")).not_to_be_empty()
    page.check("#cancel input[value=by-holder]")
    page.click("#cancel-form [type=submit]")
    expect(row).to_have_count(0)
    expect(page.locator("#bookings-count")).to_contain_text("名额已退回")


def test_a_missed_booking_is_marked_in_the_list(lounge, site, telephone):
    """Its window is over: nobody waits for them."""
    flyer = Flyer(site)
    booking = flyer.book(telephone, hours=2.2)
    site.go(hours=8.5)
    lounge.page.click("#show-bookings")
    row = lounge.page.locator("#bookings-list > li", has_text=booking["details"]["flight"].replace("CZ", "CZ "))
    expect(row).to_contain_text("未到场")
    expect(row).not_to_contain_text("待到场")
    site.go(hours=15)


def test_with_neither_phone_nor_card_a_supervisor_answers_for_the_visitor(lounge, site, telephone):
    """Scenario 4: the list, the original ID, a reason and a note by somebody who signs in for this one act."""
    flyer = Flyer(site)
    booking = flyer.book(telephone)
    code = lounge.supervisor()
    page = lounge.page
    page.click("#show-bookings")
    row = page.locator("#bookings-list > li", has_text=booking["details"]["flight"].replace("CZ", "CZ "))
    row.locator("button").first.click()
    row.get_by_text("没带手机和卡").click()
    expect(page.locator("#override input[value=phone-dead]")).to_be_checked()
    page.click("#override-form [type=submit]")
    expect(page.locator("#override-fault")).to_have_text("请先核对本人证件原件，再勾选。")
    page.check("#override-checked")
    page.fill("#override-note", "手机没电，已看身份证原件")
    lounge.names_supervisor("override", code)
    page.click("#override-form [type=submit]")
    assert lounge.outcome() == ("granted", "")
    expect(page.locator("[data-view=outcome]")).to_contain_text("主管放行：手机没电或丢失")
    expect(page.locator("#operator")).to_contain_text("登录")  # the sign-in was for this act alone
    lounge.next()
    page.click("#show-bookings")
    expect(row).to_contain_text("已到场")


def test_names_are_masked_where_the_counter_has_no_right_to_them(opened, site, telephone):
    """The booking is found all the same; plates stay."""
    flyer = Flyer(site)
    flyer.book(telephone)
    lounge = Lounge(opened, site, rights=RIGHTS - {Right.NAMES})
    lounge.paste(flyer.shown)
    people = lounge.page.locator("[data-view=look] .people")
    expect(people).to_contain_text("周*宁")
    expect(people).not_to_contain_text("周以宁")
    expect(lounge.page.locator(".plate")).to_have_text("粤AD1234")


def test_a_point_without_bookings_offers_no_list(opened, site):
    """Nor does a counter without the right."""
    lounge = Lounge(opened, site, "gym")
    expect(lounge.page.locator("#show-bookings")).not_to_be_visible()
    lounge = Lounge(opened, site, rights=RIGHTS - {Right.BOOKINGS})
    expect(lounge.page.locator("#show-bookings")).not_to_be_visible()


def test_a_visitor_without_a_booking_is_refused_with_what_to_do(lounge, site):
    """Scanned with the choice left to the booking: the answer is the log's, after the ID check that a copy needs."""
    lounge.paste(Flyer(site).shown)
    lounge.page.click("#id-confirm")
    assert lounge.outcome() == ("denied", "booking-needed")


def test_a_booking_screen_fits_a_tablet_in_landscape(lounge, site, telephone):
    """1280 by 800 shows it whole; in portrait the one button stays in sight."""
    flyer = Flyer(site)
    flyer.book(telephone, DEPARTURE, escort_count=1, escorts=["许国强"])
    lounge.paste(flyer.shown)
    lounge.shows("look")
    page = lounge.page
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    for width, height in ((1280, 800), (800, 1280), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        box = page.locator("#look-confirm").bounding_box()
        assert box["y"] + box["height"] <= height


def test_what_was_delivered_is_recorded_once_from_the_answer_or_the_list(lounge, site, telephone):
    """Ticks survive the way from the answer to the list; the log gets their numbers; afterwards nothing asks again."""
    flyer = Flyer(site)
    flyer.book(telephone)
    page = lounge.page
    lounge.paste(flyer.shown)
    page.click("#look-confirm")
    assert lounge.outcome() == ("granted", "")
    page.locator("[data-view=outcome] .checklist input").nth(0).check()
    lounge.next()
    page.click("#show-today")
    page.locator("#today-entries li").first.get_by_text("记录已提供").click()
    expect(page.locator("#deliver .checklist input").nth(0)).to_be_checked()
    page.locator("#deliver .checklist input").nth(3).check()
    with page.expect_request("**/check-out") as sent:
        page.click("#deliver-form [type=submit]")
    assert sent.value.post_data_json == {"delivered": [1, 4]}
    expect(page.locator("#scan-note")).to_have_text("已记录提供的服务。")
    page.click("#show-today")
    expect(page.locator("#today-entries li", has_text="已提供").first).to_be_visible()
    expect(page.locator("#today-entries li", has_text="已通过").first.get_by_text("记录已提供")).to_have_count(0)


def test_who_came_too_late_is_let_in_once_a_supervisor_opened_the_booking(lounge, site, telephone):
    """Scenario 7's last line: missed, reopened with a reason, used."""
    flyer, code = Flyer(site), lounge.supervisor()
    booking = flyer.book(telephone, hours=2.2)
    site.go(hours=8.5)
    page = lounge.page
    page.reload()
    lounge.shows("scan")
    page.click("#show-bookings")
    row = page.locator("#bookings-list > li", has_text=booking["details"]["flight"].replace("CZ", "CZ "))
    row.locator("button").first.click()
    row.get_by_text("重新开放预约").click()
    page.fill("#reopen-note", "航空公司证明备降")
    lounge.names_supervisor("reopen", code)
    page.click("#reopen-form [type=submit]")
    expect(row).to_contain_text("待到场")
    page.locator("#bookings form button").first.click()
    lounge.paste(flyer.shown)
    lounge.shows("look")
    page.click("#look-confirm")
    assert lounge.outcome() == ("granted", "")
    site.go(hours=15)
