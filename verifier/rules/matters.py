"""Matters (台账): what a window opened for a holder, its stages, and its deadline in working days. Pure.

A deadline starts when the materials are complete, not at check-in (docs/guide-coverage.md, Read right 4). Half a day
and one day are counted in office hours, by the programme's holidays and working weekends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from cards.programme.types import MatterRule, Programme, Service
from cards.working_days import LONGEST_LEAVE, is_working_day
from ledger.leaf import GRANTING, Leaf
from ledger.millis import from_millis

COMPLETE, FORWARDED, FOLLOWED, CLOSED = "complete", "forwarded", "followed-up", "closed"
STAGES: Final = (COMPLETE, FORWARDED, FOLLOWED, CLOSED)
OUTCOMES: Final = ("done", "refused", "withdrawn", "passed-on")
CALL_BACKS: Final = ("reached", "not-reached", "another-time")
"""The result of calling a holder back: the reason of a step `followed-up` about a call."""


@dataclass(frozen=True, slots=True)
class Matter:
    """A matter as its entries tell it. `last` is the seq of the newest entry. Instants are aware UTC."""

    id: str
    point: str
    department: str
    service: str
    kind: str
    opened_at: datetime
    last: int
    decides: str | None = None
    reference: str | None = None
    stage: str = "opened"
    complete_at: datetime | None = None
    deadline: datetime | None = None
    closed_at: datetime | None = None
    outcome: str | None = None

    def overdue(self, at: datetime) -> bool:
        """Return whether its deadline has passed without a closing in time."""
        return self.deadline is not None and (self.closed_at or at) > self.deadline


class WrongMatter(ValueError):
    """The values about a matter do not fit the service's rule: (path, message)."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


def opening_facts(
    service: Service, kind: str | None, decides: str | None, *, kind_needed: bool = False
) -> Mapping[str, str]:
    """Return a check-in entry's fields for the matter that it opens, or no fields for a service without matters.

    If the rule has kinds and no kind is given, the kind must be told later (`kind_open`), unless `kind_needed` refuses
    this. Raises WrongMatter for a kind or a department that the service's rule does not name.
    """
    rule = service.matter
    if rule is None:
        if kind is not None or decides is not None:
            raise WrongMatter("$.matter", "this service opens no matter")
        return {}
    if kind is not None and kind not in rule.kinds:
        raise WrongMatter("$.matter.kind", "one of the service's kinds is expected")
    if kind is None and rule.kinds and kind_needed:
        raise WrongMatter("$.matter.kind", f"the matter's kind is needed: {', '.join(rule.kinds)}")
    check_decides(rule, decides)
    told = {"matter": kind or service.code}
    return told if decides is None else {**told, "decides": decides}


def kind_open(service: Service | None, matter: Matter) -> bool:
    """Return whether a matter's kind is still missing: its rule has kinds, and it was opened offline without a kind."""
    kinds = None if service is None or service.matter is None else service.matter.kinds
    return bool(kinds) and matter.kind not in (kinds or {})


def check_kind(service: Service | None, matter: Matter, kind: str | None) -> None:
    """Refuse a kind that is told later if the matter's kind is known, or if the rule does not name it."""
    if kind is None:
        return
    if not kind_open(service, matter):
        raise WrongMatter("$.kind", "the kind of this matter is told already")
    if service is None or service.matter is None or kind not in service.matter.kinds:
        raise WrongMatter("$.kind", "one of the service's kinds is expected")


def check_decides(rule: MatterRule | None, decides: str | None) -> None:
    """Refuse a department that does not decide matters of the service."""
    if decides is not None and (rule is None or decides not in rule.departments):
        raise WrongMatter("$.decides", "one of the departments that decide here is expected")


def handed_to(service: Service | None) -> tuple[str, ...]:
    """Return the departments to which a matter of a service can be handed: its deciding and its responsible
    departments.
    """
    if service is None:
        return ()
    deciding = () if service.matter is None else service.matter.departments
    return tuple(dict.fromkeys((*deciding, *service.departments)))


