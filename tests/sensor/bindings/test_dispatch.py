"""An event and the bindings of its namespace."""

from __future__ import annotations

from typing import Any

import pytest

from events.errors import PointsmanError, Refused, Unavailable
from events.models.values import VerdictKind
from sensor.bindings.compiled import CompiledBinding, compile_binding
from sensor.bindings.dispatch import Result, TemplateName, complete, decide, dispatch, failure_text, selected
from sensor.bindings.environment import Environment

INSTANCE = "workflows.argoproj.io/controller-instanceid"
EVENT = Environment(
    event_id="1", namespace="ci", metadata={"x-gitlab-token": ["s3cret"]}, payload={"action": "closed", "n": 1}
)


def binding(
    name: str, selector: str = "true", *, cluster: bool = False, submit: bool = True, instance: str | None = None
) -> CompiledBinding:
    spec: dict[str, Any] = {"event": {"selector": selector}}
    if submit:
        spec["submit"] = {"workflowTemplateRef": {"name": "t", "clusterScope": cluster}}
    labels = {INSTANCE: instance} if instance is not None else {}
    return compile_binding({"metadata": {"name": name, "labels": labels}, "spec": spec}, "ci")


def there(name: TemplateName) -> dict[str, Any] | PointsmanError:
    return {"metadata": {"name": name.name}}


def test_bindings_come_in_order_of_their_names_and_stand_alone() -> None:
    bindings = [binding("z"), binding("b", "rubbish!!!"), binding("a"), binding("n", "payload.n > 1")]

    results = list(dispatch(bindings, EVENT, there))

    assert [(r.name, r.matched, r.submission is not None, r.error is not None) for r in results] == [
        ("a", True, True, False),
        ("b", False, False, True),
        ("n", False, False, False),
        ("z", True, True, False),
    ]


@pytest.mark.parametrize(("instance", "names"), [("", ["none"]), ("x", ["x"]), ("y", [])])
def test_an_instance_has_its_own_bindings(instance: str, names: list[str]) -> None:
    bindings = [binding("none"), binding("x", instance="x"), binding("empty", instance="")]

    assert [b.name for b in selected(bindings, instance)] == names


def test_a_match_wants_its_template_and_nothing_else_does() -> None:
    bindings = [
        binding("a"),
        binding("c", cluster=True),
        binding("f", "false"),
        binding("n", submit=False),
        binding("x", "!"),
    ]

    assert [result.wants for result in decide(bindings, EVENT)] == [
        TemplateName("WorkflowTemplate", "ci", "t"),
        TemplateName("ClusterWorkflowTemplate", "", "t"),
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("problem", "retryable"), [(Refused("gone", status=404), False), (Unavailable("busy", retry_after=3), True)]
)
def test_a_template_that_cannot_be_had_is_an_error_of_its_kind(problem: PointsmanError, retryable: bool) -> None:
    (result,) = dispatch([binding("a")], EVENT, lambda name: problem)

    assert isinstance(result.error, type(problem))
    assert result.error.retryable is retryable
    assert result.error.message == f"failed to get workflow template: {problem.message}"


def test_a_failure_is_a_warning_about_the_binding_and_a_line_for_the_sender() -> None:
    bad = decided(binding("b", "nil"))
    refused = complete(decided(binding("c")), {}).failed(Refused("already exists", status=409))

    assert bad.warning is not None
    assert bad.warning.reason == "WorkflowEventBindingError"
    assert bad.warning.message.startswith("failed to dispatch event: failed to evaluate workflow template expression: ")
    assert (refused.submission, refused.wants) == (None, None)
    assert failure_text([bad, refused, decided(binding("d"))]) == (
        "failed to dispatch event: [failed to evaluate workflow template expression: unable to cast expression result "
        "'%!s(<nil>)' to bool failed to create workflow: already exists]"
    )
    assert failure_text([decided(binding("d"))]) is None
    assert decided(binding("d")).warning is None


def decided(compiled: CompiledBinding) -> Result:
    (result,) = decide([compiled], EVENT)
    return result


@pytest.mark.parametrize(
    ("selector", "kind", "seen"),
    [
        ('payload.action == "opened"', VerdictKind.FAILED, {"payload.action": "closed"}),
        ('payload.action == "closed"', VerdictKind.PASSED, {"payload.action": "closed"}),
        ("payload.a.b.c == 1", VerdictKind.ERROR, {"payload.a.b.c": None}),
        (
            'metadata["x-gitlab-token"] == ["a"] && discriminator == ""',
            VerdictKind.FAILED,
            {'metadata["x-gitlab-token"]': "(hidden)", "discriminator": ""},
        ),
        ("false", VerdictKind.FAILED, {}),
    ],
)
def test_the_verdict_tells_what_the_selector_saw(selector: str, kind: VerdictKind, seen: dict[str, Any]) -> None:
    verdict = decided(binding("b", selector)).verdict

    assert (verdict.kind, verdict.clause, verdict.seen) == (kind, selector, seen)


def test_an_error_that_quotes_half_a_character_can_be_written() -> None:
    event = Environment(event_id="1", namespace="ci", payload="hé")

    (result,) = decide([binding("b", "payload[:2]")], event)

    assert result.error is not None
    assert "'h\ufffd'" in result.error.message
