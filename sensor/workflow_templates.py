"""Whether the templates that Workflows and WorkflowEventBindings refer to are there, and take what they are given. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import orjson

from events.errors import SpecError
from events.models.base import Finding, decode
from events.models.sensor import Sensor
from events.registry import did_you_mean
from sensor.artifacts import resource_text
from sensor.bindings.dispatch import TemplateName
from sensor.triggers.specs import ArgoWorkflowConfig, K8sConfig
from sensor.validation import all_triggers, targets

__all__ = ["Templates", "check_arguments", "check_destinations", "check_reference", "check_sensor_templates"]

Templates = Mapping[TemplateName, dict[str, Any]]


def check_reference(name: TemplateName, templates: Templates, path: str) -> list[Finding]:
    """A warning when the template is not there."""
    if name in templates:
        return []
    known = [other.name for other in templates if other[:2] == name[:2]]
    hint = did_you_mean(name.name, known) or _elsewhere(name.name, templates)
    return [Finding("warning", path, f"no {name.kind} '{name.name}' among these files", hint)]


def _elsewhere(name: str, templates: Collection[TemplateName]) -> str:
    for other in templates:
        if other.name == name:
            return (
                f"there is a {other.kind} in namespace {other.namespace}"
                if other.namespace
                else "set clusterScope: true"
            )
    return ""


def check_arguments(name: TemplateName, templates: Templates, given: Mapping[str, str], path: str) -> Iterator[Finding]:
    """Whether a template takes these parameters (by name, with the field of each) and gets all that it needs."""
    declared = _parameters(templates.get(name, {}))
    for parameter, where in given.items():
        if parameter and parameter not in declared:
            text = f"{name.kind} '{name.name}' has no parameter '{parameter}'"
            yield Finding("warning", where, text, did_you_mean(parameter, list(declared)))
    for parameter, has_default in declared.items():
        if not has_default and parameter not in given:
            text = f"parameter '{parameter}' of {name.kind} '{name.name}' gets no value: the Workflow would fail"
            yield Finding("warning", path, text)


def _parameters(template: Any) -> dict[str, bool]:
    """The parameters that a template or Workflow declares, and whether each has a value of its own."""
    return {
        parameter["name"]: any(parameter.get(key) is not None for key in ("value", "default", "valueFrom"))
        for parameter in _listed(template)
        if isinstance(parameter, dict) and isinstance(parameter.get("name"), str)
    }


def _listed(template: Any) -> list[Any]:
    """``spec.arguments.parameters``, as far as it is there."""
    for field in ("spec", "arguments", "parameters"):
        template = template.get(field) if isinstance(template, dict) else None
    return template if isinstance(template, list) else []


# -- Triggers that create a Workflow ---------------------------------------------------------------------------------


def check_sensor_templates(
    sensor: Sensor, namespace: str, templates: Templates, *, complete: bool = False
) -> Iterator[Finding]:
    """What can be known of the objects of ``argoWorkflow`` and ``k8s`` before an event changes them.

    Not ``complete``: without any of the ``templates`` these are kept elsewhere, and nothing is said of them.
    """
    for trigger, path in all_triggers(sensor):
        if trigger.template is None or trigger.parameters:  # these may change all of it
            continue
        for target in targets(trigger.template, f"{path}.template"):
            config, _ = decode(target.kind.Config, target.raw, target.path)
            if not isinstance(config, (ArgoWorkflowConfig, K8sConfig)) or config.source is None:
                continue
            try:
                resource = orjson.loads(resource_text(config.source, ""))
            except SpecError:
                continue  # told by the kind itself
            dests = [parameter.dest for parameter in config.parameters]
            yield from check_destinations(resource, dests, f"{target.path}.parameters")
            if (templates or complete) and resource.get("kind") == "Workflow":
                yield from _check_workflow(resource, dests, namespace, templates, f"{target.path}.source")


def check_destinations(resource: Any, dests: list[str], path: str) -> Iterator[Finding]:
    """Destinations behind the end of a list. One that a neighbour gives a name to is meant to be another item."""
    named = {dest.rpartition(".")[0] for dest in dests if dest.endswith(".name")}
    for index, dest in enumerate(dests):
        here, segments = resource, dest.split(".")
        for depth, segment in enumerate(segments):
            if isinstance(here, dict):
                here = here.get(segment)
            elif isinstance(here, list) and segment.isascii() and segment.isdigit() and len(segment) < 10:
                if int(segment) >= len(here):
                    where = ".".join(segments[:depth])
                    text = f"{where} has {len(here)} items: {_counted(int(segment))} is behind their end"
                    if len(here) == 1:
                        text = f"{where} has 1 item: {_counted(int(segment))} is behind its end"
                    if ".".join(segments[: depth + 1]) not in named:
                        yield Finding("warning", f"{path}[{index}].dest", text, "the first has index 0")
                    break
                here = here[int(segment)]
            else:
                break


def _counted(index: int) -> str:
    return f"index {index}"


def _check_workflow(
    workflow: dict[str, Any], dests: list[str], namespace: str, templates: Templates, path: str
) -> Iterator[Finding]:
    spec, metadata = workflow.get("spec"), workflow.get("metadata")
    reference = spec.get("workflowTemplateRef") if isinstance(spec, dict) else None
    name = reference.get("name") if isinstance(reference, dict) else None
    if not isinstance(reference, dict) or not isinstance(name, str) or not name:
        return
    own = ("spec.workflowTemplateRef", "metadata.namespace")
    if any(dest in ("spec", "metadata") or dest.startswith(own) for dest in dests):
        return
    if reference.get("clusterScope") is True:
        wanted = TemplateName("ClusterWorkflowTemplate", "", name)
    else:
        where = metadata.get("namespace") if isinstance(metadata, dict) else None
        wanted = TemplateName("WorkflowTemplate", where if isinstance(where, str) and where else namespace, name)
    missing = check_reference(wanted, templates, f"{path}.resource.spec.workflowTemplateRef.name")
    yield from missing
    if not missing and (given := _given(workflow, dests, f"{path}.resource.spec.arguments.parameters")) is not None:
        yield from check_arguments(wanted, templates, given, f"{path}.resource.spec")


def _given(workflow: dict[str, Any], dests: list[str], path: str) -> dict[str, str] | None:
    """The parameters that get a value, with the field of each; None when this depends on the event."""
    listed = _listed(workflow)
    written: set[int] = set()
    for dest in dests:
        if not dest.startswith("spec.arguments"):
            continue
        index, _, field = dest.removeprefix("spec.arguments.parameters.").partition(".")
        if not (index.isascii() and index.isdigit() and int(index) < len(listed)) or field not in (
            "value",
            "valueFrom",
        ):
            return None
        written.add(int(index))
    given = {}
    for at, parameter in enumerate(listed):
        if not isinstance(parameter, dict) or not isinstance(parameter.get("name"), str):
            return None
        if at in written or any(parameter.get(key) is not None for key in ("value", "valueFrom", "default")):
            given[parameter["name"]] = f"{path}[{at}].name"
    return given
