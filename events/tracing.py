"""The only door to OpenTelemetry: spans from a request to its Workflow, when somebody wants them.

``start`` turns tracing on when the environment says where spans go (``OTEL_EXPORTER_OTLP_ENDPOINT``, or ``…_TRACES_ENDPOINT``) and the
package is there (``pip install pointsman[otel]``). The ``around_…`` functions are called once, when something is put together: with
tracing off they give back what they got, so that an event costs nothing and nothing is imported.

The context travels in W3C form: from the request's ``traceparent`` header, in the extension of that name of the CloudEvent
(https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/distributed-tracing.md), to the Workflow's annotation
``pointsman/traceparent``. Spans: receive › publish › filter › submit.
"""

from __future__ import annotations

import copy
import dataclasses
import importlib
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar, cast

import structlog

from events.errors import PointsmanError
from events.models.event import Event
from events.models.values import Verdict
from events.version import __version__

__all__ = ["around_answer", "around_attempt", "around_binding", "around_bus", "around_decide", "is_on", "start", "use"]

log = structlog.get_logger("tracing")

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_EXPORT_SECONDS = 3.0
"""A collector that is away must not hold up the end of a process."""


class _Request(Protocol):
    """What is read of an HTTP request."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


class _Answer(Protocol):
    @property
    def status(self) -> int: ...


class _Decision(Protocol):
    @property
    def dependency(self) -> str: ...
    @property
    def verdict(self) -> Verdict: ...
    @property
    def event(self) -> Event: ...


class _Entry(Protocol):
    @property
    def outcome(self) -> str: ...
    @property
    def target(self) -> str: ...


class _Settled(Protocol):
    @property
    def entries(self) -> Sequence[_Entry]: ...


class _Result(Protocol):
    """What a WorkflowEventBinding says of an event."""

    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def error(self) -> PointsmanError | None: ...


R = TypeVar("R", bound=_Request)
A = TypeVar("A", bound=_Answer)
D = TypeVar("D", bound=_Decision)
S = TypeVar("S", bound=_Settled)
M = TypeVar("M", bound=_Result)
B = TypeVar("B")
C = TypeVar("C")


class _Tracing:
    """What is imported and made when tracing is on."""

    def __init__(self, provider: Any) -> None:
        self.api: Any = importlib.import_module("opentelemetry.trace")
        self.context: Any = importlib.import_module("opentelemetry.context")
        w3c: Any = importlib.import_module("opentelemetry.trace.propagation.tracecontext")
        self.propagator: Any = w3c.TraceContextTextMapPropagator()
        self.tracer: Any = provider.get_tracer("pointsman", __version__)

    def parent(self, traceparent: str) -> Any:
        """The context that a ``traceparent`` names; an empty one when it names none."""
        empty = self.context.Context()
        return self.propagator.extract({"traceparent": traceparent}, context=empty) if traceparent else empty

    @contextmanager
    def submit(self, traceparent: str, facts: Mapping[str, str], links: Sequence[Any] = ()) -> Iterator[Any]:
        """The span of an attempt. One that cannot be made now, and will be made again, is no error."""
        with self.tracer.start_as_current_span(
            "submit",
            context=self.parent(traceparent),
            kind=self.api.SpanKind.CLIENT,
            attributes=facts,
            links=links,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except PointsmanError as error:
                span.set_attribute("pointsman.outcome", error.reason)
                raise

    def traceparent(self, span: Any) -> str:
        """A span in W3C form."""
        carrier: dict[str, str] = {}
        self.propagator.inject(carrier, context=self.api.set_span_in_context(span))
        return carrier.get("traceparent", "")


_tracing: _Tracing | None = None


def is_on() -> bool:
    """Whether spans are made."""
    return _tracing is not None


def start(service: str) -> None:
    """Turn tracing on for this process when the environment asks for it. Spans that wait are sent when the process ends."""
    if (
        not any(os.environ.get(name) for name in _ENDPOINTS)
        or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    ):
        return
    try:
        sdk: Any = importlib.import_module("opentelemetry.sdk.trace")
        export: Any = importlib.import_module("opentelemetry.sdk.trace.export")
        otlp: Any = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        resources: Any = importlib.import_module("opentelemetry.sdk.resources")
    except ImportError as error:
        log.warning("no traces are made", error=str(error), hint="install pointsman[otel]")
        return
    facts = {"service.version": __version__}
    if "OTEL_SERVICE_NAME" not in os.environ:
        facts["service.name"] = f"pointsman-{service}"
    provider = sdk.TracerProvider(resource=resources.Resource.create(facts))
    timeout = None if "OTEL_EXPORTER_OTLP_TIMEOUT" in os.environ else _EXPORT_SECONDS
    provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter(timeout=timeout)))
    use(provider)
    log.info("traces are made", endpoint=next(os.environ[name] for name in _ENDPOINTS if os.environ.get(name)))


def use(provider: Any) -> None:
    """Make spans with this TracerProvider; None: make none. What is put together from now on is traced."""
    global _tracing
    _tracing = None if provider is None else _Tracing(provider)


def around_answer(answer: Callable[[R], Awaitable[A]]) -> Callable[[R], Awaitable[A]]:
    """``receive``: a request and its answer, within the sender's trace."""
    tracing = _tracing
    if tracing is None:
        return answer

    async def traced(request: R) -> A:
        parent = tracing.parent(request.headers.get("traceparent", ""))
        facts = {"http.request.method": request.method, "url.path": request.path[:200]}
        kind = tracing.api.SpanKind.SERVER
        with tracing.tracer.start_as_current_span("receive", context=parent, kind=kind, attributes=facts) as span:
            response = await answer(request)
            span.set_attribute("http.response.status_code", response.status)
            if response.status >= 500:
                span.set_status(tracing.api.StatusCode.ERROR)
            return response

    return traced


