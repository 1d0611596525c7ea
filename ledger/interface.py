"""What a ledger is: the values that it takes and gives, and the contract of every store. No store, clock or rule here.

Each call to the store does one atomic thing. The store knows no rule except the limits, the order of reasons and the
windows that callers hand in (docs/design.md §5 step 10, §6, §7). `docs/operations.md` says what each store promises
after a crash.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
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

    Atomic: each method that changes something does all of it or nothing, within the subject's partition. Durable: when
    the method returns, the entry survives a crash of the process and of the machine. Idempotent: an operation that is
    already kept returns its first Outcome. The ledger looks for this Outcome first, and again inside the step. Denials
    are appended and kept like grants, but count nothing. Only LedgerError and its subclasses are raised.
    """

    def replay(self, operation: Operation) -> Outcome | None:
        """Return the kept answer of an operation (step 0), or None if the operation is new. Raises OperationConflict if
        the kept operation differs.

        An operation's id belongs to its device and covers check-ins, bookings and requests. If the device used the id
        with another holder's card before, the operation differs.
        """
        ...

    def kept(self, operation: Operation) -> Outcome | None:
        """Return the kept answer of an operation, looked for under its own subject alone, or None if there is none.
        Raises as `replay` does.
        """
        ...

    def check_in(self, change: CheckIn) -> Outcome:
        """Judge and record a check-in (step 10). Return when it is durable."""
        ...

    def void(self, change: Void) -> Outcome:
        """Take a check-in back. Raises TargetState if the target does not allow it."""
        ...

    def check_out(self, change: CheckOut) -> Outcome:
        """Close a visit, or close a use without a visit after delivery. Raises TargetState if there is nothing to
        close.
        """
        ...

    def record_offline(self, change: OfflineUse) -> Outcome:
        """Record once a use that a device granted or refused while it was offline. Return when the record is durable.

        A grant always counts (docs/design.md §6, Offline); `offline.judge_offline` says how. The answer is kept under
        the operation. So the same operation, sent online before or after, is not counted twice. If the record
        contradicts a kept answer, a second entry is appended and linked to the first. A void of a use sets free the
        uses that lay in its visit.
        """
        ...

    def hold(self, change: Hold) -> Outcome:
        """Make a booking: judge it like a check-in, and hold its units. The id of the entry is the booking's id."""
        ...

    def change_booking(self, change: BookingChange) -> Outcome:
        """Change a booking in one step. Raises TargetState if its state does not allow it."""
        ...

    def end_booking(self, change: BookingEnd) -> Outcome:
        """Cancel a booking, or record that it was missed. Raises TargetState if its state or its window does not allow
        this.
        """
        ...

    def follow(self, change: MatterStep) -> Outcome:
        """Record that a matter reached a stage. Raises TargetState with no-matter, already-voided, or the refusal in
        the change.
        """
        ...

    def booking(self, booking_id: str) -> Booking | None:
        """Return one booking."""
        ...

    def bookings_of(self, booking_ids: Sequence[str]) -> tuple[Booking, ...]:
        """Return the bookings of some ids, in the order of the ids. An id that names no booking is left out."""
        ...

    def bookings(self, query: BookingQuery) -> tuple[Booking, ...]:
        """Return bookings by expected time, at most `limit` and never more than 10,000. They are one holder's, or come
        from all partitions in short reads.
        """
        ...

    def booking_times(self, query: BookingQuery) -> tuple[tuple[str, datetime], ...]:
        """Return the id and the expected time of each booking that `bookings` returns, in the same order. This is
        cheaper if nothing else is needed.
        """
        ...

    def claim(self, subject: str, device: str, claim: ProofClaim, at: datetime) -> bool:
        """Claim a proof for a look at a card. Return False if another device has claimed the proof or if it is spent.
        Writes no entry.
        """
        ...

    def usage(self, subject: str, at: datetime) -> Usage:
        """Return what a holder has used, and the visits that are open at `at`. The result is empty for a holder who was
        never seen.
        """
        ...

    def pseudonym(self, subject: str) -> str | None:
        """Return the holder's name in the log, or None if the holder was never seen or is erased."""
        ...

    def subject_of(self, entry_id: str) -> str | None:
        """Return the `sub` behind an entry's holder, or None if the entry has no holder or the holder is erased.

        This looks through all holders of the partition. It is for a rare question, asked with a right and a purpose.
        """
        ...

    def entry(self, entry_id: str) -> Entry | None:
        """Return one entry."""
        ...

    def entries(self, query: Query) -> EntryPage:
        """Return a page of the log, in short reads that do not hold up writers."""
        ...

    def counts(self, query: Query) -> Mapping[str, int]:
        """Return the number of matching uses, online and offline, by outcome; `before` and `limit` are ignored."""
        ...

    def store(self) -> str:
        """Return a name for the file or server that answers. A changed name means that another file or server took its
        place, or a failover.
        """
        ...

    def heads(self) -> Mapping[int, int]:
        """Return the last `seq` of every partition that has an entry. The log's sequencer polls this."""
        ...

    def after(self, partition: int, seq: int, limit: int) -> tuple[bytes, ...]:
        """Return the durable leaves that follow `seq` in a partition, in order, at most `limit`."""
        ...

    def trim(self, ends: Mapping[int, int], at: datetime) -> int:
        """Drop old leaves that the log holds durably, up to the `seq` in `ends`. Return the number of leaves that were
        dropped.

        A store drops leaves only if it was told to. Reading, voiding, correcting and checking still find every leaf.
        """
        ...

    def erase(self, subject: str) -> str | None:
        """Destroy a holder's salt and `sub` for good. Return the pseudonym, which nobody can trace from now on.

        Return None if the holder was never seen. Entries, counters and every hash stay. If the same `sub` is seen
        again, it becomes another holder.
        """
        ...

    def check(self) -> Iterator[Fault | int]:
        """Read the whole log again: the chain, no missing numbers, and counters equal to the replayed log. Yields
        faults, and progress as the number of entries read.
        """
        ...

    def dump(self, only: Collection[int] | None = None) -> Iterator[Contents]:
        """Yield the contents of all partitions, or of the partitions in `only`, in order. Nobody may write meanwhile.

        Empty partitions are left out.
        """
        ...

    def restore(self, contents: Contents) -> None:
        """Write the contents of an empty partition, and compute again what follows from its leaves. Nobody may write
        meanwhile.

        Raises `contents.Damaged` if parts of the contents contradict one another, LedgerError if the partition is not
        empty. Nothing was written then.
        """
        ...

    def replace(self, held: Contents, wanted: Contents) -> None:
        """Replace the contents `held` of one partition by `wanted`, and compute again what follows from its leaves.

        For repairs: all or nothing, and durable. Raises `contents.Damaged` if parts of `held` or of `wanted` contradict
        one another, LedgerError if the partition no longer ends as `held` does. Nothing was written then.
        """
        ...

    def ready(self) -> None:
        """Raise LedgerUnavailable when the store cannot take a durable write now."""
        ...

    def close(self) -> None:
        """Finish the changes that were accepted, and release the store."""
        ...
