"""The counter held upright: what staff press stays in sight, whatever the language."""

import pytest

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
