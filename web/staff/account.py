"""`/account`: a person's own password, second steps, recovery codes and sessions."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import Final

from flask import Blueprint, request, session
from flask.typing import ResponseReturnValue
from wtforms import PasswordField, StringField

from accounts.credentials import WeakSecret
from accounts.factors import FactorRefused, TooManyFactors, new_totp_secret, totp_address
from accounts.people import Person
from accounts.rights import Caller, needs_factor
from accounts.sessions import SESSION_LIVES
from accounts.steps import StepPurpose
from edge.http import request_instant
from web.staff.forms import Longest, Needed, Said, StaffForm, figures, refuse, stripped
from web.staff.frame import ACCOUNT, StaffFrame
from web.staff.signing_in import STEP

_SECRET: Final = "totp"  # noqa: S105 - a name in the cookie
"""Under this name, the form's cookie keeps the secret of codes that the person has not confirmed yet."""


class NewPasswordForm(StaffForm):
    """The present password, and the new password twice."""

    old = PasswordField("account.old", [Needed(), Longest(256)])
    new = PasswordField("account.new", [Needed(), Longest(256)])
    twice = PasswordField("account.twice", [Needed(), Longest(256)])


class TotpForm(StaffForm):
    """The first code of an authenticator, and the owner's name for it."""

    label = StringField("account.label", [Longest(100)], filters=[stripped])
    code = StringField("second.code", [Needed(), Longest(12)], filters=[figures])


class PasskeyForm(StaffForm):
    """The owner's name for a passkey. The browser's answer comes beside it."""

    label = StringField("account.label", [Longest(100)], filters=[stripped])


def account_pages(staff: StaffFrame) -> Blueprint:
    """Return the pages of the person's own account."""
    found = staff.blueprint("account")
    _add_overview(found, staff)
    _add_password(found, staff)
    _add_factors(found, staff)
    _add_codes(found, staff)
    return found


def _add_overview(found: Blueprint, staff: StaffFrame) -> None:
    store = staff.authenticate.store

    @found.get(ACCOUNT)
    @staff.needs()
    def account(who: Caller) -> ResponseReturnValue:
        at = request_instant()
        live = [one for one in store.sessions.of(who.id) if one.alive(at)]
        return staff.page(
            "staff/account",
            roles=[staff.role_name(grant) for grant in sorted(who.grants)],
            factors=store.factors.of(who.id),
            codes=store.factors.codes_left(who.id),
            has_password=store.people.has_password(store.people.get(who.id)),
            sessions=live,
            here_id=who.session,
            since=store.sessions.since_last(staff.authenticate.session(request)),
        )

    @found.post("/account/sessions/<session_id>/end")
    @staff.needs()
    def end_session(who: Caller, session_id: str) -> ResponseReturnValue:
        if store.sessions.end(who.id, session_id, by=f"person:{who.id}", at=request_instant()):
            staff.tell("account.session-ended")
        return staff.go(ACCOUNT)

    @found.post("/account/sessions/end-others")
    @staff.needs()
    def end_others(who: Caller) -> ResponseReturnValue:
        held = staff.authenticate.session(request)
        count = store.sessions.end_others(held, by=f"person:{who.id}", at=request_instant())
        staff.tell("account.sessions-ended", count=count)
        return staff.go(ACCOUNT)


def _add_password(found: Blueprint, staff: StaffFrame) -> None:
    store = staff.authenticate.store

    @found.route("/account/password", methods=["GET", "POST"])
    @staff.needs(fresh=True)
    def password(who: Caller) -> ResponseReturnValue:
        form = NewPasswordForm()
        person = store.people.get(who.id)
        if request.method == "POST" and form.validate() and _changed(staff, person, form):
            # Every session ended with the old password. The person goes on in a new session.
            factor = staff.authenticate.session(request).factor_at is not None
            arrival = staff.authenticate.arrival(request)
            opened = store.sessions.open(person, arrival, factor=factor, at=request_instant())
            session.clear()
            staff.tell("account.password-changed")
            response = staff.go(ACCOUNT)
            staff.authenticate.keep_session(response, opened.token, SESSION_LIVES)
            return response
        return staff.page("staff/password", 422 if form.errors else 200, form=form)


def _changed(staff: StaffFrame, person: Person, form: NewPasswordForm) -> bool:
    people, new = staff.authenticate.store.people, form.new.data or ""
    if not people.knows_password(person, form.old.data or ""):
        refuse(form.old, "again.wrong")
    elif new != form.twice.data:
        refuse(form.twice, "account.not-the-same")
    elif new == form.old.data:
        refuse(form.new, "account.same-as-before")
    else:
        try:
            people.change_password(person.name, new, by=f"person:{person.id}", at=request_instant())
        except WeakSecret:
            refuse(form.new, "account.weak")
    return not form.errors


