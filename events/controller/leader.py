"""Which of several replicas works: the one that holds a Lease, as long as it renews it. Shell.

A lease gives no fencing: one that was suspended may write once more. That does no harm, since all writes are idempotent and say what shall be.
https://kubernetes.io/docs/concepts/architecture/leases/
"""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from events.controller import metrics
from events.errors import PointsmanError
from events.kube import AlreadyExists
from events.kube.control import Control

__all__ = ["Leader"]

log = structlog.get_logger("leader")

Json = dict[str, Any]

_API = "coordination.k8s.io/v1"


class Leader:
    """``run`` lets its work be done while the lease is ours. Times in seconds."""

    def __init__(
        self,
        control: Control,
        namespace: str,
        name: str,
        identity: str,
        *,
        duration: float = 15,
        deadline: float = 10,
        renew: float = 5,
        retry: float = 3,
    ) -> None:
        self._control = control
        self._where = (_API, "Lease", namespace, name)
        self._identity = identity
        self._duration, self._deadline, self._renew, self._retry = duration, deadline, renew, retry
        self._lease: Json | None = None
        self._seen: tuple[str, float] = ("", 0.0)
        self.leading = False

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for the lease, work while it is ours, and begin anew when it is lost; until cancelled."""
        while True:
            while not await self._acquire():  # noqa: ASYNC110 - the event is in another process
                await asyncio.sleep(self._retry)
            log.info("leading", identity=self._identity)
            self._mark(True)
            try:
                async with asyncio.TaskGroup() as tasks:
                    working = tasks.create_task(_as_coroutine(work))
                    tasks.create_task(self._keep(working))
            finally:
                self._mark(False)
                await self._release()
            log.warning("no longer leading", identity=self._identity)

    async def _keep(self, working: asyncio.Task[None]) -> None:
        """Renew until that failed for too long; then the work ends."""
        renewed = time.monotonic()
        while True:
            await asyncio.sleep(self._renew if time.monotonic() - renewed < self._renew else self._retry / 2)
            if await self._acquire():
                renewed = time.monotonic()
            elif time.monotonic() - renewed > self._deadline or self._is_taken():
                working.cancel()
                return

    def _is_ours(self) -> bool:
        return self._lease is not None and self._lease["spec"].get("holderIdentity") == self._identity

    def _is_taken(self) -> bool:
        return self._lease is not None and not self._is_ours()

    async def _acquire(self) -> bool:
        """Take or renew the lease; False when it is another's, or nobody can tell."""
        try:
            async with asyncio.timeout(self._deadline / 2):
                return await self._try()
        except (PointsmanError, TimeoutError) as problem:
            log.warning("lease not renewed" if self.leading else "lease not asked for", reason=str(problem))
            return False

    async def _try(self) -> bool:
        if not self._is_ours():
            self._lease = await self._control.get(*self._where)
        lease, now = self._lease, _now()
        if lease is None:
            api_version, kind, namespace, name = self._where
            metadata = {"namespace": namespace, "name": name}
            fresh = {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": self._spec(now, now, 0)}
            try:
                self._lease = await self._control.create(fresh)
            except AlreadyExists:
                return False
            return True
        spec, ours = lease["spec"], self._is_ours()
        if not ours and spec.get("holderIdentity") and not self._expired(lease):
            return False
        since = spec.get("acquireTime") if ours else now
        transitions = spec.get("leaseTransitions", 0) + (0 if ours else 1)
        # None when somebody else was faster: what they wrote is read next time.
        self._lease = await self._control.replace({**lease, "spec": self._spec(since or now, now, transitions)})
        return self._lease is not None

    def _expired(self, lease: Json) -> bool:
        """Whether it was not renewed for its duration, by our own clock, since clocks differ."""
        version = lease["metadata"]["resourceVersion"]
        if version != self._seen[0]:
            self._seen = (version, time.monotonic())
        duration = lease["spec"].get("leaseDurationSeconds") or self._duration
        return time.monotonic() - self._seen[1] > duration

    def _spec(self, since: str, now: str, transitions: int) -> Json:
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": round(self._duration),
            "acquireTime": since,
            "renewTime": now,
            "leaseTransitions": transitions,
        }

    async def _release(self) -> None:
        """Let the next one take it at once."""
        if self._lease is None or not self._is_ours():
            return
        lease, self._lease = self._lease, None
        spec = {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _now()}
        try:
            async with asyncio.timeout(2):
                await self._control.replace({**lease, "spec": spec})
        except (PointsmanError, TimeoutError) as problem:
            log.warning("lease not released", reason=str(problem))

    def _mark(self, leading: bool) -> None:
        self.leading = leading
        metrics.LEADING.set(int(leading))


async def _as_coroutine(work: Callable[[], Awaitable[None]]) -> None:
    await work()


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
