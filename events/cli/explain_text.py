"""An explanation as text for people: the steps of the flow from top to bottom, indented by what belongs to what. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
import orjson

from events.cli.explain_objects import as_object
from events.cli.explaining import Explanation
from events.cli.printing import as_yaml, plain
from events.models.dispatching import EVENT_TYPE

__all__ = ["lines"]

_COLOURS = {
    "passed": "green", "fires": "green", "failed": "red", "refused": "red", "error": "red", "waits": "yellow",
    "skipped": "yellow", "idle": "yellow", "matched": "green", "not matched": "red",
}  # fmt: skip
_MAX_VALUE = 200
"""Characters of a value that are shown; all of it is in ``-o json``."""

Object = dict[str, Any]


def lines(explanation: Explanation) -> Iterator[str]:
    """The text, line by line."""
    shown = as_object(explanation)
    if shown["delivery"] is not None:
        yield from _delivery(shown["delivery"])
    for event in shown["events"]:
        yield from _event(event)
    for note in shown["notes"]:
        yield f"note: {note}"
    yield ""
    count = shown["fires"]
    arrivals = [shown["delivery"], *shown["events"]]
    posted = any(one is not None and EVENT_TYPE in (one.get("kind"), one.get("type")) for one in arrivals)
    what = f"{count or 'no'} {'binding' if posted else 'trigger'}{'s' * (count > 1)}"
    yield f"{_bold(f'{what} would fire')}; nothing was submitted"


def _delivery(delivery: Object) -> Iterator[str]:
    yield _bold(f"Delivery {delivery['method']} {plain(delivery['path'])}")
    yield f"  to       {_taker(delivery)}"
    for step in delivery["steps"]:
        status = f" with {step['status']}" if step["status"] else ""
        yield f"  {step['step']:<8} {_word(step['outcome'])}{status}: {plain(step['reason'])}"
        if (step["step"], step["outcome"]) == ("verify", "refused"):
            yield "  (--no-verify goes on all the same; --now says when the delivery came)"


def _taker(delivery: Object) -> str:
    if delivery["kind"] != EVENT_TYPE:
        source = f"EventSource {delivery['namespace']}/{delivery['eventSource']}"
        return f"{source}, {delivery['kind']} event '{plain(delivery['event'])}', port {delivery['port']}"
    if delivery["namespace"] is None:
        return "the event endpoint"
    return f"the event endpoint, {_posted(delivery['namespace'], delivery['discriminator'])}"


def _posted(namespace: str, discriminator: str) -> str:
    which = f"discriminator '{plain(discriminator)}'" if discriminator else "no discriminator"
    return f"namespace {plain(namespace)}, {which}"


def _event(event: Object) -> Iterator[str]:
    yield ""
    yield _bold(f"Event {event['id']}")
    if event["filter"] is not None:
        yield from _verdict(event["filter"], "  ")
    if event["source"] is None:
        yield "  dropped by the filter of its source"
        return
    if event["type"] == EVENT_TYPE:
        yield f"  posted to {_posted(event['source'], event['subject'])}, {event['time']}"
    else:
        yield f"  {event['source']}/{event['subject']} on EventBus {event['namespace']}/{event['eventBus']}, {event['time']}"
    for sensor in event["sensors"]:
        yield ""
        yield _bold(f"Sensor {sensor['namespace']}/{sensor['name']}")
        for dependency in sensor["dependencies"]:
            yield from _dependency(dependency)
        for trigger in sensor["triggers"]:
            yield from _trigger(trigger)
    for binding in event["bindings"]:
        yield ""
        yield _bold(f"WorkflowEventBinding {binding['namespace']}/{binding['name']}")
        yield from _binding(binding)


def _binding(binding: Object) -> Iterator[str]:
    selector = binding["selector"]
    if selector is None:
        yield f"  {_word('skipped')}: {plain(binding['reason'])}"
        return
    word = {"passed": "matched", "failed": "not matched"}.get(selector["verdict"], selector["verdict"])
    yield f"  selector {plain(selector['clause'])}: {_word(word)}"
    yield from _seen(selector["seen"], "    ")
    for parameter in binding["parameters"]:
        outcome = f"= {_value(parameter['value'])}" if parameter["value"] is not None else "is left out"
        if parameter["problem"]:
            outcome = _word("error")
        yield f"  parameter {plain(parameter['name'])}: {plain(parameter['expression']) or 'no expression'} {outcome}"
        if parameter["value"] is None:
            yield from _seen(parameter["seen"], "    ")
    for row in binding["recorded"]:
        yield f"  recorded: {row['outcome']} {plain(row['target'] or row['detail'])}"
    if binding["problem"]:
        yield f"  {_word('refused')}: {plain(binding['problem'])}"
    elif binding["submission"] is not None:
        if binding["template"]["assumed"]:
            template = f"{binding['template']['kind']} {plain(binding['template']['name'])}"
            yield f"  {template} is not among these files: it must be there, and may add labels"
        yield from _submission(binding["submission"], "  ")
    elif selector["verdict"] == "passed":
        yield f"  {_word('idle')}: it has no spec.submit"


def _seen(seen: Object, indent: str) -> Iterator[str]:
    """The values that an expression read."""
    for path, value in seen.items():
        yield f"{indent}{plain(path)} = {_value(value)}"


def _dependency(dependency: Object) -> Iterator[str]:
    name = f"  dependency {plain(dependency['name'])}"
    verdict = dependency["verdict"]
    if verdict is None:
        yield f"{name}: not asked: {plain(dependency['reason'])}"
        return
    if dependency["transform"] is not None:
        name += f" ({dependency['transform']['language']} transform)"
    clauses = dependency["clauses"]
    told = any(clause["reason"] == verdict["reason"] and clause["clause"] == verdict["clause"] for clause in clauses)
    reason = (
        "" if verdict["verdict"] == "passed" or told else f": {plain(verdict['clause'])}: {plain(verdict['reason'])}"
    )
    yield f"{name}: {_word(verdict['verdict'])}{reason or (', it has no filters' if not clauses else '')}"
    for clause in clauses:
        yield from _verdict(clause, "    ")


def _verdict(verdict: Object, indent: str) -> Iterator[str]:
    seen = "" if verdict["seen"] is None else f"{_value(verdict['seen'])} "
    yield f"{indent}{_word(verdict['verdict'])}{' ' * (8 - len(verdict['verdict']))}{plain(verdict['clause'])}: {seen}{plain(verdict['reason'])}"


def _trigger(trigger: Object) -> Iterator[str]:
    status = trigger["status"]
    detail = {
        "idle": ": no dependency of its condition took the event",
        "waits": f" for {', '.join(map(plain, trigger['missing']))}",
        "refused": ": its condition is true, but nothing can be submitted",
    }.get(status, "")
    yield f"  trigger {plain(trigger['name'])} ({trigger['kind']}) on {plain(trigger['condition'])}: {_word(status)}{detail}"
    for match in trigger["kept"]:
        yield f"    kept since {match['time']}: {plain(match['dependency'])}, event {plain(match['eventId'])}"
    for row in trigger["recorded"]:
        yield f"    recorded for {plain(row['dependency'])}: {row['outcome']} {plain(row['target'] or row['detail'])}"
    for one in trigger["rounds"]:
        yield from _round(one)


def _round(one: Object) -> Iterator[str]:
    if len(one["events"]) > 1:
        yield f"    with {', '.join(f'{plain(d)} ({plain(e)})' for d, e in one['events'].items())}"
    for parameter in one["parameters"]:
        yield f"    {parameter['field']}: {_source(parameter['source'])} {_resolved(parameter)}"
    if one["submission"] is None:
        yield f"    {_word('refused')}: {plain(one['problem'])}"
        return
    yield from _submission(one["submission"], "    ")


def _submission(submission: Object, indent: str) -> Iterator[str]:
    name, body = plain(submission["name"]), submission["body"]
    if isinstance(body, dict) and "apiVersion" in body:
        yield f"{indent}would create {plain(str(body['kind']))} {plain(submission['namespace'])}/{name}"
        shown = body
    else:
        yield f"{indent}would submit {submission['kind']} {name}"
        shown = {**submission["meta"], "body": body}
    for line in as_yaml(shown).splitlines():
        yield f"{indent}  {line}"


def _source(source: Object) -> str:
    """Where a parameter comes from: its dependency, then what is looked up there."""
    looked_up = [f"{key} {plain(str(value))}" for key, value in source.items() if key != "dependencyName" and value]
    return " ".join([plain(str(source.get("dependencyName", ""))), ", ".join(looked_up) or "whole event"])


def _resolved(parameter: Object) -> str:
    if parameter["problem"]:
        return f"{_word('error')}: {plain(parameter['problem'])}"
    if parameter["value"] is None:
        return "gives nothing"
    verb = "→" if parameter["operation"] == "overwrite" else f"→ {parameter['operation']} to"
    raw = parameter["type"] != "String" and parameter["source"].get("useRawData")
    value = plain(parameter["value"])[:_MAX_VALUE] if raw else _value(parameter["value"])
    return f"= {value} {verb} {plain(parameter['destination']) or 'the whole body'}"


def _value(value: Any) -> str:
    text = plain(orjson.dumps(value, default=str).decode())
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}…"


def _word(word: str) -> str:
    return click.style(word, fg=_COLOURS.get(word))


def _bold(text: str) -> str:
    return click.style(text, bold=True)
