"""A file of applications: a platform's export, or a department's list (人才名单). It is checked first and then
imported.

An import is one transaction: all or nothing, unless the caller says otherwise. The same file again changes nothing.
Rows are read one at a time, twice, so that only a part of a long file is in memory. A list approves nobody: each row
becomes an application that two persons decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from typing import BinaryIO, Final, Literal, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from cards.programme.types import Programme
from issuer.applications import columns as of
from issuer.applications import intake, notices, records
from issuer.applications.columns import BadCell, Columns, NoColumns, columns_of
from issuer.applications.content import Applicant
from issuer.applications.intake import LIST, BadTold, CheckedIntake, IntakeOutcome, IntakeText, TakenIn
from issuer.applications.service import local_day
from issuer.applications.sheets import BadSheet, Sheet, SheetRow, open_sheet
from issuer.applications.states import State
from issuer.register import office_log
from issuer.register.application_tables import APPLICATIONS
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer
from issuer.register.office_log import OfficeAction
from issuer.register.tables import CARDS, HOLDERS, CardState

SHOWN_MOST: Final = 500
"""At most this many faults and remarks are listed one by one. The counts include all."""
LINE_COUNTS: Final = (
    IntakeOutcome.NEW.value,
    IntakeOutcome.KNOWN.value,
    IntakeOutcome.TWICE.value,
    "faulty",
    "held",
    "open",
)
"""The counts in the office log's line for a file."""
_AT_ONCE: Final = 400
_SHORT: Final = 8
T = TypeVar("T")
ImportProgress = Callable[[int], None]
"""Receives the number of rows done so far."""


class ImportOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options of a whole file. For a list: `department`, ground, limb, and the letter's `reference`.

    For a platform's file: `channel` is for rows without a channel. `skip_faulty`: import the good rows of a file with
    faults.
    """

    kind: Literal["platform", "list"]
    channel: str = ""
    department: str = ""
    ground: str = ""
    limb: str = ""
    reference: str = ""
    skip_faulty: bool = False

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that every import needs."""
        platform = ("receipt", *(() if self.channel else ("channel",)), *(() if self.ground else ("ground",)))
        return ("name", "id_number", *(("employer",) if self.kind == "list" else platform))


@dataclass(frozen=True, slots=True)
class RowFault:
    """A fault of one cell: the row's number in the file, the column's heading, a code, and the remedy."""

    row: int
    heading: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Remark:
    """A remark on one row: `known`, `twice`, or that the person has a card (`held`) or an open application (`open`)."""

    row: int
    code: str


@dataclass
class FileSummary:
    """The content of a file, as far as it was read. `counts`: rows by outcome, and by remark."""

    form: str
    columns: Columns
    sha256: str
    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[RowFault] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    @property
    def faulty(self) -> int:
        """Return the number of rows with a fault."""
        return self.counts["faulty"]

    @property
    def new(self) -> int:
        """Return how many applications an import would make."""
        return self.counts[IntakeOutcome.NEW]

    def told(self) -> dict[str, int]:
        """Return the counts as plain values, for the file's log line."""
        return {"rows": self.rows, **{name: self.counts[name] for name in LINE_COUNTS}}


def checked_options(issuer: Issuer, options: ImportOptions) -> ImportOptions:
    """Return options that the programme allows. Raises RefusedError for others."""
    programme = issuer.programme
    if options.kind == "platform":
        if options.channel and options.channel not in programme.channels:
            raise RefusedError("the programme has no such channel", f"one of {', '.join(programme.channels)}")
        return options
    ground = programme.grounds.get(options.ground)
    if ground is None:
        raise RefusedError("say for which ground the list is", "its code, such as gold-12")
    senders = ground.list_from or tuple(programme.departments)
    if options.department not in senders:
        raise RefusedError("this department hands in no list for this ground", f"one of {', '.join(senders)}")
    if options.limb and options.limb not in {one.code for one in ground.limbs}:
        raise RefusedError("the ground has no such limb", f"one of {', '.join(one.code for one in ground.limbs)}")
    reference = options.reference.strip()
    if not 1 <= len(reference) <= 100 or not reference.isprintable():
        raise RefusedError("say under which reference the list came", "the letter's number, 1 to 100 characters")
    return msgspec.structs.replace(options, reference=reference)


