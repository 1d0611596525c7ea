"""The smaller sections of a programme file: tiers, quotas, exclusions, departments, points, booking rules, settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from itertools import pairwise

from cards.periods import PeriodUnit
from cards.programme.faults import shown
from cards.programme.patterns import pattern_fault
from cards.programme.table import Table
from cards.programme.types import (
    Assumption,
    BookingBasis,
    BookingField,
    BookingRule,
    Department,
    Exclusion,
    OpenHours,
    PeriodFrom,
    Phone,
    PhotoRule,
    Quota,
    QuotaScope,
    ReferralKind,
    Tier,
    Validity,
)

PHONE = re.compile(r"(?:\+[0-9]{1,3} ?)?(?:\([0-9]{2,5}\) ?)?[0-9]{2,13}(?:[ -][0-9]{2,10}){0,3}")
FIELD_KINDS = ["text", "note", "names", "phone", "plates", "number", "yes-no", "datetime", "date"]
_DAY = re.compile(r"(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])")
_HOUR = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def read_tiers(top: Table) -> dict[str, Tier]:
    """Read `[tiers.*]`."""
    tiers = {}
    for code, table in top.entries("tiers", needed=True):
        tiers[code] = Tier(code, table.integer("rank", 1, 99), table.text("name"), table.integer("clouds", 0, 9))
    return tiers


def read_quotas(top: Table) -> dict[str, Quota]:
    """Read `[quotas.*]`."""
    return {code: _quota(code, table) for code, table in top.entries("quotas")}


def _quota(code: str, table: Table) -> Quota:
    return Quota(
        code=code,
        name=table.text("name"),
        maximum=table.integer("maximum", 1, 10_000),
        unit=table.choice("unit", PeriodUnit),
        period_from=table.choice("period_from", PeriodFrom, PeriodFrom.USE),
        scope=table.choice("scope", QuotaScope, QuotaScope.PERSON),
        assumed=table.optional_string("assumed"),
    )


def read_exclusions(top: Table) -> dict[str, Exclusion]:
    """Read `[exclusions.*]`. A choice needs two members."""
    exclusions = {}
    for code, table in top.entries("exclusions"):
        members = table.named_texts("members")
        if len(members) < 2:
            table.fault("members", "a choice needs two members", "name at least two")
        exclusions[code] = Exclusion(
            code=code,
            name=table.text("name"),
            unit=table.choice("unit", PeriodUnit),
            members=members,
            period_from=table.choice("period_from", PeriodFrom, PeriodFrom.USE),
        )
    return exclusions


def read_departments(top: Table) -> dict[str, Department]:
    """Read `[departments.*]`."""
    departments = {}
    for code, table in top.entries("departments", needed=True):
        departments[code] = Department(code, table.text("name"), read_phones(table), table.optional_text("address"))
    return departments


def read_phones(table: Table) -> tuple[Phone, ...]:
    """Read the list `phones` of a department or a point."""
    return tuple(_phone(row) for row in table.rows("phones"))


def _phone(table: Table) -> Phone:
    remedy = "write digits, with an area code as (020) before them where there is one"
    return Phone(table.string("number", PHONE, remedy), table.text("label"))


def read_contact(top: Table) -> Phone:
    """Read `general_contact`, which is shown if a point has no telephone of its own."""
    table = top.table("general_contact")
    contact = _phone(table)
    table.close()
    return contact


def read_booking_rules(top: Table) -> dict[str, BookingRule]:
    """Read `[booking_rules.*]`."""
    return {code: _booking_rule(code, table) for code, table in top.entries("booking_rules")}


def _booking_rule(code: str, table: Table) -> BookingRule:
    slot = table.optional_integer("slot_most_minutes", 5, 1440)
    changes = table.codes("change_needs_lead") if table.has("change_needs_lead") else ("earlier", "stricter-rule")
    for change in set(changes) - {"earlier", "later", "stricter-rule"}:
        table.fault("change_needs_lead", f"{shown(change)} is no change", "use earlier, later, stricter-rule")
    rule = BookingRule(
        code=code,
        name=table.text("name"),
        lead=table.minutes("lead_minutes"),
        ahead=table.days("ahead_days", 1100),
        opens_before=table.minutes("opens_before_minutes", 2880),
        closes_after=table.minutes("closes_after_minutes", 2880),
        party_most=table.integer("party_most", 1, 500),
        missed=table.word("missed", ["release", "consume"]),
        slot_most=None if slot is None else timedelta(minutes=slot),
        cancel_until=table.word("cancel_until", ["start", "day-before"], "start"),
        fields=booking_fields(table),
        assumed=table.optional_string("assumed"),
        basis=table.choice("basis", BookingBasis, BookingBasis.SLOT),
        change_needs_lead=frozenset(changes),
        missed_listed_from=table.optional_integer("missed_listed_from", 1, 100),
    )
    if rule.lead > rule.ahead:
        table.fault("lead_minutes", "longer than ahead_days", "nothing could be booked: make it shorter")
    if not rule.opens_before + rule.closes_after:
        table.fault("closes_after_minutes", "no booking could ever be used", "open a window of some minutes")
    return rule


def booking_fields(table: Table) -> tuple[BookingField, ...]:
    """Read the list `fields` of a booking rule or a request."""
    return tuple(_field(row) for row in table.rows("fields"))


def _field(table: Table) -> BookingField:
    return BookingField(
        code=table.string("code", re.compile(r"[a-z][a-z_]{0,39}"), "use lower-case letters and underscores"),
        label=table.text("label"),
        kind=table.word("kind", FIELD_KINDS),
        required=table.needed_flag("required"),
        personal=table.needed_flag("personal"),
        group=table.optional_integer("group", 1, 99) or 0,
        services=frozenset(table.codes("services")),
        counts=table.optional_string("counts"),
        pattern=read_pattern(table, "pattern"),
        party=table.word("party", ["all", "besides"]) if table.has("party") else None,
        labels=table.named_texts("labels"),
    )


def read_pattern(table: Table, key: str) -> str | None:
    """Read a pattern of the bounded kind, or None if the file has none."""
    pattern = table.optional_string(key)
    fault = pattern_fault(pattern) if pattern is not None else None
    if fault is not None:
        table.fault(key, f"{shown(pattern)}: {fault}", "write it as ^[A-Z0-9]{4,12}$, with bounded repetition")
    return pattern


def read_validity(top: Table) -> Validity:
    """Read `[validity]`. A phone's token must refresh before it ends."""
    table = top.table("validity")
    validity = Validity(
        longest_years=table.integer("longest_years", 1, 50),
        renewal_opens=table.days("renewal_opens_days", 3660),
        phone_token=table.days("phone_token_days", 366),
        phone_refresh_after=table.days("phone_refresh_after_days", 366),
        grace=table.days("grace_days", 3660),
    )
    if validity.phone_refresh_after >= validity.phone_token:
        table.fault("phone_refresh_after_days", "not before phone_token_days", "make it smaller")
    table.close()
    return validity


