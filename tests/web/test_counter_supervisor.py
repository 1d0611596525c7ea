"""What staff alone cannot do: admit somebody refused wrongly, take back what is older; and the photo they compare."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from accounts.rights import Right
from cards.claims import Form
from issuer.issuing.issuing import issue
from issuer.printing.qr import card_text
from issuer.register import office_log
from issuer.register.holders import set_photo
from tests.issuer.builders import photo
from tests.web.lounge import PIN, RIGHTS, Lounge

pytestmark = pytest.mark.browser

CACHED = """async () => {
  const kept = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
  return (await Promise.all(kept.map((cache) => cache.keys()))).flat().map((request) => request.url);
}"""


@pytest.fixture
def gym(opened, site):
    """A tablet at the gym that may carry a supervisor's acts; nobody is signed in."""
    return Lounge(opened, site, "gym")


def twice_in(gym, site):
    """Let a holder in and show the card again: already in."""
    card = site.printed("silver")
    assert gym.present(card) == ("granted", "")
    gym.next()
    assert gym.present(card) == ("denied", "already-in")
    return card


def fill_override(gym, code, note="出口闸机未登记"):
    """Fill the dialog in as a supervisor does."""
    gym.page.check("#override-checked")
    gym.page.fill("#override-note", note)
    gym.names_supervisor("override", code)
    gym.page.click("#override-form [type=submit]")


def test_a_supervisor_answers_for_a_refused_visitor(gym, site):
    """Reason, note and sign-in; granted as a new operation, marked on the screen; nobody stays signed in."""
    code = gym.supervisor()
    twice_in(gym, site)
    gym.page.click("#override-this")
    expect(gym.page.locator("#override input[value=left-unrecorded]")).to_be_checked()
    with gym.page.expect_request("**/v1/check-ins") as sent:
        fill_override(gym, code)
    assert sent.value.post_data_json["override"] == {"reason": "left-unrecorded", "note": "出口闸机未登记"}
    expect(gym.page.locator("[data-view=outcome]")).to_have_attribute("data-outcome", "granted")
    expect(gym.page.locator("[data-view=outcome] .note")).to_contain_text("主管放行：离场未登记。已记入日志。")
    expect(gym.page.locator("#operator")).to_contain_text("登录")


def test_a_wrong_pin_admits_nobody(gym, site):
    """The fault stands in the dialog, which stays; nothing was sent."""
    code = gym.supervisor()
    twice_in(gym, site)
    gym.page.click("#override-this")
    gym.page.check("#override-checked")
    gym.page.fill("#override-note", "x")
    gym.page.fill("#override-code", code)
    gym.page.fill("#override-pin", "000000")
    gym.page.click("#override-form [type=submit]")
    expect(gym.page.locator("#override-fault")).to_have_text("工号或密码不正确")
    expect(gym.page.locator("#override")).to_be_visible()
    assert gym.outcome() == ("denied", "already-in")


def test_an_operator_who_may_not_supervise_is_refused_by_the_server(gym, site):
    """The page offers the way; the right is judged where it counts."""
    code = gym.supervisor(frozenset({Right.CHECK_IN, Right.VOID}), "陈工")
    twice_in(gym, site)
    gym.page.click("#override-this")
    fill_override(gym, code)
    assert gym.problem() == "not-permitted"


def test_what_no_override_lifts_offers_none(gym, site):
    """A spent quota is nobody's mistake; nor does a tablet without the right show the button."""
    card = twice_in(gym, site)
    gym.next()
    site.go(hours=2, minutes=5)
    assert gym.present(card) == ("granted", "")
    gym.next()
    site.go(hours=2, minutes=5)
    assert gym.present(card) == ("denied", "quota-spent")
    expect(gym.page.locator("#override-this")).to_have_count(0)


def test_a_tablet_without_the_right_offers_no_override(opened, site):
    """What a device may not carry, no operator brings to it."""
    plain = Lounge(opened, site, "gym", rights=RIGHTS - {Right.OVERRIDE})
    twice_in(plain, site)
    expect(plain.page.locator("#override-this")).to_have_count(0)


def test_a_supervisor_takes_back_what_is_older_than_fifteen_minutes(gym, site):
    """The list says who can; the dialog asks for the sign-in at once; the unit returns."""
    on_duty, code = gym.supervisor(name="李静"), gym.supervisor()
    gym.page.click("#operator")
    gym.page.fill("#operator-code", on_duty)
    gym.page.fill("#operator-pin", PIN)
    gym.page.press("#operator-pin", "Enter")
    expect(gym.page.locator("#operator")).to_contain_text("李静")
    gym.present(site.printed("silver"))
    gym.next()
    gym.page.click("#operator")
    gym.page.click("#sign-out-form [type=submit]")
    expect(gym.page.locator("#operator")).to_contain_text("登录")
    site.go(minutes=16)
    gym.page.reload()
    gym.shows("scan")
    gym.page.click("#show-today")
    gym.page.locator("#today-entries li").first.get_by_text("主管撤销").click()
    gym.page.click("text=选错服务")
    gym.names_supervisor("void", code)
    gym.page.click("#void-form [type=submit]")
    expect(gym.page.locator("#scan-note")).to_have_text("已撤销，次数已退回。")
    expect(gym.page.locator("#operator")).to_contain_text("登录")


def with_photo(site):
    """A holder with a photo and a printed card; the holder's id and the card's text."""
    desk, at = site.office.desk, site.clock.now()
    holder = site.holder("gold")
    set_photo(desk, holder, photo(), by="test", at=at)
    card = issue(desk, holder, Form.PRINT, by="test", at=at)
    site.publish()
    return holder, card_text(card.token, desk.programme)


def test_the_photo_stands_beside_the_id_check_and_is_kept_nowhere(gym, site):
    """Shown from the register on this host; in no cache of the browser; in the office's log without a name."""
    holder, text = with_photo(site)
    gym.paste(text)
    gym.shows("identity")
    picture = gym.page.locator("[data-view=identity] .portrait img")
    expect(picture).to_have_attribute("src", re.compile("^data:image/jpeg;base64,"))
    expect(picture).to_have_attribute("alt", "持卡人登记照片")
    assert [address for address in gym.page.evaluate(CACHED) if "photo" in address] == []
    with site.office.desk.register.read() as connection:
        newest = office_log.newest(connection, 5, holder=holder)
    assert newest[0].action is office_log.OfficeAction.PHOTO_SHOWN


def test_without_a_photo_the_card_itself_is_compared(gym, site):
    """Nothing is said of an error: the frame tells what to look at."""
    gym.paste(site.printed("gold"))
    gym.shows("identity")
    gym.page.wait_for_timeout(300)
    expect(gym.page.locator("[data-view=identity] .portrait")).to_have_text("请对照卡面照片")
    site.clock.advance(timedelta(seconds=1))
