"""The counter page in a real browser, against a real server: what staff see and do."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from accounts.rights import EVERYWHERE, Right
from tests.web.counter import Tablet

pytestmark = pytest.mark.browser


@pytest.fixture
def tablet(opened, site):
    """A tablet at the gym."""
    return Tablet(opened, site)


@pytest.fixture
def bare_tablet(opened, site):
    """A tablet at the gym that never got the documents it would need without its server."""
    page = opened("/counter")
    page.route("**/v1/trust-bundle", lambda route: route.abort())
    return Tablet(lambda _path, **_options: page, site)


def operations(page):
    """Collect the operation ids of the check-ins that a page sends."""
    sent = []

    def seen(request):
        if request.url.endswith("/v1/check-ins"):
            sent.append(request.headers["idempotency-key"])

    page.on("request", seen)
    return sent


def test_two_gym_visits_are_granted_and_the_third_is_refused(tablet, site):
    """The main job: granted, already in, granted, refused until next month, with what is left and when it renews."""
    card = site.printed("silver")
    assert tablet.present(card) == ("granted", "")
    shown = tablet.page.locator("[data-view=outcome]")
    expect(shown.locator(".word")).to_have_text("可以使用")
    expect(shown).to_contain_text("Granted:")
    expect(shown).to_contain_text(re.compile("本月剩余1 次已用 1 次，共 2 次；12月1日起重新计算"))
    expect(shown.locator(".name")).to_have_text("张*明")
    tablet.next()
    assert tablet.present(card) == ("denied", "already-in")
    expect(shown.locator(".word")).to_have_text("已在场内")
    tablet.next()
    site.go(hours=2, minutes=5)
    assert tablet.present(card) == ("granted", "")
    tablet.next()
    site.go(hours=2, minutes=5)
    assert tablet.present(card) == ("denied", "quota-spent")
    expect(shown).to_contain_text("12月1日")
    expect(shown).to_contain_text("35912660")


def test_a_used_enrolment_code_is_refused_with_a_sentence(opened, site):
    """Nothing is said of why; the field is marked and focused."""
    page = opened("/counter")
    page.click("#enrol-form button")
    expect(page.locator("#enrol-fault")).to_have_text("请输入登记码。")
    page.fill("#enrol-code", "AAAA-BBBB-CCCC")
    page.click("#enrol-form button")
    expect(page.locator("#enrol-fault")).to_have_text("登记码无效或已使用")
    expect(page.locator("#enrol-code")).to_be_focused()


def test_an_enrolled_tablet_stays_enrolled_and_its_key_cannot_be_read(tablet):
    """After a reload the desk is there again; the private key is not extractable."""
    tablet.page.reload()
    tablet.shows("scan")
    extractable = tablet.page.evaluate(
        """async () => (await (await import('/static/js/store.js')).read('counter-key')).privateKey.extractable"""
    )
    assert extractable is False


@pytest.mark.parametrize("digits", [False, True], ids=["base45", "digits"])
def test_a_wedge_scanner_types_anywhere_on_the_page(tablet, site, digits):
    """Whatever has the focus, the code is taken and no key presses a button."""
    card = site.printed("gold", digits=digits)
    tablet.page.focus("#show-today")
    tablet.wedge(card)
    tablet.shows("identity")
    assert not tablet.page.locator("#today").is_visible()


def test_a_wedge_scanner_under_caps_lock_is_read(tablet, site):
    """Base45 typed in small letters is repaired."""
    tablet.wedge(site.printed("gold").lower())
    tablet.shows("identity")


def test_a_plain_token_under_caps_lock_is_explained(tablet):
    """It cannot be repaired; staff are told the likely cause."""
    tablet.wedge("EYjHBGCIoIjfuzi1nIiS.EYjPC3mIoIj4iN0.AAAAAAAA")
    expect(tablet.page.locator("#scan-note")).to_contain_text("大写锁定")


def test_slow_typing_is_no_scan(tablet):
    """A person's keys do what they always do."""
    tablet.page.keyboard.type("YJ01:ABCDEFGHIJKLMNOPQRST", delay=250)
    tablet.page.keyboard.press("Enter")
    tablet.shows("scan")


def test_pasting_outside_any_field_is_a_scan(tablet, site):
    """Ctrl+V is enough."""
    tablet.page.evaluate("text => navigator.clipboard.writeText(text)", site.printed("gold"))
    tablet.page.focus("#show-help")
    tablet.page.keyboard.press("Control+V")
    tablet.shows("identity")


