"""Auditors' pages: each is a frame for its script, which asks the API with the session's cookie. No data of the log is
here.

They are for signed-in people with the right `audit`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import flask
from flask import Blueprint, Response

from accounts.rights import EVERYWHERE, Caller, Right
from accounts.store import AccountStore
from cards.programme.types import Assurance, Beneficiary, Mode, Programme, Text
from edge.http import request_instant
from edge.settings import Settings
from ledger.leaf import KINDS
from verifier.rules.delegations import ASSURANCE as DELEGATED
from verifier.rules.reasons import REASONS
from web.pages import both, render_page, shared_config
from web.staff.frame import StaffFrame
from web.wording import load_wording

PAGES: Final = {
    "audit": "/audit",
    "audit-figures": "/audit/figures",
    "audit-anomalies": "/audit/anomalies",
    "audit-integrity": "/audit/integrity",
    "audit-report": "/audit/report",
    "audit-names": "/audit/names",
    "audit-entry": "/audit/entries/<entry_id>",
}
MARKS: Final = (
    "id-checked", "overdrawn", "replayed", "clock-doubt", "granted-online", "granted-offline", "held", "dismissed",
    "operator-unproved", "companions-over",
    "declared", "channel:counter", "channel:wallet", "channel:telephone",
)  # fmt: skip
"""The marks that the search offers by name. Any other mark can be given in the address."""
_DOORS: Final = {
    "audit": "list",
    "audit-figures": "chart",
    "audit-anomalies": "warning",
    "audit-integrity": "shield",
    "audit-report": "print",
    "audit-names": "person",
}
"""The pages of the navigation, each with its icon."""


def audit_pages(settings: Settings, programme: Programme, staff: StaffFrame) -> Blueprint:
    """Return the pages, for signed-in people who may audit."""
    found = staff.blueprint("audit")
    wording = load_wording()
    shared = shared_config(settings, programme) | _words_of(programme)
    for name, icon in _DOORS.items():
        staff.door(PAGES[name], f"{name}.title", icon, Right.AUDIT)

    def view(name: str) -> Callable[..., flask.typing.ResponseReturnValue]:
        @staff.needs(Right.AUDIT)
        def page(who: Caller, entry_id: str = "") -> Response:
            named = names_of_desks(staff.authenticate.store)
            config = shared | named | _of_caller(who, request_instant(), programme) | {"entry": entry_id}
            return render_page(name, wording, config, **staff.navigation())

        return page

    for name, path in PAGES.items():
        found.add_url_rule(path, name.replace("-", "_"), view(name))
    return found


def names_of_desks(accounts: AccountStore) -> dict[str, object]:
    """Return the names of the log's ids of devices and staff: a desk by label and point, an operator by number."""
    devices = {one.id: {"label": one.label, "point": one.point} for one in accounts.devices.list()}
    servers = {one.id: {"label": one.label, "point": ""} for one in accounts.integrators.list()}
    return {
        "desks": devices | servers,
        "operators": {one.id: one.code for one in accounts.operators.list()},
    }


def _of_caller(caller: Caller, at: datetime, programme: Programme) -> dict[str, object]:
    today = at.astimezone(programme.zone).date().isoformat()
    return {"user": caller.label, "names": caller.may(Right.NAMES, EVERYWHERE), "today": today}


def _words_of(programme: Programme) -> dict[str, object]:
    """Return the programme's names of the codes in the log."""
    logged = {mode for mode in Mode if mode is not Mode.INFORMATION}
    services = {service.code: service for service in programme.services.values() if service.mode in logged}
    return {
        "points": {
            point.code: {"name": both(point.name), "department": point.department}
            for point in programme.points.values()
            if point.desk
        }
        | {f"dept-{code}": {"name": both(one.name), "department": code} for code, one in programme.departments.items()},
        "services": {code: {"name": both(service.name), "quota": service.quota} for code, service in services.items()},
        "departments": _named({code: one.name for code, one in programme.departments.items()}),
        "reasons": list(REASONS),
        "kinds": list(KINDS),
        "assurances": [*(assurance.word for assurance in reversed(Assurance)), DELEGATED],
        "beneficiaries": [str(beneficiary) for beneficiary in Beneficiary],
        "marks": list(MARKS),
        "quotas": _named({code: one.name for code, one in programme.quotas.items()}),
        "members": _named({code: name for one in programme.exclusions.values() for code, name in one.members.items()}),
    }


def _named(names: Mapping[str, Text]) -> dict[str, object]:
    return {code: {"name": both(name)} for code, name in names.items()}
