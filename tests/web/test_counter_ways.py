"""Ways in beside the camera, and what staff fill in: scanners under any layout, NFC, references, looks."""

import json
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.web.counter import Tablet
from tests.web.lounge import Lounge
from tests.web.phone import Phone

pytestmark = pytest.mark.browser

# What a browser reports of a scanner's keys: each press with its place on the keyboard, and what the system made of it.
PRESS = """([keys, target]) => {
  const at = target ? document.querySelector(target) : document.body;
  at.focus?.();
  for (const [code, key, shiftKey] of keys) {
    at.dispatchEvent(new KeyboardEvent('keydown', { code, key, shiftKey, bubbles: true, cancelable: true }));
  }
}"""
PLACES = {" ": ("Space", False), "$": ("Digit4", True), "%": ("Digit5", True), "*": ("Digit8", True),
          "+": ("Equal", True), "-": ("Minus", False), ".": ("Period", False), "/": ("Slash", False),
          ":": ("Semicolon", True), "~": ("Backquote", True)}  # fmt: skip
AZERTY = {
    "Digit0": "à",
    "Digit1": "&",
    "Digit2": "é",
    "KeyA": "Q",
    "KeyQ": "A",
    "KeyZ": "W",
    "KeyW": "Z",
    "Semicolon": "M",
}

FAKE_NFC = """() => {
  window.NDEFReader = class extends EventTarget {
    async scan() { window.fakeReader = this; }
  };
  window.tap = (records) => {
    const event = new Event('reading');
    const bytes = (text) => new DataView(new TextEncoder().encode(text).buffer);
    event.message = { records: records.map(({ text, ...kind }) => ({ ...kind, data: bytes(text) })) };
    window.fakeReader.dispatchEvent(event);
  };
}"""
CARD = {"recordType": "mime", "mediaType": "application/vnd.yunju.card"}


@pytest.fixture
def tablet(opened, site):
    """A tablet at the gym."""
    return Tablet(opened, site)


def keys(text, made):
    """The presses of a scanner for a text; `made` says what the system makes of a key."""
    pressed = []
    for character in text:
        code, shift = PLACES.get(character) or (
            (f"Digit{character}", False) if character.isdigit() else (f"Key{character.upper()}", character.isupper())
        )
        pressed.append([code, made(code, character), shift])
    return [*pressed, ["Enter", made("Enter", "Enter"), False]]


def test_a_scanner_under_a_french_layout_is_read_by_its_keys(tablet, site):
    """What the system made of them is no code; the keys themselves are."""
    tablet.page.evaluate(PRESS, [keys(site.printed("gold"), AZERTY.get), None])
    tablet.shows("identity")


def test_a_scanner_under_a_chinese_input_method_is_read_by_its_keys(tablet, site):
    """The input method swallows every key and says only that it did."""
    tablet.page.evaluate(PRESS, [keys(site.printed("gold"), lambda code, typed: "Process"), None])
    tablet.shows("identity")


def test_a_field_under_an_input_method_gives_the_scan_back(tablet, site):
    """Focus in the field, half a pinyin in it: the code is taken from the keys, and nothing stays in the field."""
    tablet.page.fill("#presented", "yj'kai")
    tablet.page.evaluate(PRESS, [keys(site.printed("gold"), lambda code, typed: "Process"), "#presented"])
    tablet.shows("identity")
    expect(tablet.page.locator("#presented")).to_have_value("")


def test_full_width_characters_are_brought_back(tablet, site):
    """An input method in full-width mode."""
    wide = "".join(chr(ord(character) + 0xFEE0) if character != " " else "\u3000" for character in site.printed("gold"))
    tablet.paste(wide)
    tablet.shows("identity")


def test_the_digits_survive_letters_under_any_layout(tablet, site):
    """Digits of the number block and of a layout that needs no shift for them."""
    made = [["Numpad" + digit, digit, False] for digit in site.printed("gold", digits=True)]
    tablet.page.evaluate(PRESS, [[*made, ["NumpadEnter", "Enter", False]], None])
    tablet.shows("identity")


