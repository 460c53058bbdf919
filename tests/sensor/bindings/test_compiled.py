"""Selectors: compiled once for each type of payload, and what they say when they cannot decide."""

from __future__ import annotations

from typing import Any

import pytest

from events.errors import EvaluationError, ExpressionError
from events.expressions import expr
from sensor.bindings.compiled import CompiledBinding, Expression, compile_binding, explained
from sensor.bindings.environment import Environment


def binding(selector: Any) -> CompiledBinding:
    return compile_binding({"metadata": {"name": "b"}, "spec": {"event": {"selector": selector}}}, "ci")


def event(payload: object, **more: Any) -> Environment:
    return Environment(event_id="1", namespace="ci", payload=payload, **more)


@pytest.mark.parametrize(
    ("selector", "matched"),
    [
        ('payload.action == "opened"', True),
        ('payload.action == "closed"', False),
        ('payload.missing != ""', True),
        ('metadata["x-github-event"] == ["push"]', True),
        ('metadata["x-github-event"] == ["push", "push"]', False),
        ('metadata["x-github-event"] != ["pull_request"]', True),
        ('metadata["x-none"] == ["push"]', False),
        ('namespace == "ci" && discriminator == ""', True),
        ("any(payload.list, # == 2)", True),
        ("all(payload.list, # > 1)", False),
        ('payload.ref startsWith "refs/"', True),
        ('payload.missing startsWith "refs/"', False),
    ],
)
def test_a_selector_decides(selector: str, matched: bool) -> None:
    payload = {"action": "opened", "list": [1, 2], "ref": "refs/heads/main"}

    assert binding(selector).matches(event(payload, metadata={"x-github-event": ["push"]})) is matched


def test_the_types_of_names_are_those_of_the_event() -> None:
    selector = binding("payload.x == 1")

    assert selector.matches(event({"x": 1})) is True
    with pytest.raises(EvaluationError, match="type string has no field x"):
        selector.matches(event("text"))
    with pytest.raises(EvaluationError, match="type nil has no field x"):
        selector.matches(event(None))
    assert selector.matches(event({"x": 2})) is False


def test_each_type_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    real = expr.Selector.program
    monkeypatch.setattr(expr.Selector, "program", lambda self, env: compiled.append(1) or real(self, env))
    expression = Expression("payload")

    for payload in ({}, {"a": 1}, [], {}, []):
        expression(event(payload))

    assert len(compiled) == 2


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ("", "failed to evaluate workflow template expression: unexpected token EOF"),
        ("sprig.lower(namespace)", "unknown name sprig"),
        ("payload.n", r"unable to cast expression result '%!s\(float64=3\)' to bool"),
        ('"yes"', "unable to cast expression result 'yes' to bool"),
        ("nil", r"unable to cast expression result '%!s\(<nil>\)' to bool"),
        ("payload.x.y", "unable to evaluate expression 'payload.x.y': cannot fetch y from <nil>"),
        (True, r"spec.event.selector: must be a string, not true"),
    ],
)
def test_a_selector_that_cannot_decide_says_why(selector: Any, text: str) -> None:
    with pytest.raises(EvaluationError, match=text):
        binding(selector).matches(event({"n": 3}))


def test_an_error_shows_its_place_in_the_text() -> None:
    with pytest.raises(ExpressionError) as caught:
        expr.prepare("true &&\n\tfoo!")

    assert explained(caught.value) == 'unexpected token Operator("!") (2:5)\n |  foo!\n | ....^'


def test_an_unknown_conversion_fails_for_each_event() -> None:
    annotations = {"pointsman/conversion": "plane"}
    broken = compile_binding({"metadata": {"name": "b", "annotations": annotations}, "spec": {}}, "ci")

    with pytest.raises(EvaluationError, match="did you mean 'plain'"):
        broken.matches(event({}))


@pytest.mark.parametrize("raw", [None, [], {"metadata": 5}, {"metadata": {"name": "b", "labels": 3}}, {"spec": []}])
def test_a_malformed_manifest_is_a_binding_with_a_problem(raw: Any) -> None:
    compiled = compile_binding(raw, "ci")

    if compiled.problem is None:  # `null` is an empty manifest: its selector is empty
        assert raw is None
    with pytest.raises(EvaluationError):
        compiled.matches(event({}))


def test_a_malformed_manifest_keeps_its_name_and_instance() -> None:
    labels = {"workflows.argoproj.io/controller-instanceid": "x", "n": 5}
    compiled = compile_binding({"metadata": {"name": "b", "namespace": "other", "labels": labels}}, "ci")

    assert (compiled.name, compiled.namespace, compiled.instance_id) == ("b", "other", "x")
