"""The rules of the doctor: facts and one instant give findings, and each finding has words in both languages."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from doctor.facts import (
    AccountsFact,
    BackupFact,
    DeviceFact,
    DiskFact,
    DocumentFact,
    DocumentsFact,
    FolderFact,
    HeldFact,
    HooksFact,
    KeyFact,
    LogFact,
    NoticesFact,
    ProgrammeFact,
    StoreFact,
    TokenFact,
    UnreadFact,
    WitnessFact,
    WorkFact,
)
from doctor.findings import Severity, sorted_findings, worst
from doctor.rules import RULES, findings
from doctor.words import PARTS, WORDS, remedy, told
from edge.backupnote import BackupNote
from edge.instants import to_epoch
from edge.repeating import JobReport
from edge.workreport import WorkReport

BUNDLE = "trust-bundle"
AT = datetime(2026, 10, 30, 8, 8, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NOW = to_epoch(AT)
LOG_JOB = JobReport("log", 1, 9, 0, NOW, NOW)
GB = 1024**3
DEVICE = DeviceFact("Desk 2", "gym", AT)
DOCUMENT = DocumentFact("status-list-0", AT + HOUR, AT + DAY)
WELL = {
    "folder": FolderFact(Path("var"), exists=True),
    "programme": ProgrammeFact("baiyun", "2026.1", None),
    "documents": DocumentsFact(14, (DOCUMENT, DocumentFact("trust-bundle", AT + DAY, AT + 49 * DAY))),
    "keys": (KeyFact("card", AT + 90 * DAY),),
    "stores": (StoreFact("ledger", "var/ledger.db", "well"),),
    "work": WorkFact(WorkReport(7, NOW - 900, NOW, (LOG_JOB,)), sequences=True),
    "log": LogFact(31, AT, agrees=True),
    "witnesses": WitnessFact(3, ()),
    "backup": BackupFact(BackupNote(to_epoch(AT - 5 * HOUR), "/srv/backups/a")),
    "disk": (DiskFact(Path("var"), 50 * GB, 100 * GB),),
    "notices": NoticesFact(2, 0, 0),
    "hooks": HooksFact(0, 0, 0),
    "held": HeldFact(1, AT - HOUR),
    "devices": AccountsFact((DEVICE,), (TokenFact("HIS", AT + 61 * DAY),)),
}


def work(*jobs: JobReport, told_at: int = NOW, **values) -> WorkFact:
    """A report of these jobs."""
    return WorkFact(WorkReport(7, NOW - 9000, told_at, jobs, **values), sequences=True)


CASES = [
    ("folder", FolderFact(Path("vra"), exists=False), {"folder-missing": "fault"}),
    ("folder", FolderFact(Path("var"), exists=True, open_to_others=(Path("var/secret"),)), {"folder-open": "warning"}),
    ("programme", ProgrammeFact("baiyun", "2026.1", 2027), {"holidays-missing": "warning"}),
    ("programme", UnreadFact("line 3", "programme-unreadable"), {"programme-unreadable": "fault"}),
    ("documents", DocumentsFact(14, (), ("https://x/0",)), {"documents-missing": "fault"}),
    ("documents", DocumentsFact(14, (replace(DOCUMENT, expires_at=AT),)), {"document-expired": "fault"}),
    ("documents", DocumentsFact(14, (replace(DOCUMENT, due_at=AT - HOUR),)), {"document-due": "warning"}),
    ("documents", DocumentsFact(14, (replace(DOCUMENT, name=BUNDLE, due_at=AT - HOUR),)), {"bundle-due": "warning"}),
    ("documents", UnreadFact("no root", "documents-untrusted"), {"documents-untrusted": "fault"}),
    ("keys", (KeyFact("card", None),), {"key-ended": "fault"}),
    ("keys", (KeyFact("card", AT + 13 * DAY), KeyFact("status", AT + 15 * DAY)), {"key-ends": "warning"}),
    ("keys", UnreadFact("no folder", "keys-unreadable"), {"keys-unreadable": "fault"}),
    ("stores", (StoreFact("ledger", "l.db", "absent"),), {"store-absent": "fault"}),
    ("stores", (StoreFact("ledger", "l.db", "closed", "permission denied"),), {"unreadable": "fault"}),
    ("stores", (StoreFact("ledger", "l.db", "damaged", "page 3"),), {"store-damaged": "fault"}),
    ("stores", (StoreFact("accounts", "a.db", "newer", "accounts 0009"),), {"store-newer": "fault"}),
    ("stores", (StoreFact("accounts", "a.db", "older", "accounts 0001"),), {"migrations-wait": "warning"}),
    ("stores", (StoreFact("ledger", "rediss://h", "away", "no answer"),), {"store-away": "fault"}),
    ("work", WorkFact(None, sequences=True), {"work-never": "fault"}),
    ("work", work(LOG_JOB, told_at=NOW - 31), {"work-away": "fault"}),
    ("work", work(LOG_JOB, stopped=True), {"work-away": "fault"}),
    ("work", work(JobReport("publish", 75, 9, 9, NOW, None, NOW, "StoreError", failing=True), LOG_JOB),
     {"work-fails": "fault"}),
    ("work", work(JobReport("publish", 75, 9, 0, NOW - 4000, NOW - 4000), LOG_JOB),
     {"work-overdue": "fault"}),
    ("work", work(JobReport("publish", 75, 9, 0, NOW, NOW)), {"sequencer-absent": "warning"}),
    ("log", LogFact(None, None, agrees=True), {"log-empty": "well"}),
    ("log", LogFact(31, AT, agrees=False), {"log-disagrees": "fault"}),
    ("log", UnreadFact("torn", "log-unreadable"), {"log-unreadable": "fault"}),
    ("witnesses", WitnessFact(3, ("archive",)), {"witness-late": "warning"}),
    ("backup", BackupFact(None), {"backup-none": "warning"}),
    ("backup", BackupFact(BackupNote(to_epoch(AT - 27 * HOUR), "/srv")), {"backup-old": "warning"}),
    ("disk", (DiskFact(Path("var"), GB // 8, 100 * GB),), {"disk-full": "fault"}),
    ("disk", (DiskFact(Path("var"), 9 * GB, 100 * GB),), {"disk-low": "warning"}),
    ("disk", (DiskFact(Path("var"), GB, 5 * GB),), {"disk-low": "warning"}),
    ("notices", NoticesFact(3, 2, 0), {"notices-late": "warning"}),
    ("notices", NoticesFact(0, 0, 1), {"notices-given-up": "warning"}),
    ("hooks", HooksFact(3, 0, 0), {"hooks-dead": "warning"}),
    ("hooks", HooksFact(0, 1, 2), {"hooks-gone": "warning", "hooks-late": "warning"}),
    ("held", HeldFact(2, AT - 25 * HOUR), {"held-wait": "warning"}),
    ("devices", AccountsFact((replace(DEVICE, seen_at=AT - 9 * DAY),), ()), {"device-silent": "warning"}),
    ("devices", AccountsFact((replace(DEVICE, seen_at=AT - 2 * HOUR, queued=3),), ()), {"device-waits": "warning"}),
    ("devices", AccountsFact((replace(DEVICE, queued=3),), ()), {"devices-well": "well"}),
    ("devices", AccountsFact((replace(DEVICE, clock_seconds=38),), ()), {"device-fast": "warning"}),
    ("devices", AccountsFact((replace(DEVICE, clock_seconds=-5),), ()), {"device-slow": "warning"}),
    ("devices", AccountsFact((replace(DEVICE, clock_seconds=-4),), ()), {"devices-well": "well"}),
    ("devices", AccountsFact((), (TokenFact("HIS", AT + 9 * DAY),)), {"token-ends": "warning"}),
    ("devices", UnreadFact("OperationalError"), {"unreadable": "fault"}),
]  # fmt: skip


def test_a_sound_machine_is_well_in_every_part():
    """Each part says one thing, and none of them asks for anything."""
    found = findings(WELL, AT)
    assert {one.about for one in found} == set(RULES) == set(PARTS)
    assert worst(found) is Severity.WELL
    assert [one.code for one in found if remedy(one, "zh") or remedy(one, "en")] == []


@pytest.mark.parametrize(("about", "fact", "codes"), CASES, ids=[f"{case[0]}-{min(case[2])}" for case in CASES])
def test_each_thing_that_is_due_or_wrong_is_found_alone(about, fact, codes):
    """In one part that changed, with its severity; no other part is touched by it."""
    found = {one.code: one.severity.value for one in findings({**WELL, about: fact}, AT) if one.about == about}
    assert found == codes


def test_every_code_has_its_words_and_its_remedy_filled_in_both_languages():
    """No placeholder is left, and whatever asks for something says what to do."""
    seen = {}
    for about, fact, _ in [*CASES, *((about, fact, None) for about, fact in WELL.items())]:
        seen |= {one.code: one for one in findings({about: fact}, AT)}
    assert set(seen) == set(WORDS)
    for one in seen.values():
        for language in ("zh", "en"):
            texts = told(one, language), remedy(one, language)
            assert not re.search(r"\{\w+\}", " ".join(texts)), one
            assert bool(texts[1]) is (one.severity is not Severity.WELL), one


def test_the_worst_comes_first():
    """Faults, then warnings, then what is well; else the parts keep their order."""
    facts = {**WELL, "backup": BackupFact(None), "log": LogFact(31, AT, agrees=False)}
    found = findings(facts, AT)
    assert [one.code for one in found[:2]] == ["log-disagrees", "backup-none"]
    assert found == sorted_findings(found)
    assert worst(found) is Severity.FAULT
