"""What a browser gets: pages under the strict policy, files with their types, and nothing of a disabled surface."""

import gzip
import json
import re
from pathlib import Path

import pytest

from cards.programme.load import load_programme
from edge.clock import SystemClock
from edge.http import PAGE_POLICY, create_frame, draw_problems
from edge.settings import load_settings
from web.home import PUBLIC, STAFF, HomePages
from web.pages import LANGUAGE_COOKIE, pages_blueprint

WEB = Path(__file__).parents[2] / "web"


def client(**environ: str):
    """Return a client of the pages alone, under settings given without their prefix."""
    app = create_frame("web", clock=SystemClock())
    settings = load_settings({f"YUNJU_{name}": value for name, value in environ.items()})
    app.register_blueprint(pages_blueprint(settings))
    home = HomePages(settings)
    app.register_blueprint(home.blueprint())
    draw_problems(app, home.draw)
    return app.test_client()


@pytest.mark.parametrize("path", ["/", "/counter", "/wallet", "/check"])
def test_a_page_comes_under_the_strict_policy(path):
    """Policy, type and revalidation are on each page."""
    response = client().get(path)
    assert response.status_code == 200
    assert response.headers["Content-Security-Policy"] == PAGE_POLICY
    assert response.mimetype == "text/html"
    assert response.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/", "/counter", "/wallet", "/check"])
def test_a_page_holds_no_inline_code_and_loads_nothing_from_elsewhere(path):
    """The policy would stop it; it must not be tried."""
    text = client().get(path).get_data(as_text=True)
    assert not re.search(r"<script(?![^>]*(?:src=|application/json))", text)
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
    assert not re.search(r"(?:src|href)=[\"'](?:https?:)?//", text)


def test_no_script_writes_html():
    """Data never becomes markup: no sink that parses HTML is used."""
    for path in WEB.glob("static/js/**/*.js"):
        text = path.read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text), path


def test_chinese_is_what_a_browser_gets_that_asks_for_nothing():
    """Then the choice in the address, then the browser's kept one."""
    assert '<html lang="zh-CN">' in client().get("/counter").get_data(as_text=True)
    assert '<html lang="en">' in client().get("/counter?lang=en").get_data(as_text=True)
    kept = client()
    kept.set_cookie(LANGUAGE_COOKIE, "en")
    assert '<html lang="en">' in kept.get("/counter").get_data(as_text=True)
    kept.set_cookie(LANGUAGE_COOKIE, "xx")
    assert '<html lang="zh-CN">' in kept.get("/counter").get_data(as_text=True)


def test_a_surface_that_is_off_has_no_page():
    """A counter server shows no wallet, and does not speak of one."""
    only_counter = client(SURFACES="counter")
    assert only_counter.get("/wallet").status_code == 404
    assert "/wallet" not in only_counter.get("/").get_data(as_text=True)
    assert only_counter.get("/check").status_code == 404
    assert only_counter.get("/counter").status_code == 200


def test_another_programme_shows_its_own_name_and_tiers():
    """Nothing of one district stands in the pages."""
    example = next(path for path in (WEB.parent / "cards" / "programmes").glob("*.toml") if path.stem != "baiyun")
    text = client(PROGRAMME=str(example)).get("/counter?lang=en").get_data(as_text=True)
    config = json.loads(re.search(r'id="config">(.*?)</script>', text, re.DOTALL)[1])
    assert "diamond" not in config["tiers"]
    assert config["programme"]["name"]["en"] in text
    assert "Baiyun" not in text


