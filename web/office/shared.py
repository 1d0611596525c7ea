"""The shared part of the office's pages: a person's role for the office, names for actors, days in the programme's
zone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Final

from flask import Response, g
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Forbidden, NotFound
from werkzeug.wrappers import Response as BaseResponse

from accounts.rights import EVERYWHERE, ROLE_RIGHTS, Caller, Right, Role
from cards.working_days import is_announced, working_days_between
from issuer.applications import records
from issuer.applications.letters import ground_label
from issuer.applications.office import Objected
from issuer.applications.records import Application
from issuer.applications.states import OfficePerson
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer
from web.office.telling import AboutLine
from web.pages import page_language
from web.staff.frame import StaffFrame
from web.staff.refusals import said

_SEES_ALL: Final = frozenset({Role.OFFICER, Role.APPROVER})


def office_person(who: Caller) -> OfficePerson:
    """Return what a signed-in person may review and decide."""

    def scopes(right: Right) -> frozenset[str]:
        return frozenset(grant.scope for grant in who.grants if right in ROLE_RIGHTS[grant.role])

    return OfficePerson(actor(who), scopes(Right.REVIEW), scopes(Right.APPROVE))


def actor(who: Caller) -> str:
    """Return a person in the form of the office log."""
    return f"person:{who.id}"


def departments_seen(who: Caller) -> frozenset[str] | None:
    """Return the departments whose applications a person sees, or None for all of them."""
    if any(grant.role in _SEES_ALL for grant in who.grants):
        return None
    reviews = office_person(who).reviews
    return None if EVERYWHERE in reviews else reviews


class OfficePages:
    """The frame, the register, and the values that every page of the office shows."""

    def __init__(self, staff: StaffFrame, issuer: Issuer) -> None:
        self.staff = staff
        self.issuer = issuer

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        """Return one of the office's pages."""
        programme = self.issuer.programme
        told: dict[str, object] = {
            "say": lambda text: text.in_language(page_language()),
            "programme": programme,
            "named": self.name_of,
            "local": self.local,
            "left": self.days_left,
            "about": AboutLine(programme, page_language(), self.staff.word).words,
            "ground_label": lambda code: ground_label(code or "", page_language()),
        }
        return self.staff.page(f"office/{template}", status, **told, **values)

    def name_of(self, who: str | None) -> str:
        """Return a name for an actor of history or log. The names of people are read once for each request."""
        if who is None:
            return ""
        kind, _, rest = who.partition(":")
        if kind == "person":
            return self._people().get(rest, rest)
        if kind in {"cli", "integrator"}:
            return self.staff.word(f"office.actor.{kind}", name=rest)
        return self.staff.word(f"office.actor.{who}") if who in {"applicant", "wallet", "publisher"} else who

    def _people(self) -> dict[str, str]:
        if "office_people" not in g:
            g.office_people = {one.id: one.name for one in self.staff.authenticate.store.people.list()}
        found: dict[str, str] = g.office_people
        return found

    def local(self, at: datetime | None) -> str:
        """Return an instant as day and time in the programme's zone."""
        return "" if at is None else at.astimezone(self.issuer.programme.zone).strftime("%Y-%m-%d %H:%M")

    def days_left(self, due: date | None, today: date) -> int | None:
        """Return the working days left until a day: negative if the day is over, or None if nothing is due."""
        return None if due is None else working_days_between(self.issuer.programme, today, due)

    def provisional(self, due: date | None) -> bool:
        """Return whether a due day lies in a year whose holidays are not announced."""
        return due is not None and not is_announced(self.issuer.programme, due)

    def act(self, path: str, done: str, do: Callable[[], object]) -> BaseResponse:
        """Do one act and redirect. A notice says that the act was done, or why not."""
        try:
            do()
        except Objected as error:
            self.staff.tell(f"office.objection.{error.objection}", "no")
        except RefusedError as error:
            self.refused(error)
        else:
            self.staff.tell(done)
        return self.staff.go(path)

    def about(self, detail: Mapping[str, object]) -> str:
        """Return the register's codes in the words of this page's language."""
        words = AboutLine(self.issuer.programme, page_language(), self.staff.word)
        return self.staff.word("mark.comma").join(words.words(detail))

    def refused(self, error: RefusedError) -> None:
        """Show a refusal on the next page, in the page's language."""
        self.staff.tell("office.refused", "no", **said(str(error), error.hint, page_language()))

    def pdf(self, data: bytes, name: str) -> ResponseReturnValue:
        """Return a PDF for the reader to save, with this product's file name."""
        headers = {"Content-Disposition": f'attachment; filename="{name}.pdf"', "Cache-Control": "no-store"}
        return Response(data, content_type="application/pdf", headers=headers)


def seen_by(pages: OfficePages, who: Caller, application_id: str) -> Application:
    """Return an application that this person may see. A department's reviewer sees only the department's own."""
    try:
        found = records.find(pages.issuer, application_id)
    except RefusedError as error:
        raise NotFound from error
    departments = departments_seen(who)
    if departments is not None and found.department not in departments:
        raise Forbidden
    return found
