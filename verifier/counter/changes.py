"""Voids and check-outs (docs/design.md §6): who may take back a check-in or close a visit, and the new entry for
this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from accounts.rights import Caller, Right
from cards.programme.types import Programme
from edge.fields import instant_asked, invalid
from edge.problems import Problem, ProblemKind, register_problem
from edge.strictjson import canonical_digest
from ledger.interface import Ledger
from ledger.leaf import USES
from ledger.values import CheckOut, Draft, Entry, Outcome, TargetState, Void
from verifier.counter.checking_in import LATE_WINDOW, VOID_WINDOW, ledger_problems
from verifier.counter.commitments import Commitment
from verifier.counter.entries import draft_by
from verifier.records.store import VerifierStore
from verifier.rules.supervising import answers_for, of_department
from verifier.trust.published import Documents

_KINDS = (
    ProblemKind(
        "too-late-to-void", 409, "已过自行撤销时限", "It is too late to void this entry here", "Ask a supervisor."
    ),
    ProblemKind(
        "another-must-void",
        409,
        "须由另一位主管撤销",
        "Another supervisor must void this entry",
        "Ask a supervisor who did not grant the use.",
    ),
    ProblemKind(
        "already-voided",
        409,
        "该记录已撤销",
        "This entry was voided already",
        "Do nothing more. Today's list shows the entry as voided.",
    ),
    ProblemKind(
        "checked-out", 409, "已登记离场", "The visit was checked out already", "Ask a supervisor to void the entry."
    ),
    ProblemKind(
        "not-granted",
        409,
        "该记录未通过，无可撤销",
        "This entry granted nothing",
        "Do nothing: there is no use to take back.",
    ),
    ProblemKind(
        "no-visit", 409, "没有进行中的入场", "This entry has no open visit", "Find the right entry in today's list."
    ),
    ProblemKind(
        "out-of-range",
        422,
        "离场时间不在入场期间",
        "This time does not lie within the visit",
        "Give a time between the start of the visit and now.",
    ),
)
for _kind in _KINDS:
    register_problem(_kind)

TARGET_PROBLEMS = frozenset({"not-found", *(kind.code for kind in _KINDS)})
"""Problem codes of a void or a check-out that come from its target."""


@dataclass(frozen=True, slots=True)
class Change:
    """One intended void or check-out: the caller, the operation id, and the entry to change."""

    operation: str
    caller: Caller
    target: str


class Changes:
    """Makes voids and check-outs, only at the point of the check-in."""

    def __init__(self, ledger: Ledger, store: VerifierStore) -> None:
        """Change the ledger. Free text goes to the erasable store, and its salted commitment goes into the entry."""
        self._ledger = ledger
        self._store = store

    def void(self, change: Change, reason: str, note: str | None, documents: Documents, at: datetime) -> Outcome:
        """Take back a check-in, once.

        Staff at the point may void within 15 minutes and before a check-out. Afterwards, a supervisor of the point or
        of the service's department may, but not the operator who granted the check-in. If no operator is recorded, only
        the department may. Raises Problem of TARGET_PROBLEMS or `not-permitted`.
        """
        entry = self._target(change, documents, Right.VOID, Right.VOID_ANY)
        commitment = Commitment.of(note)
        marks = {} if commitment is None else {"note": commitment.text}
        ask = Void(
            device=change.caller.id,
            id=change.operation,
            request=_request("void", change, reason, note or ""),
            at=at,
            keep_until=at + LATE_WINDOW,
            target=change.target,
            draft=_draft(change.caller, entry, documents, marks),
            reason=reason,
            after_check_out=_supervises(change.caller, entry, documents.programme),
            refusal=_against_void(change.caller, entry, documents.programme, at),
        )
        with ledger_problems(), target_problems():
            outcome = self._ledger.void(ask)
        if commitment is not None and not outcome.replayed:
            self._store.keep_note(outcome.entry, commitment.opened, at)
        return outcome

    def check_out(
        self, change: Change, left_at: str | None, documents: Documents, at: datetime, delivered: Iterable[int] = ()
    ) -> Outcome:
        """Close the visit that a check-in opened, now or at an earlier time recorded late (RFC 3339).

        `delivered`: the delivered items of the service's checklist, by number from 1. Only such a list can close a use
        without a visit.
        """
        entry = self._target(change, documents, Right.CHECK_IN)
        told = checked(documents.programme, entry.leaf.service, delivered)
        if left_at is not None and told and entry.leaf.visit is None:
            raise invalid("$.at", "a use without a visit has no time of leaving")
        ask = CheckOut(
            device=change.caller.id,
            id=change.operation,
            request=_request("check-out", change, left_at or "", *told),
            at=at,
            keep_until=at + LATE_WINDOW,
            target=change.target,
            draft=_draft(change.caller, entry, documents, {"delivered": told} if told else {}),
            out_at=at if left_at is None else instant_asked("$.at", left_at),
        )
        with ledger_problems(), target_problems():
            return self._ledger.check_out(ask)

    def _target(self, change: Change, documents: Documents, *rights: Right) -> Entry:
        """Return the check-in, if the caller has one of the rights at its point, or supervises its service."""
        with ledger_problems():
            entry = self._ledger.entry(change.target)
        if entry is None or entry.leaf.kind not in USES:
            raise Problem("not-found")
        caller, (point, service) = change.caller, _where(entry)
        if any(caller.may(right, point, service) for right in rights):
            return entry
        if Right.VOID_ANY in rights and answers_for(caller, Right.VOID_ANY, documents.programme, point, service):
            return entry
        if caller.may(Right.CHECK_IN, point, service) or caller.unstaffed:
            raise caller.refusal(rights[0], point, service)
        raise Problem("not-found")


def checked(programme: Programme, service: str, delivered: Iterable[int]) -> tuple[str, ...]:
    """Return the delivered items in order, in the form of an entry. Problem invalid-field for an unknown item."""
    numbers = sorted(set(delivered))
    offered = programme.services.get(service)
    most = 0 if offered is None else len(offered.includes)
    if numbers and not 1 <= numbers[0] <= numbers[-1] <= most:
        raise invalid("$.delivered", f"the service's checklist has {most} parts, numbered from 1")
    return tuple(str(number) for number in numbers)


def _against_void(caller: Caller, entry: Entry, programme: Programme, at: datetime) -> str | None:
    """Return the reason of time or person against this caller's void of this entry, or None."""
    if _supervises(caller, entry, programme):
        return None
    point, service = _where(entry)
    if at - entry.leaf.recorded_at <= VOID_WINDOW and caller.may(Right.VOID, point, service):
        return None
    return "another-must-void" if caller.may(Right.VOID_ANY, point, service) else "too-late-to-void"


