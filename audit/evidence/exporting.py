"""Exports of the log: JSON Lines with their own proofs, CSV and XLSX for people. Each is a stream, so that memory stays
flat.

An export reads the tiles and never the ledger, so that no check-in waits for an auditor.
"""

from __future__ import annotations

import csv
import io
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from audit.evidence.workbook import write_workbook
from audit.tree.tiles import WIDTH, TileSource, Tree
from edge.spreadsheets import harmless
from keys.merkle import Nodes, inclusion_proof, span_hash
from keys.notes import OpenedCheckpoint
from ledger.filtering import NAMED_CELLS, EntryFilter, cell_of
from ledger.leaf import leaf_hash
from ledger.millis import from_millis, to_millis

FORMAT: Final = "yunju-log-export/1"
ROWS_A_SHEET: Final = 500_000
COLUMNS: Final = (
    "index", "id", "at", "kind", "outcome", "reason", "point", "service", "department", "tier", "form", "assurance",
    "id_checked", "beneficiary", "companions", "reference", "holder", "device", "operator", "target", "charges",
    "marks", "programme",
)  # fmt: skip
_HELD: Final = 64 * 1024  # Characters of a table that are collected before they are sent


class LogFilter(EntryFilter, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which entries of the log are wanted. Spans of time are half-open."""

    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every entry is wanted."""
        return self == LogFilter()

    def asked(self) -> dict[str, str]:
        """Return the conditions by name, as an export lists them."""
        bounds = {"since": self.since, "until": self.until}
        return {name: at.isoformat() for name, at in bounds.items() if at is not None} | self.named()

    def chooser(self) -> Callable[[dict[str, Any]], bool]:
        """Return a test that says whether an entry with these fields is wanted."""
        earliest = None if self.since is None else to_millis(self.since)
        latest = None if self.until is None else to_millis(self.until)
        wants = self.matcher()

        def chosen(fields: dict[str, Any]) -> bool:
            if (earliest is not None and fields["at"] < earliest) or (latest is not None and fields["at"] >= latest):
                return False
            return wants(fields.get)

        return chosen


@dataclass(frozen=True, slots=True)
class Exported:
    """A log to export: its tiles and its verified checkpoint."""

    source: TileSource
    checkpoint: OpenedCheckpoint

    @property
    def size(self) -> int:
        """How many entries the log has."""
        return self.checkpoint.checkpoint.size

    def tree(self) -> Tree:
        """Return the log's tree."""
        return Tree(self.source, self.size)

    def chosen(self, wanted: LogFilter) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
        """Yield the index, the bytes and the fields of each wanted entry."""
        wants = wanted.chooser()
        for index, data in enumerate(self.tree().entries()):
            fields = msgspec.json.decode(data)
            if wants(fields):
                yield index, data, fields


def json_lines(log: Exported, wanted: LogFilter) -> Iterator[bytes]:
    """Yield the lines of an export that carries its own proofs (docs/log-format.md).

    The export of a whole log carries the hashes of its entries and a proof for each 256 entries. A selection carries a
    proof for each entry. These proofs show that each entry is in the log, but not that no entry was left out.
    """
    note = log.checkpoint.note.encode()
    yield _line(
        {"format": FORMAT, "size": log.size, "whole": wanted.is_whole, "filter": wanted.asked(), "checkpoint": note}
    )
    count = 0
    for line in _whole(log) if wanted.is_whole else _choice(log, wanted):
        count += line.startswith(b'{"index"')
        yield line
    yield _line({"end": True, "entries": count})


def _whole(log: Exported) -> Iterator[bytes]:
    tree = log.tree()
    for index, data in enumerate(tree.entries()):
        yield _line({"index": index, "hash": _text(leaf_hash(data)), "leaf": msgspec.Raw(data)})
        if (index + 1) % WIDTH == 0 or index + 1 == log.size:
            block = index // WIDTH
            proof = inclusion_proof(block_nodes(tree), block, -(-log.size // WIDTH))
            yield _line({"block": block, "proof": [_text(step) for step in proof]})


def _choice(log: Exported, wanted: LogFilter) -> Iterator[bytes]:
    tree = log.tree()
    for index, data, _ in log.chosen(wanted):
        proof = [_text(step) for step in tree.inclusion(index)]
        yield _line({"index": index, "leaf": msgspec.Raw(data), "proof": proof})


def block_nodes(tree: Tree) -> Nodes:
    """Return the nodes of the tree over blocks of 256 entries. The last block may be smaller."""

    def node(level: int, index: int) -> bytes:
        width = WIDTH << level
        return span_hash(tree.node, index * width, min((index + 1) * width, tree.size))

    return node


def csv_text(log: Exported, wanted: LogFilter, zone: tzinfo) -> Iterator[tuple[int, str]]:
    """Yield a table for spreadsheets with times in `zone`: the number of entries so far, and the text of the new
    entries.

    Its first character tells spreadsheets that the text is UTF-8.
    """
    held, count = io.StringIO(), 0
    writer = csv.writer(held)
    held.write("\ufeff")
    writer.writerow(COLUMNS)
    for count, row in enumerate(_rows(log, wanted, zone), 1):
        writer.writerow([harmless(value) if isinstance(value, str) else value for value in row])
        if held.tell() > _HELD:
            yield count, held.getvalue()
            held.seek(0)
            held.truncate()
    yield count, held.getvalue()


def write_csv(log: Exported, wanted: LogFilter, out: IO[str], zone: tzinfo) -> int:
    """Write a table for spreadsheets. Return the number of entries."""
    count = 0
    for count, text in csv_text(log, wanted, zone):  # noqa: B007 - the last count is the answer
        out.write(text)
    return count


def write_xlsx(log: Exported, wanted: LogFilter, path: Path, zone: tzinfo) -> int:
    """Write a workbook, with a new sheet when a sheet is full. Return the number of entries.

    The cells carry the type text, so no text needs a prefix.
    """
    return write_workbook(path, COLUMNS, _rows(log, wanted, zone), ROWS_A_SHEET)


def _rows(log: Exported, wanted: LogFilter, zone: tzinfo) -> Iterator[list[object]]:
    for index, _, fields in log.chosen(wanted):
        yield [index, *(_cell(name, fields.get(name), zone) for name in COLUMNS[1:])]


def _cell(name: str, value: Any, zone: tzinfo) -> object:  # noqa: ANN401 - a leaf's value
    if name == "at":
        return from_millis(value).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    if name == "charges":
        return ", ".join(f"{charge['limit']} {charge['period']} {charge['units']}" for charge in value or ())
    if name == "marks":
        return ", ".join(value or ())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return ""
    return cell_of(name, value) if name in NAMED_CELLS else value


def _line(value: dict[str, object]) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _text(value: bytes) -> str:
    return b64encode(value).decode()


def write_lines(lines: Iterable[bytes], out: IO[bytes]) -> int:
    """Write an export's lines. Return the number of entries."""
    count = 0
    for line in lines:
        out.write(line)
        count += line.startswith(b'{"index"')
    return count
