"""The self-check: for which tier a person may apply. The page reads only the address, and keeps no answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from werkzeug.datastructures import MultiDict

from cards.programme.types import Ground, Limb, Programme, Text
from issuer.applications.content import BadField, checked_facts
from issuer.applications.papers import Requirement, requirements
from issuer.applications.thresholds import Possible, possible
from issuer.register.identity import IdType


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure to fill in: its name, its unit, the typed text, and a fault (a key of the words)."""

    code: str
    name: Text
    unit: str
    typed: str
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """One self-check, as far as the address says. The answer is None until something was ticked."""

    groups: frozenset[str]
    choices: tuple[tuple[Ground, Limb], ...]
    ticked: frozenset[str]
    measures: tuple[Measure, ...]
    employer: str
    asked: bool
    answer: Possible | None
    others: tuple[Possible, ...]
    papers: tuple[Requirement, ...]


def check_of(programme: Programme, told: MultiDict[str, str], today: date) -> SelfCheck:
    """Return the self-check in an address. Values that the programme does not know are left out."""
    groups = frozenset(told.getlist("group")) & programme.applying.groups.keys()
    choices = tuple(_choices(programme, groups))
    names = {f"{ground.code}.{limb.code}" for ground, limb in choices}
    ticked = frozenset(told.getlist("limb")) & names
    measures = tuple(_measures(programme, choices, told))
    facts = _facts(measures)
    found = possible(programme, (_pair(name) for name in sorted(ticked)), facts, today)
    employer = told.get("employer", "")
    fits = found if employer == "yes" else []
    best = fits[0] if fits else None
    papers = requirements(programme, best.ground, best.limb, IdType.RESIDENT_ID) if best else ()
    return SelfCheck(groups, choices, ticked, measures, employer, bool(ticked), best, tuple(fits[1:]), papers)


def _pair(name: str) -> tuple[str, str]:
    ground, _, limb = name.rpartition(".")
    return ground, limb


def _choices(programme: Programme, groups: frozenset[str]) -> Iterator[tuple[Ground, Limb]]:
    for ground in programme.grounds.values():
        if ground.group is not None and ground.group in groups:
            yield from ((ground, limb) for limb in ground.limbs)


def _measures(
    programme: Programme, choices: Iterable[tuple[Ground, Limb]], told: Mapping[str, str]
) -> Iterator[Measure]:
    units = {one.measure: one.unit for _, limb in choices for one in limb.thresholds}
    for code, unit in units.items():
        typed = told.get(f"m-{code}", "")[:40]
        fault = None
        try:
            checked_facts({code: typed}, units)
        except BadField:
            fault = "apply.bad-day" if unit == "years" else "apply.bad-number"
        yield Measure(code, programme.applying.measures.get(code, Text(code, code)), unit, typed, fault)


def _facts(measures: Iterable[Measure]) -> dict[str, int | date]:
    good = [one for one in measures if one.fault is None]
    kept = checked_facts({one.code: one.typed for one in good}, {one.code: one.unit for one in good})
    return {code: one if isinstance(one, int) else date.fromisoformat(one) for code, one in kept.items()}
