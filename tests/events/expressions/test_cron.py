"""Cron lines: syntax, calendar, clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.errors import ExpressionError
from events.expressions import cron

NOW = datetime(2026, 7, 18, 12, 34, 56, tzinfo=UTC)  # a Saturday


@pytest.mark.parametrize(
    ("line", "zone", "previous", "following"),
    [
        ("* * * * *", None, "2026-07-18T12:34", "2026-07-18T12:35"),
        ("*/20 1-3,13 * * *", "", "2026-07-18T03:40", "2026-07-18T13:00"),
        ("50/4 * * * *", None, "2026-07-18T11:58", "2026-07-18T12:50"),
        ("0 0 ? JAN mon-Fri", None, "2026-01-30T00:00", "2027-01-01T00:00"),
        ("0 0 1 * sun", None, "2026-07-12T00:00", "2026-07-19T00:00"),  # day or weekday
        ("0 0 */2 * sun", None, "2026-07-17T00:00", "2026-07-19T00:00"),  # a step is no asterisk
        ("0 0 29 2 *", None, "2024-02-29T00:00", "2028-02-29T00:00"),
        ("0 0 * * *", "Europe/Berlin", "2026-07-17T22:00", "2026-07-18T22:00"),
        ("TZ=Asia/Tokyo 0 0 * * *", "Europe/Berlin", "2026-07-17T15:00", "2026-07-18T15:00"),
        ("CRON_TZ=UTC 0 0 * * *", "Europe/Berlin", "2026-07-18T00:00", "2026-07-19T00:00"),
        ("30 2 29 3 *", "Europe/Berlin", "2026-03-29T01:00", "2027-03-29T00:30"),  # skipped by the clocks: right after
        ("30 2 25 10 *", "Europe/Berlin", "2025-10-25T00:30", "2026-10-25T00:30"),  # twice on the clocks: once
    ],
)
def test_a_line_fires_when_the_calendar_says(line: str, zone: str | None, previous: str, following: str) -> None:
    fires = cron.previous_fire(line, zone, NOW), cron.next_fire(line, zone, NOW)
    assert [f"{fire:%Y-%m-%dT%H:%M}" for fire in fires if fire] == [previous, following]


@pytest.mark.parametrize("line", ["0 0 31 2 *", "0 0 30,31 2 ?", ", * * * *", "0 0 , * *"])
def test_a_line_that_fits_no_moment_never_fires(line: str) -> None:
    assert cron.next_fire(line, None, NOW) is None
    assert cron.previous_fire(line, None, NOW) is None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "* * * *",
        "0 * * * * *",
        "@daily",
        "@every 5m",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 7",
        "*/0 * * * *",
        "5-1 * * * *",
        "1--2 * * * *",
        "1/2/3 * * * *",
        "x * * * *",
        "* * L * *",
        "* * * * 1#2",
        "jan * * * *",
        "TZ=No/Where * * * * *",
        "TZ=UTC",
    ],
)
def test_anything_else_is_refused(line: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        cron.compile(line)
    assert caught.value.language == "cron"


@pytest.mark.parametrize("zone", ["No/Where", "../etc/passwd", "/etc/localtime", "America", "\0", "é"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(ExpressionError):
        cron.compile("* * * * *", zone)


def test_in_the_hour_that_comes_twice_the_next_time_is_not_in_the_past() -> None:
    second_pass = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)  # 02:15 for the second time
    assert cron.next_fire("30 2 * * *", "Europe/Berlin", second_pass) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


minutes = st.sampled_from(["*", "*/15", "0", "30", "59", "7,37"])
hours = st.sampled_from(["*", "*/6", "0", "1", "2", "3", "1-3"])


@settings(max_examples=150, deadline=None)
@given(
    minutes,
    hours,
    st.sampled_from(["*", "1", "25-31"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    st.integers(0, 2**31),
)
def test_time_goes_forward_and_backward_through_the_same_moments(
    minute: str, hour: str, day: str, zone: str, second: int
) -> None:
    schedule = cron.compile(f"{minute} {hour} {day} * *", zone)
    now = datetime.fromtimestamp(second, UTC)
    following = schedule.next_fire(now)
    previous = schedule.previous_fire(now)
    assert following is not None
    assert previous is not None
    assert previous < now < following
    assert following.second == 0
    assert schedule.next_fire(following - timedelta(seconds=1)) == following
