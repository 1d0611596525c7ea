"""The application: the surfaces that the settings switch on, joined in one frame. A few lines a surface, no rule."""

from __future__ import annotations

import atexit

from flask import Flask

from accounts.http import Authenticator
from accounts.http import blueprint as accounts_blueprint
from accounts.store import AccountStore
from edge.clock import Clock, SystemClock
from edge.database import answer_outages
from edge.health import Check, health_blueprint
from edge.http import create_frame
from edge.openapi import openapi_blueprint
from edge.settings import Settings
from issuer.desk import open_desk
from issuer.publisher import Publisher
from issuer.wallet_api import blueprint as wallet_blueprint
from verifier.api.surface import blueprint as verifier_blueprint
from verifier.api.surface import readiness
from verifier.audit.sequencing import log_sequencing
from verifier.published import pinned_root
from verifier.service import open_verifier, root_file
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
    if settings.serves("issuer"):
        _add_issuer(app, settings, clock)
    if settings.serves("verifier"):
        verifier = open_verifier(settings, clock)
        atexit.register(verifier.close)
        if sequencing := log_sequencing(settings, verifier.programme.issuer, verifier.ledger, clock):
            sequencing.start()
            atexit.register(sequencing.stop)
        app.register_blueprint(verifier_blueprint(verifier, authenticate, clock))
        checks.update(readiness(verifier, clock))
    app.register_blueprint(accounts_blueprint(authenticate, root=pinned_root(root_file(settings))))
    app.register_blueprint(health_blueprint(checks, metrics_token=settings.metrics_token))
    app.register_blueprint(openapi_blueprint(title=TITLE, version=VERSION))
    app.register_blueprint(pages_blueprint(settings))
    return app


def _add_issuer(app: Flask, settings: Settings, clock: Clock) -> None:
    desk = open_desk(settings)
    publisher = Publisher(desk, clock)
    publisher.once()
    publisher.start()
    atexit.register(publisher.stop)
    app.register_blueprint(wallet_blueprint(desk, clock, trusted_proxies=settings.trusted_proxies))
