"""`/sign-in` and `/sign-out`: the one entrance for all staff; the second step; the repeated sign-in before important
acts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, request, session
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response as BaseResponse
from wtforms import PasswordField, StringField

from accounts.attempts import TooSoon
from accounts.factors import FactorKind, FactorRefused
from accounts.people import Person, WrongCredentials
from accounts.rights import Caller
from accounts.sessions import SESSION_LIVES
from accounts.steps import SignInStep, StepPurpose
from edge.http import request_instant
from web.staff.forms import Longest, Needed, Said, StaffForm, figures, stripped
from web.staff.frame import AGAIN, SECOND_STEP, SIGN_IN, StaffFrame

STEP: Final = "step"
"""Under this name, the form's cookie keeps the sign-in that waits for its second step."""


class SignInForm(StaffForm):
    """Name and password."""

    name = StringField("sign-in.name", [Needed(), Longest(100)], filters=[stripped])
    password = PasswordField("sign-in.password", [Needed(), Longest(256)])


class CodeForm(StaffForm):
    """A one-time code, or a recovery code."""

    code = StringField("second.code", [Needed(), Longest(40)], filters=[figures])


class PasswordForm(StaffForm):
    """The password of the person who is signed in."""

    password = PasswordField("sign-in.password", [Needed(), Longest(256)])


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways of a person's second step. `options` is the question for the browser's passkey."""

    totp: bool
    options: str | None
    codes: int


def sign_in_pages(staff: StaffFrame) -> Blueprint:
    """Return the pages for signing in and out."""
    found = staff.blueprint("sign-in")

    @found.route(SIGN_IN, methods=["GET", "POST"])
    def sign_in() -> ResponseReturnValue:
        form = SignInForm()
        who = staff.person()
        if who is not None and request.method == "GET":
            return staff.go(staff.next_page(request.args.get("next"), who))
        if request.method == "GET" or not form.validate():
            return staff.page("staff/sign-in", 422 if form.errors else 200, form=form, said=None)
        return _tried(staff, form)

    @found.route(SECOND_STEP, methods=["GET", "POST"])
    def second_step() -> ResponseReturnValue:
        return _second_step(staff)

    @found.route(AGAIN, methods=["GET", "POST"])
    @staff.needs()
    def again(who: Caller) -> ResponseReturnValue:
        return _again(staff, who)

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
        authenticate.store.sessions.sign_out(request.cookies[authenticate.cookie], at=request_instant())
        session.clear()
        staff.tell("sign-out.done")
        response = staff.go(SIGN_IN)
        authenticate.forget_session(response)
        return response

    return found


def _tried(staff: StaffFrame, form: SignInForm) -> ResponseReturnValue:
    name, password = form.name.data or "", form.password.data or ""
    try:
        person = staff.authenticate.check_password(request, name, password, request_instant())
    except TooSoon as error:
        return staff.page("staff/sign-in", 429, form=form, said=Said("sign-in.later", seconds=error.seconds))
    except WrongCredentials:
        return staff.page("staff/sign-in", 401, form=form, said=Said("sign-in.wrong"))
    return let_in(staff, person, request.args.get("next"), factor=False)


def let_in(staff: StaffFrame, person: Person, asked: str | None, *, factor: bool) -> BaseResponse:
    """Lead a person who showed a password, or came through the organisation, to the second step, or in without it."""
    store, at = staff.authenticate.store, request_instant()
    session.clear()  # A form that was opened before signing in is of no use afterwards
    if not factor and store.has_second_step(person):
        session[STEP] = store.steps.begin(person.id, StepPurpose.SIGN_IN, at=at)
        return staff.go(staff.with_next(SECOND_STEP, asked))
    opened = store.sessions.open(person, staff.authenticate.arrival(request), factor=factor, at=at)
    who = staff.authenticate.caller_of(opened.session)
    staff.tell_since(opened.session)
    path = staff.next_page(asked, who)
    if who.lacks_factor:
        staff.tell("second.set-up", "amber")
        path = "/account"
    response = staff.go(path)
    staff.authenticate.keep_session(response, opened.token, SESSION_LIVES)
    return response


def ways_of(staff: StaffFrame, person: Person, token: str) -> Ways:
    """Return the ways of a person's second step, with a new question for the passkeys."""
    store = staff.authenticate.store
    kinds = {factor.kind for factor in store.factors.of(person.id)}
    options = None
    if FactorKind.PASSKEY in kinds:
        asked = store.factors.question(person.id, staff.party)
        store.steps.ask(token, asked.challenge)
        options = asked.options
    return Ways(FactorKind.TOTP in kinds, options, store.factors.codes_left(person.id))


