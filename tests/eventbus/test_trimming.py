"""Which events may go."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventbus.trimming import Reader, Usage, below, reader, settled_by_all, unread_bytes


def info(ack: int, delivered: int, pending: int, at_work: int, **config: Any) -> dict[str, Any]:
    return {
        "name": "c",
        "config": {"durable_name": "c", "ack_policy": "explicit", **config},
        "ack_floor": {"stream_seq": ack},
        "delivered": {"stream_seq": delivered},
        "num_pending": pending,
        "num_ack_pending": at_work,
    }


@pytest.mark.parametrize(
    ("given", "settled"),
    [
        (info(5, 5, 0, 0), 100),  # nothing of its subjects since
        (info(5, 9, 3, 0), 9),
        (info(5, 9, 0, 2), 5),
        (info(5, 9, 3, 2), 5),
        (info(120, 120, 0, 0), 120),
    ],
)
def test_what_a_consumer_has_settled(given: dict[str, Any], settled: int) -> None:
    found = reader(given, quiet=100)
    assert found is not None
    assert found.settled == settled
    assert found.waiting == given["num_pending"] + given["num_ack_pending"]


def test_only_durable_consumers_that_acknowledge_hold_events() -> None:
    assert reader(info(0, 0, 5, 0, durable_name=""), 9) is None
    assert reader(info(0, 0, 5, 0, ack_policy="none"), 9) is None


def test_the_slowest_consumer_counts() -> None:
    readers = [Reader("a", 50, 1), Reader("b", 20, 9), Reader("c", 100, 0)]
    assert settled_by_all(readers, quiet=100) == 20
    assert settled_by_all([], quiet=100) == 100


def test_nothing_old_is_kept_for_a_consumer_of_a_sensor_that_is_gone() -> None:
    readers = [Reader("here", 50, 1), Reader("gone", 3, 9)]
    assert settled_by_all(readers, 100, old=30, expected={"here"}) == 29
    assert settled_by_all(readers, 100, old=0, expected={"here"}) == 3
    assert settled_by_all(readers, 100, old=90, expected={"here"}) == 50
    assert settled_by_all(readers, 100, old=30) == 3
    assert settled_by_all(readers, 100, old=30, gone={one.name for one in readers if one.name != "here"}) == 29


def test_nothing_goes_while_the_consumer_of_a_sensor_is_missing() -> None:
    assert settled_by_all([Reader("here", 50, 1)], 100, old=90, expected={"here", "deleted"}) == 0


def test_old_events_go_and_young_ones_stay() -> None:
    usage = Usage(first=1, last=100, events=100, bytes=100_000, limit=0)
    assert below(usage, settled=100, old=40, margin=0) == 40
    assert below(usage, settled=10, old=40, margin=0) == 11
    assert below(usage, settled=100, old=1, margin=0) == 0


def test_when_space_is_short_read_events_go_from_the_oldest() -> None:
    usage = Usage(first=1, last=100, events=100, bytes=90_000, limit=100_000)
    assert below(usage, settled=100, old=1, margin=0) == 1 + 34  # 60 % are left
    assert below(usage, settled=20, old=1, margin=0) == 21
    assert below(usage._replace(limit=120_000), settled=100, old=1, margin=0) == 0


def test_a_margin_stays_before_the_first_unread_event() -> None:
    usage = Usage(first=1, last=1000, events=1000, bytes=1_000_000, limit=0)
    assert below(usage, settled=900, old=1000, margin=100_000) == 801
    assert below(usage, settled=50, old=1000, margin=100_000) == 0


def test_an_empty_stream_is_left_alone() -> None:
    assert below(Usage(8, 7, 0, 0, 100), settled=7, old=8) == 0
    assert unread_bytes(Usage(8, 7, 0, 0, 100), 7) == 0


def test_unread_bytes_are_in_proportion() -> None:
    usage = Usage(first=11, last=110, events=100, bytes=5000, limit=0)
    assert unread_bytes(usage, 100) == 500
    assert unread_bytes(usage, 0) == unread_bytes(usage, 10) == 5000
    assert unread_bytes(usage, 200) == 0


@given(
    st.integers(1, 10**6), st.integers(0, 10**5), st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**6)
)
def test_nothing_unsettled_ever_goes(first: int, events: int, size: int, limit: int, settled: int) -> None:
    usage = Usage(first, first + events - 1, events, size, limit)
    for old in (0, first, first + events):
        assert below(usage, settled, old) <= settled + 1
