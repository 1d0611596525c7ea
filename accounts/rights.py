"""Rights per point and action, and who calls. Values only: no store, no clock, no framework.

Rights in force are the device's and the operator's together (DESIGN §3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from edge.problems import Problem

EVERYWHERE = "*"
"""Stands for every point in a mapping of rights."""


class Right(StrEnum):
    """One thing that a caller may do at a point (DESIGN §3).

    `documents` is another server's: to fetch all that the issuer signs. The last two are the office's.
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
    HOLDERS = "holders"
    CARDS = "cards"


class Role(StrEnum):
    """What a person is to the system; a person may have several."""

    OFFICER = "officer"
    APPROVER = "approver"
    AUDITOR = "auditor"
    NAME_AUDITOR = "name-auditor"
    OPERATOR_ADMIN = "operator-admin"
    BOOKING_OFFICE = "booking-office"


Rights = Mapping[str, frozenset[Right]]
"""Point code, or `EVERYWHERE`, to the rights there."""

SMALLEST = frozenset({Right.CHECK_IN})
"""What a device, an integrator or an operator gets when nothing is said."""

NEEDS_OPERATOR = frozenset({Right.VOID_ANY, Right.OVERRIDE})
"""Rights that answer for what another person did: never in force without an operator who is named in the log."""

ROLE_RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.OFFICER: frozenset({Right.HOLDERS, Right.CARDS}),
    Role.APPROVER: frozenset({Right.HOLDERS, Right.CARDS}),
    Role.AUDITOR: frozenset({Right.AUDIT}),
    Role.NAME_AUDITOR: frozenset({Right.AUDIT, Right.NAMES}),
    Role.OPERATOR_ADMIN: frozenset(),
    Role.BOOKING_OFFICE: frozenset({Right.BOOKINGS, Right.NAMES, Right.STATEMENT}),
}
"""A person's rights hold at every point."""


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
    member of staff signed in at the device; `roles` a person's.
    """

    kind: Literal["device", "integrator", "person"]
    id: str
    rights: Rights
    point: str | None = None
    operator: Operator | None = None
    label: str = ""
    roles: frozenset[Role] = field(default_factory=frozenset)

    def may(self, right: Right, point: str) -> bool:
        """Tell whether `right` is in force at `point`: the caller's and, when one is signed in, the operator's too."""
        if right in NEEDS_OPERATOR and self.operator is None:
            return False
        if not _holds(self.rights, right, point):
            return False
        return self.operator is None or _holds(self.operator.rights, right, point)

    def require(self, right: Right, point: str) -> None:
        """Raise `Problem` not-permitted unless `right` is in force at `point`.

        A point that does not exist and a point of others give the very same answer, so that nobody can list points.
        """
        if not self.may(right, point):
            raise Problem("not-permitted")

    def points(self, right: Right) -> frozenset[str]:
        """Return the points at which `right` is in force; `EVERYWHERE` stands for all of them."""
        named = {*self.rights, *(self.operator.rights if self.operator else ())}
        if EVERYWHERE in named and self.may(right, EVERYWHERE):
            return frozenset({EVERYWHERE})
        return frozenset(point for point in named if point != EVERYWHERE and self.may(right, point))


def _holds(rights: Rights, right: Right, point: str) -> bool:
    return right in rights.get(point, ()) or right in rights.get(EVERYWHERE, ())


def rights_of_roles(roles: Iterable[Role]) -> dict[str, frozenset[Right]]:
    """Return what a person with `roles` may do, at every point."""
    return {EVERYWHERE: frozenset().union(*(ROLE_RIGHTS[role] for role in roles))}


def parse_rights(names: Iterable[str]) -> frozenset[Right]:
    """Return the rights named, `SMALLEST` when none is. Raises ValueError for a name that is no right."""
    return frozenset(Right(name) for name in names) or SMALLEST


def save_rights(rights: Rights) -> dict[str, list[str]]:
    """Return rights as a store or an answer holds them: sorted, so that equal rights are equal text."""
    return {point: sorted(rights[point]) for point in sorted(rights)}


def load_rights(kept: Mapping[str, Iterable[str]]) -> dict[str, frozenset[Right]]:
    """Return what `save_rights` made."""
    return {point: frozenset(Right(name) for name in names) for point, names in kept.items()}
