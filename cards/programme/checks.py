"""The rules between the sections of a programme: every used name is known, and every rule fits its service."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from cards.programme.faults import nearest, shown
from cards.programme.grounds import BY_DECISION
from cards.programme.table import FaultSheet
from cards.programme.types import (
    ApplicationDocument,
    BookingRule,
    Ground,
    Mode,
    PeriodFrom,
    Point,
    Programme,
    Quota,
    Service,
)

_Marked = TypeVar("_Marked", Quota, BookingRule, Point, Service, Ground, ApplicationDocument)


def check_programme(programme: Programme, sheet: FaultSheet) -> None:
    """Record every fault between the sections of `programme`."""
    _check_tiers(programme, sheet)
    _check_contacts(programme, sheet)
    _check_booking_fields(programme, sheet)
    _check_applications(programme, sheet)
    for service in programme.services.values():
        _check_names(service, programme, sheet)
        _check_counter(service, sheet)
        _check_booking(service, programme, sheet)
    _check_all_used(programme, sheet)


def refer(sheet: FaultSheet, place: str, names: Iterable[str | None], known: Collection[str], what: str) -> None:
    """Record each of `names` that is not in `known`. An empty name already has its own fault."""
    for name in names:
        if name and name not in known:
            sheet.fault(place, f"{shown(name)} is no {what}", nearest(name, known))


def _check_tiers(programme: Programme, sheet: FaultSheet) -> None:
    ranks = [tier.rank for tier in programme.tiers.values()]
    if len(set(ranks)) != len(ranks):
        sheet.fault("tiers", "two tiers share a rank", "give each its own: the greater is the higher")
    deciders = {*programme.tiers}
    if any(ground.tier is None for ground in programme.grounds.values()):
        deciders.add(BY_DECISION)
    for missing in sorted(deciders - set(programme.approval)):
        sheet.fault(f"approval.{missing}", "missing", "name the department that decides")
    refer(sheet, "approval", programme.approval, deciders, "tier")
    for name, department in programme.approval.items():
        refer(sheet, f"approval.{name}", [department], programme.departments, "department")
    refer(sheet, "programme.second_reviewer", [programme.second_reviewer], programme.departments, "department")


def _check_contacts(programme: Programme, sheet: FaultSheet) -> None:
    for point in programme.points.values():
        refer(sheet, f"points.{point.code}.department", [point.department], programme.departments, "department")
        if point.services and not point.desk:
            named = ", ".join(sorted(point.services))
            sheet.fault(
                f"points.{point.code}.no_desk", f"{named} is checked in here", "remove it, or name another point"
            )
    for kind in programme.referrals.values():
        refer(sheet, f"referrals.{kind.code}.department", [kind.department], programme.departments, "department")


def _check_booking_fields(programme: Programme, sheet: FaultSheet) -> None:
    for rule in programme.booking_rules.values():
        place = f"booking_rules.{rule.code}.fields"
        users = {service.code for service in programme.services.values() if service.booking == rule.code}
        lists = {one.code for one in rule.fields if one.kind in ("names", "plates")}
        if len({one.code for one in rule.fields}) != len(rule.fields):
            sheet.fault(place, "two fields share a code", "give each its own")
        for number, one in enumerate(rule.fields):
            refer(sheet, f"{place}[{number}].services", sorted(one.services), users, "service booked by this rule")
            refer(sheet, f"{place}[{number}].labels", sorted(one.labels), users, "service booked by this rule")
            refer(sheet, f"{place}[{number}].counts", [one.counts], lists, "list field of this rule")
            if one.party is not None and one.kind != "number":
                sheet.fault(f"{place}[{number}].party", "only a number says how large a party is", "remove it")


def _check_applications(programme: Programme, sheet: FaultSheet) -> None:
    variants = [variant.code for document in programme.documents.values() for variant in document.variants]
    for code in sorted({code for code in variants if variants.count(code) > 1 or code in programme.documents}):
        sheet.fault("documents", f"two documents or variants are called {shown(code)}", "give each its own code")
    for document in programme.documents.values():
        place = f"documents.{document.code}.grounds"
        refer(sheet, place, document.grounds, programme.grounds, "ground")
        naming = {ground.code for ground in programme.grounds.values() if document.code in ground.documents}
        for code in sorted(naming ^ set(document.grounds) if document.grounds else ()):
            sheet.fault(
                place, f"{shown(code)} is named on one side alone", "name ground and document on both, or on neither"
            )
    for ground in programme.grounds.values():
        place = f"grounds.{ground.code}"
        refer(sheet, f"{place}.tier", [ground.tier], {*programme.tiers, BY_DECISION}, "tier")
        refer(sheet, f"{place}.documents", ground.documents, programme.documents, "document")
        refer(sheet, f"{place}.reviewer", [ground.reviewer], programme.departments, "department")
        refer(sheet, f"{place}.raises", ground.raises, programme.referrals, "referral")
        refer(sheet, f"{place}.list_from", ground.list_from, programme.departments, "department")
        refer(sheet, f"{place}.group", [ground.group], programme.applying.groups, "group of grounds")
        if ground.by_list_only and not ground.list_from:
            sheet.fault(f"{place}.list_from", "missing", "name the departments whose lists bring this ground")
        for number, limb in enumerate(ground.limbs):
            proofs = {*programme.documents, *variants}
            refer(sheet, f"{place}.limbs[{number}].proofs", limb.proofs, proofs, "document or variant of one")
            if programme.applying.measures:
                measured = [threshold.measure for threshold in limb.thresholds]
                refer(sheet, f"{place}.limbs[{number}].thresholds", measured, programme.applying.measures, "measure")


def _check_names(service: Service, programme: Programme, sheet: FaultSheet) -> None:
    place = f"services.{service.code}"
    known: dict[str, tuple[Iterable[str | None], Collection[str], str]] = {
        "item": ([str(service.item)], {str(number) for number in programme.items}, "item"),
        "tiers": (sorted(service.tiers), programme.tiers, "tier"),
        "quota": ([service.quota], programme.quotas, "quota"),
        "booking": ([service.booking], programme.booking_rules, "booking rule"),
        "points": (service.points, programme.points, "point"),
        "departments": (service.departments, programme.departments, "department"),
        "referral": (service.referral, programme.referrals, "referral"),
        "matter.departments": (
            service.matter.departments if service.matter else (),
            programme.departments,
            "department",
        ),
    }
    for key, (names, codes, what) in known.items():
        refer(sheet, f"{place}.{key}", names, codes, what)
    if service.exclusion is not None:
        group, member = service.exclusion
        refer(sheet, f"{place}.exclusion.group", [group], programme.exclusions, "exclusion")
        if group in programme.exclusions:
            members = programme.exclusions[group].members
            refer(sheet, f"{place}.exclusion.member", [member], members, f"member of {group}")
    if not service.departments:
        sheet.fault(
            f"{place}.departments", "nobody answers for this service", "name a department, here or with its item"
        )


def _check_counter(service: Service, sheet: FaultSheet) -> None:
    """Check that counter settings stand only on counter services (Read right 3)."""
    place = f"services.{service.code}"
    if service.checked_in and not service.points:
        sheet.fault(f"{place}.points", f"a {service.mode} service needs a point", "name where it is checked in")
    if service.visit is not None and service.mode is not Mode.SCANNED:
        sheet.fault(
            f"{place}.visit", f"a {service.mode} service has no visits", "remove it, or make the service scanned"
        )
    if service.checked_in and service.log_silent:
        sheet.fault(f"{place}.log_silent", "a check-in is always logged", "remove it, or make the service kept")
    if not service.checked_in and service.exclusion is not None:
        sheet.fault(f"{place}.exclusion", "only a check-in or a booking chooses", "remove it, or change the mode")


def _check_booking(service: Service, programme: Programme, sheet: FaultSheet) -> None:
    place = f"services.{service.code}"
    if (service.mode is Mode.BOOKED) != (service.booking is not None):
        sheet.fault(
            f"{place}.booking", f"does not fit a {service.mode} service", "booked services alone have a booking rule"
        )
    if service.use_window is not None:
        if service.booking is None:
            sheet.fault(f"{place}.use_window", "no booking, no window", "remove it")
        elif not service.use_window.opens_before + service.use_window.closes_after:
            sheet.fault(f"{place}.use_window", "no booking could ever be used", "open a window of some minutes")
    quota = programme.quotas.get(service.quota or "")
    if quota is not None and quota.period_from is PeriodFrom.BOOKING and service.mode is not Mode.BOOKED:
        sheet.fault(
            f"{place}.quota", f"{quota.code!r} counts by bookings", "make the service booked, or take another quota"
        )
    if service.capacity is not None and service.mode is not Mode.BOOKED:
        sheet.fault(f"{place}.capacity", f"a {service.mode} service is not booked", "remove it")
    rule = programme.booking_rules.get(service.booking or "")
    if rule is not None and service.companions_most >= rule.party_most:
        sheet.fault(f"{place}.companions_most", f"a party is {rule.party_most} with the holder", "make it smaller")


def _check_all_used(programme: Programme, sheet: FaultSheet) -> None:
    """Record rules that no service uses: mostly a mistake elsewhere."""
    services = programme.services.values()
    used: Mapping[str, tuple[Collection[str], set[str | None]]] = {
        "quotas": (programme.quotas, {service.quota for service in services}),
        "booking_rules": (programme.booking_rules, {service.booking for service in services}),
    }
    for section, (codes, taken) in used.items():
        for code in sorted(set(codes) - taken):
            sheet.fault(f"{section}.{code}", "no service takes it", "remove it, or name it at a service")
    chosen = {service.exclusion for service in services}
    for group in programme.exclusions.values():
        for member in sorted(group.members):
            if (group.code, member) not in chosen:
                place = f"exclusions.{group.code}.members.{member}"
                sheet.fault(place, "no service takes it", "remove it, or name it at a service")


def check_assumptions(programme: Programme, content: Mapping[str, object], sheet: FaultSheet) -> None:
    """Check that marks and list agree: `assumed` names an assumption, and an assumption's `setting` exists in the
    file.
    """
    codes = [assumption.code for assumption in programme.assumptions]
    for number, assumption in enumerate(programme.assumptions):
        place = f"assumption[{number}]"
        if codes.count(assumption.code) > 1:
            sheet.fault(f"{place}.code", f"{shown(assumption.code)} is there twice", "give each its own code")
        if assumption.setting and not _stands(assumption.setting, content):
            sheet.fault(
                f"{place}.setting", f"{shown(assumption.setting)} is not in this file", "name a setting by its path"
            )
    for section, entries in _marked(programme).items():
        for code, entry in entries.items():
            refer(sheet, f"{section}.{code}.assumed", [entry.assumed], codes, "assumption")


def _stands(setting: str, content: Mapping[str, object]) -> bool:
    here: object = content
    for key in setting.split("."):
        if not isinstance(here, Mapping) or key not in here:
            return False
        here = here[key]
    return True


def _marked(
    programme: Programme,
) -> Mapping[str, Mapping[str, Quota | BookingRule | Point | Service | Ground | ApplicationDocument]]:
    return {
        "quotas": programme.quotas,
        "booking_rules": programme.booking_rules,
        "points": programme.points,
        "services": programme.services,
        "grounds": programme.grounds,
        "documents": programme.documents,
    }


def with_reasons(programme: Programme) -> Programme:
    """Return `programme` with each mark `assumed` (an assumption's code in the file) replaced by the assumption's
    reason.
    """
    reasons = {assumption.code: assumption.reason for assumption in programme.assumptions}
    return replace(
        programme,
        quotas=_explained(programme.quotas, reasons),
        booking_rules=_explained(programme.booking_rules, reasons),
        points=_explained(programme.points, reasons),
        services=_explained(programme.services, reasons),
        grounds=_explained(programme.grounds, reasons),
        documents=_explained(programme.documents, reasons),
    )


def _explained(entries: Mapping[str, _Marked], reasons: Mapping[str, str]) -> dict[str, _Marked]:
    return {
        code: entry if entry.assumed is None else replace(entry, assumed=reasons[entry.assumed])
        for code, entry in entries.items()
    }
