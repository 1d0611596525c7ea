"""Auditors at a real browser: sign in, search, chart, drill down, prove, verify, note, export, report."""

import csv
import json
import re

import pytest
from playwright.sync_api import expect

from accounts.rights import Right
from tests.web.auditing import NAME, PASSWORD, Desk, add_auditor, fill_log, wait_for_log
from tests.web.site import Site
from tests.web.test_accessibility import violations

pytestmark = pytest.mark.browser

DAY = "since=2026-11-10&until=2026-11-10"
NOTE = "已与文化馆核对，选错服务。"
LOOKS = [("zh", "light"), ("en", "dark")]


def chinese_words(page) -> list[str]:
    """Return the Chinese on a page, but for the name of the language and what an auditor wrote."""
    text = page.locator("main").inner_text().replace(NOTE, "")
    return [word for word in re.findall(r"[\u4e00-\u9fff]+", text) if word != "中文"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine with a log of its own, so that figures are known."""
    made = Site(tmp_path_factory.mktemp("audit"))
    add_auditor(made)
    made.counters = fill_log(made)
    made.last = made.counters.use(made.printed("gold"), "gym-visit", "gym")["id"]
    wait_for_log(made, made.counters, made.last)
    yield made
    made.close()


@pytest.fixture(scope="module")
def session(browser, site):
    """What a browser keeps of an auditor who signed in."""
    context = browser.new_context(base_url=site.base)
    page = context.new_page()
    page.goto("/sign-in")
    page.fill("#name", NAME)
    page.fill("#password", PASSWORD)
    page.click("[type=submit]")
    page.wait_for_url("**/audit")
    kept = context.storage_state()
    context.close()
    return kept


@pytest.fixture
def desk(opened, session):
    """Open a page as an auditor who is signed in."""

    def at(path: str, **options) -> Desk:
        made = Desk(opened(path, storage_state=session, **options))
        made.ready()
        return made

    return at


def test_an_auditor_signs_in_and_comes_to_the_page_that_was_asked_for(opened):
    """The cookie is out of reach of scripts; signing out ends the session."""
    desk = Desk(opened("/audit/integrity?lang=en"))
    desk.sign_in()
    desk.ready()
    assert desk.page.url.endswith("/audit/integrity?lang=en")
    assert "session" not in desk.page.evaluate("() => document.cookie")
    desk.page.click("#sign-out")
    desk.page.click("#sign-out-do")
    desk.page.wait_for_url("**/sign-in")
    desk.page.goto("/audit")
    assert "/sign-in" in desk.page.url


def test_a_wrong_password_is_refused_and_says_no_more_than_that(opened):
    """The field is emptied, the fault is told and focused; an unknown name is answered alike."""
    desk = Desk(opened("/audit"))
    told = set()
    for name in ("nobody.here", "nobody.there"):
        desk.sign_in(name, "not this one")
        expect(desk.page.locator("#fault")).not_to_be_empty()
        expect(desk.page.locator("#password")).to_be_focused()
        expect(desk.page.locator("#password")).to_have_value("")
        told.add(desk.page.locator("#fault").inner_text())
        desk.page.reload()
    assert len(told) == 1
    desk.page.click("[type=submit]")
    expect(desk.page.locator("#fault")).to_have_text("请输入工号和密码。")


def test_after_signing_in_no_address_from_elsewhere_is_followed(opened):
    """`next` leads to pages of this site alone."""
    desk = Desk(opened("/sign-in?next=//example.org/audit"))
    desk.sign_in()
    desk.page.wait_for_url("**/audit")


def test_an_officer_is_told_that_the_account_may_not_audit(opened, site):
    """Signed in without the right: a page that says so."""
    officer = Desk(opened("/audit"))
    officer.second_step(site, "officer.chen", site.demo.accounts.people["officer.chen"])
    expect(officer.page.locator("#main")).to_contain_text("没有打开此页的权限")


def test_the_log_is_shown_newest_first_with_figures_integrity_and_anomalies(desk):
    """The dashboard: every part is filled, the figures are those of the day."""
    page = desk("/audit").page
    expect(page.locator("[data-part=entries] tbody tr").first).to_contain_text("区全民健身活动中心")
    times = page.locator("[data-part=entries] tbody th").all_inner_texts()
    assert times == sorted(times, reverse=True)
    assert page.locator(".kpis b").all_inner_texts() == ["32", "4", "11.1%", "3"]
    expect(page.locator("[data-part=integrity]")).to_contain_text("39 条")
    expect(page.locator("[data-part=integrity]")).to_contain_text("没有设置见证人")
    expect(page.locator("[data-part=odd]")).to_contain_text("同一人撤销较多")


def test_filters_narrow_the_log_and_stand_in_the_address(desk):
    """Point and outcome; a filter without a control is a link that takes it away; nothing found says what to do."""
    page = desk("/audit").page
    page.select_option("#point", "gym")
    page.select_option("#outcome", "denied")
    page.click("[type=submit]")
    page.wait_for_url("**outcome=denied**")
    Desk(page).ready()
    assert page.locator("[data-part=entries] tbody tr").count() == 2
    page.locator("[data-part=entries] tbody tr").first.locator("td a.mono").click()
    page.wait_for_url("**holder=**")
    Desk(page).ready()
    page.click("#chips a")
    page.wait_for_url(re.compile(r"^(?!.*holder=)"))
    page.goto("/audit?since=2026-10-01&until=2026-10-02")
    expect(page.locator("[data-part=entries]")).to_contain_text("没有符合条件的记录")


def test_the_records_stand_first_with_kind_staff_number_and_desk(desk, site):
    """In sight without scrolling, nothing wider than the page; an offline use by its own time, a booking not green."""
    at = site.clock.now()
    operator = site.office.accounts.operators.add(
        "3001", "何敏", {"gym": {Right.CHECK_IN}}, by="test", at=at, pin="493817"
    )

    def told(route) -> None:
        """Let the newest entries be an offline use by that operator and a booking, as a log may have them."""
        answer = route.fetch()
        found = answer.json()
        first, second = (found["entries"][number]["leaf"] for number in (0, 1))
        first |= {"kind": "offline", "outcome": "granted", "operator": operator.id, "used_at": "2026-11-10T00:30:00Z"}
        second |= {"kind": "booking", "outcome": "granted"}
        route.fulfill(response=answer, json=found)

    page = desk(f"/audit?{DAY}", viewport={"width": 1440, "height": 900}).page
    page.route("**/v1/log/entries?*", told)
    page.reload()
    Desk(page).ready()
    rows = page.locator("[data-part=entries] tbody tr")
    assert rows.nth(5).bounding_box()["y"] < 700
    assert page.evaluate("document.documentElement.scrollWidth") == 1440
    cells = rows.first.locator("th, td").all_inner_texts()
    assert cells[0].split("\n")[0] == "11-10 08:30:00"
    assert "上传" in cells[0]
    assert (cells[3], cells[8].split("\n")) == ("离线核销", ["3001", "desk"])
    expect(rows.first.locator(".mark-ok")).to_be_visible()
    assert rows.nth(1).locator("td").nth(2).inner_text() == "预约"
    expect(rows.nth(1)).to_contain_text("已受理")
    expect(rows.nth(1).locator(".mark-ok")).to_have_count(0)
    page.click("#more summary")
    assert "3001" in page.locator("#operator option").all_inner_texts()
    page.select_option("#device", label="desk")
    page.click("[type=submit]")
    page.wait_for_url("**device=**")
    Desk(page).ready()
    assert rows.count() > 5


def test_days_that_make_no_sense_are_not_sent(desk):
    """The form says so and stays."""
    page = desk("/audit").page
    page.fill("#since", "2026-11-20")
    page.fill("#until", "2026-11-10")
    page.click("[type=submit]")
    expect(page.locator("#filters-fault")).to_contain_text("开始不晚于结束")
    page.fill("#since", "2020-01-01")
    page.click("[type=submit]")
    expect(page.locator("#filters-fault")).to_contain_text("400")


def test_pages_follow_one_another_without_gap_or_repetition(desk, site):
    """More entries than a page holds: older ones by the cursor, then back to the newest."""
    card = site.printed("silver")
    for _ in range(15):
        site.counters.use(card, "library-facilities", "library")
    page = desk("/audit").page
    cells = "[data-part=entries] tbody td:last-child"
    first = page.locator(cells).all_inner_texts()
    assert len(first) == 50
    page.click("#older")
    page.wait_for_url("**before=**")
    Desk(page).ready()
    second = page.locator(cells).all_inner_texts()
    assert second
    assert not set(first) & set(second)
    page.get_by_role("link", name="回到最新").click()
    page.wait_for_url(re.compile(r"^(?!.*before=)"))


def test_a_bar_and_its_row_lead_to_the_same_entries(desk):
    """Drill-down by a click in the chart, and by the link in the table beside it."""
    page = desk(f"/audit/figures?{DAY}").page
    row = page.locator("#point tbody tr", has_text="区文化馆").locator("a")
    address = row.get_attribute("href")
    labels = page.locator("#point tbody th").all_inner_texts()
    spot = page.evaluate(
        """place => { const canvas = document.getElementById('point-chart');
        const bar = Chart.getChart(canvas).getDatasetMeta(0).data[place], box = canvas.getBoundingClientRect();
        canvas.scrollIntoView({block: 'center'}); const now = canvas.getBoundingClientRect();
        return [now.left + bar.x - 4, now.top + bar.y]; }""",
        labels.index("区文化馆"),
    )
    page.mouse.click(*spot)
    page.wait_for_url("**/audit?**")
    assert page.url.endswith(address)
    Desk(page).ready()
    assert page.locator("[data-part=entries] tbody tr").count() == 6
    assert set(page.locator("[data-part=entries] tbody td:nth-child(2)").all_inner_texts()) == {"区文化馆"}


def test_every_chart_has_its_figures_in_a_table(desk):
    """Service, point, day, month, reason, hour, tier and take-up; refusals lead to their reason."""
    page = desk(f"/audit/figures?{DAY}").page
    for name in ("service", "point", "day", "month", "reason", "hour", "tier", "taken"):
        panel = page.locator(f"section#{name}")
        expect(panel.locator("canvas[role=img][aria-label]")).to_have_count(1)
        assert panel.locator("tbody tr").count() > 0
    page.locator("#reason tbody a", has_text="已在场内").click()
    page.wait_for_url("**reason=already-in**")
    Desk(page).ready()
    assert page.locator("[data-part=entries] tbody tr").count() == 2
    page.goto(f"/audit/figures?{DAY}")
    page.locator("#hour tbody a").first.click()
    page.wait_for_url("**hour=9**")
    Desk(page).ready()
    shown = page.locator("[data-part=entries] tbody th").all_inner_texts()
    assert shown
    assert [text for text in shown if " 09:" not in text] == []


def test_an_entry_is_told_in_a_sentence_and_its_proof_is_checked(desk, site):
    """From the list to the entry: the sentence, four steps, the proof to take along, no name."""
    page = desk("/audit?point=gym").page
    page.locator("[data-part=entries] tbody a").first.click()
    page.wait_for_url("**/audit/entries/**")
    Desk(page).ready()
    expect(page.locator(".sentence")).to_contain_text("区全民健身活动中心核验了一张金卡")
    assert page.locator("#proof").get_attribute("data-proof") == "proved"
    assert page.locator(".proof li").count() == 4
    expect(page.locator(".proof")).to_contain_text("还没有见证人联署")
    page.click("details summary")
    with page.expect_download() as caught:
        page.click("details button")
    assert caught.value.path().read_text().startswith("c2sp.org/tlog-proof@v1\n")
    expect(page.locator("main")).to_contain_text("您的账号没有查看姓名的权限")


def test_an_entry_that_is_not_there_is_an_error_with_a_way_on(desk):
    """The part says so and offers to try again."""
    page = desk("/audit/entries/ff-999999")
    assert page.states() == {"entry": "failed"}
    expect(page.page.locator("[role=alert] button")).to_have_text("再试一次")


def test_the_whole_log_is_verified_at_a_click(desk):
    """What was read, until when; and how to do without this server."""
    page = desk("/audit/integrity").page
    page.click("#verify")
    expect(page.locator("#verdict")).to_have_attribute("data-state", "sound")
    expect(page.locator("#verdict")).to_contain_text("条记录全部相符")
    with page.expect_download() as caught:
        page.get_by_role("link", name="下载检查点").click()
    assert caught.value.path().read_text().count("\n") >= 5


def test_a_late_witness_is_amber_and_named_in_words(desk, opened, session):
    """Who cosigned, of which size, when; and who has not for ten minutes, or never."""
    witnesses = [
        {"name": "witness.example/one", "size": 39, "at": "2026-11-10T02:00:00Z", "late": False},
        {"name": "witness.example/two", "size": 12, "at": "2026-11-10T01:00:00Z", "late": True},
        {"name": "witness.example/three", "size": 0, "at": None, "late": True},
    ]
    page = opened("/sign-in", storage_state=session)
    told = {"origin": "log", "size": 40, "root": "A" * 43 + "=", "at": "2026-11-10T02:00:01Z", "witnesses": witnesses}
    page.route("**/v1/log/status", lambda route: route.fulfill(json=told))
    Desk(page).go("/audit/integrity")
    lines = page.locator(".witnesses li").all_inner_texts()
    assert [("已联署" in line, "迟" in line) for line in lines] == [(True, False), (False, True), (False, True)]
    assert "从未联署" in lines[2]
    assert violations(page) == []


def test_partitions_that_are_held_are_told_in_words(opened, session):
    """Where the ledger waits for its repair; and incidents in the reader's own language."""
    page = opened("/sign-in", storage_state=session)
    told = {
        "origin": "log",
        "size": 40,
        "root": "A" * 43 + "=",
        "at": "2026-11-10T02:00:01Z",
        "witnesses": [],
        "held": 3,
    }
    line = {
        "at": "2026-11-10T02:00:00Z",
        "kind": "other-store",
        "place": "ledger",
        "detail": "words",
        "detail_zh": "字句",
    }
    page.route("**/v1/log/status", lambda route: route.fulfill(json=told))
    page.route("**/v1/log/incidents?list=log", lambda route: route.fulfill(json={"incidents": [line]}))
    Desk(page).go("/audit/integrity")
    expect(page.locator("main")).to_contain_text("台账有3个分区")
    expect(page.locator("main")).to_contain_text("台账已更换")
    expect(page.locator("main")).to_contain_text("字句")
    assert violations(page) == []


def test_an_altered_log_is_named_where_it_was_altered(desk, site):
    """One letter in a file of the log: the page names the entry, and mends nothing."""
    folder = site.settings.log / "tile" / "entries"
    path = max(folder.rglob("*"), key=lambda file: file.stat().st_size if file.is_file() else 0)
    good = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(good.replace(b'"tier":"gold"', b'"tier":"gild"', 1))
    try:
        page = desk("/audit/integrity").page
        page.click("#verify")
        expect(page.locator("#verdict")).to_have_attribute("data-state", "damaged")
        expect(page.locator("#verified tbody")).to_contain_text("被改动")
    finally:
        path.write_bytes(good)


def test_an_anomaly_is_marked_as_looked_at_with_a_note_that_stays(desk):
    """The note is asked for, kept with name and time, and still there for the next auditor."""
    page = desk("/audit/anomalies").page
    card = page.locator("[data-anomaly^=voids]")
    expect(card).to_contain_text("为什么列出")
    card.locator("summary").click()
    card.locator("[type=submit]").click()
    expect(card.locator(".fault")).to_have_text("请写一句说明。")
    card.locator("textarea").fill(NOTE)
    card.locator("[type=submit]").click()
    expect(card.locator(".reviews")).to_contain_text("已与文化馆核对")
    page.reload()
    expect(page.locator("[data-anomaly^=voids] .reviews")).to_contain_text(NAME)
    page.check("#open-only")
    expect(page.locator("[data-anomaly^=voids]")).to_have_count(0)
    expect(page.locator("[data-anomaly^=clock]")).to_have_count(1)


def test_exports_are_what_the_filters_choose(desk):
    """CSV opens in a spreadsheet, JSON Lines carry checkpoint and proofs; both are files of their own."""
    page = desk(f"/audit?{DAY}&point=gym&outcome=denied").page
    with page.expect_download() as caught:
        page.click("#export-csv")
    text = caught.value.path().read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(text.splitlines()))
    assert [(row["point"], row["outcome"]) for row in rows] == [("gym", "denied")] * 2
    with page.expect_download() as caught:
        page.click("#export-jsonl")
    assert caught.value.suggested_filename.endswith(".jsonl")
    lines = [json.loads(line) for line in caught.value.path().read_text().splitlines()]
    assert lines[0]["filter"]["point"] == "gym"
    assert "checkpoint" in lines[0]
    assert [line["leaf"]["reason"] for line in lines if "leaf" in line] == ["already-in"] * 2


