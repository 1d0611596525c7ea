"""Reads a programme file: TOML in, a whole `Programme` or all faults at once out. Opens only the given file."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from cards.programme import sections
from cards.programme.checks import check_assumptions, check_programme, with_reasons
from cards.programme.faults import ProgrammeError, ProgrammeFault, nearest, shown
from cards.programme.grounds import read_applying, read_documents, read_grounds
from cards.programme.services import read_items, read_services
from cards.programme.table import CODE, FaultSheet, Table
from cards.programme.types import Point, Programme, Service

__all__ = ["LARGEST", "ProgrammeError", "ProgrammeFault", "load_programme", "parse_programme"]

LARGEST = 1_000_000
"""The greatest size of a programme file, in bytes."""
LANGUAGES = ("en", "zh")
_ISSUER = re.compile(r"https://[a-z0-9.-]+(?::[0-9]{1,5})?(?:/[a-z0-9._~-]+){0,4}")
_STATUS_BASE = re.compile(_ISSUER.pattern + "/")
_PREFIX = re.compile(r"[A-Z]{1,4}")
_VERSION = re.compile(r"[0-9]{4}\.[0-9]{1,3}")
_KEPT = 4
_known: dict[str, Programme] = {}
"""A few programmes that were read without a fault, by the SHA-256 of their bytes: a server asks for one file in several
places, and a programme never changes.
"""


def load_programme(path: str | Path) -> Programme:
    """Return the programme in the file `path`. Raises ProgrammeError with every fault."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as fault:
        problem = ProgrammeFault(
            str(path), f"cannot be read ({fault.__class__.__name__})", "name a readable programme file"
        )
        raise ProgrammeError(str(path), [problem]) from fault
    return parse_programme(data, str(path))


def parse_programme(data: bytes, source: str) -> Programme:
    """Return the programme in `data` (TOML). `source` names it in faults. Any bytes give a Programme or
    ProgrammeError.
    """
    digest = hashlib.sha256(data).hexdigest()
    found = _known.get(digest)
    if found is None:
        found = _read(data, source, digest)
        if len(_known) >= _KEPT:
            _known.clear()
        _known[digest] = found
    return found


def _read(data: bytes, source: str, digest: str) -> Programme:
    content = _toml(data, source)
    sheet = FaultSheet()
    top = Table(content, "", sheet)
    programme = _programme(top, digest)
    top.close()
    check_programme(programme, sheet)
    check_assumptions(programme, content, sheet)
    if sheet.faults:
        raise ProgrammeError(source, sheet.faults)
    return with_reasons(programme)


def _toml(data: bytes, source: str) -> Mapping[str, object]:
    if len(data) > LARGEST:
        raise ProgrammeError(source, [ProgrammeFault(source, "too large", f"{LARGEST} bytes at most")])
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as fault:
        raise ProgrammeError(
            source, [ProgrammeFault(source, f"not UTF-8 at byte {fault.start}", "save it as UTF-8")]
        ) from fault
    except RecursionError as fault:
        raise ProgrammeError(source, [ProgrammeFault(source, "nested too deep", "write plain tables")]) from fault
    except ValueError as fault:
        raise ProgrammeError(
            source, [ProgrammeFault(source, f"not TOML: {str(fault)[:200]}", "mend the line it names")]
        ) from fault


def _programme(top: Table, sha256: str) -> Programme:
    head = top.table("programme")
    languages = _languages(head)
    items = read_items(top)
    services = read_services(top, items)
    hours, holidays, weekends, fixed = sections.read_office(top)
    programme = Programme(
        code=head.string("code", CODE, "use lower-case letters, digits, hyphens"),
        version=head.string("version", _VERSION, "write a year and a number, as 2026.1"),
        sha256=sha256,
        name=head.text("name"),
        district=head.text("district"),
        issuer=head.string("issuer", _ISSUER, "write https://host, without a slash at the end"),
        audience=head.string("audience", CODE, "use lower-case letters, digits, hyphens"),
        status_base=head.string("status_base", _STATUS_BASE, "write https://host/path/, with a slash at the end"),
        zone=_zone(head),
        wire_dictionary=head.integer("wire_dictionary", 1, 99),
        card_prefix=head.string("card_prefix", _PREFIX, "use one to four capital letters"),
        languages=languages,
        validity=sections.read_validity(top),
        tiers=sections.read_tiers(top),
        grounds=read_grounds(top),
        documents=read_documents(top),
        quotas=sections.read_quotas(top),
        exclusions=sections.read_exclusions(top),
        booking_rules=sections.read_booking_rules(top),
        departments=sections.read_departments(top),
        points=_points(top, services),
        services=services,
        items={number: item.name for number, item in items.items()},
        approval=_approval(top),
        general_contact=sections.read_contact(head),
        assumptions=sections.read_assumptions(top),
        holidays=holidays,
        working_weekends=weekends,
        fixed_holidays=fixed,
        office_hours=hours,
        retention_years=head.integer("retention_years", 1, 100),
        item_texts={number: item.text for number, item in items.items() if item.text is not None},
        scope=head.optional_text("scope"),
        intake=head.optional_text("intake"),
        channels=top.named_texts("channels"),
        employers=top.named_texts("employers"),
        referrals=sections.read_referrals(top),
        photo=sections.read_photo(top),
        delegation=head.days("delegation_days", 366) if head.has("delegation_days") else None,
        second_reviewer=head.optional_string("second_reviewer"),
        applying=read_applying(top),
    )
    head.close()
    return programme


def _languages(head: Table) -> tuple[str, ...]:
    languages = head.codes("languages", needed=True)
    for language in languages:
        if language not in LANGUAGES:
            head.fault("languages", f"{shown(language)} is not known", nearest(language, LANGUAGES))
    if languages and "en" not in languages:
        head.fault("languages", "English is missing", 'add "en"')
    known = tuple(language for language in languages if language in LANGUAGES)
    head.sheet.languages = known if "en" in known else (*known, "en")
    return known


def _zone(head: Table) -> ZoneInfo:
    name = head.string("zone")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        if name:
            head.fault("zone", f"{shown(name)} is no time zone", nearest(name, available_timezones()))
    return ZoneInfo("UTC")


def _points(top: Table, services: Mapping[str, Service]) -> dict[str, Point]:
    """Read `[points.*]`. A point offers the counter services that name the point."""
    points = {}
    for code, table in top.entries("points"):
        offered = frozenset(name for name, service in services.items() if service.checked_in and code in service.points)
        points[code] = Point(
            code=code,
            name=table.text("name"),
            department=table.string("department"),
            services=offered,
            address=table.optional_text("address"),
            phones=sections.read_phones(table),
            desk=not table.flag("no_desk"),
            digits_only=table.flag("digits_only"),
            assumed=table.optional_string("assumed"),
            hours=sections.read_hours(table),
        )
    return points


def _approval(top: Table) -> dict[str, str]:
    """Read `[approval]`: who decides, by tier code or "by-decision"."""
    table = top.table("approval")
    return {name: table.string(name) for name in table.names()}
