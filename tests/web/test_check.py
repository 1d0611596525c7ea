"""The public check in a real browser: valid or not, tier, until when, and nothing of the person."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.web.conftest import CHROMIUM, Watched
from tests.web.film import Film, code_of
from tests.web.phone import Phone
from tests.web.test_accessibility import LOOKS, spoken, violations

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
    assert "not a screenshot" in ask(page, phone.copied(), "valid")


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
    """Neither a 503 nor a dead network is "not valid"."""
    page, card = opened("/check", viewport=PHONE), site.printed("silver")
    site.trouble += [("/v1/public-checks", "503 Service Unavailable")] * 2
    assert "不说明卡无效" in ask(page, card, "away")
    page.context.set_offline(True)
    ask(page, card, "away")
    page.context.set_offline(False)
    assert "银卡" in ask(page, card, "valid")


def test_who_asks_too_often_is_told_when_to_ask_again(opened, site):
    """In seconds, as the server says."""
    page = opened("/check?lang=en", viewport=PHONE)
    client = site.app.test_client()
    while client.post("/v1/public-checks", json={"presentation": "x"}).status_code != 429:
        pass
    assert "seconds" in ask(page, site.printed("gold"), "too-many-requests")


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
    """Empty, valid, not readable, refused for now."""
    language, scheme = look
    page = opened(spoken("/check", language), color_scheme=scheme, viewport=PHONE)
    found = {"empty": violations(page)}
    ask(page, site.printed("diamond"), "valid")
    found["valid"] = violations(page)
    ask(page, "hello", "malformed")
    found["malformed"] = violations(page)
    page.route(
        "**/v1/public-checks",
        lambda route: route.fulfill(json={"valid": False, "message": {"zh": "卡已停用", "en": "Revoked"}}),
    )
    ask(page, "hello", "invalid")
    found["invalid"] = violations(page)
    assert {name: list_ for name, list_ in found.items() if list_} == {}
    assert page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
