"""Papers that staff attach to an application from a platform or a list: the route, the values of the form, faults."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from accounts.rights import Caller, Right
from edge.http import body_limit, request_instant
from issuer.applications import attaching
from issuer.applications.files import BadFile
from issuer.applications.papers import Paper
from issuer.register.photo import BadPhoto
from web.apply.forms import PaperForm
from web.office.shared import OfficePages, office_person, seen_by
from web.pages import page_language
from web.staff.refusals import said

_SPARE = 200_000
"""The bytes of an upload's form besides the file itself."""


def add_attaching(found: Blueprint, pages: OfficePages) -> None:
    """Add the route for attaching a paper."""
    most = pages.issuer.programme.applying.file_most_bytes + _SPARE

    @found.post("/office/applications/<application_id>/attach")
    @body_limit(most)
    @pages.staff.needs(Right.APPLICATIONS)
    def attach(who: Caller, application_id: str) -> ResponseReturnValue:
        seen_by(pages, who, application_id)
        form, key = PaperForm(), request.form.get("paper", "")
        path = f"/office/applications/{application_id}#{key}"
        if form.begins.errors or form.ends.errors or not form.validate():
            pages.staff.tell("apply.bad-day", "no")
            return pages.staff.go(path)
        ticked = frozenset(number for number in (0, 1) if form[f"check_{number}"].data)
        told = Paper(key, 0, form.variant.data or None, form.begins.data, form.ends.data, ticked)
        sent = request.files.get("file")
        data = b"" if sent is None or not sent.filename else sent.stream.read()
        try:
            return pages.act(
                path,
                "office.done.attach",
                lambda: attaching.attach(
                    pages.issuer, application_id, told, data, office_person(who), at=request_instant()
                ),
            )
        except BadFile as error:
            pages.staff.tell(f"apply.file.{error.code}", "no")
        except BadPhoto as error:
            pages.staff.tell("apply.bad-photo", "no", said=said(str(error), "", page_language())["said"])
        return pages.staff.go(path)
