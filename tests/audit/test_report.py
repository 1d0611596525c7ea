"""The monthly report: the figures of one department and no other's, who is nobody, and the log they rest on."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit.figures import report as reports
from audit.figures.anomalies import AnomalyKind
from audit.figures.odds import Searcher
from audit.figures.report import MonthlyReport, ReportSources, make_report, span_of
from audit.figures.report_pdf import NoFont, report_pdf
from audit.figures.report_words import KINDS, REASONS, WORDS
from audit.figures.thresholds import Thresholds
from audit.figures.usage import UsageFigures
from audit.tables import open_figures
from audit.tree.proofs import LogReader
from cards.programme.types import Text
from edge.settings import load_settings
from keys.notes import open_checkpoint
from tests.audit.builders import LogWorld
from tests.papers import assert_fonts_inside
from tests.parts import part
from verifier.rules.reasons import REASONS as ALL_REASONS
from verifier.trust.published import read_programme

START = int(datetime(2026, 11, 3, 2, 0, tzinfo=UTC).timestamp() * 1000)  # ten in the morning in Shanghai
HOUR = 3_600_000
HOLDER = "h" * 42 + "A"
PROGRAMME = read_programme(load_settings({}).programme)
GYM = {"point": "gym", "department": "sports-centre", "service": "gym-visit"}
HOSPITAL = {"point": "hosp-baiyun", "department": "health", "service": "hospital-registration"}
UNIT = [{"limit": "gym", "maximum": 2, "period": "2026-11", "units": 1}]
AIRPORT = [{"limit": "airport", "maximum": 2, "period": "2026", "units": 1}]


@pytest.fixture
def world(tmp_path):
    """November: eight at the gym, two refused and one at night; three at a hospital; and one in September."""
    made = LogWorld(tmp_path)
    made.feed.append(0, START - 40 * 24 * HOUR, holder=HOLDER, **GYM)
    for number in range(5):
        made.feed.append(0, START + number * HOUR, holder=HOLDER, charges=UNIT, tier="gold", **GYM)
    for number in range(2):
        denied = {"outcome": "denied", "reason": "quota-spent", "assurance": None}
        made.feed.append(0, START + (5 + number) * HOUR, holder=HOLDER, **GYM, **denied)
    made.feed.append(0, START + 17 * HOUR, operator="1001", **GYM)
    for number in range(3):
        made.feed.append(1, START + number * HOUR, holder=HOLDER, charges=AIRPORT, **HOSPITAL)
    made.run()
    return made


@pytest.fixture
def sources(world, tmp_path):
    """What a report is made from."""
    database = open_figures(f"sqlite:///{tmp_path}/verifier.db")
    log = LogReader(world.home.place, world.home.source(), world.home.index())
    usage = UsageFigures(database, log, PROGRAMME.zone, lambda _: None)
    assert usage.count_up(5)
    odds = Searcher(log, [world.folder], PROGRAMME.zone, Thresholds())
    yield ReportSources(
        PROGRAMME, log, usage, odds.days, lambda ids: [one for one in ids if one.startswith("same-pair")]
    )
    database.close()


def made(world, sources, department=None, month="2026-11") -> MonthlyReport:
    """Return a report of the world, made on the first of December."""
    state = world.home.place.read()
    opened = open_checkpoint(state.checkpoint, world.keys)
    at = datetime(2026, 12, 1, 1, 0, tzinfo=UTC)
    return make_report(sources, month, department, state=state, opened=opened, at=at, by="auditor.li")


def text_of(pdf: bytes, folder: Path) -> str:
    """What a reader of the PDF finds when searching in it."""
    path = folder / "report.pdf"
    path.write_bytes(pdf)
    told = subprocess.run([part("pdftotext", "poppler-utils"), "-layout", path, "-"], capture_output=True, check=True)
    return told.stdout.decode()


def test_a_department_sees_its_own_points_and_nothing_of_the_others(world, sources):
    """Uses, refusals, take-up of its limits, anomalies of its points."""
    report = made(world, sources, "sports-centre")
    assert (report.figures.total.granted, report.figures.total.denied) == (6, 2)
    assert [bar.key for bar in report.figures.points] == ["gym"]
    assert [bar.key for bar in report.figures.reasons] == ["quota-spent"]
    assert [(one.quota, one.tier, one.units) for one in report.taken] == [("gym", "gold", 5)]
    assert {odd.kind for odd in report.odd} == {"off-hours", "same-pair"}
    health = made(world, sources, "health")
    assert (health.figures.total.granted, health.figures.total.denied) == (3, 0)
    assert [one.quota for one in health.taken] == []


def test_all_departments_together_are_their_sum(world, sources):
    """And the month before has its own."""
    report = made(world, sources)
    assert (report.figures.total.granted, report.figures.total.denied) == (9, 2)
    assert made(world, sources, month="2026-10").figures.total.granted == 0
    assert made(world, sources, month="2026-09").figures.total.granted == 1


def test_what_was_looked_at_is_told_apart(world, sources):
    """Found and still open, by kind."""
    odd = {one.kind: (one.found, one.open) for one in made(world, sources, "sports-centre").odd}
    assert odd == {"off-hours": (1, 1), "same-pair": (1, 0)}


@pytest.mark.parts
def test_a_month_with_more_than_can_be_searched_says_so(world, sources, monkeypatch, tmp_path):
    """Nobody takes part of it for the whole."""
    monkeypatch.setattr(reports, "ENTRIES_SEARCHED", 4)
    report = made(world, sources)
    assert report.searched == 4
    assert "异常只查了前 4 条" in text_of(report_pdf(report, PROGRAMME, "zh"), tmp_path)


@pytest.mark.parts
@pytest.mark.parametrize(
    ("language", "words"),
    [("zh", ["区全民健身活动中心", "未通过原因", "金卡"]), ("en", ["Refusals by reason", "Checkpoint"])],
)
def test_the_paper_says_what_the_report_says(world, sources, tmp_path, language, words):
    """Figures, the log's size and root, in either language; the same report is the same bytes."""
    report = made(world, sources, "sports-centre")
    pdf = report_pdf(report, PROGRAMME, language)
    assert_fonts_inside(pdf)
    text = text_of(pdf, tmp_path)
    for word in [*words, "2026-11", "25.0%", "12", "auditor.li"]:
        assert word in text
    assert report_pdf(report, PROGRAMME, language) == pdf


