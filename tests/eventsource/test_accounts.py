"""Deliveries: received = accepted + rejected + under way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from eventbus.counts import Counts, read_counts
from eventsource import metrics
from eventsource.metrics import Account, EventMetrics, overdue, read_accounts
from tests.support.up import ROOT


def test_each_delivery_is_counted_once_on_both_sides() -> None:
    numbers = EventMetrics("ns", "accounts", "push")
    for _ in range(3):
        numbers.arrived()
    numbers.result("stored")
    numbers.left()
    numbers.rejected("Unauthenticated")
    numbers.left()
    account = numbers.account
    assert (account.received, account.accepted, account.rejected, account.under_way, account.difference) == (
        3,
        1,
        1,
        1,
        0,
    )


def test_a_difference_that_stays_for_a_minute_is_told_once() -> None:
    numbers = EventMetrics("ns", "accounts", "lost")
    numbers.arrived()
    numbers.left()  # answered, and counted nowhere
    assert numbers.account.difference == 1
    told = [list(overdue(now)) for now in (100.0, 159.0, 160.0, 300.0)]
    assert told == [[], [], [("ns/accounts/lost", 1)], []]
    numbers.result("stored")
    assert list(overdue(400.0)) == []
    assert numbers.account.since is None


def test_a_folder_that_cannot_be_written_keeps_nobody_from_counting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "_KEPT", metrics._Kept())
    (tmp_path / "file").touch()
    metrics.survive(tmp_path / "file" / "deliveries")
    numbers = EventMetrics("ns", "accounts", "unkept")
    numbers.arrived()
    numbers.result("stored")
    numbers.left()
    assert (numbers.account.received, numbers.account.difference) == (1, 0)


def test_an_account_without_deliveries_adds_up() -> None:
    assert Account().difference == 0


COUNTING = """
import os, signal, sys
from pathlib import Path
from eventsource import metrics
metrics.survive(Path(sys.argv[1]))
numbers = metrics.EventMetrics("ns", "hooks", "push")
for _ in range(5):
    numbers.arrived()
for _ in range(2):
    numbers.result("stored")
    numbers.left()
numbers.rejected("Unauthenticated")
numbers.left()
print("two are under way", flush=True)
signal.pause()
"""


def test_accounts_survive_a_kill_and_what_was_under_way_counts_as_rejected(tmp_path: Path) -> None:
    for _ in range(2):
        command = [sys.executable, "-c", COUNTING, str(tmp_path)]
        child = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        now = read_accounts(tmp_path)["ns", "hooks", "push"]
        assert now.difference == 0
        assert now.under_way == 2
        child.kill()
        child.communicate()
        now = read_accounts(tmp_path)["ns", "hooks", "push"]  # before a process has looked after what was left
        assert now.under_way == 0
    Counts(tmp_path, metrics._mend).before()
    account = read_accounts(tmp_path)["ns", "hooks", "push"]
    assert (account.received, account.accepted, account.rejected, account.under_way) == (10, 4, 6, 0)
    assert read_counts(tmp_path)["ns", "hooks", "push", "rejected", "ProcessEnded"] == 4
