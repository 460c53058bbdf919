"""Hooks looked after for as long as a source process runs. Shell.

At the start, after each change of a Secret, and every twelve minutes; after trouble sooner (``schedule``). Of several processes the one with the lease acts. The others follow what it remembers, so that all
of them accept a secret's old value until ten minutes after the forge has the new one. Hooks are deleted when their EventSource is,
never because a process ends.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Protocol

import aiohttp
import structlog

from eventbus import subjects
from events.errors import SpecError
from events.models.eventsource import EventSource
from events.models.shared import TLSConfig
from events.secrets import Key, Vault
from eventsource.hooks import Connect, Target
from eventsource.hooks.client import Answer, Authorize, Call, Client, http_transport
from eventsource.hooks.found import configuration, forges_of
from eventsource.hooks.limits import SharedLimits
from eventsource.hooks.memory import Memory, Store
from eventsource.hooks.missed import MISSED_INTERVAL, Redeliverer
from eventsource.hooks.overlap import Overlap
from eventsource.hooks.reconcile import Reconciler, Wanted
from eventsource.hooks.results import Result, titled
from eventsource.hooks.schedule import Schedule, pause_after
from eventsource.hooks.tls import client_context

__all__ = ["Holder", "connecting", "hold_secrets", "name_of", "run_hooks"]

log = structlog.get_logger("hooks")

SPREAD = 90.0
"""Seconds within which a changed Secret is in all pods of a cluster: each kubelet looks once a minute."""

_TICK = 1.0

Report = Callable[[list[dict[str, Any]]], None]


class Holder(Protocol):
    """Says which of several processes acts: ``eventbus.lease.Lease``, or ``FileLease``."""

    @property
    def held(self) -> bool:
        """Whether it is this one."""


class _Contexts:
    """How TLS is spoken with a forge, by the Secrets as they are now."""

    def __init__(self, vault: Vault, namespace: str, tls: TLSConfig | None) -> None:
        self._vault, self._namespace, self._tls = vault, namespace, tls
        self._made: tuple[int, ssl.SSLContext | bool] = (-1, True)

    def now(self) -> ssl.SSLContext | bool:
        """Raises SpecError for certificates that cannot be used."""
        generation, context = self._made
        if generation != self._vault.generation:
            context = client_context(self._vault, self._namespace, self._tls)
            self._made = (self._vault.generation, context)
        return context


@asynccontextmanager
async def connecting(vault: Vault, namespace: str, limits: SharedLimits | None = None) -> AsyncIterator[Connect]:
    """Makes clients over the network; their connections end with this. ``limits`` are shared with others of this process."""
    shared = limits or SharedLimits()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        def connect(
            base: str, authorize: Authorize, *, headers: Mapping[str, str] | None = None, tls: TLSConfig | None = None
        ) -> Client:
            contexts = _Contexts(vault, namespace, tls)

            async def send(call: Call) -> Answer:
                return await http_transport(session, contexts.now())(call)

            return Client(send, base, authorize, headers=headers, limits=shared)

        yield connect


async def run_hooks(
    sources: Sequence[EventSource],
    vault: Vault,
    store: Store,
    *,
    namespace: str = "default",
    lease: Holder | None = None,
    report: Report = lambda results: None,
    has: Callable[[str, str, str], bool] | None = None,
    connect: Connect | None = None,
    removed: Sequence[EventSource] = (),
    spread: float = 0.0,
    names: Collection[str] | None = None,
) -> None:
    """Look after the hooks of these EventSources until cancelled. Raises nothing of the forges'.

    ``report`` gets the state of all hooks after each look; ``has`` says whether a delivery has come (for
    ``redeliverMissed``): the EventSource as ``name_of`` has it, the event, the delivery's id.
    Of ``removed`` EventSources the hooks are deleted, where they have ``deleteHookOnFinish``. ``spread``: seconds after a change of a
    Secret before the forge is told, so that by then all processes that receive deliveries accept the new value. ``names``: see ``Memory``.
    """
    memory = Memory(store, names)
    overlap = Overlap(vault, memory)
    states: dict[str, list[dict[str, Any]]] = {}
    told: set[tuple[str, str]] = set()
    limits = SharedLimits()
    present: dict[str, _Keeper] = {}

    async def look_after(source: EventSource, *, gone: bool) -> None:
        where = source.metadata.namespace or namespace
        name = name_of(source, where)

        def elsewhere(instance: str, target: Target, url: str) -> bool:
            return any(one.wants(instance, target, url) for other, one in present.items() if other != name)

        async with connecting(vault, where, limits) as over_network:
            keeper = _Keeper(
                source, where, vault, memory, overlap, connect or over_network, lease, has, spread, elsewhere
            )
            if not gone:
                present[name] = keeper

            def tell(results: list[Result] | None) -> None:
                if results is None:  # another process looks after them now
                    states.pop(keeper.name, None)
                    report([one for state in states.values() for one in state])
                    return
                states[keeper.name] = [result.to_json() for result in results]
                _complain(keeper.name, results, told)
                report([one for state in states.values() for one in state])

            await (keeper.remove(tell) if gone else keeper.run(tell))

    async with asyncio.TaskGroup() as tasks:
        for source in sources:
            tasks.create_task(look_after(source, gone=False))
        for source in removed:
            tasks.create_task(look_after(source, gone=True))


def hold_secrets(
    sources: Sequence[EventSource], vault: Vault, old: Mapping[Key, Sequence[bytes]], *, namespace: str = "default"
) -> None:
    """Accept old values of the secrets of hooks, before deliveries come in: those that are known from before a restart, by key."""
    for source in sources:
        where = source.metadata.namespace or namespace
        for kind, _, raw in source.spec.events():
            with suppress(SpecError):  # told by those who serve it
                config = configuration(kind, raw)
                if config is not None and config.secret is not None:
                    key = ("secret", where, config.secret.name, config.secret.key)
                    vault.hold(where, config.secret, old.get(key, ()))


def _complain(name: str, results: Sequence[Result], told: set[tuple[str, str]]) -> None:
    """Say what does not go well, each thing once until it is well again."""
    bad = {(name, f"{one.event}, {one.target or one.url}: {one.message}") for one in results if not one.well}
    for one in sorted(bad - told):
        log.warning("a hook is not as it should be", source=titled(name), error=one[1])
    for one in [one for one in told if one[0] == name and one not in bad]:
        told.discard(one)
        log.info("a hook is right again", source=titled(name), hook=one[1].partition(": ")[0])
    told |= bad


class _Keeper:
    """The hooks of one EventSource."""

    def __init__(
        self,
        source: EventSource,
        namespace: str,
        vault: Vault,
        memory: Memory,
        overlap: Overlap,
        connect: Connect,
        lease: Holder | None,
        has: Callable[[str, str, str], bool] | None,
        spread: float,
        elsewhere: Wanted,
    ) -> None:
        self.name = name_of(source, namespace)
        self._namespace = namespace
        self._vault = vault
        self._overlap = overlap
        self._lease = lease
        self._spread = spread
        self._forges, errors = forges_of(source, vault, connect, namespace=namespace)
        self._errors = [Result(event, "", "", "refused", str(error)) for event, error in errors]
        complete = not errors
        self._reconciler = Reconciler(self.name, self._forges, memory, complete=complete, elsewhere=elsewhere)
        self.wants = self._reconciler.wants
        self._redeliverer = Redeliverer(self.name, self._forges, memory, has and partial(has, self.name))

    @property
    def _acts(self) -> bool:
        return self._lease is None or self._lease.held

    async def run(self, tell: Callable[[list[Result] | None], None]) -> None:
        """Look again and again. ``tell`` gets what was found; None when it is no longer we who look."""
        if not self._forges and not self._errors:
            return
        for forge in self._forges:
            self._overlap.add(self.name, self._namespace, forge)
        schedule = Schedule([forge.interval for forge in self._forges])
        while True:
            generation = self._vault.generation
            pause = _TICK
            if self._acts:
                now = time.monotonic()
                due, retry = schedule.due(now)
                results = await self._guarded(self._reconciler.run(due, retry=retry))
                tell([*self._errors, *results])
                pause = schedule.looked(now, self._reconciler.changed, results, self._reconciler.pauses)
            else:
                schedule.begin()
                tell(None)
            await self._wait(pause, generation)
            if self._vault.generation != generation:
                schedule.begin()
                await asyncio.sleep(self._spread)

    async def _guarded(self, work: Awaitable[list[Result]]) -> list[Result]:
        try:
            return await work
        except Exception as error:  # one bad answer must not end it for all time
            log.exception("hooks cannot be looked after", source=titled(self.name))
            return [Result("", "", "", "failing", f"{type(error).__name__}: {error}")]

    async def _wait(self, pause: float, generation: int) -> None:
        """Until it is time, a Secret has changed, or whether it is we who act."""
        began, acted = time.monotonic(), self._acts
        while (waited := time.monotonic() - began) < pause:
            if self._vault.generation != generation or self._acts != acted:
                return
            await self._between()
            await asyncio.sleep(min(_TICK, pause - waited))

    async def _between(self) -> None:
        try:
            if self._acts:
                await self._redeliverer.run(MISSED_INTERVAL)
            await self._overlap.let_go()
        except Exception:
            log.exception("hooks cannot be looked after", source=titled(self.name))

    async def remove(self, tell: Callable[[list[Result]], None]) -> None:
        """Delete what was made under ``deleteHookOnFinish``, however long the forge is away."""
        forges = [forge for forge in self._forges if forge.config.delete_hook_on_finish]
        failures = 0
        while forges:
            if self._acts:
                results = await self._guarded(self._reconciler.delete(forges))
                tell(results)
                if not any(result.state == "failing" for result in results):
                    return
                failures += 1
            await asyncio.sleep(pause_after([], failures) if failures else _TICK)


def name_of(source: EventSource, namespace: str) -> str:
    """How an EventSource is named in what is remembered; a key of the bus's KV and the name of a file."""
    return subjects.key(source.metadata.namespace or namespace, source.metadata.name)
