"""Calendar periods tile time in every zone, whatever its clocks do at the start of a month."""

import struct
from datetime import UTC, date, datetime, timedelta
from functools import cache
from io import BytesIO
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cards.periods import Period, PeriodUnit, following, last_day, period_named, period_of

SECOND = timedelta(seconds=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")
ZONES = sorted(available_timezones() - {"localtime"})
BOUNDED = [PeriodUnit.MONTH, PeriodUnit.YEAR]
# From 1850 to 2150.
_instants = st.integers(-3_786_825_600, 5_680_281_600).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def utc(*fields: int) -> datetime:
    """Return an instant of UTC."""
    return datetime(*fields, tzinfo=UTC)


def test_a_month_and_a_year_in_shanghai():
    """Half-open, and eight hours before UTC's."""
    at = utc(2026, 10, 31, 15, 59, 59)
    assert period_of(PeriodUnit.MONTH, at, SHANGHAI) == Period(
        PeriodUnit.MONTH, "2026-10", utc(2026, 9, 30, 16), utc(2026, 10, 31, 16)
    )
    assert period_of(PeriodUnit.MONTH, at + SECOND, SHANGHAI).key == "2026-11"
    assert period_of(PeriodUnit.YEAR, utc(2026, 12, 31, 15, 59, 59), SHANGHAI).key == "2026"
    assert period_of(PeriodUnit.YEAR, utc(2026, 12, 31, 16), SHANGHAI).key == "2027"


def test_the_last_day_is_the_day_before_an_end_at_midnight():
    """What ends at midnight was last valid on the day before; what ends a second later is still valid on the day."""
    midnight = utc(2026, 10, 31, 16)
    assert last_day(midnight, SHANGHAI) == date(2026, 10, 31)
    assert last_day(midnight + SECOND, SHANGHAI) == date(2026, 11, 1)


def test_a_period_has_its_first_instant_and_not_its_end():
    """Half-open at both ends; a period that is open on one side reaches as far as time does."""
    month = period_of(PeriodUnit.MONTH, utc(2026, 10, 15), SHANGHAI)
    assert month.starts_at in month
    assert month.starts_at - SECOND not in month
    assert month.ends_at not in month
    assert month.ends_at - SECOND in month
    assert utc(2026, 10, 1) in Period(PeriodUnit.EVER, "until", None, utc(2026, 10, 2))
    assert utc(2026, 10, 2) not in Period(PeriodUnit.EVER, "until", None, utc(2026, 10, 2))
    assert utc(2026, 10, 1) not in Period(PeriodUnit.EVER, "since", utc(2026, 10, 2), None)
    assert utc(2026, 10, 2) in Period(PeriodUnit.EVER, "since", utc(2026, 10, 2), None)


def test_ever_has_no_bounds_and_no_successor():
    """One period for all time."""
    ever = period_of(PeriodUnit.EVER, utc(2026, 1, 1), SHANGHAI)
    assert ever == Period(PeriodUnit.EVER, "ever", None, None)
    assert utc(1, 1, 1) in ever
    assert utc(9999, 12, 31) in ever
    with pytest.raises(ValueError, match="no period follows"):
        following(ever, SHANGHAI)


@pytest.mark.parametrize(
    ("zone", "month", "starts"),
    [
        pytest.param("Asia/Damascus", (2005, 4), utc(2005, 3, 31, 22), id="clocks jump from midnight to one"),
        pytest.param("Africa/Cairo", (2010, 10), utc(2010, 9, 30, 22), id="clocks went back a moment before"),
        pytest.param("America/Havana", (2015, 11), utc(2015, 11, 1, 4), id="midnight comes twice"),
        pytest.param("America/St_Johns", (2009, 11), utc(2009, 11, 1, 2, 30), id="back over midnight at 00:01"),
        pytest.param("Pacific/Apia", (2012, 1), utc(2011, 12, 31, 10), id="the day before last was left out"),
    ],
)
def test_months_whose_first_midnight_is_odd(zone, month, starts):
    """Each begins at the first instant that bears its date."""
    zone = ZoneInfo(zone)
    period = period_of(PeriodUnit.MONTH, starts, zone)
    assert period.key == "{}-{:02d}".format(*month)
    assert period.starts_at == starts
    assert period_of(PeriodUnit.MONTH, starts - SECOND, zone).key < period.key


@pytest.mark.parametrize("unit", list(PeriodUnit))
def test_a_period_is_found_again_by_its_key(unit):
    """The log keeps the key alone."""
    period = period_of(unit, utc(2026, 10, 31, 12), SHANGHAI)
    assert period_named(unit, period.key, SHANGHAI) == period


def test_a_year_named_by_its_key_is_followed_by_the_next():
    """A year's key has no month: its year begins in January."""
    year = period_named(PeriodUnit.YEAR, "2026", SHANGHAI)
    assert (year.key, year.starts_at, year.ends_at) == ("2026", utc(2025, 12, 31, 16), utc(2026, 12, 31, 16))
    assert following(year, SHANGHAI) == period_named(PeriodUnit.YEAR, "2027", SHANGHAI)
    assert following(period_named(PeriodUnit.MONTH, "2026-12", SHANGHAI), SHANGHAI).key == "2027-01"


@pytest.mark.parametrize(("unit", "key"), [(PeriodUnit.MONTH, "0987-03"), (PeriodUnit.YEAR, "0987")])
def test_a_key_has_four_digits_of_a_year(unit, key):
    """Keys sort as their periods do, in every year that a date can have."""
    assert period_of(unit, utc(987, 3, 15), SHANGHAI).key == key
    assert period_named(unit, key, SHANGHAI).key == key


@pytest.mark.parametrize(
    ("unit", "key"),
    [
        (PeriodUnit.MONTH, "2026"),
        (PeriodUnit.MONTH, "2026-13"),
        (PeriodUnit.YEAR, "2026-10"),
        (PeriodUnit.EVER, "2026"),
    ],
)
def test_a_key_of_another_unit_is_refused(unit, key):
    """A counter of a month is no counter of a year."""
    with pytest.raises(ValueError, match="names no"):
        period_named(unit, key, SHANGHAI)


@settings(max_examples=400)
@given(st.sampled_from(ZONES), st.sampled_from(BOUNDED), _instants)
@example("America/St_Johns", PeriodUnit.MONTH, utc(2009, 11, 1, 2, 45))
@example("Asia/Manila", PeriodUnit.YEAR, utc(1844, 12, 31, 4))
def test_every_instant_lies_in_its_period_and_neighbours_meet(name, unit, at):
    """An instant is in its period, which ends where the next begins; both ends read as themselves."""
    zone = ZoneInfo(name)
    period = period_of(unit, at, zone)
    after = following(period, zone)
    assert at in period
    assert period.starts_at < period.ends_at == after.starts_at
    assert at not in after
    assert period_of(unit, period.ends_at - SECOND, zone) == period_of(unit, period.starts_at, zone) == period
    assert period_of(unit, period.ends_at, zone) == after
    assert after.key > period.key


def made_zone(change: datetime, before: int, after: int) -> ZoneInfo:
    """Return a zone (RFC 8536, version 1) whose offset, in minutes, changes once."""
    counts = struct.pack(">6l", 0, 0, 0, 1, 2, 4)
    types = struct.pack(">lBBlBB", before * 60, 0, 0, after * 60, 0, 2)
    head = b"TZif" + bytes(16) + counts + struct.pack(">lB", int(change.timestamp()), 1)
    return ZoneInfo.from_file(BytesIO(head + types + b"A\0B\0"))


def test_a_jump_that_begins_before_midnight_begins_the_month():
    """From 23:30 to 00:30: the first instant of March is the jump, not the half hour after it."""
    zone = made_zone(utc(2027, 2, 28, 23, 30), 0, 60)
    assert period_of(PeriodUnit.MONTH, utc(2027, 2, 28, 23, 30), zone).starts_at == utc(2027, 2, 28, 23, 30)
    assert period_of(PeriodUnit.MONTH, utc(2027, 2, 28, 23, 29, 59), zone).key == "2027-02"


_minutes = st.integers(-14 * 60, 14 * 60)


@pytest.mark.slow
@settings(max_examples=300)
@given(_minutes, _minutes, st.integers(-40 * 60, 40 * 60), st.lists(st.integers(-3000, 3000), min_size=2), st.data())
def test_periods_tile_time_in_zones_that_do_not_exist_yet(before, after, change, minutes, data):
    """Whatever a government decides near the start of a month or a year: no gap, no overlap, keys in order."""
    unit = data.draw(st.sampled_from(BOUNDED))
    starts = utc(2027, 1, 1)
    zone = made_zone(starts + timedelta(minutes=change), before, after)
    instants = [starts + timedelta(minutes=each) for each in sorted(minutes)]
    periods = [period_of(unit, at, zone) for at in instants]
    assert all(at in period for at, period in zip(instants, periods, strict=True))
    assert all(one == two or (one.ends_at == two.starts_at and one.key < two.key) for one, two in pairwise(periods))


@pytest.mark.slow
@pytest.mark.parametrize("unit", BOUNDED)
def test_no_change_of_clocks_at_the_start_of_a_month_leaves_a_gap(unit):
    """A third of all zones, each first of a month near which the offset changes: three hours of instants around it."""
    assert len(_changes_at_month_starts()) > 100
    for zone, starts in _changes_at_month_starts():
        around = [starts + timedelta(minutes=minutes) for minutes in range(-95, 96, 10)]
        periods = [period_of(unit, at, zone) for at in around]
        assert all(at in period for at, period in zip(around, periods, strict=True))
        assert all(one == two or one.ends_at == two.starts_at for one, two in pairwise(periods))


@cache
def _changes_at_month_starts() -> list[tuple[ZoneInfo, datetime]]:
    """Return zones and firsts of a month, 1900 to 2039, within two hours of which an offset changes."""
    changes = []
    for zone in map(ZoneInfo, ZONES[::3]):
        for count in range(140 * 12):
            at = datetime(1900 + count // 12, count % 12 + 1, 1, tzinfo=zone)
            if at.replace(day=1, hour=2).utcoffset() != (at - timedelta(hours=2)).utcoffset():
                changes.append((zone, at.astimezone(UTC)))
    return changes
