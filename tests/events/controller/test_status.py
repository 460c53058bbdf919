from __future__ import annotations

from typing import Any

import pytest

from events.cli.judges import JUDGES
from events.controller import eventsource, sensor
from events.controller.conditions import Condition, false, is_ready, merged, true
from events.controller.desired import Bus
from events.controller.judging import Judgement, Reference
from events.controller.podstates import combined
from events.controller.references import missing
from events.controller.settings import Settings
from events.controller.status import bus_state, failures, news, status_patch
from events.controller.workload import workload
from events.models.base import Finding
from tests.support import controlled

Json = dict[str, Any]

AT, LATER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
READY = Bus("default", {"jetstream": {"url": "nats://x"}})


def _object(**status: Any) -> Json:
    return {"kind": "Sensor", "metadata": {"name": "a", "namespace": "n", "generation": 2}, "status": status}


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    before = merged(None, [true("B"), false("A", "Why", "because")], 1, AT)
    after = merged(before, [true("B"), false("A", "Other", "since")], 2, LATER)
    turned = merged(after, [true("B"), true("A")], 3, LATER)

    assert [c["type"] for c in before] == ["A", "B"]
    assert [c["lastTransitionTime"] for c in after] == [AT, AT]
    assert (after[0]["reason"], after[0]["observedGeneration"]) == ("Other", 2)
    assert [c["lastTransitionTime"] for c in turned] == [LATER, AT]


def test_a_status_that_says_it_already_is_not_written() -> None:
    conditions = [true("Deployed")]
    told = {"conditions": merged(None, conditions, 2, AT), "observedGeneration": 2, "theirs": 1, "lastEvent": AT}

    assert status_patch(_object(**told), conditions, {}, LATER) == {}
    assert status_patch(_object(**told), conditions, {"config": {"a": 1}}, LATER) == {"config": {"a": 1}}
    assert status_patch(_object(**told, config={"a": 1}), conditions, {}, LATER) == {"config": None}
    assert set(status_patch(_object(), conditions, {}, AT)) == {"conditions", "observedGeneration"}


def test_a_refusal_is_news_once() -> None:
    refusal = [false("Deployed", "Why", "because"), true("Other")]
    told = merged(None, refusal, 1, AT)

    assert news(_object(), refusal) == refusal[:1]
    assert news(_object(conditions=told), refusal) == []
    assert news(_object(conditions=told), [false("Deployed", "Why", "something else")]) != []


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        (None, False),
        ({}, False),
        ({"conditions": []}, False),
        ({"conditions": [{"status": "True"}]}, True),
        ({"conditions": [{"status": "True"}, {"status": "False"}]}, False),
    ],
)
def test_ready_is_when_all_conditions_are_true(status: Any, ready: bool) -> None:
    assert is_ready(status) is ready


def test_what_is_known_of_a_bus() -> None:
    config = {"jetstream": {"url": "nats://x"}}
    good = {"conditions": [{"type": "Deployed", "status": "True"}], "config": config}
    bad = {"conditions": [{"type": "Configured", "status": "False", "message": "no url"}], "config": config}

    assert bus_state("b", None).reason == "EventBusNotFound"
    assert bus_state("b", {"spec": {}, "status": bad}).message == "EventBus not ready. Configured: no url"
    assert bus_state("b", {"spec": {"jetstream": {}}, "status": good}) == Bus("b", config, ours=True)
    assert bus_state("b", {"spec": {"nats": {"native": {}}}, "status": good}) == Bus("b", config, ours=True)
    assert bus_state("b", {"spec": {"jetstreamExotic": {}}, "status": good}) == Bus("b", config, ours=False)


