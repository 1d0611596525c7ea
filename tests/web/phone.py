"""A phone in a test's hand: enrols, and its screen is read as a camera would read it."""

from __future__ import annotations

from io import BytesIO

from PIL import Image
from playwright.sync_api import Page, expect

from tests.web.screen import scanned

PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True}


def copied(page: Page) -> str:
    """Press the wallet's copy button; returns what lies on the clipboard then."""
    details = page.locator("details:has(#copy)")
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    page.click("#copy")
    expect(page.locator("#copied")).not_to_be_empty()
    return page.evaluate("() => navigator.clipboard.readText()")


class Phone:
    """A wallet page, made a card of a new holder."""

    def __init__(self, opened, site, tier: str = "diamond", code: str | None = None, **options) -> None:
        self.site = site
        self.page: Page = opened(f"/wallet#code={code or site.wallet_code(tier)}", **{**PHONE, **options})
        self.page.fill("#id-last4", site.last_four)
        self.page.click("#enrol-do")
        self.page.locator("#recovery-code").filter(has_text="-").wait_for()
        self.recovery_code = self.page.locator("#recovery-code").inner_text()
        self.page.click("#recovery-do")
        expect(self.page.locator("#registered")).to_have_text("是", use_inner_text=False)

    def choose(self, form: str) -> None:
        """Tap a form of the code; wait until it is drawn."""
        forms = self.page.locator("#forms")
        if forms.get_attribute("open") is None:
            forms.locator("summary").click()
        drawn = self.page.locator("#code").get_attribute("data-renewed")
        self.page.check(f"input[name=form][value={form}]", force=True)
        expect(self.page.locator("#code")).not_to_have_attribute("data-renewed", drawn)

    def copied(self) -> str:
        """Return the code as text, as the page copies it."""
        return copied(self.page)

    @property
    def modules(self) -> int:
        return int(self.page.locator("#code").get_attribute("data-modules"))

    def picture(self) -> Image.Image:
        """Take a picture of the screen."""
        return Image.open(BytesIO(self.page.screenshot()))

    def scanned(self) -> str:
        """Read the code off the screen."""
        return scanned(self.page.screenshot)
