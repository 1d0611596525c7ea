"""The basis of every page for staff: who is signed in, what this person may open, and the words of the page.

A room makes a blueprint by `StaffFrame.blueprint`, marks each view with `StaffFrame.needs` and answers with
`StaffFrame.page` or `StaffFrame.go` (docs/pages-for-staff.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Final

import flask
from flask import Blueprint, Flask, Response, flash, get_flashed_messages, redirect, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, generate_csrf, validate_csrf
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from accounts.authenticator import Authenticator
from accounts.factors import RelyingParty
from accounts.rights import CONFIRMED_FOR, EVERYWHERE, Caller, Grant, Right
from accounts.sessions import PersonSession
from cards.programme.types import Programme
from edge.http import request_id, request_instant
from edge.problems import Problem
from edge.sealing import derive
from edge.settings import Settings
from web.pages import LANGUAGE_COOKIE, page_language
from web.staff.addresses import safe_next, with_query
from web.staff.forms import TOKEN, Said, drawn, faults_of, speaker
from web.staff.tables import headed
from web.wording import LANGUAGES, load_page_wording

SIGN_IN: Final = "/sign-in"
SECOND_STEP: Final = "/sign-in/second-step"
AGAIN: Final = "/sign-in/again"
ACCOUNT: Final = "/account"
_SIGNED_OUT: Final = {"unauthenticated", "bad-token", "not-permitted", "operator-signed-out"}
_FORM_SECONDS: Final = 12 * 3600
_YEAR: Final = 365 * 24 * 3600

PageView = Callable[..., ResponseReturnValue]


@dataclass(frozen=True, slots=True)
class Door:
    """One line of the navigation. It is shown to people with one of `rights`. `key` is its name in the words.

    `holds` has beginnings of addresses: those pages lie elsewhere and belong to this line.
    """

    path: str
    key: str
    icon: str
    rights: frozenset[Right]
    last: bool = False
    holds: tuple[str, ...] = ()

    def opens_for(self, who: Caller) -> bool:
        """Return whether a person sees this line."""
        return any(who.holds(right) for right in self.rights)


class StaffFrame:
    """The frame of one application. `secret` is the server's, for the token in each form."""

    def __init__(self, settings: Settings, programme: Programme, authenticate: Authenticator) -> None:
        self.settings = settings
        self.programme = programme
        self.authenticate = authenticate
        self.party = RelyingParty.of(settings.staff_url, programme.name.in_language(LANGUAGES[0]))
        self._wording = load_page_wording()
        self._doors: list[Door] = []
        self._keeping: set[str] = set()
        self.single_sign_on: str | None = None

    def install(self, app: Flask) -> None:
        """Set up the forms' cookie: signed, unreadable for scripts, and sent only by pages of this site."""
        secure = self.authenticate.secure()
        # Issuer and verifier behind one address have a secret each: neither reads, nor replaces, the other's cookie
        name = "yunju_forms" if self.settings.serves("verifier") else "yunju_issuer_forms"
        app.extensions["staff"] = self
        app.secret_key = derive(self.settings.secret(), "forms")
        app.config |= {
            "SESSION_COOKIE_NAME": f"__Host-{name}" if secure else name,
            "SESSION_COOKIE_SECURE": secure,
            "SESSION_COOKIE_HTTPONLY": True,
            "SESSION_COOKIE_SAMESITE": "Lax",
            "WTF_CSRF_TIME_LIMIT": _FORM_SECONDS,
        }

    def blueprint(self, name: str, *, keeps: bool = False) -> Blueprint:
        """Return a room's blueprint: each post must have the form's token, and each fault is a page.

        `keeps`: the typed values stay on the screen if the session ended meanwhile. The page holds them, and nothing
        here does. Do not use it for forms with passwords or files.
        """
        if keeps:
            self._keeping.add(name)
        found = Blueprint(name, __name__, template_folder="../templates")
        found.before_request(_hold_to_token)
        found.after_request(_private)
        found.register_error_handler(CSRFError, lambda _: self.fault(400, "fault.form"))
        found.register_error_handler(Problem, self._problem)
        found.register_error_handler(HTTPException, self._http_fault)
        return found

    def door(
        self, path: str, key: str, icon: str, *rights: Right, last: bool = False, holds: tuple[str, ...] = ()
    ) -> None:
        """Add a line to the navigation, in the order of the calls. `key` is in the words (`door.office`).

        A `last` line stands behind the lines of other rooms, and is nobody's first page. `holds`: see `Door`.
        """
        self._doors.append(Door(path, key, icon, frozenset(rights), last, holds))
        self._doors.sort(key=lambda door: door.last)

    def needs(self, *rights: Right, fresh: bool = False) -> Callable[[PageView], PageView]:
        """Open a view to signed-in people with one of `rights` (to everybody signed in, if none is named).

        The view gets the `Caller` as its first argument. Others are sent to the sign-in and back, or see that they may
        not. `fresh`: before names and before changes of keys or accounts, the person signs in again (`CONFIRMED_FOR`).
        """

        def mark(view: PageView) -> PageView:
            @wraps(view)
            def opened(*args: Any, **values: Any) -> ResponseReturnValue:  # noqa: ANN401 - a view's own
                who = self.person()
                if who is None:
                    return self._kept() if self._keeps() else redirect(self.sign_in_address(), 303)
                if rights and not any(who.holds(right) for right in rights):
                    return self.fault(403, "fault.second-step" if who.lacks_factor else "fault.not-permitted")
                if fresh and not who.confirmed(request_instant(), CONFIRMED_FOR):
                    return redirect(self._address_with_way_back(AGAIN), 303)
                return view(who, *args, **values)

            return opened

        return mark

    def person(self) -> Caller | None:
        """Return the signed-in person, or None."""
        try:
            caller = self.authenticate(request)
        except Problem as problem:
            if problem.code in _SIGNED_OUT:
                return None
            raise
        return caller if caller.kind == "person" else None

    def _keeps(self) -> bool:
        """Return whether a form was sent by somebody who had signed in. A stranger sees only the sign-in."""
        known = self.authenticate.cookie in request.cookies
        return request.method == "POST" and known and request.blueprint in self._keeping

    def _kept(self) -> Response:
        typed = [(name, value) for name, value in request.form.items(multi=True) if name != TOKEN]
        return self.page("staff/kept", 401, typed=typed, sign_in=with_query(SIGN_IN, {"next": ACCOUNT}))

    def sign_in_address(self) -> str:
        """Return the sign-in page's address with the way back."""
        return self._address_with_way_back(SIGN_IN)

    def with_next(self, path: str, asked: str | None) -> str:
        """Return a step of the sign-in with the way on."""
        return with_query(path, {"next": asked} if asked and safe_next(asked, "") else {})

    def _address_with_way_back(self, path: str) -> str:
        """After the sign-in, a form is opened again, not sent again. A form without a page leads to the account."""
        asked = request.full_path.rstrip("?") if request.method == "GET" else _page_of(request.path)
        values = {"next": asked}
        if "lang" in request.args:
            values["lang"] = request.args["lang"]
        return with_query(path, values)

    def first_page(self, who: Caller) -> str:
        """Return the first page of a person who asked for no page: the first line of the navigation."""
        return next((door.path for door in self._doors if door.opens_for(who)), ACCOUNT)

    def next_page(self, asked: str | None, who: Caller) -> str:
        """Return the page after signing in: `asked` if it is a path of this site."""
        return safe_next(asked, self.first_page(who))

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        """Return a page: `staff/…html` filled with `values` and with the data of every page for staff."""
        text = flask.render_template(f"{template}.html", **self.told(), **values)
        response = Response(text, status, content_type="text/html; charset=utf-8")
        if request.args.get("lang") in LANGUAGES:
            secure = self.authenticate.secure()
            response.set_cookie(LANGUAGE_COOKIE, request.args["lang"], max_age=_YEAR, secure=secure, samesite="Strict")
        return response

    def told(self) -> dict[str, object]:
        """Return the data of every template: words, the signed-in person, the navigation, notices, the form's token."""
        language = page_language()
        return self.navigation() | {
            "t": speaker(self._wording[language]),
            "language": language,
            "here": _here,
            "headed": headed,
            "notices": get_flashed_messages(with_categories=True),
            "csrf_token": generate_csrf,
            "when": self.when,
            "drawn": drawn,
            "faults_of": faults_of,
            "single_sign_on": self.single_sign_on,
            "programme_name": self.programme.name.in_language(language),
            "district": self.programme.district.in_language(language),
        }

    def navigation(self) -> dict[str, object]:
        """Return the signed-in person, the lines of the navigation for this person, and the open line."""
        who = self.person()
        doors = [] if who is None else [door for door in self._doors if door.opens_for(who)]
        return {"who": who, "doors": doors, "current": _current(doors)}

    def tell_since(self, opened: PersonSession) -> None:
        """Tell a person who has just signed in about failures and new places since the last sign-in."""
        since = self.authenticate.store.sessions.since_last(opened)
        if since.failures:
            self.tell("since.failures", "amber", count=since.failures)
        for one in since.new_places:
            self.tell("since.new-place", "amber", when=self.when(one.opened_at), place=one.place, agent=one.agent)

    def when(self, at: datetime | None) -> str:
        """Return an instant in the programme's zone, to the minute."""
        return "" if at is None else at.astimezone(self.programme.zone).strftime("%Y-%m-%d %H:%M")

    def role_name(self, grant: Grant) -> str:
        """Return a role's name, with the department or tier to which it is limited."""
        name = self.word(f"role.{grant.role}")
        if grant.scope == EVERYWHERE:
            return name
        department, tier = self.programme.departments.get(grant.scope), self.programme.tiers.get(grant.scope)
        known = department.name if department else tier.name if tier else None
        return f"{name} · {grant.scope if known is None else known.in_language(page_language())}"

    def word(self, key: str, **values: object) -> str:
        """Return a text in the page's language."""
        return speaker(self._wording[page_language()])(key, **values)

    def go(self, path: str) -> BaseResponse:
        """Redirect after a form was accepted, so that reloading the page sends nothing twice."""
        return redirect(path, 303)

    def tell(self, key: str, kind: str = "ok", **values: object) -> None:
        """Show a notice on the next page. `kind` is `ok`, `amber`, `check` or `no`."""
        flash(self.word(Said(key, **values)), kind)

    def fault(self, status: int, key: str, **values: object) -> Response:
        """Return a page that says what went wrong, and the way back."""
        return self.page("staff/fault", status, said=Said(key, **values), code=status, number=request_id())

    def _problem(self, problem: Problem) -> Response:
        language = page_language()
        kind = problem.kind
        said = {"zh": kind.zh, "en": f"{kind.en}. {kind.hint}"}[language]
        response = self.fault(problem.status, said)
        if problem.retry_after is not None:
            response.headers["Retry-After"] = str(problem.retry_after)
        return response

    def _http_fault(self, error: HTTPException) -> Response:
        key = f"fault.{error.code}"
        return self.fault(error.code or 500, key if key in self._wording["zh"] else "fault.other")


