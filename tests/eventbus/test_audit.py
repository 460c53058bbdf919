"""What a bus can lose."""

from typing import Any

import pytest

from eventbus.audit import server_risks, stream_risks
from eventbus.stream import FOR_BINDINGS, OURS, THEIRS


def test_what_we_ask_for_loses_nothing() -> None:
    assert stream_risks(OURS.request()) == []
    assert stream_risks(FOR_BINDINGS.request()) == []
    assert stream_risks(THEIRS.request()) == []  # no limit, so nothing is dropped


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"storage": "memory"}, "kept in memory"),
        ({"persist_mode": "async"}, "before they are written"),
        ({"no_ack": True}, "acknowledges nothing"),
        ({"retention": "interest"}, "retention interest"),
        ({"retention": "workqueue"}, "retention workqueue"),
        ({"max_age": 7 * 86400 * 10**9}, "after 7 d, read or not"),
        ({"max_age": 1_500_000_000}, "after 1.5 s"),
        ({"discard": "old", "max_msgs": 50000}, "when it holds 50000 events"),
        ({"discard": "old", "max_msgs": 5, "max_bytes": 7}, "5 events or 7 bytes"),
        ({"max_msgs_per_subject": 3}, "only 3 events of each source"),
    ],
)
def test_each_way_to_lose_an_event_is_told(change: dict[str, Any], words: str) -> None:
    (risk,) = stream_risks({**OURS.request(), **change})
    assert words in risk


def test_a_limit_that_refuses_new_events_loses_none() -> None:
    assert stream_risks({**OURS.request(), "max_msgs": 5, "max_bytes": 7, "persist_mode": "default"}) == []


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"sync_always": True, "sync_interval": 120 * 10**9}, ""),
        ({"sync_interval": 120 * 10**9}, "every 2 min only"),
        ({}, "every 2 min only"),
    ],
)
def test_a_server_that_writes_through_later_is_told(config: dict[str, Any], words: str) -> None:
    risks = server_risks({"jetstream": {"config": config}})
    assert bool(risks) == bool(words)
    assert words in "".join(risks)
