"""`/sign-in`, `/sign-out` and `/account`: the one door of all staff."""

from __future__ import annotations

from flask import Blueprint, request, session
from flask.typing import ResponseReturnValue
from wtforms import PasswordField, StringField

from accounts.attempts import TooSoon
from accounts.people import SESSION_LIVES, WrongCredentials
from accounts.rights import Caller
from edge.http import request_instant
from web.staff.forms import Longest, Needed, Said, StaffForm, stripped
from web.staff.frame import ACCOUNT, SIGN_IN, StaffFrame


class SignInForm(StaffForm):
    """Name and password."""

    name = StringField("sign-in.name", [Needed(), Longest(100)], filters=[stripped])
    password = PasswordField("sign-in.password", [Needed(), Longest(256)])


def sign_in_pages(staff: StaffFrame) -> Blueprint:
    """Return the pages by which people come in and go out."""
    found = staff.blueprint("sign-in")

    @found.route(SIGN_IN, methods=["GET", "POST"])
    def sign_in() -> ResponseReturnValue:
        form = SignInForm()
        if request.method == "GET" or not form.validate():
            who = staff.person()
            if who is not None and request.method == "GET":
                return staff.go(staff.next_page(request.args.get("next"), who))
            return staff.page("staff/sign-in", 422 if form.errors else 200, form=form, said=None, single_sign_on=None)
        return _tried(staff, form)

    @found.get("/sign-out")
    @staff.needs()
    def sign_out_asked(who: Caller) -> ResponseReturnValue:
        del who
        return staff.page("staff/sign-out")

    @found.post("/sign-out")
    @staff.needs()
    def sign_out(who: Caller) -> ResponseReturnValue:
        del who
        authenticate = staff.authenticate
        authenticate.store.people.sign_out(request.cookies[authenticate.cookie], at=request_instant())
        session.clear()
        staff.tell("sign-out.done")
        response = staff.go(SIGN_IN)
        authenticate.forget_session(response)
        return response

    @found.get(ACCOUNT)
    @staff.needs()
    def account(who: Caller) -> ResponseReturnValue:
        roles = [_role_name(staff, str(grant)) for grant in sorted(who.grants)]
        return staff.page("staff/account", roles=roles)

    return found


def _tried(staff: StaffFrame, form: SignInForm) -> ResponseReturnValue:
    authenticate, at = staff.authenticate, request_instant()
    source = authenticate.source(request)
    try:
        opened = authenticate.store.people.sign_in(form.name.data or "", form.password.data or "", source=source, at=at)
    except TooSoon as error:
        said = Said("sign-in.later", seconds=error.seconds)
        return staff.page("staff/sign-in", 429, form=form, said=said, single_sign_on=None)
    except WrongCredentials:
        return staff.page("staff/sign-in", 401, form=form, said=Said("sign-in.wrong"), single_sign_on=None)
    session.clear()  # a form opened before signing in is of no use after
    who = authenticate.caller_of(opened.session)
    response = staff.go(staff.next_page(request.args.get("next"), who))
    authenticate.keep_session(response, opened.token, SESSION_LIVES)
    return response


def _role_name(staff: StaffFrame, grant: str) -> str:
    role, _, scope = grant.partition(":")
    name = staff.word(f"role.{role}")
    return f"{name} · {scope}" if scope else name
