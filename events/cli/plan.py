"""What ``up`` is going to run, made from manifests, and everything that is to be said about them. Pure.

All findings are collected, so that a user sees every mistake at once, each with its file and line.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from eventbus.validation import JETSTREAM, advise_event_bus, decode_event_bus, validate_event_bus
from events import manifests
from events.cli.endpoint import BINDINGS_BUS
from events.errors import SpecError
from events.manifests import Bundle, Located, Manifest
from events.models.base import Finding, Spec, parse
from events.models.eventbus import EventBus
from events.models.eventsource import EventSource
from events.models.sensor import Sensor
from events.models.shared import ConfigMapKeySelector, SecretKeySelector
from events.secrets import Vault
from eventsource.endpoint import clients
from eventsource.process import Sources
from eventsource.validation import decode_event_source
from sensor.advice import advise_sensor
from sensor.bindings.dispatch import TemplateName
from sensor.bindings.validation import check_template, decode_binding, validate_binding
from sensor.plan import CompiledSensor
from sensor.scripts import ScriptWorker
from sensor.validation import decode_sensor, validate_sensor

__all__ = ["Plan", "make_plan"]

BusName = tuple[str, str]
VaultKey = tuple[str, str, str, str]
Signature = tuple[tuple[str, int, int], ...]
"""Files with time of change and size."""


@dataclass
class Plan:
    """Everything that runs. ``findings`` with an error mean that nothing should."""

    sources: list[dict[str, Any]] = field(default_factory=list)
    sensors: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    templates: list[tuple[str, str, str, dict[str, Any]]] = field(default_factory=list)
    bindings: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    vault: dict[VaultKey, bytes] = field(default_factory=dict)
    ports: set[int] = field(default_factory=set)
    source_buses: set[BusName] = field(default_factory=set)
    sensor_buses: set[BusName] = field(default_factory=set)
    recorded: list[tuple[str, str, str, str]] = field(default_factory=list)
    findings: list[Located] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lines: list[tuple[str, str, str]] = field(default_factory=list)
    """What a user is shown of what runs: object, event or trigger, address or condition."""
    binding_lines: list[tuple[str, str, str]] = field(default_factory=list)
    """Of each binding its title, its namespace and what it submits."""
    signature: Signature = ()
    """The files as they were when they were read."""

    @property
    def errors(self) -> list[Located]:
        """What keeps it from running."""
        return [f for f in self.findings if f.finding.severity == "error"]

    @property
    def buses(self) -> set[BusName]:
        """All EventBuses in use, by namespace and name, and the one of posted events."""
        return self.source_buses | self.sensor_buses | self.posted

    @property
    def posted(self) -> set[BusName]:
        """The bus of posted events, where there are bindings that wait for them."""
        return {BINDINGS_BUS} if self.bindings else set()


def make_plan(
    bundle: Bundle, *, host: str, secrets: Mapping[str, bytes], environment: Mapping[str, str], has_cluster: bool
) -> Plan:
    """Compile the manifests. ``secrets`` are those of the command line (``[namespace/]name/key`` → value)."""
    plan = Plan(findings=list(bundle.findings))
    if bundle.skipped:
        plan.notes.append("skipped: " + ", ".join(f"{n} × {kind}" for kind, n in sorted(bundle.skipped.items())))
    if not plan.errors and not bundle.of("EventSource", "Sensor", "WorkflowEventBinding"):
        names = ", ".join(str(f) for f in bundle.files) or "these files"
        plan.findings.append(
            Located(
                Finding("error", "", "no EventSource, Sensor or WorkflowEventBinding among the manifests"), None, names
            )
        )
    plan.vault = dict(manifests.vault_values(bundle.manifests))
    buses = _add_buses(plan, bundle)
    sources = list(_decoded(bundle.of("EventSource"), decode_event_source, plan))
    sensors = list(_decoded(bundle.of("Sensor"), decode_sensor, plan))
    _fill_vault(plan, [(m, s) for m, s in [*sources, *sensors]], secrets, environment)
    _add_sources(plan, sources, host)
    _add_sensors(plan, sensors, buses, has_cluster)
    _find_unread(plan, sources, sensors)
    for manifest in bundle.of("WorkflowTemplate", "ClusterWorkflowTemplate"):
        plan.templates.append((manifest.kind, manifest.namespace, manifest.name, manifest.body))
    _add_bindings(plan, bundle, secrets, has_cluster)
    # What decoding says may be said again when it is compiled.
    found = {str(located): located for located in plan.findings}.values()
    plan.findings = sorted(found, key=lambda located: (located.file, located.line, located.column))
    return plan


def _decoded(
    found: Iterable[Manifest], decode: Callable[[Any], tuple[Any, list[Finding]]], plan: Plan
) -> Iterator[tuple[Manifest, Any]]:
    for manifest in found:
        value, findings = decode(manifest.body)
        plan.findings += [Located.of(manifest, finding) for finding in findings]
        if value is not None:
            yield manifest, value


def _tell(plan: Plan, manifest: Manifest, error: SpecError) -> None:
    plan.findings.append(Located.of(manifest, Finding("error", error.path, error.message, error.hint)))


def _add_findings(plan: Plan, manifest: Manifest, errors: list[Finding], advice: list[Finding]) -> None:
    """Errors keep everything from running. Of the advice an error is only a warning here: what it names fails for the events
    that meet it, as in the reference.
    """
    told = {finding.path for finding in errors}
    milder = [dataclasses.replace(f, severity="warning") for f in advice if f.path not in told]
    plan.findings += [Located.of(manifest, f) for f in dict.fromkeys([*errors, *milder])]


def _add_buses(plan: Plan, bundle: Bundle) -> dict[BusName, EventBus]:
    kinds = set()
    buses = {}
    for manifest, bus in _decoded(bundle.of("EventBus"), decode_event_bus, plan):
        buses[manifest.namespace, manifest.name] = bus
        _add_findings(plan, manifest, validate_event_bus(bus), advise_event_bus(bus))
        kinds |= {k for k in ("jetstream_exotic", "kafka") if getattr(bus.spec, k) is not None}
    if kinds:
        plan.notes.append(
            "EventBuses that name a server of yours run on the embedded bus here; --nats URL uses a server"
        )
    return buses


def _add_sources(plan: Plan, sources: list[tuple[Manifest, EventSource]], host: str) -> None:
    by_title = {m.title: m for m, _ in sources}
    for manifest, source in sources:
        body = {**manifest.body, "metadata": {**manifest.body["metadata"], "namespace": manifest.namespace}}
        plan.sources.append(body)
        plan.source_buses.add((manifest.namespace, source.bus))
    compiled = Sources([parse(EventSource, body) for body in plan.sources], Vault(plan.vault))
    for error in compiled.errors:
        owner, path = _owner(by_title, error.path)
        plan.findings.append(_located(owner, Finding("error", path, error.message, error.hint)))
    for warning in compiled.warnings:
        if not warning.path:
            plan.notes.append(f"{warning.message}: {warning.hint}" if warning.hint else warning.message)
            continue
        owner, path = _owner(by_title, warning.path)
        plan.findings.append(_located(owner, Finding("warning", path, warning.message, warning.hint)))
    plan.ports = set(compiled.tables)
    for listener in compiled.listeners:
        context = listener.webhook.context
        scheme = "https" if context.tls else "http"
        path = context.endpoint if context.endpoint.startswith("/") else f"/{context.endpoint}"
        title = f"EventSource {listener.namespace}/{listener.source}"
        plan.lines.append((title, f"{listener.kind} {listener.name}", f"{scheme}://{host}:{context.port}{path}"))


def _owner(by_title: Mapping[str, Manifest], path: str) -> tuple[Manifest | None, str]:
    title, _, rest = path.partition(": ")
    return by_title.get(title), rest if title in by_title else path


def _located(manifest: Manifest | None, finding: Finding) -> Located:
    return Located.of(manifest, finding) if manifest is not None else Located(finding, None)


def _add_sensors(
    plan: Plan,
    sensors: list[tuple[Manifest, Sensor]],
    buses: Mapping[BusName, EventBus],
    has_cluster: bool,
) -> None:
    scripts = ScriptWorker()  # its process starts with the first script that is run, and none is
    for manifest, sensor in sensors:
        bus = buses.get((manifest.namespace, sensor.bus), JETSTREAM)
        findings = validate_sensor(sensor, bus)
        if not findings:
            try:
                compiled = CompiledSensor(sensor, manifest.namespace, scripts)
            except SpecError as error:
                findings = [Finding("error", error.path, error.message, error.hint)]
        _add_findings(plan, manifest, findings, advise_sensor(sensor))
        if findings:
            continue
        plan.sensors.append((manifest.namespace, manifest.body))
        plan.sensor_buses.add((manifest.namespace, sensor.bus))
        for index, trigger in enumerate(compiled.triggers):
            path = f"spec.triggers[{index}]"
            if trigger.spec.dlq_trigger is not None:
                message = "dlqTrigger is not run yet; what is refused for good is recorded"
                plan.findings.append(Located.of(manifest, Finding("warning", f"{path}.dlqTrigger", message)))
            kind = trigger.kind_name
            if kind == "k8s" and not has_cluster and trigger.object_kind != "Workflow":
                message = f"creating a {trigger.object_kind} needs a cluster"
                plan.findings.append(
                    Located.of(manifest, Finding("error", f"{path}.template.k8s", message, "start with --kube"))
                )
            plan.lines.append((manifest.title, f"{kind} {trigger.name}", f"on {trigger.condition.text}"))


def _add_bindings(plan: Plan, bundle: Bundle, secrets: Mapping[str, bytes], has_cluster: bool) -> None:
    """Bindings, and the Secrets that say who may post to their namespaces."""
    templates = {TemplateName(kind, namespace, name): body for kind, namespace, name, body in plan.templates}
    for manifest, binding in _decoded(bundle.of("WorkflowEventBinding"), decode_binding, plan):
        advice = validate_binding(binding)
        if templates or not has_cluster:
            advice += check_template(binding, manifest.namespace, templates)
        _add_findings(plan, manifest, [], advice)
        metadata = {**manifest.body["metadata"], "namespace": manifest.namespace}
        plan.bindings.append((manifest.namespace, {**manifest.body, "metadata": metadata}))
        submit = binding.spec.submit
        plan.binding_lines.append(
            (manifest.title, manifest.namespace, submit.workflow_template_ref.name if submit is not None else "")
        )
    for namespace in sorted({namespace for namespace, _ in plan.bindings}):
        for given, value in secrets.items():
            *where, name, key = given.split("/", 2) if given.count("/") > 1 else ("", *given.split("/"))
            if name == clients.SECRET_NAME and where[0] in ("", namespace):
                plan.vault["secret", namespace, name, key] = value
        data = {
            k: v
            for (kind, ns, n, k), v in plan.vault.items()
            if (kind, ns, n) == ("secret", namespace, clients.SECRET_NAME)
        }
        if not data:
            text = (
                f"namespace {namespace} has no Secret {clients.SECRET_NAME}: only posts with --token are let in there"
            )
            plan.notes.append(text)
        for finding in clients.read(data).findings():
            plan.notes.append(f"Secret {namespace}/{clients.SECRET_NAME}: {finding}")


def _find_unread(
    plan: Plan, sources: list[tuple[Manifest, EventSource]], sensors: list[tuple[Manifest, Sensor]]
) -> None:
    """Events that no sensor waits for, and dependencies on events that no source makes."""
    read = {(m.namespace, s.bus, d.event_source_name, d.event_name) for m, s in sensors for d in s.spec.dependencies}
    made = {(m.namespace, s.bus, m.name, name) for m, s in sources for _, name, _ in s.spec.events()}
    plan.recorded = sorted(made - read)
    for manifest, sensor in sensors:
        for index, dependency in enumerate(sensor.spec.dependencies):
            key = (manifest.namespace, sensor.bus, dependency.event_source_name, dependency.event_name)
            if key not in made:
                message = f"no EventSource '{key[2]}' with an event '{key[3]}' among these manifests"
                path = f"spec.dependencies[{index}]"
                plan.findings.append(Located.of(manifest, Finding("warning", path, message)))


# -- secrets ---------------------------------------------------------------------------------------------------------


def _fill_vault(
    plan: Plan,
    objects: list[tuple[Manifest, Any]],
    secrets: Mapping[str, bytes],
    environment: Mapping[str, str],
) -> None:
    """Values of the command line win over the environment, and these over Secret documents."""
    for manifest, value in objects:
        for selector in _secret_selectors(value):
            key = ("secret", manifest.namespace, selector.name, selector.key)
            short = f"{selector.name}/{selector.key}"
            variable = f"POINTSMAN_SECRET__{_shell_name(selector.name)}__{_shell_name(selector.key)}"
            given = secrets.get(f"{manifest.namespace}/{short}", secrets.get(short))
            if given is not None:
                plan.vault[key] = given
            elif variable in environment:
                plan.vault[key] = os.fsencode(environment[variable])


def _shell_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def _secret_selectors(value: Any) -> Iterator[SecretKeySelector]:
    """Everything below an object that has the shape of a selector, also in configurations that are still raw."""
    if isinstance(value, (SecretKeySelector, ConfigMapKeySelector)):
        if isinstance(value, SecretKeySelector):
            yield value
    elif isinstance(value, Spec):
        for field in type(value).model_fields:
            yield from _secret_selectors(getattr(value, field))
        yield from _secret_selectors(value.model_extra)
    elif isinstance(value, dict):
        name, key = value.get("name"), value.get("key")
        if isinstance(name, str) and isinstance(key, str):
            yield SecretKeySelector(name=name, key=key)
        for item in value.values():
            yield from _secret_selectors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _secret_selectors(item)
