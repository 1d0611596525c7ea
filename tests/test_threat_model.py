"""docs/threat-model.md names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def test_each_attack_of_the_threat_model_is_shown_by_a_test_that_exists():
    """A row whose test was renamed or removed is found here."""
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    rows = [line for line in text.partition("## Attackers")[2].partition("## Not met")[0].splitlines() if "|" in line][
        2:
    ]
    assert len(rows) > 15
    for row in rows:
        (path, name), *_ = NAMED.findall(row) or [("", "")]
        assert path, row
        source = (ROOT / path).read_text(encoding="utf-8")
        assert not name or f"def {name}(" in source, row
