"""Which Sensors are valid, as the reference's controller has it."""

from __future__ import annotations

import pytest

from eventbus.validation import JETSTREAM
from events.models.base import parse
from events.models.eventbus import EventBus
from events.models.sensor import TriggerTemplate
from sensor.triggers import PRECEDENCE, chosen, registry
from sensor.validation import decode_sensor, validate_sensor

STREAMING = parse(EventBus, {"spec": {"nats": {"native": {}}}})
DEPENDENCY = {"name": "d", "eventSourceName": "es", "eventName": "ev"}
SECRET = {"name": "n", "key": "k"}
PARAMETER = {"src": {"dependencyName": "d"}, "dest": "a"}
SOURCE = {"resource": {"apiVersion": "v1", "kind": "Pod"}}

VALID = {
    "k8s": {"source": SOURCE},
    "argoWorkflow": {"source": SOURCE, "operation": "submit"},
    "http": {"url": "u"},
    "awsLambda": {"functionName": "f", "region": "r", "payload": []},
    "azureEventHubs": {},
    "azureServiceBus": {},
    "kafka": {"url": "u", "topic": "t", "payload": []},
    "pulsar": {},
    "nats": {"url": "u", "subject": "s", "payload": []},
    "slack": {"slackToken": SECRET},
    "openWhisk": {"host": "h", "actionName": "a", "payload": []},
    "custom": {"serverURL": "u", "spec": {}},
    "log": {},
    "email": {"host": "h"},
}


def judge(spec, bus=JETSTREAM):
    sensor, wrong = decode_sensor({"metadata": {"name": "s"}, "spec": spec})
    return [f.path for f in wrong or validate_sensor(sensor, bus)]


def of_trigger(trigger):
    """Paths below the one trigger."""
    return [p.removeprefix("spec.triggers[0]") for p in judge({"dependencies": [DEPENDENCY], "triggers": [trigger]})]


def of_template(**template):
    return [p.removeprefix(".template.") for p in of_trigger({"template": {"name": "t", **template}})]


def of_filters(filters, **more):
    dependency = {**DEPENDENCY, "filters": filters, **more}
    return [
        p.removeprefix("spec.dependencies[0].")
        for p in judge({"dependencies": [dependency], "triggers": [{"template": {"name": "t"}}]})
    ]


def test_a_sensor_needs_a_bus_dependencies_and_triggers():
    assert judge({}, None) == ["spec.eventBusName"]
    assert judge({}) == ["spec.dependencies", "spec.triggers"]
    assert judge({"dependencies": [None], "triggers": [None]}) == [
        "spec.dependencies[0].name",
        "spec.dependencies[0].eventSourceName",
        "spec.dependencies[0].eventName",
        "spec.triggers[0].template",
    ]


def test_one_dependency_an_event_on_a_streaming_bus_only():
    spec = {"dependencies": [DEPENDENCY, {**DEPENDENCY, "name": "e"}], "triggers": [{"template": {"name": "t"}}]}
    assert judge(spec) == []
    assert judge(spec, STREAMING) == ["spec.dependencies[1]"]


@pytest.mark.parametrize("filters", [None, {}, {"data": []}, {"exprs": None}, {"script": "x", "time": None}])
def test_filters_may_be_empty(filters):
    assert of_filters(filters) == []


@pytest.mark.parametrize(
    ("filters", "paths"),
    [
        ({"dataLogicalOperator": "nor"}, ["filters.dataLogicalOperator"]),
        ({"exprLogicalOperator": "AND"}, ["filters.exprLogicalOperator"]),
        ({"exprs": [{}]}, ["filters.exprs[0].expr", "filters.exprs[0].fields"]),
        ({"exprs": [{"expr": "a", "fields": [{"path": "a"}]}]}, ["filters.exprs[0].fields[0].name"]),
        ({"data": [{}]}, ["filters.data[0].path", "filters.data[0].type", "filters.data[0].value"]),
        ({"data": [{"path": "a", "type": "any", "value": [None]}]}, ["filters.data[0].value[0]"]),
        ({"data": [{"path": "a", "type": "x", "value": ["y"], "comparator": "=="}]}, ["filters.data[0].comparator"]),
        ({"data": [{"path": "a", "type": "x", "value": "y"}]}, ["filters.data[0].value"]),
        ({"context": {}}, ["filters.context"]),
        ({"context": {"id": "x"}}, ["filters.context"]),
        ({"context": {"time": "yesterday"}}, ["filters.context.time"]),
        ({"time": {}}, ["filters.time.start", "filters.time.stop"]),
        ({"time": {"start": "9:00:00", "stop": "09:00:00"}}, ["filters.time"]),
        ({"time": {"start": "09:00", "stop": "24:00:00"}}, ["filters.time.start", "filters.time.stop"]),
        ({"time": {"start": "1:00:00", "stop": "2:00:00", "timezone": "No/Where"}}, ["filters.time.timezone"]),
    ],
)
def test_what_makes_filters_invalid(filters, paths):
    assert of_filters(filters) == paths


@pytest.mark.parametrize("timezone", ["", "Local", "UTC", "Asia/Tokyo"])
def test_time_zones(timezone):
    assert of_filters({"time": {"start": "17:00:00", "stop": "9:00:00", "timezone": timezone}}) == []


def test_every_kind_of_the_reference_is_known():
    assert set(VALID) == set(PRECEDENCE)
    for kind in PRECEDENCE:
        assert registry[kind].kind == kind