def test_a_scan_that_no_key_explains_tells_of_the_layout(tablet):
    """The remedy is in the scanner's manual, or the form in digits; the next scan is awaited at once."""
    pressed = [["IntlBackslash", "ä", False]] * 80
    for _ in range(30):  # it listens a moment after it is shown
        tablet.page.evaluate(PRESS, [[*pressed, ["Enter", "Enter", False]], None])
        if tablet.page.locator("#scan-note").is_visible():
            break
        tablet.page.wait_for_timeout(200)
    expect(tablet.page.locator("#scan-note")).to_contain_text("美式键盘")
    tablet.shows("scan")


@pytest.mark.parametrize("digits", [False, True], ids=["base45", "digits"])
def test_a_scanner_without_enter_is_read_after_a_pause(tablet, site, digits):
    """Its burst has ended: nobody waits for a key that never comes."""
    tablet.page.evaluate(PRESS, [keys(site.printed("gold", digits=digits), lambda code, typed: typed)[:-1], None])
    tablet.shows("identity")
    expect(tablet.page.locator("#scanner-state")).to_have_text("就绪", use_inner_text=False)


def test_a_scanner_that_holds_alt_is_read(tablet, site):
    """Some send each character with Alt down; a person's shortcut alone stays a shortcut."""
    held = PRESS.replace("shiftKey, bubbles", "shiftKey, altKey: true, bubbles")
    tablet.page.evaluate(held, [keys(site.printed("gold"), lambda code, typed: typed), None])
    tablet.shows("identity")


@pytest.mark.parametrize("way", ["]Q1{}", "SCAN {}", "{}\r\n"], ids=["symbology", "own prefix", "line break"])
def test_what_a_scanner_adds_is_not_the_visitors_fault(tablet, site, way):
    """A prefix or a line break: the code in it is found."""
    tablet.wedge(way.format(site.printed("gold")).strip())
    tablet.shows("identity")


def test_blanks_written_as_in_an_address_are_blanks(tablet, site):
    """A code forwarded in a link's manner."""
    tablet.paste(site.printed("gold").replace(" ", "%20"))
    tablet.shows("identity")


def test_half_a_scan_says_so(tablet):
    """Twenty keys that are no code, and no Enter: a note rather than silence."""
    for _ in range(30):
        tablet.page.evaluate(PRESS, [[["KeyX", "x", False]] * 24, None])
        tablet.page.wait_for_timeout(600)
        if tablet.page.locator("#scan-note").is_visible():
            break
    expect(tablet.page.locator("#scan-note")).to_contain_text("不完整")


def test_a_card_tapped_on_the_tablet_is_read(opened, site):
    """Web NFC, where the browser has it: off until a touch, then each tap is one visitor."""
    tablet = Tablet(opened, site)
    tablet.page.add_init_script(f"({FAKE_NFC})()")
    tablet.page.reload()
    tablet.shows("scan")
    expect(tablet.page.locator("#nfc-state")).to_have_text("未开启")
    tablet.page.click("#nfc-toggle")
    expect(tablet.page.locator("#nfc-state")).to_have_text("就绪，请贴卡")
    tablet.page.evaluate("() => tap([{ recordType: 'text', text: 'hello' }])")
    expect(tablet.page.locator("#scan-note")).to_contain_text("不是本系统的卡")
    tablet.page.evaluate("records => tap(records)", [{**CARD, "text": site.printed("gold")}])
    tablet.shows("identity")
    tablet.page.click("#id-confirm")
    assert tablet.outcome() == ("granted", "")


def test_a_counting_tags_link_is_taken_to_the_server(opened, site):
    """Its link is looked at first; one that was not personalised here is no card."""
    tablet = Tablet(opened, site)
    tablet.page.add_init_script(f"({FAKE_NFC})()")
    tablet.page.reload()
    tablet.shows("scan")
    tablet.page.click("#nfc-toggle")
    expect(tablet.page.locator("#nfc-state")).to_have_text("就绪，请贴卡")
    link = f"https://card.example/t?p={'0' * 32}&c={'0' * 16}"
    with tablet.page.expect_request("**/v1/verifications") as sent:
        tablet.page.evaluate("records => tap(records)", [{"recordType": "url", "text": link}])
    assert json.loads(sent.value.post_data)["presentation"] == link
    assert tablet.problem() == "card-unknown"


