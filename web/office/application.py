"""One application: papers with their checks, compared limbs, duplicates, notes, history.

It also has the acts on the application.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Final

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from accounts.rights import Caller, Right
from cards.typed import plain
from edge.http import request_instant
from issuer.applications import attaching, deciding, office, records, service
from issuer.applications.intake import list_department
from issuer.applications.letters import application_form, decision_letter
from issuer.applications.papers import Lack, LackKind, requirements
from issuer.applications.records import Application
from issuer.applications.states import Objection, OfficePerson, State, review_objection
from issuer.applications.thresholds import try_limb
from issuer.applications.wording import lack_texts, short_name
from issuer.register.errors import RefusedError
from issuer.register.identity import IdType
from issuer.register.issuer import Issuer
from web.office.attaching import add_attaching
from web.office.shared import OfficePages, office_person, seen_by
from web.staff.forms import StaffForm

_INLINE: Final = "image/jpeg"
_ENDINGS: Final = {"image/jpeg": "jpg", "application/pdf": "pdf"}
_CHECKS_MOST: Final = 10
OfficeStep = Callable[[Issuer, str, OfficePerson], object]


def add_application(found: Blueprint, pages: OfficePages) -> None:
    """Add the application's page, its papers, its letters and the acts."""

    @found.get("/office/applications/<application_id>")
    @pages.staff.needs(Right.APPLICATIONS)
    def application(who: Caller, application_id: str) -> ResponseReturnValue:
        return _page(pages, who, seen_by(pages, who, application_id))

    @found.post("/office/applications/<application_id>/identity")
    @pages.staff.needs(Right.APPLICATIONS)
    def identity(who: Caller, application_id: str) -> ResponseReturnValue:
        seen_by(pages, who, application_id)
        by = office_person(who).id
        shown = office.show_person(pages.issuer, application_id, by=by, at=request_instant())
        return _page(pages, who, shown, full=True)

    @found.post("/office/applications/<application_id>/new-code")
    @pages.staff.needs(Right.APPLICATIONS)
    def new_code(who: Caller, application_id: str) -> ResponseReturnValue:
        seen = seen_by(pages, who, application_id)
        code = service.new_secret(pages.issuer, application_id, at=request_instant(), by=office_person(who).id)
        return _page(pages, who, seen, code=code)

    @found.get("/office/applications/<application_id>/files/<file>")
    @pages.staff.needs(Right.APPLICATIONS)
    def file(who: Caller, application_id: str, file: str) -> ResponseReturnValue:
        seen_by(pages, who, application_id)
        return _file(pages, application_id, file, office_person(who).id)

    @found.get("/office/applications/<application_id>/<any('letter', 'form'):kind>.pdf")
    @pages.staff.needs(Right.APPLICATIONS)
    def letter(who: Caller, application_id: str, kind: str) -> ResponseReturnValue:
        seen = seen_by(pages, who, application_id)
        draw = decision_letter if kind == "letter" else application_form
        try:
            return pages.pdf(draw(pages.issuer, seen), f"{seen.receipt}-{kind}")
        except RefusedError as error:
            pages.refused(error)
            return pages.staff.go(f"/office/applications/{application_id}")

    add_attaching(found, pages)
    for name, (right, work) in ACTS.items():
        _add_act(found, pages, name, right, work)


def _add_act(found: Blueprint, pages: OfficePages, name: str, right: Right, work: OfficeStep) -> None:
    """Add the route of one act. The service checks again whether the act is permitted."""

    def act(who: Caller, application_id: str) -> ResponseReturnValue:
        seen_by(pages, who, application_id)
        path = f"/office/applications/{application_id}"
        return pages.act(path, f"office.done.{name}", lambda: work(pages.issuer, application_id, office_person(who)))

    path = f"/office/applications/<application_id>/{name}"
    found.add_url_rule(path, f"act-{name}", pages.staff.needs(right)(act), methods=["POST"])


