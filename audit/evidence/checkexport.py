"""Checks an exported file offline and in a stream: every entry against its proof, the whole file against its
checkpoint.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from audit.evidence.chains import Chains, FindingKind, LogFinding, entry_place
from audit.evidence.checking import CheckProgress
from audit.evidence.exporting import FORMAT
from audit.tree.tiles import WIDTH
from edge.structs import UNREADABLE
from keys.merkle import Growing, ProofError, root_of, verify_inclusion
from keys.notes import Checkpoint, NoteError, NoteKey, OpenedCheckpoint, open_checkpoint
from ledger.leaf import leaf_hash

_MOST_FINDINGS = 200
_STEP = 4096


class ExportHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of an export."""

    format: str
    size: int
    whole: bool
    filter: dict[str, str]
    checkpoint: str


class ExportLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Any later line: an entry, the proof of a block, or the end."""

    index: int | None = None
    hash: str | None = None
    leaf: msgspec.Raw = msgspec.Raw()
    proof: list[str] | None = None
    block: int | None = None
    end: bool = False
    entries: int | None = None


_HEAD = msgspec.json.Decoder(ExportHead)
_LINE = msgspec.json.Decoder(ExportLine)


class NotAnExport(ValueError):
    """The file is no export of a usage log."""


def read_head(line: bytes) -> ExportHead:
    """Return an export's first line. Raises NotAnExport for anything else."""
    try:
        head = _HEAD.decode(line)
    except UNREADABLE as error:
        raise NotAnExport(f"not an export of a usage log: {error}") from None
    if head.format != FORMAT:
        raise NotAnExport(f"an export of another format: {head.format[:40]}")
    return head


def open_head(head: ExportHead, keys: Sequence[NoteKey], witnesses: Sequence[NoteKey] = ()) -> OpenedCheckpoint:
    """Return the verified checkpoint of an export. Raises NoteError if no trusted key signed it."""
    opened = open_checkpoint(head.checkpoint, keys, witnesses)
    if opened.checkpoint.size != head.size:
        raise NoteError("the export tells another size than its checkpoint")
    return opened


def check_export(
    head: ExportHead, opened: OpenedCheckpoint, lines: Iterable[bytes], since: Checkpoint | None = None
) -> Iterator[LogFinding | CheckProgress]:
    """Check the lines after the first. For a whole log, also check that it still begins as it did at the verified
    checkpoint `since`.
    """
    check = _Whole(opened, since) if head.whole else _Choice(opened)
    found, ended = 0, False
    for number, line in enumerate(lines, 2):
        if ended:
            yield LogFinding(FindingKind.INSERTED, f"line {number}", "something follows the last line")
            return
        try:
            read = _LINE.decode(line)
        except UNREADABLE as error:
            yield LogFinding(FindingKind.DAMAGED, f"line {number}", f"is no line of an export: {error}")
            found += 1
            continue
        for step in check.end(read) if read.end else check.add(read, f"line {number}"):
            found += 1
            yield step
        ended = read.end
        if number % _STEP == 0:
            yield CheckProgress(check.count)
        if found >= _MOST_FINDINGS:
            yield LogFinding(FindingKind.OTHER_LOG, f"line {number}", "so much differs that the rest was not read")
            return
    if not ended:
        yield LogFinding(FindingKind.MISSING, "end", "the file ends before its last line: what follows was cut off")
    yield CheckProgress(check.count)


