"""An event that ends the sensor process is put aside after three times; its neighbours go on."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from eventbus.rounds import RoundState, read_rounds
from eventbus.tally import read_accounts
from events import crashpoints
from events.models.event import event_id
from tests.support.up import eventually, free_port, pointsman, running


def manifests(folder: Path, **more: object) -> int:
    port = free_port()
    source = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "EventSource",
        "metadata": {"name": "hook"},
        "spec": {"webhook": {"push": {"port": str(port), "endpoint": "/push", "method": "POST"}}},
    }
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "ci-"},
        "spec": {},
    }
    start = {"name": "start", "argoWorkflow": {"operation": "submit", "source": {"resource": workflow}}}
    sensor = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Sensor",
        "metadata": {"name": "ci"},
        "spec": {
            "dependencies": [{"name": "push", "eventSourceName": "hook", "eventName": "push"}],
            "triggers": [{"template": start, **more}, {"template": {"name": "note", "log": {}}}],
        },
    }
    folder.mkdir()
    (folder / "all.yaml").write_text(yaml.safe_dump_all([source, sensor]))
    return port


def post(port: int, body: dict[str, object], key: str = "") -> None:
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/push", data, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status in (200, 202)


def test_an_event_that_ends_the_process_is_a_dead_letter_and_its_neighbours_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = manifests(tmp_path / "manifests")
    monkeypatch.setenv(crashpoints.VARIABLE, "filter.before=poison")
    with running(tmp_path / "manifests", folder=tmp_path) as up:
        post(port, {"n": 0})
        eventually(lambda: len(up.workflows()) == 1)
        began = time.monotonic()
        for n in range(1, 10):
            post(port, {"n": n, "text": "poison" if n == 5 else "food"})
        eventually(lambda: len(up.workflows()) == 9)
        assert time.monotonic() - began < 30
        [letter] = eventually(lambda: read_rounds(up.state, states=(RoundState.DEAD,)))
        assert (letter.trigger, letter.reason) == ("", "Poison")
        assert up.log.count("process ended and is started again") == 3
        post(port, {"n": 10})
        eventually(lambda: len(up.workflows()) == 10)
        done = pointsman("retry", letter.key[:8], "--state", "state", cwd=tmp_path)
        assert (done.returncode, "still dead" in done.stdout) == (1, True), done.stdout + done.stderr
    monkeypatch.delenv(crashpoints.VARIABLE)
    with running(tmp_path / "manifests", folder=tmp_path) as up:
        done = pointsman("retry", "--all", "--state", "state", cwd=tmp_path)
        assert done.returncode == 0
        assert "submitted Workflow/default/ci-" in done.stdout
        assert len(up.workflows()) == 11
        assert all(a.difference == 0 and a.submitted == a.stored == 11 for a in read_accounts(up.state))


def test_an_event_that_waits_for_its_rate_limit_and_ends_the_process_then_is_a_dead_letter_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = manifests(tmp_path / "manifests", rateLimit={"unit": "Second", "requestsPerUnit": 2})
    poison = event_id("webhook", "default", "hook", "push", "poison")
    monkeypatch.setenv(crashpoints.VARIABLE, f"render.before={poison}")
    with running(tmp_path / "manifests", folder=tmp_path) as up:
        for n in range(6):
            post(port, {"n": n}, "poison" if n == 4 else "")
        [letter] = eventually(lambda: read_rounds(up.state, states=(RoundState.DEAD,)))
        assert (letter.trigger, letter.reason, letter.events) == ("start", "Poison", poison)
        eventually(lambda: len(up.workflows()) == 5)
        assert up.log.count("process ended and is started again") == 3
        assert all(a.difference == 0 for a in read_accounts(up.state))
