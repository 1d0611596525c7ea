"""The application: the surfaces that the settings enable, joined in one frame. A few lines for each surface, and no
rule.
"""

from __future__ import annotations

import logging
from datetime import datetime

from flask import Flask

from accounts.figures import device_figures
from accounts.http import Authenticator
from accounts.http import blueprint as accounts_blueprint
from accounts.store import AccountStore
from cards.programme.load import load_programme
from cards.programme.types import Programme
from cards.working_days import unannounced_year
from edge.backupnote import backup_figures
from edge.clock import Clock, SystemClock
from edge.database import answer_outages
from edge.explaining import problems_blueprint
from edge.health import Health, health_blueprint
from edge.http import create_frame, draw_problems
from edge.limits import FORWARDING, Limiter
from edge.openapi import openapi_blueprint
from edge.release import VERSION
from edge.settings import Settings, SettingsError
from edge.sharing import open_shared
from edge.structs import work_out_structs
from edge.workreport import WorkPlace, work_complaint, work_figures
from hooks.service import Hooks
from verifier.trust.published import pinned_root, root_file
from web.home import HomePages
from web.hook_calls import hook_calls
from web.operator.pages import operator_pages
from web.operator.shared import none_held
from web.pages import pages_blueprint
from web.staff.account import account_pages
from web.staff.administering import administrator_pages
from web.staff.frame import StaffFrame
from web.staff.signing_in import sign_in_pages
from web.staff.single_sign_on import add_single_sign_on

_log = logging.getLogger("yunju.web")
TITLE = "Yunju"


def create_application(settings: Settings, clock: Clock | None = None) -> Flask:
    """Return the WSGI application that the settings describe. It is made in each worker, after the fork.

    The application starts no loop of its own: `python -m ops work` does the background work in a separate process.
    """
    clock = clock or SystemClock()
    app = create_frame("web", clock=clock, https=settings.base_url.startswith("https://"))
    answer_outages(app)
    accounts = AccountStore.open(settings.accounts_url, settings.secret())
    programme = load_programme(settings.programme)
    authenticate = Authenticator(
        accounts,
        clock,
        tuple(dict.fromkeys((settings.base_url, settings.staff_url))),
        trusted_proxies=settings.trusted_proxies,
        departments=programme.points_of_departments(),
        limiter=Limiter(clock, open_shared(settings)),
    )
    unnamed = FORWARDING.unnamed(settings.trusted_proxies, https=settings.base_url.startswith("https://"))
    if unnamed:
        _log.warning(unnamed)
    staff = StaffFrame(settings, programme, authenticate)
    staff.install(app)
    told = _add_surfaces(app, settings, staff, clock)
    work, hooks = WorkPlace(settings.var), Hooks.open(settings)
    app.register_blueprint(accounts_blueprint(authenticate, root=pinned_root(root_file(settings))))
    app.register_blueprint(
        health_blueprint(
            told.checks,
            warnings={
                "work": lambda: work_complaint(work.read(), clock.now()),
                "calendar": lambda: calendar_complaint(programme, clock.now()),
                "hooks": lambda: hooks.complaint(clock.now()),
                "proxies": lambda: FORWARDING.complaint() or unnamed,
                **told.warnings,
            },
            figures=[
                lambda: work_figures(work.read(), clock.now()),
                lambda: backup_figures(settings.var),
                hooks.figures,
                lambda: device_figures(accounts.devices),
                *told.figures,
            ],
            metrics_token=settings.metrics_token,
        )
    )
    app.register_blueprint(openapi_blueprint(title=TITLE, version=VERSION))
    app.register_blueprint(problems_blueprint())
    app.register_blueprint(pages_blueprint(settings))
    home = HomePages(settings)
    app.register_blueprint(home.blueprint())
    draw_problems(app, home.draw)
    app.register_blueprint(hook_calls(hooks, authenticate))
    _add_staff_pages(app, staff, settings, hooks)
    if settings.traces_url is not None:
        _trace(app, settings.traces_url)
    work_out_structs()  # Before this worker's threads answer the first requests
    return app


def _add_staff_pages(app: Flask, staff: StaffFrame, settings: Settings, hooks: Hooks) -> None:
    """Add the sign-in, and the pages for operators of the system."""
    app.register_blueprint(sign_in_pages(staff))
    app.register_blueprint(account_pages(staff))
    app.register_blueprint(administrator_pages(staff))
    app.register_blueprint(operator_pages(staff, hooks, app.extensions.get("held_by_device", none_held)))
    if organisation := add_single_sign_on(app, staff, settings):
        app.register_blueprint(organisation)


def _trace(app: Flask, url: str) -> None:
    """Send traces of requests and, if there is one, of the ledger. Raises SettingsError if tracing is not installed."""
    try:
        from web.tracing import Traces  # noqa: PLC0415 - who traces nothing imports nothing of it
    except ModuleNotFoundError as error:
        fault = f"YUNJU_TRACES_URL: {error.name} is missing; install requirements/tracing.txt, or unset the variable"
        raise SettingsError([fault]) from None
    traces = Traces(url, VERSION)
    traces.requests(app)
    if (ledger := app.extensions.get("ledger")) is not None:
        traces.ledger(ledger)


def calendar_complaint(programme: Programme, at: datetime) -> str | None:
    """Return what is missing from the programme's calendar, or None. From 1 December on, the next year's holidays are
    due.
    """
    year = unannounced_year(programme, at.astimezone(programme.zone).date())
    return None if year is None else f"the holidays of {year} are not in the programme: its deadlines can move"


def _add_surfaces(app: Flask, settings: Settings, staff: StaffFrame, clock: Clock) -> Health:
    """Add the enabled surfaces, importing no other. Return the report on their health."""
    register, issuing = None, Health({}, {}, [])
    if settings.serves("issuer"):
        from web.surfaces.issuer import add_issuer  # noqa: PLC0415 - a counter server loads no code of the issuer

        register, issuing = add_issuer(app, settings, staff, clock)
    if not settings.serves("verifier"):
        return issuing
    from web.surfaces.verifier import add_verifier  # noqa: PLC0415 - an issuer's server loads no code of the verifier

    verifier, told = add_verifier(app, settings, staff, clock, register)
    if settings.serves("audit"):
        from web.surfaces.audit import add_audit  # noqa: PLC0415 - as above

        add_audit(app, settings, verifier, staff, None if register is None else register.name_of)
    return Health(
        {**issuing.checks, **told.checks}, {**issuing.warnings, **told.warnings}, [*issuing.figures, *told.figures]
    )
