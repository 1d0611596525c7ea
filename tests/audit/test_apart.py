"""Long readings in a separate process: the bytes are the same, the process ends with its listener, and a partial result
never looks complete.
"""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from audit.evidence import apart
from audit.evidence.apart import Broken, job_of, perform, run_apart, steps_apart
from audit.evidence.exporting import LogFilter
from audit.tree.tiles import ENTRIES, tile_path
from keys.notes import open_checkpoint
from tests.audit.builders import LogWorld, a_published_log

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A log of 700 entries."""
    return a_published_log(tmp_path_factory.mktemp("apart"), 700)


def job(world: LogWorld, what="jsonl", **wanted: str):
    """A job on the world's log."""
    opened = open_checkpoint(world.home.place.read().checkpoint, world.keys)
    return job_of(what, [world.folder], opened, SHANGHAI, LogFilter(**wanted))


@pytest.mark.parametrize("what", ["jsonl", "csv"])
@pytest.mark.parametrize("wanted", [{}, {"tier": "gold"}], ids=["whole", "gold"])
def test_what_is_written_apart_is_what_would_be_written_here(world, what, wanted):
    """Byte for byte, filter and time zone included."""
    asked = job(world, what, **wanted)
    assert b"".join(run_apart(asked)) == b"".join(perform(asked))


def test_a_workbook_comes_whole(world):
    """A ZIP file with its end."""
    data = b"".join(run_apart(job(world, "xlsx")))
    assert data.startswith(b"PK\x03\x04")
    assert b"PK\x05\x06" in data[-64:]


def test_a_check_tells_its_steps_and_ends_at_the_last_entry(world):
    """Nothing found in a sound log."""
    steps = list(steps_apart(job(world, "check")))
    assert [step.entries for step in steps][-1] == 700
    assert [step for step in steps if step.kind] == []


def test_an_archive_is_read_beside_the_log(tmp_path):
    """What lies in the second folder is found."""
    made = a_published_log(tmp_path, 700)
    place, elsewhere = tile_path(ENTRIES, 0), tmp_path / "archive"
    (elsewhere / place).parent.mkdir(parents=True)
    (made.folder / place).rename(elsewhere / place)
    opened = open_checkpoint(made.home.place.read().checkpoint, made.keys)
    both = job_of("jsonl", [made.folder, elsewhere], opened, SHANGHAI, LogFilter())
    assert b"".join(run_apart(both)).count(b'{"index"') == 700


def test_a_log_that_cannot_be_read_to_its_end_is_broken_off_not_ended(tmp_path, capfd):
    """Whoever reads the lines sees no end of them."""
    made = a_published_log(tmp_path, 700)
    (made.folder / tile_path(ENTRIES, 1)).unlink()
    got = []
    with pytest.raises(Broken):
        got.extend(run_apart(job(made)))
    assert b'"end":true' not in b"".join(got)


def test_the_process_ends_when_nobody_listens_any_more(world):
    """A browser that went away leaves nothing behind."""
    others = children()
    written = run_apart(job(world, "csv"))
    next(written)
    started = children() - others
    assert len(started) == 1
    written.close()
    for _ in range(100):
        if not started & children():
            break
        time.sleep(0.1)
    assert not started & children()


def test_it_works_at_low_priority(world):
    """What check-ins leave over is enough."""
    before = children()
    written = run_apart(job(world, "xlsx"))
    ready = threading.Thread(target=lambda: next(written))
    ready.start()
    seen = set()
    while ready.is_alive():
        for child in children() - before:
            with suppress(ProcessLookupError):
                seen.add(os.getpriority(os.PRIO_PROCESS, child))
        time.sleep(0.02)
    ready.join()
    written.close()
    assert min(19, os.getpriority(os.PRIO_PROCESS, 0) + apart.NICE) in seen


def children() -> set[int]:
    """The processes that this one has started and that run still."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and fields[0] != "Z":
            found.add(int(path.parent.name))
    return found
