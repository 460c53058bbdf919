"""The join of matches to rounds, against a model of spec §1.5."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.errors import EvaluationError
from events.expressions import conditions
from sensor.join import JoinState, Match, Round, offer, reset, reset_before

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ["a", "b", "c", "d"]


def match(dependency: str, event: int, at: datetime = NOW) -> Match[int]:
    return Match(dependency, f"id-{event}", event, at)


def rounds(condition: str | None, sequence: str, names: list[str] = NAMES) -> list[dict[str, int]]:
    """What a sequence of events of these dependencies completes; the n-th event is n."""
    compiled = conditions.compile(condition, names)
    state: JoinState[int] = JoinState()
    complete: list[Round[int]] = []
    for event, dependency in enumerate(sequence):
        state, made = offer(compiled, state, match(dependency, event))
        if made is not None:
            complete.append(made)
    return [made.events for made in complete]


@pytest.mark.parametrize(
    ("condition", "sequence", "expected"),
    [
        ("a || b", "abca", [{"a": 0}, {"b": 1}, {"a": 3}]),
        ("a && b", "aab", [{"a": 1, "b": 2}]),
        ("a && b", "abb", [{"a": 0, "b": 1}]),
        ("a && (b || c)", "bca", [{"b": 0, "c": 1, "a": 2}]),
        ("a || b && c", "bac", [{"b": 0, "a": 1}]),
        ("a && a", "aa", [{"a": 0}, {"a": 1}]),
        (None, "abcabd", [{"a": 3, "b": 4, "c": 2, "d": 5}]),
    ],
)
def test_a_condition_completes_rounds(condition: str | None, sequence: str, expected: list[dict[str, int]]) -> None:
    assert rounds(condition, sequence) == expected


trees = st.recursive(
    st.sampled_from(NAMES), lambda inner: st.tuples(st.sampled_from(["&&", "||"]), inner, inner), max_leaves=5
)
Tree = str | tuple[str, "Tree", "Tree"]


def text_of(tree: Tree) -> str:
    return tree if isinstance(tree, str) else f"({text_of(tree[1])} {tree[0]} {text_of(tree[2])})"


def holds(tree: Tree, saved: dict[str, int]) -> bool:
    if isinstance(tree, str):
        return tree in saved
    both = holds(tree[1], saved), holds(tree[2], saved)
    return all(both) if tree[0] == "&&" else any(both)


def model(tree: Tree, sequence: list[str]) -> list[dict[str, int]]:
    """Spec §1.5 in ten lines."""
    text, saved, complete = text_of(tree), {}, []
    for event, dependency in enumerate(sequence):
        if dependency not in text:
            continue
        saved = {**saved, dependency: event} if "&" in text else {dependency: event}
        if holds(tree, saved) or "&" not in text:
            complete.append(saved)
            saved = {}
    return complete


@settings(max_examples=1500, deadline=None)
@given(trees, st.lists(st.sampled_from([*NAMES, "unknown"]), max_size=30))
def test_any_sequence_completes_the_rounds_of_the_model(tree: Tree, sequence: list[str]) -> None:
    compiled = conditions.compile(text_of(tree), NAMES)
    state: JoinState[int] = JoinState()
    got = []
    for event, dependency in enumerate(sequence):
        # Each state survives a restart.
        state = JoinState.from_json(state.to_json(lambda e: str(e).encode()), int)
        state, made = offer(compiled, state, match(dependency, event))
        if made is not None:
            got.append(made.events)
            assert not state
    assert got == model(tree, sequence)


def waiting() -> JoinState[int]:
    state: JoinState[int] = JoinState()
    compiled = conditions.compile("a && b && c", NAMES)
    for event, dependency in enumerate("ab"):
        state, _ = offer(compiled, state, match(dependency, event, NOW + timedelta(hours=event)))
    return state


def test_a_reset_forgets_everything() -> None:
    assert waiting()
    assert not reset(waiting())


def test_at_start_only_what_came_since_the_last_reset_is_kept() -> None:
    state = reset_before(waiting(), NOW + timedelta(minutes=30))
    assert list(state.matches) == ["b"]
    assert list(reset_before(waiting(), NOW).matches) == ["a", "b"]


def test_matches_of_dependencies_that_an_edited_condition_lost_are_dropped() -> None:
    _, made = offer(conditions.compile("a && d", NAMES), waiting(), match("d", 9))
    assert made is not None
    assert made.events == {"a": 0, "d": 9}


def test_a_state_is_never_changed_in_place() -> None:
    state = waiting()
    offer(conditions.compile("a && b && c", NAMES), state, match("a", 7))
    assert state == waiting()


@pytest.mark.parametrize(
    "text", [b"", b"[]", b'{"a": 1}', b'{"a": {"eventId": "x", "time": "never", "event": "1"}}', b"\xff"]
)
def test_a_spoilt_state_is_an_error_of_ours(text: bytes) -> None:
    with pytest.raises(EvaluationError):
        JoinState.from_json(text, int)
