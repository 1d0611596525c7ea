"""An employer's clerk at the window: looked at first, compared, then recorded as what it is."""

import pytest
from playwright.sync_api import expect

from tests.web.clerk import EMPLOYER, clerk_code
from tests.web.counter import Tablet
from tests.web.test_accessibility import LOOKS, spoken, violations

pytestmark = pytest.mark.browser


@pytest.fixture
def window(opened, site):
    """The green channel's window."""
    return Tablet(opened, site, "gov-green")


def present(window, site) -> None:
    """Say what the matter is, and give the clerk's code."""
    window.page.select_option("#matter-kind", "construction")
    window.paste(clerk_code(site))


def test_the_kind_of_a_matter_is_asked_for_and_the_held_code_goes_on(window, site):
    """Read without a kind the code waits, and says for what; chosen, the look comes by itself."""
    page = window.page
    window.paste(clerk_code(site))
    expect(page.locator("#scan-note")).to_contain_text("事项类别")
    expect(page.locator("#matter-kind")).to_be_focused()
    page.select_option("#matter-kind", "other")
    window.shows("look")
    page.click("#look-back")


def test_a_clerks_code_is_looked_at_before_anything_is_recorded(window, site):
    """The employer stands as large as on the letter; staff see service, end and use, and what to compare."""
    present(window, site)
    window.shows("look")
    page = window.page
    expect(page.locator("[data-view=look] .word")).to_have_text("请核对经办人")
    expect(page.locator("#clerk-employer")).to_have_text(EMPLOYER)
    shown = page.locator("[data-view=look]")
    for words in ("绿色通道", "只限这一项", "还没有用过", "尾号", "身份证", "授权人"):
        expect(shown).to_contain_text(words)
    page.click("#clerk-confirm")
    assert window.outcome() == ("granted", "")
    granted = page.locator("[data-view=outcome]")
    for words in ("单位经办", EMPLOYER, "授权码＋经办人证件", "授权人"):
        expect(granted).to_contain_text(words)
    for untrue in ("印制卡", "实体卡", "动态码"):
        expect(granted).not_to_contain_text(untrue)


@pytest.mark.parametrize("by", ["button", "key"])
def test_back_records_nothing(window, site, by):
    """A code read by mistake leaves no entry; Esc does what the button says."""
    page = window.page
    page.reload()
    window.shows("scan")
    page.wait_for_load_state("networkidle")
    before = page.evaluate("() => document.querySelector('#today-count').textContent")
    present(window, site)
    window.shows("look")
    page.click("#look-back") if by == "button" else page.keyboard.press("Escape")
    window.shows("scan")
    page.click("#show-today")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("() => document.querySelector('#today-count').textContent") == before


def test_the_window_says_what_the_matter_is_and_who_decides(window, site):
    """The register's line has the kind and the department from the start; the next visitor begins with neither."""
    page = window.page
    page.reload()
    window.shows("scan")
    page.select_option("#matter-kind", "construction")
    page.select_option("#matter-decides", "health")
    with page.expect_request(lambda asked: asked.url.endswith("/v1/check-ins")) as sent:
        assert window.present(site.printed("gold"))[0] == "granted"
    assert sent.value.post_data_json["matter"] == {"kind": "construction", "decides": "health"}
    window.next()
    expect(page.locator("#matter-kind")).to_have_value("")


def test_without_papers_the_refusal_is_recorded(window, site):
    """Other employer or no ID: staff say so, and the log holds a refusal."""
    present(window, site)
    window.shows("look")
    window.page.click("#clerk-refuse")
    assert window.outcome() == ("denied", "id-check-needed")


def test_a_code_for_another_service_of_the_window_waits_for_that_choice(opened, site):
    """The registry has several services: the code says which, staff choose it, and the look goes on."""
    registry = Tablet(opened, site, "gov-registry")
    registry.page.click("text=企业变更登记")
    registry.paste(clerk_code(site, "business-closure"))
    expect(registry.page.locator("#scan-note")).to_contain_text("企业注销登记")
    registry.page.click("#service-list >> text=企业注销登记")
    registry.shows("look")
    expect(registry.page.locator("#clerk-employer")).to_have_text(EMPLOYER)


@pytest.mark.parametrize("look", LOOKS, ids=["-".join(look) for look in LOOKS])
def test_the_clerks_screens_are_accessible_and_do_not_scroll(opened, site, look):
    """In both languages and schemes; on a desk's tablet the three ways out are in sight."""
    language, scheme = look
    window = Tablet(
        lambda path, **options: opened(spoken(path, language), color_scheme=scheme, **options), site, "gov-green"
    )
    page = window.page
    present(window, site)
    window.shows("look")
    assert violations(page) == []
    for width, height in ((1280, 800), (768, 1024)):
        page.set_viewport_size({"width": width, "height": height})
        for button in ("#clerk-confirm", "#look-back", "#clerk-refuse"):
            box = page.locator(button).bounding_box()
            assert box["y"] + box["height"] <= height, (button, width, box)
    page.click("#clerk-confirm")
    window.outcome()
    assert violations(page) == []
