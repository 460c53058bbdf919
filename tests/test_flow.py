"""One signed push walks through the ten steps, in order, each by the module that the map (docs/flow.md) names."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from pathlib import Path

from eventbus import subjects
from eventbus.ledger import Entry, EventRecord, open_ledger, read_outcomes
from events import manifests
from events.kube.local import open_store, read_workflows
from events.models.base import parse
from events.models.event import Event, event_id
from events.models.eventsource import EventSource
from events.models.sensor import Sensor
from events.secrets import Vault
from eventsource.delivery import Delivery
from eventsource.sources import Sources
from sensor import join
from sensor.plan import CompiledSensor
from sensor.scripts import ScriptWorker
from sensor.target import RoundContext, Tools

ROOT = Path(__file__).resolve().parents[1]
BODY = json.dumps(
    {
        "ref": "refs/heads/main",
        "after": "f00",
        "deleted": False,
        "repository": {"clone_url": "https://git.example.com/r.git"},
    }
).encode()


async def test_a_push_walks_through_the_ten_steps(tmp_path: Path) -> None:
    bundle = manifests.load([ROOT / "examples" / "01-github-push"])
    vault = Vault(manifests.vault_values(bundle.manifests))
    (source,) = (parse(EventSource, m.body) for m in bundle.of("EventSource"))
    (sensor,) = (parse(Sensor, m.body) for m in bundle.of("Sensor"))
    (listener,) = Sources([source], vault).listeners

    # 1 receive
    signature = "sha256=" + hmac.new(b"open-sesame", BODY, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-Github-Event": "push",
        "X-Github-Delivery": "d-1",
        "X-Hub-Signature-256": signature,
    }
    delivery = Delivery("POST", "/push", tuple(headers.items()), BODY, received=1_700_000_000 * 10**9)

    # 2 verify, 3 convert
    received = listener.receive(delivery)
    (event,) = received.events
    assert event.id == event_id("github", "default", "github", "push", "d-1")
    assert event.document.get("body.ref").string() == "refs/heads/main"

    # 4 publish, 5 consume: what lies on the bus is the CloudEvent
    assert subjects.subject(event.source, event.subject) == "default.github.push"
    assert Event.from_json(event.to_json()) == event

    # 6 transform, filter
    compiled = CompiledSensor(sensor, "default", ScriptWorker())
    (decision,) = compiled.decide(event)
    assert decision.verdict.passed

    # 7 join
    (trigger,) = compiled.triggers
    match = join.Match(decision.dependency, event.id, decision.event, _moment(event))
    _, complete = join.offer(trigger.condition, join.JoinState(), match)
    assert complete is not None

    # 8 parameters
    context = RoundContext(trigger.origin, complete.events, delivery.received, {"push": received.delivery_id})
    rendered = trigger.render(context)
    parameters = rendered.submission.body["spec"]["arguments"]["parameters"]
    assert [p["value"] for p in parameters] == ["https://git.example.com/r.git", "f00"]
    assert trigger.render(context).submission == rendered.submission

    # 9 submit
    templates = {(m.kind, m.namespace, m.name): m.body for m in bundle.of("WorkflowTemplate")}
    async with open_store(tmp_path, templates) as store:
        outcome = await rendered.kind.submit(rendered.submission, Tools(kube=store))
        again = await rendered.kind.submit(rendered.submission, Tools(kube=store))
    assert (outcome.kind, again.kind) == ("submitted", "duplicate")
    (workflow,) = read_workflows(tmp_path)
    assert workflow["metadata"]["annotations"]["pointsman/event-id"] == event.id

    # 10 settle
    record = EventRecord(event.id, "default", "default", event.source, event.subject, event.type, event.time)
    async with open_ledger(tmp_path) as ledger:
        entry = Entry(event.id, compiled.id, trigger.name, "push", "submitted", outcome.target)
        await ledger.record([record], [entry])
        assert ledger.known(compiled.id, [event.id]) == {(event.id, "start-ci", "push"): "submitted"}
    (row,) = read_outcomes(tmp_path)
    assert row["target"] == outcome.target


def test_the_map_names_files_that_are_there_and_say_their_step() -> None:
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| ([^|]+) \|", (ROOT / "docs" / "flow.md").read_text(), re.MULTILINE)

    assert [int(number) for number, _ in rows] == list(range(1, 11))
    for _, where in rows:
        for pattern in re.findall(r"`([^`]+\.py)`", where):
            assert list(ROOT.glob(pattern)), pattern


def _moment(event: Event):  # type: ignore[no-untyped-def]
    from datetime import datetime

    return datetime.fromisoformat(re.sub(r"\.\d+", "", event.time))
