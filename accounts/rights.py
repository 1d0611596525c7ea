"""Rights per point, department, tier and action, and who calls. Values only: no store, no clock, no framework.

Rights in force are the device's and the operator's together (docs/design.md §3).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

from accounts.problems import CONFIRM_AGAIN, OPERATOR_NEEDED
from edge.problems import Problem

EVERYWHERE = "*"
"""Stands for every point in a mapping of rights, for every department or tier in a grant."""


class Right(StrEnum):
    """One thing that a caller may do (docs/design.md §3).

    `documents` is another server's: to fetch all that the issuer signs; `intake` a platform's: to hand applications in.
    Those from `holders` on are people's alone:
    the register, cards, applications (take in and read, review first, decide), accounts, keys, and running the system.
    """

    CHECK_IN = "check-in"
    VOID = "void"
    VOID_ANY = "void-any"
    OVERRIDE = "override"
    BOOKINGS = "bookings"
    STATEMENT = "statement"
    AUDIT = "audit"
    NAMES = "names"
    DOCUMENTS = "documents"
    INTAKE = "intake"
    HOLDERS = "holders"
    CARDS = "cards"
    APPLICATIONS = "applications"
    REVIEW = "review"
    APPROVE = "approve"
    ACCOUNTS = "accounts"
    KEYS = "keys"
    SYSTEM = "system"


class Role(StrEnum):
    """What a person is to the system; a person may have several."""

    OFFICER = "officer"
    REVIEWER = "reviewer"
    APPROVER = "approver"
    AUDITOR = "auditor"
    NAME_AUDITOR = "name-auditor"
    ADMINISTRATOR = "administrator"
    DESK = "desk"
    SUPERVISOR = "supervisor"
    SYSTEM_OPERATOR = "system-operator"


Rights = Mapping[str, frozenset[Right]]
"""Point code, or `EVERYWHERE`, to the rights there. `point/service` narrows them to one service (docs/design.md §3)."""

DEPARTMENT: Final = "dept-"
"""A department's own place is this and its code: rights are given there as at a point."""

SMALLEST = frozenset({Right.CHECK_IN})
"""What a device, an integrator or an operator gets when nothing is said."""

SUPERVISING: Final = frozenset({Right.VOID_ANY, Right.OVERRIDE})
"""Rights that answer for what another person did: never in force without somebody who is named in the log, an operator
at the device or a person who signed in.
"""

PEOPLE_ONLY = frozenset(
    {
        Right.HOLDERS,
        Right.CARDS,
        Right.APPLICATIONS,
        Right.REVIEW,
        Right.APPROVE,
        Right.ACCOUNTS,
        Right.KEYS,
        Right.SYSTEM,
    }
)
"""Rights that come with a person's role alone: no device, operator or integrator is given them."""

CONFIRMED_FOR: Final = timedelta(minutes=10)
"""For so long after a full sign-in the holder of a session may change keys and accounts, or ask for a name."""

NEEDS_FACTOR: Final = frozenset(
    {
        Right.NAMES,
        Right.OVERRIDE,
        Right.HOLDERS,
        Right.CARDS,
        Right.APPLICATIONS,
        Right.REVIEW,
        Right.APPROVE,
        Right.ACCOUNTS,
        Right.KEYS,
        Right.SYSTEM,
    }
)
"""What shows names, decides, or rules over accounts, devices and keys: a person has none of it by a password alone."""

ROLE_RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.OFFICER: frozenset({Right.HOLDERS, Right.CARDS, Right.APPLICATIONS}),
    Role.REVIEWER: frozenset({Right.APPLICATIONS, Right.REVIEW}),
    Role.APPROVER: frozenset({Right.HOLDERS, Right.CARDS, Right.APPLICATIONS, Right.APPROVE}),
    Role.AUDITOR: frozenset({Right.AUDIT}),
    Role.NAME_AUDITOR: frozenset({Right.AUDIT, Right.NAMES}),
    Role.ADMINISTRATOR: frozenset({Right.ACCOUNTS, Right.KEYS}),
    Role.DESK: frozenset({Right.BOOKINGS, Right.NAMES, Right.STATEMENT}),
    Role.SUPERVISOR: frozenset({Right.BOOKINGS, Right.NAMES, Right.STATEMENT, Right.OVERRIDE}),
    Role.SYSTEM_OPERATOR: frozenset({Right.SYSTEM}),
}
"""What each role may do. No role opens a counter."""

