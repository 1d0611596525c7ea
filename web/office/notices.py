"""`/office/notices`: notices to applicants that wait, and notices that could not be sent. Addresses are not shown."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from accounts.rights import Caller, Right
from edge.http import request_instant
from issuer.applications import notices
from issuer.applications.notices import MAIL, SMS
from web.office.shared import OfficePages, actor
from web.staff.tables import page_of


def add_notices(found: Blueprint, pages: OfficePages) -> None:
    """Add the queue's page and its one act."""
    settings = pages.staff.settings
    shut = {MAIL: settings.mail_url is None, SMS: settings.sms_url is None}

    @found.get("/office/notices")
    @pages.staff.needs(Right.APPLICATIONS)
    def queue(who: Caller) -> ResponseReturnValue:
        del who
        unsent = "all" not in request.args
        part = page_of(
            lambda limit, offset: notices.list_notices(pages.issuer, limit=limit, offset=offset, unsent=unsent),
        )
        state = notices.state_of(pages.issuer, request_instant())
        missing = [way for way, is_shut in shut.items() if is_shut and state.waiting.get(way)]
        return pages.page("notices", part=part, state=state, missing=missing, unsent=unsent)

    @found.post("/office/notices/<int:notice>/again")
    @pages.staff.needs(Right.APPLICATIONS)
    def again(who: Caller, notice: int) -> ResponseReturnValue:
        return pages.act(
            "/office/notices",
            "office.notice-again",
            lambda: notices.again(pages.issuer, notice, by=actor(who), at=request_instant()),
        )