def _file(pages: OfficePages, application_id: str, file: str, by: str) -> ResponseReturnValue:
    try:
        stored, data = office.show_file(pages.issuer, application_id, file, by=by, at=request_instant())
    except RefusedError as error:
        raise NotFound from error
    shown = "inline" if stored.media == _INLINE else "attachment"
    headers = {
        "Content-Disposition": f'{shown}; filename="{stored.key}.{_ENDINGS[stored.media]}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return Response(data, content_type=stored.media, headers=headers)


def _page(
    pages: OfficePages, who: Caller, found: Application, *, full: bool = False, code: str | None = None
) -> ResponseReturnValue:
    at, issuer, person = request_instant(), pages.issuer, office_person(who)
    ground, limb = found.named_ground(issuer)
    today = service.local_day(issuer, at)
    lacking = service.missing(issuer, found, at, reviewed=True)
    texts = {key: lack_texts(issuer.programme, found.claim, [one for one in lacking if one.key == key])
             for key in {one.key for one in lacking}}  # fmt: skip
    return pages.page(
        "application",
        application=found,
        from_list=list_department(found.channel),
        asked=requirements(issuer.programme, ground, limb, IdType(found.content.id_type)),
        papers={paper.key: paper for paper in found.papers},
        ground=ground,
        limb=limb,
        tried=try_limb(limb, found.content.known_facts(), today),
        lacking=texts,
        missing=len(lacking),
        unlooked=_unlooked(lacking),
        duplicates=office.duplicates(issuer, found),
        history=records.history(issuer, found.id),
        supplement=office.suggested_supplement(issuer, found, at),
        due=pages.days_left(found.due_on, today) if found.state.open else None,
        full=full,
        code=code,
        short=short_name,
        form=StaffForm(),
        may=_permitted(pages, found, person),
    )


def _unlooked(lacking: Sequence[Lack]) -> Mapping[str, int]:
    """Return how many checks wait at each paper that lacks nothing else: the file is there, nobody ticked it yet."""
    waiting = Counter(one.key for one in lacking if one.kind is LackKind.CHECK)
    others = {one.key for one in lacking if one.kind is not LackKind.CHECK}
    return {key: count for key, count in waiting.items() if key not in others}


def _permitted(pages: OfficePages, found: Application, person: OfficePerson) -> Mapping[str, object]:
    """Return the acts that this person may do now, and the objection to every other act. Both are shown before the
    click.
    """
    review = review_objection(person, found.department or "", found.claimed_by)
    decide = deciding.objection_to(pages.issuer, found, person)
    working = found.state is State.IN_REVIEW and found.claimed_by == person.id and review is None
    return {
        "may_attach": attaching.objection_to(found, person) is None,
        "review_objection": review,
        "may_claim": found.state is State.SUBMITTED and review is None,
        "working": working,
        "may_decide": decide is None,
        "decide_objection": None if decide is Objection.WRONG_STATE else decide,
        "me": person.id,
    }


def _text(name: str = "text") -> str:
    return request.form.get(name, "")[: office.NOTE_MOST + 1]


def _day(name: str) -> date | None:
    typed = plain(request.form.get(name, ""))
    try:
        return date.fromisoformat(typed) if typed else None
    except ValueError:
        raise RefusedError("the day cannot be read", "write it as YYYY-MM-DD") from None


def _claim(issuer: Issuer, application_id: str, who: OfficePerson) -> None:
    office.claim(issuer, application_id, who, at=request_instant())


def _release(issuer: Issuer, application_id: str, who: OfficePerson) -> None:
    office.release(issuer, application_id, who, at=request_instant())


def _note(issuer: Issuer, application_id: str, who: OfficePerson) -> None:
    office.note(issuer, application_id, _text(), who, at=request_instant())


def _check(issuer: Issuer, application_id: str, who: OfficePerson) -> None:
    seen = frozenset(number for number in range(_CHECKS_MOST) if request.form.get(f"check_{number}"))
    office.check_paper(issuer, application_id, _text("paper"), seen, who, at=request_instant())


def _tell(issuer: Issuer, application_id: str, who: OfficePerson) -> None:
    """Record the form's values of the ground. Values that the form does not ask for stay as they are."""
    told: dict[str, object] = {name: _text(name).strip() for name in _WORDS if name in request.form}
    told |= {name: _day(name) for name in ("basis_ends", "permit_ends") if name in request.form}
    if "exclusions" in request.form:
        told["exclusions_seen"] = request.form.get("exclusions_seen") == "yes"
    office.tell(issuer, application_id, told, who, at=request_instant())


_WORDS: Final = ("listed_by", "tier", "reference", "body")


def _ask(issuer: Issuer, application_id: str, who: OfficePerson) -> None:
    office.ask(issuer, application_id, _text(), who, at=request_instant())


def _forward(issuer: Issuer, application_id: str, who: OfficePerson) -> None:
    advice = "approve" if _text("advice") == "approve" else "refuse"
    office.forward(issuer, application_id, who, advice=advice, text=_text(), at=request_instant())


def _approve(issuer: Issuer, application_id: str, who: OfficePerson) -> None:
    deciding.approve(issuer, application_id, who, at=request_instant())


def _refuse(issuer: Issuer, application_id: str, who: OfficePerson) -> None:
    deciding.refuse(issuer, application_id, who, reason=_text("reason"), text=_text(), at=request_instant())


def _return(issuer: Issuer, application_id: str, who: OfficePerson) -> None:
    deciding.send_back(issuer, application_id, who, text=_text(), at=request_instant())


def _detach(issuer: Issuer, application_id: str, who: OfficePerson) -> None:
    attaching.detach(issuer, application_id, _text("file"), who, at=request_instant())


def _supply(issuer: Issuer, application_id: str, who: OfficePerson) -> None:
    attaching.supply(issuer, application_id, who, at=request_instant())


ACTS: Final[Mapping[str, tuple[Right, OfficeStep]]] = {
    "claim": (Right.REVIEW, _claim),
    "release": (Right.REVIEW, _release),
    "note": (Right.APPLICATIONS, _note),
    "check": (Right.REVIEW, _check),
    "tell": (Right.REVIEW, _tell),
    "ask": (Right.REVIEW, _ask),
    "forward": (Right.REVIEW, _forward),
    "approve": (Right.APPROVE, _approve),
    "refuse": (Right.APPROVE, _refuse),
    "return": (Right.APPROVE, _return),
    "detach": (Right.APPLICATIONS, _detach),
    "supply": (Right.APPLICATIONS, _supply),
}
"""The acts on an application's page, and the right of each route."""
