"""Stages of matters, recorded in the log; and the list of matters, which is made from the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from accounts.rights import Caller
from cards.claims import CardClaims
from cards.programme.types import Beneficiary
from edge.fields import invalid
from edge.instants import to_epoch
from edge.problems import Problem, ProblemKind, register_problem
from edge.strictjson import canonical_digest
from ledger import leaf
from ledger.interface import Ledger
from ledger.matters import MatterStep
from ledger.paging import every_entry
from ledger.values import PARTITIONS, Draft, Entry, Outcome, Query
from verifier.counter.checking_in import LATE_WINDOW, Judged, ledger_problems
from verifier.counter.commitments import Commitment
from verifier.counter.entries import draft_by
from verifier.records.bookings import BookingDetails
from verifier.records.store import VerifierStore
from verifier.rules.matters import (
    CLOSED,
    COMPLETE,
    Matter,
    WrongMatter,
    check_kind,
    deadline_of,
    fold_matter,
    handed_to,
    stage_refusal,
)
from verifier.services.bookings.service import booking_problems
from verifier.trust.published import Documents

_KINDS: Final = (
    ProblemKind(
        "no-matter", 409, "该记录没有台账事项", "This entry opened no matter", "Find the matter in the list of matters."
    ),
    ProblemKind("matter-closed", 409, "该事项已办结", "The matter is closed", "Open a new matter with a check-in."),
    ProblemKind(
        "matter-complete",
        409,
        "材料已登记齐全",
        "The materials are complete already",
        "Do nothing more: the deadline runs already.",
    ),
)
for _kind in _KINDS:
    register_problem(_kind)

MATTER_PROBLEMS = frozenset({"not-found", "already-voided", *(kind.code for kind in _KINDS)})
_AT_ONCE: Final = 500
KEPT_OPEN: Final = timedelta(days=366)
"""How long the register keeps the holder of a matter while nobody closes it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One intended stage of a matter. `outcome`: how it was closed. `limit_working_days`: the limit if its rule names
    none.

    `call_back`: the result of a call to the holder, for a stage `followed-up`. `kind`: the kind of a matter that was
    opened offline without a kind.
    """

    operation: str
    caller: Caller
    matter: str
    stage: str
    outcome: str | None = None
    decides: str | None = None
    limit_working_days: float | None = None
    note: str | None = None
    call_back: str | None = None
    kind: str | None = None

    @property
    def request(self) -> bytes:
        """Return the hash of the intent: the requester, the matter, the stage and its values."""
        said = (self.stage, self.outcome, self.decides, self.limit_working_days, self.note)
        values = ["" if value is None else str(value) for value in said]
        values += [] if self.call_back is None else [self.call_back]
        values += [] if self.kind is None else [f"kind:{self.kind}"]
        return canonical_digest({"kind": "stage", "device": self.caller.id, "target": self.matter, "values": values})


class MatterService:
    """Records stages. The list is updated after each entry, and can be read again from the log."""

    def __init__(self, documents: Callable[[datetime], Documents], ledger: Ledger, store: VerifierStore) -> None:
        """Keep the parts that recording needs."""
        self._documents = documents
        self._ledger = ledger
        self._store = store

    def see(self, entry_id: str) -> Matter | None:
        """Update the list with an entry: a check-in, its void, or a step."""
        with ledger_problems():
            entry = self._ledger.entry(entry_id)
        if entry is None:
            return None
        return self._store.matters.apply(_matter_of(entry.leaf), lambda found: fold_matter(found, entry.leaf))

    def opened(self, judged: Judged, at: datetime) -> Matter | None:
        """List the matter that a check-in opened, with its holder. The holder is erased some time after the matter is
        closed.

        The list keeps the name on the card, the tier, the beneficiary, and for an employer's clerk the employer.
        """
        intent = judged.intent
        employer = {} if intent.delegation is None else {"employer": intent.delegation.employer}
        return self.entered(judged.outcome.entry, judged.card, intent.beneficiary, at, **employer)

    def entered(
        self, entry: str, card: CardClaims | None, beneficiary: Beneficiary, at: datetime, **employer: str
    ) -> Matter | None:
        """Enter the matter of a use, made online or offline, as `opened` does. The same use again changes nothing."""
        if card is not None and self._store.bookings.find(entry) is None:
            details = BookingDetails(
                subject=card.subject,
                card="",
                tier=card.tier,
                name=card.name,
                card_issued_at=to_epoch(card.issued_at),
                channel="counter",
                fields={"beneficiary": beneficiary.value, **employer},
                opened="",
                party=1,
            )
            self._store.bookings.keep(entry, details, at + KEPT_OPEN)
        return self.see(entry)

    def find(self, matter_id: str) -> Matter | None:
        """Return a matter. If the list lacks it, the log is read."""
        return self._store.matters.find(matter_id) or self.see(matter_id)

    def reach(self, stage: Stage, at: datetime) -> tuple[Matter, Outcome]:
        """Record that a matter reached a stage. Problems: MATTER_PROBLEMS, `invalid-field`, the ledger's."""
        matter = self.find(stage.matter)
        if matter is None:
            raise Problem("not-found")
        documents = self._documents(at)
        _hold_kind(documents, matter, stage.kind)
        commitment = Commitment.of(stage.note)
        deadline = _deadline(documents, stage, matter, at)
        step = MatterStep(
            device=stage.caller.id,
            id=stage.operation,
            request=stage.request,
            at=at,
            keep_until=at + LATE_WINDOW,
            target=matter.id,
            draft=_draft(documents, stage, matter, {} if commitment is None else {"note": commitment.text}),
            stage=stage.stage,
            reason=stage.outcome if stage.stage == CLOSED else stage.call_back,
            deadline=deadline,
            refusal=stage_refusal(matter, stage.stage, deadline),
        )
        with ledger_problems(), booking_problems():
            outcome = self._ledger.follow(step)
        if commitment is not None and not outcome.replayed:
            self._store.keep_note(outcome.entry, commitment.opened, at)
        return self.see(outcome.entry) or matter, outcome

    def listed(self, point: str, state: str, at: datetime) -> list[Matter]:
        """Return a point's matters: open, overdue or closed."""
        return self._store.matters.at_point(point, state, at)

    def history(self, matter: Matter) -> tuple[Entry, ...]:
        """Return a matter's entries, oldest first: its opening, its stages, and the entry that took it back."""
        with ledger_problems():
            opened = self._ledger.entry(matter.id)
            if opened is None or opened.leaf.holder is None:
                return ()
            asked = Query(holder=opened.leaf.holder, since=opened.leaf.recorded_at, limit=_AT_ONCE)
            told = [entry for entry in every_entry(self._ledger, asked) if entry.leaf.target == matter.id]
        return (opened, *reversed(told))

    def rebuild(self) -> int:
        """Read all matters again from the log. Return the number of entries about matters."""
        self._store.matters.clear()
        return sum(self._rebuilt(partition) for partition in range(PARTITIONS))

    def _rebuilt(self, partition: int) -> int:
        seq = told = 0
        while lines := self._ledger.after(partition, seq, _AT_ONCE):
            for data in lines:
                line = leaf.decode(data)
                seq = line.seq
                told += self._applied(line)
        return told

    def _applied(self, line: leaf.Leaf) -> bool:
        if line.kind not in {*leaf.GRANTING, "void", "matter"} or (line.kind in leaf.GRANTING and line.matter is None):
            return False
        return self._store.matters.apply(_matter_of(line), lambda found: fold_matter(found, line)) is not None


