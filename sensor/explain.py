"""Steps 6 to 9 without a bus: what a sensor would do with an event, and why. Pure; nothing is submitted.

Asked are the compiled parts that ``runner`` and ``joining`` ask, in the same order; here their answers are kept as a tree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from events.errors import EvaluationError, PointsmanError
from events.models.event import Event
from events.models.values import Submission, Verdict, VerdictKind
from sensor import join
from sensor.dependencies import TRANSFORM, CompiledDependency
from sensor.kept import Arrived, JoinState, Match
from sensor.parameters import Parameter, Seed, Value, resolve
from sensor.plan import CompiledSensor, CompiledTrigger, Rendered
from sensor.target import RoundContext

__all__ = [
    "DependencyExplanation",
    "ParameterExplanation",
    "RoundExplanation",
    "SensorExplanation",
    "TriggerExplanation",
    "TriggerStatus",
    "explain",
]


@dataclass(frozen=True, slots=True)
class DependencyExplanation:
    """What a dependency says of the event. ``verdict`` is None when it is not interested, for ``reason``.

    ``transform`` names the language of its transform, ``event`` is what the transform made; ``clauses`` are the verdicts of all
    filter clauses, also of those that were not needed any more.
    """

    name: str
    reason: str = ""
    verdict: Verdict | None = None
    transform: str = ""
    event: Event | None = None
    clauses: tuple[Verdict, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the event counts."""
        return self.verdict is not None and self.verdict.passed


@dataclass(frozen=True, slots=True)
class ParameterExplanation:
    """A parameter of a round: the field of the trigger that it stands in (``template.argoWorkflow.parameters[0]``), and its
    value. The value is None when nothing is written; ``problem`` says why it cannot be.
    """

    field: str
    parameter: Parameter
    value: Value | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class RoundExplanation:
    """A complete round: its matches by dependency, its parameters, and what would be submitted; or why nothing can be."""

    matches: Mapping[str, Match]
    parameters: tuple[ParameterExplanation, ...]
    submission: Submission | None
    problem: str = ""


class TriggerStatus(StrEnum):
    """What a trigger would do."""

    FIRES = "fires"
    WAITS = "waits"
    """The event is kept until others have come."""
    REFUSED = "refused"
    """Its condition is true, but nothing can be submitted."""
    IDLE = "idle"
    """No dependency of its condition took the event."""


@dataclass(frozen=True, slots=True)
class TriggerExplanation:
    """What a trigger does with the event.

    ``kept`` is what its join had kept before, ``missing`` what the round lacks afterwards (nothing when one is complete). An
    event that satisfies several dependencies of a condition without ``&&`` makes several rounds.
    """

    name: str
    kind: str
    condition: str
    status: TriggerStatus
    kept: tuple[Match, ...]
    missing: tuple[str, ...]
    rounds: tuple[RoundExplanation, ...]


@dataclass(frozen=True, slots=True)
class SensorExplanation:
    """What all parts of a sensor say; ``id`` is ``namespace/name``."""

    id: str
    dependencies: tuple[DependencyExplanation, ...]
    triggers: tuple[TriggerExplanation, ...]

    @property
    def submissions(self) -> list[Submission]:
        """What would be submitted."""
        rounds = [r for trigger in self.triggers for r in trigger.rounds]
        return [r.submission for r in rounds if r.submission is not None]


def explain(
    sensor: CompiledSensor,
    event: Event,
    bus: tuple[str, str],
    *,
    now: int,
    delivery_id: str = "",
    kept: Mapping[str, JoinState] | None = None,
) -> SensorExplanation:
    """What ``sensor`` does with an event that lies on ``bus`` (namespace, EventBus) at ``now`` (nanoseconds since 1970).

    ``kept`` is what joins have kept, by trigger; without it they have kept nothing.
    """
    dependencies = tuple(_dependency(d, sensor, event, bus) for d in sensor.dependencies)
    passed = {d.name: d.event for d in dependencies if d.passed and d.event is not None}
    arrived = {name: Arrived(one, delivery_id) for name, one in passed.items()}
    triggers = (_trigger(t, arrived, (kept or {}).get(t.name, join.JoinState()), now) for t in sensor.triggers)
    return SensorExplanation(sensor.id, dependencies, tuple(triggers))


def _dependency(
    dependency: CompiledDependency, sensor: CompiledSensor, event: Event, bus: tuple[str, str]
) -> DependencyExplanation:
    if bus != (sensor.namespace, sensor.bus):
        reason = f"reads EventBus {sensor.namespace}/{sensor.bus}, and the event is on {'/'.join(bus)}"
        return DependencyExplanation(dependency.name, reason)
    if not dependency.interested(event):
        wanted = f"waits for event '{dependency.event_name}' of EventSource '{dependency.source}'"
        return DependencyExplanation(dependency.name, f"{wanted}, and this is '{event.subject}' of '{event.source}'")
    decision = dependency.decide(event)
    verdict = decision.verdict
    transformed = not (verdict.kind is VerdictKind.ERROR and verdict.clause == TRANSFORM)
    clauses = dependency.explain(decision.event) if transformed else []
    return DependencyExplanation(
        dependency.name, "", verdict, dependency.transform_language, decision.event, tuple(clauses)
    )


def _trigger(
    trigger: CompiledTrigger, arrived: Mapping[str, Arrived], before: JoinState, now: int
) -> TriggerExplanation:
    ids = {one.event.id for one in arrived.values()}
    # What came of this event before is left out: it is looked at as if it came now.
    before = join.JoinState({d: m for d, m in before.matches.items() if m.event_id not in ids})
    state, rounds = before, []
    offered = [name for name in trigger.condition.names if name in arrived]
    for name in offered:
        match = join.Match(name, arrived[name].event.id, arrived[name], datetime.fromtimestamp(now / 1e9, UTC))
        state, complete = join.offer(trigger.condition, state, match)
        if complete is not None:
            rounds.append(_round(trigger, complete.matches, now))
    return TriggerExplanation(
        trigger.name,
        trigger.kind_name,
        trigger.condition.text,
        _status(offered, rounds),
        tuple(before.matches.values()),
        tuple(join.missing(trigger.condition, state)) if trigger.joins and not rounds else (),
        tuple(rounds),
    )


def _status(offered: Sequence[str], rounds: Sequence[RoundExplanation]) -> TriggerStatus:
    if any(one.submission is not None for one in rounds):
        return TriggerStatus.FIRES
    if rounds:
        return TriggerStatus.REFUSED
    return TriggerStatus.WAITS if offered else TriggerStatus.IDLE


def _round(trigger: CompiledTrigger, matches: Mapping[str, Match], now: int) -> RoundExplanation:
    events = {d: m.event.event for d, m in matches.items()}
    context = RoundContext(trigger.origin, events, now, {d: m.event.delivery_id for d, m in matches.items()})
    rendered: Rendered | None = None
    problem = ""
    try:
        rendered = trigger.render(context)
    except PointsmanError as error:
        problem = str(error)
    parameters = tuple(
        _parameter(f"{field}[{index}]", parameter, context)
        for field, found in trigger.parameters(rendered).items()
        for index, parameter in enumerate(found)
    )
    return RoundExplanation(matches, parameters, rendered.submission if rendered else None, problem)


def _parameter(field: str, parameter: Parameter, context: RoundContext) -> ParameterExplanation:
    try:
        return ParameterExplanation(field, parameter, resolve(parameter, context.events, Seed(context.key.encode())))
    except EvaluationError as error:
        return ParameterExplanation(field, parameter, None, str(error))
