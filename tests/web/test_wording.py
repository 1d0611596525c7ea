"""The pages' words: complete in both languages, and every word that a page asks for exists."""

import re
from pathlib import Path

import pytest

from verifier.counter.answers import VOID_REASONS
from verifier.rules.reasons import REASONS
from web.wording import FOLDER, WordingError, load_page_wording, load_wording, words_named

WEB = Path(__file__).parents[2] / "web"
WORDS = load_wording()
SOURCES = {path: path.read_text() for path in [*WEB.glob("templates/*.html"), *WEB.glob("static/js/**/*.js")]}
PARTS = "shared home counter enrol scan who busy outcome identity today void leave operator help problem reason wallet"
PARTS += " check offline bookings arrival confirm checklist deliver override reference"
KEY = re.compile(rf"""["']((?:{PARTS.replace(" ", "|")})\.[a-z0-9-]+)["']""")


def placeholders(text: str) -> set[str]:
    """Return the names of the values that a text takes."""
    return set(re.findall(r"\{(\w+)\}", text))


def test_both_languages_have_the_same_keys():
    """A word that one language lacks would leave a hole in the page."""
    assert WORDS["zh"].keys() == WORDS["en"].keys()


def test_both_languages_take_the_same_values():
    """A figure that one language shows is shown in the other too."""
    differing = [key for key in WORDS["zh"] if placeholders(WORDS["zh"][key]) != placeholders(WORDS["en"][key])]
    assert differing == []


def test_every_word_that_a_page_asks_for_exists():
    """Templates and scripts name no key that is not there."""
    asked = {key for text in SOURCES.values() for key in KEY.findall(text)}
    assert asked - WORDS["zh"].keys() == set()
    assert len(asked) > 150


def test_every_word_that_a_server_page_names_exists():
    """A key that no file has would be shown to people as it stands; beginnings of keys end with `.` or `-`."""
    words = load_page_wording()["zh"]
    rooms = "|".join(sorted({key.partition(".")[0] for key in words}))
    named = re.compile(rf"""["']((?:{rooms})\.[a-z0-9-]*[a-z0-9](?:\.[a-z0-9-]*[a-z0-9])*)["']""")
    programs = [path for path in WEB.rglob("*.py") if not path.name.startswith("seeding")]  # names of people, as a.li
    files = [*(WEB / "templates").rglob("*.html"), *programs]
    asked = {key for path in files for key in named.findall(path.read_text(encoding="utf-8"))}
    assert asked - words.keys() == set()
    assert len(asked) > 500


OWN = {
    "wallet": ["wallet/*.js"],
    "counter": ["counter/*.js", "offline/*.js"],
    "check": ["check.js", "counter/camera.js", "offline/*.js"],
}


@pytest.mark.parametrize("page", OWN)
def test_a_page_that_is_given_its_own_words_lacks_none(page):
    """Whatever its template and scripts name, and those that every page shares, is among them."""
    shared = [*(WEB / "static/js").glob("*.js"), *(WEB / "templates").glob("[lp]a*.html")]
    others = {WEB / f"static/js/{name}.js" for name in ("check",) if name != page}
    own = [path for pattern in OWN[page] for path in (WEB / "static/js").glob(pattern)]
    asked = {key for path in [*own, WEB / f"templates/{page}.html", *shared] if path not in others
             for key in KEY.findall(SOURCES[path])}  # fmt: skip
    assert asked - words_named(WORDS, f"{page}-zh").keys() == set()
    assert not any(key.startswith("audit") for key in words_named(WORDS, f"{page}-en"))


def test_chinese_words_are_chinese_and_english_ones_are_not():
    """No text was left in the other language."""
    han = re.compile(r"[\u4e00-\u9fff]")
    assert [key for key, text in WORDS["en"].items() if han.search(text)] == []
    assert [key for key, text in WORDS["zh"].items() if not han.search(text) and "{" not in text] == []


def test_every_reason_and_every_cause_of_a_void_has_a_short_name():
    """Today's list can name whatever the log holds."""
    assert {f"reason.{code}" for code in REASONS} <= WORDS["zh"].keys()
    assert {f"void.{code}" for code in VOID_REASONS} <= WORDS["zh"].keys()


@pytest.mark.parametrize("content", ["[]", '{"a": 1}', '{"a": " "}'])
def test_a_file_that_is_no_flat_object_of_texts_is_refused(tmp_path, content):
    """A broken file of translations stops the start, not a page."""
    (tmp_path / "en.json").write_text((FOLDER / "en.json").read_text())
    (tmp_path / "zh.json").write_text(content)
    with pytest.raises(WordingError, match=r"zh\.json"):
        load_wording(tmp_path)


CHINESE_MARK = re.compile("[，。；：、（）！？《》]")
READS_WHAT_PEOPLE_TYPE = {"desk/fields.py", "apply/papers.html"}
"""Files that look for such marks in what was typed or named, and show none."""


def test_no_page_brings_chinese_marks_of_its_own():
    """Marks between texts are words too: an English page has no Chinese comma, and no Chinese page an English one."""
    files = [*(WEB / "templates").rglob("*.html"), *(path for path in WEB.rglob("*.py") if "seeding" not in path.name)]
    plain = {path: re.sub(r'(?s)""".*?"""', "", path.read_text(encoding="utf-8")) for path in files}
    found = [str(path.relative_to(WEB)) for path, text in plain.items() if CHINESE_MARK.search(text)]
    named = [name.removeprefix("templates/") for name in found]
    assert set(named) - READS_WHAT_PEOPLE_TYPE == set()


def test_english_words_have_no_chinese_marks():
    """What is said in English is written in English to its last mark."""
    english = WORDS["en"] | load_page_wording()["en"]
    assert [key for key, text in english.items() if CHINESE_MARK.search(text)] == []
