"""A phone keeps its card. If a key would not last, the page says so first; after a loss the page says what happened."""

import pytest
from playwright.sync_api import expect

from issuer.enrolment.enrolling import make_code
from issuer.register.holders import grounds_of, withdraw_ground
from tests.web.phone import PHONE, Phone
from tests.web.site import BY
from tests.web.test_accessibility import violations

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("another_minute")]

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 "
    "Mobile/15E148 Safari/604.1"
)
WECHAT = IPHONE.replace("Safari/604.1", "MicroMessenger/8.0.50")
IPAD = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605"
)
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36"
LOSE = "() => new Promise((gone) => { indexedDB.deleteDatabase('yunju').onsuccess = gone; })"
PERSISTED = "() => { window.asked = 0; navigator.storage.persist = async () => { window.asked += 1; return true; }; }"


def test_a_browser_is_told_by_what_it_says_of_itself(opened):
    """An iPhone and an iPad out of the home screen, WeChat wherever it runs, nothing for all others."""
    page = opened("/wallet")
    cases = [
        (IPHONE, 5, False, "ios"), (IPHONE, 5, True, ""), (IPAD, 5, False, "ios"), (IPAD, 0, False, ""),
        (WECHAT, 5, False, "wechat"), (WINDOWS + " MicroMessenger/7.0", 0, False, "wechat"), (WINDOWS, 10, False, ""),
    ]  # fmt: skip
    found = page.evaluate(
        """async (cases) => {
          const { kindOf } = await import('/static/js/wallet/browser.js');
          return cases.map(([userAgent, maxTouchPoints, isInstalled]) =>
            kindOf({ userAgent, maxTouchPoints, isInstalled }));
        }""",
        [case[:3] for case in cases],
    )
    assert found == [case[3] for case in cases]


@pytest.mark.parametrize(
    ("agent", "first", "says"), [(IPHONE, "ios", "添加到主屏幕"), (WECHAT, "wechat", "在浏览器打开")]
)
def test_where_a_key_would_not_last_the_steps_come_before_it_is_made(opened, site, agent, first, says):
    """No form yet, and the code at hand; whoever insists goes on. WeChat hands the address on with its code."""
    code = site.wallet_code("gold")
    page = opened(f"/wallet#code={code}", **PHONE, user_agent=agent)
    panel = page.locator(f"#first-{first}")
    expect(panel).to_contain_text(says)
    expect(page.locator("#enrol-form")).to_be_hidden()
    assert (code in page.url) is (first == "wechat")
    if first == "ios":
        expect(page.locator("#first-code")).to_have_text(code)
    assert violations(page) == []
    page.click(f"#first-{first}-anyway")
    page.fill("#id-last4", site.last_four)
    page.click("#enrol-do")
    expect(page.locator("#recovery-code")).to_contain_text("-")
    assert code not in page.url


def test_the_browser_is_asked_to_keep_the_key_and_a_loss_is_explained(opened, site):
    """When the key is gone the page says what happened and whom to call; the same phone goes on."""
    holder = site.holder("gold")
    last_four, at = site.last_four, site.clock.now()
    page = opened("/wallet", **PHONE)
    expect(page.locator("#gone")).to_be_hidden()
    page.evaluate(PERSISTED)
    for _ in range(2):
        page.fill("#enrol-code", make_code(site.office.desk, holder, by=BY, at=at).code)
        page.fill("#id-last4", last_four)
        page.click("#enrol-do")
        page.locator("#recovery-code").filter(has_text="-").wait_for()
        page.click("#recovery-do")
        expect(page.locator("#registered")).to_have_text("是", use_inner_text=False)
        page.evaluate(LOSE)
        page.goto("/wallet")
        expect(page.locator("#gone")).to_contain_text("浏览器后来清除了网页数据")
        expect(page.locator("#gone a")).to_have_attribute("href", "tel:35912660")
        assert violations(page) == []


def test_who_takes_the_card_away_lost_nothing(opened, site):
    """Removed by the holder: no word of a loss."""
    page = Phone(opened, site, "silver").page
    page.click("#card-info summary")
    page.click("#remove")
    page.click("#remove")
    expect(page.locator("#enrol-form")).to_be_visible()
    expect(page.locator("#gone")).to_be_hidden()


def test_the_key_is_asked_to_be_kept(opened, site):
    """`persist` is asked for at the enrolment, without waiting for an answer."""
    page = opened(f"/wallet#code={site.wallet_code('gold')}", **PHONE)
    page.evaluate(PERSISTED)
    page.fill("#id-last4", site.last_four)
    page.click("#enrol-do")
    page.locator("#recovery-code").filter(has_text="-").wait_for()
    assert page.evaluate("() => window.asked") == 1


def test_what_is_so_is_said_with_whom_to_call(opened, site):
    """A newer code was made, the ground ended: neither the code nor the digits are blamed."""
    desk, holder = site.office.desk, site.holder("gold")
    last_four, at = site.last_four, site.clock.now()
    older, newer = (make_code(desk, holder, by=BY, at=at).code for _ in range(2))
    page = opened(f"/wallet#code={older}", **PHONE)
    page.fill("#id-last4", last_four)
    page.click("#enrol-do")
    expect(page.locator("#enrol-fault")).to_contain_text("已被新的激活码取代")
    expect(page.locator("#enrol-call")).to_have_attribute("href", "tel:35912660")
    withdraw_ground(desk, holder, grounds_of(desk, holder)[0].id, by=BY, at=at)
    page.fill("#enrol-code", newer)
    page.click("#enrol-do")
    expect(page.locator("#enrol-fault")).to_contain_text("资格已变更")
    expect(page.locator("#enrol-call")).to_be_visible()
