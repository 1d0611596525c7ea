"""The audit surface: the auditors' calls and pages over the verifier's log."""

from __future__ import annotations

import atexit

from flask import Flask

from audit.figures.thresholds import read_thresholds
from audit.tables import open_figures
from audit.tree.sequencing import log_reader
from edge.settings import Settings
from verifier.api.asking import Asking
from verifier.api.audit.review import review_blueprint
from verifier.api.audit.reviewing import NameOf, Reviewing
from verifier.service import Verifier
from web.audit.pages import audit_pages
from web.staff.frame import StaffFrame


def add_audit(app: Flask, settings: Settings, verifier: Verifier, staff: StaffFrame, name_of: NameOf | None) -> None:
    """Add the auditors' calls and pages. `name_of` asks the register, if this process has one."""
    database = open_figures(settings.verifier_url)
    atexit.register(database.close)
    reviewing = Reviewing(
        verifier,
        log_reader(settings, verifier.programme.issuer),
        Asking(verifier, staff.authenticate),
        database,
        settings.secret(),
        limiter=staff.authenticate.limiter,
        folders=[settings.log, *([settings.log_archive] if settings.log_archive else [])],
        name_of=name_of,
        thresholds=read_thresholds(settings.audit_rules, verifier.programme),
    )
    app.register_blueprint(review_blueprint(reviewing))
    app.register_blueprint(audit_pages(settings, verifier.programme, staff))
