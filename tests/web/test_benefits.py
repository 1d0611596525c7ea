"""The wallet's benefits in a real browser: what is left, how it is used, with and without a network."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from issuer.issuing.issuing import find_card
from issuer.issuing.lifecycle import revoke
from tests.web.counter import Tablet
from tests.web.phone import Phone
from tests.web.test_accessibility import LOOKS, violations

pytestmark = pytest.mark.browser


def benefits(phone):
    """Open the tab; returns the page once the benefits stand there."""
    phone.page.click("#tab-benefits")
    expect(phone.page.locator(".benefit").first).to_be_visible()
    return phone.page


def test_a_use_is_counted_with_the_date_that_it_starts_anew(opened, site):
    """Two a month, then one; the card is a tap away and renewed."""
    phone = Phone(opened, site)
    page, sport = benefits(phone), phone.page.locator("#benefit-4 .quota")
    expect(sport).to_contain_text("剩 2 / 2 次")
    page.click("#tab-card")
    tablet = Tablet(opened, site)
    tablet.paste(phone.scanned())
    assert tablet.outcome() == ("granted", "")
    benefits(phone)
    expect(sport).to_contain_text("剩 1 / 2 次")
    expect(sport).to_contain_text(re.compile(r"\d+月1日起重新计算"))
    assert page.locator("#tab-benefits").get_attribute("aria-current") == "page"


def test_a_benefit_opens_in_place_with_materials_steps_and_telephones(opened, site):
    """What the guide says, and numbers to tap; what is not open yet is said so."""
    page = benefits(Phone(opened, site))
    expect(page.locator("#benefit-11 summary")).to_contain_text("只能选一项")
    page.click("#benefit-13 summary")
    airport = page.locator("#benefit-13")
    expect(airport).to_contain_text("便捷通关服务所需其他材料")
    expect(airport).to_contain_text("怎么办")
    expect(airport.locator("a[href='tel:02086132888']")).to_be_visible()
    expect(page.locator("#benefit-9 .pill")).to_have_text("未开放")
    page.click("#benefit-9 summary")
    expect(page.locator("#benefit-9 .note")).to_contain_text("建成并投入使用后开放")


def test_benefits_stand_in_the_order_of_use_with_every_act_beside_them(opened, site):
    """Figures first, what is not open last; to book, to ask, to send a clerk are one tap away; whose card is said."""
    page = benefits(Phone(opened, site))
    ids = page.locator(".benefit").evaluate_all("(all) => all.map((one) => Number(one.id.split('-')[1]))")
    figures = page.locator(".benefit:has(.quota)").evaluate_all(
        "(all) => all.map((one) => Number(one.id.split('-')[1]))"
    )
    assert len(ids) == 13
    assert ids[: len(figures)] == figures
    assert ids[-1] == 9
    expect(page.locator("#benefits-said")).to_contain_text("张*明")
    for number, tab in ((13, "bookings"), (12, "requests"), (2, "delegations")):
        page.click(f"#benefit-{number} summary")
        page.click(f"#benefit-{number} [data-go={tab}]")
        expect(page.locator(f"[data-view={tab}]")).to_be_visible()
        expect(page.locator(f"[data-view={tab}] #form-do")).to_be_visible()
        page.click("#tab-benefits")
        expect(page.locator(f"#benefit-{number}")).to_be_visible()


def test_another_tiers_benefits_are_named_and_not_offered(opened, site):
    """A silver card carries seven of the thirteen."""
    page = benefits(Phone(opened, site, "silver"))
    assert page.locator(".benefit").count() == 7
    expect(page.locator("#benefits-list")).to_contain_text("本级卡不含")


def test_the_last_answer_is_shown_without_a_network_and_says_so(opened, site):
    """Also after the view was left; a phone that never asked says that it needs the network."""
    phone, other = Phone(opened, site), Phone(opened, site)
    page = benefits(phone)
    page.click("#tab-card")
    for each in (page, other.page):
        each.context.set_offline(True)
        each.click("#tab-benefits")
        expect(each.locator("#benefits-away")).to_be_visible()
    expect(page.locator("#benefits-away")).to_contain_text("上次更新")
    assert page.locator(".benefit").count() == 13
    assert other.page.locator(".benefit").count() == 0
    other.page.context.set_offline(False)
    other.page.click("#benefits-retry")
    expect(other.page.locator(".benefit")).to_have_count(13)


def test_a_card_that_was_stopped_shows_no_figures(opened, site):
    """The reason and whom to call; what was kept from before is gone."""
    phone = Phone(opened, site)
    page, desk = benefits(phone), site.office.desk
    card = find_card(desk, page.locator("#card-number").text_content())
    revoke(desk, card.id, because="left", by="test", at=site.clock.now())
    site.publish()
    site.clock.advance(timedelta(seconds=5))
    page.click("#tab-card")
    page.click("#tab-benefits")
    expect(page.locator("#ended-reason")).to_contain_text("作废")
    expect(page.locator("#ended-call")).to_contain_text(re.compile(r"\d{8}"))
    expect(page.locator(".benefit").first).not_to_be_visible()


@pytest.mark.parametrize("look", LOOKS, ids=["-".join(look) for look in LOOKS])
def test_the_benefits_are_accessible_open_and_closed_and_away(opened, site, look):
    """In both languages and schemes; nothing scrolls sideways on a phone."""
    language, scheme = look
    phone = Phone(opened, site, color_scheme=scheme)
    phone.page.click(f"[data-language={language}]")
    page = benefits(phone)
    found = {"closed": violations(page)}
    for number in (4, 6, 7, 13):
        page.click(f"#benefit-{number} summary")
    found["open"] = violations(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    page.context.set_offline(True)
    page.click("#tab-benefits")
    expect(page.locator("#benefits-away")).to_be_visible()
    found["away"] = violations(page)
    assert {name: list_ for name, list_ in found.items() if list_} == {}
