"""Reads a booking's fields and checks them by the programme's rule. Pure: it takes values and returns values, or all
faults.

The fields of an airport booking are the guide's nine groups. Each other rule has its own fields (docs/programme.md,
Quotas and booking rules).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from cards import typed
from cards.programme.types import BookingField, Service
from edge.instants import InstantError, day_asked, parse_asked, rfc3339

TEXT_MOST, NOTE_MOST, NAME_MOST, LIST_MOST, NUMBER_MOST = 100, 500, 60, 50, 9999
HOLDER_NAME = "holder_name"
"""The text field that must be the card holder's own name, and must be in the list of travellers."""
NAME_BOARD, FLIGHT = "name_board", "flight"
"""The field that asks whether somebody is met with a name board, for arrivals alone."""

_PLATE = re.compile(r"[\u4e00-\u9fffA-Z0-9]{4,10}")
# Control characters, line breaks, and invisible or line-reversing characters: an address could look like another.
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_INTERVAL = 2


class BadFields(ValueError):
    """The given values make no booking. `faults` are (path, message); each path names its field."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{path}: {message}" for path, message in faults))
        self.faults = faults


class _Fault(ValueError):
    """A value does not have its field's form."""


@dataclass(frozen=True, slots=True)
class Fields:
    """A booking's fields, valid and in one spelling. `starts_at`: the given time. `ends_at`: the end of a slot.

    `year` and `day` are for a receipt. `party` includes the holder.
    """

    values: Mapping[str, object]
    party: int
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    year: int | None = None
    day: date | None = None


class FieldRule(Protocol):
    """The basis for reading fields: a booking's rule, or a request's."""

    @property
    def fields(self) -> tuple[BookingField, ...]:
        """The fields that are asked for."""
        ...

    @property
    def party_most(self) -> int:
        """The greatest number of people, including the holder."""
        ...

    @property
    def slot_most(self) -> timedelta | None:
        """The longest slot, or None for a service without slots."""
        ...


def read_fields(
    rule: FieldRule, service: Service, given: Mapping[str, object], zone: ZoneInfo, card_name: str
) -> Fields:
    """Return the fields of a booking of `service`. Raises BadFields with all faults at once. `card_name` is masked."""
    faults: list[tuple[str, str]] = []
    values = dict(_values(rule, service, given, faults))
    if not faults:
        faults += _contradictions(rule, values, zone, card_name)
    if faults:
        raise BadFields(faults)
    return _read(rule, values)


def read_partly(
    rule: FieldRule, service: Service, given: Mapping[str, object], zone: ZoneInfo, card_name: str | None
) -> tuple[Fields, list[tuple[str, str]]]:
    """Return the readable part of fields that are still being typed, and the faults of the typed fields.

    `card_name` is masked, or None while nobody has typed a card number.
    """
    faults: list[tuple[str, str]] = []
    values = dict(_values(rule, service, given, faults))
    found = [(path, said) for path, said in faults if any(path == _path(code) for code in given)]
    waiting = {_path(one.code) for one in rule.fields if one.counts is not None and one.counts not in values}
    found += [(path, said) for path, said in _contradictions(rule, values, zone, card_name) if path not in waiting]
    return _read(rule, values), found


def _read(rule: FieldRule, values: Mapping[str, object]) -> Fields:
    starts_at, ends_at = _times(rule, values)
    day = next((value for value in values.values() if isinstance(value, date)), None)
    year = values.get("year")
    return Fields(
        values={code: _spelled(value) for code, value in values.items()},
        party=_party(rule, values),
        starts_at=starts_at,
        ends_at=ends_at,
        year=year if isinstance(year, int) else None,
        day=day,
    )


def _values(
    rule: FieldRule, service: Service, given: Mapping[str, object], faults: list[tuple[str, str]]
) -> Iterator[tuple[str, object]]:
    """Yield each field's value, read by its kind."""
    asked = {one.code: one for one in rule.fields if not one.services or service.code in one.services}
    faults += [(_path(code), "this booking has no such field") for code in given if code not in asked]
    for code, one in asked.items():
        value = given.get(code)
        if value is None:
            if one.required:
                faults.append((_path(code), "this booking needs it"))
            continue
        try:
            yield code, _KINDS[one.kind](one, value)
        except _Fault as fault:
            faults.append((_path(code), str(fault)))


def _path(code: str) -> str:
    return f"$.fields.{code[:TEXT_MOST]}"


def _text(field: BookingField, value: object) -> str:
    text = typed.by_pattern(_line(value, TEXT_MOST), field.pattern)
    if field.pattern is not None and not re.fullmatch(field.pattern, text):
        raise _Fault("it does not have the expected form" + _shape(field))
    return text


def _shape(field: BookingField) -> str:
    return ": two letters or digits of the carrier and a number, such as CZ3101" if field.code == FLIGHT else ""


def _line(value: object, most: int) -> str:
    if not isinstance(value, str):
        raise _Fault("a text is expected")
    text = unicodedata.normalize("NFC", value).strip()
    if not 1 <= len(text) <= most or _CONTROL.search(text):
        raise _Fault(f"a text of 1 to {most} characters on one line is expected")
    return text


def _note(_field: BookingField, value: object) -> str:
    return _line(value, NOTE_MOST)


def _names(_field: BookingField, value: object) -> tuple[str, ...]:
    return tuple(typed.name(_line(name, NAME_MOST)) for name in _list(value))


