"""Cases of ``bindings/dispatch.jsonl``: an event, templates and bindings → the Workflows in order, and what is told of failures.

Our names are the reference's where they are written out; what follows ``generateName`` is compared as five unknown characters.
Annotations of our own are left out. The reference lets ``{{`` of events through, as our annotation does.
"""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from events.errors import PointsmanError, Refused
from events.models.binding import ALLOW_TEMPLATES
from sensor.bindings.compiled import compile_binding
from sensor.bindings.dispatch import Result, TemplateName, dispatch, failure_text
from sensor.bindings.environment import Environment
from sensor.bindings.submission import Claims
from sensor.naming import binding_key, generated_name

NAME = "dispatch"
RECORDED = ("want", "wantError")

_EVENT = "0123456789abcdef0123456789abcdef"


def matches(case: dict[str, Any]) -> bool:
    return {"templates", "bindings", "discriminator"} <= case.keys()


def want(case: dict[str, Any]) -> Any:
    recorded = case["want"]
    return {
        "error": recorded["error"],
        "workflows": recorded["workflows"],
        "events": [(event["binding"], event["reason"]) for event in recorded["events"]],
    }


def run(case: dict[str, Any]) -> Any:
    created = set(case.get("existingWorkflows") or ())
    workflows: list[dict[str, Any]] = []
    results = []
    for result in _results(case):
        if result.submission is not None:
            name = result.submission.name
            if name not in (case.get("existingWorkflows") or ()):
                workflows.append(_as_recorded(result))
            if name in created:
                text = f'workflows.argoproj.io "{name}" already exists'
                result = result.failed(Refused(text, status=409))
            created.add(name)
        results.append(result)
    warnings = [warning for result in results if (warning := result.warning) is not None]
    assert all(warning.message.startswith("failed to dispatch event: ") for warning in warnings)
    return {
        "error": failure_text(results) is not None,
        "workflows": workflows,
        "events": [(warning.binding, warning.reason) for warning in warnings],
    }


def _results(case: dict[str, Any]) -> list[Result]:
    environment = Environment(
        event_id=_EVENT,
        namespace=case["namespace"],
        discriminator=case["discriminator"],
        metadata=case["metadata"],
        payload=case.get("payload"),
        now=datetime(2024, 1, 2, tzinfo=UTC),
    )
    claims = case.get("claims")
    known = {}
    for template in case["templates"]:
        metadata, cluster = template["metadata"], template["kind"] == "ClusterWorkflowTemplate"
        namespace = "" if cluster else metadata.get("namespace", case["namespace"])
        known[TemplateName(template["kind"], namespace, metadata["name"])] = template

    def lookup(name: TemplateName) -> dict[str, Any] | PointsmanError:
        return known.get(name) or Refused(f'{name.kind.lower()}s.argoproj.io "{name.name}" not found', status=404)

    compiled = [
        compile_binding(_permissive(binding), case["namespace"])
        for binding in case["bindings"]
        if binding["metadata"].get("namespace", case["namespace"]) == case["namespace"]
    ]
    who = None
    if claims is not None:
        who = Claims(claims.get("sub", ""), claims.get("email", ""), claims.get("preferred_username", ""))
    return list(dispatch(compiled, environment, lookup, who, case.get("instanceID", "")))


def _permissive(binding: dict[str, Any]) -> dict[str, Any]:
    metadata = binding["metadata"]
    return {
        **binding,
        "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), ALLOW_TEMPLATES: "true"}},
    }


def _as_recorded(result: Result) -> dict[str, Any]:
    """The Workflow as the reference would have written it."""
    assert result.submission is not None
    workflow = copy.deepcopy(result.submission.body)
    metadata = workflow["metadata"]
    key = binding_key(result.namespace, result.name, _EVENT)
    if metadata["name"] == generated_name(metadata["generateName"], key):
        metadata["name"] = f"{metadata['generateName']}?????"
    ours = [name for name in metadata["annotations"] if name.startswith("pointsman/")]
    for name in ours:
        del metadata["annotations"][name]
    return {"metadata": metadata, "spec": workflow["spec"]}


def same(case: dict[str, Any], wanted: Any, got: Any) -> bool:
    return bool(wanted == got)
