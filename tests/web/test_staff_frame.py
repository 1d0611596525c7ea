"""The frame of staff's pages: who may come in, where `next` leads, forms that nobody else can send, words, faults."""

import re
from pathlib import Path

import pytest

from accounts.rights import Role
from edge.http import PAGE_POLICY
from tests.web.site import BY, Site
from tests.web.staffing import PASSWORD, Browser, text_of
from web.staff.addresses import safe_next
from web.staff.forms import Said, speaker
from web.wording import PAGES, WordingError, load_page_wording

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A machine with people of several roles."""
    made = Site(tmp_path_factory.mktemp("staff"))
    people = made.office.accounts.people
    for name, roles in {"auditor.wang": [Role.AUDITOR], "system.he": [Role.SYSTEM_OPERATOR]}.items():
        people.add(name, PASSWORD, roles, by=BY, at=made.clock.now())
    yield made
    made.close()


@pytest.fixture
def browser_(site):
    """A browser that has been nowhere."""
    return Browser(site.app, site.base)


@pytest.fixture
def auditor(browser_):
    """A browser of an auditor who signed in."""
    assert browser_.sign_in("auditor.wang").status_code == 303
    return browser_


@pytest.mark.parametrize(
    "asked",
    [
        "//example.org/x", "https://example.org/x", "/\\example.org", "\\\\example.org", "javascript:alert(1)", "",
        "/x\r\nSet-Cookie: a=b", "/\t/example.org", " /office", "office", "/sign-in?next=/x", "/sign-out",
        "/" + "x" * 2000,
        "http:/example.org", "/x\x7f", "///example.org", "/sign-in/code",
    ],
)  # fmt: skip
def test_next_never_leads_elsewhere_or_in_a_circle(asked):
    """Whatever a link says, the way goes on at a path of this site."""
    assert safe_next(asked, "/account") == "/account"


@pytest.mark.parametrize("asked", ["/office", "/audit?x=1&lang=en", "/office/holders/abc#cards", "/sign-instructions"])
def test_next_leads_back_to_a_page_of_this_site(asked):
    """With its query."""
    assert safe_next(asked, "/account") == asked


def test_whoever_is_not_signed_in_is_sent_to_the_sign_in_and_comes_back(browser_):
    """The page that was asked for, in the language asked for."""
    sent = browser_.get("/audit/figures?day=1&lang=en")
    assert sent.status_code == 303
    assert sent.location == "/sign-in?next=%2Faudit%2Ffigures%3Fday%3D1%26lang%3Den&lang=en"
    came = browser_.sign_in("auditor.wang", path=sent.location)
    assert (came.status_code, came.location) == (303, "/audit/figures?day=1&lang=en")
    assert browser_.get(came.location).status_code == 200


@pytest.mark.parametrize("asked", ["//example.org", "https://example.org/audit", "/%5Cexample.org"])
def test_signing_in_follows_no_address_from_elsewhere(browser_, asked):
    """The first page of the person's own instead."""
    assert browser_.sign_in("auditor.wang", path=f"/sign-in?next={asked}").location == "/audit"


def test_somebody_without_the_right_gets_a_page_that_says_so(browser_):
    """403, in words, with a way on; the navigation shows only what the person may open."""
    browser_.sign_in("system.he")
    refused = browser_.get("/audit")
    assert refused.status_code == 403
    assert "没有打开此页的权限" in text_of(refused)
    assert "/audit/figures" not in refused.get_data(as_text=True)


def test_a_form_without_its_token_or_with_anothers_changes_nothing(auditor, site):
    """A page of another site can send neither."""
    other = Browser(site.app, site.base)
    for token in (None, "", "x", other.token("/sign-in")):
        answer = auditor.send("/sign-out", csrf_token=token)
        assert answer.status_code == 400
        assert "表单已过期" in text_of(answer)
    assert auditor.get("/account").status_code == 200


