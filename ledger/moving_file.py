"""A ledger as a file of JSON Lines. Each line carries the running hash of all lines up to it, so that a damaged line
can be named.

`{"sum":"…","line":{…}}`: `sum` is the SHA-256 of the sum before and of this line's object as it stands, in base64url.
The first line is the header. The last line counts everything and holds the SHA-256 of all bytes before it. The sums
find accidents. A person who can write the file can also write the sums; against this person, the log's own chain and
its signed checkpoints protect.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import IO

import msgspec

from edge.encoding import b64u
from edge.structs import UNREADABLE
from ledger.contents import Contents, Damaged, KeptAnswer, KeptHolder, KeptProof, Rebuilt
from ledger.values import PARTITIONS, LedgerError

FORMAT = "yunju-ledger"
VERSION = 1
MAX_LINE = 65_536
_START = b'{"sum":"'
_MIDDLE = b'","line":'
_BODY = len(_START) + 43 + len(_MIDDLE)


class _Part(msgspec.Struct, frozen=True, tag_field="is", forbid_unknown_fields=True):
    """One line's object."""


class Header(_Part, frozen=True, tag="header"):
    """The first line: what the file is, and how many entries it holds."""

    format: str
    version: int
    partitions: int
    entries: int


class _HolderPart(_Part, frozen=True, tag="holder"):
    partition: int
    sub: str
    salt: bytes


class _LeafPart(_Part, frozen=True, tag="leaf"):
    partition: int
    leaf: msgspec.Raw


class _AnswerPart(_Part, frozen=True, tag="answer"):
    partition: int
    scope: str
    device: str
    operation: str
    request: bytes
    answer: msgspec.Raw
    keep_until: int


class _ProofPart(_Part, frozen=True, tag="proof"):
    partition: int
    card: str
    proof: str
    device: str
    spent: bool
    keep_until: int


class Closing(_Part, frozen=True, tag="end"):
    """The last line: how many lines of each kind, and the digest of all bytes before it (as `sha256sum` gives it)."""

    entries: int
    holders: int
    answers: int
    proofs: int
    digest: str


_LEAVES: tuple[int | str, ...] = (0,)
"""The place of leaves among the lines: first, in the order of their chain."""

_Row = _HolderPart | _LeafPart | _AnswerPart | _ProofPart
_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(Header | _HolderPart | _LeafPart | _AnswerPart | _ProofPart | Closing).decode
_ORDER: tuple[type[_Part], ...] = (_LeafPart, _HolderPart, _AnswerPart, _ProofPart)


class _Sums:
    """The running hash, the digest of all bytes so far, and the counts by kind."""

    def __init__(self) -> None:
        self.last = bytes(32)
        self.all = sha256()
        self.counts: dict[type[_Part], int] = {}

    def line(self, body: bytes) -> bytes:
        """Return the whole next line, as it must stand."""
        self.last = sha256(self.last + body).digest()
        return _START + b64u(self.last).encode() + _MIDDLE + body + b"}\n"

    def count(self, part: _Part, line: bytes) -> None:
        """Count a line."""
        self.all.update(line)
        self.counts[type(part)] = self.counts.get(type(part), 0) + 1

    def closing(self) -> Closing:
        """Return the content of the last line."""
        entries, holders, answers, proofs = (self.counts.get(kind, 0) for kind in _ORDER)
        return Closing(entries, holders, answers, proofs, self.all.hexdigest())


