"""The roles of a person: given and removed one by one, each in force at the next request. For administrators."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from wtforms import SelectField

from accounts.people import LastAdministrator, OwnRoles, Person, UnknownPerson
from accounts.rights import EVERYWHERE, SCOPES, Caller, Grant, Right, Role
from edge.http import request_instant
from edge.problems import Problem
from web.pages import page_language
from web.staff.forms import Needed, StaffForm, option
from web.staff.frame import StaffFrame


class RoleForm(StaffForm):
    """A role, and the department or tier to which it is limited."""

    role = SelectField("people.role", [Needed()], choices=[])
    scope = SelectField("people.scope", choices=[])


def role_form(staff: StaffFrame) -> RoleForm:
    """Return the form with the programme's departments and tiers."""
    form, language = RoleForm(), page_language()
    form.role.choices = [option("", staff.word("people.choose"))]
    form.role.choices += [option(role.value, staff.word(f"role.{role}")) for role in Role]
    named: list[Any] = [option(EVERYWHERE, staff.word("people.everywhere"))]
    for known in (staff.programme.departments, staff.programme.tiers):
        named += [option(code, one.name.in_language(language)) for code, one in known.items()]
    form.scope.choices = named
    return form


def add_roles(found: Blueprint, staff: StaffFrame) -> None:
    """Add the two acts on a person's roles."""

    @found.post("/people/<person_id>/roles")
    @staff.needs(Right.ACCOUNTS, fresh=True)
    def give_role(who: Caller, person_id: str) -> ResponseReturnValue:
        one, form = _other(staff, who, person_id), role_form(staff)
        grant = _asked(staff, form) if form.validate_on_submit() else None
        if grant is None:
            staff.tell("people.role-wrong", "no")
        else:
            _change(staff, one, one.grants | {grant}, who)
        return staff.go(f"/people/{one.id}")

    @found.post("/people/<person_id>/roles/remove")
    @staff.needs(Right.ACCOUNTS, fresh=True)
    def take_role(who: Caller, person_id: str) -> ResponseReturnValue:
        one = _other(staff, who, person_id)
        kept = frozenset(grant for grant in one.grants if str(grant) != request.form.get("grant"))
        if kept and kept != one.grants:
            _change(staff, one, kept, who)
        return staff.go(f"/people/{one.id}")


def _other(staff: StaffFrame, who: Caller, person_id: str) -> Person:
    """Return a person other than the caller. Problem not-found or not-permitted."""
    try:
        one = staff.authenticate.store.people.get(person_id)
    except UnknownPerson:
        raise Problem("not-found") from None
    if one.id == who.id:
        raise Problem("not-permitted")
    return one


def _asked(staff: StaffFrame, form: RoleForm) -> Grant | None:
    """Return the chosen grant, or None for a scope that the role does not allow."""
    role, scope = Role(form.role.data), form.scope.data
    if scope == EVERYWHERE:
        return Grant(role)
    known = {"department": staff.programme.departments, "tier": staff.programme.tiers}
    takes = SCOPES.get(role)
    return Grant(role, scope) if takes is not None and scope in known[takes] else None


def _change(staff: StaffFrame, one: Person, grants: frozenset[Grant], who: Caller) -> None:
    try:
        staff.authenticate.store.people.set_roles(one.name, grants, by=f"person:{who.id}", at=request_instant())
    except (LastAdministrator, OwnRoles):
        staff.tell("people.last-administrator", "no")
    except UnknownPerson:
        staff.tell("people.changed-meanwhile", "amber")
    else:
        staff.tell("people.roles-changed")