def _add_factors(found: Blueprint, staff: StaffFrame) -> None:
    store = staff.authenticate.store

    @found.route("/account/totp", methods=["GET", "POST"])
    @staff.needs(fresh=True)
    def totp(who: Caller) -> ResponseReturnValue:
        form = TotpForm()
        secret = session.setdefault(_SECRET, new_totp_secret())
        if request.method == "POST" and form.validate():
            label, at = form.label.data or staff.word("account.totp"), request_instant()
            try:
                store.factors.add_totp(who.id, secret, form.code.data or "", label, by=f"person:{who.id}", at=at)
                return _added(staff, who)
            except FactorRefused:
                refuse(form.code, "second.wrong")
            except TooManyFactors:
                refuse(form.code, "account.too-many")
        address = totp_address(secret, who.label, staff.word("home.title"))
        return staff.page("staff/totp", 422 if form.errors else 200, form=form, secret=secret, picture=_qr(address))

    @found.route("/account/passkey", methods=["GET", "POST"])
    @staff.needs(fresh=True)
    def passkey(who: Caller) -> ResponseReturnValue:
        return _passkey(staff, who)

    @found.post("/account/factors/<factor_id>/remove")
    @staff.needs(fresh=True)
    def remove_factor(who: Caller, factor_id: str) -> ResponseReturnValue:
        if needs_factor(who.grants) and len(store.factors.of(who.id)) == 1:
            staff.tell("account.last-factor", "amber")
        elif store.factors.remove(who.id, factor_id, by=f"person:{who.id}", at=request_instant()):
            staff.tell("account.factor-removed")
        return staff.go(ACCOUNT)


def _passkey(staff: StaffFrame, who: Caller) -> ResponseReturnValue:
    store, at, form = staff.authenticate.store, request_instant(), PasskeyForm()
    said = None
    if request.method == "POST" and form.validate():
        token = str(session.pop(STEP, ""))
        step = store.steps.find(token, StepPurpose.ADD_PASSKEY, at)
        label = form.label.data or staff.word("account.passkey")
        mine = step is not None and step.person.id == who.id and store.steps.finish(token)
        challenge = step.challenge if step is not None and mine else ""
        try:
            answer, by = request.form.get("answer", ""), f"person:{who.id}"
            store.factors.add_passkey(who.id, answer, challenge, label, staff.party, by=by, at=at)
            return _added(staff, who)
        except FactorRefused:
            said = Said("account.passkey-refused")
        except TooManyFactors:
            said = Said("account.too-many")
    asked = store.factors.registration(who.id, who.label, staff.party)
    session[STEP] = store.steps.begin(who.id, StepPurpose.ADD_PASSKEY, at=at, challenge=asked.challenge)
    return staff.page("staff/passkey", 422 if said else 200, form=form, said=said, options=asked.options)


def _added(staff: StaffFrame, who: Caller) -> ResponseReturnValue:
    """Redirect after a second step was set up: this session has taken the step, other sessions end, and the first step
    brings codes.
    """
    authenticate, at = staff.authenticate, request_instant()
    held, store = authenticate.session(request), authenticate.store
    session.pop(_SECRET, None)
    store.sessions.end_others(held, by=f"person:{who.id}", at=at)
    token = store.sessions.confirmed(held, factor=True, at=at)
    staff.tell("account.factor-added")
    response = staff.go(ACCOUNT if store.factors.codes_left(who.id) else "/account/recovery-codes")
    authenticate.keep_session(response, token, held.expires_at - at)
    return response


def _add_codes(found: Blueprint, staff: StaffFrame) -> None:
    store = staff.authenticate.store

    @found.get("/account/recovery-codes")
    @staff.needs(fresh=True)
    def codes_asked(who: Caller) -> ResponseReturnValue:
        return staff.page("staff/recovery-codes", codes=None, left=store.factors.codes_left(who.id))

    @found.post("/account/recovery-codes")
    @staff.needs(fresh=True)
    def codes_made(who: Caller) -> ResponseReturnValue:
        if not store.factors.of(who.id):
            return staff.go(ACCOUNT)
        made = store.factors.new_codes(who.id, by=f"person:{who.id}", at=request_instant())
        return staff.page("staff/recovery-codes", codes=made, left=len(made))


def _qr(text: str) -> str:
    """Return a QR code as the address of an image."""
    import qrcode  # noqa: PLC0415 - drawn once for a person; a counter's server would carry the picture library
    from qrcode.image.svg import SvgPathImage  # noqa: PLC0415 - as above

    picture = BytesIO()
    qrcode.make(text, image_factory=SvgPathImage, border=2).save(picture)
    return f"data:image/svg+xml;base64,{b64encode(picture.getvalue()).decode('ascii')}"