def test_without_web_nfc_nothing_is_offered(tablet):
    """No button that cannot work."""
    assert not tablet.page.locator("#nfc-toggle").is_visible()
    assert not tablet.page.locator("#nfc").is_visible()


def test_a_reference_of_a_closed_set_is_chosen_from_a_list(tablet, site):
    """The activity, by its name; the log gets its code; it goes with the visitor."""
    tablet.page.select_option("#reference", label="游泳")
    with tablet.page.expect_request("**/v1/check-ins") as sent:
        assert tablet.present(site.printed("gold")) == ("granted", "")
    assert sent.value.post_data_json["reference"] == "swimming"
    tablet.next()
    expect(tablet.page.locator("#reference")).to_have_value("")


def test_a_scanner_that_types_into_a_list_is_still_a_scanner(tablet, site):
    """A list has the focus after a choice: it neither opens nor jumps, and the code is read."""
    tablet.page.focus("#reference")
    tablet.wedge(site.printed("gold"))
    tablet.shows("identity")


def test_a_reference_of_another_form_is_said_before_anything_is_sent(opened, site):
    """What it looks like stands under the field; small letters are taken as large."""
    tablet = Tablet(opened, site, "police-hall")
    expect(tablet.page.locator("#reference-shape")).to_have_text("字母、数字、连字符，共 4–24 位")
    tablet.page.fill("#reference", "a?")
    tablet.paste(site.printed("gold"))
    expect(tablet.page.locator("#scan-note")).to_contain_text("格式不对")
    expect(tablet.page.locator("#reference")).to_be_focused()
    tablet.page.fill("#reference", "fx-2026-0042")
    with tablet.page.expect_request("**/v1/check-ins") as sent:
        tablet.page.keyboard.press("Enter")
        tablet.page.click("#id-confirm")
    assert sent.value.post_data_json["reference"] == "FX-2026-0042"


def test_a_counter_may_look_before_every_check_in(opened, site):
    """The tablet's own wish: what is left is shown, and nothing is counted before the tap."""
    tablet = Tablet(opened, site)
    phone = Phone(opened, site, "silver")
    tablet.page.check("#look-first")
    tablet.paste(phone.copied())
    tablet.shows("look")
    look = tablet.page.locator("[data-view=look]")
    expect(look.locator(".word")).to_have_text("请确认办理")
    expect(look).to_contain_text("已用 0 次，共 2 次")
    tablet.page.click("#look-confirm")
    assert tablet.outcome() == ("granted", "")
    tablet.page.reload()
    tablet.shows("scan")
    expect(tablet.page.locator("#look-first")).to_be_checked()


def test_a_refusal_that_is_certain_needs_no_tap(opened, site):
    """Looked at first, already in: the answer of the log comes at once."""
    tablet = Tablet(opened, site)
    phone = Phone(opened, site, "silver")
    tablet.paste(phone.copied())
    assert tablet.outcome() == ("granted", "")
    tablet.next()
    tablet.page.check("#look-first")
    site.clock.advance(timedelta(seconds=20))
    phone.choose("full")
    tablet.paste(phone.copied())
    assert tablet.outcome() == ("denied", "already-in")


def test_a_certificate_is_looked_at_first_as_the_programme_wants(opened, site):
    """`look_first` of the service; the tablet's own switch is not offered there."""
    tablet = Lounge(opened, site, "hrss")
    tablet.page.locator(".services .option", has_text="荣誉证书").click()
    expect(tablet.page.locator("#look-first")).to_have_count(0)


def test_a_point_whose_scanners_lose_letters_asks_for_digits(tablet):
    """`digits_only` of the programme file, told with the point; the words stay through a change of language."""

    def told(route):
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "digits_only": True})

    tablet.page.context.route("**/v1/points/gym", told)
    tablet.page.reload()
    tablet.shows("scan")
    how = tablet.page.locator(".camera .how")
    expect(how).to_contain_text("数字码")
    tablet.page.click("[data-language=en]")
    expect(how).to_contain_text("digits")
