"""`/operator/integrators`: other organisations' servers: a token made and shown once, its last use, its end."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from flask import Blueprint
from flask.typing import ResponseReturnValue
from wtforms import SelectField, StringField

from accounts.integrators import UnknownIntegrator
from accounts.rights import Caller, Right
from doctor.rules import TOKEN_SOON
from edge.http import request_instant
from web.operator.shared import OperatorPages, TicksField, by, chosen_rights
from web.staff.forms import Longest, Needed, StaffForm, option, stripped

INTEGRATORS: Final = "/operator/integrators"
DAYS: Final = ("30", "90", "180", "365", "730")


class NewIntegratorForm(StaffForm):
    """Whose server it is, what it may do where, and for how long."""

    label = StringField("system.integrator-label", [Needed(), Longest(100)], filters=[stripped])
    point = SelectField("system.place", [Needed()], choices=[])
    rights = TicksField("system.rights", [Needed()], choices=[])
    days = SelectField("system.days", choices=[], default="365")


def add_integrators(found: Blueprint, pages: OperatorPages) -> None:
    """Add the list of tokens, the page that makes one, and the end of one."""
    integrators = pages.store.integrators

    @found.get(INTEGRATORS)
    @pages.staff.needs(Right.SYSTEM, Right.ACCOUNTS)
    def list_integrators(who: Caller) -> ResponseReturnValue:
        del who
        at = request_instant()
        rows = sorted(integrators.list(), key=lambda one: (not one.alive(at), one.expires_at))
        return pages.page("integrators", rows=rows, now=at, soon=at + TOKEN_SOON)

    @found.route(f"{INTEGRATORS}/new", methods=["GET", "POST"])
    @pages.staff.needs(Right.SYSTEM, Right.ACCOUNTS, fresh=True)
    def new_integrator(who: Caller) -> ResponseReturnValue:
        form = NewIntegratorForm()
        form.point.choices, form.rights.choices = pages.place_choices(everywhere=True), pages.right_choices()
        form.days.choices = [option(days, pages.staff.word(f"system.days.{days}")) for days in DAYS]
        if not form.validate_on_submit():
            return pages.page("integrator-new", 422 if form.errors else 200, form=form)
        at, rights = request_instant(), {form.point.data: chosen_rights(form.rights.data)}
        until = at + timedelta(days=int(form.days.data))
        made, token = integrators.add(str(form.label.data), rights, expires_at=until, by=by(who), at=at)
        return pages.page("token", made=made, token=token)

    @found.post(f"{INTEGRATORS}/<integrator_id>/revoke")
    @pages.staff.needs(Right.SYSTEM, Right.ACCOUNTS, fresh=True)
    def revoke_integrator(who: Caller, integrator_id: str) -> ResponseReturnValue:
        try:
            integrators.revoke(integrator_id, by=by(who), at=request_instant())
            pages.staff.tell("system.token-revoked")
        except UnknownIntegrator:
            pages.staff.tell("system.token-gone", "amber")
        return pages.staff.go(INTEGRATORS)
