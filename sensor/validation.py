"""What can be wrong with a Sensor: the rules of the reference's controller, and nothing else (spec §5.5).

What it lets pass although it cannot work is in ``advice``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from events.errors import EvaluationError, ExpressionError
from events.expressions import cron
from events.models.base import Finding, Json, decode, required
from events.models.eventbus import EventBus
from events.models.sensor import (
    COMPARATORS,
    LOGICAL_OPERATORS,
    ByTime,
    ContextFilter,
    DataFilter,
    Dependency,
    ExprFilter,
    Filters,
    Policy,
    Sensor,
    TimeFilter,
    Trigger,
    TriggerTemplate,
)
from sensor.filters.time import parse_clock, parse_zone
from sensor.triggers import TriggerKind, kinds, registry
from sensor.triggers._checks import check_parameters

__all__ = ["Target", "all_triggers", "decode_sensor", "targets", "validate_sensor"]


class Target(NamedTuple):
    """A kind that a trigger's template names: where its configuration stands, and what stands there."""

    kind: type[TriggerKind[Any]]
    path: str
    raw: Json


def targets(template: TriggerTemplate, path: str) -> Iterator[Target]:
    """All kinds of a template that somebody knows, the one that counts first."""
    for name, raw in kinds(template).items():
        if name in registry:
            yield Target(registry[name], f"{path}.{name}", raw)


def decode_sensor(raw: Json) -> tuple[Sensor | None, list[Finding]]:
    """The object, and an error for each field of the wrong type, also in the configurations of the kinds.

    None only when the fields around the kinds are wrong already.
    """
    sensor, findings = decode(Sensor, raw)
    if sensor is None:
        return None, findings
    for trigger, path in all_triggers(sensor):
        if trigger.template is not None:
            for target in targets(trigger.template, f"{path}.template"):
                findings += decode(target.kind.Config, target.raw, target.path)[1]
    return sensor, findings


def all_triggers(sensor: Sensor) -> Iterator[tuple[Trigger, str]]:
    """Each trigger, and the dead letter triggers within, with their paths."""
    for index, trigger in enumerate(sensor.spec.triggers):
        path, inner = f"spec.triggers[{index}]", trigger
        yield inner, path
        while inner.dlq_trigger is not None:
            path, inner = f"{path}.dlqTrigger", inner.dlq_trigger
            yield inner, path


def validate_sensor(sensor: Sensor, bus: EventBus | None) -> list[Finding]:
    """What the reference's controller finds wrong with a Sensor on this bus; empty when it is valid."""
    if bus is None:
        return [Finding("error", "spec.eventBusName", f"there is no EventBus '{sensor.bus}'")]
    findings = _check_dependencies(sensor.spec.dependencies, bus.spec.nats is not None)
    if not sensor.spec.triggers:
        findings.append(Finding("error", "spec.triggers", "must name at least one trigger"))
    for trigger, path in all_triggers(sensor):
        findings += _check_trigger(trigger, path)
    seen: dict[str, int] = {}
    for index, trigger in enumerate(sensor.spec.triggers):
        name = trigger.template.name if trigger.template else ""
        if name and seen.setdefault(name, index) != index:
            text = f"there is a trigger '{name}' already, the {_ordinal(seen[name])}"
            findings.append(Finding("error", f"spec.triggers[{index}].template.name", text))
    return findings


def _ordinal(index: int) -> str:
    return ("first", "second", "third")[index] if index < 3 else f"{index + 1}th"


# Dependencies and their filters


def _check_dependencies(dependencies: list[Dependency], streaming: bool) -> list[Finding]:
    """``streaming``: on a NATS Streaming bus, where an event may serve one dependency only."""
    if not dependencies:
        return [Finding("error", "spec.dependencies", "must name at least one dependency")]
    findings = []
    seen: dict[tuple[str, str], str] = {}
    for index, dependency in enumerate(dependencies):
        path = f"spec.dependencies[{index}]"
        name, source, event = dependency.name, dependency.event_source_name, dependency.event_name
        findings += required(path, name=name, eventSourceName=source, eventName=event)
        if streaming and seen.setdefault((source, event), name or path) != (name or path):
            text = f"'{seen[source, event]}' waits for event '{event}' of '{source}' already"
            findings.append(Finding("error", path, text, "a NATS Streaming bus allows one; use jetstream"))
        if dependency.filters is not None:
            findings += _check_filters(dependency.filters, f"{path}.filters")
        findings += _check_operator(dependency.filters_logical_operator, f"{path}.filtersLogicalOperator")
    return findings


def _check_operator(operator: str, path: str) -> list[Finding]:
    if operator in LOGICAL_OPERATORS:
        return []
    return [Finding("error", path, f"must be 'and' or 'or', not '{operator}'")]


