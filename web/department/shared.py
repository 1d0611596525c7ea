"""The shared part of the pages of departments and booking desks: names, terms, operations, problems as notices."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from flask import Response, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response as BaseResponse

from cards.programme.types import Programme, Text
from cards.working_days import is_announced, working_days_between
from edge.http import request_instant
from edge.instants import parse_rfc3339
from edge.problems import Problem
from verifier.rules.matters import Matter
from verifier.service import Verifier
from web.pages import page_language
from web.staff.forms import StaffForm, option
from web.staff.frame import StaffFrame

_OPERATION: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
UNAVAILABLE: Final = 503
_NOTICED: Final = frozenset({409, 422, UNAVAILABLE})
"""Problems that are shown on the page of their form. Other problems have a page of their own."""
TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_DASH: Final = "—"


class ActForm(StaffForm):
    """One of several forms of a page, distinguished by its prefix. The page's token stands beside it without a
    prefix.
    """

    class Meta(StaffForm.Meta):
        """The blueprint has already checked the token of the post."""

        csrf = False


class DeskPages:
    """The frame, the verifier, and the values that all of these pages show."""

    def __init__(self, staff: StaffFrame, verifier: Verifier, room: str) -> None:
        """`room` names the folder of the templates."""
        self.staff = staff
        self.verifier = verifier
        self._room = room

    @property
    def programme(self) -> Programme:
        """The programme whose services are handled."""
        return self.verifier.programme

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        """Return one of the room's pages."""
        told: dict[str, object] = {
            "say": self.say,
            "programme": self.programme,
            "service_name": self.service_name,
            "department_name": self.department_name,
            "point_name": self.point_name,
            "local": self.staff.when,
            "local_of": lambda text: self.staff.when(parse_rfc3339(text)),
            "said": lambda words: getattr(words, page_language()),
            "left": self.left,
            "provisional": self.provisional,
            "who_by": self.who_by,
            "operation": new_operation,
            "now": request_instant(),
        }
        return self.staff.page(f"{self._room}/{template}", status, **(told | values))

    def say(self, text: Text | None) -> str:
        """Return a text of the programme in the page's language."""
        return "" if text is None else text.in_language(page_language())

    def service_name(self, code: str) -> str:
        """Return a service's name, or its code if the programme no longer has it."""
        found = self.programme.services.get(code)
        return code if found is None else self.say(found.name)

    def department_name(self, code: str | None) -> str:
        """Return a department's name."""
        found = self.programme.departments.get(code or "")
        return code or "" if found is None else self.say(found.name)

    def point_name(self, code: str) -> str:
        """Return a point's name, or the department's name for a department's place."""
        found = self.programme.points.get(code)
        return self.department_name(code.removeprefix("dept-")) if found is None else self.say(found.name)

    def who_by(self, by: str, caller: str) -> str:
        """Return the name of the person or the operator who acted, otherwise the kind of caller."""
        store = self.staff.authenticate.store
        if caller == "person":
            return next((one.name for one in store.people.list() if one.id == by), by)
        known = {"wallet", "device", "integrator", "sweeper"}
        return self.staff.word(f"department.by.{caller}") if caller in known else by

    def left(self, matter: Matter) -> int | None:
        """Return the working days that a matter has left: negative if late, or None if nothing is promised."""
        if matter.deadline is None:
            return None
        at, zone = request_instant(), self.programme.zone
        days = working_days_between(self.programme, at.astimezone(zone).date(), matter.deadline.astimezone(zone).date())
        return min(days, -1) if matter.overdue(at) else max(days, 0)

    def provisional(self, at: datetime | None) -> bool:
        """Return whether a deadline lies in a year whose holidays are not announced."""
        return at is not None and not is_announced(self.programme, at.astimezone(self.programme.zone).date())

    def act(self, path: str, done: str, do: Callable[[], object]) -> BaseResponse:
        """Do one act and redirect. A notice says that the act was done, or why not."""
        try:
            do()
        except Problem as problem:
            if problem.status not in _NOTICED:
                raise
            self.tell_problem(problem)
        else:
            self.staff.tell(done)
        return self.staff.go(path)

    def again(self, template: str, problem: Problem, **values: object) -> Response:
        """Return a form's page with the typed values and the reason against them. Other problems are raised.

        If nobody could answer, the form is sent again as the same operation.
        """
        if problem.status not in _NOTICED:
            raise problem
        if problem.status == UNAVAILABLE:
            values |= {"operation": operation_sent}
        return self.page(template, problem.status, refused=self.problem_words(problem), **values)

    def tell_problem(self, problem: Problem) -> None:
        """Show a problem's words on the next page."""
        self.staff.tell(self.problem_words(problem), "no")

    def problem_words(self, problem: Problem) -> str:
        """Return a problem in the page's language."""
        kind = problem.kind
        return {"zh": kind.zh, "en": f"{kind.en}. {kind.hint}"}[page_language()]

    def file(self, body: str | bytes, name: str, kind: str) -> ResponseReturnValue:
        """Return a file for the reader to save, with this product's file name."""
        headers = {"Content-Disposition": f'attachment; filename="{name}.{kind}"', "Cache-Control": "no-store"}
        return Response(body, content_type=TYPES[kind], headers=headers)

    def department_choices(self, departments: Iterable[str]) -> list[Any]:
        """Return departments as choices of a select."""
        return [option(code, self.department_name(code)) for code in departments]


def choices_of(pages: DeskPages, keys: Mapping[str, str], *, choose: bool = True) -> list[Any]:
    """Return the choices of a select in the page's language, value to key. An empty choice comes first if wanted."""
    first = [option("", pages.staff.word("department.choose"))] if choose else []
    return first + [option(value, pages.staff.word(key)) for value, key in keys.items()]


def new_operation() -> str:
    """Return a new operation id. A form carries the id, so that a second click asks for the same operation."""
    return secrets.token_urlsafe(24)


def operation_sent() -> str:
    """Return the operation id of the sent form, or a new id if the form carries no usable id."""
    sent = request.form.get("operation", "")
    return sent if _OPERATION.fullmatch(sent) else new_operation()


def known(departments: Iterable[str], asked: str | None) -> tuple[str, ...]:
    """Return the one department in the address if the caller has it, otherwise all departments of the caller."""
    mine = tuple(departments)
    return (asked,) if asked in mine and asked is not None else mine