def test_what_is_no_card_is_not_refused_in_red(tablet):
    """An unreadable text is no check-in and no page, but a note where the next scan is awaited."""
    for text in ("hello", "YJ01:AAAAAAAA"):
        tablet.paste(text)
        expect(tablet.page.locator("#scan-note")).to_contain_text("无法识别此码")
        tablet.shows("scan")


def test_an_id_that_does_not_fit_is_logged_and_refused(tablet, site):
    """The refusal is an entry; the card is not charged."""
    tablet.paste(site.printed("gold"))
    tablet.page.click("#id-refuse")
    assert tablet.outcome() == ("denied", "id-check-needed")


def test_a_multi_service_point_asks_for_the_service_once(opened, site):
    """A code read before any choice waits for it; the choice then stays."""
    tablet = Tablet(opened, site, "hosp-mch")
    card = site.printed("gold")
    tablet.paste(card)
    expect(tablet.page.locator("#scan-note")).to_contain_text("请先选择")
    tablet.page.click("text=优先缴费")
    tablet.page.click("#id-confirm")
    assert tablet.outcome() == ("granted", "")
    expect(tablet.page.locator("[data-view=outcome]")).to_contain_text("优先缴费")
    tablet.next()
    assert tablet.present(site.printed("silver")) == ("granted", "")
    closed = tablet.page.locator(".option.closed input")
    assert closed.count() == 1
    assert closed.is_disabled()


def test_a_needed_reference_is_asked_for_before_the_check_in(opened, site):
    """The code waits until the number is filled in; Enter then goes on."""
    tablet = Tablet(opened, site, "police-hall")
    tablet.paste(site.printed("gold"))
    expect(tablet.page.locator("#reference")).to_be_focused()
    tablet.page.keyboard.type("FX-2026-0042")
    tablet.page.keyboard.press("Enter")
    tablet.page.click("#id-confirm")
    assert tablet.outcome() == ("granted", "")
    tablet.next()
    expect(tablet.page.locator("#reference")).to_have_value("")


def test_a_card_scanned_into_the_reference_field_is_still_a_card(opened, site):
    """The focus was in the wrong place; nothing of the code stays there."""
    tablet = Tablet(opened, site, "gov-registry")
    tablet.page.click(".services .option >> nth=0")
    tablet.page.focus("#reference")
    tablet.wedge(site.printed("gold"))
    tablet.shows("identity")
    expect(tablet.page.locator("#reference")).to_have_value("")


def test_staff_learn_before_the_id_check_that_nothing_is_left(tablet, site):
    """The look says what the check-in would; nothing is counted by it."""
    card = site.printed("silver")
    tablet.present(card)
    tablet.next()
    tablet.paste(card)
    expect(tablet.page.locator("#likely")).to_contain_text("已在场内")


def test_a_server_that_is_away_is_said_in_the_header_and_at_the_start(bare_tablet):
    """In words, and that nothing can be checked in without it; once it is back the page goes on by itself."""
    tablet = bare_tablet
    tablet.page.route("**/v1/**", lambda route: route.abort())
    tablet.page.click("#show-today")
    expect(tablet.page.locator("#network")).to_have_text("连不上")
    tablet.page.reload()
    expect(tablet.page.locator("#network")).to_have_text("离线")
    expect(tablet.page.locator("#offbar-word")).to_have_text("离线，暂不能办理")
    tablet.page.unroute("**/v1/**")
    expect(tablet.page.locator("#network")).to_have_text("在线", timeout=30_000)


def test_who_is_not_the_holder_is_turned_away(tablet, site):
    """Staff declare it; the mark does not stay for the next visitor."""
    tablet.page.check("#not-holder")
    assert tablet.present(site.printed("gold")) == ("denied", "not-holder")
    tablet.next()
    expect(tablet.page.locator("#not-holder")).not_to_be_checked()


def test_a_lost_answer_is_asked_for_again_as_the_same_operation(tablet, site):
    """503 twice: the same id is sent three times, and one visit is counted."""
    card = site.printed("silver")
    sent = operations(tablet.page)
    site.trouble += [("/v1/check-ins", "503 Service Unavailable")] * 2
    assert tablet.present(card) == ("granted", "")
    assert len(sent) == 3
    assert len(set(sent)) == 1
    expect(tablet.page.locator("[data-view=outcome]")).to_contain_text("已用 1 次，共 2 次")


