"""What a browser is given: pages under the strict policy, files by their kind, nothing of a surface that is off."""

import gzip
import json
import re
from pathlib import Path

import pytest

from edge.clock import SystemClock
from edge.http import PAGE_POLICY, create_frame
from edge.settings import load_settings
from web.pages import LANGUAGE_COOKIE, pages_blueprint

WEB = Path(__file__).parents[2] / "web"


def client(**environ: str):
    """Return a client of the pages alone, under settings given without their prefix."""
    app = create_frame("web", clock=SystemClock())
    app.register_blueprint(pages_blueprint(load_settings({f"YUNJU_{name}": value for name, value in environ.items()})))
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
