"""What a ledger is: the values it takes and gives, and the contract every store meets. No store, clock or rule here.

The store does one atomic thing a call and knows no rule beyond the limits, the order of reasons and the windows it is
handed (docs/design.md §5 step 10, §6, §7). `docs/operations.md` says what each store promises after a crash.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Protocol

from ledger.bookings import Booking, BookingChange, BookingEnd, BookingQuery, Hold
from ledger.contents import Contents
from ledger.matters import MatterStep
from ledger.offline import OfflineUse
from ledger.values import (
    CheckIn,
    CheckOut,
    Entry,
    EntryPage,
    Fault,
    Operation,
    Outcome,
    ProofClaim,
    Query,
    Usage,
    Void,
)


class Ledger(Protocol):
    """A ledger of check-ins.

    Atomic: every method that changes does all or nothing, in the subject's partition alone. Durable: when it returns,
    the entry survives a crash of process and machine. Idempotent: an operation already kept gives its first Outcome,
    looked at before anything else and again inside the step. Denials are appended and kept like grants, and count
    nothing. Raises LedgerError's kinds alone.
    """

    def replay(self, operation: Operation) -> Outcome | None:
        """Return the kept answer of an operation (step 0), or None if new. Raises OperationConflict if it was another.

        An operation's id is its device's own, of check-ins, bookings and requests: used with another holder's card
        before, it was another.
        """
        ...

    def kept(self, operation: Operation) -> Outcome | None:
        """Return the kept answer of an operation of its subject alone, or None if there is none; errors as `replay`."""
        ...

    def check_in(self, change: CheckIn) -> Outcome:
        """Judge and record a check-in (step 10) and return once it is durable."""
        ...

    def void(self, change: Void) -> Outcome:
        """Take a check-in back. Raises TargetState if the target does not allow it."""
        ...

    def check_out(self, change: CheckOut) -> Outcome:
        """Close a visit, or a use without one once it is delivered. Raises TargetState if there is nothing to close."""
        ...

    def record_offline(self, change: OfflineUse) -> Outcome:
        """Record a use that a device granted or refused while it was offline, once, and return when it is durable.

        A grant always counts (docs/design.md §6, Offline); `offline.judge_offline` says how. The answer is kept under
        the operation, so that the same one sent online, before or after, is not counted twice; where it contradicts a
        kept answer, a second entry is appended, linked to the first. A void sets those uses free that its target took
        in.
        """
        ...

    def hold(self, change: Hold) -> Outcome:
        """Book: judge like a check-in, hold the units. The entry's id is the booking's."""
        ...

    def change_booking(self, change: BookingChange) -> Outcome:
        """Change a booking in one step. Raises TargetState if its state does not allow it."""
        ...

    def end_booking(self, change: BookingEnd) -> Outcome:
        """Cancel a booking, or note that it was missed. Raises TargetState if its state or window does not allow it."""
        ...

    def follow(self, change: MatterStep) -> Outcome:
        """Record that a matter reached a stage; TargetState no-matter, already-voided, or the refusal handed in."""
        ...

    def booking(self, booking_id: str) -> Booking | None:
        """Return one booking."""
        ...

    def bookings(self, query: BookingQuery) -> tuple[Booking, ...]:
        """Return bookings by expected time, at most `limit` and never over 10,000; of one holder, or over all
        partitions in short reads.
        """
        ...

    def booking_times(self, query: BookingQuery) -> tuple[tuple[str, datetime], ...]:
        """Return id and expected time of what `bookings` returns, in its order: cheaper, where no more is asked."""
        ...

    def claim(self, subject: str, device: str, claim: ProofClaim, at: datetime) -> bool:
        """Claim a proof for a look. False if another device has it or it is spent. Writes no entry."""
        ...

    def usage(self, subject: str, at: datetime) -> Usage:
        """Return what a holder has used and the visits open at `at`; empty for one never seen."""
        ...

    def pseudonym(self, subject: str) -> str | None:
        """Return the holder's name in the log, or None if never seen or erased."""
        ...

    def subject_of(self, entry_id: str) -> str | None:
        """Return the `sub` behind an entry's holder, or None if there is none or it was erased.

        It looks through the partition's holders: for a question asked rarely, by right and with a purpose.
        """
        ...

    def entry(self, entry_id: str) -> Entry | None:
        """Return one entry."""
        ...

    def entries(self, query: Query) -> EntryPage:
        """Return a page of the log in short reads that do not hold writers up."""
        ...

    def counts(self, query: Query) -> Mapping[str, int]:
        """Return how many uses match, online or offline, by outcome; `before` and `limit` do not matter."""
        ...

    def store(self) -> str:
        """Name the file or server that answers: another name tells of one put in its place, or of a failover."""
        ...

    def heads(self) -> Mapping[int, int]:
        """Return the last `seq` of every partition that has an entry: what the log's sequencer polls."""
        ...

    def after(self, partition: int, seq: int, limit: int) -> tuple[bytes, ...]:
        """Return the leaves that follow `seq` in a partition, in order, at most `limit`; only durable ones."""
        ...

    def trim(self, ends: Mapping[int, int], at: datetime) -> int:
        """Drop old leaves that the log durably holds, up to the `seq` in `ends`; return how many leaves went.

        A store drops leaves only where it was told to. Reading, voiding, correcting and checking still get every leaf.
        """
        ...

    def erase(self, subject: str) -> str | None:
        """Destroy a holder's salt and `sub` for good and return the pseudonym that nobody can trace any more.

        None when never seen. Entries, counters and every hash stay; the same `sub` seen again is another holder.
        """
        ...

    def check(self) -> Iterator[Fault | int]:
        """Re-read the whole log: chain, density, replay(log) = counters. Yields progress (entries read) and faults."""
        ...

    def dump(self, only: Collection[int] | None = None) -> Iterator[Contents]:
        """Yield all that is kept, by partition in order, of all or of those named, while nobody writes.

        Those that hold nothing are left out.
        """
        ...

    def restore(self, contents: Contents) -> None:
        """Write a partition that is empty, all that follows from its leaves worked out again. While nobody writes.

        Raises `contents.Damaged` if its parts do not fit one another, LedgerError if the partition is not empty;
        nothing was written then.
        """
        ...

    def replace(self, held: Contents, wanted: Contents) -> None:
        """Put `wanted` in the place of `held` in one partition, all that follows from its leaves worked out again.

        For repairs: all or nothing, and durable. Raises `contents.Damaged` if the parts of either do not fit one
        another, LedgerError if the partition no longer ends as `held` does; nothing was written then.
        """
        ...

    def ready(self) -> None:
        """Raise LedgerUnavailable when the store cannot take a durable write now."""
        ...

    def close(self) -> None:
        """Finish what was accepted and release the store."""
        ...