def test_an_outage_is_nobodys_refusal_and_the_retry_is_the_same_operation(bare_tablet, site):
    """A tablet with nothing to go by says: not confirmed, do not admit. The button sends the same again."""
    tablet = bare_tablet
    sent = operations(tablet.page)
    site.trouble += [("/v1/check-ins", "503 Service Unavailable")] * 4
    card = site.printed("silver")
    tablet.paste(card)
    tablet.page.click("#id-confirm")
    assert tablet.problem() == "unconfirmed"
    expect(tablet.page.locator("[data-view=problem]")).to_contain_text("不是持卡人的问题")
    tablet.wedge(site.printed("gold"))  # another visitor must wait: what happened to this one is not known
    assert tablet.problem() == "unconfirmed"
    tablet.page.click("#retry")
    assert tablet.outcome() == ("granted", "")
    assert len(set(sent)) == 1


def test_pressing_twice_and_scanning_twice_is_one_check_in(tablet, site):
    """Double taps do nothing twice."""
    sent = operations(tablet.page)
    card = site.printed("silver")
    tablet.paste(card)
    tablet.shows("identity")
    tablet.wedge(card)
    tablet.page.dblclick("#id-confirm")
    assert tablet.outcome() == ("granted", "")
    tablet.wedge(card)
    tablet.page.wait_for_timeout(300)
    assert tablet.outcome() == ("granted", "")
    assert len(sent) == 1


def test_a_tablet_with_a_wrong_clock_corrects_itself(opened, site):
    """Its clock is days off here from the start; after a jump the server's time is learned and the call sent again."""
    tablet = Tablet(opened, site)
    tablet.page.evaluate("() => localStorage.setItem('yunju-clock-offset', '0')")
    tablet.page.reload()
    tablet.shows("scan")
    site.clock.advance(timedelta(minutes=10))
    assert tablet.present(site.printed("gold")) == ("granted", "")


def test_a_mistaken_check_in_is_voided_at_once(tablet, site):
    """The unit returns; the list shows both; the same card may enter again."""
    card = site.printed("silver")
    tablet.present(card)
    tablet.page.click("#void-this")
    tablet.page.click("text=重复扫码")
    tablet.page.click("#void-form [type=submit]")
    tablet.shows("scan")
    expect(tablet.page.locator("#scan-note")).to_have_text("已撤销，次数已退回。")
    expect(tablet.page.locator("#recent")).to_contain_text("已撤销")
    assert tablet.present(card) == ("granted", "")
    expect(tablet.page.locator("[data-view=outcome]")).to_contain_text("已用 1 次，共 2 次")


def test_a_check_in_of_the_list_is_voided_within_fifteen_minutes(tablet, site):
    """Later the list offers it no more."""
    tablet.present(site.printed("silver"))
    tablet.next()
    tablet.page.click("#show-today")
    button = tablet.page.locator("#today-entries li").first.get_by_text("撤销", exact=True)
    button.click()
    tablet.page.click("#void-form [type=submit]")
    expect(tablet.page.locator("#void-fault")).to_have_text("请选择原因。")
    tablet.page.click("text=没有使用就离开")
    tablet.page.click("#void-form [type=submit]")
    expect(tablet.page.locator("#scan-note")).to_have_text("已撤销，次数已退回。")
    tablet.present(site.printed("silver"))
    tablet.next()
    site.go(minutes=16)
    tablet.page.click("#show-today")
    tablet.page.wait_for_timeout(300)
    expect(tablet.page.locator("#today-entries li").first.get_by_text("撤销", exact=True)).to_have_count(0)


def test_after_a_check_out_the_holder_may_come_in_again(tablet, site):
    """Already in, checked out, in again, nothing counted twice."""
    card = site.printed("silver")
    tablet.present(card)
    tablet.next()
    assert tablet.present(card) == ("denied", "already-in")
    tablet.page.click("#leave-this")
    tablet.page.click("#leave-form [type=submit]")
    tablet.shows("scan")
    assert tablet.present(card) == ("granted", "")
    expect(tablet.page.locator("[data-view=outcome]")).to_contain_text("再次进入不计次数")


def test_a_check_out_cannot_lie_outside_the_visit(tablet, site):
    """The server's sentence stands in the dialog."""
    tablet.present(site.printed("silver"))
    tablet.next()
    tablet.page.click("#show-today")
    tablet.page.locator("#today-entries li").first.get_by_text("离场").click()
    tablet.page.fill("#leave-at", "00:01")
    tablet.page.click("#leave-form [type=submit]")
    expect(tablet.page.locator("#leave-fault")).to_have_text("离场时间不在入场期间")