def look(
    issuer: Issuer,
    file: BinaryIO,
    options: ImportOptions,
    *,
    at: datetime,
    rows_most: int = 0,
    progress: ImportProgress | None = None,
) -> FileSummary:
    """Read a file and change nothing. Raises BadSheet or NoColumns if the file cannot be read."""
    pass_ = _Pass(issuer, checked_options(issuer, options), at, rows_most, progress)
    with issuer.register.read() as connection, open_sheet(file) as sheet:
        found = pass_.begin(sheet, file_digest(file))
        for part in pass_.parts(sheet, found):
            known, standing = intake.known_of(connection, [one for _, one in part]), _standing(connection, part)
            for row, one in part:
                pass_.count(found, row, one, intake.intake_outcome(one, known), standing)
    return found


def bring_in(
    issuer: Issuer,
    file: BinaryIO,
    options: ImportOptions,
    *,
    by: str,
    at: datetime,
    rows_most: int = 0,
    progress: ImportProgress | None = None,
) -> FileSummary:
    """Import a file: every row or none. With `skip_faulty`, import every good row.

    Raises RefusedError if a fault stops the import.
    """
    found = look(issuer, file, options, at=at, rows_most=rows_most)
    if found.faulty and not options.skip_faulty:
        raise RefusedError(f"{found.faulty} rows have faults, and nothing was imported", "mend them, or skip them")
    if not found.new:
        return found
    pass_ = _Pass(issuer, checked_options(issuer, options), at, rows_most, progress)
    with issuer.register.change() as connection, open_sheet(file) as sheet:
        found = pass_.begin(sheet, found.sha256)
        for part in pass_.parts(sheet, found):
            standing = _standing(connection, part)
            good = [(row, one) for row, one in part if pass_.is_first(one)]
            taken = iter(intake.take_in_many(issuer, connection, [one for _, one in good], by=by, at=at))
            made = dict(zip((row for row, _ in good), taken, strict=True))
            pass_.settle(connection, found, part, made, standing, by=by)
        if found.faulty and not options.skip_faulty:
            raise RefusedError("the register has changed meanwhile, and nothing was imported", "look at the file again")
        told: dict[str, object] = {"sha256": found.sha256, **found.told(), **_said(options)}
        office_log.append(connection, OfficeAction.LIST_IMPORTED, by=by, at=at, holder=None, card=None, **told)
    return found


def _said(options: ImportOptions) -> dict[str, str]:
    names = ("kind", "channel", "department", "ground", "limb", "reference")
    return {name: said for name in names if (said := getattr(options, name))}