def write(path: Path, entries: int, found: Iterable[Contents]) -> Closing:
    """Write a ledger's contents to a new, synced file that only its owner may read (mode 0600). If this fails, no file
    is left.

    Raises FileExistsError if the file exists, LedgerError if the number of entries is not `entries`.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            closing = _write(file, entries, found)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    return closing


def _write(file: IO[bytes], entries: int, found: Iterable[Contents]) -> Closing:
    sums = _Sums()
    header = Header(FORMAT, VERSION, PARTITIONS, entries)
    for part in chain([header], chain.from_iterable(map(_parts, found))):
        line = sums.line(_ENCODE(part))
        sums.count(part, line)
        file.write(line)
    closing = sums.closing()
    if closing.entries != entries:
        raise LedgerError("entries were added while the ledger was read: stop the verifiers first")
    file.write(sums.line(_ENCODE(closing)))
    return closing


def _parts(contents: Contents) -> Iterator[_Part]:
    place = contents.partition
    for data in contents.leaves:
        yield _LeafPart(place, msgspec.Raw(data))
    for holder in contents.holders:
        yield _HolderPart(place, holder.subject, holder.salt)
    for one in contents.answers:
        answer = msgspec.Raw(one.answer)
        yield _AnswerPart(place, one.scope, one.device, one.operation, one.request, answer, one.keep_until)
    for marker in contents.proofs:
        yield _ProofPart(place, marker.card, marker.proof, marker.device, marker.spent, marker.keep_until)


def read_header(file: IO[bytes]) -> Header:
    """Return the first line of a file. Raises Damaged if the file holds no ledger, or a ledger of another version."""
    file.seek(0)
    (_, header) = next(_lines(file), (1, None))
    if not isinstance(header, Header):
        raise Damaged("line 1: the file has no header")
    return header


def read(file: IO[bytes]) -> Iterator[Contents]:
    """Yield the contents of a file, partition by partition. Every line is checked. Raises Damaged with the first bad
    line.

    A partition that was yielded may come from a file that is damaged further on. Read the file to its end first.
    """
    file.seek(0)
    page: _Page | None = None
    for number, part in _lines(file):
        if isinstance(part, Header | Closing):
            continue
        try:
            if page is None or part.partition != page.partition:
                last = -1 if page is None else page.partition
                if page is not None:
                    yield page.contents()
                page = _Page.after(last, part.partition)
            page.add(part)
        except Damaged as error:
            raise Damaged(f"line {number}: {error}") from error
    if page is not None:
        yield page.contents()


@dataclass(slots=True)
class _Page:
    """One partition, as its lines are read."""

    rebuilt: Rebuilt
    leaves: list[bytes] = field(default_factory=list)
    holders: list[KeptHolder] = field(default_factory=list)
    answers: list[KeptAnswer] = field(default_factory=list)
    proofs: list[KeptProof] = field(default_factory=list)
    place: tuple[int | str, ...] = ()

    @classmethod
    def after(cls, last: int, partition: int) -> _Page:
        """Begin a partition that must follow the last one."""
        if not last < partition < PARTITIONS:
            raise Damaged("the partitions are out of order")
        return cls(Rebuilt(partition))

    @property
    def partition(self) -> int:
        """The number of the partition."""
        return self.rebuilt.partition

    def add(self, part: _Row) -> None:
        """Add a line. Raises Damaged if the line does not fit the lines before it."""
        place = _place(part)
        if place <= self.place and not (place == self.place == _LEAVES):
            raise Damaged("the lines of a partition are out of order, or one is given twice")
        self.place = place
        match part:
            case _LeafPart():
                self.rebuilt.add(bytes(part.leaf))
                self.leaves.append(bytes(part.leaf))
            case _HolderPart():
                self.holders.append(KeptHolder(part.sub, part.salt))
                self.rebuilt.require_holder(self.holders[-1])
            case _AnswerPart():
                told = (part.request, bytes(part.answer), part.keep_until)
                self.answers.append(KeptAnswer(part.scope, part.device, part.operation, *told))
                self.rebuilt.require_answer(self.answers[-1], self.leaves)
            case _ProofPart():
                self.proofs.append(KeptProof(part.card, part.proof, part.device, part.spent, part.keep_until))

    def contents(self) -> Contents:
        """Return what was read."""
        kept = (tuple(self.holders), tuple(self.answers), tuple(self.proofs))
        return Contents(self.partition, tuple(self.leaves), *kept)


def _place(part: _Row) -> tuple[int | str, ...]:
    """Return the place of a line among the lines of its partition."""
    match part:
        case _LeafPart():
            return _LEAVES
        case _HolderPart():
            return 1, part.sub
        case _AnswerPart():
            return 2, part.scope, part.device, part.operation
        case _ProofPart():
            return 3, part.card, part.proof


def _lines(file: IO[bytes]) -> Iterator[tuple[int, Header | _Row | Closing]]:
    """Yield the number and the object of each line, with its sum checked. Raises Damaged if a line is not what was
    written.
    """
    sums, number, closed, entries = _Sums(), 0, False, 0
    while line := file.readline(MAX_LINE):
        number += 1
        body = line[_BODY:-2]
        if closed:
            raise Damaged(f"line {number}: stands after the closing line")
        if line != sums.line(body):
            raise Damaged(f"line {number}: is altered, or a line before it was removed or moved")
        part = _decode(number, body)
        if isinstance(part, Header):
            entries = part.entries
        if isinstance(part, Closing):
            if part != sums.closing() or part.entries != entries:
                raise Damaged(f"line {number}: the counts or the digest do not fit the lines before")
            closed = True
        sums.count(part, line)
        yield number, part
    if not closed:
        raise Damaged(f"line {number + 1}: the closing line is missing")


def _decode(number: int, body: bytes) -> Header | _Row | Closing:
    try:
        part: Header | _Row | Closing = _DECODE(body)
    except (*UNREADABLE, ValueError) as error:
        raise Damaged(f"line {number}: cannot be read: {error}") from error
    if isinstance(part, Header) != (number == 1):
        raise Damaged(f"line {number}: the header belongs on the first line, and there alone")
    if isinstance(part, Header) and (part.format, part.version, part.partitions) != (FORMAT, VERSION, PARTITIONS):
        raise Damaged(f"line {number}: written in another format, or by a later version")
    return part
