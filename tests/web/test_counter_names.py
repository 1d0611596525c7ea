"""Names of every length beside the verdict: boxes measured, four sizes, both languages."""

import pytest

from tests.web.counter import Tablet
from tests.web.test_accessibility import spoken

pytestmark = pytest.mark.browser

SIZES = ((1280, 800), (800, 1280), (768, 1024), (390, 844))
NAMES = (
    "马",
    "周*宁",
    "M*",
    "M********* A",
    "M********** A******** v*** H",
    "M********* A******** v** H*******-L**********",
)
SHORT, ONE_LINE = 3, 60
"""A name of so many letters stands in one line, whose height is at most this."""
SHOW = """async ([name, language, kind]) => {
  const { band } = await import("/static/js/counter/outcome.js");
  const { showView } = await import("/static/js/page.js");
  const { word } = await import("/static/js/words.js");
  const extra = kind === "outcome.granted" ? "" : "low";
  const shown = showView("outcome");
  const look = { holder: { name }, tier: "diamond" };
  shown.replaceChildren(band("ok", word(kind), { why: word("identity.why"), other: null }, look, extra));
}"""
BOXES = """() => {
  const box = (of) => {
    const { left, top, right, bottom } = of.getBoundingClientRect();
    return [left, top, right, bottom];
  };
  const inside = document.createRange();
  inside.selectNodeContents(document.querySelector(".band .word"));
  return {
    word: box(inside), name: box(document.querySelector(".band .name")),
    tier: box(document.querySelector(".band .tier")),
    band: box(document.querySelector(".band")), wide: document.documentElement.scrollWidth,
  };
}"""


def apart(one, other) -> bool:
    """Whether two boxes do not overlap."""
    return one[2] <= other[0] + 1 or other[2] <= one[0] + 1 or one[3] <= other[1] + 1 or other[3] <= one[1] + 1


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("kind", ["outcome.granted", "identity.word", "clerk.word"])
def test_whatever_somebody_is_called_verdict_and_tier_stay_in_sight(opened, site, language, kind):
    """1, 12, 28 and 45 letters: no box overlaps another, none leaves the screen, the band stays within half of it."""
    page = Tablet(lambda path, **options: opened(spoken(path, language), **options), site).page
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        for name in NAMES:
            page.evaluate(SHOW, [name, language, kind])
            boxes = page.evaluate(BOXES)
            about = (width, name, boxes)
            assert boxes["wide"] <= width, about
            for box in (boxes["word"], boxes["name"], boxes["tier"]):
                assert box[0] >= 0, about
                assert box[2] <= width, about
            if len(name) <= SHORT:
                assert boxes["name"][3] - boxes["name"][1] <= ONE_LINE, about
            assert apart(boxes["word"], boxes["name"]), about
            assert apart(boxes["word"], boxes["tier"]), about
            assert apart(boxes["name"], boxes["tier"]), about
            assert boxes["band"][3] - boxes["band"][1] <= height * 0.55, about