def test_the_monthly_report_prints_without_the_pages_furniture(desk):
    """A department's points alone; on paper neither navigation nor filters."""
    page = desk("/audit/report").page
    expect(page.locator(".report-title")).to_contain_text("2026-11")
    page.select_option("#department", label="区全民健身活动中心")
    page.click("[type=submit]")
    page.wait_for_url("**department=**")
    Desk(page).ready()
    expect(page.locator("[data-part=report]")).not_to_contain_text("区图书馆")
    page.emulate_media(media="print")
    for furniture in (".side", "#filters", ".languages"):
        expect(page.locator(furniture)).to_be_hidden()
    expect(page.locator(".signatures")).to_be_visible()
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF-")


def test_a_part_that_fails_says_so_and_loads_again(desk, site):
    """An outage of one call leaves the rest of the page as it is."""
    site.trouble.append(("/v1/audit/figures", "503 Service Unavailable"))
    desk_ = desk("/audit")
    assert desk_.states() == {"daily": "failed", "entries": "shown", "integrity": "shown", "odd": "shown"}
    desk_.page.click("[data-part=daily] button")
    expect(desk_.page.locator("[data-part=daily]")).to_have_attribute("data-state", "shown")


def test_a_session_that_ended_leads_to_the_sign_in_page_and_back(desk, site):
    """Nothing half loaded is left on the screen."""
    page = desk("/audit/integrity").page
    page.context.clear_cookies()
    page.click("#verify")
    page.wait_for_url("**/sign-in?next=%2Faudit%2Fintegrity")


