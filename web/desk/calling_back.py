"""The call-back of a form by telephone: a button shows the registered number, or the page says what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask import request

from accounts.rights import Caller, Right
from cards.programme.types import BookingField
from edge.http import request_instant
from edge.problems import Problem
from verifier.desks.calling_back import CallBack, call_back
from web.department.shared import DeskPages
from web.desk.fields import put_faults
from web.staff.forms import StaffForm

SHOW: Final = "telephone"
"""What the button says in the form's `do`."""


@dataclass(frozen=True, slots=True)
class Calling:
    """What a form's page says of the call-back. `may`: whether the number can be shown; `office`: who else knows it."""

    may: bool
    office: str
    office_phone: str
    found: CallBack | None = None
    faulty: bool = False


def calling(
    pages: DeskPages, who: Caller, place: str, form: StaffForm, fields: Sequence[BookingField] | None = None
) -> Calling:
    """Return what is said of the call-back; with `fields` after the button was pressed, faults put at their fields."""
    contact = pages.programme.general_contact
    told = Calling(who.may(Right.NAMES, place), pages.say(contact.label), contact.number)
    if fields is None:
        return told
    try:
        found = call_back(pages.verifier, who, place, form["card_number"].data or "", request_instant())
    except Problem as problem:
        if not put_faults(form, problem, fields):
            raise
        return Calling(told.may, told.office, told.office_phone, faulty=True)
    return Calling(told.may, told.office, told.office_phone, found)


def asks_for_number() -> bool:
    """Whether the button was pressed that shows the number."""
    return request.method == "POST" and request.form.get("do") == SHOW
