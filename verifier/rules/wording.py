"""Dates, periods and names of the programme in words, in Chinese and in English."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cards.periods import PeriodUnit
from cards.programme.types import Beneficiary, Programme, Text

UNITS = {
    PeriodUnit.MONTH: Text(zh="本月", en="month"),
    PeriodUnit.YEAR: Text(zh="本年度", en="year"),
    PeriodUnit.EVER: Text(zh="全部", en="card"),
}

BENEFICIARIES = {
    Beneficiary.HOLDER: Text(zh="持卡人本人", en="the holder"),
    Beneficiary.SPOUSE: Text(zh="配偶", en="the spouse"),
    Beneficiary.DEPENDENT_CHILD: Text(zh="未独立生活的子女", en="dependent children"),
    Beneficiary.CHILD: Text(zh="子女", en="children"),
    Beneficiary.EMPLOYER: Text(zh="所在单位", en="the employer"),
}

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def place_name(programme: Programme, code: str) -> Text:
    """Return the name of a place in the log: a point, or a department's own desk (`dept-` and its code)."""
    if code in programme.points:
        return programme.points[code].name
    department = programme.departments.get(code.removeprefix("dept-"))
    return Text(en=code) if department is None else department.name


def say_date(at: datetime, zone: ZoneInfo, now: datetime | None = None) -> Text:
    """Return the local date of an instant in words. The year is left out if it is the year of `now`."""
    local = at.astimezone(zone)
    same_year = now is not None and now.astimezone(zone).year == local.year
    year_zh, year_en = ("", "") if same_year else (f"{local.year}年", f" {local.year}")
    return Text(zh=f"{year_zh}{local.month}月{local.day}日", en=f"{local.day} {_MONTHS[local.month - 1]}{year_en}")


def say_last_day(end: datetime, zone: ZoneInfo, now: datetime | None = None) -> Text:
    """Return in words the last local day before the instant `end`."""
    return say_date(end - timedelta(seconds=1), zone, now)


def say_time(at: datetime, zone: ZoneInfo) -> Text:
    """Return the local time of day in words, to the minute."""
    clock = at.astimezone(zone).strftime("%H:%M")
    return Text(zh=clock, en=clock)


def say_moment(at: datetime, zone: ZoneInfo, now: datetime) -> Text:
    """Return a time of day in words, with its date if it is not today."""
    clock = say_time(at, zone)
    if at.astimezone(zone).date() == now.astimezone(zone).date():
        return clock
    day = say_date(at, zone, now)
    return Text(zh=f"{day.zh} {clock.zh}", en=f"{day.en}, {clock.en}")


def join_texts(texts: Iterable[Text]) -> Text:
    """Join several names into one list, in the manner of each language."""
    listed = tuple(texts)
    return Text(
        zh="、".join(text.in_language("zh") for text in listed), en=", ".join(text.in_language("en") for text in listed)
    )