def _matter_of(line: leaf.Leaf) -> str:
    """Return the matter of an entry: the entry that opened it."""
    return line.target or line.id


def _deadline(documents: Documents, stage: Stage, matter: Matter, at: datetime) -> datetime | None:
    """Return the deadline of a matter whose materials are complete, or None if the programme promises no deadline."""
    service = documents.programme.services.get(matter.service)
    rule = None if service is None else service.matter
    if stage.decides is not None and stage.decides not in handed_to(service):
        raise invalid("$.decides", "one of the departments that decide or answer here is expected")
    days = None if rule is None else rule.limit_working_days
    if stage.limit_working_days is not None and (days is not None or stage.stage != COMPLETE):
        raise invalid("$.limit_working_days", "only for complete materials of a service without a limit")
    days = days or stage.limit_working_days
    if days is None or stage.stage != COMPLETE:
        return None
    return deadline_of(documents.programme, matter.complete_at or at, days)


def _hold_kind(documents: Documents, matter: Matter, kind: str | None) -> None:
    """Raise Problem invalid-field for a kind that the matter cannot have."""
    try:
        check_kind(documents.programme.services.get(matter.service), matter, kind)
    except WrongMatter as error:
        raise invalid(error.path, str(error)) from None


def _draft(documents: Documents, stage: Stage, matter: Matter, extra: Mapping[str, Any]) -> Draft:
    told = {"decides": stage.decides, "matter": stage.kind}
    said = {**extra, **{name: value for name, value in told.items() if value is not None}}
    return draft_by(stage.caller, documents, _Place(matter.point, matter.department), matter.service, extra=said)


@dataclass(frozen=True, slots=True)
class _Place:
    """The place where a matter was opened, from its first entry."""

    code: str
    department: str
