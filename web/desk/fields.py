"""The programme's fields of a booking or a request as a plain form, and typed values in the form of the services."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from wtforms import BooleanField, Field, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import Optional as MayBeEmpty

from cards.programme.types import BookingField, Reference, Service, Text
from cards.typed import digits
from edge.instants import rfc3339
from edge.problems import Problem
from web.pages import page_language
from web.staff.forms import Longest, Needed, StaffForm, figures, option, refuse, stripped

PREFIX: Final = "f-"
ENDS: Final = "-ends"
TRAVEL_DATE: Final = "travel_date"
"""A date that must be the date of the given time: the page asks only for the time."""
_BETWEEN: Final = re.compile(r"[\n,，、;；]+")
_MOST: Final = 500
_PLAIN: Final = frozenset({"card_number", "called_back", "confirmed", "reference"})
_LINE: Final = 100
_OF_CARDS: Final = frozenset({"card-unknown", "card-refused"})
"""Faults of a card, whatever its number. Each has words of its own."""


class FieldsForm(StaffForm):
    """The card number that was read out, the confirmation that its holder was called back, and the fields of the
    rule.
    """

    card_number = StringField("desk.card-number", [Needed(), Longest(64)], filters=[stripped])
    called_back = BooleanField("desk.called-back", [Needed("desk.call-back-first")])


class ChangeForm(StaffForm):
    """The fields of an existing booking."""


def desk_fields(fields: Iterable[BookingField], service: Service) -> tuple[BookingField, ...]:
    """Return the fields of a service, without fields that follow from another field."""
    mine = tuple(one for one in fields if not one.services or service.code in one.services)
    timed = any(one.kind == "datetime" for one in mine)
    return tuple(one for one in mine if not (timed and one.code == TRAVEL_DATE))


def form_of(
    kind: type[StaffForm],
    fields: Sequence[BookingField],
    *,
    slots: bool = False,
    data: Mapping[str, Any] | None = None,
    declared: Sequence[Text] = (),
    reference: Reference | None = None,
    sent: bool = True,
) -> StaffForm:
    """Return a form of these fields. `slots`: a time has an end beside it. `declared`: the holder's declarations.
    `reference`: the number or kind that the service records for each use.

    `sent`: whether the posted values, if any, belong to this form of the page.
    """
    made: dict[str, Field] = {}
    for one in fields:
        made[PREFIX + one.code] = _control(one)
        if slots and one.kind == "datetime":
            made[PREFIX + one.code + ENDS] = StringField("desk.until", [MayBeEmpty()], filters=[figures])
    if reference is not None:
        made["reference"] = _reference(reference)
    if declared:
        made["confirmed"] = BooleanField("desk.declared", [Needed("desk.declare-first")])
    return cast("StaffForm", type("ProgrammeForm", (kind,), made)(**({} if sent else {"formdata": None}), data=data))


def _control(one: BookingField) -> Field:
    needed: list[object] = [Needed() if one.required else MayBeEmpty()]
    label = one.label.in_language(page_language())
    if one.kind == "yes-no":
        choices = [option("yes", "desk.yes"), option("no", "desk.no")]
        return RadioField(label, [Needed()] if one.required else [MayBeEmpty()], choices=choices)
    if one.kind in {"note", "names", "plates"}:
        return TextAreaField(label, [*needed, Longest(_MOST)], filters=[stripped])
    in_figures = one.kind in {"number", "date", "datetime"}
    return StringField(label, [*needed, Longest(_LINE)], filters=[figures if in_figures else stripped])


def _reference(rule: Reference) -> Field:
    """Return the control of a reference: a choice if the programme lists the values."""
    needed = [Needed()] if rule.required else [MayBeEmpty()]
    label, language = rule.label.in_language(page_language()), page_language()
    if not rule.choices:
        return StringField(label, [*needed, Longest(_LINE)], filters=[stripped])
    choices = [option(code, name.in_language(language)) for code, name in rule.choices.items()]
    return SelectField(label, needed, choices=[option("", "—"), *choices])


def control_attributes(one: BookingField) -> dict[str, object]:
    """Return the attributes of a control besides its name: the kind of keyboard, the number of lines."""
    told: dict[str, dict[str, object]] = {
        "phone": {"type": "tel", "inputmode": "tel", "autocomplete": "off"},
        "number": {"inputmode": "numeric", "autocomplete": "off"},
        "datetime": {"type": "datetime-local"},
        "date": {"type": "date"},
        "names": {"rows": 2, "autocomplete": "off"},
        "plates": {"rows": 2, "autocomplete": "off"},
        "note": {"rows": 3},
    }
    return told.get(one.kind, {"autocomplete": "off"})


def given(form: StaffForm, fields: Sequence[BookingField], zone: ZoneInfo) -> dict[str, Any]:
    """Return the typed values in the form of the services. Unreadable values go unchanged, and the service refuses
    them.
    """
    found: dict[str, Any] = {}
    for one in fields:
        typed = form[PREFIX + one.code].data
        if typed is None or typed == "":
            continue
        found[one.code] = _read(one, str(typed), zone)
        ends = PREFIX + one.code + ENDS
        if ends in form and form[ends].data:
            found[one.code] = f"{found[one.code]}/{_instant(str(form[ends].data), zone)}"
    return found


def with_travel_date(given_: dict[str, Any], rule_fields: Iterable[BookingField], form: StaffForm) -> dict[str, Any]:
    """Add the local date of the typed time, if the rule asks for both."""
    codes = {one.code: one.kind for one in rule_fields}
    timed = next((code for code, kind in codes.items() if kind == "datetime" and PREFIX + code in form), None)
    if TRAVEL_DATE in codes and timed is not None and form[PREFIX + timed].data:
        return given_ | {TRAVEL_DATE: str(form[PREFIX + timed].data)[:10]}
    return given_


def _read(one: BookingField, typed: str, zone: ZoneInfo) -> object:
    if one.kind in {"names", "plates"}:
        return [part.strip() for part in _BETWEEN.split(typed) if part.strip()]
    if one.kind == "yes-no":
        return typed == "yes"
    if one.kind == "number":
        figures = digits(typed)
        return int(figures) if figures.isascii() and figures.isdecimal() and len(figures) < 6 else typed
    if one.kind == "note":
        return " ".join(typed.split())
    return _instant(typed, zone) if one.kind == "datetime" else typed


def _instant(typed: str, zone: ZoneInfo) -> str:
    """Return a local time as RFC 3339. A text that is no time goes unchanged, and the service refuses it."""
    try:
        return rfc3339(datetime.fromisoformat(typed).replace(tzinfo=zone))
    except (ValueError, OverflowError):
        return typed


def shown(fields: Mapping[str, Any], rule_fields: Iterable[BookingField], zone: ZoneInfo) -> dict[str, Any]:
    """Return stored fields in the form of the form's controls."""
    data: dict[str, Any] = {}
    for one in rule_fields:
        value = fields.get(one.code)
        if value is None:
            continue
        if one.kind == "datetime":
            begins, _, ends = str(value).partition("/")
            data[PREFIX + one.code] = local_text(begins, zone)
            data[PREFIX + one.code + ENDS] = local_text(ends, zone) if ends else ""
        elif isinstance(value, bool):
            data[PREFIX + one.code] = "yes" if value else "no"
        else:
            data[PREFIX + one.code] = "、".join(map(str, value)) if isinstance(value, list) else str(value)
    return data