def _second_step(staff: StaffFrame) -> ResponseReturnValue:
    token = str(session.get(STEP, ""))
    step = staff.authenticate.store.steps.find(token, StepPurpose.SIGN_IN, request_instant())
    if step is None:
        staff.tell("second.late", "amber")
        return staff.go(staff.with_next(SIGN_IN, request.args.get("next")))
    form = CodeForm()
    if request.method == "POST":
        said = step_taken(staff, step, form)
        if said is None and staff.authenticate.store.steps.finish(token):
            return let_in(staff, step.person, request.args.get("next"), factor=True)
        return _second_page(staff, step, token, form, said or Said("second.wrong"))
    return _second_page(staff, step, token, form, None)


def _second_page(
    staff: StaffFrame, step: SignInStep, token: str, form: CodeForm, said: Said | None
) -> ResponseReturnValue:
    ways = ways_of(staff, step.person, token)
    status = 200 if said is None else 429 if said == "sign-in.later" else 401
    return staff.page("staff/second-step", status, form=form, said=said, ways=ways, name=step.person.name)


def step_taken(staff: StaffFrame, step: SignInStep, form: CodeForm) -> Said | None:
    """Try the sent code or passkey answer. Return the fault to show if the answer is wrong, or None."""
    store, at, source = staff.authenticate.store, request_instant(), staff.authenticate.source(request)
    answer = request.form.get("answer", "")
    try:
        if answer:
            store.answer_passkey(step.person, answer, step.challenge, staff.party, source=source, at=at)
        elif form.validate():
            store.take_second_step(step.person, form.code.data or "", source=source, at=at)
        else:
            return Said("second.empty")
    except TooSoon as error:
        return Said("sign-in.later", seconds=error.seconds)
    except FactorRefused:
        return Said("second.wrong")
    return None


def _again(staff: StaffFrame, who: Caller) -> ResponseReturnValue:
    store, at = staff.authenticate.store, request_instant()
    person = store.people.get(who.id)
    if not store.has_second_step(person):
        return _again_by_password(staff, person)
    token = str(session.get(STEP, ""))
    step = store.steps.find(token, StepPurpose.CONFIRM, at)
    if step is None or step.person.id != person.id:
        token = session[STEP] = store.steps.begin(person.id, StepPurpose.CONFIRM, at=at)
        step = store.steps.find(token, StepPurpose.CONFIRM, at)
    form, said = CodeForm(), None
    if request.method == "POST" and step is not None:
        said = step_taken(staff, step, form)
        if said is None and store.steps.finish(token):
            return confirm(staff, request.args.get("next"), factor=True)
    ways = ways_of(staff, person, token)
    return staff.page("staff/again", 200 if said is None else 401, form=form, said=said, ways=ways)


def _again_by_password(staff: StaffFrame, person: Person) -> ResponseReturnValue:
    form, said = PasswordForm(), None
    if request.method == "POST" and form.validate():
        try:
            staff.authenticate.check_password(request, person.name, form.password.data or "", request_instant())
            return confirm(staff, request.args.get("next"), factor=False)
        except TooSoon as error:
            said = Said("sign-in.later", seconds=error.seconds)
        except WrongCredentials:
            said = Said("again.wrong")
    status = 200 if said is None and not form.errors else 401
    return staff.page("staff/again", status, form=form, said=said, ways=None)


def confirm(staff: StaffFrame, asked: str | None, *, factor: bool) -> ResponseReturnValue:
    """Record that the person has signed in again, give the session a new token, and redirect."""
    authenticate = staff.authenticate
    held = authenticate.session(request)
    session.pop(STEP, None)
    token = authenticate.store.sessions.confirmed(held, factor=factor, at=request_instant())
    response = staff.go(staff.next_page(asked, authenticate.caller_of(held)))
    authenticate.keep_session(response, token, held.expires_at - request_instant())
    return response
