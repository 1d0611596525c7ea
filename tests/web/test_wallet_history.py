"""The holder's own history in a real browser: what was granted, refused and taken back, with receipts that hold."""

import pytest
from playwright.sync_api import expect

from tests.web.counter import Tablet
from tests.web.phone import Phone
from tests.web.test_accessibility import LOOKS, violations

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("another_minute")]


def history(phone):
    """Open the tab; returns the page once an entry stands there."""
    phone.page.click("#tab-history")
    expect(phone.page.locator(".entry").first).to_be_visible()
    return phone.page


def used(opened, site, phone):
    """Show the phone's code at the fitness centre; returns the tablet."""
    tablet = Tablet(opened, site)
    tablet.paste(phone.copied())
    assert tablet.outcome() == ("granted", "")
    return tablet


def test_what_was_granted_refused_and_voided_is_told(opened, site):
    """With time, point, service and quota; a void marks what it took back."""
    phone = Phone(opened, site)
    tablet = used(opened, site, phone)
    tablet.next()
    tablet.paste(phone.copied())
    assert tablet.outcome() == ("denied", "already-in")
    page = history(phone)
    refused, granted = page.locator(".entry").first, page.locator(".entry").last
    expect(refused.locator(".pill")).to_have_text("未通过")
    refused.locator("summary").click()
    expect(refused).to_contain_text("已在场内")
    granted.locator("summary").click()
    expect(granted.locator(".pill")).to_have_text("已通过")
    expect(granted).to_contain_text("全民健身")
    expect(granted).to_contain_text("1 次 · 2026-11")
    page.click("#tab-card")
    other = Phone(opened, site)
    again = used(opened, site, other)
    again.page.click("#void-this")
    again.page.click("text=重复扫码")
    again.page.click("#void-form [type=submit]")
    again.shows("scan")
    page = history(other)
    expect(page.locator(".entry .pill").first).to_have_text("撤销")
    expect(page.locator(".entry .pill").last).to_have_text("已撤销")


def test_a_receipt_is_verified_on_the_phone(opened, site):
    """Pending for a minute at most, then the place in the log; the server's word alone is not taken."""
    phone = Phone(opened, site)
    used(opened, site, phone)
    page = history(phone)
    page.locator(".entry summary").click()
    page.click("[data-act=receipt]")
    expect(page.locator("[data-receipt], .receipt .note").first).to_be_visible()
    deadline = 20
    while page.locator("[data-receipt=kept]").count() == 0 and deadline:
        deadline -= 1
        page.wait_for_timeout(500)
        page.click("#tab-card")
        page.reload()
        history(phone)
        page.locator(".entry summary").click()
        page.click("[data-act=receipt]")
        expect(page.locator("[data-receipt]")).to_be_visible()
    expect(page.locator("[data-receipt=kept]")).to_contain_text("已验证")
    expect(page.get_by_text("记录的哈希值")).not_to_be_visible()  # for whoever asks for it
    page.locator("[data-receipt=kept]").get_by_text("详情").click()
    expect(page.get_by_text("记录的哈希值")).to_be_visible()
    with page.expect_download() as saved:
        page.click("text=保存凭证")
    assert "c2sp.org/tlog-proof@v1" in saved.value.path().read_text()


def test_a_proof_that_was_altered_is_broken_and_can_be_reported(opened, site):
    """Whoever sits between phone and log gets no green mark; the report reaches the auditors' list."""
    phone = Phone(opened, site)
    used(opened, site, phone)
    page = history(phone)
    page.wait_for_timeout(2500)

    def forge(route):
        answer = route.fetch()
        told = answer.json()
        told["proof"] = told.get("proof", "c2sp.org/tlog-proof@v1\nindex 0\n\nx\n1\nAAAA\n").replace(
            "index ", "index 9"
        )
        route.fulfill(response=answer, json=told)

    page.route("**/v1/wallet/log/promises", forge)
    page.locator(".entry summary").click()
    page.click("[data-act=receipt]")
    expect(page.locator("[data-receipt=broken]")).to_be_visible()
    page.click("[data-act=report]")
    expect(page.locator("[data-receipt=broken]")).to_contain_text("已报告")


def test_the_history_comes_in_pages(opened, site):
    """Earlier ones at a tap, none twice."""
    phone = Phone(opened, site)
    desk_entries = phone.page.evaluate(
        """async () => {
          const { Phone } = await import('/static/js/wallet/phone.js');
          const { Intents } = await import('/static/js/wallet/intents.js');
          const phone = await Phone.load(), intents = new Intents(phone);
          for (let turn = 0; turn < 11; turn += 1) {
            const told = await intents.make('POST', '/v1/wallet/requests',
              { service: 'hospital-3a-help', fields: { phone: '13800001234' } }, {});
            await intents.make('POST', `/v1/wallet/requests/${told.id}/withdraw`, {}, {});
          }
          return 22;
        }"""
    )
    page = history(phone)
    expect(page.locator(".entry")).to_have_count(20)
    page.click("#history-more")
    expect(page.locator(".entry")).to_have_count(desk_entries)
    numbers = page.evaluate("() => [...document.querySelectorAll('.entry')].map((entry) => entry.dataset.entry)")
    assert len(set(numbers)) == desk_entries
    expect(page.locator("#history-more")).to_be_hidden()


def test_without_a_network_the_history_says_so(opened, site):
    """And comes with it."""
    phone = Phone(opened, site)
    phone.page.context.set_offline(True)
    phone.page.click("#tab-history")
    expect(phone.page.locator("#history-away")).to_be_visible()
    phone.page.context.set_offline(False)
    phone.page.click("#history-retry")
    expect(phone.page.locator("#history-none")).to_be_visible()


@pytest.mark.parametrize("look", LOOKS, ids=["-".join(look) for look in LOOKS])
def test_the_history_is_accessible(opened, site, look):
    """Empty, listed, open, with a receipt, away."""
    language, scheme = look
    phone = Phone(opened, site, color_scheme=scheme)
    phone.page.click(f"[data-language={language}]")
    phone.page.click("#tab-history")
    expect(phone.page.locator("#history-none")).to_be_visible()
    found = {"empty": violations(phone.page)}
    phone.page.click("#tab-card")
    used(opened, site, phone)
    page = history(phone)
    page.locator(".entry summary").click()
    page.click("[data-act=receipt]")
    expect(page.locator("[data-receipt]")).to_be_visible()
    found["receipt"] = violations(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert {name: list_ for name, list_ in found.items() if list_} == {}