@pytest.mark.parametrize(
    ("name", "kind"),
    [("js/counter/main.js", "text/javascript"), ("css/base.css", "text/css"), ("icon.svg", "image/svg+xml")],
)
def test_a_file_comes_as_its_kind_and_again_as_304(name, kind):
    """Scripts carry the page's policy; what has not changed is not sent twice."""
    served = client()
    response = served.get(f"/static/{name}")
    assert response.mimetype == kind
    assert served.get(f"/static/{name}", headers={"If-None-Match": response.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize(
    "path",
    ["/static/../pages.py", "/static/%2e%2e/pages.py", "/static/js", "/static/x.exe", "/words/xx.json", "/words/.json"],
)
def test_nothing_but_the_pages_files_is_served(path):
    """No way out of the folder, no unknown kind, no other language."""
    assert client().get(path).status_code == 404


def test_words_come_by_language():
    """A page fetches both languages."""
    assert client().get("/words/zh.json").json["outcome.granted"] == "可以使用"
    assert client().get("/words/en.json").json["outcome.granted"] == "Granted"


@pytest.mark.parametrize("path", ["/static/js/counter/main.js", "/static/css/base.css", "/words/zh.json"])
def test_text_is_packed_for_whoever_takes_it(path):
    """The same bytes once unpacked; a browser that has them is told so, packed or not; caches keep the two apart."""
    plain, tight = client().get(path), client().get(path, headers={"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in plain.headers
    assert tight.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(tight.data) == plain.data
    assert "Accept-Encoding" in tight.headers["Vary"]
    assert "Accept-Encoding" in plain.headers["Vary"]
    asked = {"Accept-Encoding": "gzip", "If-None-Match": tight.headers["ETag"]}
    assert client().get(path, headers=asked).status_code == 304


def test_pages_that_are_not_the_same_for_everybody_are_not_packed():
    """The first page names the surfaces that are served; an app's own page is one file for everybody in a language."""
    asked = {"Accept-Encoding": "gzip"}
    assert "Content-Encoding" not in client().get("/", headers=asked).headers
    assert client().get("/counter", headers=asked).headers["Content-Encoding"] == "gzip"


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("language", "said", "way"), [("zh", "没有这个页面", "回首页"), ("en", "no such page", "first page")]
)
def test_a_wrong_address_is_a_page_where_a_browser_asks(language, said, way):
    """In both languages, with the status, the address as it was typed, a number to report and the ways on."""
    response = client().get(f"/walet<b>?lang={language}", headers=BROWSER)
    text = response.get_data(as_text=True)
    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert response.headers["Content-Security-Policy"] == PAGE_POLICY
    assert said in text
    assert way in text
    assert "404 · /walet&lt;b&gt; ·" in text
    assert response.headers["X-Request-Id"] in text
    assert "35912660" in text
    assert 'href="/wallet"' in text


@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/json", "application/json, text/html;q=0.9", "q=;,;;", "image/png"]
)
def test_callers_keep_the_problem_document(accept):
    """Whoever does not ask for a page first gets what programs read."""
    response = client().get("/no-such-page", headers={} if accept is None else {"Accept": accept})
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")
    assert response.json["code"] == "not-found"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("POST", "/", 405), ("GET", "/static/x.exe", 404), ("GET", "/v1/x", 404)]
)
def test_other_faults_are_told_to_a_browser_too_but_never_in_place_of_the_api(method, path, status):
    """A method that a page does not take keeps its `Allow`; an address of the API answers everybody alike."""
    response = client().open(path, method=method, headers=BROWSER)
    assert response.status_code == status
    assert response.mimetype == ("application/problem+json" if path.startswith("/v1/") else "text/html")
    assert "GET" in response.headers.get("Allow", "GET")


def test_a_fault_of_ours_is_a_page_with_its_number():
    """What nobody expected is told to a person as what it is, without anything of its cause."""
    app = create_frame("web", clock=SystemClock())
    home = HomePages(load_settings({}))
    app.register_blueprint(home.blueprint())
    draw_problems(app, home.draw)
    app.add_url_rule("/broken", "broken", lambda: 1 / 0)
    response = app.test_client().get("/broken", headers=BROWSER)
    assert response.status_code == 500
    assert "暂时打不开" in response.get_data(as_text=True)
    assert "ZeroDivision" not in response.get_data(as_text=True)


def test_the_first_page_says_what_the_card_is_and_how_to_get_one():
    """Its tiers with their items, the grounds by number, both platforms, the telephone."""
    text = client().get("/").get_data(as_text=True)
    for said in ("第 1 至 13 项", "第 1 至 10 项", "第 1 至 7 项", "3 种卡共 38 项条件", "一事一议", "广东省政务服务网",
                 "白云区政策兑现服务平台", 'href="tel:35912660"'):  # fmt: skip
        assert said in text, said
    english = client().get("/?lang=en")
    assert "Items 1 to 13" in english.get_data(as_text=True)
    assert "yunju_language=en" in english.headers["Set-Cookie"]


def test_the_first_page_of_another_programme_speaks_of_that_one():
    """Its name, tiers and telephone; no item or platform of Baiyun."""
    example = next(path for path in (WEB.parent / "cards" / "programmes").glob("*.toml") if path.stem != "baiyun")
    programme = load_programme(example)
    text = client(PROGRAMME=str(example)).get("/?lang=en").get_data(as_text=True)
    assert programme.name.en in text
    assert f"tel:{programme.general_contact.number}" in text
    assert "Baiyun" not in text
    assert "35912660" not in text


def test_each_role_whose_page_is_served_has_a_door_and_no_other():
    """A door opens: where a surface is off, or a page is not there, the first page does not speak of it."""
    doors = [entrance.path for entrance in (*PUBLIC, *STAFF)]
    for served in ([], doors[::2], doors):
        app = create_frame("web", clock=SystemClock())
        app.register_blueprint(HomePages(load_settings({})).blueprint())
        for path in served:
            app.add_url_rule(path, path[1:], lambda: "")
        text = app.test_client().get("/").get_data(as_text=True)
        assert re.findall(r'class="door[^>]* href="(/\w+)"', text) == served


def test_a_programme_without_chinese_opens_in_its_own_language():
    """Whoever asks for nothing gets the programme's first language; who asks for the other one gets that."""
    pages = client(PROGRAMME=str(WEB.parent / "cards" / "programmes" / "example.toml"))
    for path in ("/", "/check", "/counter", "/wallet"):
        assert 'lang="en"' in pages.get(path).get_data(as_text=True)[:300], path
    assert pages.get("/wallet.webmanifest").json["lang"] == "en"
    for path in ("/", "/check", "/counter", "/wallet"):
        assert 'lang="zh-CN"' in pages.get(f"{path}?lang=zh").get_data(as_text=True)[:300], path
