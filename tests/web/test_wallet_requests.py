"""Requests for services without a counter and codes for an employer's clerk, in a real browser."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.web.counter import Tablet
from tests.web.phone import Phone
from tests.web.test_accessibility import LOOKS, violations
from verifier.rules.delegations import read_code

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("another_minute")]


def doing(phone, name: str):
    """Open one of the things to do; returns the page once it is known what there is."""
    phone.page.click("#tab-bookings")
    phone.page.click(f"[data-view=bookings] .doings [value={name}]")
    expect(phone.page.locator(f"#{name}-new .door").first).to_be_visible()
    return phone.page


REQUESTS = {
    "promotion": {"reference": "arts", "department": "culture", "phone": "13800001234", "subject": "一本书"},
    "hospital-3a-help": {"phone": "13800001234"},
    "steward-case": {"department": "hrss", "phone": "13800001234", "case": "子女转学"},
    "steward-newspaper": {"recipient": "张小明", "address": "白云区某路 1 号", "phone": "13800001234"},
    "school-guidance": {"reference": "primary", "phone": "13800001234"},
    "legal-advice": {"phone": "13800001234", "confirmed": True},
}


def fill(page, fields: dict) -> None:
    """Fill a request in, field by field."""
    for code, value in fields.items():
        place = page.locator(f"[data-field={code}]")
        if place.locator("input[type=radio]").count():
            choices = page.evaluate("code => [...document.querySelectorAll(`[name=f-${code}]`)].length", code)
            assert choices > 1
            place.locator("label").nth({"arts": 5, "culture": 1, "hrss": 1, "primary": 1}[value]).click()
        elif value is True:
            place.locator("input").check()
        else:
            place.locator("input, textarea").fill(value)


def test_every_service_without_a_counter_is_asked_for_and_followed(opened, site):
    """Each with its own fields; what is missing stands at its field; the list tells who takes it and how far it is."""
    phone = Phone(opened, site)
    page = doing(phone, "requests")
    assert page.locator("#requests-new .door").count() == len(REQUESTS)
    for service, fields in REQUESTS.items():
        page.click(f"[data-open={service}]")
        page.click("#form-do")
        expect(page.locator("#f-phone-fault")).to_be_visible()
        fill(page, fields)
        page.click("#form-do")
        expect(page.locator("#requests-note")).to_contain_text("已受理")
    expect(page.locator("#requests-own .own")).to_have_count(len(REQUESTS))
    page.locator("#requests-own summary", has_text="学术成果").click()
    shown = page.locator("#requests-own .own", has_text="学术成果")
    expect(shown).to_contain_text("文化艺术")
    expect(shown).to_contain_text("一本书")
    page.click("#tab-benefits")
    expect(page.locator("#benefit-7")).to_contain_text("剩 0 / 1 次")


def test_a_request_is_withdrawn_and_its_unit_returns(opened, site):
    """Asks twice; a year's newspaper that was asked for shuts its door, and opens it again when it is withdrawn."""
    phone = Phone(opened, site, "gold")
    page = doing(phone, "requests")
    page.click("[data-open=steward-newspaper]")
    fill(page, REQUESTS["steward-newspaper"])
    page.click("#form-do")
    expect(page.locator("#requests-note")).to_contain_text("已受理")
    expect(page.locator("[data-shut=steward-newspaper]")).to_be_visible()
    page.click("#requests-own summary")
    page.click("[data-act=withdraw]")
    page.click("[data-act=withdraw]")
    expect(page.locator("#requests-own .pill")).to_have_text("已撤回")
    expect(page.locator("[data-open=steward-newspaper]")).to_contain_text("剩 1 / 1")


