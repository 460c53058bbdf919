"""Several processes look after the same hooks, with a lease on a real bus: one acts, another goes on, and no hook is ever missing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from eventbus.jetstream import JetStreamBus
from eventbus.lease import Lease
from events.models.base import parse
from events.models.eventsource import EventSource
from events.models.shared import SecretKeySelector
from events.secrets import Vault
from eventsource.hooks import running, schedule
from eventsource.hooks.found import forges_of
from eventsource.hooks.memory import Memory
from eventsource.hooks.reconcile import Reconciler
from tests.support.forges.base import Answer, Request
from tests.support.forges.gitlab import FakeGitLab
from tests.support.forges.managed import WEBHOOK, Store, selector
from tests.support.nats import bus, nats

__all__ = ["bus", "nats"]

EVENT = {
    "webhook": WEBHOOK,
    "projects": ["7"],
    "events": ["PushEvents"],
    "gitlabBaseURL": "https://gitlab.example",
    "accessToken": selector("api"),
    "secretToken": selector("secret"),
    "deleteHookOnFinish": True,
}
SOURCE = parse(EventSource, {"metadata": {"name": "source", "namespace": "ns"}, "spec": {"gitlab": {"push": EVENT}}})

SECRET = SecretKeySelector(name="forge", key="secret")


def vault(secret: bytes = b"first") -> Vault:
    return Vault(values(secret))


def values(secret: bytes) -> dict[tuple[str, str, str, str], bytes]:
    return {("secret", "ns", "forge", key): value for key, value in {"api": b"glpat-abc", "secret": secret}.items()}


class Watched(FakeGitLab):
    """Notes when there was no hook after there had been one."""

    gaps = 0

    def ask(self, request: Request) -> Answer:
        before = bool(self.hooks["projects/7"])
        answer = super().ask(request)
        self.gaps += before and not self.hooks["projects/7"]
        return answer

    @property
    def created(self) -> int:
        return sum(call.method == "POST" for call in self.calls)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_TICK", 0.02)


@contextlib.asynccontextmanager
async def replica(bus: JetStreamBus, name: str, fake: FakeGitLab) -> AsyncIterator[Lease]:
    """A process that looks after the hooks for as long as it has the lease; ends as a process does that is told to stop."""
    lease = Lease(bus, "hooks", name)
    state = await bus.state("pointsman_hooks")

    async def work() -> None:
        async with lease:
            await asyncio.Event().wait()

    tasks = [
        asyncio.create_task(work()),
        asyncio.create_task(running.run_hooks([SOURCE], vault(), state, lease=lease, connect=fake.connect)),
    ]
    try:
        yield lease
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_through_a_rolling_update_there_is_one_hook_at_every_moment(bus: JetStreamBus) -> None:
    fake = Watched(hooks={"projects/7": []})
    async with asyncio.timeout(30), contextlib.AsyncExitStack() as new:
        async with replica(bus, "old-1", fake) as one, replica(bus, "old-2", fake) as two:
            while not fake.hooks["projects/7"]:
                await asyncio.sleep(0.01)
            assert one.held != two.held
            third = await new.enter_async_context(replica(bus, "new", fake))
        looks = len(fake.calls)
        while not (third.held and len(fake.calls) > looks):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)

    assert (fake.created, fake.gaps, len(fake.hooks["projects/7"])) == (1, 0, 1)
    assert [call.method for call in fake.writes] == ["POST"], "the new process knows what the old one has set"


async def test_without_a_lease_two_that_start_together_leave_one_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    """As two installations on one forge would: each makes one, and the next look deletes the younger."""
    monkeypatch.setattr(schedule, "SOON", 0.1)
    fake = Watched(hooks={"projects/7": []})
    tasks = [asyncio.create_task(running.run_hooks([SOURCE], vault(), Store(), connect=fake.connect)) for _ in range(2)]
    async with asyncio.timeout(30):
        while not any(call.method == "DELETE" for call in fake.calls):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert (fake.created, fake.gaps, len(fake.hooks["projects/7"])) == (2, 0, 1)


async def test_a_hook_that_another_process_deletes_as_it_ends_is_back_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one of the reference does with ``deleteHookOnFinish``, after its successor has started."""
    monkeypatch.setattr(schedule, "SOON", 0.1)
    fake, store, looks = Watched(hooks={"projects/7": []}), Store(), list[str]()
    await Reconciler("ns.source", forges_of(SOURCE, vault(), fake.connect)[0], Memory(store)).run()

    def told(results: list[dict[str, str]]) -> None:
        looks.extend(one["state"] for one in results)
        if looks == ["kept"]:
            fake.hooks["projects/7"].clear()

    task = asyncio.create_task(running.run_hooks([SOURCE], vault(), store, connect=fake.connect, report=told))
    async with asyncio.timeout(30):
        while len(looks) < 2:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (looks[:2], len(fake.hooks["projects/7"])) == (["kept", "created"], 1)


async def test_a_forge_gets_a_new_secret_when_all_processes_accept_it() -> None:
    """A cluster brings a Secret to one pod sooner than to another; whichever gets a delivery must accept it."""
    fake, vaults = Watched(hooks={"projects/7": []}), (vault(), vault())
    store, refused = Store(), 0
    tasks = [
        asyncio.create_task(running.run_hooks([SOURCE], one, store, lease=Held(held), connect=fake.connect, spread=0.3))
        for one, held in zip(vaults, (True, False), strict=True)
    ]
    async with asyncio.timeout(30):
        while not fake.hooks["projects/7"]:
            await asyncio.sleep(0.01)
        vaults[0].replace(values(b"second"))
        for step in range(200):
            if step == 20:
                vaults[1].replace(values(b"second"))
            token = str(fake.hooks["projects/7"][0]["token"]).encode()
            refused += sum(token not in one.accepted("ns", SECRET) for one in vaults)
            await asyncio.sleep(0.005)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert (refused, fake.hooks["projects/7"][0]["token"]) == (0, "second")


class Held:
    """A lease that one has and another has not."""

    def __init__(self, held: bool) -> None:
        self.held = held
