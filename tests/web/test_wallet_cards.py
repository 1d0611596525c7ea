"""Cards on a phone in a real browser: another phone, a lost one, several on one, and what the phone itself does."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from cards.claims import Form
from issuer.enrolment.enrolling import make_code
from issuer.issuing.issuing import issue
from tests.web.conftest import Watched
from tests.web.counter import Tablet
from tests.web.outage import Outage
from tests.web.phone import PHONE, Phone
from tests.web.test_accessibility import LOOKS, violations

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("another_minute")]
LOOK_NOW = """async () => {
  const { Phone } = await import('/static/js/wallet/phone.js');
  await (await Phone.load()).keep({ checked_at: 0 });
}"""
"""Let an hour have passed since the phone last asked whether its card stands."""


def enrol_again(page, code: str, last_four: str) -> None:
    """Enrol another card on a phone that has one."""
    page.click("#card-info summary")
    page.click("#add-card")
    page.fill("#enrol-code", code)
    page.fill("#id-last4", last_four)
    page.click("#enrol-do")
    page.locator("#recovery-code").filter(has_text="-").wait_for()
    page.click("#recovery-do")


@pytest.fixture
def one_holder(site):
    """A diamond holder: returns what makes codes for further phones of the same person."""
    holder = site.holder("diamond")
    return lambda: make_code(site.office.desk, holder, by="test", at=site.clock.now()).code


def test_another_phone_is_said_on_both(opened, site, one_holder):
    """The new one when it has the card, the old one when it next asks; what was there stays with the person."""
    old = Phone(opened, site, code=one_holder())
    tablet = Tablet(opened, site)
    tablet.paste(old.copied())
    assert tablet.outcome() == ("granted", "")
    page = opened(f"/wallet#code={one_holder()}", **PHONE)
    page.fill("#id-last4", site.last_four)
    page.click("#enrol-do")
    expect(page.locator("#recovery-moved")).to_contain_text("原来那部手机上的卡已作废")
    page.click("#recovery-do")
    expect(page.locator("#moved-note")).to_be_visible()
    page.click("#tab-benefits")
    expect(page.locator("#benefit-4 .quota")).to_contain_text("剩 1 / 2 次")
    old.page.evaluate(LOOK_NOW)
    old.page.reload()
    expect(old.page.locator("#ended-heading")).to_have_text("已在另一部手机上使用")
    expect(old.page.locator("#ended-reason")).to_contain_text("立即致电")
    expect(old.page.locator("#code")).not_to_be_visible()


def test_help_for_a_lost_phone_says_when_the_block_is_in_force(opened, site):
    """By its own address; the number is filled in where the card is; online in minutes, offline within a day."""
    phone = Phone(opened, site)
    page = opened("/wallet#lost", **PHONE)
    expect(page.locator("[data-view=lost]")).to_contain_text("新的激活码")
    expect(page.locator("#lost-call")).to_have_attribute("href", re.compile("tel:"))
    phone.page.click("#card-info summary")
    phone.page.click("#lost-this")
    expect(phone.page.locator("#lost-number")).not_to_have_value("")
    page.fill("#lost-number", phone.page.locator("#lost-number").input_value())
    page.fill("#lost-code", phone.recovery_code)
    page.click("[value=block]")
    shown = page.locator("#lost-answer")
    expect(shown).to_contain_text("已挂失")
    local = site.clock.now() + timedelta(hours=8)
    expect(shown).to_contain_text(f"离线的服务点最迟 {(local + timedelta(days=1)).month}月")
    page.click("[data-language=en]")
    expect(shown).to_contain_text("points without a network by")
    page.click("[value=unblock]")
    expect(shown).to_contain_text("valid now")


def test_two_peoples_cards_live_on_one_phone_each_with_its_own_key(opened, site):
    """A switcher; each code is its own card's; nothing of the other is shown; one is removed, the other stays."""
    first = Phone(opened, site, "diamond")
    page = first.page
    enrol_again(page, site.wallet_code("silver"), site.last_four)
    chooser = page.locator("[data-view=card] .cards button")
    expect(chooser).to_have_count(2)
    expect(page.locator("#pass-tier")).to_have_text("银卡")
    expect(page.locator("#registered")).to_have_text("是")
    tablet = Tablet(opened, site)
    tablet.paste(first.copied())
    expect(tablet.page.locator(".tier")).to_have_text("银卡")
    page.click("#tab-benefits")
    assert page.locator(".benefit").count() in {0, 7}
    expect(page.locator(".benefit")).to_have_count(7)
    page.click("#tab-card")
    chooser.first.click()
    expect(page.locator("#pass-tier")).to_have_text("钻石卡")
    page.click("#tab-benefits")
    expect(page.locator(".benefit")).to_have_count(13)
    page.click("#tab-history")
    expect(page.locator("#history-none")).to_be_visible()
    keys = page.evaluate(
        """async () => {
          const { Phone } = await import('/static/js/wallet/phone.js');
          return (await Phone.all()).map((phone) => [phone.claims.cnf.jwk.x, phone.key.privateKey.extractable]);
        }"""
    )
    assert len({key for key, _ in keys}) == 2
    assert not any(extractable for _, extractable in keys)
    page.reload()
    expect(page.locator("#pass-tier")).to_have_text("钻石卡")
    page.click("#card-info summary")
    page.click("#remove")
    page.click("#remove")
    expect(page.locator("#pass-tier")).to_have_text("银卡")
    expect(page.locator("[data-view=card] .cards")).to_be_hidden()


