"""`/operator/integrators`: other organisations' servers: a token is made and shown once; its last use; its end."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, cast

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from wtforms import Field, SelectField, StringField

from accounts.integrators import UnknownIntegrator
from accounts.rights import Caller, Right
from doctor.rules import TOKEN_SOON
from edge.http import request_instant
from web.operator.shared import OperatorPages, TicksField, by, chosen_rights
from web.staff.forms import Longest, Needed, StaffForm, option, refuse, stripped

INTEGRATORS: Final = "/operator/integrators"
DAYS: Final = ("30", "90", "180", "365", "730")


PLACES_MOST: Final = 12
"""So many places does one form take; a token for more is made by the command."""


class NewIntegratorForm(StaffForm):
    """The name of a server, and for how long. Its rights at points are pairs of fields, from `point0`, `rights0` on."""

    label = StringField("system.integrator-label", [Needed(), Longest(100)], filters=[stripped])
    days = SelectField("system.days", choices=[], default="365")

    def pairs(self) -> list[tuple[Field, Field]]:
        """Return the fields of each place: the place, and the rights there."""
        return [(self[f"point{number}"], self[f"rights{number}"]) for number in range(_places(self))]

    def rights(self) -> dict[str, frozenset[Right]]:
        """Return the rights by place; empty where a pair is half filled: its fault then stands at its field."""
        found: dict[str, frozenset[Right]] = {}
        for point, ticked in self.pairs():
            rights = chosen_rights(ticked.data)
            if point.data and rights:
                found[point.data] = found.get(point.data, frozenset()) | rights
            elif point.data or rights:
                refuse(ticked if point.data else point, "form.needed")
        return {} if self.errors else found


def _places(form: NewIntegratorForm) -> int:
    return sum(name.startswith("point") for name in form._fields)


def _form(pages: OperatorPages) -> NewIntegratorForm:
    """Return the form with as many places as were sent, one more where another is asked for."""
    sent = sum(f"point{number}" in request.form for number in range(PLACES_MOST))
    asked = max(1, sent) + (request.form.get("do") == "more")
    places, rights, made = pages.place_choices(everywhere=True), pages.right_choices(), dict[str, Field]()
    for number in range(min(asked, PLACES_MOST)):
        needed = [Needed()] if number == 0 else []
        made[f"point{number}"] = SelectField("system.place", needed, choices=places)
        made[f"rights{number}"] = TicksField("system.rights", needed, choices=rights)
    form = cast("NewIntegratorForm", type("IntegratorForm", (NewIntegratorForm,), made)())
    form.days.choices = [option(days, pages.staff.word(f"system.days.{days}")) for days in DAYS]
    return form


def add_integrators(found: Blueprint, pages: OperatorPages) -> None:
    """Add the list of tokens, the page that makes a token, and the end of a token."""
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
        form = _form(pages)
        if request.form.get("do") == "more":
            return pages.page("integrator-new", form=form)
        rights = form.rights() if form.validate_on_submit() else {}
        if not rights:
            return pages.page("integrator-new", 422 if form.errors else 200, form=form)
        at = request_instant()
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
