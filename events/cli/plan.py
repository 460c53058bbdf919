"""What ``up`` is going to run, made from manifests, and everything that is to be said about them. Pure.

All findings are collected, so that a user sees every mistake at once, each with its file and line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from events.cli.buses import TheirBus, read_theirs, runs_here
from events.cli.findings import Checked, check
from events.cli.secret_values import VaultKey, fill, unused
from events.cli.stored import BINDINGS_BUS
from events.manifests import Bundle, Located
from events.models.base import Finding
from events.secrets import Vault
from eventsource.endpoint import clients
from sensor.scripts import ScriptWorker

__all__ = ["Plan", "make_plan"]

BusName = tuple[str, str]
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
    askers: dict[int, str] = field(default_factory=dict)
    """Which event asks first for each of the ports, with its file and line."""
    source_buses: set[BusName] = field(default_factory=set)
    sensor_buses: set[BusName] = field(default_factory=set)
    theirs: dict[BusName, TheirBus] = field(default_factory=dict)
    """EventBuses in use that are servers of somebody else."""
    largest: dict[BusName, int] = field(default_factory=dict)
    """How many bytes a delivery may have whose event goes to an EventBus."""
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
    bundle: Bundle,
    *,
    host: str,
    secrets: Mapping[str, bytes],
    environment: Mapping[str, str],
    has_cluster: bool,
    meets_buses: bool = False,
) -> Plan:
    """Compile the manifests. ``secrets`` are those of the command line (``[namespace/]name/key`` → value); ``meets_buses``: EventBuses of
    somebody else are connected to, so that their Secrets must be there.
    """
    vault = fill(bundle, secrets, environment)
    with ScriptWorker() as scripts:  # its process starts with the first script that there is
        checked = check(bundle, vault, scripts, starts=True, has_cluster=has_cluster)
    plan = Plan(findings=checked.findings, vault=vault)
    if not bundle.errors and not bundle.of("EventSource", "Sensor", "WorkflowEventBinding"):
        names = ", ".join(str(f) for f in bundle.files) or "these files"
        plan.findings.append(
            Located(
                Finding("error", "", "no EventSource, Sensor or WorkflowEventBinding among the manifests"), None, names
            )
        )
    for name, hint in unused(bundle, secrets):
        plan.findings.append(Located(Finding("warning", "", f"--secret {name}: nothing asks for it", hint), None))
    for (_, name), bus in sorted(checked.buses.items()):
        if runs_here(bus):
            plan.notes.append(f"EventBus {name} names a server that is no JetStream: it runs on the embedded bus here")
    plan.notes += checked.notes
    _add_sources(plan, checked, host)
    _add_sensors(plan, checked, has_cluster)
    if meets_buses:
        _add_buses(plan, bundle, checked)
    plan.recorded = _unread(checked)
    for manifest in bundle.of("WorkflowTemplate", "ClusterWorkflowTemplate"):
        plan.templates.append((manifest.kind, manifest.namespace, manifest.name, manifest.body))
    _add_bindings(plan, checked)
    plan.findings.sort(key=lambda located: (located.file, located.line, located.column))
    return plan


def _add_sources(plan: Plan, checked: Checked, host: str) -> None:
    for manifest, source in checked.sources:
        body = {**manifest.body, "metadata": {**manifest.body["metadata"], "namespace": manifest.namespace}}
        plan.sources.append(body)
        plan.source_buses.add((manifest.namespace, source.bus))
    plan.ports = set(checked.served.tables)
    manifests = {manifest.title: manifest for manifest, _ in checked.sources}
    buses = {(manifest.namespace, manifest.name): source.bus for manifest, source in checked.sources}
    for listener in checked.served.listeners:
        context = listener.webhook.context
        bus = (listener.namespace, buses[listener.namespace, listener.source])
        plan.largest[bus] = max(context.limit, plan.largest.get(bus, 0))
        scheme = "https" if context.tls else "http"
        path = context.endpoint if context.endpoint.startswith("/") else f"/{context.endpoint}"
        title = f"EventSource {listener.namespace}/{listener.source}"
        manifest = manifests[title]
        line, _ = manifest.locate(f"spec.{listener.kind}.{listener.name}")
        asker = f"{title}, {listener.kind} event '{listener.name}', at {manifest.file}:{line}"
        plan.askers.setdefault(int(context.port), asker)
        plan.lines.append((title, f"{listener.kind} {listener.name}", f"{scheme}://{host}:{context.port}{path}"))


def _add_sensors(plan: Plan, checked: Checked, has_cluster: bool) -> None:
    for manifest, sensor, compiled in checked.compiled:
        plan.sensors.append((manifest.namespace, manifest.body))
        plan.sensor_buses.add((manifest.namespace, sensor.bus))
        for index, trigger in enumerate(compiled.triggers):
            path = f"spec.triggers[{index}]"
            kind = trigger.kind_name
            if kind == "k8s" and not has_cluster and trigger.object_kind != "Workflow":
                message = f"creating a {trigger.object_kind} needs a cluster"
                plan.findings.append(
                    Located.of(manifest, Finding("error", f"{path}.template.k8s", message, "start with --kube"))
                )
            plan.lines.append((manifest.title, f"{kind} {trigger.name}", f"on {trigger.condition.text}"))


def _add_buses(plan: Plan, bundle: Bundle, checked: Checked) -> None:
    """Buses of somebody else that are in use."""
    manifests = {(m.namespace, m.name): m for m in bundle.of("EventBus")}
    plan.theirs, findings = read_theirs(plan.source_buses | plan.sensor_buses, checked.buses, Vault(plan.vault))
    plan.findings += [Located.of(manifests[name], finding) for name, finding in findings]


def _add_bindings(plan: Plan, checked: Checked) -> None:
    """Bindings, and who may post to their namespaces."""
    for manifest, binding in checked.bindings:
        metadata = {**manifest.body["metadata"], "namespace": manifest.namespace}
        plan.bindings.append((manifest.namespace, {**manifest.body, "metadata": metadata}))
        submit = binding.spec.submit
        plan.binding_lines.append(
            (manifest.title, manifest.namespace, submit.workflow_template_ref.name if submit is not None else "")
        )
    for namespace in sorted({namespace for namespace, _ in plan.bindings}):
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


def _unread(checked: Checked) -> list[tuple[str, str, str, str]]:
    """Events that no sensor waits for: namespace, bus, source and event."""
    read = {
        (m.namespace, s.bus, d.event_source_name, d.event_name) for m, s in checked.sensors for d in s.spec.dependencies
    }
    made = {(m.namespace, s.bus, m.name, name) for m, s in checked.sources for _, name, _ in s.spec.events()}
    return sorted(made - read)
