"""Every state of the counter that staff meet online: axe, sizes, and a keyboard alone."""

import pytest
from playwright.sync_api import expect

from tests.web.lounge import Flyer, Lounge
from tests.web.phone import Phone
from tests.web.test_accessibility import LOOKS, spoken, violations
from tests.web.test_counter_bookings import telephone  # noqa: F401 - a fixture

pytestmark = pytest.mark.browser

SIZES = ((1280, 800), (800, 1280), (390, 844))


@pytest.fixture(params=LOOKS, ids=["-".join(look) for look in LOOKS])
def look(request):
    """A language and a colour scheme."""
    return request.param


def opened_in(opened, look):
    """Return an opener that speaks a language and wears a scheme."""
    language, scheme = look
    return lambda path, **options: opened(spoken(path, language), color_scheme=scheme, **options)


def test_every_screen_of_bookings_and_supervisors_is_accessible(opened, site, telephone, look):  # noqa: F811
    """The list open and shut, each act of it, a new booking, booking found, granted with its checklist, a void."""
    flyer = Flyer(site)
    flyer.book(telephone, escort_count=1, escorts=["许国强"])
    flyer.book(telephone, hours=3.5)
    lounge = Lounge(opened_in(opened, look), site)
    page, found = lounge.page, {}
    page.click("#show-bookings")
    page.locator("#bookings-list .booking-row").first.wait_for()
    found["bookings"] = violations(page)
    page.locator("#bookings-list .booking-row").last.click()
    found["booking"] = violations(page)
    page.locator("#bookings-list .more .button").first.click()
    found["delay"] = violations(page)
    page.click("#delay [data-close]")
    page.locator("#bookings-list .more .button").nth(1).click()
    found["override"] = violations(page)
    page.click("#override [data-close]")
    page.click("#show-bookings")
    page.locator("#bookings-list .booking-row").last.click()
    page.locator("#bookings-list [data-act=cancel]").click()
    found["cancel"] = violations(page)
    page.click("#cancel [data-close]")
    page.click("#bookings-book")
    page.click("#form-do")
    found["book"] = violations(page)
    page.click("#book > .stack > .row button")
    page.click("#bookings form button")
    lounge.paste(flyer.shown)
    lounge.shows("look")
    found["look"] = violations(page)
    page.click("#look-confirm")
    lounge.outcome()
    found["granted"] = violations(page)
    page.click("#void-this")
    found["void"] = violations(page)
    page.click("#void [data-close]")
    page.click("#deliver-this")
    found["deliver"] = violations(page)
    page.click("#deliver [data-close]")
    page.evaluate("() => document.getElementById('reopen').showModal()")
    found["reopen"] = violations(page)
    assert {name: list_ for name, list_ in found.items() if list_} == {}


def test_a_look_to_be_confirmed_is_accessible(opened, site, look):
    """A phone's code, looked at first; and the reference's list and form beside it."""
    lounge = Lounge(opened_in(opened, look), site, "gym")
    lounge.page.check("#look-first")
    lounge.paste(Phone(opened, site, "silver").copied())
    lounge.shows("look")
    found = {"look": violations(lounge.page)}
    lounge.page.click("#look-confirm")
    lounge.outcome()
    other = Lounge(opened_in(opened, look), site, "police-hall")
    found["reference"] = violations(other.page)
    assert {name: list_ for name, list_ in found.items() if list_} == {}


def test_the_keyboard_alone_finds_a_booking_and_answers_for_a_visitor(opened, site, telephone):  # noqa: F811
    """List, booking, supervisor's word: Tab, Space, Enter and typing; then the scan of another and its confirmation."""
    flyer = Flyer(site)
    flyer.book(telephone)
    lounge = Lounge(opened, site)
    page, keyboard, code = lounge.page, lounge.page.keyboard, lounge.supervisor()
    page.focus("#show-bookings")
    keyboard.press("Enter")
    expect(page.locator("#bookings-list .booking-row").last).to_be_visible()
    page.locator("#bookings-list .booking-row").last.focus()
    keyboard.press("Enter")
    expect(page.locator("#bookings-list .booking-row").last).to_be_focused()
    keyboard.press("Tab")
    keyboard.press("Tab")
    expect(page.locator("*:focus")).to_have_text("没带手机和卡")
    keyboard.press("Enter")
    expect(page.locator("#override")).to_be_visible()
    walk_to(page, "override-note")
    keyboard.type("phone dead, ID seen")
    walk_to(page, "override-checked")
    keyboard.press("Space")
    walk_to(page, "override-code")
    keyboard.type(code)
    keyboard.press("Tab")
    keyboard.type("493817")
    keyboard.press("Enter")
    assert lounge.outcome() == ("granted", "")
    expect(page.locator("#next")).to_be_focused()
    expect(page.locator("#announcement")).to_contain_text("可以使用")


def walk_to(page, name):
    """Press Tab until the element of this id has the focus."""
    for _ in range(20):
        if page.evaluate("() => document.activeElement.id") == name:
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab never reaches {name}")


def test_a_booking_scanned_by_a_keyboard_scanner_is_confirmed_by_enter(opened, site, telephone):  # noqa: F811
    """The one button has the focus, and what the screen says is spoken."""
    flyer = Flyer(site)
    flyer.book(telephone)
    lounge = Lounge(opened, site)
    expect(lounge.page.locator("#count")).to_be_visible()
    lounge.page.focus("#presented")
    lounge.wedge(flyer.shown)
    lounge.shows("look")
    expect(lounge.page.locator("#look-confirm")).to_be_focused()
    expect(lounge.page.locator("#announcement")).to_contain_text("预约已找到")
    lounge.page.keyboard.press("Enter")
    assert lounge.outcome() == ("granted", "")


def test_no_state_scrolls_sideways_at_any_size(opened, site, telephone):  # noqa: F811
    """Tablet in both directions, and a phone."""
    flyer = Flyer(site)
    flyer.book(telephone)
    lounge = Lounge(opened, site)
    wide = []

    def measure(name):
        for width, height in SIZES:
            lounge.page.set_viewport_size({"width": width, "height": height})
            if lounge.page.evaluate("() => document.documentElement.scrollWidth") > width:
                wide.append(f"{name} at {width}")

    measure("scan")
    lounge.page.click("#show-bookings")
    lounge.page.locator("#bookings-list .booking-row").first.click()
    measure("bookings")
    lounge.page.locator("#bookings form button").first.click()
    lounge.paste(flyer.shown)
    lounge.shows("look")
    measure("look")
    lounge.page.click("#look-confirm")
    lounge.outcome()
    measure("granted")
    assert wide == []
