"""The tests are tested: each planted fault must be found by a row of the chaos suite, at a small size.

A fault is patched into the product's processes from outside (``inject/planted_faults.py``). A row that holds in spite of it fails here.
"""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.suite import carry_out

DEADLINE = 90.0


def size(row: str, **fields: Any) -> tuple[str, Any]:
    return row, importlib.import_module(f"tests.chaos.rows.{row}").Size(**fields)


SENSOR_KILLS = size("kills", kills=2, rate=60.0, parts=("sensor",), delay=0.3)
SOURCE_KILLS = size("kills", kills=2, rate=150.0, parts=("source",))

FOUND_BY = {
    "skip_the_fsync_of_the_bus": size("fsync", answers=20),
    "skip_the_fsync_of_the_spool": size("fsync", answers=20),
    "answer_before_the_store": size("fsync", answers=20),
    "random_event_id": size("redelivery", events=20),
    "forget_the_spool_of_an_ended_process": size("bus_away", seconds=4.0, rate=50.0),
    "drop_what_the_bus_did_not_take": size("bus_away", seconds=4.0, rate=50.0),
    "accept_what_cannot_be_kept": size("disk_full", rounds=1),
    "accept_without_a_signature": size("signatures", mutations=1),
    "compare_the_beginning_of_a_signature": size("signatures", mutations=1),
    "drop_the_oldest": size("backlog", events=1_000),
    "a_new_consumer_for_each_process": SENSOR_KILLS,
    "ack_before_the_submission": SENSOR_KILLS,
    "filter_error_is_false": size("redelivery", events=20),
    "filters_pass_everything": size("redelivery", events=20),
    "drop_the_409_check": size("collisions", events=5),
    "409_is_a_failure": size("ambiguous", answers=5),
    "random_workflow_name": size("ambiguous", answers=5),
    "a_timeout_is_final": size("ambiguous", answers=5),
    "forget_the_ledger": size("ambiguous", answers=5),
    "keep_joins_in_memory": size("joins", rounds=6),
    "a_join_keeps_its_matches": size("joins", rounds=6),
    "ask_a_target_without_mercy": size("target_away", seconds=10.0, rate=50.0),
}
"""Fault → the row that finds it, and a size that is enough."""


@pytest.mark.chaos
@pytest.mark.timeout(DEADLINE + 30)
@pytest.mark.parametrize("fault", FOUND_BY)
async def test_a_planted_fault_is_found(fault: str, tmp_path: Path) -> None:
    row, small = FOUND_BY[fault]
    report = await carry_out(row, "short", tmp_path / row, 1, size=small, plants=(fault,), deadline=DEADLINE)
    print(report)
    shutil.rmtree(tmp_path / row, ignore_errors=True)
    if report.skipped:
        pytest.skip(report.skipped)
    assert report.failures, f"{row} holds with the fault {fault}"
    assert "chaos:" not in str(report), f"the fault does not fit the product any more: {report}"
