"""The Redis ledger, for many processes and machines. It is durable and atomic by the contract of `interface.Ledger`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from edge.clock import Clock, SystemClock
from ledger import leaf
from ledger.bookings import Booking, BookingChange, BookingEnd, BookingQuery, Hold, Window
from ledger.contents import Contents, rebuild
from ledger.holders import HolderName
from ledger.leaf import LeafError
from ledger.matters import MatterStep
from ledger.millis import to_millis
from ledger.offline import OfflineUse
from ledger.redis import bookings, keys, moving, reads, requests
from ledger.redis.changing import ChangeRunner, Plan, ScriptCall, call_of
from ledger.redis.checking import check_ledger
from ledger.redis.losses import Watch
from ledger.redis.offline_plans import OfflinePlans
from ledger.redis.options import RedisOptions
from ledger.redis.safety import require_safe
from ledger.redis.scripts import BIND, CHECK_IN, CLAIM
from ledger.redis.seen import Loss, Seen
from ledger.redis.servers import Servers
from ledger.redis.trimming import Older, completed, trim
from ledger.redis.workspace import RedisWorkspace
from ledger.steps import bookings as booking_steps
from ledger.steps import follow_ups
from ledger.steps.offline import require_record
from ledger.values import (
    PARTITIONS,
    CheckIn,
    CheckOut,
    Entry,
    EntryPage,
    Fault,
    LedgerError,
    Operation,
    OperationConflict,
    Outcome,
    ProofClaim,
    Query,
    TargetState,
    Usage,
    Void,
    device_subject,
    is_device_subject,
    partition_of,
)

_SYNC_SECONDS = 0.2  # How often the file of marks is synced, if the server itself may lose a second


class RedisLedger:
    """A ledger on a Redis server or cluster; meets `interface.Ledger`.

    The server's own clock is the store's clock, unless `clock` stands in for it. The ledger connects at the first call.
    Connections are never shared with a forked child.
    """

    def __init__(
        self,
        options: RedisOptions,
        clock: Clock | None = None,
        older: Older | None = None,
        *,
        host: Clock | None = None,
    ) -> None:
        """Keep the address of the server. `older` reads leaves that were removed from the streams.

        `host`: this host's clock, which is compared with the store's clock. Without it, `clock` is used, otherwise the
        machine's clock.
        """
        self._options = options
        self._clock = clock
        self._seen = Seen(options.seen, _SYNC_SECONDS if options.allow_loss else None)
        self._watch = Watch(self._seen)
        self._servers = Servers(
            options,
            lambda server: require_safe(server, options),
            lambda commands, replies, read: completed(commands, replies, read, older),
        )
        self._changing = ChangeRunner(self._servers, self._watch, options, host or clock or SystemClock(), clock)
        self._offline = OfflinePlans(self._servers, self._changing)

    def open(self) -> list[Loss]:
        """Compare the server with the entries that it acknowledged before. Return the losses. Raises
        LedgerUnavailable.
        """
        self._servers.primaries()
        return self._watch.compare_all(self._servers)

    def replay(self, operation: Operation) -> Outcome | None:
        """Return the kept answer of an operation, for any holder's card."""
        partition, key = keys.bound(operation.device, operation.id)
        (bound,) = self._servers.read([(partition, ("GET", key))])
        if bound is None:
            return None
        _require_bound(operation, bound)
        return self.kept(operation) or self.kept(replace(operation, subject=device_subject(operation.device)))

    def kept(self, operation: Operation) -> Outcome | None:
        """Return the kept answer of an operation of one subject."""
        subject, partition = operation.subject, partition_of(operation.subject)
        if is_device_subject(subject):
            return self._changing.look_up(call_of(operation, partition, None), None)
        while (holder := self._find_holder(subject, partition)) is not None:
            found = self._changing.look_up(call_of(operation, partition, holder), subject)
            if found is not None or self._changing.holders.get(subject) == holder:
                return found
        return None

    def check_in(self, change: CheckIn) -> Outcome:
        """Judge and record a check-in."""
        return self._judge(change, None)

    def _judge(self, change: CheckIn, window: Window | None) -> Outcome:
        subject, partition = change.operation.subject, partition_of(change.operation.subject)
        known = None if is_device_subject(subject) else subject
        bound = None
        if self._servers.is_cluster():
            self._bind(change)
        else:
            bound = keys.bound(change.operation.device, change.operation.id)[1]

        def asked() -> ScriptCall:
            holder = None if known is None else self._changing.holder(subject)
            parts = requests.check_in(change, holder, self._changing.end(partition), window)
            parts |= {"at": to_millis(change.at), "keep": to_millis(change.keep_until), "bound": _lives(change)}
            marker = None
            if holder is not None and change.claim is not None:
                marker = keys.proof(partition, holder.card(change.claim.card), change.claim.proof)
            line = (change.draft.service, change.draft.point)
            return call_of(change.operation, partition, holder, parts=parts, line=line, marker=marker, bound=bound)

        with _leaf_errors():
            found: Outcome = self._changing.run(CHECK_IN, partition, asked, known)
        return found

    def _bind(self, change: CheckIn) -> None:
        """Bind the operation's id to its request before anything is recorded. Raises OperationConflict if the id is
        bound to another request.

        In a cluster only: there the id lies on another node than the holder. On one server the script of the check-in
        binds the id in the same durable step.
        """
        operation = change.operation
        partition, key = keys.bound(operation.device, operation.id)
        bound = self._servers.change(partition, BIND, [key], operation.request, str(_lives(change)).encode())
        _require_bound(operation, bound)

    def void(self, change: Void) -> Outcome:
        """Take a check-in back."""
        return self._follow(change, change.target, lambda workspace, target: follow_ups.void(workspace, change, target))

    def check_out(self, change: CheckOut) -> Outcome:
        """Close a visit."""
        return self._follow(
            change, change.target, lambda workspace, target: follow_ups.check_out(workspace, change, target)
        )

    def record_offline(self, change: OfflineUse) -> Outcome:
        """Record a use that a device granted or refused while it was offline."""
        require_record(change)
        subject, partition = change.operation.subject, partition_of(change.operation.subject)
        known = None if is_device_subject(subject) else subject

        def planned() -> Plan | Outcome:
            holder = None if known is None else self._changing.holder(subject)
            return self._offline.plan(change, partition, holder)

        with _leaf_errors():
            return self._changing.settle(partition, planned, known)

    def hold(self, change: Hold) -> Outcome:
        """Make a booking."""
        if change.wish.visit is not None or change.wish.booking is not None:
            raise LedgerError("a booking opens no visit and uses no booking")
        return self._judge(change.wish, change.window)

    def change_booking(self, change: BookingChange) -> Outcome:
        """Change a booking."""
        return self._of_booking(change, lambda workspace, made: booking_steps.change_booking(workspace, change, made))

    def end_booking(self, change: BookingEnd) -> Outcome:
        """Cancel a booking, or record that it was missed."""
        return self._of_booking(change, lambda workspace, made: booking_steps.end_booking(workspace, change, made))

    def follow(self, change: MatterStep) -> Outcome:
        """Record that a matter reached a stage."""
        return self._follow(
            change, change.target, lambda workspace, target: follow_ups.follow(workspace, change, target)
        )

    def booking(self, booking_id: str) -> Booking | None:
        """Return one booking."""
        return next(iter(self.bookings_of([booking_id])), None)

    def bookings_of(self, booking_ids: Sequence[str]) -> tuple[Booking, ...]:
        """Return the bookings of some ids."""
        return bookings.named(self._servers, booking_ids)

    def bookings(self, query: BookingQuery) -> tuple[Booking, ...]:
        """Return bookings by expected time."""
        return bookings.search(self._servers, query)

    def booking_times(self, query: BookingQuery) -> tuple[tuple[str, datetime], ...]:
        """Return id and expected time of bookings, by expected time."""
        return bookings.times(self._servers, query)

    def claim(self, subject: str, device: str, claim: ProofClaim, at: datetime) -> bool:
        """Claim a proof for a look."""
        if is_device_subject(subject):
            raise LedgerError("a proof is claimed for a holder")
        partition = partition_of(subject)

        def asked() -> ScriptCall:
            holder = self._changing.holder(subject)
            parts = {"at": to_millis(at), "claim": requests.claim_part(claim)}
            marker = keys.proof(partition, holder.card(claim.card), claim.proof)
            return call_of(Operation(subject, device, "", b""), partition, holder, parts=parts, marker=marker)

        return bool(self._changing.run(CLAIM, partition, asked, subject))

    def usage(self, subject: str, at: datetime) -> Usage:
        """Return what a holder has used."""
        partition = partition_of(subject)
        return reads.read_usage(self._servers, partition, subject, self._find_holder(subject, partition), to_millis(at))

    def pseudonym(self, subject: str) -> str | None:
        """Return the holder's name in the log."""
        # The server decides, not this process's memory: another process can erase a name.
        holder = reads.find_holder_name(self._servers, partition_of(subject), subject)
        return None if holder is None else holder.name

    def subject_of(self, entry_id: str) -> str | None:
        """Return the `sub` behind an entry's holder."""
        return reads.subject_of_entry(self._servers, entry_id)

    def entry(self, entry_id: str) -> Entry | None:
        """Return one entry."""
        return reads.read_entry(self._servers, entry_id)

    def entries(self, query: Query) -> EntryPage:
        """Return a page of the log."""
        return reads.read_page(self._servers, query)

    def counts(self, query: Query) -> Mapping[str, int]:
        """Return how many check-ins match, by outcome."""
        return reads.read_counts(self._servers, query)

    def store(self) -> str:
        """Return a name for the servers that answer, made from their replication ids. A failover changes it, and a
        start from another file too.
        """
        return self._servers.names()

    def heads(self) -> Mapping[int, int]:
        """Return the last `seq` of every partition that has an entry."""
        return reads.read_heads(self._servers)

    def after(self, partition: int, seq: int, limit: int) -> tuple[bytes, ...]:
        """Return the leaves that follow `seq` in a partition."""
        return reads.read_after(self._servers, partition, seq, limit)

    def trim(self, ends: Mapping[int, int], at: datetime) -> int:
        """Remove the leaves that the log holds, up to the `seq` in `ends`, if they are old enough (`keep`)."""
        keep = self._options.keep
        return 0 if keep is None else trim(self._servers, ends, to_millis(at - keep))

    def erase(self, subject: str) -> str | None:
        """Destroy a holder's salt and `sub`: on the server now, and in its append-only file by a rewrite."""
        partition = partition_of(subject)
        holder = reads.find_holder_name(self._servers, partition, subject)
        if holder is None:
            return None
        self._servers.write(partition, "HDEL", keys.subs(partition), subject)
        self._changing.holders.forget(subject)
        self._servers.rewrite(partition)
        return holder.name

    def check(self) -> Iterator[Fault | int]:
        """Read the whole log again, and compare all data with the log and with the acknowledged entries."""
        self._watch.compare_all(self._servers)
        for loss in self._seen.losses():
            yield loss.fault()
        yield from check_ledger(self._servers)

    def dump(self, only: Collection[int] | None = None) -> Iterator[Contents]:
        """Yield the contents of the partitions."""
        return moving.dump(self._servers, self._own(), range(PARTITIONS) if only is None else sorted(only))

    def restore(self, contents: Contents) -> None:
        """Write the contents of an empty partition."""
        moving.restore(self._servers, contents, rebuild(contents), self._own())

    def replace(self, held: Contents, wanted: Contents) -> None:
        """Replace the contents of a partition in one step."""
        moving.replace(self._servers, held, wanted, self._own())
        self._seen.settle(held.partition, len(wanted.leaves))

    def ready(self) -> None:
        """Make a durable write without content on every node. Raises LedgerUnavailable if that fails, or ClockSkew."""
        for partition, node in self._servers.primaries():
            require_safe(node, self._options)
            self._servers.write(partition, "SET", keys.probe(partition), "1")
            self._changing.compare_clocks(partition)

    def losses(self) -> list[Loss]:
        """Return the acknowledged entries that are missing, as far as this was noticed."""
        return self._seen.losses()

    def close(self) -> None:
        """Close the connections."""
        self._servers.close()
        self._seen.close()

    def _own(self) -> int | None:
        """Return the time of the clock that stands in for the server's clock, or None without such a clock."""
        return None if self._clock is None else to_millis(self._clock.now())

    def _follow(
        self, change: Void | CheckOut | MatterStep, entry_id: str, step: Callable[[RedisWorkspace, leaf.Leaf], Outcome]
    ) -> Outcome:
        """Run a change of an earlier entry. The entry is read first, because it names the holder."""
        partition = reads.partition_of_entry(entry_id)
        if partition is None:
            raise TargetState("not-found")

        def planned() -> Plan:
            return _plan(change, reads.read_target(self._servers, entry_id), step)

        with _leaf_errors():
            return self._changing.settle(partition, planned)

    def _of_booking(
        self, change: BookingChange | BookingEnd, step: Callable[[RedisWorkspace, leaf.Leaf], Outcome]
    ) -> Outcome:
        partition = reads.partition_of_entry(change.booking)
        if partition is None:
            raise TargetState("not-found")

        def planned() -> Plan:
            made = reads.read_target(self._servers, change.booking)
            if not bookings.named(self._servers, [change.booking]) or not self._is_whose(change.subject, made):
                raise TargetState("not-found")
            return _plan(change, made, step)

        with _leaf_errors():
            return self._changing.settle(partition, planned)

    def _is_whose(self, subject: str | None, made: leaf.Leaf) -> bool:
        """Return whether an entry belongs to the named holder, or True if no holder is named."""
        if subject is None:
            return True
        if is_device_subject(subject):
            return False
        holder = reads.find_holder_name(self._servers, partition_of(subject), subject)
        return holder is not None and holder.name == made.holder

    def _find_holder(self, subject: str, partition: int) -> HolderName | None:
        known = self._changing.holders.get(subject)
        if known is None:
            known = reads.find_holder_name(self._servers, partition, subject)
            if known is not None:
                self._changing.holders.keep(subject, known)
        return known


def _plan(
    change: Void | CheckOut | MatterStep | BookingChange | BookingEnd,
    target: leaf.Leaf,
    step: Callable[[RedisWorkspace, leaf.Leaf], Outcome],
) -> Plan:
    name = target.holder or ""
    sent = ScriptCall(
        partition=target.partition,
        scope=name,
        name=name,
        device=change.device,
        operation=change.id,
        request=change.request,
        point=change.draft.point,
        line=(target.service, target.point),
    )
    return Plan(sent, lambda workspace: step(workspace, target), to_millis(change.at), to_millis(change.keep_until))


@contextmanager
def _leaf_errors() -> Iterator[None]:
    try:
        yield
    except TargetState:
        raise
    except LeafError as error:
        raise LedgerError(f"the change makes no entry: {error}") from error


def _lives(change: CheckIn) -> int:
    """Return for how many milliseconds an operation's id stays bound to its request."""
    return max(1, to_millis(change.keep_until) - to_millis(change.at))


def _require_bound(operation: Operation, bound: bytes) -> None:
    if bound != operation.request:
        raise OperationConflict("the operation's id was used for another request")
