"""A tablet whose server a test takes away and gives back: waits for what it keeps, reads its book."""

from __future__ import annotations

import json
import subprocess
import sys
import time

from playwright.sync_api import expect

from tests.web.counter import Tablet
from tests.web.outage import ROOT, Outage
from tests.web.phone import Phone

BACK_WITHIN_S = 60
STORE = "/static/js/counter/offline-store.js"


class LostTablet(Tablet):
    """A tablet that has what it needs to go on without its server: documents, and an operator who compares IDs."""

    def __init__(self, opened, site, point: str = "gym", *, staffed: bool = True, **options) -> None:
        super().__init__(opened, site, point, **options)
        if staffed:
            self.signs_in()
        self.prepared()

    def signs_in(self) -> None:
        """Sign the demonstration's operator in."""
        self.page.click("#operator")
        self.page.fill("#operator-code", "1001")
        self.page.fill("#operator-pin", self.site.demo.accounts.operators["1001"])
        self.page.press("#operator-pin", "Enter")
        expect(self.page.locator("#operator")).to_contain_text("李静")

    def prepared(self) -> None:
        """Wait until pages and documents are kept."""
        self.page.evaluate("() => navigator.serviceWorker.ready.then(() => null)")
        kept = f"""async () => {{
          const {{ values }} = await import('{STORE}');
          return Boolean(await values.get('offline-documents')) && Boolean(await values.get('offline-time'));
        }}"""
        self.wait(lambda: self.page.evaluate(kept))

    @staticmethod
    def wait(holds) -> None:
        """Wait until something holds."""
        ends = time.monotonic() + BACK_WITHIN_S
        while not holds():
            assert time.monotonic() < ends, "it never came to that"
            time.sleep(0.2)

    def renewed(self) -> None:
        """Load the page anew, and with it the documents."""
        self.page.evaluate(f"async () => (await import('{STORE}')).values.put('offline-time', null)")
        self.page.reload()
        self.shows("scan")
        self.prepared()

    def is_lost(self) -> None:
        expect(self.page.locator("#network")).to_have_text("离线")
        expect(self.page.locator("#offbar")).to_be_visible()

    def is_back(self) -> None:
        expect(self.page.locator("#network")).to_have_text("在线", timeout=BACK_WITHIN_S * 1000)
        expect(self.page.locator("#offbar")).to_be_hidden()

    def lose(self) -> None:
        """Notice that the server is gone, without any visitor."""
        self.page.click("#show-today")
        self.page.click("#today form button")
        self.is_lost()

    def shown(self, text: str) -> tuple[str, str]:
        """Paste what needs no ID check; returns outcome and reason."""
        self.paste(text)
        return self.outcome()

    def records(self) -> list[dict]:
        """Return what lies in the device's book, by number."""
        rows = self.page.evaluate(f"async () => (await import('{STORE}')).allRecords()")
        return sorted(rows, key=lambda row: (row["device"], row["seq"]))

    def sent(self, count: int) -> list[dict]:
        """Wait until so many records were answered; returns them all."""
        self.wait(lambda: sum(row["state"] != "waiting" for row in self.records()) >= count)
        return self.records()

    def list(self):
        """Open the list of records; returns its rows."""
        self.page.click("#show-records")
        expect(self.page.locator("#records")).to_be_visible()
        return self.page.locator("#records-list .record")


def conflicts(machine: Outage) -> dict:
    """Return the report of what offline records contradict."""
    command = [sys.executable, "-m", "verifier", "offline", "conflicts", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=machine.outside, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def full_form(phone: Phone) -> str:
    """Return the phone's card with a fresh proof, as its full code says."""
    phone.choose("full")
    return phone.copied()


def short_form(phone: Phone) -> str:
    """Return the phone's proof alone, as its short code says."""
    phone.choose("short")
    return phone.copied()
