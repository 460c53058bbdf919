"""What an event costs: its data are read once, whoever looks."""

from __future__ import annotations

from typing import Any

import pytest

from events.expressions import document
from events.models.base import parse
from events.models.event import Event
from events.models.sensor import Sensor
from sensor.plan import CompiledSensor
from sensor.scripts import ScriptWorker

CLAUSES = {
    "data": [{"path": path, "type": "string", "value": ["."]} for path in ("body.ref", "body.after")],
    "exprs": [{"expr": "n > 1", "fields": [{"name": "n", "path": "body.n"}]}],
}


def sensor(*dependencies: dict[str, Any]) -> CompiledSensor:
    named = [{"eventSourceName": "es", "eventName": "push", **d} for d in dependencies]
    trigger = {"template": {"name": "note", "conditions": " || ".join(d["name"] for d in named), "log": {}}}
    manifest = {"metadata": {"name": "ci"}, "spec": {"dependencies": named, "triggers": [trigger]}}
    return CompiledSensor(parse(Sensor, manifest, "sensor"), "default", ScriptWorker())


def test_data_are_parsed_once_for_all_dependencies_filters_and_clauses(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = sensor(*({"name": f"d{n}", "filters": CLAUSES} for n in range(3)))
    parsed: list[bytes] = []
    loads = document.orjson.loads

    def counting(data: bytes) -> Any:
        parsed.append(data)
        return loads(data)

    monkeypatch.setattr(document.orjson, "loads", counting)
    event = Event("1", "es", "github", "push", "2026-01-01T00:00:00Z", b'{"body":{"ref":"main","after":"ab","n":2}}')
    assert [d.verdict.passed for d in compiled.decide(event)] == [True] * 3
    assert parsed == [event.data]
