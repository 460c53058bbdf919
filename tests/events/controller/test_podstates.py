"""What pods say on their port stands in the status of their object, and is written only when it changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from events.controller.podstates import PodStates
from events.controller.process import Controller
from events.controller.scope import Scope
from events.kube.control import Control
from tests.support.controlled import World, exotic_bus, running, sensor, settled, until
from tests.support.kube import needs_control_plane, needs_kube

pytestmark = [pytest.mark.kube, needs_kube, needs_control_plane]


@asynccontextmanager
async def _pod(state: dict[str, Any] | bytes, elsewhere: str = "") -> AsyncIterator[int]:
    async def told(_: web.Request) -> web.Response:
        if elsewhere:
            raise web.HTTPFound(elsewhere)
        return web.Response(body=state) if isinstance(state, bytes) else web.json_response(state)

    app = web.Application()
    app.router.add_get("/status", told)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def _running_pod(world: World) -> None:
    async def found() -> Any:
        return await world.find("Pod", "v1")

    (pod,) = await until(found)
    status = {"phase": "Running", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}]}
    await world.admin.patch(pod, {"status": status}, part="status")


def _states(controller: Controller, control: Control, namespace: str, port: int) -> PodStates:
    manager = controller.manager
    assert manager is not None
    return PodStates(control, manager.reconciler, manager, Scope((namespace,)), port=port)


async def test_the_status_tells_what_the_pods_say_once(world: World, control: Control) -> None:
    state: dict[str, Any] = {
        "lastEvent": "2026-01-01T00:00:00Z",
        "lastSubmission": None,
        "lastError": "refused: no rights",
    }
    async with (
        _pod(state) as port,
        running(control, namespaces=(world.namespace,)) as controller,
        aiohttp.ClientSession() as session,
    ):
        await world.apply(exotic_bus(), sensor())
        await world.condition("Sensor", "build", "Deployed", "True")
        await _running_pod(world)
        await settled(controller)
        states = _states(controller, control, world.namespace, port)
        await states.ask(session)

        first = await world.get("Sensor", "build")
        assert first["status"]["lastEvent"] == "2026-01-01T00:00:00Z"
        assert first["status"]["lastError"] == "refused: no rights"
        assert "lastSubmission" not in first["status"]
        events = [e for e in await world.find("Event", "v1") if e["reason"] == "LastError"]
        assert [e["message"] for e in events] == ["refused: no rights"]

        await states.ask(session)
        await asyncio.sleep(0.2)
        assert (await world.get("Sensor", "build"))["metadata"]["resourceVersion"] == first["metadata"][
            "resourceVersion"
        ]

        state |= {"troubles": ["the bus is away"], "lastEvent": "2025-12-31T00:00:00Z"}
        await states.ask(session)
        told = (await world.get("Sensor", "build"))["status"]
        assert (told["troubles"], told["lastEvent"]) == (["the bus is away"], "2026-01-01T00:00:00Z")
        state["troubles"] = []
        await states.ask(session)
        assert "troubles" not in (await world.get("Sensor", "build"))["status"]


async def test_a_pod_that_does_not_answer_changes_nothing(world: World, control: Control) -> None:
    async with running(control, namespaces=(world.namespace,)) as controller, aiohttp.ClientSession() as session:
        await world.apply(exotic_bus(), sensor())
        await world.condition("Sensor", "build", "Deployed", "True")
        await _running_pod(world)
        await settled(controller)
        before = await world.get("Sensor", "build")

        await _states(controller, control, world.namespace, 1).ask(session)

        assert await world.get("Sensor", "build") == before


async def test_what_a_hostile_pod_answers_changes_nothing_and_ends_nothing(world: World, control: Control) -> None:
    known = b'{"lastEvent": "2026-01-01T00:00:00Z"}'
    answers = [b"[" * 200_000, b"{", b"5", b'{"hooks": 5, "troubles": 7}', known + b" " * (256 << 10)]
    async with running(control, namespaces=(world.namespace,)) as controller, aiohttp.ClientSession() as session:
        await world.apply(exotic_bus(), sensor())
        await world.condition("Sensor", "build", "Deployed", "True")
        await _running_pod(world)
        await settled(controller)
        before = await world.get("Sensor", "build")

        for answer in answers:
            async with _pod(answer) as port:
                await _states(controller, control, world.namespace, port).ask(session)
        async with _pod(known) as inner, _pod({}, f"http://127.0.0.1:{inner}/status") as port:
            await _states(controller, control, world.namespace, port).ask(session)

        assert await world.get("Sensor", "build") == before


async def test_the_state_of_an_object_with_a_long_name_is_told(world: World, control: Control) -> None:
    name = "n" * 80
    async with (
        _pod({"lastEvent": "2026-01-01T00:00:00Z"}) as port,
        running(control, namespaces=(world.namespace,)) as controller,
        aiohttp.ClientSession() as session,
    ):
        await world.apply(exotic_bus(), sensor(name))
        await world.condition("Sensor", name, "Deployed", "True")
        await _running_pod(world)
        await settled(controller)

        await _states(controller, control, world.namespace, port).ask(session)

        assert (await world.get("Sensor", name))["status"]["lastEvent"] == "2026-01-01T00:00:00Z"
