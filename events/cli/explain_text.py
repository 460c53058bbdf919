"""An explanation as text for people: the steps of the flow from top to bottom, indented by what belongs to what. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
import orjson

from events.cli.explain_objects import as_object
from events.cli.explaining import Explanation
from events.cli.printing import as_yaml, plain

__all__ = ["lines"]

_COLOURS = {
    "passed": "green", "fires": "green", "failed": "red", "refused": "red", "error": "red", "waits": "yellow",
    "skipped": "yellow", "idle": "yellow",
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
    what = "no trigger" if not count else "1 trigger" if count == 1 else f"{count} triggers"
    yield f"{_bold(f'{what} would fire')}; nothing was submitted"


def _delivery(delivery: Object) -> Iterator[str]:
    yield _bold(f"Delivery {delivery['method']} {plain(delivery['path'])}")
    source = f"EventSource {delivery['namespace']}/{delivery['eventSource']}"
    yield f"  to       {source}, {delivery['kind']} event '{plain(delivery['event'])}', port {delivery['port']}"
    for step in delivery["steps"]:
        status = f" with {step['status']}" if step["status"] else ""
        yield f"  {step['step']:<8} {_word(step['outcome'])}{status}: {plain(step['reason'])}"
        if (step["step"], step["outcome"]) == ("verify", "refused"):
            yield "  (--no-verify goes on all the same; --now says when the delivery came)"


def _event(event: Object) -> Iterator[str]:
    yield ""
    yield _bold(f"Event {event['id']}")
    if event["filter"] is not None:
        yield from _verdict(event["filter"], "  ")
    if event["source"] is None:
        yield "  dropped by the filter of its source"
        return
    yield f"  {event['source']}/{event['subject']} on EventBus {event['namespace']}/{event['eventBus']}, {event['time']}"
    for sensor in event["sensors"]:
        yield ""
        yield _bold(f"Sensor {sensor['namespace']}/{sensor['name']}")
        for dependency in sensor["dependencies"]:
            yield from _dependency(dependency)
        for trigger in sensor["triggers"]:
            yield from _trigger(trigger)


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
    yield from _submission(one["submission"])


def _submission(submission: Object) -> Iterator[str]:
    name, body = plain(submission["name"]), submission["body"]
    if isinstance(body, dict) and "apiVersion" in body:
        yield f"    would create {plain(str(body['kind']))} {plain(submission['namespace'])}/{name}"
        shown = body
    else:
        yield f"    would submit {submission['kind']} {name}"
        shown = {**submission["meta"], "body": body}
    for line in as_yaml(shown).splitlines():
        yield f"      {line}"


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
