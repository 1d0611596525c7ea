"""A dry run of a check-in (`verifier decide`): every step with what it found. Writes nothing, claims nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from accounts.rights import Caller
from cards.presentation import read
from cards.programme.types import Beneficiary, Point, Service
from cards.verify import RefusedCard
from edge.problems import Problem
from ledger.judgement import judge
from ledger.values import Figure
from verifier.counter.checking_in import Intent, change_of, operation_of
from verifier.counter.looks import standing
from verifier.service import Verifier

DRY_RUN = Caller("person", "dry-run", {})


@dataclass(frozen=True, slots=True)
class DryStep:
    """One step of DESIGN §5, and what it found."""

    number: str
    found: str


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a check-in would come to now: the reason it would be refused with, None when it would be granted."""

    reason: str | None
    steps: tuple[DryStep, ...]
    figures: tuple[Figure, ...]


def decide(verifier: Verifier, ask: Intent, at: datetime) -> DryRun:
    """Run a check-in's steps without recording it. Whether the proof was used is not asked, since asking claims it."""
    try:
        ask = verifier.desk.resolved(ask)
    except Problem as problem:
        return DryRun(problem.code, (DryStep("1", problem.kind.en),), ())
    documents = verifier.published.current(at)
    verdict = verifier.desk.verify(ask, documents, at)
    steps = [DryStep("1", f"read: card{' and proof' if ask.presentation.proof else ''}")]
    if isinstance(verdict, RefusedCard):
        return DryRun(verdict.reason, (*steps, DryStep("2-6", verdict.reason)), ())
    card = verdict.card
    steps.append(
        DryStep("2-6", f"valid {card.tier} {card.form} card, {verdict.assurance.word}, list {verdict.freshness}")
    )
    bookings = verifier.desk.bookings(verdict, at, (ask.service,))
    change = change_of(ask, operation_of(ask), verdict, documents, at, bookings=bookings)
    steps.append(DryStep("7-9", ", ".join(change.findings) or "entitled"))
    usage = verifier.ledger.usage(card.subject, at)
    judged = judge(change, at, "", standing(change, usage, bookings))
    steps.append(DryStep("10", judged.reason or "within every limit"))
    return DryRun(judged.reason, tuple(steps), judged.figures)


def asked(point: Point, service: Service, presentation_text: str, verifier: Verifier, *, id_checked: bool) -> Intent:
    """Return what a dry run asks: the holder, at a point, for a service."""
    presentation = read(presentation_text, verifier.published.dictionaries)
    return Intent("dry-run", DRY_RUN, point, service, presentation, Beneficiary.HOLDER, id_checked=id_checked)