def _list(value: object) -> list[object]:
    if not isinstance(value, list) or len(value) > LIST_MOST:
        raise _Fault(f"a list of at most {LIST_MOST} is expected")
    return value


def _plates(_field: BookingField, value: object) -> tuple[str, ...]:
    return tuple(_plate(plate) for plate in _list(value))


def _plate(value: object) -> str:
    plate = typed.plate(_line(value, TEXT_MOST))
    if not _PLATE.fullmatch(plate):
        raise _Fault("a number plate such as 粤A12345 is expected")
    return plate


def _phone(_field: BookingField, value: object) -> str:
    phone = typed.phone(_line(value, TEXT_MOST))
    if phone is None:
        raise _Fault("a telephone number is expected, such as 13800000000 or 020-86132888转8001")
    return phone


def _number(_field: BookingField, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= NUMBER_MOST:
        raise _Fault(f"a number from 0 to {NUMBER_MOST} is expected")
    return value


def _yes_no(_field: BookingField, value: object) -> bool:
    if not isinstance(value, bool):
        raise _Fault("true or false is expected")
    return value


def _date(_field: BookingField, value: object) -> date:
    try:
        return day_asked(value if isinstance(value, str) and len(value) == len("2026-10-31") else "")
    except InstantError:
        raise _Fault("a date such as 2026-10-31 is expected") from None


def _instants(_field: BookingField, value: object) -> tuple[datetime, ...]:
    """Read a time, or two times joined by `/`: a slot from the first to the second (ISO 8601)."""
    parts = value.split("/") if isinstance(value, str) else [""]
    try:
        instants = tuple(parse_asked(part) for part in parts[: _INTERVAL + 1])
    except InstantError as error:
        raise _Fault(str(error)) from None
    if len(instants) > _INTERVAL or (len(instants) == _INTERVAL and instants[0] >= instants[1]):
        raise _Fault("a slot is its beginning and its end, joined by /")
    return instants


_KINDS: Mapping[str, Callable[[BookingField, object], object]] = {
    "text": _text,
    "note": _note,
    "names": _names,
    "phone": _phone,
    "plates": _plates,
    "number": _number,
    "yes-no": _yes_no,
    "datetime": _instants,
    "date": _date,
}


def _contradictions(
    rule: FieldRule, values: Mapping[str, object], zone: ZoneInfo, card_name: str | None
) -> Iterator[tuple[str, str]]:
    """Yield contradictions: between counts and lists, in the party, between dates, or about the holder's name."""
    for one in rule.fields:
        if one.counts is not None and one.code in values and values[one.code] != _size(values.get(one.counts)):
            yield _path(one.code), f"it is not how many `{one.counts}` lists"
    if not 1 <= _party(rule, values) <= rule.party_most:
        yield "$.fields", f"a party is at most {rule.party_most}, with the holder"
    yield from _wrong_times(rule, values, zone)
    name = values.get(HOLDER_NAME)
    if isinstance(name, str) and card_name is not None and not typed.fits_mask(name, card_name):
        yield _path(HOLDER_NAME), "it is not the name on the card"
    party = next((one.counts for one in rule.fields if one.party == "all" and one.counts), None)
    listed = values.get(party or "")
    if isinstance(name, str) and isinstance(listed, tuple) and not any(typed.same_name(name, one) for one in listed):
        yield _path(party or ""), "the holder travels too, and stands in this list"


def _wrong_times(rule: FieldRule, values: Mapping[str, object], zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    starts_at, ends_at = _times(rule, values)
    for code, value in values.items():
        if (
            isinstance(value, tuple)
            and len(value) == _INTERVAL
            and isinstance(value[0], datetime)
            and not rule.slot_most
        ):
            yield _path(code), "one time is expected, not a slot"
        if isinstance(value, date) and starts_at is not None and starts_at.astimezone(zone).date() != value:
            yield _path(code), "it is not the date of the time given"
        if isinstance(value, date) and "year" in values and value.year != values["year"]:
            yield _path(code), "it does not lie in the year given"
    most = rule.slot_most or timedelta.max
    if starts_at is not None and ends_at is not None and ends_at - starts_at > most:
        yield _timed(rule), f"a slot is at most {most // timedelta(minutes=1)} minutes"


def _timed(rule: FieldRule) -> str:
    return next((_path(one.code) for one in rule.fields if one.kind == "datetime"), "$.fields")


def _times(rule: FieldRule, values: Mapping[str, object]) -> tuple[datetime | None, datetime | None]:
    """Return beginning and end of the first time among the fields."""
    for one in rule.fields:
        found = values.get(one.code) if one.kind == "datetime" else None
        if isinstance(found, tuple):
            ends_at = found[1] if len(found) == _INTERVAL else None
            if ends_at is None and rule.slot_most is not None:
                ends_at = found[0] + rule.slot_most
            return found[0], ends_at
    return None, None


def _party(rule: FieldRule, values: Mapping[str, object]) -> int:
    for one in rule.fields:
        number = values.get(one.code)
        if one.party is not None and isinstance(number, int):
            return number + (one.party == "besides")
    return 1


def _size(value: object) -> int:
    return len(value) if isinstance(value, tuple) else 0


def _spelled(value: object) -> object:
    """Return a value as it is kept and shown: texts, numbers, truth values and lists of texts."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        if value and isinstance(value[0], datetime):
            return "/".join(rfc3339(instant) for instant in value)
        return list(value)
    return value
