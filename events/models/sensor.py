"""Sensor: dependencies, their filters, and triggers (spec §1.1)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from events.models.base import Int32, Json, Spec
from events.models.kubernetes import PodTemplate
from events.models.shared import Backoff, Metadata, Time

__all__ = [
    "ConditionsReset",
    "ContextFilter",
    "DataFilter",
    "Dependency",
    "ExprField",
    "ExprFilter",
    "Filters",
    "ParameterSource",
    "Policy",
    "Sensor",
    "SensorSpec",
    "TimeFilter",
    "Transform",
    "Trigger",
    "TriggerParameter",
    "TriggerTemplate",
]


class DataFilter(Spec):
    """One clause on the event's data (spec §1.3.2)."""

    path: str = ""
    type: str = ""
    value: list[str] = []
    comparator: str = ""
    template: str = ""


class ExprField(Spec):
    """Where a variable of an expression comes from."""

    path: str = ""
    name: str = ""


class ExprFilter(Spec):
    """A govaluate expression over fields of the data (spec §1.3.3)."""

    expr: str = ""
    fields: list[ExprField] = []


class ContextFilter(Spec):
    """Attributes that the event must have (spec §1.3.4). ``id``, ``time`` and ``specversion`` are ignored."""

    type: str = ""
    subject: str = ""
    source: str = ""
    datacontenttype: str = ""
    id: str = ""
    time: Time | None = None
    specversion: str = ""


class TimeFilter(Spec):
    """A daily window, ``HH:MM:SS``, from ``start`` (inclusive) to ``stop`` (exclusive) (spec §1.3.5)."""

    start: str = ""
    stop: str = ""
    timezone: str = ""


class Filters(Spec):
    """All filters of a dependency. ``None`` and an empty list differ for ``or`` (spec §1.3.1)."""

    time: TimeFilter | None = None
    context: ContextFilter | None = None
    data: list[DataFilter] | None = None
    exprs: list[ExprFilter] | None = None
    data_logical_operator: str = ""
    expr_logical_operator: str = ""
    script: str = ""
    cel: str = ""


class Transform(Spec):
    """Changes the data before the filters see it; ``jq`` wins over ``script`` (Lua) (spec §1.4)."""

    jq: str = ""
    script: str = ""


class Dependency(Spec):
    """An event that a sensor waits for."""

    name: str = ""
    event_source_name: str = ""
    event_name: str = ""
    filters: Filters | None = None
    transform: Transform | None = None
    filters_logical_operator: str = ""


class ParameterSource(Spec):
    """Where a parameter's value comes from (spec §1.7)."""

    dependency_name: str = ""
    context_key: str = ""
    context_template: str = ""
    data_key: str = ""
    data_template: str = ""
    value: str | None = None
    use_raw_data: bool = False


class TriggerParameter(Spec):
    """A value from an event, and where it is written: ``dest`` is an sjson path (spec §1.8)."""

    src: ParameterSource | None = None
    dest: str = ""
    operation: str = ""


class ByTime(Spec):
    """A cron line with its zone."""

    cron: str = ""
    timezone: str = ""


class ConditionsReset(Spec):
    """When saved events of a trigger are forgotten (spec §1.5)."""

    by_time: ByTime | None = None


class K8sPolicy(Spec):
    """Labels that the created object must reach."""

    labels: dict[str, str] | None = None
    backoff: Backoff | None = None
    error_on_backoff_timeout: bool = False


class StatusPolicy(Spec):
    """HTTP statuses that count as success."""

    allow: list[Int32] | None = None


class Policy(Spec):
    """What counts as success after the submission (spec §2)."""

    k8s: K8sPolicy | None = Field(default=None, alias="k8s")
    status: StatusPolicy | None = None


class RateLimit(Spec):
    """At most ``requests_per_unit`` executions in each unit of time."""

    unit: str = ""
    requests_per_unit: Int32 = 0


class TriggerTemplate(Spec):
    """What a trigger does. Exactly one kind is expected beside the named fields: ``k8s``, ``argoWorkflow``, ``http`` …"""

    free_form: ClassVar[bool] = True  # kinds are fields here; the registry of sensor.triggers knows them

    name: str = ""
    conditions: str = ""
    conditions_reset: list[ConditionsReset] = []

    def kinds(self) -> dict[str, Json]:
        """Trigger kinds by wire name with their raw configuration."""
        return dict(self.model_extra or {})


class Trigger(Spec):
    """When the condition holds, submit what the template says."""

    template: TriggerTemplate | None = None
    parameters: list[TriggerParameter] = []
    policy: Policy | None = None
    retry_strategy: Backoff | None = None
    rate_limit: RateLimit | None = None
    at_least_once: bool = False
    dlq_trigger: Trigger | None = None


class SensorSpec(Spec):
    """The body of a Sensor."""

    dependencies: list[Dependency] = []
    triggers: list[Trigger] = []
    template: PodTemplate | None = None
    event_bus_name: str = ""
    replicas: Int32 | None = None
    revision_history_limit: Int32 | None = None
    error_on_failed_round: bool = False
    logging_fields: dict[str, str] = {}


class Sensor(Spec):
    """Sensor of ``argoproj.io/v1alpha1``."""

    api_version: str = ""
    kind: str = "Sensor"
    metadata: Metadata = Metadata()
    spec: SensorSpec = SensorSpec()
    status: Json = None

    @property
    def bus(self) -> str:
        """Name of the EventBus that it reads from."""
        return self.spec.event_bus_name or "default"