def test_an_operator_signs_in_and_is_named(tablet, site):
    """A wrong PIN says so; the right one shows the name; signing out takes it away."""
    operators = site.office.accounts.operators
    if not any(operator.code == "2002" for operator in operators.list()):
        rights = {EVERYWHERE: frozenset({Right.CHECK_IN, Right.VOID})}
        operators.add("2002", "陈工", rights, by="test", at=site.clock.now(), pin="493817")
    tablet.page.click("#operator")
    tablet.page.fill("#operator-code", "2002")
    tablet.page.fill("#operator-pin", "000000")
    tablet.page.press("#operator-pin", "Enter")
    expect(tablet.page.locator("#sign-in-fault")).to_have_text("工号或密码不正确")
    site.clock.advance(timedelta(seconds=30))
    tablet.page.fill("#operator-pin", "493817")
    tablet.page.press("#operator-pin", "Enter")
    expect(tablet.page.locator("#operator")).to_contain_text("陈工")
    assert tablet.present(site.printed("gold")) == ("granted", "")
    tablet.next()
    tablet.page.click("#operator")
    expect(tablet.page.locator("#sign-out-who")).to_contain_text("陈工")
    expect(tablet.page.locator("#operator")).to_contain_text("陈工")
    tablet.page.click("#sign-out-form [type=submit]")
    expect(tablet.page.locator("#operator")).to_contain_text("登录")


def test_a_revoked_tablet_says_so_and_can_be_enrolled_anew(tablet, site):
    """It is the tablet's matter, not the card's."""
    devices = site.office.accounts.devices
    newest = devices.list(point="gym")[-1]
    devices.revoke(newest.id, by="test", at=site.clock.now())
    site.clock.advance(timedelta(seconds=60))
    tablet.paste(site.printed("gold"))
    assert tablet.problem() == "device-revoked"
    tablet.page.click("#enrol-again")
    tablet.shows("enrol")


def test_the_answer_goes_by_itself_unless_somebody_reads_it(tablet, site):
    """Six seconds after a grant the next visitor may come; a touch keeps the answer."""
    tablet.present(site.printed("gold"))
    expect(tablet.page.locator("#next")).to_contain_text("秒后自动返回")
    expect(tablet.page.locator("[data-view=scan]")).to_be_visible(timeout=9000)
    tablet.present(site.printed("gold"))
    tablet.page.click(".facts")
    expect(tablet.page.locator("#next")).to_have_text("下一位")


def test_an_id_check_that_took_too_long_is_scanned_again(tablet, site):
    """Two minutes, as the look lives; nothing was counted."""
    tablet.paste(site.printed("gold"))
    tablet.shows("identity")
    site.clock.advance(timedelta(minutes=3))
    tablet.page.click("#id-confirm")
    assert tablet.problem() == "look-over"


def test_english_is_one_tap_away_on_every_screen(tablet, site):
    """The outcome stays on the screen and changes its language; the other one keeps a line."""
    tablet.present(site.printed("silver"))
    tablet.page.click("[data-language=en]")
    shown = tablet.page.locator("[data-view=outcome]")
    expect(shown.locator(".word")).to_have_text("Granted")
    expect(shown.locator(".other")).to_contain_text("可以使用")
    tablet.page.reload()
    tablet.shows("scan")
    expect(tablet.page.locator("html")).to_have_attribute("lang", "en")


def test_the_keyboard_alone_is_enough(opened, site):
    """Enrol, present, confirm, next: Tab, typing and Enter."""
    page = opened("/counter")
    expect(page.locator("#enrol-code")).to_be_focused()
    page.keyboard.type(site.device_code("gym"))
    page.keyboard.press("Enter")
    expect(page.locator("[data-view=scan]")).to_be_visible()
    page.focus("#presented")
    page.keyboard.insert_text(site.printed("gold"))
    page.keyboard.press("Enter")
    expect(page.locator("#id-confirm")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#next")).to_be_focused()
    expect(page.locator("#announcement")).to_contain_text("可以使用")
    page.keyboard.press("Enter")
    expect(page.locator("[data-view=scan]")).to_be_visible()


def test_in_landscape_nothing_scrolls(tablet, site):
    """A tablet of 1280 by 800 shows every screen whole."""
    whole = """() => document.documentElement.scrollHeight <= innerHeight
      && document.documentElement.scrollWidth <= innerWidth"""
    assert tablet.page.evaluate(whole)
    tablet.paste(site.printed("silver"))
    tablet.shows("identity")
    assert tablet.page.evaluate(whole)
    tablet.page.click("#id-confirm")
    tablet.outcome()
    assert tablet.page.evaluate(whole)