class _Pass:
    """One pass through a file."""

    def __init__(
        self, issuer: Issuer, options: ImportOptions, at: datetime, rows_most: int, progress: ImportProgress | None
    ) -> None:
        self._issuer, self._options, self._at = issuer, options, at
        self._day = local_day(issuer, at)
        self._most, self._progress = rows_most, progress
        self._seen: dict[bytes, bytes] = {}

    def begin(self, sheet: Sheet, digest: str) -> FileSummary:
        """Find the headings. Titles may stand above them."""
        for row in sheet.rows:
            columns = columns_of(self._issuer.programme, row)
            if columns is not None:
                missing = [of.NAMES[name][0] for name in self._options.needed if name not in columns.fields]
                if missing:
                    raise NoColumns("missing-column", missing)
                return FileSummary(sheet.form, columns, digest)
            if row.number >= of.HEADING_ROWS:
                break
        raise NoColumns("no-headings")

    def parts(self, sheet: Sheet, found: FileSummary) -> Iterator[list[tuple[int, CheckedIntake]]]:
        """Yield the good rows in parts. Record the faults of the other rows."""
        part: list[tuple[int, CheckedIntake]] = []
        for row in sheet.rows:
            if row.empty:
                continue
            found.rows += 1
            if self._most and found.rows > self._most:
                raise BadSheet("too-many-rows", f"more than {self._most} rows: import the file by the command line")
            checked = self._checked(row, found)
            if checked is not None:
                part.append((row.number, checked))
            if len(part) == _AT_ONCE:
                yield part
                part = []
                if self._progress is not None:
                    self._progress(found.rows)
        yield part
        if self._progress is not None:
            self._progress(found.rows)

    def _checked(self, row: SheetRow, found: FileSummary) -> CheckedIntake | None:
        reading = _Reading(self._issuer.programme, self._options, found.columns, row)
        told = reading.told()
        faults = list(reading.faults)
        if not faults:
            try:
                return intake.check(self._issuer, told, self._day)
            except BadTold as error:
                faults = [
                    RowFault(row.number, found.columns.heading(one.field), f"field-{one.field}", str(one))
                    for one in error.faults
                ]
        self._note_faulty(found, faults)
        return None

    @staticmethod
    def _note_faulty(found: FileSummary, faults: list[RowFault]) -> None:
        found.counts["faulty"] += 1
        found.faults += faults[: max(0, SHOWN_MOST - len(found.faults))]

    def is_first(self, one: CheckedIntake) -> bool:
        """Return whether a row is the first of its application in this file, and remember it."""
        name = _name_of(one)
        if name in self._seen:
            return False
        self._seen[name] = one.content_hash.encode()[:_SHORT]
        return True

    def count(
        self, found: FileSummary, row: int, one: CheckedIntake, taken: TakenIn, standing: Mapping[str, set[str]]
    ) -> None:
        """Count the outcome of a row."""
        outcome = taken.outcome if self.is_first(one) else IntakeOutcome.TWICE
        self._note(found, row, one, outcome, standing)

    def settle(
        self,
        connection: Connection,
        found: FileSummary,
        part: list[tuple[int, CheckedIntake]],
        taken: Mapping[int, TakenIn],
        standing: Mapping[str, set[str]],
        *,
        by: str,
    ) -> None:
        """Count what became of a part; each new application is a line of the office log, as one taken in alone is."""
        for row, one in part:
            made = taken.get(row)
            self._note(found, row, one, IntakeOutcome.TWICE if made is None else made.outcome, standing)
            if made is not None and made.outcome is IntakeOutcome.NEW:
                self._received(connection, made.id, one, by)

    def _received(self, connection: Connection, application: str, one: CheckedIntake, by: str) -> None:
        """Note that an application was received, and queue a notice to whoever applied on a platform."""
        told = {"application": application, "ground": one.ground.code}
        office_log.append(connection, OfficeAction.APPLICATION_RECEIVED, by=by, at=self._at, **told)
        if self._options.kind == "platform":
            read = records.read(self._issuer, connection, application)
            notices.queue(self._issuer, connection, read, "received", at=self._at)

    def _note(
        self, found: FileSummary, row: int, one: CheckedIntake, outcome: IntakeOutcome, standing: Mapping[str, set[str]]
    ) -> None:
        other = outcome is IntakeOutcome.TWICE and self._seen[_name_of(one)] != one.content_hash.encode()[:_SHORT]
        if other or outcome is IntakeOutcome.DIFFERS:
            code = "twice-differs" if other else "differs"
            self._note_faulty(found, [RowFault(row, found.columns.heading("name"), code, of.REMEDIES[code])])
            return
        found.counts[outcome] += 1
        said = [] if outcome is IntakeOutcome.NEW else [outcome.value]
        said += sorted(standing.get(one.identity_hash, ())) if outcome is IntakeOutcome.NEW else []
        for code in said:
            if code not in (IntakeOutcome.KNOWN, IntakeOutcome.TWICE):
                found.counts[code] += 1
            if len(found.remarks) < SHOWN_MOST:
                found.remarks.append(Remark(row, code))


def _name_of(one: CheckedIntake) -> bytes:
    return sha256(f"{one.channel}\0{one.channel_receipt}".encode()).digest()[:_SHORT]