def local_text(instant: str, zone: ZoneInfo) -> str:
    """Return an instant in the form of a control for a local time."""
    return datetime.fromisoformat(instant).astimezone(zone).strftime("%Y-%m-%dT%H:%M")


def put_faults(form: StaffForm, problem: Problem, fields: Sequence[BookingField]) -> bool:
    """Show a service's faults at their fields. Return False if a fault belongs to no field of the form."""
    if problem.code == "card-unknown":
        refuse(form["card_number"], "desk.card-unknown")
        return True
    if problem.code != "invalid-field":
        return False
    faults = cast("list[dict[str, str]]", problem.extra.get("fields", []))
    return put_at(form, [(one.get("path", ""), one.get("message", "")) for one in faults], fields)


def put_at(form: StaffForm, faults: Iterable[tuple[str, str]], fields: Sequence[BookingField]) -> bool:
    """Show faults, each with the path of its field, at the fields of the form. Return False if none has a place
    there.
    """
    kinds = {one.code: one for one in fields}
    placed = [_put(form, path, message, kinds) for path, message in faults]
    return any(placed)


def _put(form: StaffForm, path: str, message: str, fields: Mapping[str, BookingField]) -> bool:
    code = path.removeprefix("$.").removeprefix("fields.")
    code = next((one.code for one in fields.values() if one.kind == "datetime"), code) if code == TRAVEL_DATE else code
    named = code if code in _PLAIN else PREFIX + code
    if named not in form:
        counting = next((one.code for one in fields.values() if one.party is not None), next(iter(fields), None))
        if counting is None:
            return False
        refuse(form[PREFIX + counting], "desk.fault.party")
        return True
    refuse(form[named], f"desk.{message}" if message in _OF_CARDS else f"desk.fault.{_fault_of(code, fields)}")
    return True


def _fault_of(code: str, fields: Mapping[str, BookingField]) -> str:
    if code in _PLAIN:
        return code
    one = fields[code]
    if code == "holder_name":
        return code
    return "counts" if one.counts is not None else one.kind
