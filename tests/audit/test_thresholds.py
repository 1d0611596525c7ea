"""The district decides what is ordinary: a file of thresholds and hours, refused as a whole for any fault."""

import re
from datetime import time
from pathlib import Path

import pytest

from audit.figures.anomalies import AnomalyKind, find_anomalies
from audit.figures.thresholds import Hours, Thresholds, read_thresholds
from edge.settings import SettingsError, load_settings
from tests.audit.test_anomalies import DENIED, Feed
from verifier.trust.published import read_programme

PROGRAMME = read_programme(load_settings({}).programme)
DOCUMENT = Path(__file__).parents[2] / "docs" / "audit.md"


def read(folder: Path, text: str) -> Thresholds:
    """What a file of rules comes to."""
    path = folder / "rules.toml"
    path.write_text(text, encoding="utf-8")
    return read_thresholds(path, PROGRAMME)


def found(feed: Feed, kind: AnomalyKind, thresholds: Thresholds) -> int:
    """How many of a kind are found under these thresholds."""
    return len([one for one in find_anomalies(feed.leaves, PROGRAMME.zone, thresholds) if one.kind is kind])


def test_the_documents_example_is_what_holds_without_a_file(tmp_path):
    """Whoever copies it changes nothing."""
    (example,) = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert read(tmp_path, example) == Thresholds() == read_thresholds(None, PROGRAMME)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("voids = 0", "from 1 to 10000"),
        ("voids = true", "from 1 to 10000"),
        ('voids = "3"', "from 1 to 10000"),
        ("void = 3", "`void` is no threshold"),
        ('[hours]\nswimming = "08:00-22:00"', "no point of the programme"),
        ('[hours]\ngym = "8-22"', "00:00-24:00"),
        ('[hours]\ngym = "08:00-24:30"', "00:00-24:00"),
        ('[hours]\ngym = "08:00-08:00"', "00:00-24:00"),
        ("hours = 5", "is a table"),
        ("voids = ", "cannot be read as TOML"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_with_what_to_write(tmp_path, text, told):
    """At the start, not when somebody looks."""
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)
    assert "YUNJU_AUDIT_RULES" in caught.value.faults[0]
    assert told in caught.value.faults[0]


def test_all_faults_are_told_at_once(tmp_path):
    """One start is enough to mend them."""
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, 'voids = 0\nvoid = 3\n[hours]\nswimming = "8"')
    assert len(caught.value.faults) == 4


def test_a_file_that_is_not_there_is_a_fault(tmp_path):
    """A path written wrongly does not mean the shipped rules."""
    with pytest.raises(SettingsError):
        read_thresholds(tmp_path / "none.toml", PROGRAMME)


@pytest.mark.parametrize(
    ("text", "local", "inside"),
    [
        ("08:00-22:00", time(8, 0), True),
        ("08:00-22:00", time(7, 59, 59), False),
        ("08:00-22:00", time(21, 59, 59), True),
        ("08:00-22:00", time(22, 0), False),
        ("18:00-02:00", time(1, 59), True),
        ("18:00-02:00", time(2, 0), False),
        ("18:00-02:00", time(17, 59), False),
        ("00:00-24:00", time(3, 0), True),
        ("05:00-24:00", time(23, 59, 59), True),
    ],
)
def test_hours_hold_their_beginning_and_not_their_end(text, local, inside):
    """Over midnight too."""
    hours = Hours.parse(text)
    assert (local in hours) is inside
    assert str(hours) == text


def test_a_point_has_hours_of_its_own_and_the_finding_names_them(tmp_path):
    """Nine in the morning in Shanghai: too early for the gym here, not for the library."""
    feed = Feed()
    feed.add(0)
    feed.add(60, point="library", holder="c" * 42 + "A")
    own = read(tmp_path, '[hours]\ngym = "09:30-22:00"\ndefault = "08:00-20:00"')
    (one,) = [one for one in find_anomalies(feed.leaves, PROGRAMME.zone, own) if one.kind is AnomalyKind.OFF_HOURS]
    assert (one.about["point"], one.about["hours"]) == ("gym", "09:30-22:00")
    assert found(feed, AnomalyKind.OFF_HOURS, Thresholds()) == 0


VOID = {"kind": "void", "outcome": None, "reason": "wrong-person", "assurance": None, "target": "00-000001"}


@pytest.mark.parametrize(
    ("name", "kind", "leaves"),
    [
        ("too_far_minutes", AnomalyKind.TOO_FAR, lambda number: [(0, {}), (number - 1, {"point": "library"})]),
        (
            "refused_proofs",
            AnomalyKind.REFUSED_PROOFS,
            lambda number: [(0, DENIED | {"reason": "stale-proof"})] * number,
        ),
        ("voids", AnomalyKind.VOIDS, lambda number: [(0, VOID)] * number),
        (
            "clock_minutes",
            AnomalyKind.CLOCK,
            lambda number: [(0, {"client_time": 1_793_408_400_000 - number * 60_000 - 1})],
        ),
        ("same_pair", AnomalyKind.SAME_PAIR, lambda number: [(0, {})] * number),
        (
            "most_used",
            AnomalyKind.MOST_USED,
            lambda number: [(0, {})] * number + [(0, {"holder": f"{n}" * 42 + "A"}) for n in range(4)],
        ),
    ],
)
def test_each_threshold_is_where_a_finding_begins(tmp_path, name, kind, leaves):
    """With the number as written it is found; with one more it is not."""
    number = 12 if name == "most_used" else 7
    feed = Feed()
    for minute, changes in leaves(number):
        feed.add(minute, **changes)
    at, above = (read(tmp_path, f"{name} = {number + more}") for more in (0, 1))
    if name == "too_far_minutes":
        at, above = read(tmp_path, f"{name} = {number}"), read(tmp_path, f"{name} = {number - 1}")
    assert (found(feed, kind, at), found(feed, kind, above)) == (1, 0)


def test_what_is_recorded_offline_without_a_mark_stands_out_in_nothing():
    """The near miss of all marks: a plain use, uploaded later."""
    feed = Feed()
    feed.add(0, kind="offline", used_at=1_793_408_400_000, record="A" * 43)
    feed.add(30, kind="offline", used_at=1_793_408_400_000, record="B" * 42 + "A", marks=["id-checked", "declared"])
    assert find_anomalies(feed.leaves, PROGRAMME.zone) == []