@pytest.mark.parametrize("kind", VALID)
def test_the_least_that_is_valid(kind):
    assert of_template(**{kind: VALID[kind]}) == []


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind in VALID for field in VALID[kind]])
def test_nothing_of_it_can_be_left_out(kind, field):
    less = {name: value for name, value in VALID[kind].items() if name != field}
    assert of_template(**{kind: less}) == [f"{kind}.{field}"]


@pytest.mark.parametrize(
    ("kind", "more", "path"),
    [
        ("k8s", {"operation": "apply"}, "operation"),
        ("k8s", {"liveObject": "true"}, "liveObject"),
        ("argoWorkflow", {"operation": ""}, "operation"),
        ("argoWorkflow", {"args": "x"}, "args"),
        ("http", {"method": "get"}, "method"),
        ("http", {"timeout": "5"}, "timeout"),
        ("custom", {"secure": True}, "certSecret"),
        ("openWhisk", {"authToken": {"name": "n"}}, "authToken.key"),
        ("email", {"port": 65536}, "port"),
        ("email", {"to": "a@b"}, "to"),
        ("kafka", {"partition": "1"}, "partition"),
    ],
)
def test_what_makes_a_kind_invalid(kind, more, path):
    assert of_template(**{kind: {**VALID[kind], **more}}) == [f"{kind}.{path}"]


@pytest.mark.parametrize(
    ("parameter", "path"),
    [
        ({"dest": "a"}, "src"),
        ({"src": {}, "dest": "a"}, "src.dependencyName"),
        ({"src": {"dependencyName": "d"}}, "dest"),
        ({**PARAMETER, "operation": "replace"}, "operation"),
    ],
)
def test_parameters_need_source_dependency_and_destination(parameter, path):
    assert of_trigger({"template": {"name": "t"}, "parameters": [PARAMETER, parameter]}) == [f".parameters[1].{path}"]
    for kind in ("k8s", "argoWorkflow", "http", "awsLambda", "slack", "openWhisk", "custom", "email"):
        assert of_template(**{kind: {**VALID[kind], "parameters": [parameter]}}) == [f"{kind}.parameters[0].{path}"]
    for kind in ("awsLambda", "kafka", "nats", "openWhisk"):
        assert of_template(**{kind: {**VALID[kind], "payload": [parameter]}}) == [f"{kind}.payload[0].{path}"]


def test_what_the_reference_does_not_look_at_is_valid():
    for kind in ("kafka", "nats", "pulsar", "azureEventHubs", "azureServiceBus"):
        assert of_template(**{kind: {**VALID[kind], "parameters": [{}]}}) == []
    assert of_template(http={"url": "u", "payload": [{"src": {"dependencyName": "d"}}]}) == []
    assert of_template(unknown={}, conditions="(", conditionsReset=[]) == []


@pytest.mark.parametrize(
    ("reset", "path"),
    [
        ({}, "byTime"),
        ({"byTime": {"cron": "@daily"}}, "byTime.cron"),
        ({"byTime": {"cron": ""}}, "byTime.cron"),
        ({"byTime": {"cron": "* * * * *", "timezone": "No/Where"}}, "byTime.timezone"),
    ],
)
def test_resets_need_a_cron_line_and_a_zone(reset, path):
    assert of_template(conditionsReset=[{"byTime": {"cron": "*/5 1-3 ? jan mon-fri"}}, reset]) == [
        f"conditionsReset[1].{path}"
    ]


@pytest.mark.parametrize(
    ("kind", "policy", "paths"),
    [
        ("k8s", {"k8s": {}}, [".policy.k8s.labels"]),
        ("argoWorkflow", {"k8s": {"labels": {}}}, []),
        ("k8s", {"status": {}}, []),
        ("http", {"status": {}}, [".policy.status.allow"]),
        ("awsLambda", {"status": {"allow": []}}, []),
        ("http", {"status": {"allow": ["200"]}}, [".policy.status.allow[0]"]),
        ("log", {"status": {}, "k8s": {}}, []),
    ],
)
def test_a_policy_is_complete_for_its_kind(kind, policy, paths):
    assert of_trigger({"template": {"name": "t", kind: VALID[kind]}, "policy": policy}) == paths


def test_a_dead_letter_trigger_is_a_trigger_and_both_are_at_least_once():
    inner = {"template": {"name": "i"}}
    assert of_trigger({"template": {"name": "t"}, "dlqTrigger": inner}) == [".atLeastOnce", ".dlqTrigger.atLeastOnce"]
    inner = {"template": {}, "atLeastOnce": True}
    assert of_trigger({"template": {"name": "t"}, "atLeastOnce": True, "dlqTrigger": inner}) == [
        ".dlqTrigger.template.name"
    ]


def test_trigger_names_differ():
    triggers = [{"template": {"name": name}} for name in ("a", "b", "a")]
    assert judge({"dependencies": [DEPENDENCY], "triggers": triggers}) == ["spec.triggers[2].template.name"]


def test_of_several_kinds_the_first_in_the_order_of_the_reference_counts():
    template = parse(TriggerTemplate, {"name": "t", "log": {}, "other": {}, "Http": {"url": "u"}, "email": {}})
    assert chosen(template) == ("http", {"url": "u"})
    assert chosen(parse(TriggerTemplate, {"name": "t", "other": {}})) is None
