"""A sensor on a real bus with a target that answers as a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from eventbus.jetstream import JetStreamBus
from eventbus.ledger import open_ledger
from events.kube import AlreadyExists, Object
from events.models.base import parse
from events.models.sensor import Sensor
from sensor.plan import CompiledSensor
from sensor.runner import SensorRunner
from sensor.scripts import ScriptWorker
from sensor.target import Tools

__all__ = ["TWO", "Target", "run", "sensor", "trigger"]


class Target:
    """An API server that answers as a test wants, and keeps what was created."""

    def __init__(self, *answers: Exception) -> None:
        self.answers = list(answers)
        self.created: dict[str, Object] = {}
        self.calls = 0

    async def create(self, obj: Object) -> Object:
        self.calls += 1
        if self.answers:
            raise self.answers.pop(0)
        name = obj["metadata"]["name"]
        if name in self.created:
            raise AlreadyExists(f'"{name}" already exists', status=409)
        self.created[name] = obj
        return obj

    async def get(self, api_version: str, kind: str, namespace: str, name: str) -> Object | None:
        return self.created.get(name)


def trigger(name: str = "start", **template: Any) -> dict[str, Any]:
    resource = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": f"{name}-"},
        "spec": {},
    }
    kind = {"argoWorkflow": {"operation": "submit", "source": {"resource": resource}}}
    return {"template": {"name": name, **kind, **template}}


def sensor(*triggers: dict[str, Any], dependencies: list[dict[str, Any]] | None = None, **more: Any) -> CompiledSensor:
    spec = {
        "dependencies": dependencies or [{"name": "push", "eventSourceName": "es", "eventName": "push"}],
        "triggers": list(triggers) or [trigger()],
        **more,
    }
    return CompiledSensor(parse(Sensor, {"metadata": {"name": "ci"}, "spec": spec}), "default", ScriptWorker())


TWO = [
    {"name": "push", "eventSourceName": "es", "eventName": "push"},
    {"name": "approval", "eventSourceName": "es", "eventName": "approval"},
]


@asynccontextmanager
async def run(compiled: CompiledSensor, bus: JetStreamBus, target: Target, folder: Path) -> AsyncIterator[SensorRunner]:
    async with open_ledger(folder) as ledger:
        runner = SensorRunner(compiled, bus, ledger, Tools(kube=target))
        await runner.start()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(runner.run())
            yield runner
            await runner.drain()
