"""The public check in a real browser: valid or not, tier, until when, and nothing of the person."""

import time
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from cards.claims import Form
from issuer.issuing.issuing import issue
from issuer.issuing.lifecycle import revoke
from issuer.printing.qr import card_text
from tests.web.conftest import CHROMIUM, Watched
from tests.web.film import Film, code_of
from tests.web.phone import Phone
from tests.web.site import BY
from tests.web.test_accessibility import LOOKS, spoken, violations
from verifier.rules.reasons import REASONS

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}


@pytest.fixture(autouse=True)
def fresh_limit(site):
    """Each test asks as if nobody had asked before, and leaves the next a full allowance, wherever it stands."""
    site.go(minutes=3)
    yield
    site.go(minutes=3)


def ask(page, text: str, state: str) -> str:
    """Paste a code and press Enter; returns what the answer says once it has the state."""
    expect(page.locator("#check-do")).to_be_enabled()
    page.fill("#presented", text)
    page.press("#presented", "Enter")
    expect(page.locator("#answer")).to_have_attribute("data-state", state)
    return page.locator("#answer").inner_text()


def test_a_printed_card_is_valid_and_can_be_copied(opened, site):
    """Tier, end and the advice to compare the ID; no name, no figure, no account."""
    page = opened("/", viewport=PHONE)
    page.click("a[href='/check']")
    said = ask(page, site.printed("gold"), "valid")
    assert "有效" in said
    assert "金卡" in said
    assert "至 20" in said
    assert "核对本人证件" in said
    assert "张" not in said.replace("一张", "")


def test_a_phones_full_code_is_proved_and_its_short_code_asks_for_it(opened, site):
    """A stranger does not learn by a short code which cards are known."""
    phone, page = Phone(opened, site), opened("/check?lang=en", viewport=PHONE)
    assert "full code" in ask(page, phone.copied(), "card-unknown")
    phone.choose("full")
    assert "last 45 seconds" in ask(page, phone.copied(), "valid")


def test_an_altered_card_is_not_valid_and_another_text_cannot_be_read(opened, site):
    """Two answers, never mixed up: the card is bad, or this is no card."""
    page = opened("/check", viewport=PHONE)
    phone = Phone(opened, site)
    phone.choose("full")
    stale = phone.copied()
    site.clock.advance(timedelta(seconds=70))
    assert "无效" in ask(page, stale, "invalid")
    assert "无法识别" in ask(page, "hello", "malformed")
    page.click("#another")
    expect(page.locator("#presented")).to_be_focused()
    expect(page.locator("#answer")).to_be_empty()


def test_an_empty_field_is_said_to_be_empty(opened):
    """By keyboard alone; the focus goes back to the field."""
    page = opened("/check", viewport=PHONE)
    expect(page.locator("#check-do")).to_be_enabled()
    page.focus("#check-do")
    page.keyboard.press("Enter")
    expect(page.locator("#check-fault")).to_have_text("请先粘贴、输入或扫描卡码。")
    expect(page.locator("#presented")).to_be_focused()


def test_a_system_that_is_away_says_nothing_against_the_card(opened, site):
    """Neither a 503 nor a dead network is "not valid", where the browser keeps nothing to judge by."""
    card = site.printed("silver")
    page = opened("/check", viewport=PHONE)
    forget(page)
    site.trouble += [("/v1/public-checks", "503 Service Unavailable")] * 2
    assert "不说明卡无效" in ask(page, card, "away")
    page.context.set_offline(True)
    ask(page, card, "away")
    page.context.set_offline(False)
    assert "银卡" in ask(page, card, "valid")


# By the page's own store: whoever opens the database first makes its tables.
KEPT = """async () => {
  const { read } = await import("/static/js/store.js");
  return (await read("check-offline-documents")) !== undefined;
}"""
FORGET = """async () => {
  const { remove } = await import("/static/js/store.js");
  await remove("check-offline-documents");
}"""


def prepared(page):
    """Wait until the page has fetched what an outage needs."""
    expect(page.locator("#check-do")).to_be_enabled()
    ends = time.monotonic() + 20
    while not page.evaluate(KEPT):
        assert time.monotonic() < ends, "the documents were never kept"
        page.wait_for_timeout(100)
    page.wait_for_load_state("networkidle")
    return page


def forget(page) -> None:
    """Drop what the page keeps, as a browser does that is short of room."""
    prepared(page)
    page.evaluate(FORGET)


def away(page):
    """A page that has its documents, and then loses the server."""
    prepared(page)
    page.context.set_offline(True)
    return page


def test_while_the_system_is_away_the_page_judges_and_says_so(opened, site):
    """Valid, tier, until when; judged here, by a list of when; nothing of the person."""
    card = site.printed("gold")
    site.go(minutes=1)
    page = away(opened("/check", viewport=PHONE))
    said = ask(page, card, "valid")
    for text in ("有效", "金卡", "至 20", "核对本人证件", "系统连不上，由本机核对", "分钟前的停用名单"):
        assert text in said
    assert "张" not in said.replace("一张", "")
    page.click("[data-language=en]")
    expect(page.locator("#here")).to_contain_text("judged on this device")
    page.context.set_offline(False)
    ask(page, card, "valid")
    expect(page.locator("#here")).to_have_count(0)


