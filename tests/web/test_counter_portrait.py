"""The counter's sizes: what staff press stays in sight upright, and nothing scrolls across, whatever the language."""

import pytest
from playwright.sync_api import expect

from tests.web.counter import Tablet
from tests.web.test_accessibility import spoken

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("language", ["zh", "en"])
def test_main_buttons_and_the_verdict_are_in_sight_upright(opened, site, language):
    """768 by 1024: ID check and answer with their main button and word, and the point's name in few lines."""
    size = {"width": 768, "height": 1024}
    tablet = Tablet(lambda path, **options: opened(spoken(path, language), viewport=size, **options), site, "air-dom")
    page = tablet.page
    header = page.locator(".top").bounding_box()
    assert header["height"] <= 150, header
    gym = Tablet(lambda path, **options: opened(spoken(path, language), viewport=size, **options), site)
    gym.paste(site.printed("silver"))
    gym.shows("identity")
    for shown in ("#id-confirm", "#look-back", "#id-refuse", "[data-view=identity] .word"):
        box = gym.page.locator(shown).bounding_box()
        assert box["y"] >= 0, (shown, box)
        assert box["y"] + box["height"] <= 1024, (shown, box)
    gym.page.click("#id-confirm")
    gym.outcome()
    for shown in ("#next", "#void-this", "[data-view=outcome] .word", "[data-view=outcome] .fact >> nth=2"):
        box = gym.page.locator(shown).bounding_box()
        assert box["y"] >= 0, (shown, box)
        assert box["y"] + box["height"] <= 1024, (shown, box)


@pytest.mark.parametrize("point", ["gov-green", "gov-registry", "hosp-baiyun", "air-dom"])
def test_windows_with_more_to_ask_do_not_scroll_across(opened, site, point):
    """1280 by 800 with a reference, a beneficiary and entries of today, in both languages: paste field and buttons."""
    tablet = Tablet(opened, site, point)
    page = tablet.page
    entry = {"id": "00-000001", "kind": "check-in", "outcome": "granted", "at": "2026-11-10T01:00:00Z", "tier": "gold"}
    service = page.locator("#service-list input:enabled").last.get_attribute("value")
    listed = [entry | {"service": service}] * 3
    today = {"granted": 3, "denied": 0, "entries": listed, "server_time": entry["at"]}
    page.route("**/today", lambda route: route.fulfill(json=today))
    page.locator("#service-list input:enabled").last.check()
    page.reload()
    tablet.shows("scan")
    expect(page.locator("#recent-count")).to_contain_text("通过 3")
    for language in ("zh", "en"):
        page.click(f"[data-language={language}]")
        size = page.evaluate("() => [document.documentElement.scrollHeight, document.documentElement.scrollWidth]")
        assert size <= [800, 1280], (language, size)
        for shown in ("#presented", "#show-today", "#show-help"):
            box = page.locator(shown).bounding_box()
            assert box["y"] + box["height"] <= 800, (language, shown, box)
