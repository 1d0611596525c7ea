"""Auditors' pages: each a frame for its script, which asks the API with the session's cookie. No data of the log here.

Whoever is not signed in as a person with the right `audit` is sent to the sign-in page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

import flask
from flask import Blueprint, Response, redirect, request

from accounts.authenticator import Authenticator
from accounts.rights import EVERYWHERE, Caller, Right
from cards.programme.types import Assurance, Beneficiary, Programme, Text
from edge.http import request_instant
from edge.problems import Problem
from edge.settings import Settings
from ledger.leaf import KINDS
from verifier.rules.reasons import REASONS
from web.pages import both, render_page, shared_config
from web.wording import load_wording

SIGN_IN: Final = "/audit/sign-in"
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
    "id-checked", "overdrawn", "replayed", "clock-doubt", "granted-online", "granted-offline", "companions-over",
    "declared", "channel:counter", "channel:wallet", "channel:telephone",
)  # fmt: skip
"""The marks that the search offers by name; any other can be asked for in the address."""
_FORBIDDEN: Final = {"unauthenticated", "bad-token", "not-permitted"}


def audit_pages(settings: Settings, programme: Programme, authenticate: Authenticator) -> Blueprint:
    """Return the pages, for people whom `authenticate` knows by their cookie."""
    found = Blueprint("audit", __name__, template_folder="../templates")
    wording = load_wording()
    shared = shared_config(settings, programme) | _words_of(programme)

    @found.get(SIGN_IN)
    def audit_sign_in() -> Response:
        who = _auditor(authenticate, any_right=True)
        return _private(render_page("audit-sign-in", wording, shared, refused=who is not None))

    def view(name: str) -> Callable[..., flask.typing.ResponseReturnValue]:
        def page(entry_id: str = "") -> flask.typing.ResponseReturnValue:
            caller = _auditor(authenticate)
            if caller is None:
                return redirect(_sign_in_address(), 303)
            config = shared | _of_caller(caller, request_instant(), programme) | {"entry": entry_id}
            return _private(render_page(name, wording, config, current=name))

        return page

    for name, path in PAGES.items():
        found.add_url_rule(path, name.replace("-", "_"), view(name))
    return found


def _auditor(authenticate: Authenticator, *, any_right: bool = False) -> Caller | None:
    """Return the person who is signed in and may audit everything (with `any_right`: whatever they may)."""
    try:
        caller = authenticate(request)
    except Problem as problem:
        if problem.code in _FORBIDDEN:
            return None
        raise
    if caller.kind != "person":
        return None
    return caller if any_right or caller.may(Right.AUDIT, EVERYWHERE) else None


def _sign_in_address() -> str:
    """The sign-in page, in the language asked for, with the way back."""
    asked = {"next": request.full_path.rstrip("?")}
    if "lang" in request.args:
        asked["lang"] = request.args["lang"]
    return f"{SIGN_IN}?{urlencode(asked)}"


def _private(response: Response) -> Response:
    """A page that names who is signed in is kept by nobody."""
    return response


def _of_caller(caller: Caller, at: datetime, programme: Programme) -> dict[str, object]:
    today = at.astimezone(programme.zone).date().isoformat()
    return {"user": caller.label, "names": caller.may(Right.NAMES, EVERYWHERE), "today": today}


def _words_of(programme: Programme) -> dict[str, object]:
    """The programme's names of what the log names by code."""
    services = {service.code: service for service in programme.services.values() if service.checked_in}
    return {
        "points": {
            point.code: {"name": both(point.name), "department": point.department}
            for point in programme.points.values()
            if point.desk
        },
        "services": {code: {"name": both(service.name), "quota": service.quota} for code, service in services.items()},
        "departments": _named({code: one.name for code, one in programme.departments.items()}),
        "reasons": list(REASONS),
        "kinds": list(KINDS),
        "assurances": [assurance.name.lower() for assurance in reversed(Assurance)],
        "beneficiaries": [str(beneficiary) for beneficiary in Beneficiary],
        "marks": list(MARKS),
        "quotas": _named({code: one.name for code, one in programme.quotas.items()}),
    }


def _named(names: Mapping[str, Text]) -> dict[str, object]:
    return {code: {"name": both(name)} for code, name in names.items()}
