"""The verifier's surface: check-ins and everything beside them, and the conditions for this process to serve."""

from __future__ import annotations

import atexit
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from flask import Flask

from edge.clock import Clock
from edge.health import Health
from edge.settings import Settings
from ledger.values import LedgerError
from verifier.api.surface import blueprint as verifier_blueprint
from verifier.api.surface import concerns, figures, readiness
from verifier.service import Verifier, no_register, open_verifier
from verifier.trust.issuer_relay import IssuerRelay
from verifier.trust.photos import PhotoRelay
from web.department.pages import department_pages
from web.desk.pages import desk_pages
from web.staff.frame import StaffFrame
from web.surfaces.register import RegisterCalls

_LACKING: Final = "no bookings by card number, no photos, no ends of entitlements"


def add_verifier(
    app: Flask,
    settings: Settings,
    staff: StaffFrame,
    clock: Clock,
    register: RegisterCalls | None,
) -> tuple[Verifier, Health]:
    """Add the verifier's calls. Return the verifier and the report on its health.

    Questions that only a register can answer go to the register on this host, otherwise to an issuer elsewhere,
    otherwise to nobody.
    """
    verifier = _with_register(open_verifier(settings, clock), settings, register)
    atexit.register(verifier.close)
    app.extensions["ledger"] = verifier.ledger  # For traces
    app.extensions["usage_counts"] = partial(usage_counts, verifier)  # For the office's page of a holder, on one host
    app.extensions["held_by_device"] = verifier.store.offline.held_by_device  # For the operator's page of devices
    app.register_blueprint(verifier_blueprint(verifier, staff.authenticate))
    app.register_blueprint(department_pages(staff, verifier))
    app.register_blueprint(desk_pages(staff, verifier))
    warnings = {**concerns(verifier, clock), "register": lambda: _no_register(verifier, settings)}
    told = Health(readiness(verifier, clock), warnings, [lambda: figures(verifier, clock)])
    return verifier, told


def _no_register(verifier: Verifier, settings: Settings) -> str | None:
    """Return a warning about what is missing if no register can be asked, as with only a shared folder of documents, or
    None.
    """
    if verifier.card_by_number is no_register:
        return f"no register to ask: {_LACKING}; set YUNJU_ISSUER_URL"
    if settings.issuer_url is not None and not settings.issuer_token_file.is_file():
        return f"no token to ask the issuer with: {_LACKING}; put it into YUNJU_ISSUER_TOKEN_FILE (docs/deployment.md)"
    return None


def _with_register(verifier: Verifier, settings: Settings, register: RegisterCalls | None) -> Verifier:
    if register is not None:
        return replace(
            verifier,
            card_by_number=register.card_by_number,
            entitled_until=register.entitled_until,
            photo_of=register.photo_of,
            phone_of=register.phone_of,
        )
    if settings.issuer_url is None:
        return verifier
    issuer = IssuerRelay(settings.issuer_url, settings.issuer_token_file)
    return replace(
        verifier,
        card_by_number=issuer.card_by_number,
        entitled_until=issuer.entitled_until,
        photo_of=PhotoRelay(issuer),
        phone_of=issuer.phone_of,
    )


def usage_counts(verifier: Verifier, subject: str, at: datetime) -> list[tuple[str, str, int]] | None:
    """Return how much of each quota a holder has used: the quota's code, the period, the uses. Counts alone.

    None while the ledger is away: the office's page then shows no counts.
    """
    try:
        counters = verifier.ledger.usage(subject, at).counters
    except LedgerError:
        return None
    return sorted((limit, period, used) for (limit, period), used in counters.items() if used)
