"""A dry run of a check-in (`verifier decide`): every step with its result. Writes nothing, claims nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from accounts.rights import Caller
from cards.presentation import Presentation, read
from cards.programme.types import Point, Service
from cards.sun import LINK, read_link
from cards.verify import RefusedCard
from edge.problems import Problem
from ledger.values import Figure
from verifier.counter.intents import Use
from verifier.counter.looks import Tried, would_judge
from verifier.records.tags import TagRead
from verifier.service import Verifier

DRY_RUN = Caller("person", "dry-run", {})


@dataclass(frozen=True, slots=True)
class DryStep:
    """One step of docs/design.md §5, and its result."""

    number: str
    found: str


@dataclass(frozen=True, slots=True)
class DryRun:
    """The outcome of a check-in now: the reason for its refusal, or None if it would be granted."""

    reason: str | None
    steps: tuple[DryStep, ...]
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """The use to try: the holder, the point, the presentation, and whether an ID was compared.

    `tag`: the reading of a counting tag whose link named the card.
    """

    use: Use
    presentation: Presentation
    id_checked: bool
    tag: TagRead | None = None


def decide(verifier: Verifier, trial: Trial, at: datetime) -> DryRun:
    """Run a check-in's steps without recording it. It does not check whether the proof was used, because this check
    claims the proof.
    """
    try:
        presentation = verifier.desk.resolved(trial.presentation)
    except Problem as problem:
        return DryRun(problem.code, (DryStep("1", problem.kind.en),), ())
    documents, use = verifier.published.current(at), trial.use
    verdict = verifier.desk.verify(
        presentation,
        documents,
        at,
        reader=DRY_RUN.id,
        least=use.service.least_assurance,
        vouched=trial.id_checked,
        tag=trial.tag,
        dry=True,
    )
    shown = f"a tag's link, reading {trial.tag.counter}: card" if trial.tag else "card"
    steps = [DryStep("1", f"read: {shown}{' and proof' if presentation.proof else ''}")]
    if isinstance(verdict, RefusedCard):
        return DryRun(verdict.reason, (*steps, DryStep("2-6", verdict.reason)), ())
    card = verdict.card
    steps.append(
        DryStep("2-6", f"valid {card.tier} {card.form} card, {verdict.assurance.word}, list {verdict.freshness}")
    )
    bookings, usage = verifier.desk.bookings(verdict, at, (use.service,)), verifier.ledger.usage(card.subject, at)
    change, _, judged = would_judge(Tried(DRY_RUN, card, documents, usage, bookings, at), use)
    steps.append(DryStep("7-9", ", ".join(change.findings) or "entitled"))
    steps.append(DryStep("10", judged.reason or "within every limit"))
    return DryRun(judged.reason, tuple(steps), judged.figures)


def trial_of(point: Point, service: Service, presentation_text: str, verifier: Verifier, *, id_checked: bool) -> Trial:
    """Return the use that a dry run tries: the holder, at a point, for a service.

    Raises PresentationError for a malformed text, Problem card-unknown for the link of a tag that is unknown here.
    """
    message = read_link(presentation_text) if LINK in presentation_text else None
    known = None if message is None else verifier.store.tags.find(message)
    if message is not None and known is None:
        raise Problem("card-unknown", "no tag that was personalised for this verifier wrote this link")
    token, tag = (presentation_text, None) if known is None else known
    return Trial(Use(point=point, service=service), read(token, verifier.published.dictionaries), id_checked, tag)