def test_a_card_that_ended_stays_ended_without_the_server_and_keeps_nothing_of_its_holder(opened, site):
    """Nobody shows a dead card as if it were good; what was kept of benefits is gone; resumed, the card is back."""
    phone = Phone(opened, site)
    page = phone.page
    page.click("#tab-benefits")
    expect(page.locator(".benefit").first).to_be_visible()
    number = page.locator("#card-number").text_content()
    other = opened("/wallet#lost", **PHONE)
    other.fill("#lost-number", number)
    other.fill("#lost-code", phone.recovery_code)
    other.click("[value=block]")
    expect(other.locator("#lost-answer")).to_contain_text("已挂失")
    page.evaluate(LOOK_NOW)
    page.reload()
    expect(page.locator("#ended-reason")).to_contain_text("暂停")
    away = re.compile("/v1/|/healthz")
    page.route(away, lambda route: route.abort())
    page.reload()
    expect(page.locator("#ended-reason")).to_contain_text("暂停")
    kept = page.evaluate("async () => (await import('/static/js/store.js')).read('wallet-usage')")
    assert kept is None
    page.unroute(away)
    other.click("[value=unblock]")
    expect(other.locator("#lost-answer")).to_contain_text("有效")
    page.reload()
    expect(page.locator("#pass-name")).to_be_visible()


def test_a_card_that_is_not_shown_is_kept_good_too(opened, site):
    """From day seven both renew themselves."""
    page = Phone(opened, site, "diamond").page
    enrol_again(page, site.wallet_code("silver"), site.last_four)
    expect(page.locator("#registered")).to_have_text("是")
    ends = (
        "async () => (await (await import('/static/js/wallet/phone.js')).Phone.all()).map((phone) => phone.claims.exp)"
    )
    before = page.evaluate(ends)
    site.go(days=8)
    page.reload()
    expect(page.locator("#registered")).to_have_text("是")
    for _ in range(40):
        after = page.evaluate(ends)
        if all(new > old for new, old in zip(after, before, strict=True)):
            break
        page.wait_for_timeout(250)
    assert all(new > old for new, old in zip(after, before, strict=True))


def test_a_new_card_of_the_same_person_takes_the_old_ones_place(opened, site, one_holder):
    """No second pass that does not work."""
    phone = Phone(opened, site, code=one_holder())
    enrol_again(phone.page, one_holder(), site.last_four)
    expect(phone.page.locator("#registered")).to_have_text("是")
    expect(phone.page.locator("[data-view=card] .cards")).to_be_hidden()
    tablet = Tablet(opened, site)
    tablet.paste(phone.copied())
    assert tablet.outcome() == ("granted", "")


def test_physical_cards_of_the_same_person_are_listed(opened, site):
    """The printed card beside the phone's: form and until when, no number."""
    desk = site.office.desk
    holder = site.holder("gold")
    issue(desk, holder, Form.PRINT, by="test", at=site.clock.now())
    site.publish()
    phone = Phone(opened, site, code=make_code(desk, holder, by="test", at=site.clock.now()).code)
    phone.page.click("#card-info summary")
    expect(phone.page.locator("#others")).to_contain_text("金卡 · 实体卡 · 有效")


