"""The papers of an application: the data and files of each, the form to print, and the handing in."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from flask import Blueprint, Response, request, session
from flask.typing import ResponseReturnValue

from cards.programme.types import Text
from edge.http import body_limit, request_instant
from issuer.applications import records, service, uploads
from issuer.applications.files import BadFile
from issuer.applications.letters import application_form
from issuer.applications.papers import Paper, Requirement
from issuer.applications.records import Application
from issuer.applications.uploads import BadUpload, Target
from issuer.applications.wording import lack_texts, short_name
from issuer.register.errors import RefusedError
from issuer.register.photo import BadPhoto
from web.apply.asked import asked_of
from web.apply.forms import PaperForm
from web.apply.shared import CHANGING, SHOWN, ApplyPages
from web.apply.uploading import add_uploading
from web.pages import page_language
from web.staff.forms import Said, StaffForm
from web.staff.refusals import said

FORM_SPARE: Final = 200_000
"""The bytes of an upload's form besides the file itself."""


def add_papers(found: Blueprint, pages: ApplyPages) -> None:
    """Add the page of papers, their files, the printed form and the handing in."""
    most = pages.issuer.programme.applying.file_most_bytes + FORM_SPARE

    @found.get("/apply/papers")
    def papers() -> ResponseReturnValue:
        held = pages.held()
        if held is None or held.state not in CHANGING:
            return pages.staff.go("/apply/status")
        if held.ground is None:
            return pages.staff.go("/apply/ground")
        return _papers_page(pages, held)

    @found.post("/apply/papers/<key>")
    @body_limit(most)
    def paper(key: str) -> ResponseReturnValue:
        held = pages.held()
        asked = next((one for one in asked_of(pages, held) if one.key == key), None)
        if held is None or asked is None:
            return pages.staff.go("/apply/papers")
        pages.limit_uploads()
        fault = _take(pages, held, asked)
        if fault is not None:
            return _papers_page(pages, records.find(pages.issuer, held.id), 422, {key: fault})
        return pages.staff.go(f"/apply/papers#{key}")

    @found.post("/apply/papers/<key>/remove")
    def remove(key: str) -> ResponseReturnValue:
        held = pages.held()
        if held is not None:
            try:
                file = request.form.get("file", "")
                service.detach(pages.issuer, held.id, file, at=request_instant(), by=service.APPLICANT)
            except RefusedError as error:
                pages.refused(error)
        return pages.staff.go(f"/apply/papers#{key}")

    add_uploading(found, pages)
    _add_handing_in(found, pages)


def _add_handing_in(found: Blueprint, pages: ApplyPages) -> None:
    @found.get("/apply/form.pdf")
    def form_pdf() -> ResponseReturnValue:
        held = pages.held()
        if held is None or held.ground is None:
            return pages.staff.go("/apply/status")
        data = application_form(pages.issuer, held)
        headers = {"Content-Disposition": f'attachment; filename="{held.receipt}.pdf"'}
        return Response(data, content_type="application/pdf", headers=headers)

    @found.post("/apply/hand-in")
    def hand_in() -> ResponseReturnValue:
        held = pages.held()
        if held is None:
            return pages.staff.go("/apply/status")
        try:
            service.hand_in(pages.issuer, held.id, at=request_instant(), by=service.APPLICANT)
        except RefusedError as error:
            pages.refused(error)
            return pages.staff.go("/apply/papers")
        session.pop(SHOWN, None)
        pages.staff.tell("apply.handed-in")
        return pages.staff.go("/apply/status")


def _take(pages: ApplyPages, held: Application, asked: Requirement) -> str | None:
    """Keep the data and the file of a paper. Return the fault to show beside the paper, or None if all was accepted."""
    form = PaperForm()
    if form.begins.errors or form.ends.errors or not form.validate():
        return Said("apply.bad-day")
    at = request_instant()
    ticked = frozenset(number for number in (0, 1) if form[f"check_{number}"].data) if asked.confirmed else frozenset()
    variant = form.variant.data if asked.variant(form.variant.data) else None
    told = Paper(asked.key, 0, variant, form.begins.data, form.ends.data, ticked)
    try:
        data = _sent(pages, held, asked)
        if asked.variants or asked.confirmed or asked.months_for(variant) or not data:
            service.tell_paper(pages.issuer, held.id, told, at=at, by=service.APPLICANT)
        if data:
            _attach(pages, held, asked, data, at)
    except (BadFile, BadUpload) as error:
        return Said(f"apply.file.{error.code}")
    except BadPhoto as error:
        return Said("apply.bad-photo", said=said(str(error), "", page_language())["said"])
    except RefusedError as error:
        return Said("apply.refused", said=said(str(error), "", page_language())["said"])
    return None


def _sent(pages: ApplyPages, held: Application, asked: Requirement) -> bytes:
    """Return the file that came with the form, or before it in pieces; empty for none."""
    name = request.form.get("upload", "")
    if name:
        return uploads.whole(pages.issuer, Target(held.id, asked.key), name)
    sent = request.files.get("file")
    return sent.stream.read() if sent is not None and sent.filename else b""


def _attach(pages: ApplyPages, held: Application, asked: Requirement, data: bytes, at: datetime) -> None:
    """Keep a file, however it came. What came in pieces is dropped once it was judged, good or bad."""
    name = request.form.get("upload", "")
    try:
        service.attach(pages.issuer, held.id, asked.key, data, at=at, by=service.APPLICANT)
    except (BadFile, BadPhoto):
        uploads.drop(pages.issuer, Target(held.id, asked.key), name)
        raise
    uploads.drop(pages.issuer, Target(held.id, asked.key), name)


def _papers_page(
    pages: ApplyPages, held: Application, status: int = 200, faults: dict[str, str] | None = None
) -> ResponseReturnValue:
    at = request_instant()
    lacking = service.missing(pages.issuer, held, at)
    programme = pages.issuer.programme
    by_paper: dict[str, list[Text]] = {}
    for one in lacking:
        by_paper.setdefault(one.key, []).extend(lack_texts(programme, held.claim, [one]))
    papers = {paper.key: paper for paper in held.papers}
    return pages.page(
        "papers",
        status,
        application=held,
        asked=asked_of(pages, held),
        papers=papers,
        lacking=by_paper,
        missing=len(lacking),
        elsewhere=[text for key in ("employer", "ground") for text in by_paper.get(key, [])],
        faults=faults or {},
        on_the_way=uploads.on_the_way(pages.issuer, held.id),
        short=short_name,
        form=StaffForm(),
        programme=programme,
    )
