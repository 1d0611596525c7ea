"""Rights per point, department, tier and action, and the caller. Values only: no store, no clock, no framework.

A right is in force only if both the device and the operator have it (docs/design.md §3).
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
"""Stands for every point in a mapping of rights, and for every department or tier in a grant."""


class Right(StrEnum):
    """One thing that a caller may do (docs/design.md §3).

    `documents` is for another server: to fetch everything that the issuer signs. `intake` is for a platform: to hand in
    applications. The rights from `holders` on are for people alone: the register, cards, applications (take in and
    read, first review, decide), accounts, keys, and running the system.
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
    """The role of a person. A person may have several roles."""

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
"""Point code, or `EVERYWHERE`, to the rights there. `point/service` limits them to one service (docs/design.md §3)."""

DEPARTMENT: Final = "dept-"
"""This prefix and a department's code are the department's own place, where rights are given as at a point."""

SMALLEST = frozenset({Right.CHECK_IN})
"""The rights of a device, an integrator or an operator if none are named."""

SUPERVISING: Final = frozenset({Right.VOID_ANY, Right.OVERRIDE})
"""Rights to decide about another person's acts. They are in force only with somebody whom the log names: an operator at
the device, or a person who signed in.
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
"""Rights that come only with a person's role: no device, operator or integrator gets them."""

CONFIRMED_FOR: Final = timedelta(minutes=10)
"""How long after a full sign-in the holder of a session may change keys and accounts, or ask for a name."""

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
"""The rights to see names, to decide, or to manage accounts, devices and keys. A password alone gives none of them."""

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
"""The rights of each role. No role includes the rights of a counter."""

SCOPES: Mapping[Role, Literal["department", "tier"]] = {
    Role.REVIEWER: "department",
    Role.APPROVER: "tier",
    Role.DESK: "department",
    Role.SUPERVISOR: "department",
}
"""The roles that can be limited, and to what. The other roles hold everywhere."""


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """A role, limited to one department or tier if `scope` names it. It is written `reviewer:hrss` or `officer`."""

    role: Role
    scope: str = EVERYWHERE

    @classmethod
    def parse(cls, text: str) -> Grant:
        """Return the grant in a text that `str` made. Raises ValueError for an unknown role or a scope that the role
        does not allow.
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
    """A member of staff who is signed in at a device. `rights` as in `Caller`. `name` is for the screen, never for a
    log.
    """

    id: str
    name: str
    rights: Rights


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, and which rights the caller has where.

    `kind` and `id` name the device, integrator or person. `point` is a device's place, otherwise None. `operator` is
    the member of staff signed in at the device. `grants` are a person's roles. `needs_operator`: the device has no
    right at all while nobody is signed in there, so that leaving out the operator never adds a right. `session` and
    `confirmed_at` are a person's: the session, and the time of the last full sign-in. `lacks_factor`: some of the
    person's rights need a second step that was not taken. `call` names the signed call of a device, or is None for
    callers that sign nothing.
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
        """Return whether a person made a full sign-in within this time. True for callers that are no person."""
        return self.kind != "person" or (self.confirmed_at is not None and at - self.confirmed_at < within)

    def require_confirmed(self, at: datetime) -> None:
        """Raise `Problem` confirm-again unless a person made a full sign-in a short time ago (`CONFIRMED_FOR`)."""
        if not self.confirmed(at, CONFIRMED_FOR):
            raise Problem(CONFIRM_AGAIN.code)

    @property
    def supervisor(self) -> str | None:
        """The id of the person who answers for another's act: the operator, or the person who signed in, or None."""
        return self.id if self.kind == "person" and self.operator is None else self.operator_id

    @property
    def operator_id(self) -> str | None:
        """The id of the operator who is signed in, or None if nobody is."""
        return None if self.operator is None else self.operator.id

    @property
    def unstaffed(self) -> bool:
        """Whether this is a device that needs an operator while nobody is signed in."""
        return self.needs_operator and self.operator is None

    def may(self, right: Right, point: str, service: str | None = None) -> bool:
        """Return whether `right` is in force at `point`: the caller must have it and, if an operator is signed in, the
        operator too.

        A right limited to services holds for these services alone. Without `service`, the right must hold for the whole
        point.
        """
        unnamed = self.operator is None and self.kind != "person"
        if unnamed and (self.needs_operator or right in SUPERVISING):
            return False
        return all(_holds(rights, right, point, service) for rights in self._held())

    def may_some(self, right: Right, point: str) -> bool:
        """Return whether `right` is in force at `point` for at least one service. The service itself is checked
        later.
        """
        named = {service for rights in self._held() for service in _services(rights, right, point)}
        return self.may(right, point) or any(self.may(right, point, service) for service in named)

    def may_look(self, point: str) -> bool:
        """Return whether the caller may look at a card. A device that needs an operator may do so while nobody is
        signed in.
        """
        if not self.unstaffed:
            return self.may_some(Right.CHECK_IN, point)
        return replace(self, needs_operator=False).may_some(Right.CHECK_IN, point)

    def require(self, right: Right, point: str, service: str | None = None) -> None:
        """Raise `Problem` not-permitted unless `right` is in force at `point`; operator-needed if an operator may have
        it.

        The answer is the same for an unknown point and for other people's points, so that nobody can list points.
        """
        if not self.may(right, point, service):
            raise self.refusal(right, point, service)

    def refusal(self, right: Right, point: str, service: str | None = None) -> Problem:
        """Return the problem of a right that is not in force: a missing operator if the device has the right."""
        held = service is None and _services(self.rights, right, point)
        if self.unstaffed and (held or _holds(self.rights, right, point, service)):
            return Problem(OPERATOR_NEEDED.code)
        return Problem("not-permitted")

    def holds(self, right: Right) -> bool:
        """Return whether `right` is in force anywhere, so that a page for it is shown."""
        return bool(self.some_points(right))

    def covers(self, right: Right, scope: str) -> bool:
        """Return whether a person's `right` covers the department or tier `scope`."""
        reach = {grant.scope for grant in self.grants if right in ROLE_RIGHTS[grant.role]}
        return self.holds(right) and not reach.isdisjoint({scope, EVERYWHERE})

    def points(self, right: Right) -> frozenset[str]:
        """Return the points at which `right` is in force for every service. `EVERYWHERE` stands for all points."""
        return self._points(right, self.may)

    def some_points(self, right: Right) -> frozenset[str]:
        """Return the points at which `right` is in force for at least one service. `EVERYWHERE` stands for all
        points.
        """
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
    """Return the services to which a right at a point is limited."""
    split = ((*key.partition("/")[::2], held) for key, held in rights.items())
    return [service for place, service, held in split if service and right in held and place in {point, EVERYWHERE}]


