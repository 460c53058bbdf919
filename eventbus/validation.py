"""What can be wrong with an EventBus: the reference's rules, in its order, and what we would tell beyond them (spec §5.5, §4.7)."""

from __future__ import annotations

from eventbus.addressing import read_stream_config
from eventbus.stream import OURS, THEIRS
from events.models.base import Finding, Json, decode, unknown_fields, walk
from events.models.eventbus import EventBus, EventBusSpec, JetStream, Nats
from events.models.shared import check_selector

__all__ = ["JETSTREAM", "advise_event_bus", "decode_event_bus", "validate_event_bus"]

JETSTREAM = EventBus(spec=EventBusSpec(jetstream=JetStream(version="latest")))
"""A bus for judging a Sensor whose own bus is not at hand."""

_KINDS = "nats, jetstream, jetstreamExotic, kafka"


def decode_event_bus(raw: Json) -> tuple[EventBus | None, list[Finding]]:
    """The object, or an error for each field of the wrong type."""
    return decode(EventBus, raw)


def validate_event_bus(bus: EventBus) -> list[Finding]:
    """What the reference's controller finds wrong; empty when the bus is valid."""
    spec = bus.spec
    if spec.nats is None and spec.jetstream is None and spec.kafka is None and spec.jetstream_exotic is None:
        return [Finding("error", "spec", f"one of {_KINDS} must be given")]
    findings: list[Finding] = []
    if spec.nats is not None:
        findings += _check_nats(spec.nats)
    if spec.jetstream is not None:
        if not spec.jetstream.version:
            findings.append(Finding("error", "spec.jetstream.version", "must be given"))
        replicas = spec.jetstream.replicas
        if replicas is not None and (replicas == 2 or replicas <= 0):
            findings.append(Finding("error", "spec.jetstream.replicas", f"must be 1, or 3 and more, not {replicas}"))
    if spec.kafka is not None and not spec.kafka.url:
        findings.append(Finding("error", "spec.kafka.url", "must be given"))
    if spec.jetstream_exotic is not None and not spec.jetstream_exotic.url:
        findings.append(Finding("error", "spec.jetstreamExotic.url", "must be given"))
    return findings


def _check_streams(spec: EventBusSpec) -> list[Finding]:
    """The reference finds a stream configuration wrong when the first pod starts, or reads nothing in silence."""
    if spec.jetstream_exotic is not None:
        _, findings = read_stream_config(spec.jetstream_exotic.stream_config, THEIRS)
        if spec.jetstream_exotic.tls is None:
            text = "without tls the server's certificate is not checked, as in the reference"
            findings.append(Finding("warning", "spec.jetstreamExotic", text, "give tls.caCertSecret"))
        return findings
    if spec.jetstream is not None:
        return read_stream_config(spec.jetstream.stream_config, OURS, path="spec.jetstream.streamConfig")[1]
    return []


def _check_nats(nats: Nats) -> list[Finding]:
    if (nats.native is None) == (nats.exotic is None):
        text = (
            "either native or exotic must be given" if nats.native is None else "native and exotic exclude each other"
        )
        return [Finding("error", "spec.nats", text)]
    findings = []
    if nats.exotic is not None:
        if nats.exotic.cluster_id is None:
            findings.append(Finding("error", "spec.nats.exotic.clusterID", "must be given; it may be empty"))
        if not nats.exotic.url:
            findings.append(Finding("error", "spec.nats.exotic.url", "must be given"))
    return findings


def advise_event_bus(bus: EventBus) -> list[Finding]:
    """What the reference lets pass in silence: unknown fields, kinds beside each other, kinds that we run in another way."""
    findings = list(unknown_fields(bus))
    for model, path in walk(bus):
        findings += check_selector(model, path)
    spec = bus.spec
    given = [name for name in ("nats", "jetstream", "kafka", "jetstream_exotic") if getattr(spec, name) is not None]
    if len(given) > 1:
        words = [EventBusSpec.model_fields[name].alias or name for name in given]
        findings.append(Finding("warning", "spec", f"of {' and '.join(words)} only {words[0]} counts"))
    findings += _check_streams(spec)
    if given[:1] == ["nats"]:
        findings.append(
            Finding("warning", "spec.nats", "NATS Streaming is at its end of life; this bus runs on JetStream")
        )
    if given[:1] == ["kafka"]:
        findings.append(Finding("warning", "spec.kafka", "a bus on Kafka is not built yet", "use jetstream"))
    return findings
