"""Times: RFC 3339 both ways, in whole seconds and with six decimals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serialization.times import (
    Instant,
    TimeFormatError,
    format_micro_time,
    format_time,
    parse_micro_time,
    parse_time,
    seconds_of,
)
from tests.serialization.strategies import MICRO_TIMES, TIMES

FIRST, LAST = -62_135_596_800, 253_402_300_799


@pytest.mark.parametrize(("text", "expected"), TIMES.items())
def test_time_is_read_in_whole_seconds(text: str, expected: tuple[int, str | None]) -> None:
    assert parse_time(text) == expected[0]


@pytest.mark.parametrize(("text", "expected"), MICRO_TIMES.items())
def test_micro_time_keeps_six_decimals(text: str, expected: tuple[int, int, str]) -> None:
    seconds, nanos, canonical = expected

    assert parse_micro_time(text) == Instant(seconds, nanos)
    assert format_micro_time(seconds, nanos) == canonical


@settings(derandomize=True)
@given(st.integers(FIRST + 1, LAST), st.integers(-720, 720))
def test_time_comes_back_from_any_zone(seconds: int, minutes: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    text = format_time(seconds)

    assert text == moment.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
    assert parse_time(text) == (seconds or 0)
    if FIRST + 86_400 < seconds < LAST - 86_400:
        local = moment.astimezone(timezone(timedelta(minutes=minutes)))
        assert parse_time(local.isoformat()) == seconds
        assert seconds_of(local) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024-01-02",
        "2024-01-02T03:04:05",
        "2024-01-02t03:04:05z",
        "2024-01-02 03:04:05Z",
        "2024-13-02T03:04:05Z",
        "2023-02-29T03:04:05Z",
        "2024-01-02T24:00:00Z",
        "2024-01-02T03:04:60Z",
        "2024-W01-1T03:04:05Z",
        "20240102T030405.000Z",
        "2024-01-02T030405.0Z",
        "2024-01-02T03:04:05+2:00",
        "2024-01-02T03:04:05+25:00",
        "٢٠٢٤-01-02T03:04:05Z",
        "0000-01-01T00:00:00Z",
    ],
)
def test_text_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(TimeFormatError, match="parsing time"):
        parse_time(text)


@pytest.mark.parametrize("seconds", [FIRST - 1, LAST + 1, 2**63 - 1])
def test_time_outside_the_years_one_to_9999_cannot_be_written(seconds: int) -> None:
    with pytest.raises(TimeFormatError):
        format_time(seconds)
