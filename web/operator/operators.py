"""`/operator/operators`: staff who sign in at devices: added, given rights at points, given a new PIN, ended."""

from __future__ import annotations

from typing import Final

from flask import Blueprint
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, SelectField, StringField

from accounts.credentials import WeakSecret, new_pin
from accounts.operators import OperatorRecord, UnknownOperator
from accounts.people import NameTaken
from accounts.rights import Caller, Right
from edge.http import request_instant
from edge.problems import Problem
from web.operator.shared import OperatorPages, TicksField, by, chosen_rights
from web.staff.forms import Longest, Needed, StaffForm, refuse, stripped

OPERATORS: Final = "/operator/operators"


class RightsForm(StaffForm):
    """Rights at one place. If none is ticked, the place is removed."""

    point = SelectField("system.place", [Needed()], choices=[])
    rights = TicksField("system.rights", choices=[])


class NewOperatorForm(StaffForm):
    """The name, the code and the rights of a new operator at counters."""

    code = StringField("system.code", [Needed(), Longest(32)], filters=[stripped])
    name = StringField("system.name", [Needed(), Longest(100)], filters=[stripped])
    point = SelectField("system.place", [Needed()], choices=[])
    rights = TicksField("system.rights", [Needed()], choices=[])


class EndForm(StaffForm):
    """A tick before an operator is taken out of use."""

    sure = BooleanField("system.end-sure", [Needed("system.tick-first")])


def add_operators(found: Blueprint, pages: OperatorPages) -> None:
    """Add the list, the page of one operator, and the page that adds an operator."""
    _add_list(found, pages)
    _add_acts(found, pages)


def _add_list(found: Blueprint, pages: OperatorPages) -> None:
    operators = pages.store.operators

    @found.get(OPERATORS)
    @pages.staff.needs(Right.SYSTEM, Right.ACCOUNTS)
    def list_operators(who: Caller) -> ResponseReturnValue:
        del who
        at = request_instant()
        last, locked = operators.last_sign_ins(), operators.locked(at)
        return pages.page("operators", rows=operators.list(), last=last, locked=locked, now=at)

    @found.route(f"{OPERATORS}/new", methods=["GET", "POST"])
    @pages.staff.needs(Right.SYSTEM, Right.ACCOUNTS, fresh=True)
    def new_operator(who: Caller) -> ResponseReturnValue:
        form = NewOperatorForm()
        form.point.choices, form.rights.choices = pages.place_choices(everywhere=True), pages.right_choices()
        if not form.validate_on_submit():
            return pages.page("operator-new", 422 if form.errors else 200, form=form)
        pin, rights = new_pin(), {form.point.data: chosen_rights(form.rights.data)}
        try:
            made = operators.add(
                str(form.code.data), str(form.name.data), rights, by=by(who), at=request_instant(), pin=pin
            )
        except NameTaken:
            refuse(form.code, "system.code-taken")
            return pages.page("operator-new", 422, form=form)
        return pages.page("pin", one=made, pin=pin)


def _add_acts(found: Blueprint, pages: OperatorPages) -> None:
    operators = pages.store.operators

    @found.get(f"{OPERATORS}/<operator_id>")
    @pages.staff.needs(Right.SYSTEM, Right.ACCOUNTS)
    def operator_page(who: Caller, operator_id: str) -> ResponseReturnValue:
        del who
        return _page(pages, _known(pages, operator_id), _rights_form(pages), EndForm())

    @found.post(f"{OPERATORS}/<operator_id>/rights")
    @pages.staff.needs(Right.SYSTEM, Right.ACCOUNTS, fresh=True)
    def set_rights(who: Caller, operator_id: str) -> ResponseReturnValue:
        one, form = _known(pages, operator_id), _rights_form(pages)
        if form.validate_on_submit() and _changed(pages, one, form, who):
            pages.staff.tell("system.rights-changed")
            return pages.staff.go(f"{OPERATORS}/{one.id}")
        return _page(pages, one, form, EndForm(formdata=None), 422)

    @found.post(f"{OPERATORS}/<operator_id>/pin")
    @pages.staff.needs(Right.SYSTEM, Right.ACCOUNTS, fresh=True)
    def reset_pin(who: Caller, operator_id: str) -> ResponseReturnValue:
        one, pin = _known(pages, operator_id), new_pin()
        _active(lambda: operators.set_pin(one.code, pin, by=by(who), at=request_instant()))
        return pages.page("pin", one=one, pin=pin)

    @found.post(f"{OPERATORS}/<operator_id>/end")
    @pages.staff.needs(Right.SYSTEM, Right.ACCOUNTS, fresh=True)
    def end(who: Caller, operator_id: str) -> ResponseReturnValue:
        one, form = _known(pages, operator_id), EndForm()
        if not form.validate_on_submit():
            return _page(pages, one, _rights_form(pages, bare=True), form, 422)
        _active(lambda: operators.disable(one.code, by=by(who), at=request_instant()))
        pages.staff.tell("system.ended")
        return pages.staff.go(f"{OPERATORS}/{one.id}")


def _changed(pages: OperatorPages, one: OperatorRecord, form: RightsForm, who: Caller) -> bool:
    """Replace the rights at one place by the ticked rights. Return False, with the fault at its field, if none
    remain.
    """
    rights = {place: held for place, held in one.rights.items() if place != form.point.data}
    if ticked := chosen_rights(form.rights.data):
        rights[form.point.data] = ticked
    try:
        _active(lambda: pages.store.operators.set_rights(one.code, rights, by=by(who), at=request_instant()))
    except WeakSecret:
        refuse(form.rights, "system.needs-pin")
    except ValueError:
        refuse(form.rights, "system.one-right")
    else:
        return True
    return False


def _active(do: object) -> None:
    """Do one act. An operator who was ended meanwhile is not found."""
    try:
        do()  # type: ignore[operator]
    except UnknownOperator:
        raise Problem("not-found") from None


def _rights_form(pages: OperatorPages, *, bare: bool = False) -> RightsForm:
    form = RightsForm(formdata=None) if bare else RightsForm()
    form.point.choices, form.rights.choices = pages.place_choices(everywhere=True), pages.right_choices()
    return form


def _known(pages: OperatorPages, operator_id: str) -> OperatorRecord:
    for one in pages.store.operators.list():
        if one.id == operator_id:
            return one
    raise Problem("not-found")


def _page(
    pages: OperatorPages, one: OperatorRecord, form: RightsForm, end: EndForm, status: int = 200
) -> ResponseReturnValue:
    at, operators = request_instant(), pages.store.operators
    last, locked = operators.last_sign_ins().get(one.id), one.code in operators.locked(at)
    return pages.page("operator", status, one=one, form=form, end=end, last=last, locked=locked, now=at)
