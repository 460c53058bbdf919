"""What lint says of WorkflowEventBindings."""

from __future__ import annotations

from typing import Any

import pytest

from sensor.bindings.dispatch import TemplateName
from sensor.bindings.validation import check_template, decode_binding, validate_binding

GOOD: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "WorkflowEventBinding",
    "metadata": {"name": "b"},
    "spec": {
        "event": {"selector": 'payload.action == "opened"'},
        "submit": {
            "workflowTemplateRef": {"name": "t"},
            "metadata": {"generateName": 'sprig.lower(payload.ref) + "-"', "labels": {"a.b/c": "payload.ref"}},
            "arguments": {"parameters": [{"name": "ref", "valueFrom": {"event": "payload.ref"}}]},
        },
    },
}


def changed(**changes: Any) -> Any:
    """The good binding with other values at paths such as ``spec__submit``."""

    def put(value: Any, keys: list[str], new: Any) -> Any:
        if not keys:
            return new
        if isinstance(value, list):
            return [put(item, keys, new) for item in value]
        return {**value, keys[0]: put(value.get(keys[0], {}), keys[1:], new)}

    raw = GOOD
    for path, new in changes.items():
        raw = put(raw, path.split("__"), new)
    binding, findings = decode_binding(raw)
    assert binding is not None, findings
    return binding


def findings(**changes: Any) -> list[tuple[str, str]]:
    return [(finding.severity, finding.path) for finding in validate_binding(changed(**changes))]


def test_a_good_binding_has_no_findings() -> None:
    assert findings() == []


PARAMETERS = "spec.submit.arguments.parameters"


@pytest.mark.parametrize(
    ("path", "value", "severity", "where"),
    [
        ("spec__event__selector", "", "error", "spec.event.selector"),
        ("spec__event__selector", "event.x == 1", "error", "spec.event.selector"),
        ("spec__event__selektor", "true", "warning", "spec.event.selektor"),
        ("spec__submit", None, "warning", "spec.submit"),
        ("spec__submit__workflowTemplateRef__name", "", "error", "spec.submit.workflowTemplateRef.name"),
        ("spec__submit__metadata__name", '"fixed"', "warning", "spec.submit.metadata.name"),
        ("spec__submit__metadata__labels", {"a.b/c": "x +"}, "error", "spec.submit.metadata.labels.a\\.b/c"),
        ("spec__submit__metadata__finalizers", [], "warning", "spec.submit.metadata.finalizers"),
        ("spec__submit__arguments__artifacts", [], "warning", "spec.submit.arguments.artifacts"),
        ("spec__submit__arguments__parameters__name", "a b", "error", f"{PARAMETERS}[0].name"),
        ("spec__submit__arguments__parameters__name", "", "error", f"{PARAMETERS}[0].name"),
        ("spec__submit__arguments__parameters__valueFrom", None, "error", f"{PARAMETERS}[0].valueFrom"),
        ("spec__submit__arguments__parameters__value", "x", "warning", f"{PARAMETERS}[0].value"),
        (
            "spec__submit__arguments__parameters__valueFrom__event",
            "sprig.lower(payload.ref)",
            "error",
            f"{PARAMETERS}[0].valueFrom.event",
        ),
        (
            "spec__submit__arguments__parameters__valueFrom__event",
            '"{{x}}" + payload.ref',
            "warning",
            f"{PARAMETERS}[0].valueFrom.event",
        ),
        ("metadata__name", "b" * 64, "error", "metadata.name"),
        ("metadata__annotations", {"pointsman/conversion": "x"}, "error", "metadata.annotations.pointsman/conversion"),
        (
            "metadata__annotations",
            {"pointsman/allow-templates": "yes"},
            "warning",
            "metadata.annotations.pointsman/allow-templates",
        ),
    ],
)
def test_each_mistake_has_its_finding(path: str, value: Any, severity: str, where: str) -> None:
    assert findings(**{path: value}) == [(severity, where)]


@pytest.mark.parametrize(
    "selector", ["payload.x == 1", "payload[0] == 1", "payload > 1", "len(payload) == 1", "payload"]
)
def test_an_expression_need_not_fit_each_type_of_payload(selector: str) -> None:
    assert findings(spec__event__selector=selector) == []


@pytest.mark.parametrize(
    ("selector", "hint"),
    [
        ("payloads.x", "did you mean 'payload'?"),
        ("sprig.lower(namespace)", "only spec.submit.metadata knows it"),
        ("event.x", "an expression begins with namespace, discriminator, metadata or payload"),
    ],
)
def test_an_unknown_name_gets_a_hint(selector: str, hint: str) -> None:
    (finding,) = validate_binding(changed(spec__event__selector=selector))

    assert finding.hint == hint


def test_parameters_of_one_name_are_told() -> None:
    twice = [{"name": "a", "valueFrom": {"event": "1"}}] * 2

    assert findings(spec__submit__arguments__parameters=twice) == [("warning", f"{PARAMETERS}[1].name")]


def test_wrong_types_are_errors() -> None:
    binding, found = decode_binding({"spec": {"event": {"selector": True}}})

    assert binding is None
    assert [(f.severity, f.path) for f in found] == [("error", "spec.event.selector")]


def template(*parameters: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"arguments": {"parameters": list(parameters)}}}


@pytest.mark.parametrize(
    ("templates", "told"),
    [
        ({("WorkflowTemplate", "ci", "t"): template({"name": "ref"}, {"name": "x", "value": "1"})}, []),
        ({("WorkflowTemplate", "ci", "t"): {"spec": 5}}, ["has no parameter 'ref'"]),
        (
            {("WorkflowTemplate", "ci", "t"): template({"name": "reff"})},
            ["has no parameter 'ref' (did you mean 'reff'?)", "'reff' of WorkflowTemplate 't' gets no value"],
        ),
        ({("WorkflowTemplate", "ci", "tt"): {}}, ["no WorkflowTemplate 't'"]),
        ({("WorkflowTemplate", "other", "t"): {}}, ["there is a WorkflowTemplate in namespace other"]),
        ({("ClusterWorkflowTemplate", "", "t"): {}}, ["set clusterScope: true"]),
    ],
)
def test_the_template_and_its_parameters_are_looked_up(
    templates: dict[tuple[str, str, str], dict[str, Any]], told: list[str]
) -> None:
    known = {TemplateName(*name): body for name, body in templates.items()}

    found = [str(finding) for finding in check_template(changed(), "ci", known)]

    assert len(found) == len(told)
    for text, part in zip(found, told, strict=True):
        assert part in text
