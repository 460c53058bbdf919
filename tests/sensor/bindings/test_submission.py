"""The Workflow that a binding makes of an event."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from events.errors import EvaluationError
from sensor.bindings.compiled import compile_binding
from sensor.bindings.environment import Environment
from sensor.bindings.submission import Claims, render

W = "workflows.argoproj.io/"
PAYLOAD = {"ref": "refs/heads/main", "n": 3, "evil": "{{workflow.name}}", "list": ["a"]}


def rendered(
    metadata: dict[str, Any] | None = None,
    parameters: list[dict[str, Any]] | None = None,
    *,
    annotations: dict[str, str] | None = None,
    template: Any = None,
    cluster: bool = False,
    claims: Claims | None = None,
    instance_id: str = "",
    event_id: str = "e1",
    name: str = "b",
    traceparent: str = "",
) -> dict[str, Any]:
    submit = {
        "workflowTemplateRef": {"name": "t", "clusterScope": cluster},
        "metadata": metadata,
        "arguments": {"parameters": parameters},
    }
    spec = {"event": {"selector": "true"}, "submit": submit}
    binding = compile_binding({"metadata": {"name": name, "annotations": annotations}, "spec": spec}, "ci")
    now = datetime(2024, 1, 2, tzinfo=UTC)
    environment = Environment(
        event_id=event_id, delivery_id="d1", namespace="ci", payload=PAYLOAD, now=now, traceparent=traceparent
    )
    submission = render(binding, environment, template or {"metadata": {"name": "t"}}, claims, instance_id)
    assert (submission.name, submission.namespace) == (submission.body["metadata"]["name"], "ci")
    body: dict[str, Any] = submission.body
    return body


def parameter(text: str) -> list[dict[str, Any]]:
    return [{"name": "p", "valueFrom": {"event": text}}]


def value(text: str, **more: Any) -> Any:
    given = rendered(parameters=parameter(text), **more)["spec"]["arguments"]
    return given["parameters"][0]["value"] if given else None


def labels(**more: Any) -> dict[str, str]:
    found: dict[str, str] = rendered(**more)["metadata"]["labels"]
    return {key.removeprefix(W): text for key, text in found.items()}


def test_the_least_binding_makes_a_whole_workflow() -> None:
    workflow = rendered(claims=Claims("system:serviceaccount:ci:hooks"))

    assert (workflow["apiVersion"], workflow["kind"]) == ("argoproj.io/v1alpha1", "Workflow")
    assert workflow["spec"] == {"workflowTemplateRef": {"name": "t"}, "arguments": {}}
    metadata = workflow["metadata"]
    assert metadata["generateName"] == "t-"
    assert metadata["labels"] == {
        f"{W}workflow-template": "t",
        f"{W}workflow-event-binding": "b",
        f"{W}creator": "system-serviceaccount-ci-hooks",
    }
    assert metadata["annotations"] == {
        "pointsman/event-id": "e1",
        "pointsman/delivery-id": "d1",
        "pointsman/trigger": "ci/b",
    }


def test_a_cluster_template_has_its_own_label_and_reference() -> None:
    workflow = rendered(cluster=True)

    assert workflow["metadata"]["labels"][f"{W}cluster-workflow-template"] == "t"
    assert workflow["spec"]["workflowTemplateRef"] == {"name": "t", "clusterScope": True}


def test_the_name_follows_from_the_event_and_the_binding() -> None:
    def named(**more: Any) -> str:
        return str(rendered(**more)["metadata"]["name"])

    assert named() == named()
    assert len(named()) == len("t-") + 13
    assert named() != named(event_id="e2")
    assert named() != named(name="c")
    assert named(metadata={"generateName": '"' + "x" * 80 + '"'}).startswith("x" * 50)
    assert len(named(metadata={"generateName": '"' + "x" * 80 + '"'})) == 63
    assert named(metadata={"name": '"n-" + string(payload.n)'}) == "n-3"
    assert named(metadata={"name": '""', "generateName": '"g-"'}).startswith("g-")


def test_random_values_repeat_for_the_same_event_and_place_only() -> None:
    random = {"annotations": {"a": "sprig.randAlphaNum(9)", "b": "sprig.randAlphaNum(9)", "c": "now().String()"}}

    first, again, other = (rendered(random, event_id=e)["metadata"]["annotations"] for e in ("e1", "e1", "e2"))

    assert first == again
    assert first["c"].startswith("2024-01-02")
    assert len({first["a"], first["b"], other["a"], other["b"]}) == 4


def test_labels_come_from_the_template_then_the_binding_then_the_sender() -> None:
    own = {f"{W}creator": "forged", f"{W}action": "x", "team": "a", "k": "template"}
    template = {"metadata": {}, "spec": {"workflowMetadata": {"labels": own, "annotations": {"note": "n"}}}}
    mine = {"k": '"binding"', f"{W}workflow-event-binding": '"forged"', f"{W}creator-email": '"forged"'}

    found = labels(template=template, metadata={"labels": mine}, claims=Claims(email="ada@example.org"))

    assert found == {
        "creator-email": "ada.at.example.org",
        "k": "binding",
        "team": "a",
        "workflow-event-binding": "b",
        "workflow-template": "t",
    }
    assert rendered(template=template)["metadata"]["annotations"]["note"] == "n"


@pytest.mark.parametrize(
    ("subject", "label"),
    [
        ("us#er@name#", "us-er-name"),
        ("a" * 10 + ":" + "b" * 62, "b" * 62),
        ("-.x.-", "x"),
        ("üß", None),
        ("", None),
    ],
)
def test_the_creator_is_a_good_label(subject: str, label: str | None) -> None:
    assert labels(claims=Claims(subject)).get("creator") == label


def test_an_instance_labels_its_workflows() -> None:
    template = {"metadata": {"labels": {f"{W}controller-instanceid": "x"}}}

    assert labels(instance_id="x", template=template)["controller-instanceid"] == "x"


@pytest.mark.parametrize(("instance_id", "label"), [("x", None), ("x", "y"), ("", "x"), ("", "")])
def test_a_template_of_another_instance_is_refused(instance_id: str, label: str | None) -> None:
    template = {"metadata": {"labels": {f"{W}controller-instanceid": label} if label is not None else {}}}

    with pytest.raises(EvaluationError, match="not managed by the current Argo Server"):
        rendered(instance_id=instance_id, template=template)


@pytest.mark.parametrize(
    "template",
    [{"metadata": 5}, {"metadata": {"labels": []}}, {"spec": 5}, {"spec": {"workflowMetadata": {"labels": {"a": 1}}}}],
)
def test_a_malformed_template_is_an_error(template: Any) -> None:
    with pytest.raises(EvaluationError, match="failed to get workflow template"):
        rendered(template=template)


def test_parameters_keep_their_order_and_twins() -> None:
    texts = {"z": "payload.ref", "a": "payload.list"}
    given = [{"name": n, "valueFrom": {"event": text}} for n, text in texts.items()] + parameter("1") * 2

    assert [(p["name"], p["value"]) for p in rendered(parameters=given)["spec"]["arguments"]["parameters"]] == [
        ("z", "refs/heads/main"),
        ("a", '["a"]'),
        ("p", "1"),
        ("p", "1"),
    ]


def test_plain_leaves_out_what_is_not_there() -> None:
    assert value("payload.missing") == "null"
    assert value("payload.missing", annotations={"pointsman/conversion": "plain"}) is None


@pytest.mark.parametrize(
    ("metadata", "parameters", "text"),
    [
        ({"name": "payload.n"}, [], "workflow name expression must evaluate to a string, not a float64"),
        ({"labels": {"k": "nil"}}, [], 'workflow label "k" expression must evaluate to a string, not a <nil>'),
        ({"annotations": {"k": "x"}}, [], 'failed to evaluate workflow annotation "k" expression: unknown name x'),
        ({}, [{"name": "p", "value": "x"}], 'malformed workflow template parameter "p": valueFrom is nil'),
        ({}, parameter("!!"), "failed to compile workflow template parameter p expression"),
        ({}, parameter("sprig.upper(payload.ref)"), "unknown name sprig"),
        ({}, parameter("payload.n.x"), 'failed to evaluate workflow template parameter "p" expression'),
        ({}, parameter("1/0"), 'failed to convert result to JSON "p" expression'),
    ],
)
def test_what_cannot_be_rendered_says_why(
    metadata: dict[str, Any], parameters: list[dict[str, Any]], text: str
) -> None:
    with pytest.raises(EvaluationError) as caught:
        rendered(metadata, parameters)

    assert text in caught.value.message


@pytest.mark.parametrize(
    ("metadata", "parameters"),
    [
        ({}, parameter("payload.evil")),
        ({}, parameter('"{" + "{" + payload.ref')),
        ({}, parameter("payload")),
        ({}, parameter('fromBase64("e3t4") + payload.ref')),
        ({"annotations": {"k": "payload.evil"}}, []),
        ({"labels": {"k": "$env.payload.evil"}}, []),
        ({"generateName": "payload.evil"}, []),
    ],
)
def test_programs_for_the_engine_do_not_come_from_events(
    metadata: dict[str, Any], parameters: list[dict[str, Any]]
) -> None:
    with pytest.raises(EvaluationError, match="from the event") as caught:
        rendered(metadata, parameters)

    assert "pointsman/allow-templates" in caught.value.hint
    rendered(metadata, parameters, annotations={"pointsman/allow-templates": "true"})


def test_the_author_of_a_binding_may_write_programs_for_the_engine() -> None:
    assert value('"{{workflow.name}}"') == "{{workflow.name}}"


def test_texts_are_good_unicode() -> None:
    metadata = {"annotations": {"k": 'sprig.b64dec("/w==")'}}

    assert rendered(metadata)["metadata"]["annotations"]["k"] == "\ufffd"


def test_the_workflow_says_of_which_trace_it_is() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert rendered(traceparent=trace)["metadata"]["annotations"]["pointsman/traceparent"] == trace
    assert "pointsman/traceparent" not in rendered()["metadata"]["annotations"]
