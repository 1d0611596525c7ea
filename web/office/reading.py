"""Read-only pages: the programme in a readable form, and the office log with its chain."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from wtforms import SelectField, StringField

from accounts.rights import Caller, Right
from cards.working_days import is_announced
from edge.http import request_instant
from issuer.applications import service
from issuer.publishing.office_checkpoint import compare, published_checkpoint, signed_checkpoint
from issuer.register import office_log
from issuer.register.office_log import OfficeAction
from web.office.shared import OfficePages
from web.staff.forms import FilterForm, option, stripped
from web.staff.tables import page_of


class OfficeLogFilter(FilterForm):
    """The filters of the log."""

    action = SelectField("office.action", choices=[], validate_choice=False)
    holder = StringField("office.holder-id", filters=[stripped])


def add_reading(found: Blueprint, pages: OfficePages) -> None:
    """Add the programme's page and the log's page."""

    @found.get("/office/programme")
    @pages.staff.needs(Right.APPLICATIONS, Right.HOLDERS)
    def programme(who: Caller) -> ResponseReturnValue:
        del who
        known = pages.issuer.programme
        today = service.local_day(pages.issuer, request_instant())
        next_year = today.replace(year=today.year + 1, day=1)
        ranked = sorted(known.tiers.values(), key=lambda tier: -tier.rank)
        return pages.page(
            "programme",
            today=today,
            missing_year=None if is_announced(known, next_year) else next_year.year,
            ranked=ranked,
        )

    @found.get("/office/log")
    @pages.staff.needs(Right.HOLDERS, Right.AUDIT)
    def log(who: Caller) -> ResponseReturnValue:
        del who
        form = OfficeLogFilter(request.args)
        words = pages.staff.word
        form.action.choices = [
            option("", words("office.any")),
            *(option(one.value, words(f"office.log.{one}")) for one in OfficeAction),
        ]
        action = form.action.data if form.action.data in {one.value for one in OfficeAction} else None
        with pages.issuer.register.read() as connection:
            part = page_of(
                lambda limit, offset: office_log.newest(
                    connection, limit, offset=offset, action=action, holder=form.holder.data or None
                )
            )
            last, link = office_log.last_link(connection)
            checked = office_log.check_chain(connection) if "check" in request.args else None
            kept = published_checkpoint(pages.issuer)
            compared = compare(pages.issuer, connection, kept) if kept is not None and checked is not None else None
        return pages.page("log", part=part, form=form, last=last, link=link, checked=checked, compared=compared)

    @found.get("/office/log/checkpoint")
    @pages.staff.needs(Right.HOLDERS, Right.AUDIT)
    def checkpoint(who: Caller) -> ResponseReturnValue:
        del who
        with pages.issuer.register.read() as connection:
            text = signed_checkpoint(pages.issuer, connection)
        headers = {"Content-Disposition": 'attachment; filename="office-checkpoint.txt"'}
        return Response(text, content_type="text/plain; charset=utf-8", headers=headers)
