"""Step 6 · transform and filter: which dependencies of a sensor an event satisfies. Pure.

Dependencies that say the same (same event, transform, filters) are decided once for each event, however many triggers look.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import structlog

from events.errors import EvaluationError, ExpressionError
from events.expressions.scripts import Scripts
from events.models.event import Event
from events.models.sensor import Dependency
from events.models.values import Verdict, VerdictKind
from sensor.filters import compile_filters
from sensor.transform import transform

log = structlog.get_logger("sensor")

__all__ = ["TRANSFORM", "CompiledDependency", "Decision", "compile_dependencies"]

TRANSFORM = "transform"
"""The clause of a verdict on an event that the filters did not see, since the transform failed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Decision:
    """What a dependency says of an event: the verdict, and the event as triggers will see it (transformed)."""

    dependency: str
    verdict: Verdict
    event: Event


class CompiledDependency:
    """A dependency, ready to look at events."""

    __slots__ = ("_check", "_filters", "_scripts", "_sensor", "_transform", "event_name", "name", "source")

    def __init__(self, spec: Dependency, scripts: Scripts, sensor: str = "") -> None:
        self.name = spec.name
        self._sensor = sensor
        self.source = spec.event_source_name
        self.event_name = spec.event_name
        self._scripts = scripts
        has_transform = spec.transform is not None and (spec.transform.jq or spec.transform.script)
        self._transform = spec.transform if has_transform else None
        try:
            self._filters = compile_filters(spec.filters, spec.filters_logical_operator, scripts)
        except ExpressionError as error:
            error.path = f"filters.{error.path}" if error.path else "filters"
            raise
        self._check = self._filters.check

    def interested(self, event: Event) -> bool:
        """Whether the event is the one that this dependency names."""
        return event.subject == self.event_name and event.source == self.source

    @property
    def transform_language(self) -> str:
        """``jq`` or ``script`` (Lua); empty without a transform."""
        return "" if self._transform is None else "jq" if self._transform.jq else "script"

    def decide(self, event: Event) -> Decision:
        """Transform, then filter. A transform that fails is an error: the event does not count for this dependency."""
        if self._transform is not None:
            try:
                data, content_type = transform(event.data, event.datacontenttype, self._transform, self._scripts)
            except (EvaluationError, ExpressionError) as problem:
                return Decision(self.name, Verdict(VerdictKind.ERROR, TRANSFORM, str(problem)), event)
            event = dataclasses.replace(event, data=data, datacontenttype=content_type)
        try:
            verdict = self._check(event)
        except Exception as problem:  # a fault of ours: the event does not count here, and the others go on
            log.exception("internal error in a filter", sensor=self._sensor, dependency=self.name, event_id=event.id)
            verdict = Verdict(VerdictKind.ERROR, "filters", f"internal error: {type(problem).__name__}")
        return Decision(self.name, verdict, event)

    def explain(self, event: Event) -> list[Verdict]:
        """The verdict of each filter clause on its own; the event is one that ``decide`` has transformed."""
        return self._filters.explain(event)


def compile_dependencies(specs: Sequence[Dependency], scripts: Scripts, sensor: str = "") -> list[CompiledDependency]:
    """The dependencies of a sensor (how logs name it) in their order; raises ExpressionError with the field's path from ``spec``."""
    compiled = []
    for index, spec in enumerate(specs):
        try:
            compiled.append(CompiledDependency(spec, scripts, sensor))
        except ExpressionError as error:
            error.path = f"spec.dependencies[{index}].{error.path}"
            raise
    return compiled
