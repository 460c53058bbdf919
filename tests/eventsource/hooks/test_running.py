"""When hooks are looked at again."""

from __future__ import annotations

import pytest

from eventsource.hooks.reconcile import Result, State
from eventsource.hooks.running import pause_after


def result(state: State, wait: float | None = None) -> Result:
    return Result("push", "project 7", "https://events.example/push", state, wait=wait)


@pytest.mark.parametrize(
    ("states", "failures", "least", "most"),
    [
        (["kept"], 0, 720, 720),
        (["updated"], 0, 720, 720),
        (["created", "kept"], 0, 30, 30),
        (["deleted"], 0, 30, 30),
        (["failing"], 1, 0, 30),
        (["refused"], 8, 0, 720),
    ],
)
def test_the_pause_depends_on_what_happened(states: list[State], failures: int, least: float, most: float) -> None:
    for _ in range(20):
        assert least <= pause_after([result(state) for state in states], failures, 720) <= most


def test_a_forge_is_never_asked_before_the_time_that_it_names() -> None:
    for failures in (1, 2, 3):
        assert pause_after([result("failing", 900.0), result("kept")], failures, 720) >= 900


def test_pauses_grow() -> None:
    means = [sum(pause_after([], failures, 720) for _ in range(300)) / 300 for failures in (1, 3, 5)]
    assert means[0] < means[1] < means[2]