SCOPES: Mapping[Role, Literal["department", "tier"]] = {
    Role.REVIEWER: "department",
    Role.APPROVER: "tier",
    Role.DESK: "department",
    Role.SUPERVISOR: "department",
}
"""The roles that can be narrowed, and to what; the others hold everywhere."""


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """A role, narrowed to one department or tier where `scope` names it; written `reviewer:hrss` or `officer`."""

    role: Role
    scope: str = EVERYWHERE

    @classmethod
    def parse(cls, text: str) -> Grant:
        """Return what `str` makes of a grant. Raises ValueError for an unknown role or a scope that the role does not
        take.
        """
        name, _, scope = text.partition(":")
        role = Role(name)
        if scope and role not in SCOPES:
            raise ValueError(f"{name} cannot be narrowed to {scope}")
        return cls(role, scope or EVERYWHERE)

    def __str__(self) -> str:
        return self.role.value if self.scope == EVERYWHERE else f"{self.role.value}:{self.scope}"


@dataclass(frozen=True, slots=True)
class Operator:
    """A member of staff signed in at a device. `rights` as in `Caller`; `name` is for the screen, never for a log."""

    id: str
    name: str
    rights: Rights


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, and what that one may do where.

    `kind` and `id` name the device, integrator or person; `point` is a device's place, else None; `operator` the
    member of staff signed in at the device; `grants` a person's roles. `needs_operator`: a device that has no right at
    all while nobody is signed in there, so that leaving the operator out never widens a right. `session` and
    `confirmed_at` are a person's: which session, and when its holder last signed in in full. `lacks_factor`: some of
    the person's rights wait for a second step that was not taken. `call` names the signed call by which a device asks,
    None for callers that sign nothing.
    """

    kind: Literal["device", "integrator", "person"]
    id: str
    rights: Rights
    point: str | None = None
    operator: Operator | None = None
    label: str = ""
    grants: frozenset[Grant] = field(default_factory=frozenset)
    needs_operator: bool = False
    session: str | None = None
    confirmed_at: datetime | None = None
    lacks_factor: bool = False
    call: str | None = None

    def confirmed(self, at: datetime, within: timedelta) -> bool:
        """Tell whether a person signed in in full within this time; others have nothing to confirm."""
        return self.kind != "person" or (self.confirmed_at is not None and at - self.confirmed_at < within)

    def require_confirmed(self, at: datetime) -> None:
        """Raise `Problem` confirm-again unless a person signed in in full a short while ago (`CONFIRMED_FOR`)."""
        if not self.confirmed(at, CONFIRMED_FOR):
            raise Problem(CONFIRM_AGAIN.code)

    @property
    def supervisor(self) -> str | None:
        """The id of whoever answers for another's act: the operator, or the person who signed in; else None."""
        return self.id if self.kind == "person" and self.operator is None else self.operator_id

    @property
    def operator_id(self) -> str | None:
        """The id of the operator who is signed in, or None if nobody is."""
        return None if self.operator is None else self.operator.id

    @property
    def unstaffed(self) -> bool:
        """Whether this is a device that needs an operator, and nobody is signed in."""
        return self.needs_operator and self.operator is None

    def may(self, right: Right, point: str, service: str | None = None) -> bool:
        """Tell whether `right` is in force at `point`: the caller's and, when one is signed in, the operator's too.

        A right narrowed to services holds for those alone; without `service` it is asked for the whole point.
        """
        unnamed = self.operator is None and self.kind != "person"
        if unnamed and (self.needs_operator or right in SUPERVISING):
            return False
        return all(_holds(rights, right, point, service) for rights in self._held())

    def may_some(self, right: Right, point: str) -> bool:
        """Tell whether `right` is in force at `point` for one service at least: the service itself is asked later."""
        named = {service for rights in self._held() for service in _services(rights, right, point)}
        return self.may(right, point) or any(self.may(right, point, service) for service in named)

    def may_look(self, point: str) -> bool:
        """Tell whether a card may be looked at: a device that needs an operator may do so while nobody is signed in."""
        if not self.unstaffed:
            return self.may_some(Right.CHECK_IN, point)
        return replace(self, needs_operator=False).may_some(Right.CHECK_IN, point)

    def require(self, right: Right, point: str, service: str | None = None) -> None:
        """Raise `Problem` not-permitted unless `right` is in force at `point`; operator-needed where one may have it.

        A point that does not exist and a point of others give the very same answer, so that nobody can list points.
        """
        if not self.may(right, point, service):
            raise self.refusal(right, point, service)

    def refusal(self, right: Right, point: str, service: str | None = None) -> Problem:
        """Return the problem of a right that is not in force: of an operator missing where the device has the right."""
        held = service is None and _services(self.rights, right, point)
        if self.unstaffed and (held or _holds(self.rights, right, point, service)):
            return Problem(OPERATOR_NEEDED.code)
        return Problem("not-permitted")

    def holds(self, right: Right) -> bool:
        """Tell whether `right` is in force anywhere: whether a page for it is shown at all."""
        return bool(self.some_points(right))

    def covers(self, right: Right, scope: str) -> bool:
        """Tell whether a person's `right` reaches the department or tier that `scope` names."""
        reach = {grant.scope for grant in self.grants if right in ROLE_RIGHTS[grant.role]}
        return self.holds(right) and not reach.isdisjoint({scope, EVERYWHERE})

    def points(self, right: Right) -> frozenset[str]:
        """Return the points at which `right` is in force for every service; `EVERYWHERE` stands for all of them."""
        return self._points(right, self.may)

    def some_points(self, right: Right) -> frozenset[str]:
        """Return the points at which `right` is in force for one service at least; `EVERYWHERE` for all of them."""
        return self._points(right, self.may_some)

    def _points(self, right: Right, holds: Callable[[Right, str], bool]) -> frozenset[str]:
        named = {key.partition("/")[0] for rights in self._held() for key in rights}
        if EVERYWHERE in named and holds(right, EVERYWHERE):
            return frozenset({EVERYWHERE})
        return frozenset(point for point in named if point != EVERYWHERE and holds(right, point))

    def _held(self) -> tuple[Rights, ...]:
        return (self.rights,) if self.operator is None else (self.rights, self.operator.rights)