def _supervises(caller: Caller, entry: Entry, programme: Programme) -> bool:
    """Return whether the caller is a supervisor of this use, and certainly not the person who granted it.

    If a device granted and nobody was signed in, anyone at the point may be this person, so the department decides.
    """
    operator, (point, service) = caller.operator, _where(entry)
    if operator is None or not answers_for(caller, Right.VOID_ANY, programme, point, service):
        return False
    first = entry.leaf.operator
    if first is None and entry.leaf.caller == "device":
        return of_department(caller, Right.VOID_ANY, programme, service)
    return operator.id != first


def _where(entry: Entry) -> tuple[str, str]:
    return entry.leaf.point, entry.leaf.service


def _draft(caller: Caller, entry: Entry, documents: Documents, extra: Mapping[str, object]) -> Draft:
    line = entry.leaf
    return draft_by(caller, documents, _Place(line.point, line.department), line.service, extra=extra)


@dataclass(frozen=True, slots=True)
class _Place:
    """The place of the check-in, as its entry says."""

    code: str
    department: str


def _request(kind: str, change: Change, *values: str) -> bytes:
    return canonical_digest({"kind": kind, "device": change.caller.id, "target": change.target, "values": [*values]})


@contextmanager
def target_problems() -> Iterator[None]:
    """Turn a refusal that comes from the target into its problem."""
    try:
        yield
    except TargetState as error:
        raise Problem(error.code) from None
