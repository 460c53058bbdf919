"""`up --watch`: a file of `--secret` counts when it is edited, and what does not start is not taken up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from events.cli import workers
from events.cli.options import UpOptions, plan_of
from events.cli.running import Up
from events.errors import Unavailable
from tests.support.up import ROOT, eventually, free_port, moved, running
from tests.test_guarantees import deliver

SOURCE = """
apiVersion: argoproj.io/v1alpha1
kind: EventSource
metadata: {name: hook}
spec:
  webhook:
    any: {port: "%d", endpoint: /any, method: POST, authSecret: {name: hook, key: token}}
"""


async def test_an_edited_file_of_a_secret_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one")
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "source.yaml").write_text(SOURCE % free_port())
    options = ("--watch", "--secret", f"hook/token=@{tmp_path / 'token'}")
    with running(tmp_path / "manifests", folder=tmp_path / "up", options=options) as up:
        (tmp_path / "token").write_text("another")
        eventually(lambda: "manifests taken up" in up.log)
        assert "Secret default/hook" in up.log
        (tmp_path / "token").unlink()
        eventually(lambda: "cannot be read" in up.log)


async def test_manifests_whose_processes_do_not_start_are_not_taken_up_and_what_ran_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = moved(ROOT / "examples" / "01-github-push", tmp_path / "manifests")
    options = UpOptions((str(tmp_path / "manifests"),), state=tmp_path / "state", admin_port=0, log_level="error")
    start = workers.Worker.start
    to_fail: list[str] = []

    async def fail_once(role: str, config: dict[str, Any], *more: Any) -> workers.Worker:
        if role in to_fail:
            to_fail.remove(role)
            raise Unavailable(f"the {role} process did not start")
        return await start(role, config, *more)

    monkeypatch.setattr(workers.Worker, "start", fail_once)
    async with Up.opened(options, plan_of(options)) as up:
        before, url = up.plan, f"http://127.0.0.1:{next(iter(ports.values()))}/push"
        for file in (tmp_path / "manifests").glob("*.yaml"):
            documents = list(yaml.safe_load_all(file.read_text()))
            for document in documents:
                document["metadata"]["labels"] = {"edited": "yes"}
            file.write_text(yaml.safe_dump_all(documents))
        edited = plan_of(options)
        for refused in ("sensor", "source"):
            to_fail.append(refused)
            with pytest.raises(Unavailable):
                await up._take_up(edited)
            assert up.plan is before
            assert await up.troubles() == {"source": [], "sensor": [], "bus": []}
            assert await deliver(url, [f"with {refused}"]) == {f"with {refused}": 200}
        await up._take_up(edited)
        assert up.plan is edited
        assert await deliver(url, ["edited"]) == {"edited": 200}
