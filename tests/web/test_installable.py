"""Counter, wallet and check as apps: a manifest, icons, and a service worker that starts them with no server there."""

import importlib.util
import json
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import expect

from tests.web.conftest import CHROMIUM, Watched
from tests.web.outage import Outage
from tests.web.test_pages import client
from verifier.rules.reasons import REASONS
from web.installable import APPS, kept_files

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "web" / "static"


def kept(**environ: str) -> dict[str, object]:
    """Return what the service worker of a machine keeps."""
    text = client(**environ).get("/sw.js").get_data(as_text=True)
    return json.loads(text.partition("\n")[0].removeprefix("self.KEPT = ").removesuffix(";"))


def test_the_worker_is_a_script_of_the_whole_address_and_is_asked_for_each_time():
    """At the root, so that it may serve every page; under the pages' own policy."""
    response = client().get("/sw.js")
    assert response.mimetype == "text/javascript"
    assert response.headers["Cache-Control"] == "no-cache"
    assert "require-trusted-types-for 'script'" in response.headers["Content-Security-Policy"]


def test_everything_that_is_kept_is_served_and_nothing_of_the_api():
    """One address that fails would keep the worker from being installed at all."""
    served, wanted = client(), kept()
    assert wanted["pages"] == ["/counter", "/wallet", "/check"]
    for path in [*wanted["pages"], *wanted["files"]]:
        assert served.get(path).status_code == 200, path
        assert not path.startswith("/v1/")
    assert "/static/vendor/zxing-wasm/zxing_reader.wasm" in wanted["files"]
    assert "/static/js/counter/main.js" in wanted["files"]
    assert not any("audit" in path or "chart" in path for path in wanted["files"])


def test_only_the_pages_that_are_served_are_kept():
    """A counter server has no wallet to keep."""
    assert kept(SURFACES="counter")["pages"] == ["/counter"]


def test_the_version_follows_what_is_kept(monkeypatch, tmp_path):
    """Another programme's name stands in the pages: another version; the same again: the same."""
    example = next(path for path in (ROOT / "cards" / "programmes").glob("*.toml") if path.stem != "baiyun")
    assert kept()["version"] == kept()["version"]
    assert kept()["version"] != kept(PROGRAMME=str(example))["version"]


def test_the_sentences_of_every_reason_can_be_kept():
    """A device that judges by itself says what the server would have said."""
    told = client().get("/words/reasons.json").json
    assert told.keys() == REASONS.keys()
    assert told["revoked"]["sentence"] == {"zh": "这张卡已作废，不再有效。", "en": "This card is no longer valid."}
    assert told["quota-spent"]["call"] == "department"


@pytest.mark.parametrize("name", APPS)
def test_each_app_has_its_manifest_in_both_languages(name):
    """Chinese first; the page names the one of its language."""
    served = client()
    for language, spoken in (("zh", "zh-CN"), ("en", "en")):
        told = json.loads(served.get(f"/{name}.webmanifest?lang={language}").get_data())
        assert (told["lang"], told["start_url"], told["display"]) == (spoken, f"/{name}", "standalone")
        page = served.get(f"/{name}?lang={language}").get_data(as_text=True)
        assert f'<link rel="manifest" href="/{name}.webmanifest?lang={language}">' in page
    assert served.get(f"/{name}.webmanifest").mimetype == "application/manifest+json"
    assert served.get("/office.webmanifest").status_code == 404
    assert client(SURFACES="counter").get("/wallet.webmanifest").status_code == 404


def test_the_icons_are_those_that_the_tool_draws():
    """A changed drawing without new icons is noticed."""
    found = importlib.util.spec_from_file_location("icons", ROOT / "tools" / "icons.py")
    tool = importlib.util.module_from_spec(found)
    found.loader.exec_module(tool)
    for name, (side, full, scale) in tool.ICONS.items():
        drawn, there = tool.draw(side, full=full, scale=scale), Image.open(STATIC / "icons" / name)
        assert there.size == (side, side)
        assert ImageChops.difference(drawn.convert("RGBA"), there.convert("RGBA")).getbbox() is None
        assert f"icons/{name}" in kept_files()


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A served demonstration that can be ended."""
    made = Outage(tmp_path_factory.mktemp("machine"))
    yield made
    made.close()


def until_kept(page) -> None:
    """Wait until the worker is there and has kept everything."""
    page.evaluate("() => navigator.serviceWorker.ready.then(() => null)")


@pytest.mark.browser
@pytest.mark.parametrize("name", APPS)
def test_the_browser_offers_to_install_it(browser, machine, tmp_path, name):
    """Chromium's own check finds no error."""
    options = {"executable_path": CHROMIUM, "args": ["--no-sandbox"], "headless": True}
    context = browser.browser_type.launch_persistent_context(str(tmp_path / "profile"), **options)
    try:
        page = context.new_page()
        page.goto(f"{machine.base}/{name}")
        until_kept(page)
        page.reload()
        told = context.new_cdp_session(page).send("Page.getInstallabilityErrors")
        assert told["installabilityErrors"] == []
        manifest = context.new_cdp_session(page).send("Page.getAppManifest")
        assert manifest["errors"] == []
        assert manifest["url"].startswith(f"{machine.base}/{name}.webmanifest")
    finally:
        context.close()


@pytest.mark.browser
@pytest.mark.slow
def test_every_app_starts_with_the_server_dead(browser, machine):
    """Opened once, then the process is ended: each page starts, in the language that was chosen."""
    opened = Watched(browser, machine)
    page = opened("/counter?lang=en", service_workers="allow")
    until_kept(page)
    page.click("[data-language=en]")
    machine.stop()
    try:
        for path, title in (("/counter", "Counter"), ("/wallet", "My card"), ("/check", "Check a card")):
            page.goto(path)
            expect(page).to_have_title(title)
            expect(page.locator("html")).to_have_attribute("lang", "en")
        page.goto("/counter?lang=zh")
        expect(page).to_have_title("服务台")
        expect(page.locator("#enrol-code")).to_be_visible()
        assert page.evaluate("() => fetch('/v1/programme').then(() => 'answered', () => 'away')") == "away"
    finally:
        machine.start()
    page.goto("/counter")
    names = page.evaluate("async () => (await caches.keys()).filter((name) => name.startsWith('yunju-pages-'))")
    assert len(names) == 1
    stored = page.evaluate(
        "async (name) => (await (await caches.open(name)).keys()).map((key) => new URL(key.url).pathname)", names[0]
    )
    assert not any(path.startswith("/v1/") for path in stored)
    for context in opened.contexts:
        context.close()
    assert opened.complaints == []