def _holds(rights: Rights, right: Right, point: str, service: str | None = None) -> bool:
    places = (point, EVERYWHERE)
    keys = places if service is None else (*places, *(f"{place}/{service}" for place in places))
    return any(right in rights.get(key, ()) for key in keys)


def _services(rights: Rights, right: Right, point: str) -> list[str]:
    """The services to which a right at a point is narrowed."""
    split = ((*key.partition("/")[::2], held) for key, held in rights.items())
    return [service for place, service, held in split if service and right in held and place in {point, EVERYWHERE}]


def narrowed(rights: frozenset[Right], point: str, services: Iterable[str]) -> dict[str, frozenset[Right]]:
    """Return rights at a point, for these services alone where any are named."""
    keys = [f"{point}/{service}" for service in services] or [point]
    return dict.fromkeys(keys, rights)


def rights_of_grants(
    grants: Iterable[Grant], departments: Mapping[str, Collection[str]]
) -> dict[str, frozenset[Right]]:
    """Return a person's rights by point. `departments`: each department's points.

    A desk or a supervisor narrowed to a department has its rights at that department and its points; what a reviewer
    or an approver may do belongs to no point, so that it is told as everywhere and held to the scope by
    `Caller.covers`.
    """
    found: dict[str, frozenset[Right]] = {EVERYWHERE: frozenset()}
    for grant in grants:
        for point in _places(grant, departments):
            found[point] = found.get(point, frozenset()) | ROLE_RIGHTS[grant.role]
    return found


def without_factor(rights: Rights) -> dict[str, frozenset[Right]]:
    """Return what is left of a person's rights while no second step was taken."""
    return {point: held - NEEDS_FACTOR for point, held in rights.items()}


def needs_factor(grants: Iterable[Grant]) -> bool:
    """Tell whether roles bring a right that needs a second step."""
    return any(ROLE_RIGHTS[grant.role] & NEEDS_FACTOR for grant in grants)


_AT_POINTS: Final = frozenset({Role.DESK, Role.SUPERVISOR})
"""Roles whose rights, narrowed to a department, lie at its points and its own place."""


def _places(grant: Grant, departments: Mapping[str, Collection[str]]) -> Iterable[str]:
    if grant.role not in _AT_POINTS or grant.scope == EVERYWHERE:
        return (EVERYWHERE,)
    known = departments.get(grant.scope)
    return () if known is None else (*known, f"{DEPARTMENT}{grant.scope}")


def parse_rights(names: Iterable[str]) -> frozenset[Right]:
    """Return the rights named, `SMALLEST` when none is. ValueError for a name that is no right, or a person's alone."""
    found = frozenset(Right(name) for name in names) or SMALLEST
    if found & PEOPLE_ONLY:
        raise ValueError(f"{min(found & PEOPLE_ONLY)} comes with a person's role alone")
    return found


def save_rights(rights: Rights) -> dict[str, list[str]]:
    """Return rights as a store or an answer holds them: sorted, so that equal rights are equal text."""
    return {point: sorted(rights[point]) for point in sorted(rights)}


def load_rights(kept: Mapping[str, Iterable[str]]) -> dict[str, frozenset[Right]]:
    """Return what `save_rights` made."""
    return {point: frozenset(Right(name) for name in names) for point, names in kept.items()}