def _hold_to_token() -> None:
    if request.method not in {"GET", "HEAD", "OPTIONS"}:
        token = request.form.get("csrf_token")  # A body that is too large ends here, with its own error
        try:
            validate_csrf(token)
        except Exception as error:
            raise CSRFError from error


def _private(response: Response) -> Response:
    """No cache may keep a page that names people. Forms are sent with their origin, to this site alone."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _page_of(path: str) -> str:
    """Return the page of a form: the path itself if it can be opened, otherwise the nearest path above it."""
    routes = flask.current_app.url_map.bind("")
    while path:
        try:
            routes.match(path, method="GET")
        except HTTPException:
            path = path.rpartition("/")[0]
        else:
            return path
    return ACCOUNT


def _current(doors: list[Door]) -> str:
    """Return the path of the page's line: the longest path with which the address begins."""
    begins = [(path, door.path) for door in doors for path in (door.path, *door.holds)]
    found = [pair for pair in begins if f"{request.path}/".startswith(f"{pair[0]}/")]
    return max(found, key=lambda pair: len(pair[0]), default=("", ""))[1]


def _here(**changes: object) -> str:
    """Return this page's address with some values of its query changed, or removed (None)."""
    values: dict[str, str] = request.args.to_dict()
    for name, value in changes.items():
        values.pop(name, None)
        if value is not None:
            values[name] = str(value)
    return with_query(request.path, values)
