"""The counter page with its server process ended: it goes on, keeps signed records, sends them once it is back."""

import re

import pytest
from playwright.sync_api import expect

from tests.web.lost import LostTablet, conflicts, full_form, short_form
from tests.web.phone import Phone
from tests.web.test_accessibility import violations

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_server_ended_and_started_again_overdrawn_is_shown(opened_offline, served):
    """Two tablets, a quota of two, one use online: each grants one offline, the third is entered and marked."""
    first, second = LostTablet(opened_offline, served), LostTablet(opened_offline, served)
    card = served.card("silver")
    assert first.present(card) == ("granted", "")
    first.next()
    served.stop()
    for tablet in (first, second):
        assert tablet.present(card) == ("granted", "")
        tablet.is_lost()
        outcome = tablet.page.locator("[data-view=outcome]")
        expect(outcome).to_contain_text("已存入本机 № 1")
        expect(outcome.locator(".name")).to_have_text("张*明")
        expect(outcome).to_contain_text("别处的使用现在无法得知")
        tablet.next()
        expect(tablet.page.locator("#queue")).to_contain_text("银卡")
        expect(tablet.page.locator("#queue-heading")).to_have_text("待上传 1 条")
    assert first.present(card) == ("denied", "quota-spent"), "this tablet knows of two"
    first.next()
    assert second.present(card) == ("denied", "offline-limit"), "and this one of its own alone"
    served.start()
    for tablet in (first, second):
        tablet.sent(2)
        tablet.is_back()
    marks = [mark for tablet in (first, second) for row in tablet.records() for mark in row["answer"]["marks"]]
    assert marks.count("overdrawn") == 1
    late = next(tablet for tablet in (first, second) if "overdrawn" in str(tablet.records()))
    expect(late.page.locator("#show-records")).to_contain_text("条请查看")
    shown = late.list().filter(has_text="超用")
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("已入账")
    expect(shown).to_contain_text("次数在别处已用完")


def test_a_revoked_card_is_refused_offline(opened_offline, served):
    """By the list that the tablet holds; the refusal is recorded and sent."""
    tablet = LostTablet(opened_offline, served)
    card = served.revoked_card("gold")
    tablet.renewed()
    served.stop()
    assert tablet.shown(card) == ("denied", "revoked")
    expect(tablet.page.locator("[data-view=outcome]")).to_contain_text("这张卡已作废，不再有效。")
    expect(tablet.page.locator("[data-view=outcome]")).to_contain_text("35912660")
    served.start()
    row = tablet.sent(1)[0]
    assert (row["state"], row["answer"]["outcome"], row["answer"]["reason"]) == ("applied", "denied", "revoked")


def test_a_code_used_twice_is_refused_online_and_reported_at_sync_offline(opened_offline, served):
    """Online the second counter says so at once; offline both let the visitor in, and the later record waits."""
    first, second = LostTablet(opened_offline, served, "hosp-mch"), LostTablet(opened_offline, served, "hosp-mch")
    for tablet in (first, second):
        tablet.page.click("text=优先缴费")
    phone = Phone(opened_offline, served)
    served.publish()
    text = full_form(phone)
    assert first.shown(text) == ("granted", "")
    assert second.shown(text) == ("denied", "proof-used")
    first.next()
    second.next()
    text = full_form(phone)
    served.stop()
    assert first.shown(text) == ("granted", "")
    assert second.shown(text) == ("granted", "")
    first.next()
    assert first.shown(text) == ("denied", "proof-used"), "the same device knows its own"
    served.start()
    first.sent(2)
    second.sent(1)
    marked = [row for tablet in (first, second) for row in tablet.records() if "replayed" in row["answer"]["marks"]]
    assert len(marked) == 1
    assert (marked[0]["state"], marked[0]["answer"]["why"]) == ("held", "proof-used")
    found = [conflict for conflict in conflicts(served)["conflicts"] if conflict["kind"] == "replayed"]
    assert len(found[-1]["devices"]) == 2


def test_a_card_never_seen_here_is_asked_for_its_full_code_and_known_from_then_on(opened_offline, served):
    """Offline the proof alone of a stranger's phone tells nothing; nothing is recorded of it."""
    tablet = LostTablet(opened_offline, served)
    phone = Phone(opened_offline, served)
    served.publish()
    served.stop()
    tablet.lose()
    tablet.paste(short_form(phone))
    assert tablet.problem() == "card-unknown-here"
    expect(tablet.page.locator("[data-view=problem]")).to_contain_text("完整码")
    assert tablet.records() == []
    tablet.page.click("#back")
    assert tablet.shown(full_form(phone)) == ("granted", "")
    tablet.next()
    assert tablet.shown(short_form(phone)) == ("denied", "offline-limit")


