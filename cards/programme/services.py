"""The services of a programme file. A service takes from its item what the item says once (materials, steps, notes,
departments).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from cards.programme.faults import nearest, shown
from cards.programme.sections import booking_fields, read_pattern
from cards.programme.table import Table
from cards.programme.types import (
    Assurance,
    Beneficiary,
    MatterRule,
    Mode,
    Reference,
    RequestRule,
    Service,
    Text,
    UseWindow,
    VisitRule,
)

NOT_LIMITED = "not-limited"
_LINK = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?")


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a programme, and the values for those of its services that have none of their own."""

    name: Text
    text: Text | None = None
    materials: tuple[Text, ...] = ()
    steps: tuple[Text, ...] = ()
    notes: tuple[Text, ...] = ()
    departments: tuple[str, ...] = ()


NO_ITEM = Item(Text(""))


def read_items(top: Table) -> dict[int, Item]:
    """Read `[items.N]`."""
    items = {}
    for code, table in top.entries("items", needed=True):
        item = Item(
            name=table.text("name"),
            text=table.optional_text("text"),
            materials=table.texts("materials"),
            steps=table.texts("steps"),
            notes=table.texts("notes"),
            departments=table.codes("departments"),
        )
        if re.fullmatch(r"[1-9][0-9]?", code):
            items[int(code)] = item
        else:
            top.sheet.fault(table.place, f"{shown(code)} is not an item's number", "use 1, 2, 3, …")
    return items


def read_services(top: Table, items: Mapping[int, Item]) -> dict[str, Service]:
    """Read `[services.*]`."""
    return {code: _service(code, table, items) for code, table in top.entries("services", needed=True)}


def _service(code: str, table: Table, items: Mapping[int, Item]) -> Service:
    number = table.integer("item", 1, 99)
    item = items.get(number, NO_ITEM)
    mode = table.choice("mode", Mode)
    return Service(
        code=code,
        item=number,
        name=table.text("name"),
        mode=mode,
        tiers=frozenset(table.codes("tiers", needed=True)),
        beneficiaries=_beneficiaries(table),
        quota=table.optional_string("quota"),
        exclusion=_exclusion(table),
        visit=_visit(table),
        booking=table.optional_string("booking"),
        points=table.codes("points"),
        least_assurance=_assurance(table, mode),
        offline_limit=_offline_limit(table, mode),
        reference=_reference(table),
        matter=_matter(table),
        closed=table.optional_text("closed"),
        referral=_referral(table),
        departments=table.codes("departments") if table.has("departments") else item.departments,
        materials=table.texts("materials") if table.has("materials") else item.materials,
        steps=table.texts("steps") if table.has("steps") else item.steps,
        notes=table.texts("notes") if table.has("notes") else item.notes,
        includes=table.texts("includes"),
        own_expense=table.texts("own_expense"),
        record=table.texts("record"),
        companions_most=table.optional_integer("companions_most", 0, 500) or 0,
        look_first=table.flag("look_first"),
        log_silent=table.flag("log_silent"),
        assumed=table.optional_string("assumed"),
        use_window=_use_window(table),
        assurance_reason=_assurance_reason(table, mode),
        declarations=table.texts("declarations"),
        schedule=table.optional_text("schedule"),
        links=_links(table),
        request=_request(table, mode),
        capacity=table.optional_integer("capacity", 1, 10_000),
    )


def _beneficiaries(table: Table) -> frozenset[Beneficiary]:
    words = table.codes("beneficiaries", needed=True)
    known = [kind.value for kind in Beneficiary]
    for word in words:
        if word not in known:
            table.fault("beneficiaries", f"{shown(word)} is nobody's name", nearest(word, known))
    return frozenset(Beneficiary(word) for word in words if word in known)


def _exclusion(table: Table) -> tuple[str, str] | None:
    inner = table.optional_table("exclusion")
    if inner is None:
        return None
    pair = inner.string("group"), inner.string("member")
    inner.close()
    return pair


