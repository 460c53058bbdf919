"""The keepers of all EventBuses of ``up``: one for each, as long as the manifests use it. Shell."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from eventbus import subjects
from eventbus.embedded import EmbeddedNats
from eventbus.interface import Address
from eventbus.keeper import StreamKeeper, open_keeper
from eventbus.stream import FOR_BINDINGS, OURS, StreamSettings
from events.cli.buses import TheirBus
from events.cli.options import UpOptions
from events.cli.plan import BusName, Plan
from events.cli.stored import BINDINGS_BUS
from eventsource.webhooks import payload_that_fits

__all__ = ["Keepers", "consumers_of", "room_for"]

_MOST = 8 << 30
_LEAST = 64 << 20


def room_for(folder: Path, buses: int) -> int:
    """Bytes for each EventBus when nobody says how many: its part of half of what is free, besides what is there, and at most 8 GiB."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    used = sum(size for root, _, files in os.walk(folder) for size in _sizes(Path(root), files))
    free = shutil.disk_usage(folder).free
    return max(_LEAST, min(_MOST, used + free // 2 // max(buses, 1)))


def _sizes(folder: Path, files: list[str]) -> list[int]:
    sizes = []
    for name in files:
        try:
            sizes.append((folder / name).stat().st_size)
        except OSError:  # it has just gone
            continue
    return sizes


def consumers_of(plan: Plan, name: BusName) -> set[str]:
    """The durable consumers that read from this EventBus as the manifests are."""
    if name == BINDINGS_BUS:
        return {subjects.BINDINGS}
    found = {
        subjects.durable(namespace, body["metadata"]["name"])
        for namespace, body in plan.sensors
        if (namespace, body["spec"].get("eventBusName") or "default") == name
    }
    if any((namespace, bus) == name for namespace, bus, *_ in plan.recorded):
        found.add(subjects.durable(name[0], "_recorder"))
    return found


class Keepers:
    """``change`` brings them in line with the plan. ``room`` in bytes for each EventBus, -1: no bound of ours."""

    def __init__(self, options: UpOptions, server: EmbeddedNats | None, room: int, plan: Plan) -> None:
        self.room = room
        self._options = options
        self._server = server
        self._expected: dict[BusName, set[str]] = {}
        self._kept: dict[BusName, tuple[StreamKeeper, AsyncExitStack]] = {}
        self._theirs: dict[BusName, TheirBus] = dict(plan.theirs)
        self._largest: dict[BusName, int] = dict(plan.largest)

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, options: UpOptions, server: EmbeddedNats | None, folder: Path, plan: Plan
    ) -> AsyncIterator[Keepers]:
        """None at first; all end with this."""
        room = options.bus_size or (room_for(folder, len(plan.buses)) if server is not None else -1)
        keepers = cls(options, server, room, plan)
        try:
            yield keepers
        finally:
            for _, stack in keepers._kept.values():
                await stack.aclose()

    @property
    def all(self) -> list[StreamKeeper]:
        """Those that run."""
        return [keeper for _, (keeper, _) in sorted(self._kept.items())]

    async def change(self, plan: Plan, address: Callable[[BusName], Address]) -> None:
        """Look after the EventBuses of this plan."""
        self._expected = {name: consumers_of(plan, name) for name in plan.buses}
        theirs, self._theirs, self._largest = self._theirs, dict(plan.theirs), dict(plan.largest)
        changed = {name for name in self._kept if theirs.get(name) != plan.theirs.get(name)}
        for name in (self._kept.keys() - plan.buses) | changed:
            await self._kept.pop(name)[1].aclose()
        for name in sorted(plan.buses - self._kept.keys()):
            stack = AsyncExitStack()
            self._kept[name] = (await stack.enter_async_context(self._keeper(name, address(name))), stack)

    def stream(self, name: BusName) -> StreamSettings:
        """The stream that is asked for on an EventBus."""
        if name in self._theirs and self._server is not None:
            return self._theirs[name].stream
        return _with_room(FOR_BINDINGS if name == BINDINGS_BUS else OURS, self.room)

    def _is_own(self, name: BusName) -> bool:
        return self._server is not None and name not in self._theirs

    def _keeper(self, name: BusName, address: Address) -> Any:
        server, own = self._server, self._is_own(name)
        asked = own and self._options.sync == "always"
        return open_keeper(
            address,
            "of posted events" if name == BINDINGS_BUS else "/".join(name),
            self.stream(name),
            retention=self._options.retention,
            own=own,
            # Nobody else reads from the embedded bus; on a shared one we do not know all.
            expected=(lambda: self._expected.get(name, set())) if own else None,
            server=(lambda: server.ask("VARZ")) if server is not None and asked else None,
        )

    def risks(self) -> list[str]:
        """How events that were accepted can be lost on a bus of our own: then nothing should be accepted."""
        return [risk for name in self._kept for risk in self._risks(name) if self._is_own(name)]

    def warnings(self) -> list[str]:
        """What somebody should know: a bus of others that can lose events, a bus that is nearly full."""
        found = [keeper.alarm for keeper in self.all if keeper.alarm]
        for name in self._kept:
            if not self._is_own(name):
                found += [*self._risks(name), *self._too_small(name)]
        if self._server is not None and self._options.sync != "always":
            found.append("--sync default: a power cut loses the events of the last two minutes")
        return found

    def _too_small(self, name: BusName) -> list[str]:
        """That the server takes smaller messages than the sources."""
        keeper, wanted = self._kept[name][0], self._largest.get(name, 0)
        fits = payload_that_fits(keeper.largest_message) if keeper.largest_message else wanted
        if wanted <= fits:
            return []
        return [
            f"EventBus {keeper.name} takes {keeper.largest_message} bytes a message: "
            f"deliveries of more than about {fits} are refused, though maxPayloadSize lets {wanted} pass"
        ]

    def _risks(self, name: BusName) -> list[str]:
        keeper = self._kept[name][0]
        return [f"EventBus {keeper.name} can lose events: {risk}" for risk in keeper.risks]


def _with_room(settings: StreamSettings, room: int) -> StreamSettings:
    """These settings with a bound in bytes."""
    return dataclasses.replace(settings, max_bytes=room)