def test_a_sign_in_without_its_token_is_refused(browser_):
    """Nobody can be signed in as somebody else by a page elsewhere."""
    assert browser_.send("/sign-in", name="auditor.wang", password=PASSWORD, csrf_token=None).status_code == 400
    assert browser_.get("/account").status_code == 303


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://example.org"}, {"Origin": "null"}])
def test_a_form_sent_from_another_origin_finds_nobody_signed_in(auditor, headers):
    """The cookie and the token together are not enough: the session goes on as if nothing had been sent."""
    answer = auditor.send("/sign-out", headers=headers)
    assert (answer.status_code, answer.location) == (303, "/sign-in?next=%2Fsign-out")
    assert auditor.get("/account").status_code == 200


def test_signing_out_asks_first_and_then_ends_the_session(auditor, site):
    """Looking at the page ends nothing; a copy of the cookie is worth nothing afterwards."""
    token = auditor.client.get_cookie("yunju_session", domain="127.0.0.1").value
    assert auditor.get("/sign-out").status_code == 200
    assert auditor.get("/account").status_code == 200
    assert auditor.send("/sign-out").location == "/sign-in"
    thief = Browser(site.app, site.base)
    thief.client.set_cookie("yunju_session", token, domain="127.0.0.1")
    assert thief.get("/account").status_code == 303


def test_a_session_planted_before_signing_in_is_not_the_one_used_after(browser_, site):
    """Session fixation: the cookie is always made anew, and the form's cookie too."""
    planted = "yp_" + "A" * 43
    browser_.client.set_cookie("yunju_session", planted, domain="127.0.0.1")
    before = browser_.token("/sign-in")
    browser_.sign_in("auditor.wang")
    assert browser_.client.get_cookie("yunju_session", domain="127.0.0.1").value != planted
    assert browser_.send("/sign-out", csrf_token=before).status_code == 400


def test_every_page_is_private_strict_and_without_inline_code(auditor):
    """Policy, no cache, origin to this site alone; nothing loaded from elsewhere."""
    for path in ("/sign-out", "/account", "/audit"):
        answer = auditor.get(path)
        assert answer.headers["Content-Security-Policy"] == PAGE_POLICY
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers.get_all("Referrer-Policy") == ["same-origin"]
        text = answer.get_data(as_text=True)
        assert not re.search(r"<script(?![^>]*(?:src=|application/json))|<style|\sstyle=|\son\w+=|javascript:", text)
        assert not re.search(r"(?:src|href)=[\"'](?:https?:)?//", text)


def test_the_language_of_the_address_stays(auditor):
    """Asked for once, kept by the browser, also without a script."""
    assert '<html lang="en">' in auditor.get("/account?lang=en").get_data(as_text=True)
    assert '<html lang="en">' in auditor.get("/account").get_data(as_text=True)
    assert '<html lang="zh-CN">' in auditor.get("/account?lang=zh").get_data(as_text=True)


def test_a_wrong_address_beneath_a_room_is_told_as_a_page(auditor):
    """A method that is not allowed too; never a bare document of the API."""
    answer = auditor.client.post("/account", base_url=auditor.base, headers={"Origin": auditor.base})
    assert answer.status_code == 405


def test_words_take_values_and_what_is_no_key_stands_as_it_is():
    """A fault carries its own values."""
    say = speaker({"a": "{count} of {most}"})
    assert say(Said("a", count=1), most=2) == "1 of 2"
    assert say("not a key") == "not a key"


def test_every_word_that_a_page_of_staff_asks_for_exists():
    """Templates and views name no key that is not there, in either language; no key stands twice."""
    words = load_page_wording()
    assert words["zh"].keys() == words["en"].keys()
    sources = [*(ROOT / "web/templates/staff").glob("*.html"), *(ROOT / "web/staff").glob("*.py")]
    asked = {
        key
        for path in sources
        for key in re.findall(
            r"""["']((?:sign-in|sign-out|account|form|table|fault|door)\.[a-z0-9-]+)["']""", path.read_text()
        )
    }
    assert asked - words["zh"].keys() == set()
    assert len(asked) > 40


def test_a_key_of_words_that_stands_twice_stops_the_start(tmp_path):
    """Else one room's text would show in another."""
    for language in ("zh", "en"):
        (tmp_path / f"{language}.json").write_text((PAGES.parent / f"{language}.json").read_text())
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "x.zh.json").write_text('{"shared.skip": "x"}')
    with pytest.raises(WordingError, match=r"shared\.skip"):
        load_page_wording(tmp_path / "pages")
