"""The SQLite ledger: one file for many processes. It is durable and atomic by the contract of `interface.Ledger`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from edge.clock import Clock
from ledger.bookings import Booking, BookingChange, BookingEnd, BookingQuery, Hold
from ledger.contents import Contents, rebuild
from ledger.leaf import Leaf, LeafError
from ledger.matters import MatterStep
from ledger.millis import to_millis
from ledger.offline import OfflineUse
from ledger.skew import Instants
from ledger.sqlite import bookings, forking, moving, reads, rows, steps
from ledger.sqlite.checking import check_ledger
from ledger.sqlite.files import Limits
from ledger.sqlite.tidying import Sweeper
from ledger.sqlite.workspace import SqliteWorkspace
from ledger.sqlite.writer import Writer
from ledger.steps import bookings as booking_steps
from ledger.steps import follow_ups
from ledger.values import (
    PARTITIONS,
    CheckIn,
    CheckOut,
    Entry,
    EntryPage,
    Fault,
    LedgerError,
    LedgerUnavailable,
    Operation,
    Outcome,
    ProofClaim,
    Query,
    Usage,
    Void,
)

T = TypeVar("T")


class SqliteLedger:
    """A ledger in the file at `path`. It meets `interface.Ledger`.

    The file is opened at the first call, and every file is closed before a fork. So a server may make the ledger before
    it forks its workers.
    """

    def __init__(self, path: Path, clock: Clock, limits: Limits | None = None) -> None:
        """Keep the path and the store's own clock, which judges the instants of changes."""
        self._path = path
        self._clock = clock
        self._limits = limits or Limits()
        self._closed = False
        self._start()
        forking.watch(self)

    def replay(self, operation: Operation) -> Outcome | None:
        """Return the kept answer of an operation."""
        return self._readers.run(partial(steps.look_up, operation=operation))

    def kept(self, operation: Operation) -> Outcome | None:
        """Return the kept answer of an operation of one subject."""
        return self._readers.run(lambda db: steps.kept_of(db, operation))

    def check_in(self, change: CheckIn) -> Outcome:
        """Judge and record a check-in."""
        return self._write(steps.check_in, at=change.at, change=change)

    def void(self, change: Void) -> Outcome:
        """Take a check-in back."""
        return self._follow(change, lambda workspace, target: follow_ups.void(workspace, change, target))

    def check_out(self, change: CheckOut) -> Outcome:
        """Close a visit."""
        return self._follow(change, lambda workspace, target: follow_ups.check_out(workspace, change, target))

    def record_offline(self, change: OfflineUse) -> Outcome:
        """Record a use that a device granted or refused offline."""
        return self._write(steps.record, at=change.at, change=change)

    def hold(self, change: Hold) -> Outcome:
        """Make a booking."""
        return self._write(steps.hold, at=change.wish.at, change=change)

    def change_booking(self, change: BookingChange) -> Outcome:
        """Change a booking in one step."""
        return self._follow(change, lambda workspace, made: booking_steps.change_booking(workspace, change, made))

    def end_booking(self, change: BookingEnd) -> Outcome:
        """Cancel a booking, or record that it was missed."""
        return self._follow(change, lambda workspace, made: booking_steps.end_booking(workspace, change, made))

    def follow(self, change: MatterStep) -> Outcome:
        """Record that a matter reached a stage."""
        return self._follow(change, lambda workspace, target: follow_ups.follow(workspace, change, target))

    def booking(self, booking_id: str) -> Booking | None:
        """Return one booking."""
        return self._readers.run(lambda db: bookings.find(db, booking_id))

    def bookings_of(self, booking_ids: Sequence[str]) -> tuple[Booking, ...]:
        """Return the bookings of some ids."""
        return self._readers.run(lambda db: bookings.named(db, booking_ids))

    def bookings(self, query: BookingQuery) -> tuple[Booking, ...]:
        """Return bookings by expected time."""
        return self._readers.run(lambda db: bookings.search(db, query))

    def booking_times(self, query: BookingQuery) -> tuple[tuple[str, datetime], ...]:
        """Return id and expected time of bookings, by expected time."""
        return self._readers.run(lambda db: bookings.times(db, query))

    def claim(self, subject: str, device: str, claim: ProofClaim, at: datetime) -> bool:
        """Claim a proof for a look."""
        return self._write(steps.claim, at=at, subject=subject, device=device, wanted=claim)

    def usage(self, subject: str, at: datetime) -> Usage:
        """Return what a holder has used."""
        return self._readers.run(lambda db: reads.read_usage(db, subject, to_millis(at)))

    def pseudonym(self, subject: str) -> str | None:
        """Return the holder's name in the log."""
        holder = self._readers.run(lambda db: rows.find_holder_name(db, subject))
        return None if holder is None else holder.name

    def subject_of(self, entry_id: str) -> str | None:
        """Return the `sub` behind an entry's holder."""
        return self._readers.run(lambda db: rows.subject_of_entry(db, entry_id))

    def entry(self, entry_id: str) -> Entry | None:
        """Return one entry."""
        return self._readers.run(lambda db: reads.read_entry(db, entry_id))

    def entries(self, query: Query) -> EntryPage:
        """Return a page of the log."""
        return reads.read_page(self._readers, query)

    def counts(self, query: Query) -> Mapping[str, int]:
        """Return how many check-ins match, by outcome."""
        return reads.read_counts(self._readers, query)

    def store(self) -> str:
        """Name the file that answers."""
        try:
            about = self._path.stat()
        except FileNotFoundError:
            return "none yet"
        except OSError as error:
            raise LedgerUnavailable(f"the ledger's file cannot be found: {error.strerror}") from error
        return f"{about.st_dev}:{about.st_ino}"

    def heads(self) -> Mapping[int, int]:
        """Return the last `seq` of every partition that has an entry."""
        return self._readers.run(reads.read_heads)

    def after(self, partition: int, seq: int, limit: int) -> tuple[bytes, ...]:
        """Return the leaves that follow `seq` in a partition."""
        return self._readers.run(lambda db: reads.read_after(db, partition, seq, limit))

    def trim(self, ends: Mapping[int, int], at: datetime) -> int:  # noqa: ARG002 - the contract's
        """Remove nothing, because the file holds all entries."""
        return 0

    def erase(self, subject: str) -> str | None:
        """Destroy a holder's salt and `sub`, in the file and in its write-ahead log."""
        name = self._write(lambda db: rows.erase_holder(db, subject))
        self._readers.run(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())
        return name

    def check(self) -> Iterator[Fault | int]:
        """Read the whole log again, and compare all data with it."""
        return check_ledger(self._readers)

    def dump(self, only: Collection[int] | None = None) -> Iterator[Contents]:
        """Yield the contents of the partitions."""
        now = to_millis(self._clock.now())
        for partition in range(PARTITIONS) if only is None else sorted(only):
            found = self._readers.run(lambda db, partition=partition: moving.dump(db, partition, now))  # type: ignore[misc] # mypy cannot see the bound partition
            if not found.is_empty:
                yield found

    def restore(self, contents: Contents) -> None:
        """Write the contents of an empty partition."""
        rebuilt = rebuild(contents)
        self._write(lambda db: moving.restore(db, contents, rebuilt))

    def replace(self, held: Contents, wanted: Contents) -> None:
        """Replace the contents of a partition, in one transaction."""
        rebuilt = rebuild(wanted)
        self._write(lambda db: moving.replace(db, held, wanted, rebuilt))

    def ready(self) -> None:
        """Make a durable write without content. Raises LedgerUnavailable if that fails."""
        now = to_millis(self._clock.now())
        self._writer.submit(lambda db: db.execute("REPLACE INTO probe VALUES (1, ?)", (now,)).rowcount)

    def close(self) -> None:
        """Finish the accepted changes and close the file."""
        self._closed = True
        self._writer.close()
        self._readers.close()

    def _follow(self, change: steps.FollowUp, step: Callable[[SqliteWorkspace, Leaf], Outcome]) -> Outcome:
        return self._write(steps.follow_up, at=change.at, change=change, step=step)

    def _write(self, step: Callable[..., T], /, *, at: datetime | None = None, **given: object) -> T:
        """Run a step on the file. If `at` (the change's instant) is given, the step also gets the `instants`."""
        if at is not None:
            # The clock is read when the change comes in: waiting for the disk is the store's own delay, not a wrong
            # clock of the caller. The file lies on the host that asks, so one clock stands for both.
            now = to_millis(self._clock.now())
            given["instants"] = Instants(to_millis(at), now, now)
        try:
            return self._writer.submit(partial(step, **given))
        except LeafError as error:
            raise LedgerError(f"the change makes no entry: {error}") from error

    def _start(self) -> None:
        self._writer = Writer(self._path, self._limits, Sweeper(self._clock).bite)
        self._readers = reads.Readers(self._path, self._limits, lambda: self._writer.submit(lambda _db: None))

    def park(self) -> None:
        """Finish the accepted changes and close every file. The next call opens them again."""
        writer, readers = self._writer, self._readers
        if not self._closed:
            self._start()
        writer.close()
        readers.close()

    def is_open(self) -> bool:
        """Whether a file is open."""
        return self._writer.is_open or self._readers.is_open
