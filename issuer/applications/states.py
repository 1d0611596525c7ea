"""The states of an application, the next steps, and who may take each step. Pure rules: no store, no clock.

Two persons see every application: a person who recorded or reviewed it does not decide it (docs/guide-coverage.md, Read
right 13).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from cards.programme.types import Ground, Programme
from cards.working_days import after_working_days, working_days_between

ALL: Final = "*"
BY_DECISION: Final = "by-decision"
_PERSON: Final = "person:"


class State(StrEnum):
    """The state of an application. The last three are final."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    IN_REVIEW = "in-review"
    SUPPLEMENT = "supplement"
    IN_DECISION = "in-decision"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"

    @property
    def open(self) -> bool:
        """Return whether the office must still act, or waits for the applicant."""
        return self in _OPEN

    @property
    def final(self) -> bool:
        """Return whether nothing will change any more."""
        return self in (State.APPROVED, State.REFUSED, State.WITHDRAWN)


_OPEN: Final = frozenset({State.SUBMITTED, State.IN_REVIEW, State.SUPPLEMENT, State.IN_DECISION})


class Act(StrEnum):
    """The acts on an application."""

    SUBMIT = "submit"
    CLAIM = "claim"
    RELEASE = "release"
    ASK = "ask"
    SUPPLY = "supply"
    FORWARD = "forward"
    RETURN = "return"
    APPROVE = "approve"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"


_NEXT: Final[Mapping[tuple[State, Act], State]] = {
    (State.DRAFT, Act.SUBMIT): State.SUBMITTED,
    (State.SUBMITTED, Act.CLAIM): State.IN_REVIEW,
    (State.IN_REVIEW, Act.RELEASE): State.SUBMITTED,
    (State.IN_REVIEW, Act.ASK): State.SUPPLEMENT,
    (State.SUPPLEMENT, Act.SUPPLY): State.IN_REVIEW,
    (State.IN_REVIEW, Act.FORWARD): State.IN_DECISION,
    (State.IN_DECISION, Act.RETURN): State.IN_REVIEW,
    (State.IN_DECISION, Act.APPROVE): State.APPROVED,
    (State.IN_DECISION, Act.REFUSE): State.REFUSED,
    (State.DRAFT, Act.WITHDRAW): State.WITHDRAWN,
    **{(state, Act.WITHDRAW): State.WITHDRAWN for state in _OPEN},
}


def next_state(state: State, act: Act) -> State | None:
    """Return the state to which an act leads, or None if the act is not possible in this state."""
    return _NEXT.get((state, act))


@dataclass(frozen=True, slots=True)
class OfficePerson:
    """A person of the office. `id` is the office log's actor. Only a signed-in person (`person:…`) reviews or decides.

    `reviews` are the departments for which this person does the first review. `decides` are the tiers (and
    `by-decision`) that the person's right covers. `*` stands for all.
    """

    id: str
    reviews: frozenset[str] = frozenset()
    decides: frozenset[str] = frozenset()

    @property
    def named(self) -> bool:
        """Return whether a person stands behind the id. A command line names a user of a machine, not a person."""
        return self.id.startswith(_PERSON)

    def may_review(self, department: str) -> bool:
        """Return whether this person may do the first review of a department's grounds."""
        return self.named and bool(self.reviews & {department, ALL})

    def may_decide(self, what: str) -> bool:
        """Return whether this person's right covers a tier, or `by-decision`."""
        return self.named and bool(self.decides & {what, ALL})


class Objection(StrEnum):
    """Why a person may not take a step. It is shown before the click, and answered after the click."""

    WRONG_STATE = "wrong-state"
    NOT_A_PERSON = "not-a-person"
    NOT_YOUR_DEPARTMENT = "not-your-department"
    NOT_YOUR_TIER = "not-your-tier"
    SECOND_PERSON = "second-person"
    ANOTHERS_CLAIM = "anothers-claim"
    INCOMPLETE = "incomplete"


def decided_under(ground: Ground) -> str:
    """Return the right that a decision on a ground needs: the tier's, or `by-decision` if the ground fixes no tier."""
    return ground.tier or BY_DECISION


def review_objection(person: OfficePerson, department: str, claimed_by: str | None) -> Objection | None:
    """Return why a person may not work on the first review of an application, or None if the person may."""
    if not person.named:
        return Objection.NOT_A_PERSON
    if not person.may_review(department):
        return Objection.NOT_YOUR_DEPARTMENT
    return Objection.ANOTHERS_CLAIM if claimed_by not in (None, person.id) else None


def decision_objection(person: OfficePerson, ground: Ground, involved: Iterable[str | None]) -> Objection | None:
    """Return why a person may not decide, or None. `involved` are those who recorded, checked or reviewed the
    application.
    """
    if not person.named:
        return Objection.NOT_A_PERSON
    if not person.may_decide(decided_under(ground)):
        return Objection.NOT_YOUR_TIER
    return Objection.SECOND_PERSON if person.id in set(involved) else None


def due_on(programme: Programme, state: State, since: date) -> date | None:
    """Return the last day of the term that began on the day after `since`, or None if the state has no term."""
    applying = programme.applying
    days = {
        State.SUBMITTED: applying.review_days,
        State.IN_REVIEW: applying.review_days,
        State.SUPPLEMENT: applying.supplement_days,
        State.IN_DECISION: applying.decision_days,
    }.get(state)
    return None if days is None else after_working_days(programme, since, days)


def resumed_due(programme: Programme, due: date, asked_on: date, supplied_on: date) -> date:
    """Return when a review is due after a supplement. The wait for the applicant does not use up the office's time."""
    left = max(1, working_days_between(programme, asked_on, due))
    return after_working_days(programme, supplied_on, left)