def stage_refusal(matter: Matter, stage: str, deadline: datetime | None = None) -> str | None:
    """Return the reason against a stage: a closed matter stays closed, and materials become complete once.

    A matter whose materials were complete without a deadline may get a deadline later, once.
    """
    if matter.closed_at is not None:
        return "matter-closed"
    again = stage == COMPLETE and matter.complete_at is not None
    return "matter-complete" if again and (deadline is None or matter.deadline is not None) else None


def fold_matter(matter: Matter | None, leaf: Leaf) -> Matter | None:
    """Return a matter after the next of its entries, or None if no matter was opened. The same entry again changes
    nothing.
    """
    if matter is None:
        return _opened(leaf)
    if leaf.seq <= matter.last:
        return matter
    matter = replace(matter, last=leaf.seq)
    if leaf.kind == "void":
        outcome = matter.outcome or (leaf.reason if leaf.reason in OUTCOMES else "voided")
        return replace(matter, stage=CLOSED, closed_at=matter.closed_at or leaf.recorded_at, outcome=outcome)
    due = None if leaf.deadline is None else from_millis(leaf.deadline)
    if leaf.kind != "matter" or leaf.stage is None or stage_refusal(matter, leaf.stage, due) is not None:
        return matter
    return _stepped(replace(matter, stage=leaf.stage), leaf)


def _opened(leaf: Leaf) -> Matter | None:
    if leaf.kind not in GRANTING or leaf.outcome != "granted" or leaf.matter is None:
        return None
    return Matter(
        id=leaf.id,
        point=leaf.point,
        department=leaf.department,
        service=leaf.service,
        kind=leaf.matter,
        opened_at=leaf.happened_at,
        last=leaf.seq,
        decides=leaf.decides,
        reference=leaf.reference,
    )


def _stepped(matter: Matter, leaf: Leaf) -> Matter:
    matter = replace(matter, decides=leaf.decides or matter.decides, kind=leaf.matter or matter.kind)
    if matter.stage == COMPLETE:
        due = None if leaf.deadline is None else from_millis(leaf.deadline)
        return replace(matter, complete_at=matter.complete_at or leaf.recorded_at, deadline=due)
    if matter.stage == CLOSED:
        return replace(matter, closed_at=leaf.recorded_at, outcome=leaf.reason)
    return matter


def target_of(programme: Programme, matter: Matter) -> datetime | None:
    """Return when the office wants to close a matter, within its limit: half a day for the one day of item 3. None for
    other matters.
    """
    service = programme.services.get(matter.service)
    rule = None if service is None else service.matter
    days = None if rule is None else rule.target_working_days
    return None if days is None or matter.complete_at is None else deadline_of(programme, matter.complete_at, days)


def deadline_of(programme: Programme, complete_at: datetime, working_days: float) -> datetime:
    """Return the deadline of a matter: a number of working days, in office hours, after its materials are complete.

    The clock stands still outside office hours: a matter complete at night begins the next working morning. Raises
    ValueError for a programme without office hours.
    """
    left = working_days * office_day(programme)
    if not left:
        raise ValueError("the programme names no office hours")
    for begins, ends in _spans(programme, complete_at):
        start = max(begins, complete_at)
        if start >= ends:
            continue
        if ends - start >= left:
            return start + left
        left -= ends - start
    raise ValueError("the programme's calendar leaves no office hours")


def office_day(programme: Programme) -> timedelta:
    """Return how long the office is open on a working day."""
    return sum((_length(hours) for hours in programme.office_hours), timedelta())


def _length(hours: tuple[str, str]) -> timedelta:
    day = date(2000, 1, 1)
    return datetime.combine(day, time.fromisoformat(hours[1])) - datetime.combine(day, time.fromisoformat(hours[0]))


def _spans(programme: Programme, since: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the office hours as instants, from the local day of an instant on."""
    day = since.astimezone(programme.zone).date()
    idle = 0
    while idle <= LONGEST_LEAVE:
        idle = 0 if is_working_day(programme, day) else idle + 1
        for opens, closes in programme.office_hours if idle == 0 else ():
            yield _instant(programme, day, opens), _instant(programme, day, closes)
        day += timedelta(days=1)


def _instant(programme: Programme, day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), programme.zone).astimezone(UTC)