class _Whole:
    """A whole log: the hash of each entry, and one proof for each 256 entries."""

    def __init__(self, opened: OpenedCheckpoint, since: Checkpoint | None) -> None:
        self._size, self._root = opened.checkpoint.size, opened.checkpoint.root
        self._since, self._origin = since, opened.checkpoint.origin
        self._before = Growing()
        self._chains = Chains()
        self._hashes: list[bytes] = []
        self._next = 0
        self._blocks = 0
        self.count = 0

    def add(self, line: ExportLine, place: str) -> Iterator[LogFinding]:
        if line.block is not None:
            yield from self._block(line, place)
            return
        if line.index is None or line.hash is None:
            yield LogFinding(FindingKind.DAMAGED, place, "is neither an entry nor a proof")
            return
        self.count += 1
        yield from self._place(line.index)
        data = bytes(line.leaf)
        own, told = leaf_hash(data), _hash(line.hash)
        self._hashes.append(told)
        if self._since is not None and self._before.size < self._since.size:
            self._before.add(told)
        if own == told:
            yield from self._chains.add(line.index, data, told)
        else:
            yield LogFinding(
                FindingKind.ALTERED, entry_place(line.index), "the entry is not the one whose hash stands beside it"
            )
            yield from self._chains.add_altered(line.index, data, told)

    def _place(self, index: int) -> Iterator[LogFinding]:
        if index > self._next:
            yield LogFinding(FindingKind.MISSING, entry_place(self._next), f"{index - self._next} entries are missing")
        elif index < self._next:
            yield LogFinding(FindingKind.OUT_OF_ORDER, entry_place(index), f"stands where index {self._next} belongs")
        self._next = max(self._next, index + 1)

    def _block(self, line: ExportLine, place: str) -> Iterator[LogFinding]:
        first = self._blocks * WIDTH
        span = f"index {first} to {min(first + WIDTH, self._size) - 1}"
        if line.block != self._blocks:
            yield LogFinding(
                FindingKind.OUT_OF_ORDER, place, f"the proof of block {line.block} stands where {self._blocks} belongs"
            )
        proof = [_hash(step) for step in line.proof or ()]
        try:
            verify_inclusion(root_of(self._hashes), self._blocks, -(-self._size // WIDTH), proof, self._root)
        except ProofError as error:
            yield LogFinding(
                FindingKind.PROOF, span, f"the entries of this block are not those of the checkpoint: {error}"
            )
        self._hashes.clear()
        self._blocks += 1

    def end(self, line: ExportLine) -> Iterator[LogFinding]:
        if self._next < self._size:
            yield LogFinding(
                FindingKind.MISSING, entry_place(self._next), f"{self._size - self._next} entries are missing"
            )
        if self._hashes or self._blocks != -(-self._size // WIDTH):
            yield LogFinding(FindingKind.PROOF, entry_place(self._blocks * WIDTH), "from here on no proof is given")
        if line.entries != self.count:
            yield LogFinding(
                FindingKind.MISSING, "end", f"the last line counts {line.entries} entries, here are {self.count}"
            )
        yield from self._chains.end()
        yield from self._history()

    def _history(self) -> Iterator[LogFinding]:
        since = self._since
        if since is None:
            return
        if since.origin != self._origin:
            yield LogFinding(FindingKind.OTHER_LOG, "checkpoint", f"the earlier checkpoint is of {since.origin}")
        elif since.size > self._size:
            yield LogFinding(
                FindingKind.ROLLED_BACK, "checkpoint", f"the log had {since.size} entries, now it has {self._size}"
            )
        elif self._before.root() != since.root:
            yield LogFinding(
                FindingKind.REWRITTEN, f"index 0 to {since.size - 1}", "the log began otherwise at that checkpoint"
            )


class _Choice:
    """Chosen entries, each with its proof."""

    def __init__(self, opened: OpenedCheckpoint) -> None:
        self._checkpoint = opened.checkpoint
        self._last = -1
        self.count = 0

    def add(self, line: ExportLine, place: str) -> Iterator[LogFinding]:
        if line.index is None or line.proof is None:
            yield LogFinding(FindingKind.DAMAGED, place, "is no entry with a proof")
            return
        self.count += 1
        if line.index <= self._last:
            yield LogFinding(
                FindingKind.OUT_OF_ORDER, entry_place(line.index), "stands behind a later entry, or a second time"
            )
        self._last = max(self._last, line.index)
        checkpoint = self._checkpoint
        try:
            proof = [_hash(step) for step in line.proof]
            verify_inclusion(leaf_hash(bytes(line.leaf)), line.index, checkpoint.size, proof, checkpoint.root)
        except ProofError as error:
            yield LogFinding(FindingKind.ALTERED, entry_place(line.index), f"the entry is not the log's: {error}")

    def end(self, line: ExportLine) -> Iterator[LogFinding]:
        if line.entries != self.count:
            yield LogFinding(
                FindingKind.MISSING, "end", f"the last line counts {line.entries} entries, here are {self.count}"
            )


def _hash(text: str) -> bytes:
    """Return the hash in an export's text, or empty bytes for a malformed text. Empty bytes fit no proof."""
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""