def around_bus(bus: B) -> B:
    """``publish``: an event on its way to the bus, which carries this span from here on."""
    return bus if _tracing is None else cast("B", _TracedBus(bus, _tracing))


class _TracedBus:
    """A bus whose ``publish`` is traced."""

    def __init__(self, bus: Any, tracing: _Tracing) -> None:
        self._bus = bus
        self._tracing = tracing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    async def publish(self, event: Event, **options: Any) -> Any:
        """See ``eventbus.interface.Bus``."""
        tracing = self._tracing
        kind = tracing.api.SpanKind.PRODUCER
        with tracing.tracer.start_as_current_span("publish", kind=kind, attributes=_facts(event)) as span:
            stored = await self._bus.publish(_with(event, tracing.traceparent(span)), **options)
            span.set_attribute("pointsman.stored", _stored(stored))
            return stored


def around_decide(decide: Callable[[Event], Iterable[D]], sensor: str) -> Callable[[Event], Iterable[D]]:
    """``filter``: what the dependencies of a sensor say of an event. Events that passed carry this span from here on."""
    tracing = _tracing
    if tracing is None:
        return decide

    def traced(event: Event) -> Iterable[D]:
        facts = {**_facts(event), "pointsman.sensor": sensor}
        kind = tracing.api.SpanKind.CONSUMER
        parent = tracing.parent(event.traceparent)
        with tracing.tracer.start_as_current_span("filter", context=parent, kind=kind, attributes=facts) as span:
            decisions = list(decide(event))
            for each in decisions:
                span.set_attribute(f"pointsman.verdict.{each.dependency}", each.verdict.kind.value)
            here = tracing.traceparent(span)
        return [cast("D", dataclasses.replace(cast("Any", each), event=_with(each.event, here))) for each in decisions]

    return traced


def around_attempt(
    attempt: Callable[[C], Awaitable[S]], sensor: str, about: Callable[[C], tuple[str, Iterable[Event]]]
) -> Callable[[C], Awaitable[S]]:
    """``submit``: one attempt of a round; ``about`` names its trigger and its events, the newest of which is the parent."""
    tracing = _tracing
    if tracing is None:
        return attempt

    async def traced(case: C) -> S:
        trigger, found = about(case)
        events = sorted(found, key=lambda event: event.time)
        newest = events[-1].traceparent if events else ""
        links = [
            tracing.api.Link(tracing.api.get_current_span(tracing.parent(event.traceparent)).get_span_context())
            for event in events[:-1]
            if event.traceparent
        ]
        facts = {
            "pointsman.sensor": sensor,
            "pointsman.trigger": trigger,
            "cloudevents.event_id": ",".join(event.id for event in events),
        }
        with tracing.submit(newest, facts, links) as span:
            settled = await attempt(case)
            for entry in settled.entries[:1]:
                span.set_attribute("pointsman.outcome", entry.outcome)
                span.set_attribute("pointsman.target", entry.target)
                if entry.outcome == "refused":
                    span.set_status(tracing.api.StatusCode.ERROR)
            return settled

    return traced


def around_binding(
    attempt: Callable[[C, M, Event], Awaitable[tuple[M, str]]],
) -> Callable[[C, M, Event], Awaitable[tuple[M, str]]]:
    """``submit``: one attempt at a WorkflowEventBinding, with the name of the Workflow that came of it."""
    tracing = _tracing
    if tracing is None:
        return attempt

    async def traced(attempts: C, result: M, event: Event) -> tuple[M, str]:
        facts = {"pointsman.binding": f"{result.namespace}/{result.name}", "cloudevents.event_id": event.id}
        with tracing.submit(event.traceparent, facts) as span:
            done, workflow = await attempt(attempts, result, event)
            span.set_attribute("pointsman.outcome", "submitted" if done.error is None else done.error.reason)
            span.set_attribute("pointsman.target", workflow)
            if done.error is not None:
                span.set_status(tracing.api.StatusCode.ERROR)
            return done, workflow

    return traced


def _facts(event: Event) -> dict[str, str]:
    """https://opentelemetry.io/docs/specs/semconv/cloudevents/cloudevents-spans/."""
    return {
        "cloudevents.event_id": event.id,
        "cloudevents.event_source": event.source,
        "cloudevents.event_type": event.type,
        "cloudevents.event_subject": event.subject,
    }


def _stored(stored: Any) -> str:
    return "spooled" if stored.spooled else "duplicate" if stored.duplicate else "stored"


def _with(event: Event, traceparent: str) -> Event:
    """The event with this context. What it has parsed of its data goes along."""
    other = copy.copy(event)
    object.__setattr__(other, "traceparent", traceparent)
    return other
