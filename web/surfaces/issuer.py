"""The issuer's surface: enrolment and refresh for phones, documents and photos for servers, and its register."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from flask import Flask
from prometheus_client.core import GaugeMetricFamily, Metric

from edge.clock import Clock
from edge.health import Health
from edge.metrics import MetricSource
from edge.repeating import Repeating
from edge.settings import Settings
from issuer.api.applications import application_blueprint
from issuer.api.photos import photo_blueprint, photo_for_check
from issuer.api.servers import server_blueprint, token_of_number
from issuer.api.telephones import telephone_blueprint, telephone_for_call_back
from issuer.api.wallet import blueprint as wallet_blueprint
from issuer.applications import notices
from issuer.applications.notices import MAIL, SMS
from issuer.enrolment.phone import entitled_until
from issuer.publishing.ages import published_figures
from issuer.publishing.publisher import publishing
from issuer.register.errors import RefusedError
from issuer.register.holders import find_holder
from issuer.register.issuer import Issuer, open_issuer
from web.apply.pages import apply_pages
from web.office.pages import office_pages
from web.staff.frame import StaffFrame
from web.surfaces.register import RegisterCalls


def add_issuer(app: Flask, settings: Settings, staff: StaffFrame, clock: Clock) -> tuple[RegisterCalls, Health]:
    """Add the issuer's calls. Return what a verifier on this host may ask of its register, and the report on its
    health.

    Due documents are published now. From then on, the background work keeps them fresh.
    """
    issuer, authenticate = open_issuer(settings), staff.authenticate
    Repeating(publishing(issuer, clock), clock).once()
    proxies = settings.trusted_proxies
    told = authenticate.store.security
    app.register_blueprint(
        wallet_blueprint(issuer, clock, authenticate.limiter, security=told, trusted_proxies=proxies)
    )
    app.register_blueprint(server_blueprint(issuer, authenticate))
    app.register_blueprint(photo_blueprint(issuer, authenticate))
    app.register_blueprint(telephone_blueprint(issuer, authenticate))
    app.register_blueprint(application_blueprint(issuer, authenticate))
    if settings.serves("office"):
        app.register_blueprint(apply_pages(staff, issuer, settings))
        app.register_blueprint(office_pages(staff, issuer))
    register = RegisterCalls(
        card_by_number=partial(token_of_number, issuer),
        entitled_until=partial(entitled_until, issuer),
        photo_of=partial(photo_for_check, issuer, by="verifier"),
        phone_of=partial(telephone_for_call_back, issuer, by="verifier"),
        name_of=partial(_name_of, issuer),
    )
    return register, _health(issuer, settings, clock)


def _health(issuer: Issuer, settings: Settings, clock: Clock) -> Health:
    """Return the issuer's warnings: it still serves while notices to applicants wait."""
    opened = {MAIL: settings.mail_url, SMS: settings.sms_url}
    ways = frozenset(way for way, address in opened.items() if address is not None)
    told: list[MetricSource] = [lambda: _figures(issuer, clock)]
    if not settings.serves("verifier"):  # which tells of the same documents, as it goes by them
        told.append(lambda: published_figures(issuer.published))
    return Health({}, {"notices": lambda: notices.notices_complaint(issuer, ways, clock.now())}, told)


def _figures(issuer: Issuer, clock: Clock) -> Iterator[Metric]:
    state = notices.state_of(issuer, clock.now())
    waiting = GaugeMetricFamily("yunju_notices_waiting", "Notices to applicants that wait to be sent.", labels=("way",))
    for way in (MAIL, SMS):
        waiting.add_metric((way,), float(state.waiting.get(way, 0)))
    given_up = GaugeMetricFamily("yunju_notices_given_up", "Notices to applicants given up in the last seven days.")
    given_up.add_metric((), float(state.given_up))
    yield from (waiting, given_up)


def _name_of(issuer: Issuer, subject: str) -> str | None:
    try:
        return find_holder(issuer, subject).name
    except RefusedError:
        return None
