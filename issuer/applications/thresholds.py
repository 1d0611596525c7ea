"""Compares limbs with figures, and answers the self-check: for which tier a person may apply. Pure rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from operator import eq, ge, gt, le, lt
from typing import Final

from cards.programme.types import Ground, Limb, Programme, Threshold

Fact = int | date
"""A given figure: an amount or a place; for a measure in years, the day from which the years are counted."""

_COMPARE: Final = {">": gt, ">=": ge, "<": lt, "<=": le, "=": eq}
YEARS: Final = "years"


@dataclass(frozen=True, slots=True)
class TriedThreshold:
    """A compared threshold. `met` is None if its figure was not given."""

    threshold: Threshold
    met: bool | None


@dataclass(frozen=True, slots=True)
class Possible:
    """A ground and limb that fit the figures, and their tier. `tier` is None for case-by-case grounds."""

    tier: str | None
    ground: Ground
    limb: Limb


def try_limb(limb: Limb, facts: Mapping[str, Fact], today: date) -> tuple[TriedThreshold, ...]:
    """Compare every threshold of a limb. 「（含）」 includes the number, 「超过」 does not (docs/guide-coverage.md,
    Assumptions).
    """
    return tuple(TriedThreshold(one, _met(one, facts.get(one.measure), today)) for one in limb.thresholds)


def limb_lacks(limb: Limb, facts: Mapping[str, Fact], today: date) -> Iterator[tuple[str, bool]]:
    """Yield each measure whose threshold is not met, once, and whether its figure was given."""
    failed = {one.threshold.measure: one.met is not None for one in try_limb(limb, facts, today) if not one.met}
    yield from failed.items()


def _met(threshold: Threshold, fact: Fact | None, today: date) -> bool | None:
    if fact is None:
        return None
    compare = _COMPARE[threshold.operator]
    if threshold.unit != YEARS:
        return isinstance(fact, int) and bool(compare(fact, threshold.amount))
    # Two to five years, inclusive: the anniversaries themselves count, by the day of application.
    return isinstance(fact, date) and fact <= today and bool(compare(today, anniversary(fact, threshold.amount)))


def anniversary(day: date, years: int) -> date:
    """Return the same day `years` later. After a 29 February, this is 1 March."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def possible(
    programme: Programme, ticked: Iterable[tuple[str, str]], facts: Mapping[str, Fact], today: date
) -> list[Possible]:
    """Return the grounds that fit the ticked limbs and the given figures, highest tier first.

    A figure that misses one tier is compared with limbs of other tiers that have the same measure and the same proofs.
    """
    found = []
    for code, limb_code in ticked:
        for ground, limb in _alike(programme, code, limb_code):
            if not list(limb_lacks(limb, facts, today)):
                found.append(Possible(ground.tier, ground, limb))
                break
    unique = {(one.ground.code, one.limb.code): one for one in found}
    return sorted(unique.values(), key=lambda one: -_rank(programme, one.ground))


def _alike(programme: Programme, code: str, limb_code: str) -> Iterator[tuple[Ground, Limb]]:
    """Yield the ticked limb and similar limbs, highest tier first."""
    ground = programme.grounds.get(code)
    ticked = next((limb for limb in ground.limbs if limb.code == limb_code), None) if ground else None
    if ground is None or ticked is None:
        return
    same = [(other, limb) for other in programme.grounds.values() for limb in other.limbs if _same(limb, ticked)]
    yield from sorted(same, key=lambda pair: -_rank(programme, pair[0])) if same else [(ground, ticked)]


def _same(limb: Limb, other: Limb) -> bool:
    measures = {one.measure for one in limb.thresholds}
    return bool(measures) and measures == {one.measure for one in other.thresholds} and limb.proofs == other.proofs


def _rank(programme: Programme, ground: Ground) -> int:
    tier = programme.tiers.get(ground.tier or "")
    return 0 if tier is None else tier.rank
