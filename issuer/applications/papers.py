"""Which papers a ground needs, and what an application lacks. Pure rules: no store, no clock, no language.

The guide's seven basic documents come first, then the proofs of the limb (the guide's 申领程序, first part).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from cards.programme.types import ApplicationDocument, DocumentVariant, Ground, Limb, Programme, Text
from issuer.applications.thresholds import Fact, limb_lacks
from issuer.register.identity import IdType

IDENTITY: Final = "identity"
PHOTO: Final = "photo"
CONTRACT: Final = "contract"
GROUND: Final = "ground"
"""In a `Lack`, this names the ground itself: its thresholds, exclusions, lists and decision."""
ID_VARIANTS: Final[Mapping[IdType, str]] = {
    IdType.RESIDENT_ID: "resident-id",
    IdType.PASSPORT: "passport",
    IdType.HK_MACAO_PERMIT: "permit-hk-macao",
    IdType.TAIWAN_PERMIT: "permit-taiwan",
}
"""The programme file's name of each identity document."""
_STILL_IN_FORCE: Final = frozenset({CONTRACT})
_OPENED: Final = Text("it agrees with what the applicant states", "与填报内容相符")
"""The check of every paper for which the programme names none: no paper counts as checked before anybody opened it."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One paper of an application. `key` is the document's code, or the proof's code for a proof of the ground.

    `number` is the guide's: 1 to 7, or 0 for a proof of the ground. `variants` is empty if there is no choice.
    """

    key: str
    number: int
    name: Text
    needed: bool
    variants: tuple[DocumentVariant, ...] = ()
    checks: tuple[Text, ...] = ()
    least_months: int | None = None
    confirmed: bool = False
    short: Text | None = None

    def variant(self, code: str | None) -> DocumentVariant | None:
        """Return this paper's variant with a code, or None for an unknown code."""
        return next((one for one in self.variants if one.code == code), None)

    def checks_for(self, code: str | None) -> tuple[Text, ...]:
        """Return what an officer must check: the variant's own checks, otherwise the document's. Never empty."""
        chosen = self.variant(code)
        return (chosen.checks if chosen is not None else ()) or self.checks or (_OPENED,)

    def months_for(self, code: str | None) -> int | None:
        """Return how many months the paper must cover at least, or None if no span is required."""
        chosen = self.variant(code)
        return self.least_months if chosen is None else chosen.least_months


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper as it was handed in. `begins` and `ends` are the first and the last day that it covers.

    `confirmed` are the numbers of the checks that the applicant ticked. `seen` are those that an officer ticked, once
    it was `looked_at`.
    """

    key: str
    files: int = 1
    variant: str | None = None
    begins: date | None = None
    ends: date | None = None
    confirmed: frozenset[int] = frozenset()
    seen: frozenset[int] = frozenset()
    looked_at: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """The content of an application: ground and limb, the employer's kind, figures, papers, and for `special` the
    decision.

    `exclusions_seen`: an officer confirmed that no exclusion (「不含…」) applies. `listed_by`: the department on whose
    list the applicant is.
    """

    ground: str
    limb: str
    id_type: IdType
    employer: str | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)
    papers: tuple[Paper, ...] = ()
    exclusions_seen: bool = False
    listed_by: str | None = None
    tier: str | None = None
    reference: str | None = None
    body: str | None = None
    basis_ends: date | None = None


class LackKind(StrEnum):
    """What can be missing. The words are stored and shown. They never change their meaning."""

    EMPLOYER = "employer"
    PAPER = "paper"
    VARIANT = "variant"
    SPAN = "span"
    TOO_SHORT = "too-short"
    ENDED = "ended"
    CONFIRMATION = "confirmation"
    CHECK = "check"
    FIGURE = "figure"
    THRESHOLD = "threshold"
    EXCLUSION = "exclusion"
    LIST = "list"
    DECISION = "decision"
    BASIS = "basis"


@dataclass(frozen=True, slots=True, order=True)
class Lack:
    """One missing thing: its paper (`key`), and which of the paper's checks or measures (`part`)."""

    key: str
    kind: LackKind
    part: str = ""

    @property
    def shown(self) -> str:
        """Return the lack in the form of a worklist: `kind:key`, or `kind:key:part`."""
        return f"{self.kind}:{self.key}" + (f":{self.part}" if self.part else "")


def ground_of(programme: Programme, code: str, limb: str) -> tuple[Ground, Limb] | None:
    """Return a ground and its limb, or None if the programme has no such pair."""
    ground = programme.grounds.get(code)
    found = next((one for one in ground.limbs if one.code == limb), None) if ground else None
    return (ground, found) if ground is not None and found is not None else None


def requirements(programme: Programme, ground: Ground, limb: Limb, id_type: IdType) -> tuple[Requirement, ...]:
    """Return the papers of an application on a limb: the basic documents in the guide's order, then the limb's own
    proofs.
    """
    basic = [one for one in programme.documents.values() if one.part == "basic"]
    special = [one for one in programme.documents.values() if one.part == "special"]
    found = [_basic(one, ground, limb, id_type) for one in sorted(basic, key=lambda one: one.number)]
    for document in special:
        found += _proofs(document, ground, limb)
    return tuple(found)


