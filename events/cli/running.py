"""What runs under ``up``: state folder, bus, listening sockets, the two children, admin port, watch. Shell."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog
import watchfiles

from eventbus import ledger
from eventbus.addressing import exotic_address
from eventbus.embedded import EmbeddedNats
from eventbus.interface import Address, Tls
from events.cli import edits
from events.cli.admin import Admin
from events.cli.endpoint import DEFAULT_PORT
from events.cli.keepers import Keepers
from events.cli.options import UpOptions, plan_of, show_findings, signature
from events.cli.plan import BusName, Plan
from events.cli.state import StateFolder
from events.cli.up_hooks import HookChanges
from events.cli.wire import write_addresses, write_streams, write_vault
from events.cli.workers import Role
from events.crashpoints import crash_at
from events.errors import InUse, PointsmanError, SpecError

__all__ = ["Up", "nats_address"]

log = structlog.get_logger("up")

_BACKLOG = 4096
_HOUSEKEEPING = 3600.0


class Up:
    """Made by ``opened``; everything ends with its ``async with``."""

    def __init__(self, options: UpOptions, plan: Plan, state: StateFolder) -> None:
        self.options = options
        self.plan = plan
        self.state = state
        self.server: EmbeddedNats | None = None
        self.keepers: Keepers
        self.sockets: dict[int, socket.socket] = {}
        self.posts: socket.socket | None = None
        """Where events for WorkflowEventBindings are posted."""
        self.posts_moved = False
        self._posts_port = 0
        """The port of posted events when there were any: it is used again when bindings come back."""
        self.sensor = Role("sensor", self._sensor_config)
        self.source = Role("source", self._source_config)
        self._seen = plan.signature
        self._told = {str(one) for one in plan.findings}
        """What was said about the manifests; said again only when it was gone in between."""
        self._broken = False
        self._hooks = HookChanges()
        self.admin_port = 0
        self.admin_moved = False

    @classmethod
    @asynccontextmanager
    async def opened(cls, options: UpOptions, plan: Plan) -> AsyncIterator[Up]:
        """Start everything, in this order: ports reserved, bus, sensors (consumers exist), sources (ports open)."""
        async with AsyncExitStack() as stack:
            state = stack.enter_context(StateFolder(options.state).opened())
            up = cls(options, plan, state)
            stack.callback(up._close_sockets)
            for port in sorted(plan.ports):
                up.sockets[port] = _reserve(options.host, port, plan.askers[port])
            if plan.bindings:
                up._reserve_posts()
            up._check_buses()
            if options.nats is None:
                up.server = await stack.enter_async_context(
                    EmbeddedNats(state.bus, up._own_buses, sync=options.sync)  # type: ignore[arg-type]
                )
            crash_at("up.bus")
            up.keepers = await stack.enter_async_context(Keepers.opened(options, up.server, state.bus, plan))
            stack.push_async_callback(up.sensor.stop)
            await up.sensor.start()
            await up.keepers.change(plan, up.address)
            crash_at("up.sensors")
            stack.push_async_callback(up.source.stop)
            up._listen()
            await up.source.start()
            crash_at("up.sources")
            admin = await stack.enter_async_context(Admin.opened(up, options.admin_port))
            up.admin_port, up.admin_moved = admin.port, admin.moved
            up._write_running()
            crash_at("up.running")
            for task in (up._keep_house(), *([up._watch()] if options.watch else [])):
                running = asyncio.create_task(task)
                stack.push_async_callback(_cancelled, running)
            yield up
            crash_at("up.stopping")

    # -- configuration of the children -------------------------------------------------------------------------------

    def addresses(self, names: set[BusName]) -> dict[BusName, Address]:
        """Where these EventBuses are reached."""
        if self.options.nats is not None:
            return dict.fromkeys(sorted(names), nats_address(self.options.nats, self.options.nats_ca))
        assert self.server is not None
        theirs = self.plan.theirs
        return {n: theirs[n].address if n in theirs else self.server.address(*n) for n in sorted(names)}

    @property
    def _own_buses(self) -> list[BusName]:
        """Those that are accounts of the embedded bus."""
        return sorted(self.plan.buses - self.plan.theirs.keys())

    def address(self, name: BusName) -> Address:
        """Where this EventBus is reached."""
        return self.addresses({name})[name]

    def _shared_config(self, names: set[BusName]) -> dict[str, Any]:
        return {
            "log_level": self.options.log_level,
            "log_style": self.options.log_style,
            "retention": self.options.retention,
            "buses": write_addresses(self.addresses(names)),
            "streams": write_streams({name: self.keepers.stream(name) for name in sorted(names)}),
            "vault": write_vault(self.plan.vault),
        }

    async def _sensor_config(self) -> tuple[dict[str, Any], list[socket.socket]]:
        options, plan = self.options, self.plan
        config = {
            **self._shared_config(plan.buses),
            "folder": str(self.state.path.absolute()),
            "sensors": plan.sensors,
            "templates": plan.templates,
            "recorded": plan.recorded,
            "bindings": plan.bindings,
            "sole": options.nats is None,
            "kube": {"context": options.context} if options.kube else None,
        }
        return config, []

    async def _source_config(self) -> tuple[dict[str, Any], list[socket.socket]]:
        sockets = {str(port): [s.fileno()] for port, s in self.sockets.items()}
        buses = self.plan.source_buses | self.plan.posted
        config = {
            **self._shared_config(buses),
            "sources": self.plan.sources,
            "theirs": sorted(self.plan.theirs),
            "sockets": sockets,
            "folder": str(self.state.path.absolute()),
            "spool": str(self.state.spool.absolute()),
            "spool_limit": self.options.spool,
            "hooks": self._hooks.to_wire(self.plan) if self.options.register_hooks else None,
        }
        if self.options.register_hooks:
            config["vault"] = write_vault(self._hooks.vault(self.plan.vault))
        if self.posts is None or not self.plan.bindings:
            return config, list(self.sockets.values())
        config["endpoint"] = {
            **self.options.endpoint.to_wire(),
            "bindings": self.plan.bindings,
            "socket": self.posts.fileno(),
        }
        return config, [*self.sockets.values(), self.posts]

    def _check_buses(self) -> None:
        own = self.plan.buses - self.plan.posted
        if self.options.nats is not None and len(own) > 1:
            names = ", ".join(f"{ns}/{bus}" for ns, bus in sorted(own))
            raise SpecError(
                f"--nats gives one bus, and these manifests use several: {names}",
                hint="use the embedded bus, or one `up` for each",
            )
        if self.options.nats is not None:
            nats_address(self.options.nats, self.options.nats_ca)

    # -- ports -------------------------------------------------------------------------------------------------------

    def _reserve_posts(self) -> None:
        """The port of posted events: 2746, or a free one when that is taken; or the one that was asked for."""
        wanted = self.options.bindings_port
        try:
            self.posts = _reserve(self.options.host, self._posts_port or (DEFAULT_PORT if wanted is None else wanted))
        except InUse:
            if wanted is not None:
                raise
            self.posts = _reserve(self.options.host, 0)
            self.posts_moved = True
        self._posts_port = self.posts.getsockname()[1]

    @property
    def posts_url(self) -> str:
        """Where events are posted, without the namespace."""
        assert self.posts is not None
        return f"{self.options.endpoint.scheme}://{self.options.host}:{self.posts.getsockname()[1]}/api/v1/events"

    def _all_sockets(self) -> list[socket.socket]:
        return [*self.sockets.values(), *([] if self.posts is None else [self.posts])]

    def _listen(self) -> None:
        for one in self._all_sockets():
            _listen_on(one, self.plan)

    def _close_sockets(self) -> None:
        for one in self._all_sockets():
            one.close()

    def _write_running(self) -> None:
        names = self.addresses(self.plan.buses)
        self.state.write_running(
            {
                "pid": os.getpid(),
                "admin": f"http://127.0.0.1:{self.admin_port}",
                "buses": write_addresses(names),
            }
        )

    # -- while it runs -----------------------------------------------------------------------------------------------

    def unready(self, parts: Mapping[str, list[str]]) -> list[str]:
        """Why it should get no deliveries, given the ``troubles`` of its parts; empty when it should.

        Sources and the event endpoint can do without the bus and the sensors for as long as they can spool.
        """
        if self.plan.source_buses or self.plan.posted:
            return [*parts["source"], *self.keepers.risks(), *([] if self.sensor.serves else parts["sensor"])]
        return [reason for reasons in parts.values() for reason in reasons]

    async def troubles(self) -> dict[str, list[str]]:
        """What is wrong with each part: ``source`` cannot keep what comes, ``sensor`` cannot consume, ``bus`` cannot store."""
        source, sensor = await asyncio.gather(self.source.unready(), self.sensor.unready())
        bus = [self.server.trouble] if self.server is not None and self.server.trouble else []
        return {"source": source, "sensor": sensor, "bus": [*bus, *self.keepers.risks()]}

    def warnings(self, part: str) -> list[str]:
        """What else is wrong with a part, as of the last ``troubles``: a bus that is away as long as deliveries can be spooled."""
        return self.source.warnings if part == "source" else []

    def hanging(self) -> list[str]:
        """Why it is not alive: processes that give no answer and were not started anew yet."""
        return [f"the {role.name} process gives no answer" for role in (self.source, self.sensor) if role.hangs]

    async def _keep_house(self) -> None:
        """Forget records that are older than the retention."""
        while True:
            before = int(time.time() - self.options.retention)
            try:
                gone = await asyncio.to_thread(ledger.forget, self.state.path, before)
                if gone:
                    log.info("old records dropped", records=gone)
            except PointsmanError as error:
                log.error("old records are not dropped", error=str(error))
            await asyncio.sleep(_HOUSEKEEPING)

    async def _watch(self) -> None:
        """Take up edited manifests. What is wrong is told, and everything stays as it is."""
        folders = {p if p.is_dir() else p.parent for p in map(Path, self.options.paths)}
        # Besides being told of changes we look every second: an edit between our reading and the watch must not be missed.
        changes = watchfiles.awatch(
            *folders,
            recursive=self.options.recursive,
            raise_interrupt=False,
            debounce=400,
            rust_timeout=1000,
            yield_on_timeout=True,
        )
        async for _ in changes:
            seen = signature(self.options)
            if seen == self._seen:
                continue
            self._seen = seen
            try:
                await self._take_up(plan_of(self.options))
            except (PointsmanError, OSError) as error:
                self._broken = True
                log.error("the edited manifests are not taken up; what ran goes on", error=str(error))

    async def _take_up(self, plan: Plan) -> None:
        old = self.plan
        if _same(plan, old):
            if self._broken:
                log.info("the manifests are right again; they say what runs already")
            self._broken = False
            return
        show_findings(plan, known=self._told)
        said = {str(one) for one in plan.findings}
        self._told = self._told | said if plan.errors else said
        if plan.errors:
            raise SpecError(f"{len(plan.errors)} error{'s' if len(plan.errors) > 1 else ''}")
        if self._broken:
            log.info("the manifests are right again")
        self._broken = False
        added = {}
        try:
            for port in sorted(plan.ports - old.ports):
                added[port] = _reserve(self.options.host, port, plan.askers[port])
        except PointsmanError:
            for one in added.values():
                one.close()
            raise
        sockets, posts = self.sockets, self.posts
        self._hooks.take_up(old, plan)
        self.plan = plan
        try:
            await self._change_to(plan, old, added)
        except (PointsmanError, OSError):
            await self._go_back_to(old, sockets, posts, added)
            raise
        self._write_running()
        log.info(
            "manifests taken up", **edits.changes(old, plan), **self._new_addresses(old, had_posts=posts is not None)
        )

    async def _change_to(self, plan: Plan, old: Plan, added: Mapping[int, socket.socket]) -> None:
        if plan.bindings and self.posts is None:
            self._reserve_posts()
        gone = [self.sockets[port] for port in sorted(old.ports - plan.ports)]
        if not plan.bindings and self.posts is not None:
            # Nobody would answer there: who posts must be refused, not left waiting.
            gone.append(self.posts)
            self.posts = None
        self._check_buses()
        if self.server is not None:
            await self.server.reload(self._own_buses)
        crash_at("up.changing")
        await self.sensor.change(overlap=False)
        await self.keepers.change(plan, self.address)
        for name in sorted(old.buses - plan.buses):
            log.info("EventBus is not used any more; its events stay in the state folder", bus="/".join(name))
        crash_at("up.changed")
        self.sockets = {p: s for p, s in {**self.sockets, **added}.items() if p in plan.ports}
        for one in [*added.values(), *([] if self.posts is None else [self.posts])]:
            _listen_on(one, plan)
        await self.source.change(overlap=True)
        for one in gone:
            one.close()

    async def _go_back_to(
        self,
        old: Plan,
        sockets: dict[int, socket.socket],
        posts: socket.socket | None,
        added: Mapping[int, socket.socket],
    ) -> None:
        """Run again what ran before: a process has not started with the new manifests. The sources were not stopped yet."""
        fresh = [*added.values(), *([self.posts] if self.posts is not None and self.posts is not posts else [])]
        self.plan, self.sockets, self.posts = old, sockets, posts
        for one in fresh:
            one.close()
        # What still does not start is tried again by the watch over it.
        with contextlib.suppress(PointsmanError, OSError):
            if self.server is not None:
                await self.server.reload(self._own_buses)
            await self.sensor.change(overlap=False)
            await self.keepers.change(old, self.address)

    def _new_addresses(self, old: Plan, *, had_posts: bool) -> dict[str, list[str]]:
        """Where something is served that was not before."""
        urls = edits.new_urls(old, self.plan)
        if self.posts is not None and not had_posts:
            urls.append(f"{self.posts_url}/")
        return {"urls": urls} if urls else {}


def _same(one: Plan, other: Plan) -> bool:
    fields = ("sources", "sensors", "templates", "bindings", "vault", "ports", "recorded", "theirs", "errors")
    return all(getattr(one, f) == getattr(other, f) for f in fields)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _listen_on(one: socket.socket, plan: Plan) -> None:
    try:
        one.listen(_BACKLOG)
    except OSError:  # two may bind an address, as long as none listens
        port = one.getsockname()[1]
        raise _in_use(port, plan.askers.get(port, "")) from None


def _in_use(port: int, asker: str) -> InUse:
    if asker:
        return InUse(
            f"port {port} is in use by another program; {asker} asks for it", hint="stop it, or change the port"
        )
    return InUse(f"port {port} is in use by another program", hint="stop it, or give another --bindings-port")


def _reserve(host: str, port: int, asker: str = "") -> socket.socket:
    """Bind, but do not listen yet: until the consumers exist a sender is refused, which it understands as "try later".

    ``asker``: which field wants this port; empty: ``--bindings-port``.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror:
        raise SpecError(f"'{host}' is no address of this computer", path="--host") from None
    one = socket.socket(family, kind, protocol)
    one.setblocking(False)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind(address)
    except OSError as error:
        one.close()
        if error.errno == errno.EADDRINUSE:
            raise _in_use(port, asker) from None
        if error.errno == errno.EACCES:
            raise SpecError(f"port {port} may not be opened by this user", hint="use a port above 1023") from None
        raise SpecError(f"port {port} of {host} cannot be opened: {error.strerror}") from None
    return one


def nats_address(url: str, ca: Path | None = None) -> Address:
    """What ``--nats`` and ``--nats-ca`` say: ``nats://user:password@host:port``, ``nats://token@host``, ``tls://…``, several with commas.

    The credentials do not stay in the URL. Raises SpecError.
    """
    if ca is None:
        return replace(exotic_address(url, None, None), tls=None)
    try:
        return exotic_address(url, None, Tls(ca.read_text()))
    except (OSError, ValueError) as error:
        raise SpecError(f"{ca} cannot be read: {error}", path="--nats-ca") from None