def narrowed(rights: frozenset[Right], point: str, services: Iterable[str]) -> dict[str, frozenset[Right]]:
    """Return rights at a point, limited to these services if any are named."""
    keys = [f"{point}/{service}" for service in services] or [point]
    return dict.fromkeys(keys, rights)


def rights_of_grants(
    grants: Iterable[Grant], departments: Mapping[str, Collection[str]]
) -> dict[str, frozenset[Right]]:
    """Return a person's rights by point. `departments`: each department's points.

    A desk or a supervisor of a department has its rights at the department and its points. The rights of a reviewer or
    an approver belong to no point: they are given for everywhere, and `Caller.covers` checks the scope.
    """
    found: dict[str, frozenset[Right]] = {EVERYWHERE: frozenset()}
    for grant in grants:
        for point in _places(grant, departments):
            found[point] = found.get(point, frozenset()) | ROLE_RIGHTS[grant.role]
    return found


def without_factor(rights: Rights) -> dict[str, frozenset[Right]]:
    """Return a person's rights that remain while no second step was taken."""
    return {point: held - NEEDS_FACTOR for point, held in rights.items()}


def needs_factor(grants: Iterable[Grant]) -> bool:
    """Return whether roles include a right that needs a second step."""
    return any(ROLE_RIGHTS[grant.role] & NEEDS_FACTOR for grant in grants)


_AT_POINTS: Final = frozenset({Role.DESK, Role.SUPERVISOR})
"""Roles whose rights, if limited to a department, hold at the department's points and its own place."""


def _places(grant: Grant, departments: Mapping[str, Collection[str]]) -> Iterable[str]:
    if grant.role not in _AT_POINTS or grant.scope == EVERYWHERE:
        return (EVERYWHERE,)
    known = departments.get(grant.scope)
    return () if known is None else (*known, f"{DEPARTMENT}{grant.scope}")


def parse_rights(names: Iterable[str]) -> frozenset[Right]:
    """Return the named rights, or `SMALLEST` if none is named. Raises ValueError for a name that is no right, or that
    is a right of people alone.
    """
    found = frozenset(Right(name) for name in names) or SMALLEST
    if found & PEOPLE_ONLY:
        raise ValueError(f"{min(found & PEOPLE_ONLY)} comes with a person's role alone")
    return found


def save_rights(rights: Rights) -> dict[str, list[str]]:
    """Return rights in the form of a store or an answer: sorted, so that equal rights are equal text."""
    return {point: sorted(rights[point]) for point in sorted(rights)}


def load_rights(kept: Mapping[str, Iterable[str]]) -> dict[str, frozenset[Right]]:
    """Return the rights that `save_rights` wrote."""
    return {point: frozenset(Right(name) for name in names) for point, names in kept.items()}
