"""What a sensor would do with an event: dependencies, joins, parameters and submissions, without a bus."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from events.models.base import parse
from events.models.event import Event
from events.models.sensor import Sensor
from events.models.values import VerdictKind
from sensor import join
from sensor.explain import SensorExplanation, TriggerStatus, explain
from sensor.kept import Arrived, JoinState
from sensor.plan import CompiledSensor
from sensor.scripts import ScriptWorker
from sensor.target import RoundContext

SCRIPTS = ScriptWorker()
NOW = 1_767_323_045 * 10**9
BUS = ("default", "default")
FIRES, WAITS, REFUSED, IDLE = TriggerStatus.FIRES, TriggerStatus.WAITS, TriggerStatus.REFUSED, TriggerStatus.IDLE

PUSH = {"name": "push", "eventSourceName": "es", "eventName": "push"}
REVIEW = {"name": "review", "eventSourceName": "es", "eventName": "review"}
ON_MAIN = {"data": [{"path": "body.ref", "type": "string", "value": ["main"]}]}


@pytest.fixture(scope="module", autouse=True)
def scripts() -> Iterator[None]:
    with SCRIPTS:
        yield


def event(identity: str = "e1", name: str = "push", **body: Any) -> Event:
    return Event(
        identity, "es", "github", name, "2026-01-02T03:04:05Z", orjson.dumps({"body": {"ref": "main", **body}})
    )


def trigger(*parameters: dict[str, Any], name: str = "start", **template: Any) -> dict[str, Any]:
    resource = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "ci-"},
        "spec": {},
    }
    kind = {"argoWorkflow": {"operation": "submit", "source": {"resource": resource}, "parameters": list(parameters)}}
    return {"template": {"name": name, **kind, **template}}


def parameter(dependency: str, key: str, **more: Any) -> dict[str, Any]:
    return {"src": {"dependencyName": dependency, "dataKey": key, **more}, "dest": f"spec.{key.rpartition('.')[2]}"}


def sensor(*triggers: dict[str, Any], dependencies: list[dict[str, Any]]) -> CompiledSensor:
    spec = {"dependencies": dependencies, "triggers": list(triggers) or [trigger()]}
    return CompiledSensor(parse(Sensor, {"metadata": {"name": "ci"}, "spec": spec}), "default", SCRIPTS)


def explained(compiled: CompiledSensor, one: Event, **more: Any) -> SensorExplanation:
    return explain(compiled, one, BUS, now=NOW, **more)


def kept(dependency: str, one: Event) -> JoinState:
    return join.JoinState({dependency: join.Match(dependency, one.id, Arrived(one, "d-kept"), datetime.now(UTC))})


def test_an_event_that_fires_is_told_from_the_clause_to_the_submission() -> None:
    compiled = sensor(trigger(parameter("push", "body.ref")), dependencies=[{**PUSH, "filters": ON_MAIN}])
    told = explained(compiled, event(), delivery_id="d-1")
    [dependency], [one] = told.dependencies, told.triggers
    assert [(c.clause, c.kind, c.seen) for c in dependency.clauses] == [
        ("data[0] body.ref", VerdictKind.PASSED, "main")
    ]
    assert (one.status, one.kind, one.condition, one.missing) == (FIRES, "argoWorkflow", "push", ())
    [complete] = one.rounds
    [resolved] = complete.parameters
    assert (resolved.field, resolved.parameter.dest) == ("template.argoWorkflow.parameters[0]", "spec.ref")
    assert resolved.value is not None
    assert resolved.value.text == "main"
    [submission] = told.submissions
    assert submission.body["spec"] == {"ref": "main"}
    assert submission.body["metadata"]["annotations"]["pointsman/delivery-id"] == "d-1"


def test_the_submission_is_the_one_that_the_runner_renders() -> None:
    compiled = sensor(trigger(parameter("push", "body.ref")), dependencies=[PUSH])
    context = RoundContext(compiled.triggers[0].origin, {"push": event()}, NOW, {"push": "d-1"})
    [submission] = explained(compiled, event(), delivery_id="d-1").submissions
    assert submission == compiled.triggers[0].render(context).submission


def test_a_clause_that_fails_tells_the_value_and_nothing_fires() -> None:
    told = explained(sensor(dependencies=[{**PUSH, "filters": ON_MAIN}]), event(ref="dev"))
    [clause] = told.dependencies[0].clauses
    assert (clause.kind, clause.seen, clause.reason) == (VerdictKind.FAILED, "dev", "does not match 'main'")
    assert told.dependencies[0].verdict == clause
    assert (told.triggers[0].status, told.triggers[0].rounds, told.submissions) == (IDLE, (), [])


def test_an_error_in_an_expression_is_told_as_one() -> None:
    filters = {"exprs": [{"expr": "n > 5", "fields": [{"name": "n", "path": "body.ref"}]}]}
    [dependency] = explained(sensor(dependencies=[{**PUSH, "filters": filters}]), event()).dependencies
    assert dependency.verdict is not None
    assert (dependency.verdict.kind, dependency.verdict.seen) == (VerdictKind.ERROR, {"n": "main"})


def test_who_is_not_asked_says_why() -> None:
    told = explained(sensor(dependencies=[PUSH, REVIEW]), event())
    assert [(d.name, d.verdict is None) for d in told.dependencies] == [("push", False), ("review", True)]
    assert told.dependencies[1].reason == "waits for event 'review' of EventSource 'es', and this is 'push' of 'es'"

    for bus in (("default", "other"), ("elsewhere", "default")):
        told = explain(sensor(dependencies=[PUSH]), event(), bus, now=NOW)
        assert told.dependencies[0].reason.startswith("reads EventBus default/default, and the event is on ")
        assert told.triggers[0].status is IDLE


def test_a_join_says_what_it_lacks() -> None:
    told = explained(sensor(dependencies=[PUSH, REVIEW]), event())
    [one] = told.triggers
    assert (one.status, one.missing, one.kept, one.rounds) == (WAITS, ("review",), (), ())


def test_a_join_fires_with_what_it_has_kept() -> None:
    compiled = sensor(trigger(parameter("review", "body.state")), dependencies=[PUSH, REVIEW])
    told = explained(compiled, event(), kept={"start": kept("review", event("e0", "review", state="approved"))})
    [one] = told.triggers
    assert (one.status, [m.event_id for m in one.kept], one.missing) == (FIRES, ["e0"], ())
    assert {d: m.event_id for d, m in one.rounds[0].matches.items()} == {"push": "e1", "review": "e0"}
    assert told.submissions[0].body["spec"] == {"state": "approved"}
    annotations = told.submissions[0].body["metadata"]["annotations"]
    assert annotations["pointsman/event-id"] == "e1,e0"


def test_an_event_that_is_kept_already_counts_as_one_that_comes_now() -> None:
    [one] = explained(sensor(dependencies=[PUSH, REVIEW]), event(), kept={"start": kept("push", event())}).triggers
    assert (one.status, one.kept, one.missing) == (WAITS, (), ("review",))


def test_each_dependency_of_a_condition_without_and_makes_a_round_of_its_own() -> None:
    compiled = sensor(trigger(conditions="push || again"), dependencies=[PUSH, {**PUSH, "name": "again"}])
    told = explained(compiled, event())
    assert [list(r.matches) for r in told.triggers[0].rounds] == [["push"], ["again"]]
    assert len({s.name for s in told.submissions}) == 2


def test_a_parameter_that_has_no_value_refuses_the_submission() -> None:
    compiled = sensor(trigger(parameter("push", "body.none"), parameter("push", "body.ref")), dependencies=[PUSH])
    told = explained(compiled, event())
    [one] = told.triggers
    assert (one.status, told.submissions) == (REFUSED, [])
    assert "key 'body.none' does not exist" in one.rounds[0].problem
    missing, there = one.rounds[0].parameters
    assert (missing.value, missing.problem) == (None, one.rounds[0].problem)
    assert there.value is not None


def test_parameters_of_the_trigger_are_told_with_those_that_they_change() -> None:
    spec = trigger(parameter("push", "body.ref"))
    dest = "argoWorkflow.parameters.0.src.dataKey"
    spec["parameters"] = [{"src": {"dependencyName": "push", "dataKey": "body.where"}, "dest": dest}]
    [complete] = explained(sensor(spec, dependencies=[PUSH]), event(where="body.sha", sha="f00")).triggers[0].rounds
    told = [(p.field, p.value.text if p.value else None) for p in complete.parameters]
    assert told == [("parameters[0]", "body.sha"), ("template.argoWorkflow.parameters[0]", "f00")]


def test_filters_are_not_asked_when_the_transform_fails() -> None:
    compiled = sensor(dependencies=[{**PUSH, "transform": {"jq": "error"}, "filters": ON_MAIN}])
    [dependency] = explained(compiled, event()).dependencies
    assert dependency.verdict is not None
    assert (dependency.transform, dependency.verdict.clause, dependency.clauses) == ("jq", "transform", ())


def test_filters_and_parameters_see_what_the_transform_made() -> None:
    changed = {**PUSH, "transform": {"jq": '.body.ref = "changed"'}}
    told = explained(sensor(trigger(parameter("push", "body.ref")), dependencies=[changed]), event())
    assert told.dependencies[0].event is not None
    assert b'"changed"' in (told.dependencies[0].event.data or b"")
    assert told.submissions[0].body["spec"] == {"ref": "changed"}
