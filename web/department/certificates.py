"""`/department/certificates`: the certificates of a year, each printed with a typed name."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue
from wtforms import StringField

from accounts.rights import Caller, Right
from edge.http import request_instant
from edge.problems import Problem
from verifier.desks.certificates import NAME_MOST, Certificate, CertificateDesk
from web.department.shared import DeskPages
from web.department.subscribers import year_asked
from web.staff.forms import Longest, Needed, StaffForm, refuse, stripped


class NameForm(StaffForm):
    """The full name, from the person's papers: this server knows only the masked name, and keeps no other."""

    name = StringField("department.certificate.name", [Needed(), Longest(NAME_MOST)], filters=[stripped])


def add_certificates(found: Blueprint, pages: DeskPages) -> None:
    """Add the list and the printing of one certificate."""
    desk = CertificateDesk(pages.verifier)

    @found.get("/department/certificates")
    @pages.staff.needs(Right.NAMES)
    def certificates(who: Caller) -> ResponseReturnValue:
        year = year_asked(pages)
        rows = desk.listed(who, int(year), request_instant())
        return pages.page("certificates", rows=rows, year=year)

    @found.route("/department/certificates/<entry>", methods=["GET", "POST"])
    @pages.staff.needs(Right.NAMES)
    def certificate(who: Caller, entry: str) -> ResponseReturnValue:
        at = request_instant()
        given, form = desk.find(who, entry, at), NameForm()
        if not form.validate_on_submit():
            return _page(pages, given, form, 422 if form.errors else 200)
        try:
            name = desk.named(who, given, form.name.data or "", at)
        except Problem as problem:
            if problem.code != "invalid-field":
                raise
            refuse(form.name, "desk.fault.holder_name")
            return _page(pages, given, form, 422)
        from verifier.desks.certificate_pdf import certificate_pdf  # noqa: PLC0415 - the PDF library is large

        return pages.file(certificate_pdf(pages.programme, given, name), f"certificate-{given.entry}", "pdf")


def _page(pages: DeskPages, given: Certificate, form: NameForm, status: int) -> ResponseReturnValue:
    return pages.page("certificate", status, given=given, form=form)
