"""The application: the surfaces that the settings switch on, joined in one frame. A few lines a surface, no rule."""

from __future__ import annotations

import atexit
from dataclasses import replace
from functools import partial

from flask import Flask

from accounts.http import Authenticator
from accounts.http import blueprint as accounts_blueprint
from accounts.store import AccountStore
from audit.figures.thresholds import read_thresholds
from audit.tables import open_figures
from audit.tree.sequencing import log_reader, log_sequencing
from edge.clock import Clock, SystemClock
from edge.database import answer_outages
from edge.health import Check, health_blueprint
from edge.http import create_frame
from edge.openapi import openapi_blueprint
from edge.settings import Settings
from issuer.api.photos import photo_blueprint, photo_for_check
from issuer.api.servers import server_blueprint, token_of_number
from issuer.api.wallet import blueprint as wallet_blueprint
from issuer.enrolment.phone import entitled_until
from issuer.publishing.publisher import Publisher
from issuer.register.errors import RefusedError
from issuer.register.holders import find_holder
from issuer.register.issuer import Issuer, open_issuer
from verifier.api.asking import Asking
from verifier.api.audit.review import review_blueprint
from verifier.api.audit.reviewing import NameOf, Reviewing
from verifier.api.surface import blueprint as verifier_blueprint
from verifier.api.surface import readiness
from verifier.service import Verifier, open_verifier, root_file
from verifier.services.bookings.upkeep import Sweeping
from verifier.services.erasure import Eraser, Erasing
from verifier.trust.fetching import Fetcher, source_of
from verifier.trust.issuer_relay import IssuerRelay
from verifier.trust.photos import PhotoRelay
from verifier.trust.published import pinned_root
from web.audit.pages import audit_pages
from web.pages import pages_blueprint

TITLE, VERSION = "Yunju", "0.1.0"


def create_application(settings: Settings, clock: Clock | None = None) -> Flask:
    """Return the WSGI application that the settings describe; made in each worker, after the fork.

    Where the issuer is served, what it signs is published now if it is due, and kept fresh from then on.
    """
    clock = clock or SystemClock()
    app = create_frame("web", clock=clock)
    answer_outages(app)
    accounts = AccountStore.open(settings.accounts_url)
    authenticate = Authenticator(accounts, clock, (settings.base_url,), trusted_proxies=settings.trusted_proxies)
    checks: dict[str, Check] = {}
    desk = _add_issuer(app, settings, authenticate, clock) if settings.serves("issuer") else None
    if settings.serves("verifier"):
        verifier = _with_register(open_verifier(settings, clock), settings, desk)
        atexit.register(verifier.close)
        sweeping = Sweeping(verifier.upkeep, clock)
        sweeping.start()
        atexit.register(sweeping.stop)
        eraser = Eraser(verifier.ledger, verifier.store, verifier.bookings, settings.secret())
        erasing = Erasing(eraser, verifier.published, clock)
        erasing.start()
        atexit.register(erasing.stop)
        if sequencing := log_sequencing(settings, verifier.programme.issuer, verifier.ledger, clock):
            sequencing.start()
            atexit.register(sequencing.stop)
        app.register_blueprint(verifier_blueprint(verifier, authenticate, clock))
        if settings.serves("audit"):
            _add_audit(app, settings, verifier, authenticate, None if desk is None else partial(_name_of, desk))
        _keep_documents(settings, verifier, clock)
        checks.update(readiness(verifier, clock))
    app.register_blueprint(accounts_blueprint(authenticate, root=pinned_root(root_file(settings))))
    app.register_blueprint(health_blueprint(checks, metrics_token=settings.metrics_token))
    app.register_blueprint(openapi_blueprint(title=TITLE, version=VERSION))
    app.register_blueprint(pages_blueprint(settings))
    return app


def _with_register(verifier: Verifier, settings: Settings, desk: Issuer | None) -> Verifier:
    """Say whom a verifier asks what only a register knows: the one on this host, an issuer elsewhere, or nobody."""
    if desk is not None:
        return replace(
            verifier,
            card_by_number=partial(token_of_number, desk),
            entitled_until=partial(entitled_until, desk),
            photo_of=partial(photo_for_check, desk, by="verifier"),
        )
    if settings.issuer_url is None:
        return verifier
    issuer = IssuerRelay(settings.issuer_url, settings.issuer_token_file)
    return replace(
        verifier,
        card_by_number=issuer.card_by_number,
        entitled_until=issuer.entitled_until,
        photo_of=PhotoRelay(issuer),
    )


def _keep_documents(settings: Settings, verifier: Verifier, clock: Clock) -> None:
    """Fetch the issuer's documents again and again, where it is on another machine."""
    source = source_of(settings)
    if source is None:
        return
    fetcher = Fetcher(source, verifier.published, settings.published, clock, settings.status_ttl / 4)
    fetcher.start()
    atexit.register(fetcher.stop)


def _add_issuer(app: Flask, settings: Settings, authenticate: Authenticator, clock: Clock) -> Issuer:
    desk = open_issuer(settings)
    publisher = Publisher(desk, clock)
    publisher.once()
    publisher.start()
    atexit.register(publisher.stop)
    app.register_blueprint(wallet_blueprint(desk, clock, trusted_proxies=settings.trusted_proxies))
    app.register_blueprint(server_blueprint(desk, authenticate))
    app.register_blueprint(photo_blueprint(desk, authenticate))
    return desk


def _name_of(desk: Issuer, subject: str) -> str | None:
    """Ask the register on this host for a holder's name, for an auditor with the right to it."""
    try:
        return find_holder(desk, subject).name
    except RefusedError:
        return None


def _add_audit(
    app: Flask, settings: Settings, verifier: Verifier, authenticate: Authenticator, name_of: NameOf | None
) -> None:
    database = open_figures(settings.verifier_url)
    atexit.register(database.close)
    asking, log = Asking(verifier, authenticate), log_reader(settings, verifier.programme.issuer)
    thresholds = read_thresholds(settings.audit_rules, verifier.programme)
    reviewing = Reviewing(
        verifier,
        log,
        asking,
        database,
        settings.secret(),
        clock=authenticate.clock,
        folders=[settings.log, *([settings.log_archive] if settings.log_archive else [])],
        name_of=name_of,
        thresholds=thresholds,
    )
    app.register_blueprint(review_blueprint(reviewing))
    app.register_blueprint(audit_pages(settings, verifier.programme, authenticate))
