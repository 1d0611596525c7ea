"""The records of each device that were seen, those that wait for a supervisor, and faults in their numbering.

The store is kept beside the ledger and never replaces it: the ledger itself promises that a use counts once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from cards.offline_record import SignedRecord
from edge.database import Database
from edge.instants import from_epoch, to_epoch
from edge.sealing import Sealer, Unsealable
from verifier.records.tables import MIGRATIONS
from verifier.records.tables import OFFLINE_INCIDENTS as INCIDENTS
from verifier.records.tables import OFFLINE_RECORDS as RECORDS

APPLIED: Final = "applied"
HELD: Final = "held"
DISMISSED: Final = "dismissed"

GAP: Final = "gap"
FORK: Final = "fork"
BROKEN_CHAIN: Final = "broken-chain"
FORGED: Final = "forged"

GAPS_MOST: Final = 100
"""How many gaps of one device are recorded. A device with more gaps has lost its records."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A record that was seen. `answer` is the answer after the record was applied; `why` is the reason of a hold."""

    device: str
    seq: int
    digest: str
    made_at: datetime
    received_at: datetime
    point: str
    service: str
    operator: str | None
    state: str
    why: str | None = None
    answer: str | None = None
    decided_by: str | None = None
    entry: str | None = None


@dataclass(frozen=True, slots=True)
class SeenRecord:
    """A record to remember, its result, and the log's entry for the result."""

    signed: SignedRecord
    state: str
    why: str | None = None
    answer: str | None = None
    entry: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceIncident:
    """A fault of a device: a gap in the sequence, two records with one number, a broken chain, or forgeries.

    `count`: how often the fault was met. `closed_at`: when a gap was filled.
    """

    device: str
    kind: str
    seq: int
    until_seq: int
    count: int
    first_at: datetime
    last_at: datetime
    closed_at: datetime | None


def held_at(url: str) -> tuple[int, datetime | None]:
    """Return how many records wait in the store at an address, and since when the oldest one waits."""
    database = Database.open(url, room="verifier", migrations=MIGRATIONS)
    query = sa.select(sa.func.count(), sa.func.min(RECORDS.c.received_at)).where(RECORDS.c.state == HELD)
    try:
        with database.read() as connection:
            count, oldest = connection.execute(query).one()
    finally:
        database.close()
    return count, None if oldest is None else from_epoch(oldest)


