"""Who looks after the buses of ``up``, and what is told of it."""

import dataclasses
import os
import signal
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from eventbus import subjects
from eventbus.embedded import EmbeddedNats
from eventbus.jetstream import connect
from eventbus.stream import THEIRS
from events.cli.keepers import consumers_of, room_for
from events.cli.plan import Plan
from events.cli.stored import BINDINGS_BUS
from tests.support.nats import nats
from tests.support.up import LOGGING, RunningUp, eventually, free_port, running

__all__ = ["nats"]


def sensor(name: str, bus: str = "") -> tuple[str, dict[str, object]]:
    spec = {"eventBusName": bus} if bus else {}
    return "ns", {"metadata": {"name": name}, "spec": spec}


def test_the_manifests_say_who_reads() -> None:
    plan = Plan(sensors=[sensor("a"), sensor("b", "other")], recorded=[("ns", "default", "source", "event")])
    assert consumers_of(plan, ("ns", "default")) == {subjects.durable("ns", "a"), subjects.durable("ns", "_recorder")}
    assert consumers_of(plan, ("ns", "other")) == {subjects.durable("ns", "b")}
    assert consumers_of(plan, ("elsewhere", "default")) == set()
    assert consumers_of(plan, BINDINGS_BUS) == {subjects.BINDINGS}


def test_room_grows_with_what_is_there_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 1 << 30})())
    folder = tmp_path / "bus"
    assert room_for(folder, 1) == 1 << 29
    assert room_for(folder, 4) == 1 << 27
    (folder / "store").write_bytes(b"x" * 1000)
    assert room_for(folder, 1) == (1 << 29) + 1000
    assert room_for(folder, 100) == 64 << 20
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 1 << 50})())
    assert room_for(folder, 1) == 8 << 30


def ask(up: RunningUp, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"{up.admin}{path}", timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def child(up: RunningUp, word: str) -> int:
    """The process id of the child with this at the end of a word of its command line."""
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_text().split("\0")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if parent == up.process.pid and any(each.endswith(word) for each in words):
            return int(entry.name)
    raise AssertionError(f"no {word} process")


async def test_a_bus_of_others_is_used_as_it_is_with_a_warning(tmp_path: Path, nats: EmbeddedNats) -> None:
    address = nats.address("default", "default")
    async with connect(address, name="others", stream=dataclasses.replace(THEIRS, max_msgs=50_000)) as theirs:
        await theirs.ensure_stream()
        before = await theirs.stream_info()
    manifest = tmp_path / "all.yaml"
    manifest.write_text(LOGGING % free_port())
    url = address.url.replace("nats://", f"nats://{address.user}:{address.password}@")
    with running(manifest, folder=tmp_path / "up", options=("--nats", url)) as up:
        status, text = ask(up, "/readyz")
        assert status == 200
        assert "warning: EventBus default/default can lose events" in text
        assert "drops the oldest events, read or not, when it holds 50000 events" in text
        assert 'pointsman_bus_risks{eventbus="default/default"} 1.0' in ask(up, "/metrics")[1]
        assert "can lose events" in up.log + up.output
    async with connect(address, name="others") as theirs:
        after = await theirs.stream_info()
    assert before is not None
    assert after is not None
    assert before["config"] == after["config"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds a child under /proc")
def test_each_part_says_how_it_is_and_is_well_again_by_itself(tmp_path: Path) -> None:
    manifest = tmp_path / "all.yaml"
    manifest.write_text(LOGGING % free_port())
    with running(manifest, folder=tmp_path / "up", options=("--bus-size", "64Mi")) as up:
        for path in ("/readyz", "/readyz/source", "/readyz/sensor", "/readyz/bus", "/livez", "/healthz"):
            assert ask(up, path) == (200, "ok\n"), path
        assert ask(up, "/readyz/nonsense")[0] == 404
        metrics = ask(up, "/metrics")[1]
        assert 'pointsman_bus_limit_bytes{eventbus="default/default"} 6.7108864e+07' in metrics
        assert 'pointsman_bus_waiting_events{consumer="sensor-default-build' in metrics
        assert 'pointsman_bus_risks{eventbus="default/default"} 0.0' in metrics

        stopped = child(up, "sensor")
        os.kill(stopped, signal.SIGSTOP)
        assert ask(up, "/readyz/sensor") == (503, "the sensor process gives no answer\n")
        status, text = ask(up, "/readyz")
        assert status == 503
        assert "the sensor process gives no answer" in text
        os.kill(stopped, signal.SIGCONT)
        eventually(lambda: ask(up, "/readyz") == (200, "ok\n"))

        stopped = child(up, "nats.conf")
        os.kill(stopped, signal.SIGSTOP)
        request = urllib.request.Request(up.url("/push"), b"{}", {"Content-Type": "application/json"})
        assert urllib.request.urlopen(request).status == 202
        status, text = ask(up, "/readyz")
        assert status == 200
        assert "warning: source: the bus gives no answer; 1 event waits in the spool\n" in text
        assert ask(up, "/readyz/source") == (200, "ok\nwarning: the bus gives no answer; 1 event waits in the spool\n")
        os.kill(stopped, signal.SIGCONT)
        eventually(lambda: ask(up, "/readyz") == (200, "ok\n"))

        os.kill(child(up, "nats.conf"), signal.SIGKILL)
        eventually(lambda: ask(up, "/readyz/bus")[0] == 200 and ask(up, "/readyz/sensor")[0] == 200)