def read_referrals(top: Table) -> dict[str, ReferralKind]:
    """Read `[referrals.*]`: benefits granted elsewhere."""
    referrals = {}
    for code, table in top.entries("referrals"):
        referrals[code] = ReferralKind(code, table.text("name"), table.string("department"))
    return referrals


def read_photo(top: Table) -> PhotoRule | None:
    """Read `[photo]`, or return None if the file has none."""
    table = top.optional_table("photo")
    if table is None:
        return None
    photo = PhotoRule(
        width=table.integer("width", 50, 5000),
        height=table.integer("height", 50, 5000),
        most_bytes=table.integer("most_bytes", 1000, 20_000_000),
        text=table.text("text"),
    )
    table.close()
    return photo


def read_assumptions(top: Table) -> tuple[Assumption, ...]:
    """Read `[[assumption]]`: points on which the programme's source is silent."""
    rows = []
    for table in top.rows("assumption"):
        code = table.string("code", re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*"), "use lower-case letters, digits, hyphens")
        rows.append(Assumption(code, table.string("setting"), table.text("text"), table.string("reason")))
    return tuple(rows)


def read_office(
    top: Table,
) -> tuple[tuple[tuple[str, str], ...], Mapping[int, frozenset[date]], frozenset[date], frozenset[str]]:
    """Read `[office]`: hours of a working day, holidays by year, working weekends, and holidays of every year."""
    table = top.optional_table("office")
    if table is None:
        return (), {}, frozenset(), frozenset()
    hours = tuple(_hours(row) for row in table.rows("hours"))
    for earlier, later in pairwise(hours):
        if earlier[1] > later[0]:
            table.fault("hours", "not in order", "write the day's spans one after the other")
    weekends = frozenset(table.day_list("working_weekends"))
    for day in weekends:
        if day.weekday() < 5:
            table.fault("working_weekends", f"{day} is no Saturday or Sunday", "remove it")
    holidays = _holidays(table)
    fixed = frozenset(table.codes("fixed_holidays"))
    for every_year in fixed:
        if not _DAY.fullmatch(every_year):
            table.fault("fixed_holidays", f"{shown(every_year)} is no day of a year", "write it as 01-31")
    table.close()
    return hours, holidays, weekends, fixed


def read_hours(table: Table) -> tuple[OpenHours, ...]:
    """Read the list `hours` of a point: spans of a day, each for the named days, or for every day."""
    return tuple(_open_hours(row) for row in table.rows("hours"))


def _open_hours(row: Table) -> OpenHours:
    days = row.codes("days") if row.has("days") else _WEEKDAYS
    for day in sorted(set(days) - set(_WEEKDAYS)):
        row.fault("days", f"{shown(day)} is no day of the week", "use mon, tue, wed, thu, fri, sat, sun")
    opens, closes = _hours(row)
    return OpenHours(opens, closes, frozenset(_WEEKDAYS.index(day) for day in days if day in _WEEKDAYS))


def _hours(row: Table) -> tuple[str, str]:
    span = row.string("from", _HOUR, "write 09:00"), row.string("to", _HOUR, "write 17:30")
    if all(span) and span[0] >= span[1]:
        row.fault("to", "not after from", "write a later hour")
    return span


def _holidays(office: Table) -> dict[int, frozenset[date]]:
    table = office.optional_table("holidays")
    years: dict[int, frozenset[date]] = {}
    if table is None:
        return years
    for year in table.names():
        days = table.day_list(year)
        if not re.fullmatch(r"20[0-9][0-9]", year) or any(str(day.year) != year for day in days):
            office.sheet.fault(f"{office.place}.holidays.{year}", "not days of that year", "write 2026 = [2026-01-01]")
        else:
            years[int(year)] = frozenset(days)
    return years
