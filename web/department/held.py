"""`/department/held`: offline records that wait for a supervisor; released or set aside, for a reason."""

from __future__ import annotations

from typing import Final, cast

from flask import Blueprint
from flask.typing import ResponseReturnValue
from wtforms import SelectField, TextAreaField
from wtforms.validators import Optional as MayBeEmpty

from accounts.rights import Caller, Right
from edge.http import request_instant
from edge.problems import Problem
from verifier.desks.held import held_record
from verifier.offline.answers import Decision, DecisionReason, HeldRecord
from verifier.offline.service import OfflineService
from web.department.shared import DeskPages, choices_of
from web.staff.forms import Longest, Needed, StaffForm, stripped

RELEASES: Final = ("holder-confirmed", "staff-confirmed", "paper-record", "other")
REFUSES: Final = ("not-used", "not-allowed", "other")
"""The reasons to release a record, and the reasons to set it aside."""


class DecisionForm(StaffForm):
    """A supervisor's decision. The reason says whether the record counts."""

    decision = SelectField("department.held.decision", [Needed()], choices=[])
    note = TextAreaField("department.note", [MayBeEmpty(), Longest(300)], filters=[stripped])


def decision_form(pages: DeskPages) -> DecisionForm:
    """Return the form with its closed list of reasons."""
    form = DecisionForm()
    releases = {f"release:{one}": f"department.held.release.{one}" for one in RELEASES}
    refuses = {f"refuse:{one}": f"department.held.refuse.{one}" for one in REFUSES}
    form.decision.choices = choices_of(pages, releases | refuses)
    return form


def add_held(found: Blueprint, pages: DeskPages) -> None:
    """Add the list of waiting records, and the page for the decision on one of them."""
    service = OfflineService(pages.verifier, pages.staff.authenticate.store)

    @found.get("/department/held")
    @pages.staff.needs(Right.OVERRIDE)
    def held(who: Caller) -> ResponseReturnValue:
        rows = [held_record(one) for one in service.waiting(who)]
        return pages.page("held", rows=rows)

    @found.route("/department/held/<digest>", methods=["GET", "POST"])
    @pages.staff.needs(Right.OVERRIDE)
    def held_one(who: Caller, digest: str) -> ResponseReturnValue:
        record = next((held_record(one) for one in service.waiting(who) if one.kept.digest == digest), None)
        if record is None:
            raise Problem("not-found")
        form = decision_form(pages)
        if not form.validate_on_submit():
            return _page(pages, record, form, 422 if form.errors else 200)
        verb, _, reason = str(form.decision.data).partition(":")
        said = Decision(release=verb == "release", reason=cast("DecisionReason", reason), note=form.note.data or None)
        done = f"department.held.done.{verb}"
        return pages.act("/department/held", done, lambda: service.decide(digest, who, said, request_instant()))


def _page(pages: DeskPages, record: HeldRecord, form: DecisionForm, status: int) -> ResponseReturnValue:
    return pages.page("held-one", status, record=record, form=form)
