"""A day at each desk in Chromium, by the keyboard alone, in both languages: axe finds nothing on any page."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest
from playwright.sync_api import expect

from accounts.rights import Grant
from cards.claims import Form
from issuer.issuing.issuing import cards_of, issue
from tests.accounts.builders import opened as session
from tests.web.site import BY, SHANGHAI
from tests.web.staffing import PASSWORD
from tests.web.test_accessibility import LOOKS, violations

pytestmark = pytest.mark.browser


@pytest.fixture(params=LOOKS, ids=["-".join(look) for look in LOOKS])
def look(request):
    """A language and a colour scheme."""
    return request.param


@pytest.fixture
def number(site) -> str:
    """The number of a new gold holder's printed card."""
    holder = site.holder("gold")
    issue(site.office.desk, holder, Form.PRINT, by=BY, at=site.clock.now())
    site.publish()
    return cards_of(site.office.desk, holder)[0].number


def enter(opened, site, role: str, path: str, look):
    """Open a page as a new person of a role who has signed in by two steps."""
    language, scheme = look
    people = site.office.accounts.people
    name = f"{role.partition(':')[2]}.{len(people.list())}"
    people.add(name, PASSWORD, [Grant.parse(role)], by=BY, at=site.clock.now())
    page = opened(f"/sign-in?lang={language}", color_scheme=scheme)
    token = session(site.office.accounts, name, site.clock.now()).token
    page.context.add_cookies(
        [{"name": site.app.extensions["staff"].authenticate.cookie, "value": token, "url": site.base}]
    )
    page.goto(path)
    return page


def reach(page, selector: str) -> None:
    """Press Tab until a control has the focus."""
    for _ in range(120):
        if page.evaluate("selector => document.activeElement?.matches(selector) ?? false", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {selector}")


def type_in(page, selector: str, text: str) -> None:
    """Reach a control and type."""
    reach(page, selector)
    page.keyboard.type(text)


def type_time(page, selector: str, at) -> None:
    """Reach a control for a local time and fill it: the order of its parts is the browser's own."""
    reach(page, selector)
    page.fill(selector, f"{at:%Y-%m-%dT%H:%M}")


def choose(page, selector: str, steps: int = 1) -> None:
    """Reach a select and go down to a choice."""
    reach(page, selector)
    for _ in range(steps):
        page.keyboard.press("ArrowDown")


def press(page, selector: str) -> None:
    """Reach a button or a link and press Enter; the page that follows has loaded."""
    reach(page, selector)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_a_departments_day(opened, site, number, look):
    """A request by telephone, taken up, called back, closed, found among the closed; statement and waiting records."""
    page = enter(opened, site, "supervisor:basic-education", "/department", look)
    found = {"list": violations(page)}
    press(page, 'a[href="/department/new"]')
    press(page, 'a[href="/department/new/school-guidance/basic-education"]')
    found["new"] = violations(page)
    press(page, "button.main")
    expect(page.locator("#card_number-fault")).to_be_visible()
    found["faults"] = violations(page)
    type_in(page, "#card_number", number)
    reach(page, "#called_back")
    page.keyboard.press("Space")
    choose(page, "#reference")
    type_in(page, "#f-phone", "13800001234")
    press(page, "button.main")
    expect(page.locator("#history li")).to_have_count(1)
    found["request"] = violations(page)
    type_in(page, "#take-up-days", "3")
    press(page, 'form[action$="/take-up"] button')
    expect(page.locator("#history li")).to_have_count(2)
    reach(page, 'input[name="call-back-result"]')
    page.keyboard.press("Space")
    press(page, 'form[action$="/call-back"] button')
    expect(page.locator("#history li")).to_have_count(3)
    choose(page, "#close-outcome")
    press(page, 'form[action$="/close"] button')
    expect(page.locator("#history li")).to_have_count(4)
    found["closed"] = violations(page)
    request = page.url.rpartition("/")[2]
    page.goto("/department?tab=closed")
    expect(page.locator(f'a[href$="{request}"]')).to_have_count(1)
    for path in ("/department/statements", "/department/held"):
        page.goto(path)
        found[path] = violations(page)
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_a_booking_desks_day(opened, site, number, look):
    """Looked into, booked by telephone, seen at another desk without reloading, cancelled; the list for the door."""
    when = datetime.combine(site.day_of_its_own(3), time(9), SHANGHAI)
    shown = f"/desk?point=library&day={when:%Y-%m-%d}"
    other = enter(opened, site, "desk:library", shown, look)
    page = enter(opened, site, "desk:library", shown, look)
    found = {"day": violations(page)}
    press(page, 'a[href="/desk/new/library/library-room"]')
    type_in(page, "#card_number", number)
    reach(page, "#called_back")
    page.keyboard.press("Space")
    type_time(page, "#f-slot", when)
    type_time(page, "#f-slot-ends", when + timedelta(hours=2))
    expect(page.locator("#foretold")).to_contain_text(f"{when - timedelta(days=1):%Y-%m-%d}")  # told while typing
    type_in(page, "#f-people", "many")
    reach(page, "button.main")
    expect(page.locator("#f-people-fault")).to_be_visible()
    page.fill("#f-people", "3")
    expect(page.locator("#f-people-fault")).to_have_count(0)
    page.keyboard.press("Shift+Tab")
    press(page, 'button[value="check"]')
    expect(page.locator("#foretold")).to_be_visible()
    found["checked"] = violations(page)
    press(page, "button.main")
    assert "/desk/bookings/" in page.url, page.locator("main").inner_text()
    found["booking"] = violations(page)
    booking = page.url.rpartition("/")[2]
    polls: list[str] = []
    other.on("requestfinished", lambda call: polls.append(call.url) if "/desk/state" in call.url else None)
    expect(other.locator(f"#b-{booking}")).to_be_visible()  # by polling, while nobody touched that page
    assert len(polls) <= 2, "two rounds of three seconds show what another desk has done"
    choose(page, "#cancel-reason")
    reach(page, "#cancel-sure")
    page.keyboard.press("Space")
    press(page, 'form[action$="/cancel"] button')
    expect(page.locator(".note.ok")).to_be_visible()
    expect(other.locator(f".gone #b-{booking}")).to_be_visible()
    page.goto(shown.replace("/desk?", "/desk/print?"))
    found["print"] = violations(page)
    assert {name: faults for name, faults in found.items() if faults} == {}