def _check_filters(filters: Filters, path: str) -> list[Finding]:
    findings = _check_operator(filters.expr_logical_operator, f"{path}.exprLogicalOperator")
    findings += _check_operator(filters.data_logical_operator, f"{path}.dataLogicalOperator")
    for index, expr in enumerate(filters.exprs or ()):
        findings += _check_expr(expr, f"{path}.exprs[{index}]")
    for index, data in enumerate(filters.data or ()):
        findings += _check_data(data, f"{path}.data[{index}]")
    if filters.context is not None:
        findings += _check_context(filters.context, f"{path}.context")
    if filters.time is not None:
        findings += _check_time(filters.time, f"{path}.time")
    return findings


def _check_expr(expr: ExprFilter, path: str) -> list[Finding]:
    findings = required(path, expr=expr.expr, fields=expr.fields)
    for index, field in enumerate(expr.fields):
        findings += required(f"{path}.fields[{index}]", path=field.path, name=field.name)
    return findings


def _check_data(data: DataFilter, path: str) -> list[Finding]:
    findings = []
    if data.comparator not in COMPARATORS:
        text = f"must be one of {' '.join(filter(None, COMPARATORS))}, not '{data.comparator}'"
        findings.append(Finding("error", f"{path}.comparator", text))
    findings += required(path, path=data.path, type=data.type, value=data.value)
    for index, value in enumerate(data.value):
        if not value:
            findings.append(Finding("error", f"{path}.value[{index}]", "must not be empty"))
    return findings


def _check_context(context: ContextFilter, path: str) -> list[Finding]:
    if context.type or context.subject or context.source or context.datacontenttype:
        return []
    return [Finding("error", path, "one of type, subject, source, datacontenttype must be given")]


def _check_time(window: TimeFilter, path: str) -> list[Finding]:
    findings, clocks = [], []
    try:
        parse_zone(window.timezone)
    except EvaluationError as error:
        findings.append(Finding("error", f"{path}.timezone", error.message, error.hint))
    for name, text in (("start", window.start), ("stop", window.stop)):
        try:
            clocks.append(parse_clock(text))
        except EvaluationError as error:
            findings.append(Finding("error", f"{path}.{name}", error.message, error.hint))
    if len(clocks) == 2 and clocks[0] == clocks[1]:
        findings.append(Finding("error", path, f"start and stop are both {window.start}"))
    return findings


# Triggers


def _check_trigger(trigger: Trigger, path: str) -> list[Finding]:
    """One trigger, without the dead letter trigger within, which is looked at on its own."""
    template = trigger.template
    if template is None:
        return [Finding("error", f"{path}.template", "must be given")]
    findings = required(f"{path}.template", name=template.name)
    for index, reset in enumerate(template.conditions_reset):
        findings += _check_reset(reset.by_time, f"{path}.template.conditionsReset[{index}].byTime")
    for target in targets(template, f"{path}.template"):
        config, wrong = decode(target.kind.Config, target.raw, target.path)
        findings += wrong if config is None else target.kind.validate(config, target.path)
    if trigger.policy is not None:
        findings += _check_policy(trigger.policy, template, f"{path}.policy")
    findings += check_parameters(trigger.parameters, f"{path}.parameters")
    if trigger.dlq_trigger is not None:
        for at_least_once, where in (
            (trigger.at_least_once, path),
            (trigger.dlq_trigger.at_least_once, f"{path}.dlqTrigger"),
        ):
            if not at_least_once:
                findings.append(Finding("error", f"{where}.atLeastOnce", "must be true where there is a dlqTrigger"))
    return findings


def _check_reset(by_time: ByTime | None, path: str) -> list[Finding]:
    if by_time is None:
        return [Finding("error", path, "must be given")]
    findings = []
    for name, line, zone in (("cron", by_time.cron, ""), ("timezone", "* * * * *", by_time.timezone)):
        try:
            cron.compile(line, zone)
        except ExpressionError as error:
            findings.append(Finding("error", f"{path}.{name}", error.message))
    return findings


def _check_policy(policy: Policy, template: TriggerTemplate, path: str) -> list[Finding]:
    """What the first of these kinds would read of it must be complete."""
    kind = next((k for k in kinds(template) if k in ("k8s", "argoWorkflow", "http", "awsLambda")), "")
    if kind in ("k8s", "argoWorkflow") and policy.k8s is not None and policy.k8s.labels is None:
        return [Finding("error", f"{path}.k8s.labels", "must be given")]
    if kind in ("http", "awsLambda") and policy.status is not None and policy.status.allow is None:
        return [Finding("error", f"{path}.status.allow", "must be given")]
    return []
