"""Whatever process ends at whatever point: each event comes to its end once, and the accounts add up."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml

from eventbus.rounds import RoundState, read_rounds
from eventbus.tally import read_accounts, read_checkpoints
from events import crashpoints
from tests.support.up import eventually, running
from tests.test_poison import manifests, post

EVENTS = 12

POINTS = ["submit.after:3", "settle.recorded:2", "ack.after:4", "commit.applied:3", "park.submitted", "accept.stored:5"]


@pytest.mark.parametrize("point", POINTS)
def test_accounts_add_up_after_a_crash(point: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = manifests(tmp_path / "manifests")
    _add_triggers(tmp_path / "manifests" / "all.yaml")
    once = tmp_path / "once"
    once.mkdir()
    monkeypatch.setenv(crashpoints.VARIABLE, point)
    monkeypatch.setenv(crashpoints.ONCE, str(once))
    with running(tmp_path / "manifests", folder=tmp_path) as up:
        sent = 0
        while sent < EVENTS:
            try:
                post(port, {"n": sent})
            except OSError:  # the source is being started again: the sender sends again
                eventually(lambda: _answers(port))
                continue
            sent += 1
        # A request whose answer was lost may have been stored, and is another event when it is sent again without an id.
        eventually(lambda: list(once.iterdir()))
        stored = eventually(lambda: _settled(up.state))
        assert [f.name for f in once.iterdir()] == [point.partition(":")[0]]
        assert EVENTS <= stored <= EVENTS + 1
        accounts = {a.trigger: a for a in read_accounts(up.state)}
        assert {a.difference for a in accounts.values()} == {0}
        assert accounts["start"].submitted == accounts["note"].submitted == len(up.workflows()) == stored
        assert accounts["refused"].dead == len(read_rounds(up.state, states=(RoundState.DEAD,))) == stored
        assert accounts["away"].pending == len(read_rounds(up.state, states=(RoundState.PARKED,))) == stored
        assert [one.lost for one in read_checkpoints(up.state)] == [0]


def _add_triggers(file: Path) -> None:
    source, sensor = yaml.safe_load_all(file.read_text())
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "x-"},
        "spec": {"workflowTemplateRef": {"name": "missing"}},
    }
    refused = {"name": "refused", "argoWorkflow": {"operation": "submit", "source": {"resource": workflow}}}
    away = {"name": "away", "http": {"url": "http://127.0.0.1:9/nobody", "method": "POST"}}
    sensor["spec"]["triggers"] += [{"template": refused}, {"template": away}]
    file.write_text(yaml.safe_dump_all([source, sensor]))


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


def _settled(state: Path) -> int:
    """How many events have come, when all of them are at their end; 0 before."""
    accounts = read_accounts(state)
    counts = {a.stored for a in accounts}
    done = len(accounts) == 4 and len(counts) == 1 and min(counts) >= EVENTS
    return counts.pop() if done and all(not a.pending or a.trigger == "away" for a in accounts) else 0
