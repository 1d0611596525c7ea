"""The Redis ledger: many processes and machines, durable and atomic by the contract of `interface.Ledger`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from edge.clock import Clock
from verifier.audit.leaf import LeafError
from verifier.ledger.interface import (
    CheckIn,
    CheckOut,
    Entry,
    Fault,
    LedgerError,
    Operation,
    Outcome,
    Page,
    ProofClaim,
    Query,
    TargetState,
    Usage,
    Void,
    is_device_subject,
    partition_of,
)
from verifier.ledger.millis import to_millis
from verifier.ledger.redis import keys, reads, requests
from verifier.ledger.redis.changing import Ask, Changing
from verifier.ledger.redis.checking import check_ledger
from verifier.ledger.redis.holders import Holder
from verifier.ledger.redis.losses import Watch
from verifier.ledger.redis.options import Options
from verifier.ledger.redis.safety import require_safe
from verifier.ledger.redis.scripts import CHECK_IN, CHECK_OUT, CLAIM, VOID
from verifier.ledger.redis.seen import Loss, Seen
from verifier.ledger.redis.servers import Servers

_SYNC_SECONDS = 0.2  # how often the file of marks is synced where the server itself may lose a second


class RedisLedger:
    """A ledger on a Redis server or cluster; meets `interface.Ledger`.

    The server's own clock is the store's clock, unless `clock` stands in for it. Nothing is connected before the first
    call, and connections are never shared with a forked child.
    """

    def __init__(self, options: Options, clock: Clock | None = None) -> None:
        """Keep where the server is."""
        self._options = options
        self._seen = Seen(options.seen, _SYNC_SECONDS if options.allow_loss else None)
        self._watch = Watch(self._seen)
        self._servers = Servers(options, lambda server: require_safe(server, options))
        self._changing = Changing(self._servers, self._watch, clock, options)

    def open(self) -> list[Loss]:
        """Look at the server and compare it with what was acknowledged: UnsafeServer, LedgerUnavailable, or the losses."""
        self._servers.primaries()
        return self._watch.compare_all(self._servers)

    def replay(self, operation: Operation) -> Outcome | None:
        """Return the kept answer of an operation."""
        subject, partition = operation.subject, partition_of(operation.subject)
        if is_device_subject(subject):
            return self._changing.look_up(self._ask(operation, partition, None), None)
        while (holder := self._find_holder(subject, partition)) is not None:
            found = self._changing.look_up(self._ask(operation, partition, holder), subject)
            if found is not None or self._changing.holders.get(subject) == holder:
                return found
        return None

    def check_in(self, change: CheckIn) -> Outcome:
        """Judge and record a check-in."""
        subject, partition = change.operation.subject, partition_of(change.operation.subject)
        known = None if is_device_subject(subject) else subject

        def asked() -> Ask:
            holder = None if known is None else self._changing.holder(subject)
            parts = requests.check_in(change, holder, self._changing.place(partition))
            parts |= {"at": to_millis(change.at), "keep": to_millis(change.keep_until)}
            marker = None
            if holder is not None and change.claim is not None:
                marker = keys.proof(partition, holder.card(change.claim.card), change.claim.proof)
            return self._ask(change.operation, partition, holder, parts, change.draft.point, marker)

        with _leaf_errors():
            found: Outcome = self._changing.run(CHECK_IN, partition, asked, known)
        return found

    def void(self, change: Void) -> Outcome:
        """Take a check-in back."""
        return self._follow_up(change)

    def check_out(self, change: CheckOut) -> Outcome:
        """Close a visit."""
        return self._follow_up(change)

    def claim(self, subject: str, device: str, claim: ProofClaim, at: datetime) -> bool:
        """Claim a proof for a look."""
        if is_device_subject(subject):
            raise LedgerError("a proof is claimed for a holder")
        partition = partition_of(subject)

        def asked() -> Ask:
            holder = self._changing.holder(subject)
            parts = {"at": to_millis(at), "claim": requests.claim(claim)}
            marker = keys.proof(partition, holder.card(claim.card), claim.proof)
            return self._ask(Operation(subject, device, "", b""), partition, holder, parts, "", marker)

        return bool(self._changing.run(CLAIM, partition, asked, subject))

    def usage(self, subject: str, at: datetime) -> Usage:
        """Return what a holder has used."""
        partition = partition_of(subject)
        return reads.read_usage(self._servers, partition, subject, self._find_holder(subject, partition), to_millis(at))

    def pseudonym(self, subject: str) -> str | None:
        """Return the holder's name in the log."""
        # The server's word, not this process's memory: a name can be erased elsewhere.
        holder = reads.find_holder(self._servers, partition_of(subject), subject)
        return None if holder is None else holder.name

    def entry(self, entry_id: str) -> Entry | None:
        """Return one entry."""
        return reads.read_entry(self._servers, entry_id)

    def entries(self, query: Query) -> Page:
        """Return a page of the log."""
        return reads.read_page(self._servers, query)

    def counts(self, query: Query) -> Mapping[str, int]:
        """Return how many check-ins match, by outcome."""
        return reads.read_counts(self._servers, query)

    def check(self) -> Iterator[Fault | int]:
        """Re-read the whole log and compare everything with it, and with what was acknowledged."""
        self._watch.compare_all(self._servers)
        for loss in self._seen.losses():
            yield loss.fault()
        yield from check_ledger(self._servers)

    def ready(self) -> None:
        """Make a durable write on every node that says nothing; LedgerUnavailable when that cannot be."""
        for partition, node in self._servers.primaries():
            require_safe(node, self._options)
            self._servers.write(partition, "SET", keys.probe(partition), "1")

    def losses(self) -> list[Loss]:
        """Return what was acknowledged and is missing, as far as noticed."""
        return self._seen.losses()

    def close(self) -> None:
        """Let go of the connections."""
        self._servers.close()
        self._seen.close()

    def _follow_up(self, change: Void | CheckOut) -> Outcome:
        partition = reads.partition_of_entry(change.target)
        if partition is None:
            raise TargetState("not-found")

        def asked() -> Ask:
            target = reads.read_target(self._servers, change.target)
            place = self._changing.place(partition)
            if isinstance(change, Void):
                parts = requests.void(change, target, place)
            else:
                parts = requests.check_out(change, target, place)
            parts |= {"at": to_millis(change.at), "keep": to_millis(change.keep_until)}
            name = target.line.holder or ""
            return Ask(partition, name, name, change.device, change.id, change.request, b"", change.draft.point, parts)

        with _leaf_errors():
            script = VOID if isinstance(change, Void) else CHECK_OUT
            found: Outcome = self._changing.run(script, partition, asked)
        return found

    def _find_holder(self, subject: str, partition: int) -> Holder | None:
        known = self._changing.holders.get(subject)
        if known is None:
            known = reads.find_holder(self._servers, partition, subject)
            if known is not None:
                self._changing.holders.keep(subject, known)
        return known

    def _ask(
        self,
        operation: Operation,
        partition: int,
        holder: Holder | None,
        parts: dict[str, Any] | None = None,
        point: str = "",
        marker: str | None = None,
    ) -> Ask:
        parts = dict(parts or {})
        name, salt = None, b""
        if holder is not None:
            name, salt = holder.name, holder.salt
            parts |= {"sub": operation.subject, "new": holder.new}
        scope = name or operation.subject
        return Ask(
            partition, scope, name, operation.device, operation.id, operation.request, salt, point, parts, marker
        )


@contextmanager
def _leaf_errors() -> Iterator[None]:
    try:
        yield
    except TargetState:
        raise
    except LeafError as error:
        raise LedgerError(f"the change makes no entry: {error}") from error