class OfflineStore:
    """Remembers records in the verifier's erasable store. Waiting records are sealed there."""

    def __init__(self, database: Database, secret: bytes) -> None:
        """Keep the database. Held records are sealed under the server's secret, because they contain card tokens."""
        self._database = database
        self._sealer = Sealer(secret, "offline-records")

    def known(self, device: str, seqs: Iterable[int]) -> Mapping[tuple[int, str], Kept]:
        """Return the records seen of a device under these numbers, by number and digest."""
        wanted = RECORDS.c.device == device, RECORDS.c.seq.in_(list(seqs))
        with self._database.read() as connection:
            return {(row.seq, row.digest): _kept(row) for row in connection.execute(sa.select(RECORDS).where(*wanted))}

    def remember(self, seen: Sequence[SeenRecord], at: datetime) -> None:
        """Keep records that are new, and record forks and breaks in their chains. Records that are sent again change
        nothing.
        """
        try:
            self._remember(seen, at)
        except IntegrityError:  # Another worker kept the same batch at this very moment: now it is known
            self._remember(seen, at)

    def note_gaps(self, device: str, at: datetime) -> tuple[tuple[int, int], ...]:
        """Return the missing numbers below the highest seen, as ranges. Record new gaps, and close filled gaps."""
        with self._database.write() as connection:
            gaps = _gaps(connection, device)
            mine = INCIDENTS.c.device == device, INCIDENTS.c.kind == GAP, INCIDENTS.c.closed_at.is_(None)
            rows = connection.execute(sa.select(INCIDENTS.c.seq, INCIDENTS.c.until_seq).where(*mine))
            noted = {(row.seq, row.until_seq) for row in rows}
            for seq, until in noted - set(gaps):
                change = INCIDENTS.update().where(*mine, INCIDENTS.c.seq == seq, INCIDENTS.c.until_seq == until)
                connection.execute(change.values(closed_at=to_epoch(at)))
            for seq, until in sorted(set(gaps) - noted):
                _note(connection, device, GAP, seq, at, until=until)
        return gaps

    def note(self, device: str, kind: str, seq: int, at: datetime) -> None:
        """Record an incident. The same incident again is counted."""
        with self._database.write() as connection:
            _note(connection, device, kind, seq, at)

    def incidents(self, device: str | None = None) -> tuple[DeviceIncident, ...]:
        """Return incidents of one device or of all, newest first."""
        wanted = sa.select(INCIDENTS).order_by(INCIDENTS.c.last_at.desc(), INCIDENTS.c.device, INCIDENTS.c.seq)
        with self._database.read() as connection:
            rows = connection.execute(wanted if device is None else wanted.where(INCIDENTS.c.device == device))
            return tuple(_incident(row) for row in rows)

    def highest(self, device: str) -> int:
        """Return the highest number seen of a device, or 0 if there is none."""
        with self._database.read() as connection:
            found = connection.execute(sa.select(sa.func.max(RECORDS.c.seq)).where(RECORDS.c.device == device)).scalar()
        return int(found or 0)

    def count_held(self, places: Mapping[str, Collection[str]] | None = None) -> int:
        """Return how many records wait for a supervisor: all, or those of these services at these points."""
        held = sa.select(sa.func.count()).select_from(RECORDS).where(RECORDS.c.state == HELD)
        if places is not None:
            held = held.where(_at(places))
        with self._database.read() as connection:
            return connection.execute(held).scalar() or 0

    def held(self, places: Mapping[str, Collection[str]] | None, most: int = 200) -> tuple[Kept, ...]:
        """Return waiting records, oldest first: all, or those of these services at these points."""
        wanted = sa.select(RECORDS).where(RECORDS.c.state == HELD).order_by(RECORDS.c.received_at, RECORDS.c.seq)
        if places is not None:
            wanted = wanted.where(_at(places))
        with self._database.read() as connection:
            return tuple(_kept(row) for row in connection.execute(wanted.limit(most)))

    def held_by_device(self) -> Mapping[str, int]:
        """Return the number of waiting records of each device. Devices without waiting records are left out."""
        waiting = sa.func.count().label("waiting")
        query = sa.select(RECORDS.c.device, waiting).where(RECORDS.c.state == HELD).group_by(RECORDS.c.device)
        with self._database.read() as connection:
            return {str(row.device): row.waiting for row in connection.execute(query)}

    def held_of(self, device: str) -> int:
        """Return the number of waiting records of a device."""
        mine = RECORDS.c.device == device, RECORDS.c.state == HELD
        with self._database.read() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(RECORDS).where(*mine)).scalar() or 0)

    def waiting_entries(self, entries: Collection[str]) -> frozenset[str]:
        """Return which of these entries belong to a record that still waits."""
        wanted = RECORDS.c.entry.in_(list(entries)), RECORDS.c.state == HELD
        with self._database.read() as connection:
            return frozenset(connection.execute(sa.select(RECORDS.c.entry).where(*wanted)).scalars())

    def find(self, digest: str) -> tuple[Kept, str | None] | None:
        """Return a record that waits or waited, with its text while it is kept, or None if the record is unknown."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(RECORDS).where(RECORDS.c.digest == digest)).first()
        if row is None:
            return None
        return _kept(row), None if row.record is None else self._opened(row.record, digest)

    def decide(self, digest: str, state: str, by: str, answer: str | None = None) -> None:
        """Record the decision on a waiting record, and delete its text. A second decision changes nothing."""
        waiting = RECORDS.c.digest == digest, RECORDS.c.state == HELD
        with self._database.write() as connection:
            change = RECORDS.update().where(*waiting)
            connection.execute(change.values(state=state, decided_by=by, answer=answer, record=None))

    def _remember(self, seen: Sequence[SeenRecord], at: datetime) -> None:
        with self._database.write() as connection:
            for record in seen:
                if not _is_known(connection, record.signed):
                    connection.execute(RECORDS.insert().values(self._row(record, at)))
                    _check_chain(connection, record.signed, at)

    def _row(self, seen: SeenRecord, at: datetime) -> dict[str, Any]:
        record, digest = seen.signed.record, seen.signed.digest
        return {
            "device": record.device,
            "seq": record.seq,
            "digest": digest,
            "prev": record.prev,
            "prev_at": None if record.prev_at is None else to_epoch(record.prev_at),
            "made_at": to_epoch(record.made_at),
            "received_at": to_epoch(at),
            "point": record.point,
            "service": record.service,
            "operator": record.operator,
            "state": seen.state,
            "why": seen.why,
            "answer": seen.answer,
            "entry": seen.entry,
            "record": self._sealer.seal(seen.signed.text.encode(), digest) if seen.state == HELD else None,
        }

    def _opened(self, sealed: bytes, digest: str) -> str | None:
        try:
            return self._sealer.open(sealed, digest).decode()
        except Unsealable:
            return None


def _at(places: Mapping[str, Collection[str]]) -> sa.ColumnElement[bool]:
    """Return the condition for a record to be of one of these services at one of its points."""
    here = [
        sa.and_(RECORDS.c.service == service, RECORDS.c.point.in_(list(points))) for service, points in places.items()
    ]
    return sa.or_(sa.false(), *here)


def _is_known(connection: Connection, signed: SignedRecord) -> bool:
    same = RECORDS.c.device == signed.record.device, RECORDS.c.seq == signed.record.seq
    found = connection.execute(sa.select(RECORDS.c.digest).where(*same, RECORDS.c.digest == signed.digest))
    return found.first() is not None


def _check_chain(connection: Connection, signed: SignedRecord, at: datetime) -> None:
    """Compare a record with its neighbours that are already here. Every order of upload gives the same result."""
    record = signed.record
    near = sa.select(RECORDS).where(
        RECORDS.c.device == record.device, RECORDS.c.seq.between(record.seq - 1, record.seq + 1)
    )
    for row in connection.execute(near).all():
        if row.seq == record.seq and row.digest != signed.digest:
            _note(connection, record.device, FORK, record.seq, at)
        before, prev, prev_at = (row, record.prev, _epoch(record.prev_at)) if row.seq < record.seq else (None, "", None)
        if before is not None and (before.digest, before.made_at) != (prev, prev_at):
            _note(connection, record.device, BROKEN_CHAIN, record.seq, at)
        if row.seq > record.seq and (row.prev, row.prev_at) != (signed.digest, to_epoch(record.made_at)):
            _note(connection, record.device, BROKEN_CHAIN, row.seq, at)


def _epoch(at: datetime | None) -> int | None:
    return None if at is None else to_epoch(at)


def _note(connection: Connection, device: str, kind: str, seq: int, at: datetime, *, until: int | None = None) -> None:
    same = INCIDENTS.c.device == device, INCIDENTS.c.kind == kind, INCIDENTS.c.seq == seq
    now = {"until_seq": seq if until is None else until, "last_at": to_epoch(at), "closed_at": None}
    again = INCIDENTS.update().where(*same).values(count=INCIDENTS.c.count + 1, **now)
    if connection.execute(again).rowcount == 0:
        first = {"device": device, "kind": kind, "seq": seq, "count": 1, "first_at": to_epoch(at)}
        connection.execute(INCIDENTS.insert().values(first | now))


def _gaps(connection: Connection, device: str) -> tuple[tuple[int, int], ...]:
    """Return the missing ranges from 1 to the highest number seen, lowest first."""
    numbers = sa.select(RECORDS.c.seq).where(RECORDS.c.device == device).distinct().subquery()
    following = sa.func.lead(numbers.c.seq).over(order_by=numbers.c.seq).label("following")
    steps = sa.select(numbers.c.seq, following).subquery()
    jumps = sa.select(steps).where(steps.c.following > steps.c.seq + 1).order_by(steps.c.seq).limit(GAPS_MOST)
    gaps = [(row.seq + 1, row.following - 1) for row in connection.execute(jumps)]
    lowest = connection.execute(sa.select(sa.func.min(numbers.c.seq))).scalar()
    return tuple([(1, lowest - 1), *gaps] if lowest is not None and lowest > 1 else gaps)


def _kept(row: Row[Any]) -> Kept:
    return Kept(
        row.device,
        row.seq,
        row.digest,
        from_epoch(row.made_at),
        from_epoch(row.received_at),
        row.point,
        row.service,
        row.operator,
        row.state,
        row.why,
        row.answer,
        row.decided_by,
        row.entry,
    )


def _incident(row: Row[Any]) -> DeviceIncident:
    closed = None if row.closed_at is None else from_epoch(row.closed_at)
    first, last = from_epoch(row.first_at), from_epoch(row.last_at)
    # A row is a tuple too: `row.count` would be the tuple's own method.
    times = row._mapping["count"]  # noqa: SLF001 - SQLAlchemy's documented name
    return DeviceIncident(row.device, row.kind, row.seq, row.until_seq, times, first, last, closed)