def test_the_language_changes_in_place(desk, site):
    """Every word, also of what was loaded, and it stays."""
    page = desk("/audit").page
    page.click("[data-language=en]")
    expect(page.locator("h1")).to_have_text("Usage log")
    expect(page.locator("[data-part=entries] thead")).to_contain_text("Outcome")
    Desk(page).go("/audit/figures")
    assert chinese_words(page) == []


@pytest.mark.parametrize("look", LOOKS, ids=["-".join(look) for look in LOOKS])
def test_every_page_and_state_is_accessible(opened, session, site, look):
    """Axe on each page: signed out, filled, empty, failed, verified, reviewed; English pages hold no Chinese."""
    language, scheme = look
    page = opened(f"/sign-in?lang={language}", color_scheme=scheme)
    found = {"sign-in": violations(page)}
    page.click("[type=submit]")
    found["sign-in refused"] = violations(page)
    auditor = Desk(opened("/audit/integrity", storage_state=session, color_scheme=scheme))
    for path in (
        "/audit?point=gym&kind=check-in",
        "/audit?since=2026-10-01&until=2026-10-02",
        f"/audit/figures?{DAY}",
        "/audit/anomalies",
        "/audit/anomalies?since=2026-10-01&until=2026-10-02",
        "/audit/integrity",
        "/audit/report",
        f"/audit/entries/{site.last}",
        "/audit/entries/ff-999999",
    ):
        page = auditor.go(f"{path}{'&' if '?' in path else '?'}lang={language}")
        for summary in page.locator("details summary").all()[:1]:
            summary.click()
        if path.endswith("integrity"):
            page.click("#verify")
            page.locator("#verdict").wait_for()
        found[path] = violations(page)
        if language == "en":
            found[f"Chinese in {path}"] = chinese_words(page)
    assert {path: faults for path, faults in found.items() if faults} == {}


def test_narrow_windows_scroll_no_sideways(desk, site):
    """800 px and a phone's width: tables scroll in their own frame."""
    made = desk("/audit/integrity")
    for path in (
        "/audit?point=gym",
        "/audit/figures",
        "/audit/anomalies",
        "/audit/integrity",
        f"/audit/entries/{site.last}",
    ):
        page = made.go(path)
        for width in (800, 400):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(60)
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width, (path, width)


def test_the_keyboard_reaches_the_log_and_opens_an_entry(desk):
    """The first stop skips to the content; a row opens with Enter."""
    page = desk("/audit").page
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.locator("[data-part=entries] tbody a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/audit/entries/**")


def test_a_page_with_its_charts_weighs_less_than_400_kib(desk, site, opened, session):
    """Chart.js is more than half of it; figures, words and entries are small."""
    page = opened("/healthz", storage_state=session)
    sizes = []
    page.on("response", lambda response: sizes.append(len(response.body())))
    page.goto("/audit")
    page.wait_for_load_state("networkidle")
    assert 200_000 < sum(sizes) < 400 * 1024
