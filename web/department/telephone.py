"""`/department/new`: a request made on the telephone, with the fields that its service asks for."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from accounts.rights import Caller, Right
from cards.programme.types import RequestRule, Service
from edge.http import request_instant
from edge.problems import Problem
from verifier.desks.telephone import TelephoneRequest, ask_by_telephone, askable
from verifier.services.requests.answers import request_answer
from verifier.services.requests.service import Requested, department_place
from web.department.shared import DeskPages, operation_sent
from web.desk.calling_back import asks_for_number, calling
from web.desk.fields import FieldsForm, control_attributes, desk_fields, form_of, given, put_faults
from web.pages import page_language


def add_telephone(found: Blueprint, pages: DeskPages) -> None:
    """Add the choice of a service and the form of a request for it."""

    @found.get("/department/new")
    @pages.staff.needs(Right.BOOKINGS)
    def new_request(who: Caller) -> ResponseReturnValue:
        return pages.page("new", offered=askable(pages.verifier, who))

    @found.route("/department/new/<service>/<department>", methods=["GET", "POST"])
    @pages.staff.needs(Right.BOOKINGS)
    def new_request_for(who: Caller, service: str, department: str) -> ResponseReturnValue:
        for offered, at in askable(pages.verifier, who):
            if (offered.code, at) == (service, department):
                return _asked(pages, who, offered, department)
        raise Problem("not-found")


def _asked(pages: DeskPages, who: Caller, service: Service, department: str) -> ResponseReturnValue:
    rule = service.request or RequestRule()
    fields = desk_fields(rule.fields, service)
    form = form_of(FieldsForm, fields, declared=service.declarations, reference=service.reference)
    place = department_place(department)
    told = {"form": form, "service": service, "fields": fields, "attributes": control_attributes}
    if asks_for_number():
        told["call"] = call = calling(pages, who, place, form, fields)
        return pages.page("new-request", 422 if call.faulty else 200, department=department, **told)
    told["call"] = calling(pages, who, place, form)
    if not form.validate_on_submit():
        return pages.page("new-request", 422 if form.errors else 200, department=department, **told)
    at = request_instant()
    asked = TelephoneRequest(
        operation_sent(),
        service,
        department,
        form["card_number"].data,
        given(form, fields, pages.programme.zone),
        called_back=bool(form["called_back"].data),
        confirmed="confirmed" in form and bool(form["confirmed"].data),
        reference=(form["reference"].data or None) if "reference" in form else None,
    )
    try:
        requested = ask_by_telephone(pages.verifier, who, asked, at)
    except Problem as problem:
        if not put_faults(form, problem, fields):
            return pages.again("new-request", problem, department=department, **told)
        return pages.page("new-request", 422, department=department, **told)
    if not requested.outcome.granted:
        return pages.page("new-request", 409, department=department, refused=_words(pages, requested), **told)
    pages.staff.tell("department.asked")
    return pages.staff.go(f"/department/requests/{requested.outcome.entry}")


def _words(pages: DeskPages, requested: Requested) -> str:
    """Return why a request was refused, in the counter's words."""
    told = request_answer(pages.verifier.answering, requested, request_instant(), names=False)
    language = page_language()
    return f"{getattr(told.message, language)} {getattr(told.hint, language)}".strip()
