"""The monthly report on paper: GET /v1/audit/report."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response

from audit.figures.report import MonthlyReport, ReportSources, make_report
from audit.figures.report_pdf import NoFont, report_pdf
from edge.fields import invalid
from edge.http import read_query, request_instant
from edge.openapi import describe
from edge.problems import Problem
from verifier.api.audit.readings import log_problems
from verifier.api.audit.review_bodies import ReportQuery
from verifier.api.audit.reviewing import Reviewing

ROUNDS: Final = 10
"""How many runs of counting a request waits for: half a million entries. The next request counts on."""

PDF: Final = "application/pdf"


def add_reports(found: Blueprint, reviewing: Reviewing) -> None:
    """Add GET /v1/audit/report."""

    @found.get("/v1/audit/report")
    @describe(
        summary="A month's use at one department's points, or all, as PDF: totals alone, no name, no pseudonym",
        tag="audit",
        query=ReportQuery,
        answers={200: PDF},
        problems={"unavailable", "not-found", "not-trusted"},
    )
    def audit_report() -> Response:
        asked = read_query(ReportQuery)
        caller = reviewing.auditor()
        programme = reviewing.verifier.programme
        if asked.department is not None and asked.department not in programme.departments:
            raise invalid("$.department", "no such department in this programme")
        with log_problems():
            report = _made(reviewing, asked, caller.label)
        try:
            pdf = report_pdf(report, programme, asked.lang)
        except NoFont as error:
            raise Problem("unavailable", f"{error}: {error.hint}") from None
        reviewing.record(caller, "report", asked)
        name = "-".join(("yunju", asked.department or "all", asked.month))
        headers = {"Content-Disposition": f'attachment; filename="{name}.pdf"'}
        return Response(pdf, 200, headers, content_type=PDF)


def _made(reviewing: Reviewing, asked: ReportQuery, by: str) -> MonthlyReport:
    state = reviewing.state()
    if not reviewing.usage.count_up(ROUNDS):
        raise Problem("unavailable", "the log is still being counted: ask again in a minute", retry_after=60)
    sources = ReportSources(
        reviewing.verifier.programme, reviewing.log, reviewing.usage, reviewing.odds.days, reviewing.reviews.of
    )
    opened, at = reviewing.opened(state), request_instant()
    return make_report(sources, asked.month, asked.department, state=state, opened=opened, at=at, by=by)