def test_a_clerk_uses_a_code_that_is_shown_once_and_taken_back(opened, site):
    """The QR on the screen is the very code, as counters read it; once left, no page holds it; the list can end it."""
    phone = Phone(opened, site)
    page = doing(phone, "delegations")
    page.click("[data-open=business-change]")
    page.click("#form-do")
    expect(page.locator("#f-employer-fault")).to_be_visible()
    page.fill("#f-employer", "白云示例科技有限公司")
    page.click("#form-do")
    expect(page.locator("#delegations-made .digits")).to_contain_text("71")
    digits = page.locator("#delegations-made .digits").inner_text().replace(" ", "")
    page.locator("#delegation-code").scroll_into_view_if_needed()
    assert phone.scanned() == digits
    assert read_code(digits) == digits
    tablet = Tablet(opened, site, "gov-registry")
    tablet.page.click("text=企业变更登记")
    tablet.wedge(digits)
    tablet.shows("look")
    tablet.page.click("#clerk-confirm")
    assert tablet.outcome() == ("granted", "")
    tablet.next()
    page.click(".doings:visible [value=bookings]")
    page.click(".doings:visible [value=delegations]")
    expect(page.locator("#delegations-made")).to_be_hidden()
    page.click("#delegations-own summary")
    page.click("[data-act=revoke]")
    page.click("[data-act=revoke]")
    expect(page.locator("#delegations-own .pill")).to_have_text("已收回")
    page.click("#delegations-own summary")
    expect(page.locator("#delegations-own")).to_contain_text("使用次数1")
    tablet.page.click("text=企业变更登记")
    tablet.wedge(digits)
    assert tablet.outcome() == ("denied", "delegation-over")
    assert digits not in page.content()


def test_a_code_ends_after_seven_days(opened, site):
    """And says until when."""
    phone = Phone(opened, site)
    page = doing(phone, "delegations")
    page.click("[data-open=tax-matter]")
    page.fill("#f-employer", "白云示例科技有限公司")
    page.click("#form-do")
    ends = site.clock.now() + timedelta(days=7, hours=8)
    expect(page.locator("#delegations-made")).to_contain_text(f"{ends.month}月{ends.day}日")


@pytest.mark.parametrize("look", LOOKS, ids=["-".join(look) for look in LOOKS])
def test_requests_and_codes_are_accessible(opened, site, look):
    """Doors, forms with faults, lists, a code; nothing scrolls sideways on a phone."""
    language, scheme = look
    phone = Phone(opened, site, color_scheme=scheme)
    phone.page.click(f"[data-language={language}]")
    page = doing(phone, "requests")
    found = {"doors": violations(page)}
    page.click("[data-open=promotion]")
    page.click("#form-do")
    found["faults"] = violations(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    page.click("[data-view=requests] .back")
    page.click("[data-open=hospital-3a-help]")
    fill(page, REQUESTS["hospital-3a-help"])
    page.click("#form-do")
    page.click("#requests-own summary")
    found["list"] = violations(page)
    page = doing(phone, "delegations")
    page.click("[data-open=green-channel]")
    page.fill("#f-employer", "ACME 白云")
    page.click("#form-do")
    expect(page.locator("#delegation-code")).to_be_visible()
    page.click("#delegations-own summary")
    found["code"] = violations(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert {name: list_ for name, list_ in found.items() if list_} == {}


def test_a_holders_own_words_stay_as_they_were_written(opened):
    """Full-width punctuation and letters of a free text are nobody's to change; a flight number is."""
    note = {"code": "what", "kind": "note", "required": True}
    flight = {"code": "flight", "kind": "text", "required": True, "pattern": "^[A-Z0-9]{2}[0-9]{1,4}[A-Z]?$"}
    typed = {"what": " 请协调，３个月，Ｂ座（二楼）… ", "flight": "ｃｚ ３１０１"}
    made = opened("/wallet").evaluate(
        """async ([fields, state]) => {
          const { fieldsOf } = await import('/static/js/wallet/booking-rules.js');
          return fieldsOf({ basis: '', party_most: 1 }, fields, state);
        }""",
        [[note, flight], typed],
    )
    assert made == {"what": "请协调，３个月，Ｂ座（二楼）…", "flight": "CZ3101"}
