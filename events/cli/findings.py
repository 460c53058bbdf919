"""Everything that can be said about manifests without running them, for ``lint`` and for the start of ``up``. Pure.

Both say the same. They differ where files are not all there is: ``lint`` takes it that a cluster may hold more Secrets and
templates, and that what is not built here runs there. ``up`` has what it was given, and starts although an expression is wrong:
what it decides fails for the events that it concerns, as in the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from eventbus.validation import JETSTREAM, advise_event_bus, decode_event_bus, validate_event_bus
from events.cli.any_secrets import AnySecrets
from events.cli.buses import their_jetstream
from events.cli.paths import check_paths
from events.cli.references import Names, check_bus, check_dependencies
from events.errors import SpecError
from events.expressions.scripts import Scripts
from events.kube.rules import is_name
from events.manifests import Bundle, Located, Manifest
from events.models.base import Finding, parse
from events.models.binding import WorkflowEventBinding
from events.models.eventbus import EventBus
from events.models.eventsource import EventSource
from events.models.sensor import Sensor
from events.secrets import Vault
from eventsource.hooks.contests import contests
from eventsource.sources import Sources
from eventsource.validation import advise_event_source, decode_event_source, validate_event_source
from eventsource.webhooks import for_another_bus
from sensor.advice import advise_sensor
from sensor.bindings.dispatch import TemplateName
from sensor.bindings.validation import check_template, decode_binding, validate_binding
from sensor.plan import CompiledSensor
from sensor.scripts import ScriptWorker
from sensor.validation import decode_sensor, validate_sensor
from sensor.workflow_templates import check_sensor_templates

__all__ = ["Checked", "check", "judge"]

Name = tuple[str, str]
"""Namespace and name."""
VaultKey = tuple[str, str, str, str]


@dataclass
class Checked:
    """The objects of some manifests, and everything that is to be said about them, by file and line."""

    findings: list[Located]
    notes: list[str] = field(default_factory=list)
    """What is about no object in particular."""
    buses: dict[Name, EventBus] = field(default_factory=dict)
    sources: list[tuple[Manifest, EventSource]] = field(default_factory=list)
    sensors: list[tuple[Manifest, Sensor]] = field(default_factory=list)
    compiled: list[tuple[Manifest, Sensor, CompiledSensor]] = field(default_factory=list)
    """The Sensors that can run."""
    bindings: list[tuple[Manifest, WorkflowEventBinding]] = field(default_factory=list)
    served: Sources = field(default_factory=lambda: Sources([], Vault()))

    def tell(self, manifest: Manifest, findings: Iterable[Finding]) -> None:
        """Add findings about an object."""
        self.findings += [Located.of(manifest, finding) for finding in findings]

    def add(self, manifest: Manifest, errors: list[Finding], advice: list[Finding], *, starts: bool) -> None:
        """Add what keeps an object from running, and of the advice what is said of other fields.

        An error of the advice is only a warning for ``up``, which ``starts`` nevertheless.
        """
        told = {f.path for f in errors if f.severity == "error"}
        told |= {f.finding.path for f in self.findings if f.manifest is manifest and f.finding.severity == "error"}
        others = [f for f in advice if f.path not in told]
        if starts:
            others = [replace(f, severity="warning") if f.severity == "error" else f for f in others]
        self.tell(manifest, [*errors, *others])


def judge(bundle: Bundle, scripts: Scripts | None = None) -> Checked:
    """What ``lint`` says: about the objects alone, wherever they may run.

    ``scripts`` compiles Lua and jq programs; without it they are not looked at.
    """
    from events.manifests import vault_values

    return check(bundle, vault_values(bundle.manifests), scripts)


def check(
    bundle: Bundle,
    vault: Mapping[VaultKey, bytes],
    scripts: Scripts | None = None,
    *,
    starts: bool = False,
    has_cluster: bool = True,
) -> Checked:
    """Decode and compile all objects. ``starts``: they are about to run here, with the Secrets of ``vault`` and no others.

    ``has_cluster``: templates may be kept there.
    """
    checked = Checked(list(bundle.findings))
    if bundle.skipped:
        checked.notes.append("skipped: " + ", ".join(f"{n} × {kind}" for kind, n in sorted(bundle.skipped.items())))
    for manifest in bundle.manifests:
        if not is_name(manifest.name):
            text = f"an API server does not take '{manifest.name[:80]}' as a name"
            hint = "small letters, digits, - and ., at most 253"
            checked.tell(manifest, [Finding("warning", "metadata.name", text, hint)])
    for manifest, bus in _decoded(bundle.of("EventBus"), decode_event_bus, checked):
        checked.buses[manifest.namespace, manifest.name] = bus
        checked.add(manifest, validate_event_bus(bus), advise_event_bus(bus), starts=starts)
    checked.sources = list(_decoded(bundle.of("EventSource"), decode_event_source, checked))
    checked.sensors = list(_decoded(bundle.of("Sensor"), decode_sensor, checked))
    _check_sources(checked, vault, starts)
    names = Names.of(checked.sources, set(checked.buses))
    for manifest, source in checked.sources:
        checked.tell(manifest, check_bus(source.bus, manifest.namespace, names))
    templates = {
        TemplateName(m.kind, m.namespace, m.name): m.body
        for m in bundle.of("WorkflowTemplate", "ClusterWorkflowTemplate")
    }
    _check_sensors(checked, scripts, starts)
    for manifest, sensor in checked.sensors:
        namespace = manifest.namespace
        checked.tell(manifest, check_bus(sensor.bus, namespace, names))
        checked.tell(manifest, check_dependencies(sensor, namespace, names, complete=starts))
        listeners = {(s.source, s.name): s for s in checked.served.listeners if s.namespace == namespace}
        checked.tell(manifest, check_paths(sensor, listeners))
        checked.tell(manifest, check_sensor_templates(sensor, namespace, templates, complete=not has_cluster))
    for manifest, binding in _decoded(bundle.of("WorkflowEventBinding"), decode_binding, checked):
        checked.bindings.append((manifest, binding))
        advice = validate_binding(binding)
        if templates or not has_cluster:  # otherwise they are kept elsewhere
            advice += check_template(binding, manifest.namespace, templates)
        checked.add(manifest, [], advice, starts=starts)
    # The same may be said twice: a field of the wrong type keeps its rules from being looked at, and fails them.
    found = {str(located): located for located in checked.findings}.values()
    checked.findings = sorted(found, key=lambda located: (located.file, located.line, located.column))
    return checked


def _decoded(
    found: Iterable[Manifest], decode: Callable[[Any], tuple[Any, list[Finding]]], checked: Checked
) -> Iterator[tuple[Manifest, Any]]:
    for manifest in found:
        value, findings = decode(manifest.body)
        checked.tell(manifest, findings)
        if value is not None:
            yield manifest, value


# -- EventSources ----------------------------------------------------------------------------------------------------


def _check_sources(checked: Checked, vault: Mapping[VaultKey, bytes], starts: bool) -> None:
    """What each source says of itself, and what they say together: one path of a port is for one event."""
    owners = {manifest.title: manifest for manifest, _ in checked.sources}
    parsed = [parse(EventSource, _placed(manifest)) for manifest, _ in checked.sources]
    theirs = {name for name, bus in checked.buses.items() if their_jetstream(bus) is not None}
    checked.served = Sources(parsed, Vault(vault), elsewhere=theirs)
    told: dict[str, list[Finding]] = {title: [] for title in owners}
    if not starts:
        for error in checked.served.errors:
            if error.reason == "SecretMissing":
                title, path = _owner(error.path)
                told[title].append(Finding("note", path, f"{error.message} among these files", "`up` needs it"))
        checked.served = Sources(parsed, AnySecrets(vault), elsewhere=theirs)
    unknown: set[tuple[str, str]] = set()
    for error in checked.served.errors:
        title, path = _owner(error.path)
        if error.reason == "UnknownKind":
            unknown.add((title, path.rpartition(".")[0]))
        if starts or error.reason not in ("NotBuilt", "UnknownKind"):  # a cluster runs the one and ignores the other
            told[title].append(Finding("error", path, error.message, error.hint))
    for warning in checked.served.warnings:
        if warning.path:
            title, path = _owner(warning.path)
            told[title].append(Finding(warning.severity, path, warning.message, warning.hint))
        else:
            checked.notes.append(f"{warning.message}: {warning.hint}" if warning.hint else warning.message)
    for manifest, source in checked.sources:
        errors = validate_event_source(source)
        wrong = {f.path for f in errors}
        errors += [f for f in told[manifest.title] if f.severity != "error" or f.path not in wrong]
        advice = advise_event_source(source)
        if starts:  # the error of each event says more
            advice = [f for f in advice if (manifest.title, f.path) not in unknown]
        if (manifest.namespace, source.bus) in theirs:
            errors = [for_another_bus(finding) for finding in errors]
            advice = [for_another_bus(finding) for finding in advice]
        checked.add(manifest, errors, advice, starts=starts)
    by_name = {(manifest.namespace, manifest.name): manifest for manifest, _ in checked.sources}
    for name, finding in contests((manifest.namespace, source) for manifest, source in checked.sources):
        checked.tell(by_name[name], [finding])


def _placed(manifest: Manifest) -> dict[str, Any]:
    """The object with the namespace that it is in."""
    return {**manifest.body, "metadata": {**manifest.body["metadata"], "namespace": manifest.namespace}}


def _owner(path: str) -> tuple[str, str]:
    """``EventSource default/hooks: spec.webhook.push`` → the object's title, and the field."""
    title, _, field = path.partition(": ")
    return title, field


# -- Sensors ---------------------------------------------------------------------------------------------------------


def _check_sensors(checked: Checked, scripts: Scripts | None, starts: bool) -> None:
    worker = ScriptWorker()  # its process starts with the first script that is run, and none is
    for manifest, sensor in checked.sensors:
        bus = checked.buses.get((manifest.namespace, sensor.bus), JETSTREAM)
        errors = validate_sensor(sensor, bus)
        advice = advise_sensor(sensor, scripts)
        if not errors:
            try:
                checked.compiled.append((manifest, sensor, CompiledSensor(sensor, manifest.namespace, worker)))
            except SpecError as error:
                known = error.reason == "NotBuilt" or any(f.severity == "error" for f in advice)
                if starts or not known:
                    errors = [Finding("error", error.path, error.message, error.hint)]
        checked.add(manifest, errors, advice, starts=starts)
