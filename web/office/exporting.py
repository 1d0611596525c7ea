"""Lists of the office as files for spreadsheets: the filtered worklist, and cards that end soon.

They hold what the pages show and nothing more: masked names, no ID number, no address. Excel opens a file directly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from accounts.rights import Caller, Right
from edge.http import request_instant
from edge.spreadsheets import csv_file
from issuer.applications import records
from issuer.applications.intake import list_department
from issuer.applications.lists import Ending, ending_soon
from issuer.applications.records import ListedApplication
from web.office.shared import OfficePages
from web.office.worklist import filter_of

ROWS_MOST: Final = 20_000
"""The most rows of a file. For more, filter the list."""
_WORK: Final = (
    "office.receipt", "office.channel", "office.name", "office.tier", "office.ground", "office.step-now",
    "office.due-on", "office.department", "office.whose",
)  # fmt: skip
_ENDS: Final = ("office.last-day", "office.name", "office.tier", "office.renewal", "office.told-of-end")


def add_exporting(found: Blueprint, pages: OfficePages) -> None:
    """Add the two files."""

    @found.get("/office/worklist.csv")
    @pages.staff.needs(Right.APPLICATIONS)
    def worklist_file(who: Caller) -> ResponseReturnValue:
        lines = records.listed(pages.issuer, filter_of(pages, who), limit=ROWS_MOST)
        return _file(pages, "worklist", _WORK, (_work_row(pages, line) for line in lines))

    @found.get("/office/renewals.csv")
    @pages.staff.needs(Right.HOLDERS)
    def renewals_file(who: Caller) -> ResponseReturnValue:
        del who
        ends = ending_soon(pages.issuer, request_instant(), limit=ROWS_MOST)
        return _file(pages, "renewals", _ENDS, (_ends_row(pages, one) for one in ends))


def _file(pages: OfficePages, name: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    told = csv_file([[pages.staff.word(head) for head in heads], *rows])
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"}
    return Response(told, content_type="text/csv; charset=utf-8", headers=headers)


def _work_row(pages: OfficePages, line: ListedApplication) -> Sequence[object]:
    word = pages.staff.word
    channel = word("office.channel.own") if line.channel == "own" else pages.about({"channel": line.channel})
    return (
        line.receipt,
        f"{channel} {line.channel_receipt or ''}".strip() if list_department(line.channel) is None else channel,
        line.masked_name,
        pages.about({"tier": line.tier}) or word("office.case-by-case"),
        pages.about({"ground": line.ground}),
        word(f"office.state.{line.state}"),
        "" if line.due_on is None else line.due_on.isoformat(),
        pages.about({"department": line.department}),
        pages.name_of(line.claimed_by),
    )


def _ends_row(pages: OfficePages, one: Ending) -> Sequence[object]:
    word = pages.staff.word
    applied = word("office.applied" if one.applied else "office.not-applied")
    told = word(f"office.end-told.{one.told}")
    return one.last_day.isoformat(), one.masked_name, pages.about({"tier": one.tier}), applied, told
