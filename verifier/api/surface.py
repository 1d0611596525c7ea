"""The blueprint with all calls of the verifier, and the readiness checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial

from flask import Blueprint, request
from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy.exc import OperationalError

from accounts.http import Authenticator
from accounts.security import SecurityKind
from audit.tree.gauges import log_figures
from edge.clock import Clock
from ledger.values import LedgerError
from verifier.api.asking import Asking
from verifier.api.audit.audit import add_audit, add_wallet_proofs
from verifier.api.audit.log import add_log
from verifier.api.audit.promises import REPORTS_A_SECOND, REPORTS_AT_ONCE
from verifier.api.bookings import add_booking_changes, add_bookings
from verifier.api.cards import add_cards
from verifier.api.challenges import add_challenges
from verifier.api.checkins import add_changes, add_check_ins, add_looks
from verifier.api.delegations import add_delegations
from verifier.api.documents import add_documents, add_public_checks
from verifier.api.events import add_events, add_open_events
from verifier.api.matters import add_matters
from verifier.api.offline import add_offline
from verifier.api.photos import add_photos
from verifier.api.points import add_points
from verifier.api.requests import add_requests, add_wallet_requests
from verifier.api.slots import add_slots
from verifier.api.statement import add_department_statements, add_months, add_statements
from verifier.api.wallet import WalletCalls, add_wallet, add_wallet_usage
from verifier.service import Verifier
from verifier.trust.ages import ageing, document_figures, expired
from verifier.trust.published import Untrusted

LOOKS_A_SECOND, LOOKS_AT_ONCE = 1.0, 60
PUBLIC_A_SECOND, PUBLIC_AT_ONCE = 0.2, 20


WRITES_A_SECOND, WRITES_AT_ONCE = 5.0, 600
"""Check-ins, bookings and voids of one device or integrator: more than any counter makes, and too few to fill a log."""
EARLY_A_SECOND, EARLY_AT_ONCE = 0.2, 30
"""Refusals before step 4 that are logged one by one for a device. Further refusals are only counted."""


def blueprint(verifier: Verifier, authenticate: Authenticator) -> Blueprint:
    """Return the verifier's calls."""
    found = Blueprint("verifier", __name__)
    asking = Asking(verifier, authenticate, partial(_tell_guess, authenticate))
    made = authenticate.limiter
    public = made.fair("public", PUBLIC_A_SECOND, PUBLIC_AT_ONCE)
    writes = made.limit("writes", WRITES_A_SECOND, WRITES_AT_ONCE)
    add_check_ins(found, verifier, asking, writes, made.limit("early-refusals", EARLY_A_SECOND, EARLY_AT_ONCE))
    add_looks(found, verifier, asking, made.limit("looks", LOOKS_A_SECOND, LOOKS_AT_ONCE))
    add_photos(found, verifier, asking, made.limit("photos", LOOKS_A_SECOND, LOOKS_AT_ONCE))
    add_changes(found, verifier, asking, writes)
    add_challenges(found, verifier, asking, made.limit("challenges", LOOKS_A_SECOND, LOOKS_AT_ONCE))
    add_bookings(found, verifier, asking, writes)
    add_booking_changes(found, verifier, asking, writes)
    phones = made.fair("phones", LOOKS_A_SECOND, LOOKS_AT_ONCE)
    wallet = WalletCalls(verifier, asking, authenticate, phones)
    add_wallet(found, wallet)
    add_wallet_usage(found, wallet)
    add_delegations(found, verifier, asking, authenticate, phones)
    add_wallet_requests(found, verifier, asking, authenticate, phones)
    add_requests(found, verifier, asking)
    add_events(found, verifier, asking)
    add_open_events(found, verifier, asking, authenticate, made.limit("events", LOOKS_A_SECOND, LOOKS_AT_ONCE))
    add_slots(found, verifier, asking, authenticate, made.limit("slots", LOOKS_A_SECOND, LOOKS_AT_ONCE))
    add_offline(found, verifier, asking, authenticate)
    add_matters(found, verifier, asking)
    add_statements(found, verifier, asking)
    add_department_statements(found, verifier, asking)
    add_months(found, verifier, asking, writes)
    add_points(found, verifier, asking)
    add_documents(found, verifier)
    add_public_checks(found, verifier, asking, authenticate, public)
    add_cards(found, verifier, asking, authenticate, public)
    add_log(found, verifier, asking)
    if verifier.log is not None:
        add_audit(found, verifier, verifier.log, asking, made.limit("reports", REPORTS_A_SECOND, REPORTS_AT_ONCE))
        own = made.limit("own-proofs", LOOKS_A_SECOND, LOOKS_AT_ONCE)
        add_wallet_proofs(found, verifier, verifier.log, wallet.holder, own)
    return found


def _tell_guess(authenticate: Authenticator, at: datetime) -> None:
    """Log a delegation code that does not exist in the security log: the device that showed it, and the device's
    place.
    """
    who = ("device", authenticate(request).id)
    authenticate.store.security.tell(
        SecurityKind.DELEGATION_REFUSED, at=at, who=who, place=authenticate.source(request)
    )


def readiness(verifier: Verifier, clock: Clock) -> Mapping[str, Callable[[], str | None]]:
    """Return the conditions for this verifier to serve: a durable ledger, and trusted documents."""

    def ledger() -> str | None:
        try:
            verifier.ledger.ready()
        except LedgerError:
            return "the ledger cannot take a durable write"
        return None

    def documents() -> str | None:
        try:
            bundle = verifier.published.current(clock.now()).bundle
        except Untrusted as error:
            return str(error)
        if verifier.answering.receipt_kid not in {key.kid for key in bundle.keys}:
            return "the trust bundle lacks this server's receipt key: offer it to the issuer (python -m keys offer)"
        return verifier.published.fault or expired(verifier.published.current(clock.now()), clock.now())

    return {"ledger": ledger, "documents": documents}


def concerns(verifier: Verifier, clock: Clock) -> Mapping[str, Callable[[], str | None]]:
    """Return warnings for a monitor while this verifier still serves: documents that grow old."""

    def documents() -> str | None:
        try:
            return ageing(verifier.published.current(clock.now()), clock.now())
        except Untrusted:
            return None  # The check itself reports this

    return {"documents": documents}


def figures(verifier: Verifier, clock: Clock) -> Iterable[Metric]:
    """Return the figures of this verifier for a monitor: the ages of its documents, its log, and the waiting
    records.
    """
    held = GaugeMetricFamily("yunju_offline_records_held", "Offline records that wait for a supervisor.")
    with suppress(OperationalError):
        held.add_metric((), verifier.store.offline.count_held())
    documents = document_figures(lambda: verifier.published.current(clock.now()))
    return [*documents, *([] if verifier.log is None else log_figures(verifier.log)), held]
