"""One trace from the request to the Workflow; and nothing of it when nobody wants it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from eventbus.jetstream import JetStreamBus
from events import tracing
from events.errors import Refused
from events.models.event import Event
from eventsource import process
from tests.eventsource.suite import sources
from tests.support.cluster import MemoryCluster
from tests.support.endpoint import on_cluster, post
from tests.support.nats import bus, event, nats, until
from tests.support.sensor import TWO, Target, run, sensor

__all__ = ["bus", "nats"]

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SENDER = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def spans() -> Iterator[Any]:
    """All spans that ended, in memory."""
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracing.use(provider)
    yield kept
    tracing.use(None)


@asynccontextmanager
async def source(bus: JetStreamBus) -> Any:
    """The URL of an EventSource ``es`` with the event ``push``."""
    from events.cli.health import listen_on

    compiled = sources({"webhook": {"push": {"endpoint": "/hook", "port": "12000", "method": "POST"}}})
    with listen_on("127.0.0.1", 0) as listening:
        server = await process.start(compiled, {12000: [listening]}, lambda namespace, name: bus)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/hook"
        await server.drain(0)


async def deliver(url: str, **headers: str) -> int:
    async with aiohttp.ClientSession() as session, session.post(url, json={"a": 1}, headers=headers) as answer:
        return answer.status


async def test_a_request_and_its_workflow_are_one_trace(bus: JetStreamBus, tmp_path: Path, spans: Any) -> None:
    target = Target()
    async with run(sensor(), bus, target, tmp_path), source(bus) as url:
        assert await deliver(url, traceparent=SENDER) == 200
        await until(lambda: len(spans.get_finished_spans()) == 4)
    by_name = {span.name: span for span in spans.get_finished_spans()}
    assert set(by_name) == {"receive", "publish", "filter", "submit"}
    assert {f"{span.context.trace_id:032x}" for span in by_name.values()} == {TRACE}
    chain = [f"{by_name[name].parent.span_id:016x}" for name in ("receive", "publish", "filter", "submit")]
    assert chain == [
        "00f067aa0ba902b7",
        *(f"{by_name[n].context.span_id:016x}" for n in ("receive", "publish", "filter")),
    ]
    (workflow,) = target.created.values()
    annotation = workflow["metadata"]["annotations"]["pointsman/traceparent"]
    assert annotation == f"00-{TRACE}-{by_name['filter'].context.span_id:016x}-01"
    identity = workflow["metadata"]["annotations"]["pointsman/event-id"]
    assert {by_name[name].attributes["cloudevents.event_id"] for name in ("publish", "filter", "submit")} == {identity}
    assert by_name["receive"].attributes["http.response.status_code"] == 200
    assert by_name["publish"].attributes["pointsman.stored"] == "stored"
    assert by_name["filter"].attributes["pointsman.verdict.push"] == "passed"
    assert by_name["submit"].attributes["pointsman.trigger"] == "start"
    assert by_name["submit"].attributes["pointsman.outcome"] == "submitted"


async def test_without_a_trace_of_the_sender_one_begins_here(bus: JetStreamBus, tmp_path: Path, spans: Any) -> None:
    async with run(sensor(), bus, Target(), tmp_path), source(bus) as url:
        assert await deliver(url, traceparent="not a trace") == 200
        await until(lambda: len(spans.get_finished_spans()) == 4)
    assert len({span.context.trace_id for span in spans.get_finished_spans()}) == 1


async def test_a_round_of_two_events_continues_the_newest_and_links_the_other(
    bus: JetStreamBus, tmp_path: Path, spans: Any
) -> None:
    both = sensor(dependencies=TWO)
    old = Event("e1", "es", "github", "push", "2026-01-01T00:00:00Z", b"{}", traceparent=SENDER)
    other = SENDER.replace(TRACE, TRACE[::-1])
    new = Event("e2", "es", "github", "approval", "2026-01-01T00:00:01Z", b"{}", traceparent=other)
    target = Target()
    async with run(both, bus, target, tmp_path):
        await bus.publish(new)
        await bus.publish(old)
        await until(lambda: any(span.name == "submit" for span in spans.get_finished_spans()))
    (submit,) = [span for span in spans.get_finished_spans() if span.name == "submit"]
    assert f"{submit.context.trace_id:032x}" == TRACE[::-1]
    assert [f"{link.context.trace_id:032x}" for link in submit.links] == [TRACE]
    (workflow,) = target.created.values()
    assert TRACE[::-1] in workflow["metadata"]["annotations"]["pointsman/traceparent"]


async def test_a_dead_letter_is_an_error_of_its_trace(bus: JetStreamBus, tmp_path: Path, spans: Any) -> None:
    async with run(sensor(), bus, Target(Refused("no such thing", status=404)), tmp_path):
        await bus.publish(event("e1"))
        await until(lambda: any(span.name == "submit" for span in spans.get_finished_spans()))
    (submit,) = [span for span in spans.get_finished_spans() if span.name == "submit"]
    assert submit.attributes["pointsman.outcome"] == "refused"
    assert not submit.status.is_ok


async def test_a_post_and_the_workflows_of_its_bindings_are_one_trace(spans: Any) -> None:
    cluster = MemoryCluster()
    cluster.state.tokens["token"] = "admin"
    cluster.put({"kind": "WorkflowTemplate", "metadata": {"name": "ci", "namespace": "ns"}, "spec": {}})
    for name, template in (("good", "ci"), ("bad", "missing")):
        spec = {"event": {"selector": "true"}, "submit": {"workflowTemplateRef": {"name": template}}}
        cluster.put({"kind": "WorkflowEventBinding", "metadata": {"name": name, "namespace": "ns"}, "spec": spec})
    async with on_cluster(cluster) as address:
        answer = await post(address, headers={"Authorization": "Bearer token", "traceparent": SENDER})
        assert answer.status == 200
        await until(lambda: len(spans.get_finished_spans()) == 4)
    found = spans.get_finished_spans()
    assert sorted(span.name for span in found) == ["publish", "receive", "submit", "submit"]
    assert {f"{span.context.trace_id:032x}" for span in found} == {TRACE}
    submits = {span.attributes["pointsman.binding"]: span for span in found if span.name == "submit"}
    assert submits["ns/good"].attributes["pointsman.outcome"] == "submitted"
    assert not submits["ns/bad"].status.is_ok
    [workflow] = cluster.all("Workflow")
    assert submits["ns/good"].attributes["pointsman.target"] == workflow["metadata"]["name"]
    assert TRACE in workflow["metadata"]["annotations"]["pointsman/traceparent"]


def test_an_event_carries_its_trace_as_cloudevents_say_and_nothing_that_is_none() -> None:
    plain = Event("e1", "es", "github", "push", "2026-01-01T00:00:00Z", b"{}")
    assert b"traceparent" not in plain.to_json()
    traced = Event("e1", "es", "github", "push", "2026-01-01T00:00:00Z", b"{}", traceparent=SENDER)
    assert f'"traceparent":"{SENDER}"'.encode() in traced.to_json()
    assert Event.from_json(traced.to_json()) == traced
    assert "traceparent" not in traced.context
    for wrong in (b'"nonsense"', b"7", b"null", b'"00-xyz"'):
        text = traced.to_json().replace(f'"{SENDER}"'.encode(), wrong)
        assert Event.from_json(text) == plain


def test_with_tracing_off_everything_is_as_it_was() -> None:
    assert not tracing.is_on()
    something = object()
    assert tracing.around_bus(something) is something
    for around in (tracing.around_answer, lambda f: tracing.around_decide(f, "s")):
        assert around(len) is len
    assert tracing.around_attempt(len, "s", len) is len  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("environment", "imported"),
    [({}, False), ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, True)],
)
def test_opentelemetry_is_imported_only_when_the_environment_says_where_spans_go(
    environment: dict[str, str], imported: bool
) -> None:
    program = (
        "import sys, events.cli.eventsource, events.cli.worker_sensor; from events import tracing;"
        "tracing.start('test'); print(tracing.is_on(), any(m.startswith('opentelemetry') for m in sys.modules))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        env={**{k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert found.stdout.splitlines()[-1] == f"{imported} {imported}"