def test_why_pods_do_not_start_is_in_the_words_of_kubernetes() -> None:
    conditions = [
        {"type": "Available", "status": "False", "message": "not yet"},
        {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"},
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"},
    ]

    found = failures({"kind": "Deployment", "status": {"conditions": conditions}})

    assert found == ["exceeded quota", "ProgressDeadlineExceeded"]
    assert failures({"kind": "Deployment"}) == []


@pytest.mark.parametrize(
    ("status", "lacks"),
    [
        ({}, False),
        ({"observedGeneration": 1, "replicas": 0}, False),
        ({"observedGeneration": 2, "replicas": 2}, True),
        ({"observedGeneration": 2}, True),
        ({"observedGeneration": 2, "replicas": 3, "readyReplicas": 0}, False),
    ],
)
def test_that_a_statefulset_lacks_pods_is_told(status: Json, lacks: bool) -> None:
    metadata = {"name": "eventbus-default-js", "generation": 2}

    told = failures({"kind": "StatefulSet", "metadata": metadata, "spec": {"replicas": 3}, "status": status})

    assert [text.endswith("(kubectl describe statefulset eventbus-default-js says why)") for text in told] == [
        True
    ] * lacks


def test_missing_keys_are_told_by_name() -> None:
    wanted = [
        Reference("Secret", "a", "x", "spec.one"), Reference("Secret", "a", "y", "spec.two"), Reference("Secret", "b", "x", "spec.three"),
        Reference("Secret", "b", "x", "spec.four", optional=True), Reference("ConfigMap", "unreadable", "x", "spec.five"),
    ]  # fmt: skip

    found = missing(wanted, {("Secret", "a"): frozenset({"x"}), ("Secret", "b"): None})

    assert [(f.path, f.message) for f in found] == [
        ("spec.two", "Secret 'a' has no key 'y'"),
        ("spec.three", "there is no Secret 'b'"),
    ]


def test_what_pods_say_is_put_together() -> None:
    hook = {"event": "push", "target": "o/r", "state": "refused", "message": "no rights"}
    one = {"lastEvent": AT, "lastError": "first", "troubles": ["bus away"], "hooks": [hook, {"state": "kept"}]}
    other = {"lastEvent": LATER, "lastSubmission": AT, "lastError": None, "troubles": ["bus away"]}

    assert combined([one, other]) == {
        "lastEvent": LATER,
        "lastSubmission": AT,
        "lastError": "first",
        "troubles": ["bus away", "hook of event 'push' at o/r: no rights"],
        "hooks": {"right": 1, "wrong": 1},
    }
    assert combined([{"lastEvent": None, "lastError": 5, "hooks": ["x"], "troubles": [1]}]) == {"troubles": None}
    assert combined([{"lastEvent": [], "hooks": 5, "troubles": 5}, {"hooks": {"a": 1}, "troubles": "text"}]) == {
        "troubles": None
    }


def _placed(obj: Json) -> Json:
    return {**obj, "metadata": {**obj["metadata"], "namespace": "n", "uid": "u", "generation": 1}}


def _conditions(obj: Json, bus: Bus = READY, lacking: tuple[Finding, ...] = ()) -> dict[str, Condition]:
    desire = {"Sensor": sensor.desire, "EventSource": eventsource.desire}[obj["kind"]]
    desired = desire(obj, bus, JUDGES[obj["kind"]](obj, None), lacking, Settings("i"))
    return {condition.type: condition for condition in desired.conditions}


def test_all_is_well() -> None:
    for obj in (controlled.sensor(), controlled.source()):
        assert {c.status for c in _conditions(_placed(obj)).values()} == {"True"}


def _changed(obj: Json, change: Json) -> Json:
    return _placed({**obj, "spec": {**obj["spec"], **change}})


@pytest.mark.parametrize(
    ("obj", "type", "reason", "words"),
    [
        (_changed(controlled.sensor(), {"triggers": []}), "TriggersProvided", "InvalidTriggers", "spec.triggers: must name"),
        (_changed(controlled.sensor(), {"dependencies": []}), "DependenciesProvided", "InvalidDependencies", "spec.dependencies"),
        (_changed(controlled.sensor(), {"triggers": "x"}), "TriggersProvided", "InvalidTriggers", "must be a list"),
        (
            _changed(controlled.sensor(), {"dependencies": [{"name": "push", "eventSourceName": "h", "eventName": "p", "filters": {
                "exprs": [{"expr": "a ==", "fields": [{"path": "a", "name": "a"}]}]}}]}),
            "DependenciesProvided", "InvalidDependencies", "spec.dependencies[0].filters.exprs[0]",
        ),
        (
            _changed(controlled.source(), {"github": {"a": {"webhook": {}, "events": []}}}),
            "SourcesProvided", "InvalidEventSource", "spec.github.a",
        ),
        (
            _changed(controlled.source(), {"calendar": {"a": {"schedule": "* * * * *"}}}),
            "SourcesProvided", "InvalidEventSource", "write two EventSources",
        ),
        (
            _changed(controlled.source(), {"webhook": {"a.b": {"port": "1", "endpoint": "/", "method": "POST"}}}),
            "SourcesProvided", "InvalidEventSource", "spec.webhook.a\\.b: the event name 'a.b' holds '.'",
        ),
        (
            _changed(controlled.source(), {"webhook": {n: {"port": "1", "endpoint": "/", "method": "POST"} for n in "ab"}}),
            "SourcesProvided", "InvalidEventSource", "spec.webhook.b: ",
        ),
        (
            _changed(controlled.source(), {"webhook": {"a": {"port": "7777", "endpoint": "/", "method": "POST"}}}),
            "SourcesProvided", "InvalidEventSource", "spec.webhook.a.port: port 7777 is that of /metrics",
        ),
        (
            _changed(controlled.source(), {"webhook": {}, "calendar": {"a": {"interval": "10s"}}}),
            "SourcesProvided", "InvalidEventSource", "spec.calendar.a: event source 'calendar' is not built yet",
        ),
        (
            _changed(controlled.sensor(), {"dependencies": [{"name": "push", "eventSourceName": "h", "eventName": "*"}]}),
            "DependenciesProvided", "InvalidDependencies", "spec.dependencies[0]: the event name '*' holds '*'",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(obj: Json, type: str, reason: str, words: str) -> None:
    condition = _conditions(obj)[type]

    assert (condition.status, condition.reason) == ("False", reason)
    assert words in condition.message


def test_fields_that_nobody_knows_are_named_and_do_no_harm() -> None:
    conditions = _conditions(_changed(controlled.sensor(), {"trigers": []}))

    assert (conditions["TriggersProvided"].status, conditions["TriggersProvided"].reason) == ("True", "Warnings")
    assert "spec.trigers" in conditions["TriggersProvided"].message


def test_missing_references_are_told_and_the_rest_is_deployed() -> None:
    lacking = (Finding("error", "spec.x", "there is no Secret 'a'"),)

    for obj, type in ((controlled.sensor(), "TriggersProvided"), (controlled.source(), "SourcesProvided")):
        conditions = _conditions(_placed(obj), lacking=lacking)
        assert (conditions[type].status, conditions[type].reason) == ("False", "ReferenceMissing")
        assert conditions["Deployed"].status == "True"


def test_a_judge_finds_what_a_manifest_names() -> None:
    github = {
        "webhook": {"endpoint": "/", "port": "1", "method": "POST"}, "events": ["*"], "contentType": "json", "deleteHookOnFinish": True,
        "repositories": [{"owner": "o", "names": ["r"]}], "webhookSecret": {"name": "gh", "key": "k"},
    }  # fmt: skip
    judgement: Judgement = JUDGES["EventSource"](_changed(controlled.source(), {"github": {"a": github}}), None)

    assert judgement.references == (Reference("Secret", "gh", "k", "spec.github.a.webhookSecret"),)
    assert (judgement.deletes_hooks, judgement.needs_token, judgement.alone) == (True, False, False)


@pytest.mark.parametrize(
    ("port", "low"), [("80", True), ("1023", True), ("1024", False), ("12000", False), ("x", False)]
)
def test_a_pod_may_listen_on_the_low_ports_that_its_manifest_names(port: str, low: bool) -> None:
    webhook = {"port": port, "endpoint": "/", "method": "POST"}
    for spec in ({"webhook": {"a": webhook}}, {"stripe": {"a": {"webhook": webhook}}}):
        obj = _placed({**controlled.source(), "spec": spec})
        made = workload(obj, READY, JUDGES["EventSource"](obj, None), Settings("i"))

        security = made.children[1]["spec"]["template"]["spec"]["securityContext"]
        sysctls = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}] if low else None
        assert security.get("sysctls") == sysctls


def test_a_trigger_of_somebody_elses_workload_gets_a_token_and_a_webhook_does_not() -> None:
    assert JUDGES["Sensor"](_placed(controlled.sensor()), None).needs_token
    assert not JUDGES["EventSource"](_placed(controlled.source()), None).needs_token


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("n" * 48, "may have 47 characters, not 48"),
        ("1st", "must begin with a letter"),
        ("a.b", "have no dot"),
        ("n" * 47, ""),
        ("hooks", ""),
    ],
)
def test_a_name_that_no_service_can_have_is_told_and_the_pods_run_all_the_same(name: str, words: str) -> None:
    obj = _placed(controlled.source())
    obj["metadata"]["name"] = name

    desired = eventsource.desire(obj, READY, JUDGES["EventSource"](obj, None), (), Settings("i"))

    deployed = next(c for c in desired.conditions if c.type == "Deployed")
    kinds = [child["kind"] for child in desired.children or ()]
    assert kinds == ["ConfigMap", "Deployment", *([] if words else ["Service"])]
    assert (deployed.status, deployed.message) == ("True", "") or words in deployed.message
    assert (deployed.status == "False") == bool(words)