def test_the_page_is_loaded_anew_with_the_server_dead(opened_offline, served):
    """The worker gives the page; state, queue and numbering go on; both languages are there."""
    tablet = LostTablet(opened_offline, served)
    served.stop()
    assert tablet.present(served.card("gold")) == ("granted", "")
    tablet.page.reload()
    tablet.shows("scan")
    tablet.is_lost()
    expect(tablet.page.locator("#queue-heading")).to_have_text("待上传 1 条")
    tablet.page.click("[data-language=en]")
    expect(tablet.page.locator("#offbar-word")).to_have_text("Working offline")
    tablet.page.reload()
    expect(tablet.page.locator("#offbar-word")).to_have_text("Working offline")
    tablet.page.click("[data-language=zh]")
    assert tablet.present(served.card("diamond")) == ("granted", "")
    assert [row["seq"] for row in tablet.records()] == [1, 2]
    served.start()
    assert [row["state"] for row in tablet.sent(2)] == ["applied", "applied"]


def test_lists_that_are_over_let_nobody_in(opened_offline, served):
    """A day after the last list the bar turns, and a good card is told 'not now', never refused in red."""
    tablet = LostTablet(opened_offline, served)
    served.stop()
    tablet.lose()
    expect(tablet.page.locator(".ages")).to_contain_text("分钟前")
    tablet.page.evaluate("() => localStorage.setItem('yunju-clock-offset', String(25 * 3600 * 1000))")
    tablet.page.reload()
    tablet.is_lost()
    expect(tablet.page.locator("#offbar-word")).to_have_text("离线，暂不能办理")
    expect(tablet.page.locator("#offbar-more")).to_contain_text("名单已过期")
    expect(tablet.page.locator(".ages")).to_contain_text("更新过")
    tablet.paste(served.card("gold"))
    assert tablet.outcome() == ("denied", "status-unknown")
    expect(tablet.page.locator("[data-view=outcome] .band")).to_have_class(re.compile("amber"))


def test_an_operator_stays_on_duty_and_is_named_in_the_record(opened_offline, served):
    """As the tablet knew it; signing in anew needs the server, and the page says so."""
    tablet = LostTablet(opened_offline, served)
    served.stop()
    assert tablet.present(served.card("gold")) == ("granted", "")
    claims = tablet.page.evaluate(
        "(text) => JSON.parse(atob(text.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')))",
        tablet.records()[0]["text"],
    )
    assert claims["operator"] == served.operator("1001")
    assert "server_time" in claims
    tablet.next()
    expect(tablet.page.locator("#operator")).to_contain_text("李静")
    tablet.page.click("#operator")
    tablet.page.click("#sign-out-form [type=submit]")
    expect(tablet.page.locator("#operator")).to_contain_text("登录")
    tablet.page.click("#operator")
    expect(tablet.page.locator("#sign-in-fault")).to_contain_text("登录需要联网")


def test_what_needs_the_server_is_dashed_with_its_reason(opened_offline, served):
    """A certificate is not handed out offline; once the server is back it is."""
    tablet = LostTablet(opened_offline, served, "hrss")
    served.stop()
    tablet.lose()
    option = tablet.page.locator(".option.closed")
    expect(option).to_contain_text("须联网办理")
    assert option.locator("input").is_disabled()
    served.start()
    tablet.is_back()
    expect(tablet.page.locator(".option.closed")).to_have_count(0)


@pytest.mark.parametrize(("language", "scheme"), [("zh", "light"), ("en", "dark")])
def test_every_offline_screen_is_accessible_and_fits(opened_offline, served, language, scheme):
    """Waiting, granted, refused, list of records, lists over: axe finds nothing; in landscape nothing scrolls."""
    page = opened_offline(f"/counter?lang={language}", color_scheme=scheme)
    tablet = LostTablet(lambda _path, **_options: page, served)
    cards = [served.card(tier) for tier in ("gold", "silver", "diamond")]
    served.stop()
    found, whole = {}, {}
    for card in cards:
        tablet.present(card)
        found["granted"] = violations(page)
        tablet.next()
    found["waiting"] = violations(page)
    whole["waiting"] = page.evaluate(
        """() => document.documentElement.scrollHeight <= innerHeight
          && document.documentElement.scrollWidth <= innerWidth"""
    )
    tablet.present(cards[0])
    found["refused"] = violations(page)
    tablet.next()
    tablet.list()
    found["records"] = violations(page)
    page.click("#records form button")
    for width in (800, 360):
        page.set_viewport_size({"width": width, "height": 1280})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 1280, "height": 800})
    page.evaluate("() => localStorage.setItem('yunju-clock-offset', String(25 * 3600 * 1000))")
    page.reload()
    expect(page.locator("#offbar.stuck")).to_be_visible()
    found["over"] = violations(page)
    assert {name: list_ for name, list_ in found.items() if list_} == {}
    assert whole == {"waiting": True}


def test_without_an_operator_no_id_is_compared_offline(opened_offline, served):
    """The server would hold the record: the page asks for the sign-in and records nothing."""
    tablet = LostTablet(opened_offline, served, staffed=False)
    card = served.card("gold")
    served.stop()
    tablet.lose()
    tablet.paste(card)
    assert tablet.problem() == "operator-needed"
    assert tablet.records() == []
