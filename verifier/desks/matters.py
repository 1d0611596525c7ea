"""A department's requests and matters: lists without persons, matters that are opened with a line in the access log,
and stages.

For a caller without the right to a matter, the matter does not exist: a department learns nothing of another's holders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from accounts.rights import Caller, Right
from cards.programme.types import Service
from edge.fields import invalid
from edge.problems import Problem
from ledger.millis import from_millis
from ledger.values import Entry, Outcome
from verifier.counter.booking_views import masked_fields
from verifier.counter.commitments import text_of
from verifier.records.bookings import BookingDetails
from verifier.records.matters import MatterFilter, MatterTab
from verifier.records.store import Access
from verifier.rules.bookings import span_of_day
from verifier.rules.matters import CALL_BACKS, FOLLOWED, OUTCOMES, Matter, handed_to, kind_open
from verifier.service import Verifier
from verifier.services.bookings.asked import Asker
from verifier.services.matters.service import Stage
from verifier.services.requests.service import GIVES_BACK, department_at, department_place

READING: Final = "requests"
"""The kind of line in the access log."""


@dataclass(frozen=True, slots=True)
class MatterLine:
    """A line of a list: the matter, and the card's masked data of its holder (None if the caller may not see it)."""

    matter: Matter
    holder_name: str | None = None
    tier: str | None = None


@dataclass(frozen=True, slots=True)
class MatterEvent:
    """An event of a matter. `stage`: `opened`, a stage, or `taken-back`. `by`: the caller's id. `reason`: how it was
    closed, or the result of a call.
    """

    stage: str
    at: datetime
    by: str
    caller: str
    reason: str | None = None
    decides: str | None = None
    deadline: datetime | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class OpenedMatter:
    """A matter with everything that its handler sees. `fields`: the holder's wishes, masked without the right to names.

    `takes_notes`: whether notes may be written about it. `limit_days`: the working days that its service's rule gives.
    `hand_to`: the departments that it can be handed to. `outcomes`: how it can be closed.
    """

    matter: Matter
    service: Service | None
    line: MatterLine
    steps: tuple[MatterEvent, ...]
    hand_to: tuple[str, ...]
    takes_notes: bool
    limit_days: float | None
    outcomes: tuple[str, ...]
    channel: str | None = None
    fields: Mapping[str, Any] | None = None
    holder_ref: str | None = None
    names: bool = False

    @property
    def kind_open(self) -> bool:
        """Whether the kind is still needed, because the matter was opened offline."""
        return kind_open(self.service, self.matter)

    @property
    def is_request(self) -> bool:
        """Whether the holder made this request without a counter."""
        return department_at_place(self.matter.point)

    @property
    def has_notice(self) -> bool:
        """Whether the deciding department gets a notice: if it is not the department of the counter."""
        rule = None if self.service is None else self.service.matter
        return rule is not None and bool(rule.departments) and not self.is_request


def department_at_place(point: str) -> bool:
    """Whether a place is a department's own, where its requests lie."""
    return point.startswith(department_place(""))