@pytest.mark.parametrize(
    "template",
    [
        {
            "container": {
                "envFrom": [{"prefix": "A_", "configMapRef": {"name": "c", "optional": True}}, {"secretRef": {"name": "s", "optional": True}}],
                "env": [
                    {"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
                    {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
                    {"name": "C", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
                ],
                "resources": {"limits": {"cpu": 0.1, "memory": "1e8", "example.com/gpu": 1, "ephemeral-storage": None}, "claims": [{"name": "x"}]},
                "volumeMounts": [{"name": "v", "mountPath": "/v", "recursiveReadOnly": "Disabled", "mountPropagation": "None"}],
                "securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "x.json"}, "procMount": "Default"},
            },
            "volumes": [{"name": "v", "projected": {"sources": [{"downwardAPI": {"items": []}}]}}],
        },
        {
            "securityContext": {"fsGroupChangePolicy": "OnRootMismatch", "supplementalGroups": [1], "sysctls": [], "seLinuxOptions": {"level": "s0"}},
            "tolerations": [{"key": "a", "operator": "Equal", "value": "b", "effect": "NoExecute", "tolerationSeconds": 0}],
            "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
            "imagePullSecrets": [{"name": "a"}], "nodeSelector": {"a": ""}, "priority": 0, "priorityClassName": "", "serviceAccountName": "s",
            "metadata": {"labels": {"a": ""}, "annotations": {"b": ""}},
        },
    ],
)  # fmt: skip
def test_fields_that_kubernetes_knows_are_no_matter_for_a_warning(template: Json) -> None:
    for obj in (controlled.sensor(), controlled.source()):
        said = _conditions(_changed(obj, {"template": template})).values()

        assert {(c.status, c.message) for c in said} == {("True", "")}