def test_the_screen_is_kept_awake_while_the_card_is_seen_and_asked_to_be_bright(opened, site):
    """Asked for anew when the page is seen again."""
    code = site.wallet_code("gold")
    page = opened("/healthz", **PHONE)
    page.add_init_script(
        """globalThis.asked = [];
        const request = async (kind) => (globalThis.asked.push(kind), {});
        Object.defineProperty(navigator, 'wakeLock', { value: { request } });"""
    )
    page.goto(f"/wallet#code={code}")
    page.fill("#id-last4", site.last_four)
    page.click("#enrol-do")
    page.click("#recovery-do")
    expect(page.locator("#code[data-modules]")).to_be_visible()
    expect(page.locator("[data-view=card]")).to_contain_text("屏幕调亮")
    before = page.evaluate("() => globalThis.asked")
    assert set(before) == {"screen"}
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    assert len(page.evaluate("() => globalThis.asked")) == len(before) + 1


@pytest.mark.parametrize("minutes", [-7, 7])
def test_a_phone_whose_clock_is_off_shows_a_code_that_is_good(opened, site, minutes):
    """Corrected by the server's time, and said; also right after a reload without a network."""
    code = site.wallet_code("gold")
    page = opened("/healthz", **PHONE)
    page.clock.install(time=datetime.now(UTC) + (site.clock.now() - datetime.now(UTC)) + timedelta(minutes=minutes))
    page.goto(f"/wallet#code={code}")
    page.fill("#id-last4", site.last_four)
    page.click("#enrol-do")
    page.click("#recovery-do")
    expect(page.locator("#registered")).to_have_text("是")
    expect(page.locator("#clock-note")).to_contain_text("已自动校正")
    expect(page.locator("#clock-note")).to_contain_text("相差 7分钟")
    page.context.set_offline(True)
    phone = Phone.__new__(Phone)
    phone.page, phone.site = page, site
    text = phone.copied()
    page.context.set_offline(False)
    tablet = Tablet(opened, site)
    tablet.paste(text)
    assert tablet.outcome() == ("granted", "")


@pytest.mark.slow
def test_the_code_is_shown_and_good_after_a_reload_with_the_server_dead(browser, tmp_path):
    """The page comes from the phone; the code made then is granted when a counter has a server again."""
    machine = Outage(tmp_path)
    opened = Watched(browser, machine)
    try:
        phone = Phone(opened, machine, service_workers="allow")
        phone.page.evaluate("() => navigator.serviceWorker.ready.then(() => null)")
        phone.page.click("#tab-benefits")
        expect(phone.page.locator(".benefit").first).to_be_visible()
        machine.stop()
        phone.page.goto("/wallet")
        expect(phone.page.locator("#pass-name")).to_have_text("张*明")
        phone.page.click("#tab-benefits")
        expect(phone.page.locator("#benefits-away")).to_be_visible()
        expect(phone.page.locator(".benefit").first).to_be_visible()
        phone.page.click("#tab-card")
        text = phone.copied()
        machine.start()
        tablet = Tablet(opened, machine)
        tablet.paste(text)
        assert tablet.outcome() == ("granted", "")
    finally:
        for context in opened.contexts:
            context.close()
        machine.close()
    assert opened.complaints == []


@pytest.mark.parametrize("look", LOOKS, ids=["-".join(look) for look in LOOKS])
def test_cards_help_and_endings_are_accessible(opened, site, look, one_holder):
    """Two cards, help with its answer, the card that moved; nothing scrolls sideways on a phone."""
    language, scheme = look
    phone = Phone(opened, site, code=one_holder(), color_scheme=scheme)
    page, last_four = phone.page, site.last_four
    page.click(f"[data-language={language}]")
    enrol_again(page, site.wallet_code("gold"), site.last_four)
    expect(page.locator("[data-view=card] .cards button")).to_have_count(2)
    found = {"cards": violations(page)}
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    page.locator("[data-view=card] .cards button").first.click()
    page.click("#lost-this")
    page.fill("#lost-code", phone.recovery_code)
    page.click("[value=block]")
    expect(page.locator("#lost-answer .note")).to_be_visible()
    found["lost"] = violations(page)
    page.click("[value=unblock]")
    other = opened(f"/wallet#code={one_holder()}", color_scheme=scheme, **PHONE)
    other.fill("#id-last4", last_four)
    other.click("#enrol-do")
    expect(other.locator("#recovery-moved")).to_be_visible()
    found["moved here"] = violations(other)
    page.evaluate(LOOK_NOW)
    page.reload()
    expect(page.locator("#ended-heading")).to_be_visible()
    found["moved"] = violations(page)
    assert {name: list_ for name, list_ in found.items() if list_} == {}
