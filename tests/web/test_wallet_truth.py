"""The wallet shows the true state of its card: the holder sees every known change at the next look."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from issuer.enrolment.enrolling import make_code
from tests.web.phone import PHONE, Phone
from tests.web.site import BY
from tests.web.test_wallet_cards import enrol_again

pytestmark = pytest.mark.browser

PAUSE = timedelta(seconds=5)
"""Longer than two looks in a row are taken for one."""
RETURN = "() => document.dispatchEvent(new Event('visibilitychange'))"


@pytest.fixture(autouse=True)
def fresh_limit(site):
    """From one place only so many codes are taken a minute."""
    site.go(minutes=3)


def block(opened, phone) -> None:
    """Stop a phone's card from another browser."""
    other = opened("/wallet#lost", **PHONE)
    other.fill("#lost-number", phone.page.locator("#card-number").text_content())
    other.fill("#lost-code", phone.recovery_code)
    other.click("[value=block]")
    expect(other.locator("#lost-answer .note.ok")).to_be_visible()


def ended(page) -> None:
    """No code, no 有效: the card's view is over."""
    expect(page.locator("[data-view=ended]")).to_be_visible()
    expect(page.locator("#code")).not_to_be_visible()


def test_a_card_stopped_elsewhere_is_not_shown_as_valid_at_the_next_opening(opened, site):
    """Blocked by the recovery code a moment ago; nobody waits an hour for the phone to hear of it."""
    phone = Phone(opened, site)
    block(opened, phone)
    site.clock.advance(PAUSE)
    phone.page.reload()
    ended(phone.page)
    expect(phone.page.locator("#ended-reason")).to_contain_text("暂停")


def test_coming_back_to_the_page_asks_again(opened, site):
    """The page stayed open in the pocket: looked at again, it knows."""
    phone = Phone(opened, site)
    block(opened, phone)
    site.clock.advance(PAUSE)
    phone.page.evaluate(RETURN)
    ended(phone.page)


def test_what_the_benefits_say_holds_for_the_card_too(opened, site):
    """One page never says 有效 while the next one says stopped."""
    phone = Phone(opened, site)
    block(opened, phone)
    site.publish()
    site.clock.advance(PAUSE)
    phone.page.click("#tab-benefits")
    ended(phone.page)


def test_a_card_that_moved_is_said_to_have_moved_on_the_old_phone(opened, site):
    """At its next opening, with whom to call."""
    holder = site.holder("diamond")
    codes = [make_code(site.office.desk, holder, by=BY, at=site.clock.now()).code]
    old = Phone(opened, site, code=codes[0])
    new = Phone(opened, site, code=make_code(site.office.desk, holder, by=BY, at=site.clock.now()).code)
    expect(new.page.locator("#code")).to_be_visible()
    site.clock.advance(PAUSE)
    old.page.reload()
    expect(old.page.locator("#ended-heading")).to_have_text("已在另一部手机上使用")
    ended(old.page)


def test_another_card_chosen_is_the_one_that_is_meant_at_once(opened, site):
    """On a slow phone too: what is opened meanwhile stays open, and it is about the card that was chosen."""
    phone = Phone(opened, site, "diamond")
    first = phone.page.locator("#card-number").text_content()
    enrol_again(phone.page, site.wallet_code("silver"), site.last_four)
    page = phone.page
    expect(page.locator("[data-view=card] .cards button")).to_have_count(2)
    page.evaluate(
        "() => { document.querySelector('[data-view=card] .cards button').click(); "
        "document.getElementById('lost-this').click(); }"
    )
    expect(page.locator("[data-view=lost]")).to_be_visible()
    page.wait_for_timeout(700)
    expect(page.locator("[data-view=lost]")).to_be_visible()
    expect(page.locator("#lost-number")).to_have_value(first)
