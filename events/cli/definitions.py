"""The CustomResourceDefinitions of our kinds, made from the models. Pure.

Names, plurals and short names are those of the reference (spec §0.1), so that these definitions may replace its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from events.models.base import Spec
from events.models.binding import WorkflowEventBinding
from events.models.eventbus import EventBus
from events.models.eventsource import EventSource, EventSourceSpec
from events.models.schema import Schema, schema_of
from events.models.sensor import Sensor, TriggerTemplate
from events.models.status import BusStatus, SensorStatus, SourceStatus
from eventsource import kinds
from sensor import triggers

__all__ = ["BINDINGS", "DEFINITIONS", "Definition", "definition", "file_name"]

GROUP = "argoproj.io"


@dataclass(frozen=True, slots=True)
class Definition:
    """A kind: its model, its names, and the columns that ``kubectl get`` shows (title, type, JSON path)."""

    model: type[Spec]
    plural: str
    short: str
    columns: tuple[tuple[str, str, str], ...] = ()
    status: type[Spec] | None = None

    @property
    def kind(self) -> str:
        """As in a manifest."""
        return self.model.__name__


def _condition(kind: str) -> str:
    return f'.status.conditions[?(@.type=="{kind}")].status'


_LAST_ERROR = ("Last Error", "string", ".status.lastError")

DEFINITIONS = (
    Definition(
        EventBus,
        "eventbus",
        "eb",
        (
            ("Configured", "string", _condition("Configured")),
            ("Deployed", "string", _condition("Deployed")),
            ("Address", "string", ".status.config.jetstream.url"),
        ),
        BusStatus,
    ),
    Definition(
        EventSource,
        "eventsources",
        "es",
        (
            ("Bus", "string", ".spec.eventBusName"),
            ("Sources", "string", _condition("SourcesProvided")),
            ("Deployed", "string", _condition("Deployed")),
            ("Last Event", "date", ".status.lastEvent"),
            _LAST_ERROR,
        ),
        SourceStatus,
    ),
    Definition(
        Sensor,
        "sensors",
        "sn",
        (
            ("Bus", "string", ".spec.eventBusName"),
            ("Dependencies", "string", _condition("DependenciesProvided")),
            ("Triggers", "string", _condition("TriggersProvided")),
            ("Deployed", "string", _condition("Deployed")),
            ("Last Submission", "date", ".status.lastSubmission"),
            _LAST_ERROR,
        ),
        SensorStatus,
    ),
)
BINDINGS = Definition(WorkflowEventBinding, "workfloweventbindings", "wfeb")
"""Comes with Argo Workflows; to be installed only where that is not."""


def file_name(wanted: Definition) -> str:
    """``argoproj.io_sensors.yaml``."""
    return f"{GROUP}_{wanted.plural}.yaml"


def definition(wanted: Definition) -> dict[str, Any]:
    """The CustomResourceDefinition as an object."""
    version: dict[str, Any] = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _schema(wanted)},
        "additionalPrinterColumns": [
            *({"name": name, "type": kind, "jsonPath": path} | _aside(name) for name, kind, path in wanted.columns),
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ],
    }
    if wanted.status is not None:
        version["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{wanted.plural}.{GROUP}", "labels": {"app.kubernetes.io/part-of": "pointsman"}},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": wanted.kind,
                "listKind": f"{wanted.kind}List",
                "plural": wanted.plural,
                "singular": wanted.kind.lower(),
                "shortNames": [wanted.short],
            },
            "versions": [version],
        },
    }


def _aside(column: str) -> dict[str, int]:
    """Long texts are shown with ``-o wide``."""
    return {"priority": 1} if column in ("Last Error", "Address") else {}


def _schema(wanted: Definition) -> Schema:
    extra: Mapping[type[Spec], Mapping[str, Schema]] = {}
    if wanted.model is EventSource:
        extra = {EventSourceSpec: {kind: _events(kind) for kind in kinds.KINDS}}
    if wanted.model is Sensor:
        extra = {TriggerTemplate: {kind: _trigger(kind) for kind in triggers.PRECEDENCE}}
    whole = schema_of(wanted.model, extra)
    properties = {
        "apiVersion": {"description": "`argoproj.io/v1alpha1`.", "type": "string"},
        "kind": {"description": f"`{wanted.kind}`.", "type": "string"},
        "metadata": {"type": "object"},
        "spec": {name: value for name, value in whole["properties"]["spec"].items() if name != "nullable"},
    }
    if wanted.status is not None:
        properties["status"] = schema_of(wanted.status)
    return {
        "description": whole["description"],
        "type": "object",
        "required": ["metadata", "spec"],
        "properties": properties,
    }


def _events(kind: str) -> Schema:
    """Event name → configuration."""
    found = kinds.get(kind)
    model: type[Spec] = found.config_model
    each = schema_of(model)
    return {
        "description": f"Events of kind `{kind}`, by name. {each['description']}{_unbuilt(found.built)}",
        "type": "object",
        "additionalProperties": {**each, "nullable": True},
    }


def _trigger(kind: str) -> Schema:
    found = triggers.registry[kind]
    schema = schema_of(found.Config)
    return {**schema, "description": f"{schema['description']}{_unbuilt(found.built)}"}


def _unbuilt(built: bool) -> str:
    return "" if built else " Not run by Pointsman yet."
