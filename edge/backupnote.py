"""The time of the last backup: a small note in YUNJU_VAR, for the monitor and for `python -m ops doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client.core import GaugeMetricFamily, Metric

from edge.structs import UNREADABLE

FILE: Final = "backup.json"


class BackupNote(msgspec.Struct, frozen=True):
    """The last backup that was made and read again: its time (epoch seconds) and its folder."""

    at: int
    folder: str


def write_note(var: Path, note: BackupNote) -> None:
    """Replace the last note by this one."""
    draft = var / f".{FILE}.draft"
    draft.write_bytes(msgspec.json.encode(note))
    draft.chmod(0o600)
    draft.replace(var / FILE)


def read_note(var: Path) -> BackupNote | None:
    """Return the note, or None if no backup was made."""
    try:
        return msgspec.json.decode((var / FILE).read_bytes(), type=BackupNote)
    except (OSError, *UNREADABLE):
        return None


def backup_figures(var: Path) -> Iterator[Metric]:
    """Yield the time of the last backup, or 0 if there is none."""
    note = read_note(var)
    family = GaugeMetricFamily("yunju_backup_timestamp_seconds", "When the last backup was made and read back.")
    family.add_metric((), 0 if note is None else note.at)
    yield family