def test_a_blocked_card_is_not_valid_without_the_system_either(opened, site):
    """As far as the list that the page keeps knows; a card blocked later still looks valid, and the page says that."""
    card = issue(site.office.desk, site.holder("gold"), Form.PRINT, by=BY, at=site.clock.now())
    revoke(site.office.desk, card.id, because="lost", by=BY, at=site.clock.now())
    site.publish()
    page = away(opened("/check", viewport=PHONE))
    said = ask(page, card_text(card.token, site.office.desk.programme), "invalid")
    assert "这张卡已作废" in said
    assert "由本机核对" in said


def test_a_phones_code_is_judged_without_the_system(opened, site):
    """Proved while it is fresh; refused once it is old; the short code asks for the full one."""
    phone = Phone(opened, site)
    phone.choose("full")
    fresh = phone.copied()
    phone.choose("short")
    short = phone.copied()
    page = away(opened("/check", viewport=PHONE))
    assert "45 秒内" in ask(page, fresh, "valid")
    assert "完整码" in ask(page, short, "card-unknown")
    ask(page, "hello", "malformed")
    site.clock.advance(timedelta(seconds=70))
    page.context.set_offline(False)
    page.reload()
    page = away(page)
    assert "二维码已过期" in ask(page, fresh, "invalid")


def test_old_lists_are_said_to_be_old_and_expired_ones_say_nothing(opened, site):
    """Stale after minutes: the answer warns. Over after a day: no answer at all, and nothing against the card."""
    card = site.printed("gold")
    page = prepared(opened("/check", viewport=PHONE))
    site.clock.advance(timedelta(hours=3))
    page.route("**/v1/trust-bundle", lambda route: route.abort())
    page.route("**/v1/public-checks", lambda route: route.abort())
    page.reload()
    said = ask(page, card, "valid")
    assert "3 小时" in said
    assert "较旧" in said
    site.clock.advance(timedelta(hours=22))
    page.reload()
    said = ask(page, card, "away")
    assert "停用名单也已过期" in said
    assert "不说明卡无效" in said


def test_a_list_that_is_too_old_says_nothing_against_a_genuine_card(opened, site):
    """The server cannot tell: amber 无法确认, never the red 无效, in both languages."""
    page = opened("/check", viewport=PHONE)
    sentence = REASONS["status-unknown"].sentence
    body = {
        "valid": False,
        "reason": "status-unknown",
        "proved": False,
        "message": {"zh": sentence.zh, "en": sentence.en},
    }
    page.route("**/v1/public-checks", lambda route: route.fulfill(json=body))
    said = ask(page, site.printed("gold"), "unsure")
    assert "无法确认" in said
    assert "无效" not in said.replace("不说明卡无效", "")
    expect(page.locator("#answer .answer")).to_have_class("answer amber")
    page.click("[data-language=en]")
    expect(page.locator("#answer h2")).to_have_text("Cannot be confirmed")
    assert violations(page) == []


def test_an_outage_is_noticed_by_a_server_that_cannot_verify_too(opened, site):
    """A 503 is no answer; the page goes by what it keeps."""
    card = site.printed("silver")
    page = prepared(opened("/check", viewport=PHONE))
    site.trouble += [("/v1/public-checks", "503 Service Unavailable")] * 2
    assert "由本机核对" in ask(page, card, "valid")


def test_who_asks_too_often_is_told_when_to_ask_again(opened, site):
    """In seconds, as the server says."""
    page = opened("/check?lang=en", viewport=PHONE)
    client = site.app.test_client()
    card = site.printed("gold")
    for _ in range(500):  # a card that holds is counted by itself, so that nobody's junk stops another's question
        if client.post("/v1/public-checks", json={"presentation": card}).status_code == 429:
            break
    assert "seconds" in ask(page, card, "too-many-requests")


def test_the_camera_reads_a_card_and_then_rests(browser, site, tmp_path):
    """One code, one answer; the next after a tap."""
    film = Film(tmp_path / "camera.y4m")
    film.show(code_of(site.printed("gold")))
    flags = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    flags.append(f"--use-file-for-fake-video-capture={film.path}")
    made = browser.browser_type.launch(executable_path=CHROMIUM, args=flags)
    watched = Watched(made, site)
    page = watched("/check", viewport=PHONE)
    page.click("#camera-toggle")
    expect(page.locator("#answer")).to_have_attribute("data-state", "valid")
    made.close()
    assert watched.complaints == []


@pytest.mark.parametrize("look", LOOKS, ids=["-".join(look) for look in LOOKS])
def test_every_answer_is_accessible(opened, site, look):
    """Empty, valid, not readable, refused, judged without the system."""
    language, scheme = look
    card = site.printed("diamond")
    page = opened(spoken("/check", language), color_scheme=scheme, viewport=PHONE)
    found = {"empty": violations(page)}
    ask(page, card, "valid")
    found["valid"] = violations(page)
    ask(page, "hello", "malformed")
    found["malformed"] = violations(page)
    page.route(
        "**/v1/public-checks",
        lambda route: route.fulfill(json={"valid": False, "message": {"zh": "卡已停用", "en": "Revoked"}}),
    )
    ask(page, "hello", "invalid")
    found["invalid"] = violations(page)
    page.unroute("**/v1/public-checks")
    away(page)
    ask(page, card, "valid")
    expect(page.locator("#here")).to_be_visible()
    found["judged here"] = violations(page)
    assert {name: list_ for name, list_ in found.items() if list_} == {}
    assert page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