def _visit(table: Table) -> VisitRule | None:
    inner = table.optional_table("visit")
    if inner is None:
        return None
    visit = VisitRule(timedelta(minutes=inner.integer("minutes", 1, 1440)), inner.integer("re_entries", 0, 100))
    inner.close()
    return visit


def _use_window(table: Table) -> UseWindow | None:
    inner = table.optional_table("use_window")
    if inner is None:
        return None
    window = UseWindow(inner.minutes("opens_before_minutes", 2880), inner.minutes("closes_after_minutes", 2880))
    inner.close()
    return window


def _assurance(table: Table, mode: Mode) -> Assurance:
    if mode not in (Mode.SCANNED, Mode.BOOKED):
        _not_at_a_counter(table, "least_assurance", mode)
        return Assurance.COPYABLE
    word = table.word("least_assurance", [level.word for level in Assurance])
    return Assurance[word.upper()] if word else Assurance.COPYABLE


def _assurance_reason(table: Table, mode: Mode) -> str | None:
    if mode not in (Mode.SCANNED, Mode.BOOKED):
        _not_at_a_counter(table, "assurance_reason", mode)
        return None
    return table.string("assurance_reason")


def _offline_limit(table: Table, mode: Mode) -> int | None:
    """Read `offline_limit`: a count, or "not-limited" (None). Only a counter service has it."""
    if mode not in (Mode.SCANNED, Mode.BOOKED):
        _not_at_a_counter(table, "offline_limit", mode)
        return 0
    if table.is_string("offline_limit"):
        table.word("offline_limit", [NOT_LIMITED])
        return None
    return table.integer("offline_limit", 0, 1000)


def _not_at_a_counter(table: Table, key: str, mode: Mode) -> None:
    if table.has(key):
        table.fault(key, f"a {mode} service has none", "remove it, or make the service scanned or booked")
        table.ignore(key)


def _reference(table: Table) -> Reference | None:
    inner = table.optional_table("reference")
    if inner is None:
        return None
    label, required, choices = inner.text("label"), inner.needed_flag("required"), inner.named_texts("choices")
    pattern = read_pattern(inner, "pattern")
    if (pattern is None) == (not choices):
        inner.fault("pattern", "a reference has a pattern or choices, and not both", "write one of them")
    inner.close()
    return Reference(label, pattern or f"^(?:{'|'.join(choices)})$", required, choices)


def _matter(table: Table) -> MatterRule | None:
    inner = table.optional_table("matter")
    if inner is None:
        return None
    matter = MatterRule(
        limit_working_days=inner.optional_number("limit_working_days", 0.25, 365),
        target_working_days=inner.optional_number("target_working_days", 0.25, 365),
        kinds=inner.named_texts("kinds"),
        departments=inner.codes("departments"),
        limit_text=inner.optional_text("limit_text"),
    )
    limit, target = matter.limit_working_days, matter.target_working_days
    if target is not None and (limit is None or target > limit):
        inner.fault("target_working_days", "a target lies within a limit", "make it smaller, or give a limit")
    inner.close()
    return matter


def _request(table: Table, mode: Mode) -> RequestRule | None:
    inner = table.optional_table("request")
    if inner is None:
        return None
    rule = RequestRule(booking_fields(inner), content=not inner.flag("no_content"))
    if mode not in (Mode.REQUESTED, Mode.KEPT):
        table.fault("request", f"a {mode} service is not asked for", "remove it, or make the service requested")
    codes = [one.code for one in rule.fields]
    if len(set(codes)) != len(codes):
        inner.fault("fields", "two fields share a code", "give each its own")
    if not rule.content and any(one.kind in {"text", "note"} for one in rule.fields):
        inner.fault("fields", "a request without content asks for no text", "remove the field, or no_content")
    inner.close()
    return rule


def _referral(table: Table) -> dict[str, str]:
    inner = table.optional_table("referral")
    if inner is None:
        return {}
    return {kind: inner.word(kind, ["hold", "note"]) for kind in inner.names()}


def _links(table: Table) -> tuple[str, ...]:
    links = table.codes("links")
    for link in links:
        if not _LINK.fullmatch(link):
            table.fault("links", f"{shown(link)} is no web address", "write https://…, without a query")
    return links