class _Reading:
    """One row, cell by cell. All faults of the row are found, not only the first."""

    def __init__(self, programme: Programme, options: ImportOptions, columns: Columns, row: SheetRow) -> None:
        self._programme, self._options, self._columns, self._row = programme, options, columns, row
        self.faults: list[RowFault] = []

    def told(self) -> IntakeText:
        """Return the values of the row. Faulty values are empty in it."""
        options, listed = self._options, self._options.kind == "list"
        number = self._get("id_number", of.number_of, "")
        kind = self._id_type(number)
        who = Applicant(
            self._text("name"), kind, number, self._text("id_country"), self._get("phone", of.phone_of, ""),
            self._text("email"),
        )  # fmt: skip
        ground, limb = self._ground()
        return IntakeText(
            channel=f"{LIST}{options.department}" if listed else (self._channel() or options.channel),
            channel_receipt="" if listed else self._text("receipt"),
            person=who,
            ground=ground,
            limb=limb,
            employer=self._text("employer"),
            employer_kind=self._get("employer_kind", self._employer_kind, ""),
            post=self._text("post"),
            facts=dict(self._figures()),
            basis_ends=self._get("basis_ends", of.cell_day, None),
            permit_ends=self._get("permit_ends", of.cell_day, None),
            listed_by=options.department if listed else "",
            reference=options.reference if listed else "",
        )

    def _id_type(self, number: str) -> str:
        """Return the kind of document; without a named kind, the number's form decides. For a faulty number, report
        nothing more.
        """
        place = self._columns.fields.get("id_type", len(self._row.cells))
        return (
            self._read("id_type", place, lambda cell: of.id_type_of(of.cell_text(cell), number), "") if number else ""
        )

    def _ground(self) -> tuple[str, str]:
        options = self._options
        if options.ground:
            return options.ground, self._text("limb") or options.limb
        ground, limb = self._get(
            "ground", lambda cell: of.ground_of_text(self._programme, of.cell_text(cell)), ("", "")
        )
        return ground, limb or self._text("limb")

    def _channel(self) -> str:
        text = self._text("channel")
        named = {word: code for code, said in self._programme.channels.items() for word in (code, said.zh, said.en)}
        return named.get(text, text)

    def _employer_kind(self, cell: object) -> str:
        return of.employer_kind_of(self._programme, of.cell_text(cell))  # type: ignore[arg-type]  # a cell

    def _figures(self) -> Iterator[tuple[str, str]]:
        for measure, place in self._columns.measures.items():
            found = self._read(measure, place, _figure, "")
            if found:
                yield measure, found

    def _text(self, name: str) -> str:
        return self._get(name, of.cell_text, "")

    def _get(self, name: str, read: Callable[..., T], empty: T) -> T:
        place = self._columns.fields.get(name)
        return empty if place is None else self._read(name, place, read, empty)

    def _read(self, name: str, place: int, read: Callable[..., T], empty: T) -> T:
        cell = self._row.cells[place] if place < len(self._row.cells) else None
        try:
            if cell is None and name != "id_type":
                return self._empty(name, empty)
            return read(cell)
        except BadCell as error:
            self.faults.append(RowFault(self._row.number, self._columns.heading(name), error.code, str(error)))
            return empty

    def _empty(self, name: str, empty: T) -> T:
        if name in self._options.needed:
            raise BadCell("missing")
        return empty


def _figure(cell: object) -> str:
    return cell.isoformat() if isinstance(cell, date) else of.cell_text(cell)  # type: ignore[arg-type]  # a cell


def _standing(connection: Connection, part: list[tuple[int, CheckedIntake]]) -> dict[str, set[str]]:
    """Return the identity hashes in a part that have a live card, and those that have an open application."""
    hashes = sorted({one.identity_hash for _, one in part})
    live = CARDS.c.state.in_([CardState.VALID, CardState.SUSPENDED])
    held = sa.select(HOLDERS.c.id_hash).join(CARDS, CARDS.c.holder_id == HOLDERS.c.id).where(live)
    t = APPLICATIONS
    waits = sa.select(t.c.id_hash).where(t.c.state.in_([one.value for one in State if one.open]))
    found: dict[str, set[str]] = {}
    for code, asked, column in (("held", held, HOLDERS.c.id_hash), ("open", waits, t.c.id_hash)):
        for hashed in connection.execute(asked.where(column.in_(hashes))).scalars():
            found.setdefault(hashed, set()).add(code)
    return found


def file_digest(file: BinaryIO) -> str:
    """Return the SHA-256 of a file in hexadecimal, and set the file back to its beginning."""
    place = file.tell()
    file.seek(0)
    found = sha256()
    while piece := file.read(1 << 16):
        found.update(piece)
    file.seek(place)
    return found.hexdigest()
