"""A tablet in a test's hand: enrols, presents a text, reads the screen."""

from __future__ import annotations

from playwright.sync_api import Page, expect


class Tablet:
    """A counter page, enrolled at a point."""

    def __init__(self, opened, site, point: str = "gym", *, code: str | None = None, **options) -> None:
        self.site = site
        self.page: Page = opened("/counter", **options)
        self.page.fill("#enrol-code", code or site.device_code(point))
        self.page.click("#enrol-form button")
        self.shows("scan")

    def shows(self, view: str) -> None:
        expect(self.page.locator(f"[data-view={view}]")).to_be_visible()

    def paste(self, text: str) -> None:
        self.page.fill("#presented", text)
        self.page.press("#presented", "Enter")

    def wedge(self, text: str) -> None:
        """Type as a keyboard-wedge scanner does, wherever the focus is."""
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def present(self, text: str) -> tuple[str, str]:
        """Paste and confirm the ID check; returns outcome and reason."""
        self.paste(text)
        self.page.click("#id-confirm")
        return self.outcome()

    def outcome(self) -> tuple[str, str]:
        shown = self.page.locator("[data-view=outcome]")
        expect(shown).to_be_visible()
        return shown.get_attribute("data-outcome"), shown.get_attribute("data-reason")

    def problem(self) -> str:
        self.shows("problem")
        return self.page.locator("[data-view=problem]").get_attribute("data-problem")

    def next(self) -> None:
        self.page.click("#next")
        self.shows("scan")
