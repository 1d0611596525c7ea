"""One auditor's day at a real browser, from signing in to the paper; names by right; both languages and looks."""

import json
import subprocess

import pytest
from click.testing import CliRunner
from playwright.sync_api import expect

from accounts.rights import Role
from tests.parts import part
from tests.web.auditing import NAME, PASSWORD, Desk, add_auditor, fill_log, wait_for_log
from tests.web.site import BY, Site
from tests.web.test_accessibility import violations
from verifier.__main__ import main

pytestmark = pytest.mark.browser

NAMED = "auditor.sun"
LOOKS = [("zh", "light"), ("en", "dark")]
ENTRIES = "[data-part=entries] tbody tr"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine with a log of its own, an auditor, and one who may ask for names."""
    made = Site(tmp_path_factory.mktemp("flow"))
    add_auditor(made)
    made.office.accounts.people.add(NAMED, PASSWORD, (Role.NAME_AUDITOR,), by=BY, at=made.clock.now())
    made.counters = fill_log(made)
    made.last = made.counters.use(made.printed("gold"), "gym-visit", "gym")["id"]
    wait_for_log(made, made.counters, made.last)
    yield made
    made.close()


def signed_in(opened, path: str, site: Site | None = None, **options) -> Desk:
    """Sign in on the way to a page; with `site` as the one who may ask for names."""
    desk = Desk(opened(path, **options))
    if site is None:
        desk.sign_in(NAME, PASSWORD)
    else:
        desk.second_step(site, NAMED, PASSWORD)
    desk.ready()
    return desk


def saved(page, selector: str) -> bytes:
    """What a click downloads."""
    with page.expect_download() as caught:
        page.click(selector)
    return caught.value.path().read_bytes()


def verified(site, path, data: bytes) -> bool:
    """Whether the command line finds an export in order, with nothing but the file and the log's keys."""
    keys = CliRunner().invoke(main, ["audit", "keys"], env={"YUNJU_VAR": str(site.settings.var)}).output.split()
    path.write_bytes(data)
    command = ["audit", "verify", str(path), *(word for key in keys for word in ("--key", key))]
    return CliRunner().invoke(main, command, env={"YUNJU_VAR": str(path.parent)}).exit_code == 0


def test_a_machine_that_turns_dark_keeps_what_was_chosen(opened):
    """Charts are drawn in the colours of the night; the page stays, with all that stands in its filters."""
    page = signed_in(opened, "/audit").page
    page.wait_for_function("Chart.getChart('daily-chart')")
    colour = "() => Chart.getChart('daily-chart').data.datasets[0].backgroundColor"
    by_day = page.evaluate(colour)
    page.select_option("#tier", "silver")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"before => ({colour})() !== before", arg=by_day)
    assert page.input_value("#tier") == "silver"


@pytest.mark.parametrize("look", LOOKS, ids=["-".join(look) for look in LOOKS])
def test_an_auditors_day(opened, site, look, tmp_path):
    """Sign in, filter, drill down, export, verify the export elsewhere, open an entry, verify here, print."""
    language, scheme = look
    desk = signed_in(opened, f"/audit?lang={language}", color_scheme=scheme)
    page = desk.page
    page.select_option("#tier", "silver")
    page.locator("#more summary").click()
    page.select_option("#assurance", "copyable")
    page.select_option("#kind", "check-in")
    page.click("#filters [type=submit]")
    page.wait_for_url("**assurance=copyable**")
    desk.ready()
    expect(page.locator("#more")).to_have_attribute("open", "")
    assert page.locator("#chips a").count() == 2
    rows = page.locator(ENTRIES).count()
    assert violations(page) == []
    desk.go(f"/audit/figures?lang={language}")
    page.locator("#tier tbody a").nth(1).click()
    page.wait_for_url("**tier=silver**")
    desk.ready()
    lines = saved(page, "#export-jsonl")
    leaves = [json.loads(line)["leaf"] for line in lines.splitlines()[1:-1]]
    assert len(leaves) == page.locator(ENTRIES).count() == rows
    assert {leaf["tier"] for leaf in leaves} == {"silver"}
    assert verified(site, tmp_path / "export.jsonl", lines)
    assert not verified(
        site, tmp_path / "export.jsonl", lines.replace(b'"tier":"silver","v"', b'"tier":"golden","v"', 1)
    )
    page.locator(f"{ENTRIES} a").first.click()
    page.wait_for_url("**/audit/entries/**")
    desk.ready()
    assert page.locator("#proof").get_attribute("data-proof") == "proved"
    desk.go(f"/audit/integrity?lang={language}")
    page.click("#verify")
    expect(page.locator("#verdict")).to_have_attribute("data-state", "sound")
    desk.go(f"/audit/report?department=sports-centre&lang={language}")
    pdf = saved(page, "#pdf")
    text = subprocess.run(
        [part("pdftotext", "poppler-utils"), "-", "-"], input=pdf, capture_output=True, check=True
    ).stdout.decode()
    assert ("使用月报" if language == "zh" else "Monthly report of use") in text


