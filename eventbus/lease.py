"""A lease on the bus's KV: of several processes that could do something, one does.

The holder writes its value again and again; each write names the revision that it replaces, so two never succeed. Who waits takes the
lease when it has *seen* one revision stand for longer than ``EXPIRY`` by its own clock: clocks of different machines are never compared. The
holder trusts its lease for less than that, counted from before it sent the write. So two hold it at once only in the eyes of a process that
stood still for longer than the expiry and has not looked again; what must not happen even then is fenced where it is written (``ledgerlog``).

While the bus is away nobody can take the lease, and the holder goes on when it is back, unless another was faster.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import orjson

from eventbus.api import JetStreamApi
from eventbus.interface import Bus, Revision
from eventbus.state import JetStreamState
from events.errors import Refused, Superseded, Unavailable

__all__ = ["BUCKET", "EXPIRY", "Lease", "rested"]

log = logging.getLogger(__name__)

BUCKET = "pointsman_leases"

EXPIRY = 10.0
"""Seconds that a revision must have stood before others may take the lease."""
TRUST = 8.0
"""Seconds for which the holder takes a write of its own for good."""
RENEWAL = 3.0
"""Seconds between two writes; each costs the bus one to its disk."""
_LOOK = 3.0
"""Seconds between two looks of those who wait; each change wakes them at once."""


class Lease:
    """The lease ``name`` (a KV key: ``eventbus.subjects.key``) of a bus, for ``owner``, the pod.

    ``async with Lease(bus, name, owner) as lease:`` waits for it, renews it and releases it; ``await lease.lost()`` raises Superseded when
    another has taken it. Or step by step: ``acquire``, ``keep`` as a task, ``release``. A ``patient`` one is for work that may rest for
    half a minute when its holder dies, and that many processes wait for: they look seldom. ``unique``: no two processes have this owner's
    name at the same time, so that what it held before it was restarted is its own at once.
    """

    def __init__(
        self,
        bus: Bus,
        name: str,
        owner: str,
        *,
        expiry: float = EXPIRY,
        patient: bool = False,
        unique: bool = False,
    ) -> None:
        self.name = name
        self.owner = owner
        self.holder = ""
        """Who has it, as far as it was seen; empty: nobody."""
        self._bus = bus
        self._state: JetStreamState | None = None
        self._me = secrets.token_hex(8)
        self._turn = 0
        self._revision = 0
        self._expiry = expiry
        self._trust = expiry * TRUST / EXPIRY
        self._renewal = expiry * RENEWAL / EXPIRY
        self._patient = patient
        self._unique = unique
        self._until = 0.0
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._keeping: asyncio.Task[None] | None = None

    @property
    def held(self) -> bool:
        """Whether it is ours at this moment, as far as we can know. Not so while the bus is away for long."""
        return self._loop.time() < self._until

    async def acquire(self) -> None:
        """Wait, for as long as it takes, until it is ours."""
        seen, since = -1, 0.0
        watched, problem = False, ""
        try:
            while True:
                self._changed.clear()
                began, pause = self._loop.time(), self._expiry if self._patient else min(_LOOK, self._expiry)
                try:
                    state = await self._opened()
                    if not watched and not self._patient:
                        await state.watch(self.name, self._changed.set)
                        watched = True
                    found = await state.revision(self.name)
                    self.holder, writer = _who(found)
                    if found.number != seen:
                        seen, since = found.number, self._loop.time()
                        expired = False
                    else:
                        expired = began - since >= self._expiry
                    ours = writer == self._me or (self._unique and self.holder == self.owner)
                    if found.value is None or ours or expired:
                        if await self._write(found.number):
                            log.info("lease %s is held by %s", self.name, self.owner)
                            return
                        continue
                    pause = min(pause, max(since + self._expiry - self._loop.time(), 0.01))
                except (Unavailable, Refused) as error:
                    if str(error) != problem:
                        log.warning("lease %s cannot be taken: %s; waiting", self.name, error)
                    problem = str(error)
                await self._pause(pause)
        finally:
            if watched and self._state is not None:
                await self._state.unwatch(self.name)

    async def keep(self) -> None:
        """Renew it until cancelled. Raises Superseded when another has taken it."""
        while True:
            await asyncio.sleep(self._renewal)
            await self.renew()

    async def renew(self) -> bool:
        """Write once; says whether that has worked (the bus may be away). Raises Superseded when another has taken it."""
        assert self._state is not None, "acquired before"
        try:
            if await self._write(self._revision):
                return True
            found = await self._state.revision(self.name)
            self.holder, writer = _who(found)
            if writer != self._me:
                self._until = 0.0
                raise Superseded(f"the lease {self.name} was taken by {self.holder or 'another process'}")
            self._revision = found.number  # a write of ours whose answer was lost
            return await self._write(self._revision)
        except Unavailable as error:
            log.warning("lease %s cannot be renewed: %s", self.name, error)
            return False

    async def release(self) -> None:
        """Give it up, so that another has it at once. While the bus is away it just expires."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        until, self._until = self._until, 0.0
        if self._state is None or not until:
            return
        try:
            await self._state.update(self.name, None, self._revision)
        except Unavailable as error:
            log.info("lease %s was not released: %s", self.name, error)

    async def lost(self) -> None:
        """Within ``async with``: wait until another has taken it, and raise Superseded."""
        assert self._keeping is not None, "use it as a context manager"
        await asyncio.shield(self._keeping)

    async def __aenter__(self) -> Self:
        await self.acquire()
        self._keeping = asyncio.create_task(self.keep(), name=f"lease {self.name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.release()

    async def _opened(self) -> JetStreamState:
        if self._state is None:
            state = await self._bus.state(BUCKET)
            assert isinstance(state, JetStreamState)
            self._state = state
        return self._state

    async def _write(self, revision: int) -> bool:
        assert self._state is not None
        began = self._loop.time()
        self._turn += 1
        value = orjson.dumps({"holder": self.owner, "writer": self._me, "turn": self._turn})
        number = await self._state.update(self.name, value, revision)
        if number is None:
            return False
        self._revision, self._until, self.holder = number, began + self._trust, self.owner
        return True

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass


async def rested(api: JetStreamApi, seconds: float, beginning: str) -> set[str]:
    """The leases whose names begin so that nobody has held for so long. Raises Unavailable."""
    stream, prefix = f"KV_{BUCKET}", f"$KV.{BUCKET}."
    info = await api.find(f"STREAM.INFO.{stream}", {"subjects_filter": f"{prefix}>"})
    names = [subject.removeprefix(prefix) for subject in ((info or {}).get("state", {}).get("subjects") or {})]
    before = datetime.now(UTC) - timedelta(seconds=seconds)
    found = set()
    for name in names:
        if name.startswith(beginning):
            last = await api.message(stream, {"last_by_subj": prefix + name})
            if last is not None and datetime.fromisoformat(f"{last.time[:19]}+00:00") < before:
                found.add(name)
    return found


def _who(found: Revision) -> tuple[str, str]:
    """Holder and writer of a value; empty for none, and for one that nobody of us has written."""
    try:
        value = orjson.loads(found.value or b"{}")
        return str(value.get("holder", "")), str(value.get("writer", ""))
    except (ValueError, AttributeError):
        return "", ""
