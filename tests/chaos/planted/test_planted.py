"""The tests are tested: each planted fault must be found by a row of the chaos suite, at a small size.

A fault is patched into the product's processes from outside (``inject/planted_faults.py``). A row that holds in spite of it fails here.
"""

from __future__ import annotations

import importlib
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.suite import carry_out

DEADLINE = 240.0


def size(row: str, **fields: Any) -> tuple[str, Any]:
    return row, importlib.import_module(f"tests.chaos.rows.{row}").Size(**fields)


SENSOR_KILLS = size("kills", kills=2, rate=60.0, parts=("sensor",), delay=0.3)
POST_KILLS = size("posts", kills=2, rate=60.0, parts=("sensor",), delay=0.3)

UNSYNCED, LOST, TWICE, ACCEPTED = "left before the sync", "lost", "duplicate", r": 20\d$"
FSYNC = size("fsync", answers=20)
BUS_AWAY = size("bus_away", seconds=4.0, rate=50.0)
REDELIVERY = size("redelivery", events=20)
SIGNATURES = size("signatures", mutations=1)
AMBIGUOUS = size("ambiguous", answers=5)
JOINS = size("joins", rounds=18, parts=("sensor",))

FOUND_BY = {
    "skip_the_fsync_of_the_bus": (FSYNC, UNSYNCED),
    "skip_the_fsync_of_the_spool": (FSYNC, UNSYNCED),
    "answer_before_the_store": (FSYNC, UNSYNCED),
    "random_event_id": (REDELIVERY, TWICE),
    "forget_the_spool_of_an_ended_process": (BUS_AWAY, LOST),
    "drop_what_the_bus_did_not_take": (BUS_AWAY, LOST),
    "accept_what_cannot_be_kept": (size("disk_full", rounds=1), "were 503"),
    "accept_without_a_signature": (SIGNATURES, ACCEPTED),
    "compare_the_beginning_of_a_signature": (SIGNATURES, ACCEPTED),
    "drop_the_oldest": (size("backlog", events=1_000), LOST),
    "a_new_consumer_for_each_process": (SENSOR_KILLS, LOST),
    # By the moment of the kill: it had begun nothing of what it held, or had submitted it and written nothing down.
    "ack_before_the_submission": (SENSOR_KILLS, f"{LOST}|unrecorded"),
    "ack_a_post_before_its_bindings": (POST_KILLS, "lost|unrecorded"),
    "filter_error_is_false": (REDELIVERY, "unrecorded"),
    "filters_pass_everything": (REDELIVERY, "wrong"),
    "drop_the_409_check": (size("collisions", events=5), "became dead letters"),
    "409_is_a_failure": (AMBIGUOUS, "unrecorded"),
    "random_workflow_name": (AMBIGUOUS, TWICE),
    "a_timeout_is_final": (AMBIGUOUS, "not every create was repeated"),
    "forget_the_ledger": (AMBIGUOUS, "unrecorded"),
    "keep_joins_in_memory": (JOINS, "started nothing"),
    "a_join_keeps_its_matches": (JOINS, "of no set"),
    "ask_a_target_without_mercy": (size("target_away", seconds=10.0, rate=50.0), "probes in"),
}
"""Fault → the row that finds it, a size that is enough, and what one of its sentences says."""


@pytest.mark.chaos
@pytest.mark.timeout(DEADLINE + 30)
@pytest.mark.parametrize("fault", FOUND_BY)
async def test_a_planted_fault_is_found(fault: str, tmp_path: Path) -> None:
    (row, small), words = FOUND_BY[fault]
    report = await carry_out(row, "short", tmp_path / row, 1, size=small, plants=(fault,), deadline=DEADLINE)
    print(report)
    shutil.rmtree(tmp_path / row, ignore_errors=True)
    if report.skipped:
        pytest.skip(report.skipped)
    assert "chaos:" not in str(report), f"the fault does not fit the product any more: {report}"
    assert any(re.search(words, failure) for failure in report.failures), f"{row} does not find {fault}: {report}"
