"""A day at the operator's desk in Chromium, by the keyboard alone, in both languages: axe finds nothing on any page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from hooks.queue import DELAYS
from hooks.service import Hooks
from tests.waiting import until
from tests.web.counter import Tablet
from tests.web.test_accessibility import violations
from tests.web.test_desks_flow import choose, enter, press, reach, type_in

pytestmark = pytest.mark.browser

READ_QR = """async (source) => {
  const bitmap = await new Promise((done, failed) => {
    const image = new Image();
    image.onload = () => done(image);
    image.onerror = failed;
    image.src = source;
  });
  const canvas = Object.assign(document.createElement("canvas"), { width: 600, height: 600 });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, 600, 600);
  context.drawImage(bitmap, 0, 0, 600, 600);
  const frame = context.getImageData(0, 0, 600, 600);
  const { scriptUrl } = await import("/static/js/scripts.js");
  const worker = new Worker(scriptUrl("/static/js/counter/decoder.js"));
  return new Promise((done) => {
    worker.onmessage = ({ data }) => done(data.texts ?? []);
    worker.postMessage(frame, [frame.data.buffer]);
  });
}"""
"""What a tablet's camera would see: the page's picture, read by the decoder that the counter page uses."""


@pytest.mark.parametrize("look", [("zh", "light"), ("en", "dark")], ids=["zh", "en"])
def test_a_tablet_is_enrolled_by_the_pages_code_works_and_is_revoked(opened, site, look):
    """Code made, its picture read, tablet opened there, somebody checked in; revoked from the page, and refused."""
    page = enter(opened, site, "system-operator", "/operator", look)
    found = {"due": violations(page)}
    press(page, 'a[href="/operator/devices"]')
    press(page, "#new-device")
    found["new"] = violations(page)
    press(page, "#make-code")
    expect(page.locator("#label-fault")).to_be_visible()
    found["faults"] = violations(page)
    choose(page, "#point", steps=1 + list(site.office.desk.programme.points).index("gym"))
    type_in(page, "#label", f"Tablet {look[0]}")
    reach(page, "#needs_operator")
    page.keyboard.press("Space")
    press(page, "#make-code")
    found["code"] = violations(page)
    picture = page.locator(".qr img").get_attribute("src")
    reader = opened("/check")
    address = reader.evaluate(READ_QR, picture)[0]
    assert page.locator("#code").text_content() in address
    tablet = _tablet(opened, site, address)
    assert tablet.present(site.printed("gold"))[0] == "granted"
    tablet.next()
    page.goto("/operator/devices")
    found["devices"] = violations(page)
    row = page.locator("tr", has_text=f"Tablet {look[0]}")
    # The machine of the tests lives in another week: the tablet says by how much its own clock is off.
    expect(row).to_contain_text({"zh": "时钟偏差", "en": "clock is off"}[look[0]])
    press(page, f'a[href="{row.locator("a").get_attribute("href")}"]')
    found["device"] = violations(page)
    reach(page, "#sure")
    page.keyboard.press("Space")
    press(page, "#revoke")
    expect(page.locator(".note.ok")).to_be_visible()
    found["revoked"] = violations(page)
    site.clock.advance(timedelta(seconds=6))
    tablet.paste(site.printed("gold"))
    assert tablet.problem() == "device-revoked"
    assert {name: faults for name, faults in found.items() if faults} == {}


def _tablet(opened, site, address: str) -> Tablet:
    """Open the address of the code: the tablet is enrolled by the key Enter alone."""
    made = object.__new__(Tablet)
    made.site, made.page = site, opened(address.removeprefix(site.base))
    expect(made.page.locator("#enrol-code")).to_be_focused()
    assert made.page.evaluate("location.hash") == "", "the code stays in no history"
    made.page.keyboard.press("Enter")
    made.shows("scan")
    return made


@pytest.mark.parametrize("look", [("zh", "dark"), ("en", "light")], ids=["zh", "en"])
def test_an_operator_gets_a_new_pin_and_the_other_pages_are_sound(opened, site, look):
    """The PIN is shown once; integrators, log, settings and licences by the keyboard, without a fault of axe."""
    page = enter(opened, site, "system-operator", "/operator/operators/new", look)
    found = {"new operator": violations(page)}
    type_in(page, "#code", f"31{look[0]}")
    type_in(page, "#name", "陈敏仪")
    choose(page, "#point", steps=2)
    reach(page, "#rights-0")
    page.keyboard.press("Space")
    press(page, "form button.main")
    first = page.locator("#pin").text_content()
    found["pin"] = violations(page)
    press(page, "main a.button.main")
    found["operators"] = violations(page)
    press(page, page_link(page, f"31{look[0]}"))
    found["operator"] = violations(page)
    press(page, 'form[action$="/pin"] button')
    assert page.locator("#pin").text_content() != first
    for path in ("integrators", "integrators/new", "log", "settings", "licences", "devices?tab=codes"):
        page.goto(f"/operator/{path}")
        found[path] = violations(page)
    page.set_viewport_size({"width": 360, "height": 800})
    for path in ("", "/devices", "/settings"):
        page.goto(f"/operator{path}")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 360, path
    assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.parametrize("look", [("zh", "light"), ("en", "dark")], ids=["zh", "en"])
def test_a_webhook_is_registered_tried_and_its_dead_letter_sent_again(opened, site, look):
    """A token for two places, a webhook told of its check-ins, its secret once, a dead letter, stopped and resumed."""
    page = enter(opened, site, "system-operator", "/operator/integrators", look)
    found = {"integrators": violations(page)}
    press(page, 'a[href="/operator/integrators/new"]')
    type_in(page, "#label", f"HIS {look[0]}")
    choose(page, "#point0", steps=2 + list(site.office.desk.programme.points).index("gym"))
    reach(page, "#rights0-0")
    page.keyboard.press("Space")
    press(page, '[name="do"][value="more"]')
    found["another place"] = violations(page)
    choose(page, "#point1", steps=2 + list(site.office.desk.programme.points).index("library"))
    press(page, "form button.main")
    expect(page.locator("#rights1-fault")).to_be_visible()
    found["half a place"] = violations(page)
    reach(page, "#rights1-0")
    page.keyboard.press("Space")
    press(page, "form button.main")
    found["token"] = violations(page)
    assert page.locator("#token").text_content().startswith("yj_")
    press(page, "main a.button.main")
    press(page, 'a[href="/operator/hooks"]')
    press(page, 'a[href="/operator/hooks/new"]')
    found["new hook"] = violations(page)
    press(page, "form button.main")
    expect(page.locator("#url-fault")).to_be_visible()
    found["hook's faults"] = violations(page)
    choices = page.locator("#integrator option").all_text_contents()
    choose(page, "#integrator", steps=choices.index(f"HIS {look[0]}"))
    type_in(page, "#url", "https://his.example/yunju")
    reach(page, "#kinds-0")
    page.keyboard.press("Space")
    press(page, "form button.main")
    found["secret"] = violations(page)
    assert page.locator("#secret").text_content().startswith("whsec_")
    press(page, "main a.button.main")
    hook = page.locator("tr", has_text=f"HIS {look[0]}").locator("form").first.get_attribute("action").split("/")[3]
    act = f'form[action="/operator/hooks/{hook}/%s"] button'
    press(page, act % "test")
    give_up(site, hook)
    page.goto("/operator/hooks")
    expect(page.locator("#dead-heading")).to_be_visible()
    found["dead letters"] = violations(page)
    press(page, act % "again")
    expect(page.locator("#dead-heading")).to_have_count(0)
    press(page, act % "stop")
    found["stopped"] = violations(page)
    press(page, act % "resume")
    expect(page.locator(act % "stop")).to_be_visible()
    fits(page, "/operator/hooks", "/operator/hooks/new", "/operator/integrators/new")
    assert {name: faults for name, faults in found.items() if faults} == {}


def fits(page, *paths: str) -> None:
    """No page is wider than a phone or a tablet, and the navigation names the room that the page belongs to."""
    for width in (360, 768):
        page.set_viewport_size({"width": width, "height": 800})
        for path in paths:
            page.goto(path)
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width, (path, width)
            expect(page.locator("nav a[aria-current=page]")).to_have_attribute("href", "/operator/integrators")


def give_up(site, hook: str) -> None:
    """Let the event that waits for a webhook fail to the last."""
    hooks, at = Hooks.open(site.settings), site.clock.now()
    claimed: list = []

    def claims(number: int) -> bool:
        """The event is put into the queue by a request of the page that may still be under way."""
        claimed.append(hooks.queue.claim(hook, at + timedelta(days=10 * number)))
        return claimed[-1] is not None

    for number in range(len(DELAYS) + 1):
        until(lambda number=number: claims(number))
        hooks.queue.failed(claimed[-1], "answered 500", at)
    hooks.close()


def page_link(page, text: str) -> str:
    """The selector of a link in a list by its text."""
    return f'a[href="{page.locator("td a", has_text=text).get_attribute("href")}"]'


@pytest.mark.parametrize("look", [("zh", "light"), ("en", "dark")], ids=["zh", "en"])
def test_an_administrators_pages_are_sound(opened, site, look):
    """People with roles and sessions, security events with what to do."""
    page = enter(opened, site, "administrator", "/people", look)
    found = {"people": violations(page)}
    press(page, page_link(page, "auditor.li"))
    found["person"] = violations(page)
    choose(page, "#role", steps=7)
    press(page, 'form[action$="/roles"] button')
    expect(page.locator(".note.ok")).to_be_visible()
    page.goto("/security")
    found["security"] = violations(page)
    assert {name: faults for name, faults in found.items() if faults} == {}


CUT = """() => [...document.querySelectorAll("table.list td, .scroll, main")]
  .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => `${one.tagName} ${one.textContent.trim()}`)"""
"""What does not fit into its own width, so that a phone cuts it off or scrolls it sideways."""


@pytest.mark.parametrize("look", [("zh", "light"), ("en", "dark")], ids=["zh", "en"])
def test_lists_are_blocks_of_named_values_on_a_phone(opened, site, look):
    """Nothing is cut off or scrolled sideways; each value stands beside its column's head, which stays a table's."""
    page = enter(opened, site, "system-operator", "/operator", look)
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("devices", "operators", "integrators", "log", "settings", "licences"):
        page.goto(f"/operator/{path}")
        assert page.evaluate(CUT) == [], path
        assert violations(page) == [], path
    row = page.get_by_role("row").filter(has_text="alembic")
    head = row.get_by_role("cell").first.evaluate("(cell) => getComputedStyle(cell, '::before').content")
    assert head == {"zh": '"软件包"', "en": '"Package"'}[look[0]]
    heads = page.get_by_role("columnheader").all_text_contents()
    assert len(heads) == row.get_by_role("cell").count() == 3
    page.goto("/operator/settings")
    told = page.get_by_role("row").filter(has_text="YUNJU_SURFACES")
    expect(told).to_contain_text({"zh": "以逗号分隔。", "en": "separated by commas."}[look[0]])
