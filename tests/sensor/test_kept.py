"""What joins keep, as it lies in the bus's KV."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from events.errors import EvaluationError
from sensor import join, kept
from sensor.kept import Arrived
from tests.support.nats import event

TIME = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def match(dependency: str, identity: str) -> kept.Match:
    return join.Match(
        dependency, identity, Arrived(event(identity, data=b'{"n": 1.0}'), f"delivery of {identity}"), TIME
    )


def test_what_is_written_is_read_back() -> None:
    state = join.JoinState({"a": match("a", "e1")})
    rounds = {"key": {"a": match("a", "e2"), "b": match("b", "e3")}}
    assert kept.read(kept.write(state, rounds), {"a", "b"}) == kept.Kept(state, rounds)


def test_what_waits_for_a_dependency_that_is_gone_is_dropped_but_a_round_under_way_is_not() -> None:
    text = kept.write(join.JoinState({"a": match("a", "e1")}), {"key": {"a": match("a", "e2")}})
    found = kept.read(text, {"b"})
    assert not found.state
    assert found.rounds["key"]["a"].event_id == "e2"


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"saved":[{}],"rounds":{}}', b'{"saved":[],"rounds":[]}'])
def test_anything_else_is_an_error(text: bytes) -> None:
    with pytest.raises(EvaluationError, match="not the state of a join"):
        kept.read(text, {"a"})
