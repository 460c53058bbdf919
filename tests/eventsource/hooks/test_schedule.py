"""When hooks are looked at again."""

from __future__ import annotations

import itertools

import pytest

from eventsource.hooks.results import Result, State
from eventsource.hooks.schedule import SOON, Schedule, pause_after

WELL, REFUSED = "kept", "refused"


def result(state: State, wait: float | None = None) -> Result:
    return Result("push", "project 7", "https://events.example/push", state, wait=wait)


def looks(schedule: Schedule, seconds: float, *states: State) -> list[tuple[float, set[int], bool]]:
    """The moments of the looks within so many seconds, each with these results: which events, and whether failures, too."""
    found, now = [], 1_000.0
    while now < 1_000.0 + seconds:
        due, retry = schedule.due(now)
        found.append((now - 1_000.0, due, retry))
        now += schedule.looked(now, (), [result(state) for state in states]) + 1e-6
    return found


def test_hooks_that_are_right_are_looked_at_after_their_interval_and_once_soon_after_the_start() -> None:
    times = [round(moment) for moment, due, _ in looks(Schedule([720.0]), 3_000, WELL) if due]
    assert times == [0, 30, 750, 1470, 2190, 2910]


def test_each_event_has_its_interval() -> None:
    found = looks(Schedule([720.0, 60.0]), 800, WELL)
    assert [round(moment) for moment, due, _ in found if 0 in due] == [0, 30, 750]
    assert len([1 for _, due, _ in found if 1 in due]) == 14


def test_what_stays_refused_costs_the_others_nothing() -> None:
    found = looks(Schedule([720.0]), 20_000, WELL, REFUSED)
    assert len([1 for _, due, _ in found if due]) == 29
    late = [moment for moment, _, retry in found if retry and moment > 5_000]
    assert all(after - before >= 719 for before, after in itertools.pairwise(late)), "in the end as seldom"
    assert len([1 for moment, _, retry in found if retry and moment < 1_000]) > 3, "at first soon"


def test_after_a_hook_was_made_there_is_a_look_soon() -> None:
    schedule = Schedule([720.0, 720.0])
    schedule.looked(0.0, (), [result(WELL)])
    assert schedule.looked(SOON, (1,), [result("created")]) == SOON
    assert schedule.due(2 * SOON)[0] == {1}


def test_a_new_beginning_looks_at_everything() -> None:
    schedule = Schedule([720.0])
    schedule.looked(0.0, (), [result(REFUSED)])
    schedule.begin()
    assert schedule.due(1.0) == ({0}, True)


def test_without_events_nothing_is_busy() -> None:
    assert Schedule([]).looked(0.0, (), []) > 60


@pytest.mark.parametrize("failures", [1, 2, 3, 20])
def test_a_forge_is_never_asked_before_the_time_that_it_names(failures: int) -> None:
    assert pause_after([result("failing", 900.0), result(WELL)], failures) >= 900


def test_a_forge_that_wants_to_wait_long_keeps_others_from_nothing() -> None:
    assert pause_after([result("failing", 3600.0), result("failing")], 1) <= 60


def test_pauses_grow() -> None:
    means = [sum(pause_after([], failures) for _ in range(300)) / 300 for failures in (1, 3, 5)]
    assert means[0] < means[1] < means[2] <= pause_after([], 30) == 720
