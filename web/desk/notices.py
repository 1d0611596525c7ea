"""`/desk/notices`: the yearly notices that receipts answer. The organiser keeps and corrects their days."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from flask import Blueprint
from flask.typing import ResponseReturnValue
from wtforms import Field, SelectField, StringField
from wtforms.validators import Optional as MayBeEmpty

from accounts.rights import Caller, Right
from cards.programme.types import Point
from edge.http import request_instant
from edge.instants import InstantError, day_asked
from verifier.desks.notices import NoticeDesk, NoticeSeen
from verifier.rules.notices import Notice
from web.department.shared import DeskPages
from web.staff.forms import Longest, Needed, StaffForm, figures, option, refuse, stripped

_YEAR: Final = re.compile(r"2[0-9]{3}")
_DAYS: Final = ("receipts_from", "receipts_until", "held_from", "held_until")


class NoticeForm(StaffForm):
    """A service's notice of a year. The same service and year again corrects the notice."""

    service = SelectField("desk.notice.service", [Needed()], choices=[])
    year = StringField("desk.notice.year", [Needed()], filters=[figures])
    reference = StringField("desk.notice.reference", [MayBeEmpty(), Longest(60)], filters=[stripped])
    receipts_from = StringField("desk.notice.receipts-from", [Needed()], filters=[figures])
    receipts_until = StringField("desk.notice.receipts-until", [Needed()], filters=[figures])
    held_from = StringField("desk.notice.held-from", [Needed()], filters=[figures])
    held_until = StringField("desk.notice.held-until", [Needed()], filters=[figures])


def add_notices(found: Blueprint, pages: DeskPages) -> None:
    """Add the list of notices with the form of a notice."""
    desk = NoticeDesk(pages.verifier)

    @found.route("/desk/notices", methods=["GET", "POST"])
    @pages.staff.needs(Right.BOOKINGS)
    def notices(who: Caller) -> ResponseReturnValue:
        services = desk.services(who)
        if not services:
            return pages.staff.fault(403, "fault.not-permitted")
        form = NoticeForm()
        form.service.choices = [option(one.code, pages.say(one.name)) for one in services]
        if form.validate_on_submit() and (notice := _notice(form)) is not None:
            desk.keep(who, notice, request_instant())
            pages.staff.tell("desk.notice.kept")
            return pages.staff.go("/desk/notices")
        rows = [(seen, _point_of(pages, seen)) for seen in desk.listed(who)]
        return pages.page("notices", 422 if form.errors else 200, form=form, rows=rows)


def _notice(form: NoticeForm) -> Notice | None:
    """Return the notice in the form. Return None, with a fault at the field, for an impossible value."""
    days = {name: _day(form[name]) for name in _DAYS}
    if not _YEAR.fullmatch(form.year.data or ""):
        refuse(form.year, "desk.notice.year-wrong")
    told = {name: day for name, day in days.items() if day is not None}
    if form.errors or len(told) < len(_DAYS):
        return None
    notice = Notice(str(form.service.data), int(form.year.data or ""), reference=form.reference.data or None, **told)
    for name in ("receipts", "held"):
        if getattr(notice, f"{name}_from") > getattr(notice, f"{name}_until"):
            refuse(form[f"{name}_until"], "desk.event.order")
    return None if form.errors else notice


def _day(field: Field) -> date | None:
    try:
        return day_asked(field.data or "")
    except InstantError:
        refuse(field, "desk.fault.date")
        return None


def _point_of(pages: DeskPages, seen: NoticeSeen) -> Point | None:
    """Return the first point whose receipts answer a notice, for the link, or None."""
    return next((one for one in pages.programme.points.values() if seen.service.code in one.services), None)
