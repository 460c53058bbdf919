"""The short tier of the chaos suite, a claim for each row; ``python -m tests.chaos --tier nightly`` runs the long one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.chaos.suite import ROWS, carry_out

SEED = 20_261_121
"""Fixed, so that a failure comes again; the nightly tier draws its own and prints it."""

DEADLINE = 900.0
"""Seconds for a row, where other work takes most of the machine; alone none takes a third of it."""

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(DEADLINE + 30)]

Holds = Callable[[str], Awaitable[None]]


@pytest.fixture
def holds(tmp_path: Path) -> Holds:
    """``await holds(row)``."""

    async def check(row: str) -> None:
        report = await carry_out(row, "short", tmp_path / row, SEED, deadline=DEADLINE)
        print(report)
        if report.skipped:
            pytest.skip(report.skipped)
        assert not report.failures, str(report)

    return check


async def test_parts_that_are_killed_stopped_or_ended_lose_nothing_and_start_nothing_twice(holds: Holds) -> None:
    await holds("kills")


async def test_posted_events_lose_nothing_and_start_nothing_twice_when_parts_are_killed(holds: Holds) -> None:
    await holds("posts")


async def test_a_delivery_that_comes_many_times_starts_one_workflow(holds: Holds) -> None:
    await holds("redelivery")


async def test_an_answer_that_is_cut_late_or_wrong_starts_no_second_workflow(holds: Holds) -> None:
    await holds("ambiguous")


async def test_a_name_that_another_event_has_taken_is_a_dead_letter(holds: Holds) -> None:
    await holds("collisions")


async def test_while_the_sensors_are_away_nothing_is_dropped(holds: Holds) -> None:
    await holds("backlog")


async def test_a_2xx_comes_after_the_sync_and_the_trace_tells_when_it_does_not(holds: Holds) -> None:
    await holds("fsync")


async def test_no_forged_or_mutated_delivery_is_accepted(holds: Holds) -> None:
    await holds("signatures")


async def test_while_the_bus_is_away_each_answer_is_202_within_a_second(holds: Holds) -> None:
    await holds("bus_away")


async def test_a_target_that_is_away_is_asked_once_a_second_and_gets_all_when_it_is_back(holds: Holds) -> None:
    await holds("target_away")


async def test_each_complete_set_of_a_join_fires_once(holds: Holds) -> None:
    await holds("joins")


async def test_two_processes_of_one_sensor_submit_an_event_once(holds: Holds) -> None:
    await holds("two_sensors")


async def test_an_end_at_any_crash_point_loses_nothing_and_starts_nothing_twice(holds: Holds) -> None:
    await holds("crashpoints")


async def test_a_full_disk_is_a_503_and_heals_without_a_hand(holds: Holds) -> None:
    await holds("disk_full")


async def test_slow_connections_and_huge_bodies_delay_no_honest_delivery(holds: Holds) -> None:
    await holds("slow")


def test_each_row_has_a_claim() -> None:
    source = Path(__file__).read_text()
    assert [row for row in ROWS if f'holds("{row}")' not in source] == []
