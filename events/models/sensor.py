"""Sensor: dependencies, their filters, and triggers (spec §1.1)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from events.models.base import Int32, Json, Spec, one_of
from events.models.kubernetes import PodTemplate
from events.models.shared import Backoff, Metadata, Time

__all__ = [
    "COMPARATORS",
    "LOGICAL_OPERATORS",
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


COMPARATORS = ("", ">=", ">", "=", "!=", "<", "<=")
Comparator = Annotated[str, one_of(*COMPARATORS)]

LOGICAL_OPERATORS = ("", "and", "or")
Operator = Annotated[str, one_of(*LOGICAL_OPERATORS)]
"""How several filters are joined; empty means ``and``."""


class DataFilter(Spec):
    """One clause on the event's data (spec §1.3.2)."""

    path: str = ""
    """Where the value is in the data, for example `body.ref` (GJSON)."""
    type: str = ""
    """`string`, `number` or `bool`."""
    value: list[str] = []
    """The values to compare with; a text is a regular expression."""
    comparator: Comparator = ""
    """How to compare; `=` when absent."""
    template: str = ""
    """A Go template over the value, `{{ .Input }}`; its result is compared."""


class ExprField(Spec):
    """Where a variable of an expression comes from."""

    path: str = ""
    """Where the value is in the data (GJSON)."""
    name: str = ""
    """Its name in the expression."""


class ExprFilter(Spec):
    """A govaluate expression over fields of the data (spec §1.3.3)."""

    expr: str = ""
    """For example `ref == "refs/heads/main"`."""
    fields: list[ExprField] = []
    """The names in the expression."""


class ContextFilter(Spec):
    """Attributes that the event must have (spec §1.3.4). ``id``, ``time`` and ``specversion`` are ignored."""

    type: str = ""
    """The type of the event."""
    subject: str = ""
    """The name of the event."""
    source: str = ""
    """The name of the EventSource."""
    datacontenttype: str = ""
    """The type of the data, for example `application/json`."""
    id: str = ""
    """Ignored."""
    time: Time | None = None
    """Ignored."""
    specversion: str = ""
    """Ignored."""


class TimeFilter(Spec):
    """A daily window, ``HH:MM:SS``, from ``start`` (inclusive) to ``stop`` (exclusive) (spec §1.3.5)."""

    start: str = ""
    """When the window begins, for example `09:00:00`."""
    stop: str = ""
    """When it ends; before `start`, it ends the next day."""
    timezone: str = ""
    """For example `Europe/Berlin`; UTC when absent."""


class Filters(Spec):
    """All filters of a dependency. ``None`` and an empty list differ for ``or`` (spec §1.3.1)."""

    time: TimeFilter | None = None
    """Only at these times of day."""
    context: ContextFilter | None = None
    """Only events with these attributes."""
    data: list[DataFilter] | None = None
    """Clauses on values of the data."""
    exprs: list[ExprFilter] | None = None
    """Expressions over values of the data."""
    data_logical_operator: Operator = ""
    """How the clauses of `data` are joined; `and` when absent."""
    expr_logical_operator: Operator = ""
    """How the expressions are joined; `and` when absent."""
    script: str = ""
    """A Lua script that returns true for the events that count; the data are in `event`."""
    cel: str = ""
    """A CEL expression that is true for the events that count."""


class Transform(Spec):
    """Changes the data before the filters see it; ``jq`` wins over ``script`` (Lua) (spec §1.4)."""

    jq: str = ""
    """A jq program; its first result becomes the data."""
    script: str = ""
    """A Lua script; what it returns becomes the data."""


class Dependency(Spec):
    """An event that a sensor waits for."""

    name: str = ""
    """Its name in conditions and parameters."""
    event_source_name: str = ""
    """Name of the EventSource."""
    event_name: str = ""
    """Name of the event in it."""
    filters: Filters | None = None
    """Which of the events count."""
    transform: Transform | None = None
    """A change of the data before they are filtered."""
    filters_logical_operator: Operator = ""
    """How the filters are joined; `and` when absent."""


