"""String literals that look like dates."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.expressions.govaluate_dates import unix_seconds

MOMENT = datetime(2020, 2, 29, 13, 4, 5, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "Sat Feb 29 13:04:05 2020",
        "sat  feb  29 13:04:05.25 2020",
        "Mon Feb 29 13:04:05 PST 2020",
        "Sat Feb 29 13:04:05 GMT+7 2020",
        "Sat Feb 29 15:04:05 +0200 2020",
        "2020-02-29T13:04:05Z",
        "2020-02-29T13:04:05,999Z",
        "2020-02-29T11:04:05-02:00",
        "2020-02-29T11:04:05-0200",
        "2020-02-29 13:04:05",
        "2020-02-29  14:04:05+01:00",
    ],
)
def test_a_date_is_a_moment(text: str) -> None:
    assert unix_seconds(text) == MOMENT


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-02", 86400),
        ("1970-01-01 1:02", 3720),
        ("1970-01-01T9Z", 32400),
        ("1970-01-01T09:30+0030", 32400),
        ("12:00AM", -62167219200),
    ],
)
def test_a_date_may_be_short(text: str, seconds: int) -> None:
    assert unix_seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2020-02-30",
        "2100-02-29",
        "2020-13-01",
        "2020-1-1",
        "2020-01-01T24:00:00Z",
        "13:00PM",
        "3:04pm",
        "2020-01-01 ",
        "2020-01-01T01:02:03",
        "２020-01-01",
    ],
)
def test_anything_else_is_a_string(text: str) -> None:
    assert unix_seconds(text) is None


@given(st.datetimes(min_value=datetime(1, 1, 1)))
def test_every_day_of_the_calendar_counts(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    assert (
        unix_seconds(f"{moment.year:04d}-{moment:%m-%dT%H:%M:%SZ}")
        == (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    )
