"""Which EventBuses are valid, as the reference's controller has it."""

from __future__ import annotations

import pytest

from eventbus.validation import JETSTREAM, advise_event_bus, decode_event_bus, validate_event_bus


def judge(spec):
    bus, wrong = decode_event_bus({"metadata": {"name": "default"}, "spec": spec})
    return [f.path for f in (wrong if bus is None else validate_event_bus(bus))]


@pytest.mark.parametrize(
    "spec",
    [
        {"nats": {"native": {}}},
        {"NATS": {"native": {"replicas": 1}}},
        {"nats": {"exotic": {"url": "u", "clusterID": ""}}},
        {"jetstream": {"version": "latest"}},
        {"jetstream": {"version": "latest", "replicas": 1}},
        {"jetstream": {"version": "latest", "replicas": 5, "persistence": {"volumeSize": "1Gi"}}},
        {"jetstreamExotic": {"url": "nats://x:4222"}},
        {"kafka": {"url": "k:9092"}},
        {"jetstream": {"version": "latest"}, "kafka": {"url": "k"}},
    ],
)
def test_valid(spec):
    assert judge(spec) == []


@pytest.mark.parametrize(
    ("spec", "paths"),
    [
        ({}, ["spec"]),
        (None, ["spec"]),
        ({"other": {}}, ["spec"]),
        ({"nats": {}}, ["spec.nats"]),
        ({"nats": {"native": {}, "exotic": {"url": "u", "clusterID": "c"}}}, ["spec.nats"]),
        ({"nats": {"exotic": {}}}, ["spec.nats.exotic.clusterID", "spec.nats.exotic.url"]),
        ({"jetstream": {}}, ["spec.jetstream.version"]),
        ({"jetstream": {"version": "latest", "replicas": 2}}, ["spec.jetstream.replicas"]),
        ({"jetstream": {"version": "latest", "replicas": 0}}, ["spec.jetstream.replicas"]),
        ({"jetstream": {"version": "latest"}, "jetstreamExotic": {}}, ["spec.jetstreamExotic.url"]),
        ({"kafka": {}}, ["spec.kafka.url"]),
        ({"jetstream": {"version": 2}}, ["spec.jetstream.version"]),
        (
            {"jetstream": {"version": "2", "persistence": {"volumeSize": "big"}}},
            ["spec.jetstream.persistence.volumeSize"],
        ),
    ],
)
def test_invalid(spec, paths):
    assert judge(spec) == paths


def test_the_bus_that_stands_in_is_valid():
    assert validate_event_bus(JETSTREAM) == []
    assert advise_event_bus(JETSTREAM) == []


def test_advice_names_what_is_ignored_or_run_in_another_way():
    bus, _ = decode_event_bus({"spec": {"nats": {"native": {"replica": 3}}, "kafka": {"url": "k"}}})
    assert [f.path for f in advise_event_bus(bus)] == ["spec.nats.native.replica", "spec", "spec.nats"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            {"jetstreamExotic": {"url": "nats://x", "tls": {}, "streamConfig": "maxAge: 7d"}},
            "maxAge: '7d' is not a duration",
        ),
        ({"jetstreamExotic": {"url": "nats://x"}}, "certificate is not checked"),
        ({"jetstream": {"version": "latest", "streamConfig": "retention: 5"}}, "5 is none of"),
        ({"jetstream": {"version": "latest", "streamConfig": "maxMsgs: 5\nreplica: 1"}}, "unknown setting 'replica'"),
    ],
)
def test_advice_reads_the_stream_configuration(spec, words):
    bus, _ = decode_event_bus({"spec": spec})
    (finding,) = advise_event_bus(bus)
    assert words in finding.message
    assert finding.path.startswith(f"spec.{next(iter(spec))}")