class ParameterSource(Spec):
    """Where a parameter's value comes from (spec §1.7)."""

    dependency_name: str = ""
    """The dependency whose event it is."""
    context_key: str = ""
    """Name of an attribute of the event."""
    context_template: str = ""
    """A Go template over the attributes."""
    data_key: str = ""
    """Where the value is in the data, for example `body.after` (GJSON)."""
    data_template: str = ""
    """A Go template over the data, for example `{{ .Input.body.after }}`."""
    value: str | None = None
    """The value when the event has none."""
    use_raw_data: bool = False
    """Keep numbers, lists and objects as they are, instead of text."""


class TriggerParameter(Spec):
    """A value from an event, and where it is written: ``dest`` is an sjson path (spec §1.8)."""

    src: ParameterSource | None = None
    """Where the value comes from."""
    dest: str = ""
    """Where it goes, for example `spec.arguments.parameters.0.value` (SJSON)."""
    operation: str = ""
    """`overwrite` (when absent), `append` or `prepend` what is there."""


class ByTime(Spec):
    """A cron line with its zone."""

    cron: str = ""
    """Five fields, for example `0 0 * * *`."""
    timezone: str = ""
    """For example `Europe/Berlin`; UTC when absent."""


class ConditionsReset(Spec):
    """When saved events of a trigger are forgotten (spec §1.5)."""

    by_time: ByTime | None = None
    """At certain times."""


class K8sPolicy(Spec):
    """Labels that the created object must reach."""

    labels: dict[str, str] | None = None
    """Labels that mean success."""
    backoff: Backoff | None = None
    """How often and how long to look for them."""
    error_on_backoff_timeout: bool = False
    """Whether it is a failure when they do not come."""


class StatusPolicy(Spec):
    """HTTP statuses that count as success."""

    allow: list[Int32] | None = None
    """For example 200, 202."""


class Policy(Spec):
    """What counts as success after the submission (spec §2)."""

    k8s: K8sPolicy | None = Field(default=None, alias="k8s")
    """For triggers that create objects."""
    status: StatusPolicy | None = None
    """For triggers that call something."""


class RateLimit(Spec):
    """At most ``requests_per_unit`` executions in each unit of time."""

    unit: str = ""
    """`Second` (when absent), `Minute` or `Hour`."""
    requests_per_unit: Int32 = 0
    """How many in each."""


class TriggerTemplate(Spec):
    """What a trigger does. Exactly one kind is expected beside the named fields: ``k8s``, ``argoWorkflow``, ``http`` …"""

    free_form: ClassVar[bool] = True  # kinds are fields here; the registry of sensor.triggers knows them

    name: str = ""
    """Name of the trigger; must be the only one of this name."""
    conditions: str = ""
    """Which dependencies must have happened, for example `push && (review || label)`; all when absent."""
    conditions_reset: list[ConditionsReset] = []
    """When half-fulfilled conditions are forgotten."""

    def kinds(self) -> dict[str, Json]:
        """Trigger kinds by wire name with their raw configuration."""
        return dict(self.model_extra or {})


class Trigger(Spec):
    """When the condition holds, submit what the template says."""

    template: TriggerTemplate | None = None
    """What is done."""
    parameters: list[TriggerParameter] = []
    """Values of the events that are put into the template."""
    policy: Policy | None = None
    """What counts as success."""
    retry_strategy: Backoff | None = None
    """How often it is tried."""
    rate_limit: RateLimit | None = None
    """How often it is done at most."""
    at_least_once: bool = False
    """Whether it is tried again after a failure."""
    dlq_trigger: Trigger | None = None
    """The trigger for events that this one has failed for; as a trigger."""


class SensorSpec(Spec):
    """The body of a Sensor."""

    rules: ClassVar = (
        ("!has(self.dependencies) || size(self.dependencies) > 0", "dependencies must name at least one event"),
        ("!has(self.triggers) || size(self.triggers) > 0", "triggers must hold at least one trigger"),
    )

    dependencies: list[Dependency] = []
    """The events that it waits for."""
    triggers: list[Trigger] = []
    """What is done when they have come."""
    template: PodTemplate | None = None
    """Settings of the pods."""
    event_bus_name: str = ""
    """The EventBus of this namespace that events come from; `default` when absent."""
    replicas: Int32 | None = None
    """How many pods; 1 when absent. One is active, the others stand by."""
    revision_history_limit: Int32 | None = None
    """How many old revisions of the Deployment are kept."""
    error_on_failed_round: bool = False
    """Has no effect."""
    logging_fields: dict[str, str] = {}
    """Has no effect."""


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
