"""`/apply`: the routes of the public pages. The typed values go to `issuer.applications`; nothing is decided here."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, request, session
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from cards.programme.types import Text
from edge.http import request_instant
from edge.problems import Problem
from edge.settings import Settings
from issuer.applications import records, service
from issuer.applications.content import Applicant, BadField
from issuer.applications.records import Application
from issuer.applications.wording import lack_texts, short_name
from issuer.register.errors import RefusedError
from issuer.register.identity import IdType
from issuer.register.issuer import Issuer
from web.apply.checking import check_of
from web.apply.forms import PersonForm, StatusForm
from web.apply.papers import add_papers
from web.apply.shared import CHANGING, HELD, SHOWN, ApplyPages
from web.apply.steps import add_steps
from web.pages import page_language
from web.staff.forms import StaffForm, refuse
from web.staff.frame import StaffFrame


def apply_pages(staff: StaffFrame, issuer: Issuer, settings: Settings) -> Blueprint:
    """Return the public pages for applicants."""
    found = staff.blueprint("apply")
    pages = ApplyPages(staff, issuer, settings)
    found.register_error_handler(Problem, pages.problem)
    found.register_error_handler(HTTPException, lambda error: pages.page("fault", error.code, said="apply.fault"))
    _check(found, pages)
    _begin(found, pages)
    add_steps(found, pages)
    add_papers(found, pages)
    _status(found, pages)
    return found


def _check(found: Blueprint, pages: ApplyPages) -> None:
    @found.get("/apply")
    def check() -> ResponseReturnValue:
        programme = pages.issuer.programme
        today = service.local_day(pages.issuer, request_instant())
        return pages.page(
            "check", check=check_of(programme, request.args, today), programme=programme, short=short_name
        )


def _begin(found: Blueprint, pages: ApplyPages) -> None:
    @found.route("/apply/new", methods=["GET", "POST"])
    def new() -> ResponseReturnValue:
        form = PersonForm()
        ground, _, limb = request.args.get("limb", "").rpartition(".")
        if not form.validate_on_submit():
            return pages.page("person", 422 if form.errors else 200, form=form)
        pages.limit_begins()
        at = request_instant()
        try:
            begun = service.begin(pages.issuer, _person(form), language=page_language(), at=at)
        except BadField as error:
            refuse(form[error.field], f"apply.bad-{error.field.replace('_', '-')}")
            return pages.page("person", 422, form=form)
        session.clear()  # Closes what this browser had opened; no earlier cookie opens this application
        session[HELD], session[SHOWN] = begun.id, begun.code
        if ground and (ground, limb) in _limbs(pages.issuer):
            service.choose_ground(pages.issuer, begun.id, ground, limb, at=at, by=service.APPLICANT)
        return pages.staff.go("/apply/receipt")

    @found.get("/apply/receipt")
    def receipt() -> ResponseReturnValue:
        held = pages.held()
        if held is None:
            return pages.staff.go("/apply/status")
        return pages.page("receipt", code=session.get(SHOWN), application=held)


def _person(form: PersonForm) -> Applicant:
    return Applicant(
        form.name.data or "",
        form.id_type.data or "",
        form.id_number.data or "",
        (form.id_country.data or "") if form.id_type.data == IdType.PASSPORT else "",
        form.phone.data or "",
        form.email.data or "",
    )


def _limbs(issuer: Issuer) -> list[tuple[str, str]]:
    return [(ground.code, limb.code) for ground in issuer.programme.grounds.values() for limb in ground.limbs]


def _status(found: Blueprint, pages: ApplyPages) -> None:
    @found.route("/apply/status", methods=["GET", "POST"])
    def status() -> ResponseReturnValue:
        form = StatusForm()
        held = pages.held()
        if request.method == "GET" and held is not None and "other" not in request.args:
            return _status_page(pages, held)
        if not form.validate_on_submit():
            return pages.page("open", 422 if form.errors else 200, form=form)
        known = service.opened(pages.issuer, form.receipt.data or "", form.code.data or "")
        if known is None:
            pages.limit_guesses()
            refuse(form.receipt, "apply.no-such")
            return pages.page("open", 403, form=form)
        session.clear()
        session[HELD] = known
        return pages.staff.go("/apply/status")

    @found.post("/apply/withdraw")
    def withdraw() -> ResponseReturnValue:
        held = pages.held()
        if held is not None and request.form.get("sure") == "yes":
            try:
                service.withdraw(pages.issuer, held.id, at=request_instant(), by=service.APPLICANT)
                pages.staff.tell("apply.withdrawn")
            except RefusedError as error:
                pages.refused(error)
        return pages.staff.go("/apply/status")

    @found.post("/apply/leave")
    def leave() -> ResponseReturnValue:
        session.clear()
        return pages.staff.go("/apply/status?other=1")


def _status_page(pages: ApplyPages, held: Application) -> ResponseReturnValue:
    at, programme = request_instant(), pages.issuer.programme
    texts: list[Text] = []
    if held.state in CHANGING and held.ground is not None:
        texts = lack_texts(programme, held.claim, service.missing(pages.issuer, held, at))
    refusal = programme.applying.refusals.get(held.refusal or "")
    events = [event for event in records.history(pages.issuer, held.id) if event.act in _TOLD]
    days = [(event.act, event.at.astimezone(programme.zone).date()) for event in reversed(events)]
    named = None if held.ground is None else held.named_ground(pages.issuer)
    given = programme.tiers.get(held.tier or "")
    tier = None if given is None else given.name
    return pages.page(
        "status", application=held, texts=texts, refusal=refusal, days=days, named=named, tier=tier, form=StaffForm()
    )


_TOLD: Final = frozenset({"begin", "submit", "claim", "ask", "supply", "forward", "approve", "refuse", "withdraw"})
"""The steps of an application that its applicant sees, with their days, but never who took a step."""
