"""A line that concerns an event says which: so one can ask a log store for everything about it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog

from eventbus.jetstream import JetStreamBus
from events.cli.health import listen_on
from events.errors import Refused, Unavailable
from eventsource import process
from sensor import settling
from tests.eventsource.suite import MemoryBus, sources
from tests.support.nats import bus, event, nats, until
from tests.support.sensor import TWO, Target, run, sensor, trigger

__all__ = ["bus", "nats"]

EVENT = {"event_id", "source", "sensor"}
FIELDS = {
    "submitted": {*EVENT, "trigger"},
    "trigger will be retried": {*EVENT, "trigger"},
    "dead letter": {*EVENT, "trigger"},
    "already settled as submitted": {*EVENT, "trigger"},
    "filtered": {*EVENT, "dependency"},
    "filter error": {*EVENT, "dependency"},
    '{"body":{"ref":"main"}}': {*EVENT, "triggers"},
}
"""What a sensor's lines say, by the line."""


async def test_each_line_of_a_sensor_names_event_source_sensor_and_trigger(
    bus: JetStreamBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling.random, "random", lambda: 0.01)
    only_main = {**TWO[0], "filters": {"data": [{"path": "body.ref", "type": "string", "value": ["main"]}]}}
    target = Target(Unavailable("away"), Refused("no", status=403))
    log = {"template": {"name": "note", "log": {}}}
    good = b'{"body":{"ref":"main"}}'
    with structlog.testing.capture_logs() as lines:
        async with run(sensor(trigger(), log, dependencies=[only_main]), bus, target, tmp_path):
            await bus.publish(event("away-first", data=good))
            await until(lambda: target.calls == 2)
            await bus.publish(event("good", data=good))
            await bus.publish(event("other", data=b'{"body":{"ref":"dev"}}'))
            await bus.publish(event("odd", data=b'{"body":{}}'))
            await until(lambda: len(target.created) == 1 and any(line["event"] == "filter error" for line in lines))
    found = {line["event"] for line in lines}
    assert found >= FIELDS.keys() - {"already settled as submitted"}
    for line in lines:
        if (wanted := FIELDS.get(line["event"])) is not None:
            assert wanted <= line.keys(), line
            assert (line["source"], line["sensor"]) == ("default/es", "default/ci")
        else:
            assert "event_id" not in line or line.keys() >= EVENT, line


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (Unavailable("the disk is full"), {"source", "event_name", "delivery_id", "event_id"}),
        (RuntimeError("a bug"), {"source", "event_name", "delivery_id", "event_id"}),
        (None, {"source", "event_name"}),
    ],
    ids=["not stored", "bug", "refused before it was an event"],
)
async def test_a_line_about_a_refused_delivery_names_source_event_and_delivery(
    error: Exception | None, fields: set[str]
) -> None:
    secret = {"name": "s", "key": "now"}
    config = {"endpoint": "/hook", "port": "12000", "method": "POST", "authSecret": secret}
    compiled = sources({"webhook": {"push": config}}, {"now": b"key"})
    with listen_on("127.0.0.1", 0) as listening, structlog.testing.capture_logs() as lines:
        server = await process.start(compiled, {12000: [listening]}, lambda namespace, name: MemoryBus(error))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/hook"
        headers: Any = {"Authorization": "Bearer key"} if error else {}
        async with aiohttp.ClientSession() as session, session.post(url, json={}, headers=headers) as answer:
            assert answer.status in (401, 500, 503)
        await asyncio.gather(server.drain(0))
    [line] = [line for line in lines if line["event"] in ("delivery refused", "delivery failed")]
    assert fields <= line.keys()
    assert (line["source"], line["event_name"]) == ("ns/es", "push")
