"""docs/programme.md names every key that the loader asks for, and no other."""

import re
from pathlib import Path

import pytest

from cards.programme import load, table
from cards.programme.load import load_programme, parse_programme

ROOT = Path(__file__).parents[3]
ENTRIES = [
    "tiers",
    "quotas",
    "exclusions",
    "departments",
    "booking_rules",
    "services",
    "items",
    "points",
    "grounds",
    "documents",
    "referrals",
]
OPEN = ("approval", "channels", "employers")
"""Sections whose keys are the programme's own codes."""


def documented() -> dict[str, str]:
    """Every key of the page's tables, with its section before it, and what the page says that the key takes."""
    found, section = {}, ""
    for line in (ROOT / "docs/programme.md").read_text(encoding="utf-8").splitlines():
        if head := re.match(r"## `\[+(\w+)", line):
            section = head[1]
        elif line.startswith("## "):
            section = ""
        elif row := re.match(r"\| `([^`]+)` \|(?:[^|]*\|)?([^|]*)\|", line):
            found[f"{section}.{row[1]}" if section else row[1].split(".")[0]] = row[2]
    return found


def shape(place: str) -> str:
    """A place of a file with its own codes left out: `services.gym.visit.minutes` is `services.visit.minutes`."""
    parts = place.split(".")
    if parts[0] in ENTRIES:
        parts = [parts[0], *parts[2:]]
    if parts[0] in OPEN:
        parts = parts[:1]
    if parts[:2] == ["services", "referral"] and len(parts) > 2:
        parts[2] = "*"
    if parts[:2] == ["office", "holidays"] and len(parts) > 2:
        parts[2] = "YEAR"
    return ".".join(parts).replace("assumption[]", "assumption")


def read_both(monkeypatch) -> None:
    """Read both shipped programmes, with what neither of them writes."""
    monkeypatch.setattr(load, "_known", {})
    folder = ROOT / "cards/programmes"
    load_programme(folder / "baiyun.toml")
    text = (folder / "example.toml").read_text(encoding="utf-8")
    own = '[services.newsletter]\nmaterials = ["A card"]\nnotes = ["Twice a year"]'
    parse_programme(text.replace("[services.newsletter]", own).encode(), "example")


@pytest.fixture
def asked(monkeypatch) -> set[str]:
    """Every key that the loader asks for while it reads the programmes."""
    found: set[str] = set()
    take = table.Table._take

    def noted(self, key, *, needed):
        found.add(shape(re.sub(r"\[\d+\]", "[]", self.at(key))))
        return take(self, key, needed=needed)

    monkeypatch.setattr(table.Table, "_take", noted)
    read_both(monkeypatch)
    sections = {*ENTRIES, "programme", "validity", "photo", "office", "applying", "assumption"}
    return {key for key in found - sections if not key.endswith((".zh", ".en")) and key not in {"zh", "en"}}


def test_the_page_names_every_key_of_the_loader(asked):
    """A key that an author may write stands on the page."""
    assert sorted(asked - set(documented())) == []


def test_the_page_names_no_key_that_the_loader_refuses(asked):
    """Nobody is told to write what the loader calls unknown."""
    assert sorted(set(documented()) - asked) == []


def test_the_page_names_each_word_that_a_key_takes(monkeypatch):
    """Where the loader takes one of a few words, the page names these words and no other."""
    taken: dict[str, set[str]] = {}
    word = table.Table.word

    def noted(self, key, words, default=None):
        taken.setdefault(shape(re.sub(r"\[\d+\]", "[]", self.at(key))), set()).update(words)
        return word(self, key, words, default)

    monkeypatch.setattr(table.Table, "word", noted)
    read_both(monkeypatch)
    page = documented()
    told = {key: page[key] for key in taken if key in page and "as in a" not in page[key]}
    named = {key: set(re.findall('`"?([^`"]+)"?`', cell)) for key, cell in told.items()}
    assert len(named) >= 15
    assert {key: words for key, words in named.items() if words != taken[key]} == {}
