"""`/operator`: what is due and what is wrong, by the rules of `python -m ops doctor`; settings; licences."""

from __future__ import annotations

from typing import Final

from flask import Blueprint
from flask.typing import ResponseReturnValue

from accounts.rights import Caller, Right
from doctor.findings import Severity
from doctor.reading import read_facts
from doctor.rules import findings
from doctor.words import part_name, remedy, told
from edge.http import request_instant
from edge.release import VERSION
from edge.settings import shown_settings
from web.operator.licences import notice_text, shipped_packages
from web.operator.shared import OperatorPages
from web.pages import page_language
from web.staff.tables import page_of

OVERVIEW: Final = "/operator"
_ICONS: Final = {Severity.FAULT: "refused", Severity.WARNING: "warning", Severity.WELL: "granted"}
_KINDS: Final = {Severity.FAULT: "no", Severity.WARNING: "amber", Severity.WELL: "ok"}


def add_due(found: Blueprint, pages: OperatorPages) -> None:
    """Add the page of findings, the account log, the settings and the licences."""
    staff = pages.staff

    @found.get(OVERVIEW)
    @staff.needs(Right.SYSTEM)
    def due(who: Caller) -> ResponseReturnValue:
        del who
        at, language = request_instant(), page_language()
        rows = [
            {
                "severity": one.severity.value,
                "kind": _KINDS[one.severity],
                "icon": _ICONS[one.severity],
                "code": one.code,
                "part": part_name(one.about, "zh" if language == "zh" else "en"),
                "told": told(one, "zh" if language == "zh" else "en", staff.when),
                "remedy": remedy(one, "zh" if language == "zh" else "en", staff.when),
            }
            for one in findings(read_facts(staff.settings, at, deep=False), at)
        ]
        return pages.page("due", rows=rows, counts=_counts(rows))

    @found.get("/operator/log")
    @staff.needs(Right.SYSTEM, Right.ACCOUNTS)
    def log(who: Caller) -> ResponseReturnValue:
        del who
        names = {f"person:{one.id}": one.name for one in pages.store.people.list()}
        names |= {f"device:{one.id}": one.label or one.id for one in pages.store.devices.list()}
        subjects = {key.partition(":")[2]: name for key, name in names.items()}
        subjects |= {one.id: one.code for one in pages.store.operators.list()}
        subjects |= {one.id: one.label for one in pages.store.integrators.list()}
        return pages.page("log", part=page_of(pages.store.log), names=names, subjects=subjects)

    @found.get("/operator/settings")
    @staff.needs(Right.SYSTEM)
    def settings(who: Caller) -> ResponseReturnValue:
        del who
        return pages.page("settings", rows=shown_settings(staff.settings), version=VERSION)

    @found.get("/operator/licences")
    @staff.needs(Right.SYSTEM)
    def licences(who: Caller) -> ResponseReturnValue:
        del who
        return pages.page("licences", rows=shipped_packages(), notice=notice_text())


def _counts(rows: list[dict[str, str]]) -> dict[str, int]:
    return {severity.value: sum(row["severity"] == severity.value for row in rows) for severity in Severity}
