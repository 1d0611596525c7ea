"""Long readings of the log in a separate process of low priority: exports, and checks of the whole log.

In the server's own process, these readings would take turns with check-ins and delay them. In a separate process they
use only spare time. `run_apart` starts `python -m verifier.audit.apart`, hands it a job, and yields its output.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from datetime import tzinfo
from pathlib import Path
from typing import IO, Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from audit.evidence.chains import LogFinding
from audit.evidence.checking import check_tiles
from audit.evidence.exporting import Exported, LogFilter, csv_text, json_lines, write_xlsx
from audit.tree.archiving import JoinedSource
from audit.tree.tiles import FolderSource, TileSource
from keys.notes import NoteKey, OpenedCheckpoint, open_checkpoint

ROOT: Final = Path(__file__).resolve().parents[2]
NICE: Final = 10
STEP: Final = 10_240
"""Entries between two lines of a check's progress."""

_CHUNK: Final = 64 * 1024

What = Literal["jsonl", "csv", "xlsx", "check"]


class ExportJob(msgspec.Struct, frozen=True):
    """A job: the log's folders (an archive comes second), its checkpoint and keys, the filter, and the form of the
    output.
    """

    what: What
    folders: tuple[str, ...]
    note: str
    keys: tuple[str, ...]
    zone: str
    wanted: LogFilter = LogFilter()


class ExportStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of a check: the number of entries read so far, or a finding."""

    entries: int | None = None
    kind: str | None = None
    place: str = ""
    message: str = ""


class Broken(Exception):
    """The process ended before its work was done."""


def job_of(
    what: What, folders: Sequence[Path], opened: OpenedCheckpoint, zone: ZoneInfo, wanted: LogFilter
) -> ExportJob:
    """Return the job for a log that this process has opened."""
    keys = tuple(each.key.vkey for each in opened.signed if each.key.name == opened.checkpoint.origin)
    return ExportJob(what, tuple(map(str, folders)), opened.note.encode(), keys, zone.key, wanted)


def run_apart(job: ExportJob) -> Generator[bytes, None, None]:
    """Yield the job's output as it comes. Raises Broken if the process ends too early. Closing the iterator ends the
    process.
    """
    return run_module("audit.evidence.apart", msgspec.json.encode(job))


def run_module(module: str, asked: bytes) -> Generator[bytes, None, None]:
    """Yield the output of one of this product's modules, given the job `asked`. Raises Broken. Closing the iterator
    ends the process.
    """
    command, pipe = [sys.executable, "-m", module], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=ROOT) as child:  # noqa: S603 - our own module alone
        try:
            yield from _written(child, asked)
        finally:
            child.kill()


def _written(child: subprocess.Popen[bytes], job: bytes) -> Iterator[bytes]:
    if child.stdin is None or child.stdout is None:
        raise Broken("the process has no pipes")
    with closing(child.stdin) as asked:
        asked.write(job)
    while data := os.read(child.stdout.fileno(), _CHUNK):  # What is there now, without waiting for more
        yield data
    if child.wait():
        raise Broken(f"the process ended with {child.returncode}")


def steps_apart(job: ExportJob) -> Iterator[ExportStep]:
    """Yield the steps of a check. Raises Broken."""
    rest = b""
    with closing(run_apart(job)) as written:
        for data in written:
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                yield msgspec.json.decode(line, type=ExportStep)


def perform(job: ExportJob) -> Iterator[bytes]:
    """Do a job in this process. Yield its output."""
    source = read_sources([Path(folder) for folder in job.folders])
    opened = open_checkpoint(job.note, [NoteKey.parse(key) for key in job.keys])
    log, zone = Exported(source, opened), ZoneInfo(job.zone)
    if job.what == "check":
        return _steps(log)
    if job.what == "jsonl":
        return json_lines(log, job.wanted)
    if job.what == "csv":
        return (text.encode() for _, text in csv_text(log, job.wanted, zone))
    return _workbook(log, job.wanted, zone)


def read_sources(folders: Sequence[Path]) -> TileSource:
    """Return the log in these folders: the log itself first, then its archive."""
    sources = [FolderSource(folder) for folder in folders]
    return sources[0] if len(sources) == 1 else JoinedSource(sources)


def _steps(log: Exported) -> Iterator[bytes]:
    told = 0
    for step in check_tiles(log.source, log.checkpoint.checkpoint):
        if isinstance(step, LogFinding):
            yield _line(ExportStep(None, step.kind.value, step.place, step.message))
        elif step.entries >= told + STEP or step.entries == log.size:
            told = step.entries
            yield _line(ExportStep(told))


def _workbook(log: Exported, wanted: LogFilter, zone: tzinfo) -> Iterator[bytes]:
    """Yield a workbook from a temporary file, so that memory stays flat. The file is deleted after the answer."""
    with tempfile.TemporaryDirectory(prefix="yunju-export-") as folder:
        path = Path(folder) / "log"
        write_xlsx(log, wanted, path, zone)
        with path.open("rb") as file:
            yield from _chunks(file)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while data := file.read(_CHUNK):
        yield data


def _line(step: ExportStep) -> bytes:
    return msgspec.json.encode(step) + b"\n"


def lower_priority() -> None:
    """Use only the time that check-ins leave over."""
    os.nice(NICE)


def main() -> None:
    """Read a job, do it at low priority, and write its result."""
    lower_priority()
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=ExportJob)
    for data in perform(job):
        sys.stdout.buffer.write(data)
        if job.what == "check":
            sys.stdout.buffer.flush()
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
