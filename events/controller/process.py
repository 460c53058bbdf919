"""The controller as a process: leader election around observing, reconciling, and asking the pods. Shell."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from events.controller import names
from events.controller.children import Children
from events.controller.judging import Judge
from events.controller.leader import Leader
from events.controller.lookups import Lookups
from events.controller.manager import Manager, new_stores
from events.controller.podstates import PodStates
from events.controller.reconcile import Reconciler
from events.controller.recorder import Recorder
from events.controller.scope import Scope
from events.controller.settings import Settings
from events.kube.control import Control

__all__ = ["Controller"]


@dataclass
class Controller:
    """One replica. ``namespace`` is its own, ``identity`` its name among the replicas."""

    control: Control
    judges: Mapping[str, Judge]
    settings: Settings
    namespace: str
    identity: str
    namespaces: tuple[str, ...] = ()
    namespace_selector: str = ""
    workers: int = 8
    manager: Manager | None = field(default=None, init=False)
    leader: Leader | None = field(default=None, init=False)

    async def run(self, *, elect: bool = True) -> None:
        """Until cancelled."""
        if elect:
            self.leader = Leader(self.control, self.namespace, names.LEASE, self.identity)
            await self.leader.run(self._work)
        else:
            await self._work()

    def unready(self) -> str:
        """Why it is not ready; a replica that waits for the lease is."""
        if self.manager is None:
            return "" if self.leader is not None else "starting"
        return "" if self.manager.complete else f"not listed yet: {', '.join(self.manager.unlisted)}"

    async def _work(self) -> None:
        stores = new_stores()
        reconciler = Reconciler(
            self.control,
            stores,
            Children(self.control, stores),
            self.judges,
            self.settings,
            Recorder(self.control, self.identity),
            Lookups(self.control),
        )
        scope = Scope(self.namespaces, self.namespace_selector)
        self.manager = Manager(self.control, stores, reconciler, scope, self.workers)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.manager.run())
                tasks.create_task(PodStates(self.control, reconciler, self.manager, scope).run())
        finally:
            self.manager = None