class MatterDesk:
    """Lists, opens and advances matters for a caller."""

    def __init__(self, verifier: Verifier) -> None:
        """Work with the verifier's services."""
        self._verifier = verifier

    def departments(self, caller: Caller) -> tuple[str, ...]:
        """Return the departments whose requests a caller handles, in the programme's order."""
        known = self._verifier.programme.departments
        return tuple(code for code in known if caller.may_some(Right.BOOKINGS, department_place(code)))

    def tabs(
        self, caller: Caller, departments: Iterable[str], at: datetime, **narrowed: str | None
    ) -> Mapping[MatterTab, int]:
        """Return the number of matters in each part of a list."""
        return self._verifier.store.matters.count(self._filter(caller, departments, at, narrowed))

    def listed(
        self,
        caller: Caller,
        departments: Iterable[str],
        tab: MatterTab,
        at: datetime,
        *,
        limit: int,
        offset: int = 0,
        **narrowed: str | None,
    ) -> tuple[MatterLine, ...]:
        """Return a part of the list of departments: their own matters, their points', and those handed to them.

        `narrowed`: `service`, `reference`. The reading is recorded in the access log. Problem not-permitted.
        """
        departments = tuple(departments)
        wanted = self._filter(caller, departments, at, narrowed)
        found = self._verifier.store.matters.select(wanted, tab, limit, offset)
        for department in departments:
            self._record(caller, department_place(department), tab.value, at)
        return self._lines(found)

    def requests(
        self, caller: Caller, department: str, tab: MatterTab, at: datetime, *, limit: int
    ) -> tuple[MatterLine, ...]:
        """Return the requests that a department received or took over, without its counters' matters."""
        whole = self._filter(caller, (department,), at, {})
        place = department_place(department)
        wanted = replace(whole, places={place: whole.places[place]})
        self._record(caller, place, tab.value, at)
        found = self._verifier.store.matters.select(wanted, tab, limit)
        return self._lines(found)

    def _lines(self, found: Sequence[Matter]) -> tuple[MatterLine, ...]:
        details = self._verifier.store.bookings.find_all(matter.id for matter in found)
        return tuple(self._line(matter, details.get(matter.id)) for matter in found)

    def _filter(
        self, caller: Caller, departments: Iterable[str], at: datetime, narrowed: Mapping[str, str | None]
    ) -> MatterFilter:
        programme, departments = self._verifier.programme, tuple(departments)
        for department in departments:
            if department not in programme.departments or not caller.may_some(
                Right.BOOKINGS, department_place(department)
            ):
                raise caller.refusal(Right.BOOKINGS, department_place(department))
        places = [department_place(department) for department in departments]
        places += [code for code, point in programme.points.items() if point.department in departments]
        _, tonight = span_of_day(at.astimezone(programme.zone).date(), programme.zone)
        handed = frozenset(code for code in departments if caller.may(Right.BOOKINGS, department_place(code)))
        return MatterFilter({place: self._services(caller, place) for place in places}, at, tonight, handed, **narrowed)

    def _services(self, caller: Caller, place: str) -> frozenset[str] | None:
        """Return the services that a caller handles at a place, or None for all services."""
        if caller.may(Right.BOOKINGS, place):
            return None
        return frozenset(code for code in self._verifier.programme.services if caller.may(Right.BOOKINGS, place, code))

    def opened(self, caller: Caller, matter_id: str, at: datetime) -> OpenedMatter:
        """Return a matter with its steps and its fields. Record in the access log that it was opened.

        Problem not-found for a matter that the caller does not handle.
        """
        matter = self.require(caller, matter_id)
        details, viewer = self._verifier.requests.details(matter.id), self._viewer(caller, matter)
        service = self._verifier.programme.services.get(matter.service)
        names = caller.may(Right.NAMES, department_place(viewer)) and details is not None
        takes_notes = service is None or service.request is None or service.request.content
        rule = None if service is None else service.matter
        self._record(caller, matter.point, f"opened {matter.id}", at)
        return OpenedMatter(
            matter=matter,
            service=service,
            line=self._line(matter, details),
            steps=tuple(self._step(entry) for entry in self._verifier.matters.history(matter)),
            hand_to=tuple(code for code in handed_to(service) if code not in {viewer, matter.decides}),
            takes_notes=takes_notes,
            limit_days=None if rule is None else rule.limit_working_days,
            outcomes=OUTCOMES,
            channel=None if details is None else details.channel,
            fields=None if details is None else _shown(service, details.fields, names=names),
            holder_ref=None if details is None else self._verifier.answering.reference(viewer, details.subject),
            names=names,
        )

    def reach(self, stage: Stage, at: datetime) -> tuple[Matter, Outcome]:
        """Record a stage of a matter that the caller handles.

        Problems: not-found, no-notes, invalid-field, a stage's.
        """
        matter = self.require(stage.caller, stage.matter)
        self._check(matter, stage)
        after, outcome = self._verifier.matters.reach(stage, at)
        if stage.outcome is not None and not outcome.replayed:
            self._verifier.requests.closed(after, at)
        return after, outcome

    def close(self, stage: Stage, at: datetime) -> Matter:
        """Close a matter. A counted request that is refused or withdrawn is taken back, so that its unit returns."""
        matter = self.require(stage.caller, stage.matter)
        service = self._verifier.programme.services.get(matter.service)
        counted = service is not None and service.quota is not None and department_at_place(matter.point)
        if stage.outcome not in GIVES_BACK or not counted:
            return self.reach(stage, at)[0]
        return self.take_back(stage.caller, stage.operation, matter.id, stage.outcome or "", at)[0]

    def take_back(
        self, caller: Caller, operation: str, matter_id: str, outcome: str, at: datetime
    ) -> tuple[Matter, Outcome]:
        """Close a request as refused or withdrawn.

        Problem not-found for any request that the caller does not handle.
        """
        matter = self.require(caller, matter_id)
        if not department_at_place(matter.point):
            raise Problem("not-found")
        return self._verifier.requests.take_back(Asker.staff(caller), operation, matter, outcome, at, by_holder=False)

    def require(self, caller: Caller, matter_id: str) -> Matter:
        """Return a matter that the caller handles. Problem not-found for any other matter, also for an unknown one."""
        matter = self._verifier.matters.find(matter_id)
        if matter is None or not self.may_handle(caller, matter):
            raise Problem("not-found")
        return matter

    def may_handle(self, caller: Caller, matter: Matter) -> bool:
        """Return whether a caller handles a matter: at its place, or at the department that took over the matter."""
        if caller.may(Right.BOOKINGS, matter.point, matter.service):
            return True
        if not department_at_place(matter.point) and caller.may(Right.CHECK_IN, matter.point, matter.service):
            return True
        handed = matter.decides
        return handed is not None and caller.may(Right.BOOKINGS, department_place(handed), matter.service)

    def _viewer(self, caller: Caller, matter: Matter) -> str:
        """Return the department for which a caller sees a matter. Each department has its own references of holders."""
        own = caller.may(Right.BOOKINGS, matter.point, matter.service) or matter.decides is None
        return matter.department if own or matter.decides is None else matter.decides

    def _check(self, matter: Matter, stage: Stage) -> None:
        """Refuse a note if the matter takes no notes, and an outcome that only `take_back` may record."""
        if stage.call_back is not None and (stage.stage != FOLLOWED or stage.call_back not in CALL_BACKS):
            raise invalid("$.call_back", "what came of a call is told of a stage followed-up")
        service = self._verifier.programme.services.get(matter.service)
        if department_at(self._verifier.programme, matter.point) is None or service is None:
            return
        if stage.note is not None and service.request is not None and not service.request.content:
            raise Problem("no-notes")
        if stage.outcome in GIVES_BACK and service.quota is not None:
            raise invalid("$.outcome", "take the request back, so that its unit returns")

    def _line(self, matter: Matter, details: BookingDetails | None) -> MatterLine:
        if details is None:
            return MatterLine(matter)
        return MatterLine(matter, details.name, details.tier)

    def _step(self, entry: Entry) -> MatterEvent:
        told = entry.leaf
        stage = "taken-back" if told.kind == "void" else told.stage or "opened"
        opened = self._verifier.store.note(entry.id)
        return MatterEvent(
            stage=stage,
            at=told.recorded_at,
            by=told.operator or told.device,
            caller=told.caller or "",
            reason=told.reason,
            decides=told.decides,
            deadline=None if told.deadline is None else from_millis(told.deadline),
            note=None if opened is None else text_of(opened),
        )

    def _record(self, caller: Caller, place: str, what: str, at: datetime) -> None:
        self._verifier.store.record(Access(READING, caller.id, what, caller.operator_id, place), at)


def _shown(service: Service | None, fields: Mapping[str, Any], *, names: bool) -> Mapping[str, Any]:
    rule = None if service is None else service.request
    if names:
        return fields
    whom = {name: fields[name] for name in ("beneficiary",) if name in fields}  # A counter's matter: no person's name
    return whom if rule is None else masked_fields(rule, fields) | whom
