import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import FixedClock, SystemClock
from edge.instants import InstantError, from_epoch, parse_rfc3339, rfc3339, to_epoch
from tests.edge.builders import NOON


@given(st.datetimes(timezones=st.just(UTC)))
def test_whole_seconds_come_back_from_epoch_seconds(at):
    """Only the fraction is lost, and always downward."""
    assert from_epoch(to_epoch(at)) == at.replace(microsecond=0)


@given(st.datetimes(timezones=st.just(UTC)))
def test_text_names_the_same_second(at):
    """What is written is read back."""
    assert parse_rfc3339(rfc3339(at)) == at.replace(microsecond=0)


@given(st.text(max_size=40))
def test_any_text_is_an_instant_or_an_instant_error(text):
    """No text raises anything else."""
    with contextlib.suppress(InstantError):
        assert parse_rfc3339(text).tzinfo is UTC


@given(st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2}", fullmatch=True))
def test_well_shaped_text_is_an_instant_or_an_instant_error(text):
    """Neither the 31 June nor an offset over the edge of time raises anything else."""
    with contextlib.suppress(InstantError):
        assert parse_rfc3339(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-10-31T12:00:00Z", NOON),
        ("2026-10-31T20:00:00+08:00", NOON),
        ("2026-10-31T12:00:00.1234567Z", NOON.replace(microsecond=123456)),
        ("2026-10-31T12:00:00-00:00", NOON),
    ],
)
def test_forms_that_are_read(text, expected):
    """An offset is converted, a fraction cut to microseconds."""
    assert parse_rfc3339(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-10-31",
        "2026-10-31T12:00:00",
        "2026-10-31 12:00:00Z",
        "2026-10-31t12:00:00z",
        "2026-10-31T12:00:00Z ",
        "2026-10-31T12:00:00Z\n",
        "2026-10-31T24:00:00Z",
        "2026-12-31T23:59:60Z",
        "2026-10-31T12:00:00+24:00",
        "2026-10-31T12:00:00+08:60",
        "0001-01-01T00:00:00+08:00",
        "２０２６-10-31T12:00:00Z",
        "2026-02-29T12:00:00Z",
    ],
)
def test_forms_that_are_refused(text):
    """Nothing is guessed at: neither the zone nor a digit of another script."""
    with pytest.raises(InstantError):
        parse_rfc3339(text)


@pytest.mark.parametrize("seconds", [True, 1.0, "1", None, 10**12, -(10**12)])
def test_epoch_seconds_of_other_kinds_are_refused(seconds):
    """Truth values, fractions, texts and years beyond 9999 are no epoch seconds."""
    with pytest.raises(InstantError):
        from_epoch(seconds)


@pytest.mark.parametrize("use", [to_epoch, rfc3339, FixedClock])
def test_a_naive_instant_is_refused(use):
    """A time without a zone is a fault of ours."""
    with pytest.raises(ValueError, match="time zone"):
        use(datetime(2026, 10, 31))  # noqa: DTZ001 - the fault under test


def test_instants_before_1970_round_down():
    """Half a second before the epoch belongs to second -1."""
    assert to_epoch(datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)) == -1


def test_text_is_utc_whatever_the_zone():
    """The zone of the value does not show."""
    assert rfc3339(NOON.astimezone(timezone(timedelta(hours=8)))) == "2026-10-31T12:00:00Z"


def test_the_fixed_clock_moves_only_when_told():
    """It stands still, is set, and advances."""
    clock = FixedClock(NOON.astimezone(timezone(timedelta(hours=8))))
    assert clock.now() == clock.now() == NOON
    clock.advance(timedelta(minutes=5))
    assert clock.now() == NOON + timedelta(minutes=5)
    clock.set(NOON)
    assert clock.now().tzinfo is UTC


def test_the_system_clock_is_aware():
    """Its instants carry UTC."""
    assert SystemClock().now().tzinfo is UTC