def test_a_filter_of_a_desk_finds_its_entries(opened, site):
    """A desk is chosen by its name; a staff member who does not exist finds nothing and says so."""
    desk = signed_in(opened, "/audit")
    page = desk.page
    page.locator("#more summary").click()
    page.select_option("#device", site.counters.id)
    page.click("#filters [type=submit]")
    page.wait_for_url("**device=**")
    desk.ready()
    assert page.locator(ENTRIES).count() > 10
    page.click("#chips a")
    page.wait_for_url(lambda url: "device=" not in url)
    desk.go("/audit?operator=nobody&mark=overdrawn")
    expect(page.locator("[data-part=entries]")).to_contain_text("没有符合条件的记录")
    assert page.locator("#mark").input_value() == "overdrawn"


def test_a_page_that_ended_early_says_so_and_goes_on(opened, site, monkeypatch):
    """Rare entries in a long log: what was found so far, and a way on."""
    monkeypatch.setattr("ledger.sqlite.reads._SLICE", 5)
    monkeypatch.setattr("ledger.sqlite.reads._MOST_LOOKED", 10)
    desk = signed_in(opened, "/audit?service=library-facilities")
    page, found = desk.page, 0
    expect(page.locator("[data-part=entries]")).to_contain_text("还在更早处")
    while True:
        found += page.locator(ENTRIES).count()
        if not page.locator("#older").count():
            break
        before = page.url
        page.click("#older")
        page.wait_for_url(lambda url, before=before: url != before)
        desk.ready()
    assert found == 9


def test_a_name_is_shown_once_it_was_said_what_for_and_everybody_sees_that(opened, site):
    """Nothing without a purpose; then the name, on the page alone; another auditor reads who asked."""
    desk = signed_in(opened, f"/audit/entries/{site.last}", site)
    page = desk.page
    expect(page.locator("main")).not_to_contain_text("张小明")
    page.fill("#purpose", "  查  ")
    page.click("#ask-name button")
    expect(page.locator("#name-said")).to_contain_text("写明用途")
    page.fill("#purpose", "投诉 2026-17 复核")
    page.click("#ask-name button")
    expect(page.locator("#name-said")).to_contain_text("张小明")
    assert violations(page) == []
    page.reload()
    desk.ready()
    expect(page.locator("main")).not_to_contain_text("张小明")
    other = signed_in(opened, "/audit/names")
    row = other.page.locator("[data-part=names] tbody tr").first
    expect(row).to_contain_text(NAMED)
    expect(row).to_contain_text("投诉 2026-17 复核")
    expect(other.page.locator("main")).not_to_contain_text("张小明")


@pytest.mark.parametrize("look", LOOKS, ids=["-".join(look) for look in LOOKS])
def test_the_page_of_names_is_accessible(opened, site, look):
    """With askings and without any, in either language."""
    language, scheme = look
    desk = signed_in(opened, f"/audit/names?lang={language}", color_scheme=scheme)
    assert violations(desk.page) == []
    desk.page.route("**/v1/audit/names", lambda route: route.fulfill(json={"asked": [], "server_time": ""}))
    desk.go(f"/audit/names?lang={language}")
    assert violations(desk.page) == []


def test_a_check_that_breaks_off_is_no_verdict(opened, site):
    """The connection goes while the log is read: neither sound nor damaged."""
    desk = signed_in(opened, "/audit/integrity")
    page = desk.page
    page.route("**/v1/audit/verifications", lambda route: route.fulfill(body='{"entries":10,"of":40}\n'))
    page.click("#verify")
    expect(page.locator("#verified [role=alert]")).to_contain_text("没有结论")
    expect(page.locator("#verify")).to_be_enabled()