def _basic(document: ApplicationDocument, ground: Ground, limb: Limb, id_type: IdType) -> Requirement:
    needed = document.needed == "always" or ground.code in document.grounds or document.code in limb.proofs
    by_identity = [one for one in document.variants if one.id_type == ID_VARIANTS[id_type]]
    return Requirement(
        key=document.code,
        number=document.number,
        name=by_identity[0].text if by_identity else document.name,
        needed=needed,
        variants=() if by_identity else document.variants,
        checks=document.checks,
        least_months=document.least_months,
        confirmed=document.confirmed,
        short=None if by_identity else document.short,
    )


def _proofs(document: ApplicationDocument, ground: Ground, limb: Limb) -> Iterator[Requirement]:
    for variant in document.variants:
        if variant.code in limb.proofs:
            yield Requirement(variant.code, 0, variant.text, needed=True, checks=variant.checks or document.checks)
    if not document.variants and document.code in {*ground.documents, *limb.proofs}:
        yield Requirement(document.code, 0, document.name, needed=True, checks=document.checks, short=document.short)


def lacks(programme: Programme, claim: Claim, today: date, *, reviewed: bool) -> tuple[Lack, ...]:
    """Return everything that an application lacks on a local day, all at once (一次告知), in the order of its papers.

    Without `reviewed`, this is what the applicant can provide; with it, also what an officer must confirm. Raises
    ValueError for a ground or limb that the programme does not have.
    """
    named = ground_of(programme, claim.ground, claim.limb)
    if named is None:
        raise ValueError("the programme has no such ground")
    ground, limb = named
    found = [] if claim.employer in programme.employers else [Lack("employer", LackKind.EMPLOYER)]
    papers = {paper.key: paper for paper in claim.papers}
    for asked in requirements(programme, ground, limb, claim.id_type):
        found += _paper_lacks(asked, papers.get(asked.key), today, reviewed=reviewed)
    return (*found, *_ground_lacks(ground, limb, claim, today, reviewed=reviewed))


def _paper_lacks(asked: Requirement, paper: Paper | None, today: date, *, reviewed: bool) -> Iterator[Lack]:
    if paper is None or paper.files < 1:
        if asked.needed:
            yield Lack(asked.key, LackKind.PAPER)
        return
    if asked.variants and asked.variant(paper.variant) is None:
        yield Lack(asked.key, LackKind.VARIANT)
        return
    yield from _span_lacks(asked, paper, today)
    checks = range(len(asked.checks_for(paper.variant)))
    if asked.confirmed:
        yield from _unticked(asked.key, LackKind.CONFIRMATION, checks, paper.confirmed)
    if reviewed:
        yield from _unticked(asked.key, LackKind.CHECK, checks, paper.seen)


def _span_lacks(asked: Requirement, paper: Paper, today: date) -> Iterator[Lack]:
    months = asked.months_for(paper.variant)
    if months is None:
        return
    if paper.begins is None or paper.ends is None:
        yield Lack(asked.key, LackKind.SPAN)
    elif paper.ends < after_months(paper.begins, months) - timedelta(days=1):
        yield Lack(asked.key, LackKind.TOO_SHORT, str(months))
    elif asked.key in _STILL_IN_FORCE and paper.ends < today:
        yield Lack(asked.key, LackKind.ENDED)


def _unticked(key: str, kind: LackKind, checks: Iterable[int], ticked: frozenset[int]) -> Iterator[Lack]:
    return (Lack(key, kind, str(number)) for number in checks if number not in ticked)


def _ground_lacks(ground: Ground, limb: Limb, claim: Claim, today: date, *, reviewed: bool) -> Iterator[Lack]:
    for measure, told in limb_lacks(limb, claim.facts, today):
        yield Lack(GROUND, LackKind.THRESHOLD if told else LackKind.FIGURE, measure)
    if not reviewed:
        return
    if limb.excludes and not claim.exclusions_seen:
        yield Lack(GROUND, LackKind.EXCLUSION)
    if ground.by_list_only and claim.listed_by not in ground.list_from:
        yield Lack(GROUND, LackKind.LIST)
    if ground.tier is None and not (claim.tier and claim.reference and claim.body):
        yield Lack(GROUND, LackKind.DECISION)
    if ground.basis_ends and (claim.basis_ends is None or claim.basis_ends < today):
        yield Lack(GROUND, LackKind.BASIS)


def after_months(day: date, months: int) -> date:
    """Return the day `months` later. If that month is too short for it, return the first day of the next month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    try:
        return day.replace(year=year, month=month + 1)
    except ValueError:
        year, month = divmod(year * 12 + month + 1, 12)
        return date(year, month + 1, 1)
