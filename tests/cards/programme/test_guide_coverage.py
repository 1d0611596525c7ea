"""docs/guide-coverage.md names everything that Baiyun's file holds, and nothing that does not exist."""

import re
import tomllib

import pytest

from tests.cards.programme import guide
from tests.cards.programme.builders import ROOT, SHIPPED, baiyun

PAGE = (ROOT / "docs" / "guide-coverage.md").read_text(encoding="utf-8")
ROWS = [re.split(r" \| ", line.strip("| ")) for line in PAGE.splitlines() if line.startswith("| ")]
FILE = tomllib.loads((SHIPPED / "baiyun.toml").read_text(encoding="utf-8"))
SECTIONS = {
    "tiers", "grounds", "documents", "services", "quotas", "exclusions", "booking_rules", "departments", "points",
    "referrals",
}  # fmt: skip
ISSUES = {"applications"}


def keys() -> list[str]:
    """Return every path of the programme file that a row names."""
    tops = "|".join(map(re.escape, FILE))
    return re.findall(rf"`((?:{tops})(?:\.[a-z0-9_-]+)*)`", PAGE)


def stands(path: str) -> bool:
    """Whether a path is in the programme file."""
    here: object = FILE
    for key in path.split("."):
        if not isinstance(here, dict) or key not in here:
            return False
        here = here[key]
    return True


@pytest.mark.parametrize("section", sorted(SECTIONS))
def test_every_entry_of_the_file_has_its_row(section):
    """Each code of a section begins a row that names its own key."""
    for code in FILE[section]:
        assert any(row[0] == f"`{code}`" and f"`{section}.{code}`" in " ".join(row) for row in ROWS), code


def test_every_row_tells_what_shows_it():
    """A row with a key of the file names a test, or is an assumption with its reason."""
    for row in ROWS:
        held = [cell for cell in row[1:4] if re.match(r"`[a-z_]+\.", cell)]
        if held and row[0].strip("`") not in {one.code for one in baiyun().assumptions}:
            assert "`tests/" in " ".join(row), row


def test_every_key_named_is_in_the_file():
    """No row speaks of a key that was renamed or removed."""
    assert len(keys()) > 150
    assert [path for path in keys() if not stands(path)] == []


def test_every_file_named_exists():
    """Tests and modules named on the page are in the tree."""
    named = set(re.findall(r"`((?:[a-z_0-9]+/)+[a-z_0-9]+\.(?:py|toml))`", PAGE))
    assert len(named) > 8
    assert sorted(path for path in named if not (ROOT / path).is_file()) == []


def test_every_assumption_is_listed_with_its_setting_and_reason():
    """The district finds each assumption of the file on the page, in the file's words."""
    rows = {row[0].strip("`"): row for row in ROWS}
    for one in baiyun().assumptions:
        assert rows[one.code][1:] == [f"`{one.setting}`", f"{one.text.zh} · {one.text.en}", one.reason]


def test_what_is_not_yet_names_its_issue():
    """Each "not yet" says which issue brings it, and every such issue is explained at the end."""
    named = re.findall(r"not yet \(issue: ([a-z]+)\)", PAGE)
    assert PAGE.count("not yet (issue") == len(named)
    assert set(named) == ISSUES
    assert set(re.findall(r"\| not yet \(issue: ([a-z]+)\) \|$", PAGE.split("## Not yet")[1], re.MULTILINE)) == ISSUES


def test_every_ground_note_and_item_of_the_guide_is_on_the_page():
    """The guide's sentences for grounds and notes, its documents and its telephone numbers stand on the page."""
    sentences = [line for lines in (*guide.GROUNDS.values(), *guide.NOTES.values()) for line in lines]
    missing = [line for line in sentences if line.removesuffix("。") not in PAGE]
    assert missing == []
    assert all(phone.number in PAGE for entry in baiyun().departments.values() for phone in entry.phones)
    assert all(f"### {number} {name.zh}" in PAGE for number, name in baiyun().items.items())
    variants = [one.code for document in baiyun().documents.values() for one in document.variants]
    assert [code for code in variants if f"`{code}`" not in PAGE] == []
