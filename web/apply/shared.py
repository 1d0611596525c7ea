"""The shared part of the public pages: the frame, the issuer, the application that a browser opened, limits on
guesses.
"""

from __future__ import annotations

from typing import Final

from flask import Response, request, session

from edge.limits import client_key
from edge.problems import Problem
from edge.settings import Settings
from issuer.applications import records
from issuer.applications.records import Application
from issuer.applications.states import State
from issuer.register.errors import RefusedError
from issuer.register.issuer import Issuer
from web.pages import page_language
from web.staff.frame import StaffFrame
from web.staff.refusals import said

HELD: Final = "application"
"""In a browser's signed cookie: the application that the browser opened."""
SHOWN: Final = "shown-code"
"""In the same cookie, until the application is handed in: its secret code, for the page that shows it."""
CHANGING: Final = frozenset({State.DRAFT, State.SUPPLEMENT})
"""The states in which an applicant may change the application."""


class ApplyPages:
    """The shared part of the views: the frame, the issuer, and a limit on guesses."""

    def __init__(self, staff: StaffFrame, issuer: Issuer, settings: Settings) -> None:
        self.staff = staff
        self.issuer = issuer
        self._proxies = settings.trusted_proxies
        made = staff.authenticate.limiter
        self._guesses = made.limit("apply-guesses", rate=0.1, burst=10)
        self._begins = made.limit("apply-begins", rate=0.05, burst=20)
        self._uploads = made.limit("apply-uploads", rate=1, burst=60)
        self._pieces = made.limit("apply-pieces", rate=16, burst=160)

    def limit_guesses(self) -> None:
        """Count a wrong receipt or code at its place, after it failed (problem too-many-requests beyond the limit)."""
        self._guesses.require(client_key(request, self._proxies))

    def limit_begins(self) -> None:
        """Limit how many applications are begun from one place."""
        self._begins.require(client_key(request, self._proxies))

    def limit_uploads(self) -> None:
        """Limit how many files come from one place."""
        self._uploads.require(client_key(request, self._proxies))

    def limit_pieces(self) -> None:
        """Bound how many pieces of files come from one place: 4 MB a second, after the first 40 MB."""
        self._pieces.require(client_key(request, self._proxies))

    def held(self) -> Application | None:
        """Return the application that this browser opened, or None."""
        held = session.get(HELD)
        if not isinstance(held, str):
            return None
        try:
            return records.find(self.issuer, held)
        except RefusedError:
            return None

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        """Return one of the public pages."""
        contact = self.issuer.programme.general_contact
        told = {"say": lambda text: text.in_language(page_language()), "contact": contact, "held": self.held()}
        return self.staff.page(f"apply/{template}", status, **told, **values)

    def problem(self, problem: Problem) -> Response:
        """Return the page of a problem; its header says when to try again, for the script that sends files."""
        response = self.page("fault", problem.status, said=f"apply.{problem.code}")
        if problem.retry_after is not None:
            response.headers["Retry-After"] = str(problem.retry_after)
        return response

    def refused(self, error: RefusedError) -> None:
        """Show a refusal on the next page, in the page's language. The service's own words are English."""
        self.staff.tell("apply.refused", "no", said=said(str(error), "", page_language())["said"])