@pytest.mark.parts
def test_nobody_is_on_the_paper(world, sources, tmp_path):
    """No pseudonym, operator, device or entry: two departments' papers have nothing to join."""
    for department in ("sports-centre", "health", None):
        text = text_of(report_pdf(made(world, sources, department), PROGRAMME, "zh"), tmp_path)
        for trace in (HOLDER[:12], "1001", "tablet-1", "00-00000", "01-00000"):
            assert trace not in text


@pytest.mark.parts
def test_the_chinese_font_is_inside_the_file(world, sources, tmp_path):
    """Every font of the file is embedded, as a subset."""
    path = tmp_path / "report.pdf"
    path.write_bytes(report_pdf(made(world, sources), PROGRAMME, "zh"))
    lines = (
        subprocess.run([part("pdffonts", "poppler-utils"), path], capture_output=True, check=True)
        .stdout.decode()
        .splitlines()[2:]
    )
    fonts = [line for line in lines if "Helvetica" not in line]
    assert any("NotoSansSC" in line for line in fonts)
    assert all(line.split()[-5:-2] == ["yes", "yes", "yes"] for line in fonts)
    assert path.stat().st_size < 400_000


def test_without_the_font_there_is_a_remedy_and_no_paper(world, sources, tmp_path):
    """Squares instead of letters would be worse than nothing."""
    with pytest.raises(NoFont, match="NotoSansSC_400Regular"):
        report_pdf(made(world, sources), PROGRAMME, "zh", fonts=tmp_path)


@pytest.mark.parametrize("month", ["2026-13", "2026-00", "2026", "November"])
def test_a_month_that_is_none_is_none(month):
    """Never another one by chance."""
    with pytest.raises(ValueError, match=r"month|isoformat"):
        span_of(month)


def test_the_papers_words_are_the_pages_words():
    """One name for one thing, in both languages; nothing unnamed."""
    folder = Path(__file__).parents[2] / "web" / "translations"
    assert KINDS.keys() == set(AnomalyKind)
    assert REASONS.keys() == set(ALL_REASONS)
    for language in ("zh", "en"):
        pages = json.loads((folder / f"{language}.json").read_text())
        assert {kind: text.in_language(language) for kind, text in KINDS.items()} == {
            kind: pages[f"anomaly.{kind}"] for kind in KINDS
        }
        assert {code: text.in_language(language) for code, text in REASONS.items()} == {
            code: pages[f"reason.{code}"] for code in REASONS
        }
    assert all(isinstance(text, Text) and text.zh and text.en for text in WORDS.values())


def test_days_of_a_month_are_counted_to_its_end():
    """February too."""
    first, last = span_of("2028-02")
    assert last - first == timedelta(days=28)
