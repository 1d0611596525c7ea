"""A browser, a machine to point it at, and pages that fail the test for any report of the policy or error they log."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.web.engines import EnginePage, FirefoxPage, Screen, WebKitPage, missing
from tests.web.offlinecore import Core
from tests.web.outage import ROOT, Outage
from tests.web.site import Site

# A busy build machine is slow, not wrong.
PATIENCE_MS = 45_000
expect.set_options(timeout=PATIENCE_MS)

CHROMIUM = "/usr/bin/chromium"
WATCH = """document.addEventListener(
  'securitypolicyviolation', (event) => console.error('CSP', event.violatedDirective, event.blockedURI))"""

OUR_OWN_DOING = ("Failed to load resource", "Service Worker registration blocked by Playwright")
"""What the browser logs of calls that a test has refused, and of a worker that it was told not to start."""


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """One machine for all tests; its clock only ever goes forward."""
    made = Site(tmp_path_factory.mktemp("site"))
    yield made
    made.close()


@pytest.fixture
def another_minute(site):
    """From one place only so many codes are taken a minute, and all these phones are at one."""
    site.clock.advance(timedelta(minutes=1))


@pytest.fixture(scope="module")
def outage(tmp_path_factory):
    """A machine that can be ended. Its gym knows no visits: two uses a month, one of them offline, no wait between."""
    folder = tmp_path_factory.mktemp("outage")
    text = (ROOT / "cards" / "programmes" / "baiyun.toml").read_text(encoding="utf-8")
    changed = text.replace("visit = { minutes = 120, re_entries = 5 }\n", "", 1)
    assert changed != text
    changed = changed.replace("services.gym-visit.visit.re_entries", "services.gym-visit.offline_limit")
    programme = folder / "programme.toml"
    programme.write_text(changed, encoding="utf-8")
    made = Outage(folder, programme=programme)
    yield made
    made.close()


@pytest.fixture
def served(outage):
    """That machine, serving at the start and at the end of each test."""
    for turn in range(2):
        if not outage.is_up:
            outage.start()
        if turn == 0:
            yield outage


@pytest.fixture
def opened_offline(browser, served):
    """Open its pages with their service worker; nothing may be reported or logged as an error."""
    watched = Watched(browser, served)
    yield lambda path, **options: watched(path, **{"service_workers": "allow", **options})
    for context in watched.contexts:
        context.close()
    assert watched.complaints == []


class Watched:
    """Opens pages, each a fresh browser profile, and keeps what they complain of."""

    def __init__(self, browser, site) -> None:
        self._browser, self._site = browser, site
        self.contexts, self.complaints = [], []

    def __call__(self, path: str, **options):
        options.setdefault("viewport", {"width": 1280, "height": 800})
        # Most tests answer calls themselves, which a service worker would take out of their hands.
        options.setdefault("service_workers", "block")
        context = self._browser.new_context(base_url=self._site.base, locale="zh-CN", **options)
        self.contexts.append(context)
        context.add_init_script(WATCH)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"pageerror: {error}"))
        page.goto(path)
        return page

    def _heard(self, message) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(OUR_OWN_DOING):
            self.complaints.append(f"{message.type}: {message.text}")


@pytest.fixture
def opened(browser, site):
    """Open pages of the machine; at the end nothing may have been reported or logged as an error."""
    watched = Watched(browser, site)
    yield watched
    for context in watched.contexts:
        context.close()
    assert watched.complaints == []


@pytest.fixture(scope="session")
def screen():
    """A screen for WebKit that nobody sees."""
    made = Screen()
    yield made
    made.close()


def engine_page(request, engine: str, folder, base: str) -> EnginePage:
    """Open a browser of another engine than Chromium, or say what is missing for it."""
    lacks = missing(engine)
    if lacks:
        pytest.skip(lacks)
    return (
        FirefoxPage(folder, base)
        if engine == "firefox"
        else WebKitPage(request.getfixturevalue("screen"), folder, base)
    )


@pytest.fixture(params=["webkit", "firefox"])
def engine(request, site, tmp_path):
    """A page in WebKit or Firefox; at the end its policy has reported nothing and its scripts have thrown nothing."""
    page = engine_page(request, request.param, tmp_path, site.base)
    yield page
    complaints = page.complaints
    page.close()
    assert complaints == []


# Not Firefox: Marionette runs a test's script in a room of its own, from where bytes cannot be handed to the page's.
# In WebKit the long comparison is left to `make soak`; test_engines.py drives the same modules there every time.
@pytest.fixture(scope="module", params=["chromium", pytest.param("webkit", marks=pytest.mark.soak)])
def core(request, site, tmp_path_factory):
    """The modules of the offline core in a page of either engine; at the end its policy has reported nothing."""
    if request.param == "chromium":
        watched = Watched(request.getfixturevalue("browser"), site)
        yield Core(watched("/check"))
        for context in watched.contexts:
            context.close()
        complaints = watched.complaints
    else:
        page = engine_page(request, request.param, tmp_path_factory.mktemp(request.param), site.base)
        page.goto("/check")
        yield Core(page)
        complaints = page.complaints
        page.close()
    assert complaints == []
