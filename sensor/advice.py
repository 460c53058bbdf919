"""What the reference lets pass in a Sensor although it cannot work, or not as it reads. Beyond ``validation``.

Programs and patterns that do not compile, conditions that can never be true, names that name nothing, fields that nobody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from eventbus import subjects
from events.errors import EvaluationError, ExpressionError, SpecError
from events.expressions import conditions, gotemplate, govaluate, regex
from events.expressions.golang.numbers import parse_float
from events.expressions.scripts import Scripts
from events.models.base import Finding, decode, unknown_fields, walk
from events.models.sensor import (
    DataFilter,
    Dependency,
    Filters,
    Policy,
    Sensor,
    Trigger,
    TriggerParameter,
    TriggerTemplate,
)
from events.models.shared import Backoff, check_backoff, check_selector
from events.registry import did_you_mean
from sensor.gjson_paths import advise_path
from sensor.naming import Origin
from sensor.ratelimit import RateLimit
from sensor.triggers import PRECEDENCE, kinds, registry
from sensor.validation import Target, all_triggers, targets

__all__ = ["advise_sensor"]

Compile = Callable[[str], object]

LONGEST_QUOTE = 80
"""Characters of a program that a message repeats."""


def advise_sensor(sensor: Sensor, scripts: Scripts | None = None) -> list[Finding]:
    """Errors for what cannot work, warnings for what may surprise. Lua and jq programs are only compiled with ``scripts``."""
    findings = list(unknown_fields(sensor))
    names = [d.name for d in sensor.spec.dependencies]
    for index, dependency in enumerate(sensor.spec.dependencies):
        path = f"spec.dependencies[{index}]"
        if dependency.name and dependency.name in names[:index]:
            text = f"there is a dependency '{dependency.name}' already"
            findings.append(
                Finding("warning", f"{path}.name", text, "conditions and parameters cannot tell them apart")
            )
        findings += _advise_dependency(dependency, path, scripts)
    for trigger, path in all_triggers(sensor):
        if trigger.template is not None:
            findings += _advise_trigger(trigger, trigger.template, names, path, sensor.metadata.name)
    for model, path in walk(sensor):
        if isinstance(model, TriggerParameter):
            findings += _advise_parameter(model, names, path)
        elif isinstance(model, Backoff):
            findings += check_backoff(model, path)
        findings += check_selector(model, path)
    return findings


def _compiles(compile: Compile, text: str, path: str) -> list[Finding]:
    try:
        if text:
            compile(text)
    except (ExpressionError, EvaluationError) as error:
        message = (
            error.message if len(text) <= LONGEST_QUOTE else error.message.replace(text, f"{text[:LONGEST_QUOTE]}…")
        )
        return [Finding("error", path, message, error.hint)]
    return []


# Dependencies


def _advise_dependency(dependency: Dependency, path: str, scripts: Scripts | None) -> list[Finding]:
    findings = []
    source, event = dependency.event_source_name, dependency.event_name
    try:
        if source and event:
            subjects.subject(source, event)
    except SpecError as error:
        findings.append(Finding("error", path, error.message, error.hint))
    if dependency.filters is not None:
        findings += _advise_filters(dependency.filters, f"{path}.filters", scripts)
    if dependency.transform is not None:
        jq, lua = dependency.transform.jq, dependency.transform.script
        if jq and lua:
            findings.append(Finding("warning", f"{path}.transform.script", "does not count beside jq"))
        if scripts is not None:
            findings += _compiles(scripts.check_jq, jq, f"{path}.transform.jq")
            findings += _compiles(scripts.check_lua, lua, f"{path}.transform.script")
    return findings


def _advise_filters(filters: Filters, path: str, scripts: Scripts | None) -> list[Finding]:
    findings = []
    for index, expr in enumerate(filters.exprs or ()):
        wrong = _compiles(govaluate.compile, expr.expr, f"{path}.exprs[{index}].expr")
        findings += wrong
        for at, field in enumerate(expr.fields):
            findings += advise_path(field.path, f"{path}.exprs[{index}].fields[{at}].path")
        fields = [field.name for field in expr.fields]
        for name in sorted(govaluate.compile(expr.expr).names - set(fields)) if expr.expr and not wrong else ():
            text = f"'{name}' is none of its fields: it has no value"
            findings.append(Finding("warning", f"{path}.exprs[{index}].expr", text, did_you_mean(name, fields)))
    for index, data in enumerate(filters.data or ()):
        findings += _advise_data(data, f"{path}.data[{index}]")
    if scripts is not None:
        findings += _compiles(scripts.check_lua, filters.script, f"{path}.script")
    if filters.cel:
        from events.expressions import cel  # its library is large and rarely needed

        findings += _compiles(cel.compile, filters.cel, f"{path}.cel")
    if filters.context is not None:
        for name in ("id", "time", "specversion"):
            if getattr(filters.context, name):
                findings.append(Finding("warning", f"{path}.context.{name}", "is not compared, as in the reference"))
    return findings


def _advise_data(data: DataFilter, path: str) -> list[Finding]:
    findings = advise_path(data.path, f"{path}.path")
    findings += _compiles(gotemplate.compile, data.template, f"{path}.template")
    if data.type == "string":
        if data.comparator not in ("", "=", "!="):
            findings.append(Finding("error", f"{path}.comparator", f"a string is never '{data.comparator}' another"))
        for index, value in enumerate(data.value):
            findings += _compiles(regex.pattern, value, f"{path}.value[{index}]")
    elif data.type == "number":
        for index, value in enumerate(data.value):
            if value and parse_float(value) is None:
                findings.append(Finding("error", f"{path}.value[{index}]", f"'{value}' is not a number"))
    elif data.type == "bool":
        if data.comparator not in ("", "="):
            findings.append(Finding("warning", f"{path}.comparator", "does not count for a bool, as in the reference"))
        for index, value in enumerate(data.value):
            if value and value not in _BOOLS:
                findings.append(Finding("error", f"{path}.value[{index}]", f"'{value}' is neither true nor false"))
    elif data.type:
        findings.append(Finding("error", f"{path}.type", f"must be string, number or bool, not '{data.type}'"))
    return findings


_BOOLS = frozenset(["1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"])


# Triggers


def _advise_trigger(
    trigger: Trigger, template: TriggerTemplate, names: list[str], path: str, sensor: str
) -> list[Finding]:
    findings = []
    if template.conditions and any(names):
        compiled = _compiles(lambda text: conditions.compile(text, names), template.conditions, "")
        findings += [Finding("error", f"{path}.template.conditions", f.message, f.hint) for f in compiled]
    try:
        RateLimit.of(trigger.rate_limit)
    except SpecError as error:
        findings.append(Finding("error", f"{path}.{error.path}", error.message, error.hint))
    here = list(targets(template, f"{path}.template"))
    findings += _advise_kinds(template, here, f"{path}.template")
    for target in here:
        config, _ = decode(target.kind.Config, target.raw, target.path)
        if config is None:
            continue
        findings += unknown_fields(config, target.path)
        if not trigger.parameters:  # these may change all of it
            findings += target.kind.advise(config, target.path)
        for model, where in walk(config, target.path):
            if isinstance(model, TriggerParameter):
                findings += _advise_parameter(model, names, where)
            elif isinstance(model, Backoff):
                findings += check_backoff(model, where)
            if not (trigger.parameters or getattr(config, "parameters", None)):  # these may give what is not there
                findings += check_selector(model, where)
    if here:
        findings += _try(here[0], trigger, Origin("", sensor, template.name), path, findings)
    return findings


def _advise_kinds(template: TriggerTemplate, here: list[Target], path: str) -> list[Finding]:
    findings = []
    found = kinds(template)
    for name in template.model_extra or {}:
        if name in found and name not in registry:
            text = "unknown field, ignored as in the reference"
            findings.append(Finding("warning", f"{path}.{name}", text, _meant(name)))
        elif name not in found:
            right = next(kind for kind in found if kind.casefold() == name.casefold())
            hint = "a cluster's controller drops a field in the wrong case"
            findings.append(Finding("warning", f"{path}.{name}", f"is written '{right}'", hint))
    if not here:
        text = "names no kind of trigger"
        findings.append(Finding("error", path, text, f"one of {', '.join(PRECEDENCE)}"))
    for target in here[1:]:
        findings.append(Finding("warning", target.path, f"does not count beside {here[0].kind.kind}"))
    return findings


def _meant(name: str) -> str:
    if name in Trigger.wire_names():
        return "it belongs beside template, not into it"
    return did_you_mean(name, [*PRECEDENCE, *TriggerTemplate.wire_names()])


def _try(target: Target, trigger: Trigger, origin: Origin, path: str, known: Iterable[Finding]) -> list[Finding]:
    """What the kind itself says when it is made; what is not built yet is only a warning."""
    if not target.kind.built:
        return [Finding("warning", target.path, f"trigger kind '{target.kind.kind}' is not built yet: `up` refuses it")]
    config, _ = decode(target.kind.Config, target.raw, target.path)
    if config is None or any(f.severity == "error" for f in target.kind.validate(config, target.path)):
        return []
    try:
        target.kind(config, origin, trigger.policy or Policy())
    except SpecError as error:
        where = error.path if error.path.startswith("policy") else f"template.{error.path}".rstrip(".")
        finding = Finding("error", f"{path}.{where}", error.message, error.hint)
        if error.reason == "NotBuilt":
            finding = Finding("warning", f"{path}.{where}", f"{error.message}: `up` refuses it", error.hint)
        return [] if any(f.path == finding.path for f in known) else [finding]
    return []


def _advise_parameter(parameter: TriggerParameter, names: list[str], path: str) -> list[Finding]:
    src = parameter.src
    if src is None:
        return []
    findings = advise_path(src.data_key, f"{path}.src.dataKey")
    findings += _compiles(gotemplate.compile, src.data_template, f"{path}.src.dataTemplate")
    findings += _compiles(gotemplate.compile, src.context_template, f"{path}.src.contextTemplate")
    if src.dependency_name and src.dependency_name not in names:
        text = f"there is no dependency '{src.dependency_name}': the parameter is " + (
            "skipped" if src.value is None else "always its default"
        )
        findings.append(
            Finding("warning", f"{path}.src.dependencyName", text, did_you_mean(src.dependency_name, names))
        )
    if (src.data_key or src.data_template) and (src.context_key or src.context_template):
        findings.append(Finding("warning", f"{path}.src", "contextKey and contextTemplate do not count beside data"))
    return findings
