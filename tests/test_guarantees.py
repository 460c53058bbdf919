"""Nothing that was answered 2xx is lost, nothing fires twice: through redeliveries, kill -9 and edited manifests."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import aiohttp
import pytest

from tests.support.traffic import BODY, signature
from tests.support.up import ROOT, RunningUp, eventually, moved, running

SECRET = b"open-sesame"
HEADERS = {
    "Content-Type": "application/json",
    "X-GitHub-Event": "push",
    "X-Hub-Signature-256": signature(SECRET.decode()),
}


async def deliver(
    url: str, ids: Iterable[str], answered: set[str] | None = None, connections: int = 32
) -> dict[str, int]:
    """Post a signed push for each delivery id; ``answered`` gets each id right after its 2xx was read."""
    waiting = iter(ids)
    statuses: dict[str, int] = {}

    async def work(session: aiohttp.ClientSession) -> None:
        for delivery_id in waiting:
            try:
                headers = {**HEADERS, "X-GitHub-Delivery": delivery_id}
                async with session.post(url, data=BODY, headers=headers) as response:
                    await response.read()
                    statuses[delivery_id] = response.status
                    if response.ok and answered is not None:
                        answered.add(delivery_id)
            except (aiohttp.ClientError, OSError):
                statuses[delivery_id] = 0

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(work(session) for _ in range(connections)))
    return statuses


def delivered(up: RunningUp) -> list[str]:
    """The delivery ids that the Workflows in the store came from."""
    return [w["metadata"]["annotations"]["pointsman/delivery-id"] for w in up.workflows()]


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    moved(ROOT / "examples" / "01-github-push", tmp_path / "manifests")
    return tmp_path / "manifests"


async def test_a_thousand_deliveries_and_their_redeliveries_start_a_thousand_workflows(
    manifests: Path, tmp_path: Path
) -> None:
    ids = [f"delivery-{n}" for n in range(1000)]
    with running(manifests, folder=tmp_path / "up", options=("--log-level", "error")) as up:
        assert set((await deliver(up.url("/push"), ids)).values()) == {200}
        eventually(lambda: len(up.workflows()) == 1000)

        assert set((await deliver(up.url("/push"), ids)).values()) == {200}
        marker = await deliver(up.url("/push"), ["one-more"])
        eventually(lambda: "one-more" in delivered(up))

        assert marker == {"one-more": 200}
        assert sorted(delivered(up)) == sorted([*ids, "one-more"])


async def test_kill_9_of_the_whole_group_loses_nothing_that_was_answered(manifests: Path, tmp_path: Path) -> None:
    state, answered = tmp_path / "state", set[str]()
    command = [sys.executable, "-P", "-m", "events", "up", str(manifests), "--state", str(state), "--admin-port", "0"]
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, start_new_session=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
    try:
        eventually(lambda: b"Ready." in (tmp_path / "out").read_bytes())
        port = int((tmp_path / "out").read_text().partition("127.0.0.1:")[2].partition("/")[0])
        sending = asyncio.create_task(
            deliver(f"http://127.0.0.1:{port}/push", [f"d{n}" for n in range(1000)], answered)
        )
        while len(answered) < 400:
            await asyncio.sleep(0.005)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    await sending
    assert 400 <= len(answered) < 1000, "it must be killed half-way"

    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "state").symlink_to(state)
    with running(manifests, folder=tmp_path / "up") as up:
        eventually(lambda: answered <= set(delivered(up)), 90)
        await deliver(up.url("/push"), sorted(answered))
        await deliver(up.url("/push"), ["last"])
        eventually(lambda: "last" in delivered(up))

        found = delivered(up)
        assert len(found) == len(set(found))


async def test_edited_manifests_are_taken_up_without_a_lost_request(manifests: Path, tmp_path: Path) -> None:
    file = next(manifests.glob("*.yaml"))
    with running(manifests, folder=tmp_path / "up", options=("--watch", "--log-format", "json")) as up:
        statuses: dict[str, int] = {}

        async def keep_sending() -> None:
            for n in range(10_000):
                statuses.update(await deliver(up.url("/push"), [f"{n}-{i}" for i in range(8)], connections=4))
                if "manifests taken up" in up.log and n > 20:
                    return

        sending = asyncio.create_task(keep_sending())
        await asyncio.sleep(0)
        text = file.read_text()
        file.write_text(
            text.replace("rocket-ci-", "edited-").replace(
                "endpoint: /push", "endpoint: /push\n        maxPayloadSize: 70000"
            )
        )
        await asyncio.wait_for(sending, 60)
        await deliver(up.url("/push"), ["afterwards"])
        eventually(lambda: len(up.workflows()) == len(statuses) + 1)

        assert set(statuses.values()) <= {200, 202}, "202: a machine so busy that the bus seemed to hang"
        names = {w["metadata"]["annotations"]["pointsman/delivery-id"]: w["metadata"]["name"] for w in up.workflows()}
        assert names["afterwards"].startswith("edited-")


async def test_a_manifest_that_breaks_while_it_is_edited_changes_nothing(manifests: Path, tmp_path: Path) -> None:
    file = next(manifests.glob("*.yaml"))
    with running(manifests, folder=tmp_path / "up", options=("--watch",)) as up:
        text = file.read_text()
        file.write_text(text.replace("operation: submit", "operation: [submit"))
        eventually(lambda: "not taken up" in up.log)

        assert (await deliver(up.url("/push"), ["still"])) == {"still": 200}
        eventually(lambda: delivered(up) == ["still"])


async def test_a_second_start_goes_on_where_the_first_stopped(manifests: Path, tmp_path: Path) -> None:
    with running(manifests, folder=tmp_path / "up") as up:
        await deliver(up.url("/push"), ["before"])
        eventually(lambda: delivered(up) == ["before"])
    with running(manifests, folder=tmp_path / "up") as up:
        await deliver(up.url("/push"), ["before", "after"])
        eventually(lambda: sorted(delivered(up)) == ["after", "before"])


@pytest.mark.parametrize("role", ["sensor", "source", "bus"])
async def test_a_part_that_dies_is_started_again(role: str, manifests: Path, tmp_path: Path) -> None:
    with running(manifests, folder=tmp_path / "up") as up:
        await deliver(up.url("/push"), ["one"])
        eventually(lambda: delivered(up) == ["one"])
        pid = child(up, role)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: child(up, role) not in (0, pid))

        async with asyncio.timeout(30):
            while (await deliver(up.url("/push"), ["two"]))["two"] != 200:
                await asyncio.sleep(0.05)
        eventually(lambda: sorted(delivered(up)) == ["one", "two"], 60)


def child(up: RunningUp, role: str) -> int:
    """The process id of a child of ``up``; 0 when there is none."""
    word = {"sensor": b"sensor", "source": b"source", "bus": b"nats-server"}[role]
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command, stat = (path / "cmdline").read_bytes(), (path / "stat").read_text()
        except OSError:
            continue
        words = command.split(b"\0")
        is_ours = int(stat.rpartition(")")[2].split()[1]) == up.process.pid
        if is_ours and (word in words or words[0].endswith(word)):
            return int(path.name)
    return 0
