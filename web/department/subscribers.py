"""`/department/subscribers`: who subscribed in a year, for the deliverer; each reading is logged."""

from __future__ import annotations

import re
from typing import Final

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from accounts.rights import Caller, Right
from edge.http import request_instant
from edge.problems import Problem
from verifier.desks.subscribers import subscribed_services, subscribers, subscribers_csv
from web.department.shared import DeskPages

_YEAR: Final = re.compile(r"[1-8][0-9]{3}")


def add_subscribers(found: Blueprint, pages: DeskPages) -> None:
    """Add the list of subscribers and its file."""

    @found.get("/department/subscribers")
    @pages.staff.needs(Right.NAMES)
    def subscriber_list(who: Caller) -> ResponseReturnValue:
        mine = subscribed_services(pages.verifier, who)
        if not mine:
            return pages.staff.fault(403, "fault.not-permitted")
        asked = request.args.get("service", mine[0].code)
        service, at = next((one for one in mine if one.code == asked), mine[0]), request_instant()
        rows, year = subscribers(pages.verifier, who, service, year_asked(pages), at), year_asked(pages)
        fields = () if service.request is None else service.request.fields
        return pages.page("subscribers", service=service, rows=rows, year=year, fields=fields, mine=mine)

    @found.get("/department/subscribers/<service>/<year>.csv")
    @pages.staff.needs(Right.NAMES)
    def subscriber_file(who: Caller, service: str, year: str) -> ResponseReturnValue:
        wanted = next((one for one in subscribed_services(pages.verifier, who) if one.code == service), None)
        if wanted is None or not _YEAR.fullmatch(year):
            raise Problem("not-found")
        rows = subscribers(pages.verifier, who, wanted, year, request_instant())
        return pages.file(subscribers_csv(wanted, rows), f"{service}-{year}", "csv")


def year_asked(pages: DeskPages) -> str:
    """Return the year in the address, otherwise the present year."""
    asked = request.args.get("year", "")
    today = request_instant().astimezone(pages.programme.zone).date()
    return asked if _YEAR.fullmatch(asked) else f"{today.year}"
